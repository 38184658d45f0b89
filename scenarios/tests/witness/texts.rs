//! Texts and paths: every case has names of its own, which a second filter tells apart by how they begin.

use quell::policy::ast::{ArgType, Operator};
use quell_scenarios::scenario::{FileSystem, PreparedFile};
use quell_scenarios::step::{NamespaceKind, OpenFlag, SocketKind, Step};
use serde_json::{Value, json};

use super::case::{Case, Hook, Witness, filter, only};

pub(crate) fn witness(ty: ArgType, operators: &[Operator]) -> Witness {
    let way = Way::of(ty);
    let mut files = vec![];
    let mut cases = vec![];
    for (operator, number) in operators.iter().zip(0..) {
        let start = format!("w{number:02}-");
        cases.push(way.case(ty, *operator, &start, &mut files));
    }
    if ty == ArgType::NetDevice {
        chain(&mut cases);
    }
    Witness { ty, hook: way.hook, filesystem: way.filesystem, files, before: way.before, cases }
}

/// How a text gets to the hook.
struct Way {
    hook: Hook,
    /// Position of the text among the arguments.
    index: usize,
    filesystem: FileSystem,
    /// What the kernel sees before the name that a step gives.
    folder: &'static str,
    before: Vec<Step>,
}

const SINK: &str = "sink";

impl Way {
    fn of(ty: ArgType) -> Self {
        let (call, types): (_, &[ArgType]) = match ty {
            ArgType::String => ("__x64_sys_prctl", &[ArgType::Int32, ArgType::String]),
            ArgType::Filename => ("filename_lookup", &[ArgType::Int32, ArgType::Filename]),
            ArgType::CharBuf => ("__x64_sys_write", &[ArgType::Int32, ArgType::CharBuf, ArgType::Size]),
            ArgType::CharIovec => ("__x64_sys_writev", &[ArgType::Int32, ArgType::CharIovec, ArgType::Int32]),
            ArgType::NetDevice => ("dev_change_name", &[ArgType::NetDevice]),
            ArgType::SockaddrUn => ("security_socket_connect", &[ArgType::Nop, ArgType::SockaddrUn]),
            ArgType::Fd => ("__x64_sys_write", &[ArgType::Fd]),
            ArgType::File => ("security_file_permission", &[ArgType::File]),
            ArgType::Path => ("vfs_open", &[ArgType::Path]),
            ArgType::Dentry => ("security_inode_unlink", &[ArgType::Nop, ArgType::Dentry]),
            ArgType::LinuxBinprm => ("security_bprm_check", &[ArgType::LinuxBinprm]),
            ArgType::Kiocb => ("ext4_file_write_iter", &[ArgType::Kiocb]),
            other => panic!("no way for {other:?} to get to a hook"),
        };
        let (filesystem, folder) = match ty {
            ArgType::Filename | ArgType::SockaddrUn => (FileSystem::None, "/lab/none/"),
            ArgType::String | ArgType::CharBuf | ArgType::CharIovec | ArgType::NetDevice => {
                (FileSystem::None, "")
            }
            ArgType::Kiocb => (FileSystem::Ext4, "/lab/ext4/"),
            // A dentry knows nothing of the mount through which it was reached.
            ArgType::Dentry => (FileSystem::Tmpfs, "/"),
            _ => (FileSystem::Tmpfs, "/lab/tmpfs/"),
        };
        let before = match ty {
            ArgType::CharBuf | ArgType::CharIovec => vec![create(SINK)],
            ArgType::NetDevice => {
                vec![
                    Step::Unshare { namespaces: vec![NamespaceKind::Net] },
                    Step::Socket { kind: SocketKind::Udp4 },
                ]
            }
            ArgType::SockaddrUn => vec![Step::Socket { kind: SocketKind::Unix }],
            _ => vec![],
        };
        let index = types.iter().position(|other| *other == ty).unwrap();
        Self { hook: Hook::new(call, types), index, filesystem, folder, before }
    }

    fn case(&self, ty: ArgType, operator: Operator, start: &str, files: &mut Vec<PreparedFile>) -> Case {
        let seen = |name: &str| format!("{}{start}{name}", self.folder);
        let own = only(self.index, Operator::Prefix, &seen(""));
        let rule = |values: &[String]| vec![own.clone(), filter(self.index, operator, values)];
        if matches!(operator, Operator::FileType | Operator::NotFileType) {
            return self.case_of_file_type(ty, operator, start, files);
        }
        let (values, hit, miss) = match operator {
            Operator::Equal => (vec![seen("same")], "same", "sam"),
            Operator::NotEqual => (vec![seen("same"), seen("other")], "same2", "other"),
            Operator::In => (vec![seen("same"), seen("other")], "other", "othe"),
            Operator::NotIn => (vec![seen("same"), seen("other")], "othe", "same"),
            Operator::Prefix => (vec![seen("be")], "begin", "bagin"),
            Operator::NotPrefix => (vec![seen("be"), seen("ba")], "bugin", "bagin"),
            Operator::Postfix => (vec!["end".into(), "2".into()], "the-end", "the-enD"),
            Operator::NotPostfix => (vec!["end".into(), "2".into()], "the-enD", "x2"),
            Operator::SubString => (vec!["mid".into(), "other".into()], "a-mid-b", "a-miD-b"),
            Operator::SubStringIgnCase => (vec!["MiD".into()], "a-mId-b", "a-mad-b"),
            other => panic!("no values for {other:?} on texts"),
        };
        let mut make = |name: &str| call(ty, &format!("{start}{name}"), files);
        Case {
            operator,
            filters: rule(&values),
            other_filters: None,
            hit: make(hit),
            miss: make(miss),
            args: self.shown(ty, &seen(hit)),
        }
    }

