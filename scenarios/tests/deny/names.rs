//! Operations on names, and on what stands beside the content of a file.

use quell_scenarios::effect::Effect;
use quell_scenarios::scenario::{FileSystem, PreparedFile};
use quell_scenarios::step::{OpenFlag, Step};

use super::content::{file, form, nothing_refuses, open, refusing, target_file};
use super::row::{
    Except, Fate, Form, Hook, IN_TIME, LATE, Outcome, REFUSED, Row, Then, UNSEEN, Way, arg, filter, on_name,
    on_path,
};

fn exists(path: &str) -> Effect {
    Effect::Exists { path: path.into() }
}

fn row(
    name: &'static str,
    noun: &'static str,
    files: Vec<PreparedFile>,
    steps: Vec<Step>,
    effect: Effect,
    forms: Vec<Form>,
) -> Row {
    Row {
        name,
        noun,
        files,
        target: ("target", "neighbour"),
        steps,
        bystander_steps: Vec::new(),
        effect: vec![effect],
        filesystems: vec![FileSystem::Tmpfs],
        forms,
    }
}

fn sys(call: &str, index: u32) -> Hook {
    let (args, filters) = on_path(index, "string");
    Hook::sys(call, args, filters)
}

fn inside(call: &str, index: u32) -> Hook {
    let (args, filters) = on_name(index);
    Hook::at(call, args, filters)
}

fn inside_path(call: &str) -> Hook {
    let (args, filters) = on_path(0, "path");
    Hook::at(call, args, filters)
}

/// A kill comes too late everywhere; only an error keeps the effect away.
fn late(syscall: Hook, security: Hook) -> Vec<Form> {
    vec![
        form(Way::Kill, syscall, LATE),
        form(Way::KillInside, security.clone(), LATE).on(&[FileSystem::Ext4]),
        refusing(Way::Refuse, security).on(&[FileSystem::Tmpfs]),
    ]
}

fn path() -> String {
    "$target".into()
}

pub(crate) fn rows() -> Vec<Row> {
    [gone(), made(), beside(), created()].concat()
}

fn gone() -> Vec<Row> {
    let absent = || Effect::NotExists { path: path() };
    let mut unlink = row(
        "unlink",
        "An unlink",
        vec![target_file()],
        vec![Step::Unlink { path: path() }],
        absent(),
        late(sys("unlink", 0), inside("security_path_unlink", 1)),
    );
    unlink.forms.extend([
        form(Way::RefuseAndKill, inside("security_path_unlink", 1), IN_TIME).except(nothing_refuses()),
        refusing(Way::Modify, inside("security_path_unlink", 1)).on(&[FileSystem::Ext4]),
        refusing(Way::Lsm, inside("security_path_unlink", 1)).on(&[FileSystem::Ext4]),
    ]);
    let short = row(
        "unlink-32-bit",
        "An unlink by the 32-bit system call",
        vec![target_file()],
        vec![Step::ShortUnlink { path: path() }],
        absent(),
        late(sys("unlink", 0), inside("security_path_unlink", 1)),
    );
    let rename = row(
        "rename",
        "A rename",
        vec![target_file()],
        vec![Step::Rename { from: path(), to: "$target.renamed".into() }],
        exists("$target.renamed"),
        late(sys("rename", 0), inside("security_path_rename", 1)),
    );
    let rmdir = row(
        "rmdir",
        "An rmdir",
        vec![PreparedFile { directory: true, ..file("$target", "") }],
        vec![Step::Rmdir { path: path() }],
        absent(),
        late(sys("rmdir", 0), inside("security_path_rmdir", 1)),
    );
    vec![unlink, short, rename, rmdir]
}

