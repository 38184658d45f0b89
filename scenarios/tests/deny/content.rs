//! Operations on the content of a file.

use quell_scenarios::effect::Effect;
use quell_scenarios::scenario::{FileSystem, PreparedFile};
use quell_scenarios::step::{OpenFlag, RingWay, Step};

use super::row::{
    Except, Form, Hook, IN_TIME, LATE, Outcome, REFUSED, Row, Then, UNSEEN, Way, arg, filter, on_path,
};

/// Where the file system makes a difference; everything else is performed on one.
const BOTH: &[FileSystem] = &[FileSystem::Tmpfs, FileSystem::Ext4];
/// Before `security_file_truncate` (Linux 6.2, commit 3350607dc564).
const BEFORE_6_2: &[&str] = &["5.10", "5.10-lsm", "5.10-like-5.8", "5.10-like-5.4", "6.1", "6.1-nolsm"];

/// The target, with seven bytes in it.
pub(crate) fn target_file() -> PreparedFile {
    file("$target", "before\n")
}

pub(crate) fn file(path: &str, content: &str) -> PreparedFile {
    PreparedFile {
        path: path.into(),
        content: content.into(),
        link_to_subject: false,
        directory: false,
        executable: false,
    }
}

pub(crate) fn open(flags: &[OpenFlag]) -> Step {
    Step::Open { path: "$target".into(), flags: flags.to_vec(), untouched_name: false }
}

fn data() -> String {
    "after!\n".into()
}

fn is_after() -> Effect {
    Effect::FileEquals { path: "$target".into(), text: data() }
}

pub(crate) fn form(way: Way, hook: Hook, outcome: Outcome) -> Form {
    Form { way, hook, filesystems: None, outcome, except: Vec::new() }
}

impl Form {
    pub(crate) fn on(mut self, filesystems: &[FileSystem]) -> Self {
        self.filesystems = Some(filesystems.to_vec());
        self
    }

    pub(crate) fn except(mut self, except: Except) -> Self {
        self.except.push(except);
        self
    }
}

/// A kernel made to do without whatever could refuse.
pub(crate) fn nothing_refuses() -> Except {
    Except {
        kernels: vec!["5.10-like-5.8", "5.10-like-5.4"],
        filesystems: Vec::new(),
        why: "without trampolines and override nothing can refuse",
        hook: None,
        then: Then::Unsupported("refuse"),
    }
}

/// The same form with what no kernel without trampolines can do.
pub(crate) fn refusing(way: Way, hook: Hook) -> Form {
    form(way, hook, REFUSED).except(nothing_refuses())
}

/// `security_file_permission` with `MAY_WRITE`.
fn permission() -> Hook {
    let (mut args, mut filters) = on_path(0, "file");
    args.push(arg(1, "int"));
    filters.push(filter(1, "Equal", &["2"]));
    Hook::at("security_file_permission", args, filters)
}

/// The same with `MAY_READ`, which the runner's own looking needs as well.
fn read_permission() -> Hook {
    let mut hook = permission().by_subject();
    hook.filters[1] = filter(1, "Equal", &["4"]);
    hook
}

fn sys_on_fd(call: &str, index: u32) -> Hook {
    let (args, filters) = on_path(index, "fd");
    Hook::sys(call, args, filters)
}

/// The three ways that every writing operation has.
fn written(syscall: Hook, at_syscall: Outcome, inside: Outcome) -> Vec<Form> {
    vec![
        form(Way::Kill, syscall, at_syscall),
        form(Way::KillInside, permission(), inside).on(&[FileSystem::Ext4]),
        refusing(Way::Refuse, permission()).on(&[FileSystem::Tmpfs]),
    ]
}

fn row(name: &'static str, noun: &'static str, steps: Vec<Step>, forms: Vec<Form>) -> Row {
    Row {
        name,
        noun,
        files: vec![target_file()],
        target: ("target", "neighbour"),
        steps,
        bystander_steps: Vec::new(),
        effect: vec![is_after()],
        filesystems: vec![FileSystem::Tmpfs],
        forms,
    }
}

