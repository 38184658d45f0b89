//! Operations that leave the file system alone, or only pass through it: pipes, sockets, other processes, namespaces.

use quell_scenarios::effect::Effect;
use quell_scenarios::scenario::{FileSystem, PreparedFile};
use quell_scenarios::step::{OpenFlag, SocketKind, Step};

use super::content::{file, form, open, refusing};
use super::row::{Form, Hook, IN_TIME, LATE, Row, Way, arg, filter};

/// Operations that no row refuses, and why.
pub(crate) const NOT_REFUSED: &[(&str, &str)] = &[
    ("vmsplice-into-pipe", "the kernel asks no security module"),
    ("sethostname", "the kernel asks for a capability only, which many calls need"),
    ("write-into-pipe", "where the kernel asks there is no content; write-into-any-pipe is refused"),
    ("send-datagram", "where the kernel asks, an unconnected socket names no receiver"),
    ("send-stream", "the connection alone is half of the effect"),
    ("write-socket", "the connection alone is half of the effect"),
    ("execve", "act and bystander execute one file under two names"),
    ("process-vm-writev", "where the kernel asks, act and bystander look alike"),
];

const PORT: (&str, &str) = ("7201", "7202");

fn row(
    name: &'static str,
    noun: &'static str,
    target: (&'static str, &'static str),
    steps: Vec<Step>,
    effect: Effect,
    forms: Vec<Form>,
) -> Row {
    Row {
        name,
        noun,
        files: Vec::new(),
        target,
        steps,
        bystander_steps: Vec::new(),
        effect: vec![effect],
        filesystems: vec![FileSystem::None],
        forms,
    }
}

fn proof() -> String {
    "$target".into()
}

fn proven() -> Effect {
    Effect::Exists { path: proof() }
}

fn late(syscall: Hook, security: Hook) -> Vec<Form> {
    vec![
        form(Way::Kill, syscall, LATE),
        form(Way::KillInside, security.clone(), LATE),
        refusing(Way::Refuse, security),
    ]
}

fn in_time(syscall: Hook, security: Hook) -> Vec<Form> {
    vec![
        form(Way::Kill, syscall, IN_TIME),
        form(Way::KillInside, security.clone(), IN_TIME),
        refusing(Way::Refuse, security),
    ]
}

fn at(call: &str, index: u32, ty: &str, operator: &str, values: &[&str]) -> Hook {
    Hook::at(call, vec![arg(index, ty)], vec![filter(index, operator, values)])
}

fn sys(call: &str, index: u32, ty: &str, operator: &str, values: &[&str]) -> Hook {
    Hook::sys(call, vec![arg(index, ty)], vec![filter(index, operator, values)])
}

pub(crate) fn rows() -> Vec<Row> {
    [pipes(), sockets(), processes(), namespaces()].concat()
}

fn pipes() -> Vec<Row> {
    let content = |call: &str| {
        Hook::sys(
            call,
            vec![serde_json::json!({"index": 1, "type": "char_buf", "sizeArgIndex": 3})],
            vec![filter(1, "Prefix", &["quell-forbidden:"])],
        )
    };
    let target = ("quell-forbidden:", "quell-permitted:");
    let received = || Effect::PipeReceived { data: "$target one line\n".into() };
    let any_content =
        Hook::sys("write", vec![arg(0, "fd")], vec![filter(0, "FileType", &["fifo"])]).by_subject();
    let permission = {
        let mut hook = Hook::at(
            "security_file_permission",
            vec![arg(0, "file"), arg(1, "int")],
            vec![filter(0, "FileType", &["fifo"]), filter(1, "Equal", &["2"])],
        );
        hook.subject_only = true;
        hook
    };
    let pipe = row(
        "write-into-pipe",
        "A write into a pipe",
        target,
        vec![Step::WritePipe { data: "$target one line\n".into() }],
        received(),
        vec![form(Way::Kill, content("write"), LATE)],
    );
    // Where the kernel asks there is no content: the bystander sends the same by a call that asks nobody.
    let any_pipe = Row {
        bystander_steps: vec![Step::VmsplicePipe { data: "$target one line\n".into() }],
        ..row(
            "write-into-any-pipe",
            "A write into any pipe",
            target,
            vec![Step::WritePipe { data: "$target one line\n".into() }],
            received(),
            vec![
                form(Way::Kill, any_content, LATE),
                form(Way::KillInside, permission.clone(), LATE),
                refusing(Way::Refuse, permission),
            ],
        )
    };
    let vmsplice = row(
        "vmsplice-into-pipe",
        "A vmsplice into a pipe",
        target,
        vec![Step::VmsplicePipe { data: "$target one line\n".into() }],
        received(),
        vec![form(
            Way::Kill,
            Hook::sys(
                "vmsplice",
                vec![serde_json::json!({"index": 1, "type": "char_iovec", "sizeArgIndex": 3})],
                vec![filter(1, "Prefix", &["quell-forbidden:"])],
            ),
            LATE,
        )],
    );
    vec![pipe, any_pipe, vmsplice]
}