fn made() -> Vec<Row> {
    let link = row(
        "link",
        "A link",
        vec![file("source-$target", "before\n")],
        vec![Step::Link { from: "source-$target".into(), to: path() }],
        exists("$target"),
        late(sys("linkat", 3), inside("security_path_link", 2)),
    );
    let symlink = row(
        "symlink",
        "A symlink",
        vec![],
        vec![Step::Symlink { text: "anywhere".into(), path: path() }],
        exists("$target"),
        late(sys("symlink", 1), inside("security_path_symlink", 1)),
    );
    let mkdir = row(
        "mkdir",
        "A mkdir",
        vec![],
        vec![Step::Mkdir { path: path() }],
        exists("$target"),
        late(sys("mkdir", 0), inside("security_path_mkdir", 1)),
    );
    let mknod = row(
        "mknod",
        "A mknod",
        vec![],
        vec![Step::Mkfifo { path: path() }],
        exists("$target"),
        late(sys("mknodat", 1), inside("security_path_mknod", 1)),
    );
    vec![link, symlink, mkdir, mknod]
}

fn beside() -> Vec<Row> {
    let chmod = row(
        "chmod",
        "A chmod",
        vec![target_file()],
        vec![Step::Chmod { path: path(), mode: 0o600 }],
        Effect::ModeIs { path: path(), mode: 0o600 },
        late(sys("fchmodat", 1), inside_path("security_path_chmod")),
    );
    let mut forms = late(sys("chown", 0), inside_path("security_path_chown"));
    forms[2].except.push(Except {
        kernels: vec!["5.10", "5.10-lsm"],
        filesystems: Vec::new(),
        why: "trampolines passed no structure by value, as security_path_chown is given two",
        hook: Some(inside("security_inode_setattr", 0)),
        then: Then::Outcome(REFUSED),
    });
    let chown = row(
        "chown",
        "A chown",
        vec![target_file()],
        vec![Step::Chown { path: path(), uid: 4242 }],
        Effect::OwnerIs { path: path(), uid: 4242 },
        forms,
    );
    // The user namespace, later the mapping of ids, came as first argument with Linux 5.12 and 6.3.
    let attribute = inside("security_inode_setxattr", 1);
    let before = |outcome| Except {
        kernels: vec!["5.10", "5.10-lsm"],
        filesystems: Vec::new(),
        why: "the function had no mapping of users as its first argument before Linux 5.12",
        hook: Some(inside("security_inode_setxattr", 0)),
        then: Then::Outcome(outcome),
    };
    let mut forms = late(sys("setxattr", 0), attribute);
    forms[1].except.push(before(LATE));
    forms[2].except.push(before(REFUSED));
    let setxattr = row(
        "setxattr",
        "A setxattr",
        vec![target_file()],
        vec![Step::SetAttribute { path: path(), name: "trusted.quell".into(), value: "set".into() }],
        Effect::AttributeIs { path: path(), name: "trusted.quell".into(), value: "set".into() },
        forms,
    );
    vec![chmod, chown, setxattr]
}

/// `open` with `O_CREAT`, which makes the name before it opens the file.
fn created() -> Vec<Row> {
    let (args, filters) = on_path(0, "file");
    let too_late = form(
        Way::RefuseElsewhere,
        Hook::at("security_file_open", args, filters).by_subject(),
        Outcome { fate: Fate::Refused(1), happens: true, matched: 1 },
    )
    .on(&[FileSystem::Tmpfs])
    .except(nothing_refuses());
    let mut forms = late(sys("openat", 1).by_subject(), inside("security_path_mknod", 1));
    forms.push(too_late);
    let create = row(
        "open-creating",
        "An open with O_CREAT",
        vec![],
        vec![open(&[OpenFlag::Wronly, OpenFlag::Creat])],
        exists("$target"),
        forms,
    );
    let ring = Row {
        bystander_steps: vec![open(&[OpenFlag::Wronly, OpenFlag::Creat])],
        ..row(
            "ring-creating",
            "An open with O_CREAT by io_uring",
            vec![],
            vec![Step::RingCreate { path: path() }],
            exists("$target"),
            vec![
                form(
                    Way::Kill,
                    Hook::sys("openat", vec![arg(1, "string")], vec![filter(1, "Postfix", &["/target"])]),
                    UNSEEN,
                ),
                form(Way::KillInside, inside("security_path_mknod", 1), LATE).on(&[FileSystem::Ext4]),
                refusing(Way::Refuse, inside("security_path_mknod", 1)).on(&[FileSystem::Tmpfs]),
            ],
        )
    };
    vec![create, ring]
}