fn plain_write() -> Vec<Step> {
    vec![open(&[OpenFlag::Wronly]), Step::Write { data: data() }]
}

pub(crate) fn rows() -> Vec<Row> {
    [writes(), rings(), lengths(), pipes()].concat()
}

fn writes() -> Vec<Row> {
    let opened = || open(&[OpenFlag::Wronly]);
    let mut write = row("write", "A write", plain_write(), written(sys_on_fd("write", 0), IN_TIME, IN_TIME));
    write.filesystems = BOTH.to_vec();
    write.forms.extend([
        form(Way::RefuseAndKill, permission(), IN_TIME).on(&[FileSystem::Tmpfs]).except(nothing_refuses()),
        refusing(Way::Modify, permission()).on(&[FileSystem::Ext4]),
        refusing(Way::Lsm, permission()).on(&[FileSystem::Ext4]),
    ]);
    let writev = row(
        "writev",
        "A write of several buffers",
        vec![opened(), Step::WriteParts { parts: vec!["after".into(), "!\n".into()], short: false }],
        written(sys_on_fd("writev", 0), IN_TIME, IN_TIME),
    );
    let short = row(
        "write-32-bit",
        "A write by the 32-bit system call",
        vec![opened(), Step::ShortWrite { data: data() }],
        written(sys_on_fd("write", 0), IN_TIME, IN_TIME),
    );
    let aio = Row {
        bystander_steps: plain_write(),
        ..row(
            "aio",
            "A write by io_submit",
            vec![opened(), Step::SubmitWrite { data: data() }],
            written(
                Hook::sys("io_submit", vec![arg(1, "uint64")], vec![filter(1, "Equal", &["1"])]),
                IN_TIME,
                IN_TIME,
            ),
        )
    };
    let mapped = row(
        "mapped-store",
        "A store to a mapping",
        vec![open(&[OpenFlag::Rdwr]), Step::StoreMapped { data: data() }],
        vec![
            form(Way::Kill, sys_on_fd("mmap", 4), IN_TIME),
            form(Way::KillInside, mmap_file(), IN_TIME).on(&[FileSystem::Ext4]),
            refusing(Way::Refuse, mmap_file()).on(&[FileSystem::Tmpfs]),
        ],
    );
    vec![
        write,
        writev,
        short,
        aio,
        mapped,
        direct("direct-write-own", false),
        direct("direct-write-shared", true),
    ]
}

fn mmap_file() -> Hook {
    let (args, filters) = on_path(0, "file");
    Hook::at("security_mmap_file", args, filters)
}

fn direct(name: &'static str, shared: bool) -> Row {
    let noun = if shared {
        "A write past the page cache from memory shared by a fork"
    } else {
        "A write past the page cache from memory of its own"
    };
    let at_syscall = if shared { IN_TIME } else { LATE };
    let mut forms = written(sys_on_fd("pwrite64", 0), at_syscall, at_syscall);
    for form in &mut forms {
        form.filesystems = Some(vec![FileSystem::Ext4]);
        if shared && form.way.kills() {
            form.except.push(Except {
                kernels: vec!["5.10", "5.10-like-5.4", "5.10-like-5.8", "6.1"],
                filesystems: Vec::new(),
                why: "direct output got pages of any memory before it pinned them, without asking for signals",
                hook: None,
                then: Then::Outcome(LATE),
            });
        }
    }
    Row {
        effect: vec![Effect::FileContains { path: "$target".into(), text: "after!".into() }],
        filesystems: vec![FileSystem::Ext4],
        ..row(
            name,
            noun,
            vec![
                open(&[OpenFlag::Rdwr, OpenFlag::Direct]),
                Step::WriteBlock { text: "after!".into(), shared },
            ],
            forms,
        )
    }
}