    /// A pipe and an ordinary file; where the kernel comes by with ordinary files only, values differ instead.
    fn case_of_file_type(
        &self,
        ty: ArgType,
        operator: Operator,
        start: &str,
        files: &mut Vec<PreparedFile>,
    ) -> Case {
        let own = only(self.index, Operator::Prefix, &format!("{}{start}", self.folder));
        let rule = |value: &str| vec![own.clone(), only(self.index, operator, value)];
        let (name, pipe) = (format!("{start}file"), format!("{start}pipe"));
        if matches!(ty, ArgType::LinuxBinprm | ArgType::Kiocb) {
            let (same, other) = match operator {
                Operator::FileType => ("reg", "fifo"),
                _ => ("fifo", "reg"),
            };
            return Case {
                operator,
                filters: rule(same),
                other_filters: Some(rule(other)),
                hit: call(ty, &name, files),
                miss: vec![],
                args: self.shown(ty, &format!("{}{name}", self.folder)),
            };
        }
        let of_file = call(ty, &name, files);
        let of_pipe = [vec![Step::Mkfifo { path: pipe.clone() }], call_on_pipe(ty, &pipe)].concat();
        let (hit, miss, seen) = match operator {
            Operator::FileType => (of_pipe, of_file, pipe),
            _ => (of_file, of_pipe, name),
        };
        let args = self.shown(ty, &format!("{}{seen}", self.folder));
        Case { operator, filters: rule("fifo"), other_filters: None, hit, miss, args }
    }

    /// What the event shows of the hook's arguments.
    fn shown(&self, ty: ArgType, text: &str) -> Vec<Value> {
        let value = match ty {
            ArgType::String | ArgType::Filename => json!({"string_arg": text}),
            ArgType::CharBuf | ArgType::CharIovec => json!({"bytes_arg": "$present"}),
            ArgType::NetDevice => json!({"net_dev_arg": {"name": text}}),
            ArgType::SockaddrUn => json!({"sockaddr_arg": {"family": "AF_UNIX", "addr": text}}),
            ArgType::Fd | ArgType::File | ArgType::Kiocb => json!({"file_arg": {"path": text}}),
            ArgType::Path | ArgType::Dentry => json!({"path_arg": {"path": text}}),
            ArgType::LinuxBinprm => json!({"linux_binprm_arg": {"path": text}}),
            other => panic!("{other:?} is no text"),
        };
        let mut args = vec![json!({}); self.hook.args.len()];
        args[self.index] = value;
        args
    }
}

fn create(path: &str) -> Step {
    Step::Open {
        path: path.to_owned(),
        flags: vec![OpenFlag::Wronly, OpenFlag::Creat],
        untouched_name: false,
    }
}

fn write() -> Step {
    Step::Write { data: "x".into() }
}

/// The steps whose last one brings this name to the hook.
fn call(ty: ArgType, name: &str, files: &mut Vec<PreparedFile>) -> Vec<Step> {
    let path = name.to_owned();
    match ty {
        ArgType::String => vec![Step::Text { text: path, case: 0 }],
        ArgType::Filename => vec![Step::Look { path }],
        ArgType::CharBuf => vec![Step::Write { data: path }],
        ArgType::CharIovec => {
            let (first, rest) = path.split_at(path.len() / 2 + 1);
            vec![Step::WriteParts { parts: vec![first.to_owned(), rest.to_owned()], short: false }]
        }
        // Its other name comes with the next call.
        ArgType::NetDevice => vec![Step::RenameDevice { from: path, to: String::new() }],
        ArgType::SockaddrUn => vec![Step::ConnectNobody { path }],
        ArgType::Path => vec![create(name)],
        ArgType::Dentry => vec![create(name), Step::Unlink { path }],
        ArgType::LinuxBinprm => {
            files.push(PreparedFile {
                path: path.clone(),
                content: "no program\n".into(),
                link_to_subject: false,
                directory: false,
                executable: true,
            });
            vec![Step::ExecveRefused { path }]
        }
        _ => vec![create(name), write()],
    }
}

fn call_on_pipe(ty: ArgType, name: &str) -> Vec<Step> {
    let path = name.to_owned();
    // For reading and writing: an open for one of them would wait for somebody to do the other.
    let open = Step::Open { path: path.clone(), flags: vec![OpenFlag::Rdwr], untouched_name: false };
    match ty {
        ArgType::Path => vec![open],
        ArgType::Dentry => vec![Step::Unlink { path }],
        _ => vec![open, write()],
    }
}

/// The hook sees the name that a device has before it gets the next one.
fn chain(cases: &mut [Case]) {
    chain_of(cases.iter_mut().map(|case| &mut case.hit).collect());
    chain_of(cases.iter_mut().map(|case| &mut case.miss).collect());
}

fn chain_of(calls: Vec<&mut Vec<Step>>) {
    let name = |steps: &Vec<Step>| match &steps[..] {
        [Step::RenameDevice { from, .. }] => from.clone(),
        other => panic!("{other:?}"),
    };
    let names: Vec<String> = calls.iter().map(|steps| name(steps)).collect();
    for (number, steps) in calls.into_iter().enumerate() {
        let from = names[number].clone();
        let to = names.get(number + 1).cloned().unwrap_or_else(|| "lo".to_owned());
        let first = (number == 0).then(|| Step::RenameDevice { from: "lo".to_owned(), to: from.clone() });
        *steps = first.into_iter().chain([Step::RenameDevice { from, to }]).collect();
    }
}