fn sockets() -> Vec<Row> {
    let here = || "127.0.0.1:$target".to_owned();
    let socket = |kind| Step::Socket { kind };
    // An address is in the caller's memory still: at the system call, the act is known by the length that it gives.
    let length = Some(28);
    let by_length = |call: &str| sys(call, 2, "int", "Equal", &["28"]);
    let by_port = |call: &str| at(call, 1, "sockaddr", "SPort", &[PORT.0]);
    let content = || vec![serde_json::json!({"index": 1, "type": "char_buf", "sizeArgIndex": 3})];
    let sent = || "for $target".to_owned();
    let datagram = row(
        "send-datagram",
        "A datagram",
        PORT,
        vec![socket(SocketKind::Udp4), Step::SendTo { to: here(), data: sent() }],
        Effect::DatagramReceived { at: here(), data: sent() },
        vec![form(Way::Kill, Hook::sys("sendto", content(), vec![filter(1, "Prefix", &["for 7201"])]), LATE)],
    );
    let connecting =
        |length| vec![socket(SocketKind::Tcp4), Step::Connect { to: here(), length, refused: false }];
    let connect = Row {
        bystander_steps: connecting(None),
        ..row(
            "connect",
            "A connect",
            PORT,
            connecting(length),
            Effect::ConnectionMade { at: here() },
            late(by_length("connect"), by_port("security_socket_connect")),
        )
    };
    let binding = |length| vec![Step::BindPort { to: here(), length, proof: proof() }];
    let bind = Row {
        bystander_steps: binding(None),
        ..row(
            "bind",
            "A bind",
            PORT,
            binding(length),
            proven(),
            late(by_length("bind"), by_port("security_socket_bind")),
        )
    };
    let stream = |name, noun, last: Step, call: &str| {
        row(
            name,
            noun,
            PORT,
            vec![socket(SocketKind::Tcp4), Step::Connect { to: here(), length: None, refused: false }, last],
            Effect::StreamReceived { at: here(), data: sent() },
            vec![
                form(Way::Kill, Hook::sys(call, content(), vec![filter(1, "Prefix", &["for 7201"])]), LATE),
                form(Way::KillInside, at("security_socket_sendmsg", 0, "socket", "DPort", &[PORT.0]), LATE),
            ],
        )
    };
    let send = stream("send-stream", "A send", Step::Send { data: "for $target".into() }, "sendto");
    let write = stream(
        "write-socket",
        "A write to a socket",
        Step::WriteSocket { data: "for $target".into() },
        "write",
    );
    vec![datagram, connect, bind, send, write]
}

fn processes() -> Vec<Row> {
    let signals = ("10", "12");
    let kill = row(
        "kill",
        "A kill of another process",
        signals,
        vec![Step::KillOther { signal: "$target".into(), proof: proof() }],
        proven(),
        late(
            sys("kill", 1, "int", "Equal", &[signals.0]),
            at("security_task_kill", 2, "int", "Equal", &[signals.0]),
        ),
    );
    let image = |link: bool| PreparedFile { link_to_subject: link, ..file("image-$target", "") };
    let paths = ["/lab/none/image-target"];
    let execve = Row {
        files: vec![image(true)],
        ..row(
            "execve",
            "An execve",
            ("target", "neighbour"),
            vec![Step::Execve {
                path: "image-$target".into(),
                in_memory: false,
                then: vec![open(&[OpenFlag::Wronly, OpenFlag::Creat])],
            }],
            proven(),
            vec![form(Way::Kill, sys("execve", 0, "string", "Equal", &paths), IN_TIME)],
        )
    };
    // SIGCHLD with CLONE_SYSVSEM, or with CLONE_FS: neither matters here. The kernel makes its own threads with the second.
    let flags = ("262161", "529");
    let fork = row(
        "fork",
        "A fork",
        flags,
        vec![Step::Fork { flags: "$target".into(), proof: proof() }],
        proven(),
        in_time(
            sys("clone", 0, "uint64", "Equal", &[flags.0]),
            at("security_task_alloc", 1, "uint64", "Mask", &["262144"]),
        ),
    );
    let memory = row(
        "process-vm-writev",
        "A process_vm_writev",
        ("target", "neighbour"),
        vec![Step::WriteMemory { data: "for $target".into(), proof: proof() }],
        proven(),
        vec![form(
            Way::Kill,
            Hook::sys(
                "process_vm_writev",
                vec![serde_json::json!({"index": 1, "type": "char_iovec", "sizeArgIndex": 3})],
                vec![filter(1, "Prefix", &["for target"])],
            ),
            IN_TIME,
        )],
    );
    vec![kill, execve, fork, memory]
}

fn namespaces() -> Vec<Row> {
    let from = "/lab/none/source-target";
    let mount = Row {
        files: vec![file("source-$target", "source\n"), file("over-$target", "below\n")],
        ..row(
            "mount",
            "A mount",
            ("target", "neighbour"),
            vec![Step::MountOver {
                from: "source-$target".into(),
                to: "over-$target".into(),
                proof: proof(),
            }],
            proven(),
            late(
                sys("mount", 0, "string", "Equal", &[from]),
                at("security_sb_mount", 0, "string", "Equal", &[from]),
            ),
        )
    };
    let host = row(
        "sethostname",
        "A sethostname",
        ("target", "neighbour"),
        vec![Step::HostName { name: "host-$target".into(), proof: proof() }],
        proven(),
        vec![form(Way::Kill, sys("sethostname", 0, "string", "Equal", &["host-target"]), LATE)],
    );
    vec![mount, host]
}