/// Requests by io_uring. A bystander that enters the ring as well could not be told apart at the system call.
fn rings() -> Vec<Row> {
    let enter = Hook::sys("io_uring_enter", vec![arg(1, "uint32")], vec![filter(1, "Equal", &["1"])]);
    let write = |name, noun, way, syscall: Hook, at_syscall| Row {
        bystander_steps: plain_write(),
        ..row(
            name,
            noun,
            vec![open(&[OpenFlag::Wronly]), Step::RingWrite { data: data(), way }],
            written(syscall, at_syscall, IN_TIME),
        )
    };
    vec![
        write("ring-write", "A write by io_uring", RingWay::Inline, enter.clone(), IN_TIME),
        write("ring-write-worker", "A write by a worker of io_uring", RingWay::Worker, enter, IN_TIME),
        write(
            "ring-write-polled",
            "A write by io_uring that a thread of the kernel polls",
            RingWay::Polled,
            sys_on_fd("write", 0),
            UNSEEN,
        ),
    ]
}

fn lengths() -> Vec<Row> {
    let shortened = || vec![Effect::FileEquals { path: "$target".into(), text: "bef".into() }];
    let (args, filters) = on_path(0, "file");
    let file_truncate = Hook::at("security_file_truncate", args, filters);
    let path_truncate = || {
        let (args, filters) = on_path(0, "path");
        Hook::at("security_path_truncate", args, filters)
    };
    let before = |then| Except {
        kernels: BEFORE_6_2.to_vec(),
        filesystems: Vec::new(),
        why: "ftruncate asked security_path_truncate before Linux 6.2",
        hook: Some(path_truncate()),
        then,
    };
    let ftruncate = Row {
        effect: shortened(),
        ..row(
            "ftruncate",
            "An ftruncate",
            vec![open(&[OpenFlag::Rdwr]), Step::Resize { length: 3 }],
            vec![
                form(Way::Kill, sys_on_fd("ftruncate", 0), LATE),
                form(Way::KillInside, file_truncate.clone(), LATE)
                    .on(&[FileSystem::Ext4])
                    .except(before(Then::Outcome(LATE))),
                refusing(Way::Refuse, file_truncate)
                    .on(&[FileSystem::Tmpfs])
                    .except(before(Then::Outcome(REFUSED))),
            ],
        )
    };
    let (args, filters) = on_path(0, "string");
    let truncate = Row {
        effect: shortened(),
        ..row(
            "truncate",
            "A truncate",
            vec![Step::Truncate { path: "$target".into(), length: 3 }],
            vec![
                form(Way::Kill, Hook::sys("truncate", args, filters), LATE),
                form(Way::KillInside, path_truncate(), LATE).on(&[FileSystem::Ext4]),
                refusing(Way::Refuse, path_truncate()).on(&[FileSystem::Tmpfs]),
            ],
        )
    };
    let on_ext4 = |way_hook: Form| {
        way_hook.except(Except {
            kernels: vec!["*"],
            filesystems: vec![FileSystem::Ext4],
            why: "ext4 asks for no signal when it allocates",
            hook: None,
            then: Then::Outcome(LATE),
        })
    };
    let fallocate = Row {
        effect: vec![Effect::FileEquals { path: "$target".into(), text: "before\n\0\0".into() }],
        filesystems: BOTH.to_vec(),
        ..row(
            "fallocate",
            "An fallocate",
            vec![open(&[OpenFlag::Rdwr]), Step::Allocate { length: 9 }],
            vec![
                on_ext4(form(Way::Kill, sys_on_fd("fallocate", 0), IN_TIME)),
                form(Way::KillInside, permission(), LATE).on(&[FileSystem::Ext4]),
                refusing(Way::Refuse, permission()).on(&[FileSystem::Tmpfs]),
            ],
        )
    };
    let (args, filters) = on_path(0, "file");
    let file_open = || Hook::at("security_file_open", args.clone(), filters.clone()).by_subject();
    let (sys_args, sys_filters) = on_path(1, "string");
    let emptied = Row {
        effect: vec![Effect::FileIsEmpty { path: "$target".into() }],
        ..row(
            "open-truncating",
            "An open with O_TRUNC",
            vec![open(&[OpenFlag::Wronly, OpenFlag::Trunc])],
            vec![
                form(Way::Kill, Hook::sys("openat", sys_args, sys_filters).by_subject(), LATE),
                form(Way::KillInside, file_open(), LATE).on(&[FileSystem::Ext4]),
                refusing(Way::Refuse, file_open()).on(&[FileSystem::Tmpfs]),
            ],
        )
    };
    vec![ftruncate, truncate, fallocate, emptied]
}

/// What moves content between two files passes the hook more than once on an old kernel, and a process that has a signal to
/// die of gets that far.
fn asked_twice(kernels: &[&'static str]) -> Except {
    Except {
        kernels: kernels.to_vec(),
        filesystems: Vec::new(),
        why: "the kernel asked before it moved content, and once more for each file on the way",
        hook: None,
        then: Then::Outcome(Outcome { matched: 2, ..IN_TIME }),
    }
}

fn pipes() -> Vec<Row> {
    let opened = || open(&[OpenFlag::Wronly]);
    let splice_in = row(
        "splice-into-file",
        "A splice into a file",
        vec![opened(), Step::SpliceIn { data: data() }],
        written(sys_on_fd("splice", 2), IN_TIME, IN_TIME),
    );
    let from = || "source-$target".to_owned();
    let sourced = |name, noun, step, syscall: Hook, twice: &[&'static str]| {
        let mut forms = written(syscall, IN_TIME, IN_TIME);
        forms[1].except.push(asked_twice(twice));
        Row {
            files: vec![target_file(), file("source-$target", "after!\n")],
            ..row(name, noun, vec![opened(), step], forms)
        }
    };
    let sendfile_in = sourced(
        "sendfile-into-file",
        "A sendfile into a file",
        Step::SendFileFrom { path: from(), length: 7 },
        sys_on_fd("sendfile64", 0),
        &["5.10", "6.1"],
    );
    let copy = sourced(
        "copy-file-range",
        "A copy_file_range",
        Step::CopyRangeFrom { path: from(), length: 7 },
        sys_on_fd("copy_file_range", 2),
        &["5.10", "6.1"],
    );
    let leaking = |name, noun, step, syscall: Hook, tmpfs| Row {
        files: vec![file("$target", "secret of $target\n")],
        target: ("target", "others"),
        effect: vec![Effect::PipeReceived { data: "secret of $target\n".into() }],
        filesystems: BOTH.to_vec(),
        ..row(
            name,
            noun,
            vec![open(&[OpenFlag::Rdonly]), step],
            vec![
                form(Way::Kill, syscall, IN_TIME).except(tmpfs),
                form(Way::KillInside, read_permission(), IN_TIME).on(&[FileSystem::Ext4]),
                refusing(Way::Refuse, read_permission()).on(&[FileSystem::Tmpfs]),
            ],
        )
    };
    // Sent by its own way, the content is asked about twice, as above; spliced, once.
    let twice = |mut row: Row| {
        row.forms[1].except.push(asked_twice(&["5.10", "6.1"]));
        row
    };
    let leaks = |kernels: &[&'static str]| Except {
        kernels: kernels.to_vec(),
        filesystems: vec![FileSystem::Tmpfs],
        why: "tmpfs hands its pages over without asking for signals",
        hook: None,
        then: Then::Outcome(LATE),
    };
    let splice_out = leaking(
        "splice-out-of-file",
        "A splice out of a file into a pipe",
        Step::SpliceOut { length: 17 },
        sys_on_fd("splice", 0),
        leaks(&["*"]),
    );
    let sendfile_out = twice(leaking(
        "sendfile-out-of-file",
        "A sendfile out of a file into a pipe",
        Step::SendFileOut { length: 17 },
        sys_on_fd("sendfile64", 1),
        leaks(&["6.*", "7.*"]),
    ));
    vec![splice_in, sendfile_in, copy, splice_out, sendfile_out]
}
