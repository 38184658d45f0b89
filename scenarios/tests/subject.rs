//! The subject binary: its exit statuses, and its place among PID namespaces.

#![expect(clippy::unwrap_used, reason = "a failed helper of a test is a failed test")]

use std::io::Write;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use quell_scenarios::exit;
use quell_scenarios::order::Order;
use quell_scenarios::step::{NamespaceKind, OpenFlag, SocketKind, Step};
use rstest::rstest;

fn subject(order: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_subject")).arg(order).output().unwrap()
}

fn perform(steps: Vec<Step>) -> Output {
    subject(&serde_json::to_string(&Order::Perform { gate: None, steps }).unwrap())
}

fn open(path: &str, flags: &[OpenFlag]) -> Step {
    Step::Open { path: path.into(), flags: flags.to_vec(), untouched_name: false }
}

fn socket(kind: SocketKind) -> Step {
    Step::Socket { kind }
}

fn connect(to: &str, refused: bool) -> Step {
    Step::Connect { to: to.into(), length: None, refused }
}

#[rstest]
#[case::nothing_to_do(vec![], exit::SUCCESS)]
#[case::open(vec![open("/nowhere/file", &[OpenFlag::Wronly])], exit::OPEN)]
#[case::write(vec![open("/proc/version", &[OpenFlag::Rdonly]), Step::Write { data: "x".into() }], exit::WRITE)]
#[case::write_at(vec![open("/proc/version", &[OpenFlag::Rdonly]), Step::WriteAt { data: "x".into(), offset: 1 }], exit::WRITE_AT)]
#[case::write_unopened(vec![Step::Write { data: "x".into() }], exit::NOTHING_OPEN)]
#[case::unlink(vec![Step::Unlink { path: "/nowhere/file".into() }], exit::UNLINK)]
#[case::rename(vec![Step::Rename { from: "/nowhere/file".into(), to: "/nowhere/else".into() }], exit::RENAME)]
#[case::execve(vec![Step::Execve { path: "/nowhere/file".into(), in_memory: false, then: vec![] }], exit::EXECVE)]
#[case::execve_in_memory(vec![Step::Execve { path: "/nowhere/file".into(), in_memory: true, then: vec![] }], exit::EXECVE)]
#[case::execve_nul(vec![Step::Execve { path: "/a\0b".into(), in_memory: false, then: vec![] }], exit::NUL_IN_STRING)]
#[case::write_parts_unopened(vec![Step::WriteParts { parts: vec!["x".into()], short: false }], exit::NOTHING_OPEN)]
#[case::mkfifo(vec![Step::Mkfifo { path: "/nowhere/pipe".into() }], exit::MKFIFO)]
#[case::look(vec![Step::Look { path: "/proc/version/x".into() }], exit::LOOK)]
#[case::look_at_nothing(vec![Step::Look { path: "/nowhere/file".into() }], exit::SUCCESS)]
#[case::execve_not_refused_so(vec![Step::ExecveRefused { path: "/nowhere/file".into() }], exit::EXECVE_REFUSED)]
#[case::no_number(vec![Step::Number { value: "many".into(), case: 0 }], exit::BAD_ARGUMENT)]
#[case::number(vec![Step::Number { value: "-9223372036854775808".into(), case: u32::MAX }], exit::SUCCESS)]
#[case::text(vec![Step::Text { text: "a\0b".into(), case: 0 }], exit::NUL_IN_STRING)]
#[case::capset(vec![Step::Capset { effective: 1, permitted: 0, inheritable: 0 }], exit::CAPSET)]
#[case::socket_step_without_socket(vec![Step::Listen {}], exit::NOTHING_OPEN)]
#[case::bind(vec![socket(SocketKind::Tcp4), Step::Bind { to: "192.0.2.1:1".into(), without_family: false }], exit::BIND)]
#[case::no_address(vec![socket(SocketKind::Tcp4), Step::Bind { to: "here".into(), without_family: false }], exit::BAD_ARGUMENT)]
#[case::listen(vec![socket(SocketKind::Udp4), Step::Listen {}], exit::LISTEN)]
#[case::connect_of_another_family(vec![socket(SocketKind::Tcp4), connect("[::1]:1", false)], exit::CONNECT)]
#[case::connect_not_refused(vec![socket(SocketKind::Udp4), connect("127.0.0.1:1", true)], exit::NOT_REFUSED)]
#[case::connect_nobody(vec![socket(SocketKind::Tcp4), Step::ConnectNobody { path: "/nowhere/socket".into() }], exit::CONNECT_NOBODY)]
#[case::send_to(vec![socket(SocketKind::Tcp4), Step::SendTo { to: "127.0.0.1:1".into(), data: "x".into() }], exit::SEND_TO)]
#[case::rename_device(vec![socket(SocketKind::Udp4), Step::RenameDevice { from: "nowhere0".into(), to: "x".into() }], exit::RENAME_DEVICE)]
#[case::after_execve_in_memory(vec![Step::Execve { path: env!("CARGO_BIN_EXE_subject").into(), in_memory: true, then: vec![Step::Unlink { path: "/nowhere/file".into() }] }], exit::UNLINK)]
#[case::after_execve(vec![Step::Execve { path: env!("CARGO_BIN_EXE_subject").into(), in_memory: false, then: vec![Step::Unlink { path: "/nowhere/file".into() }] }], exit::UNLINK)]
fn failed_step_has_its_own_exit_status(#[case] steps: Vec<Step>, #[case] status: i32) {
    let output = perform(steps);
    assert_eq!(output.status.code(), Some(status), "{output:?}");
    assert_eq!(output.stderr.is_empty(), status == exit::SUCCESS);
    assert!(output.stdout.is_empty());
}

#[rstest]
#[case::no_json("write")]
#[case::unknown_step(r#"{"perform":{"gate":null,"steps":[{"format_disk":{}}]}}"#)]
#[case::unknown_field(
    r#"{"perform":{"gate":null,"steps":[{"unlink":{"path":"/nowhere/file","force":true}}]}}"#
)]
fn order_that_is_not_understood_is_not_performed(#[case] order: &str) {
    assert_eq!(subject(order).status.code(), Some(exit::BAD_ORDER));
}

#[test]
fn steps_do_what_they_are_called() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(dir.path().join("gone"), "").unwrap();
    let output = perform(vec![
        open(&path("new"), &[OpenFlag::Wronly, OpenFlag::Creat, OpenFlag::Excl]),
        Step::Write { data: "0123456789".into() },
        Step::WriteAt { data: "ab".into(), offset: 4 },
        open(&path("new"), &[OpenFlag::Wronly, OpenFlag::Append]),
        Step::Write { data: "end".into() },
        Step::Rename { from: path("new"), to: path("renamed") },
        Step::Unlink { path: path("gone") },
        Step::WritePipe { data: "said".into() },
        open(&path("renamed"), &[OpenFlag::Wronly, OpenFlag::Append]),
        Step::WriteParts { parts: vec!["one".into()], short: false },
        Step::WriteParts { parts: vec!["tw".into(), "o".into()], short: true },
    ]);
    assert_eq!(output.status.code(), Some(exit::SUCCESS), "{output:?}");
    assert_eq!(output.stdout, b"said");
    assert_eq!(std::fs::read_to_string(dir.path().join("renamed")).unwrap(), "0123ab6789endonetwo");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}

/// Needs root, as creating namespaces does.
#[test]
fn steps_on_sockets_devices_and_namespaces_do_what_they_are_called() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("pipe").to_str().unwrap().to_owned();
    let output = perform(vec![
        Step::Unshare { namespaces: vec![NamespaceKind::Net, NamespaceKind::Uts] },
        Step::Mkfifo { path: pipe.clone() },
        open(&pipe, &[OpenFlag::Rdwr]),
        Step::Write { data: "x".into() },
        socket(SocketKind::Unix),
        Step::ConnectNobody { path: format!("{pipe}.socket") },
        socket(SocketKind::Udp6),
        Step::RenameDevice { from: "lo".into(), to: "other0".into() },
        // Only the new namespace's device is called so now.
        Step::RenameDevice { from: "other0".into(), to: "lo".into() },
        Step::Capset { effective: 0x01, permitted: 0xff, inheritable: 0x02 },
    ]);
    assert_eq!(output.status.code(), Some(exit::SUCCESS), "{output:?}");
    let kind = std::fs::symlink_metadata(&pipe).unwrap().file_type();
    assert!(std::os::unix::fs::FileTypeExt::is_fifo(&kind));
}

#[test]
fn a_connection_is_made_to_who_listens_and_refused_by_who_does_not() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let to = listener.local_addr().unwrap().to_string();
    let output = perform(vec![socket(SocketKind::Tcp4), connect(&to, false)]);
    assert_eq!(output.status.code(), Some(exit::SUCCESS), "{output:?}");
    let peer = listener.accept().unwrap().1;
    assert!(peer.ip().is_loopback());
    drop(listener);
    let output = perform(vec![socket(SocketKind::Tcp4), connect(&to, true)]);
    assert_eq!(output.status.code(), Some(exit::SUCCESS), "{output:?}");
}

#[test]
fn a_datagram_arrives_where_it_was_sent_also_with_a_longer_address() {
    let receiver = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let to = receiver.local_addr().unwrap().to_string();
    let output = perform(vec![
        socket(SocketKind::Udp4),
        Step::Connect { to: to.clone(), length: Some(99), refused: false },
        Step::SendTo { to, data: "datagram".into() },
    ]);
    assert_eq!(output.status.code(), Some(exit::SUCCESS), "{output:?}");
    let mut buffer = [0; 16];
    let (count, _) = receiver.recv_from(&mut buffer).unwrap();
    assert_eq!(buffer[..count], *b"datagram");
}

#[rstest]
#[case::exited(vec![Step::Unlink { path: "/nowhere/file".into() }], exit::UNLINK)]
#[case::succeeded(vec![], exit::SUCCESS)]
fn relay_passes_exit_statuses_on(#[case] steps: Vec<Step>, #[case] status: i32) {
    let inner = Box::new(Order::AsChild { inner: Box::new(Order::Perform { gate: None, steps }) });
    let order = serde_json::to_string(&Order::AsChild { inner }).unwrap();
    assert_eq!(subject(&order).status.code(), Some(status));
}

#[test]
fn relay_tells_a_signal_by_its_own_exit_status() {
    let dir = tempfile::tempdir().unwrap();
    let gate = dir.path().join("gate");
    let (pid, mut relay, stream) = at_gate(&gate, |inner| Order::AsChild { inner });
    assert_ne!(u32::try_from(pid).unwrap(), relay.id());
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL).unwrap();
    drop(stream);
    assert_eq!(relay.wait().unwrap().code(), Some(exit::RELAYED_SIGNAL + 9));
}

/// Starts a subject in the place that `place` gives it; returns its pid as it is here, and what was started.
fn at_gate(
    gate: &Path,
    place: impl FnOnce(Box<Order>) -> Order,
) -> (i32, std::process::Child, std::os::unix::net::UnixStream) {
    let listener = UnixListener::bind(gate).unwrap();
    let order = place(Box::new(Order::Perform { gate: Some(gate.to_owned()), steps: vec![] }));
    let started = Command::new(env!("CARGO_BIN_EXE_subject"))
        .arg(serde_json::to_string(&order).unwrap())
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let (stream, _) = listener.accept().unwrap();
    (getsockopt(&stream, PeerCredentials).unwrap().pid(), started, stream)
}

fn status_field(pid: i32, name: &str) -> Vec<i32> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.split_whitespace().map(|word| word.parse().unwrap()).collect()
}

/// Needs root, as creating a PID namespace does.
#[test]
fn child_of_namespace_init_has_pid_1_as_its_parent() {
    let dir = tempfile::tempdir().unwrap();
    let (pid, mut outer, mut stream) = at_gate(&dir.path().join("gate"), |inner| Order::AsNamespaceInit {
        inner: Box::new(Order::AsChild { inner }),
    });
    let ids = status_field(pid, "NSpid:");
    let parent = status_field(pid, "PPid:")[0];
    assert_eq!((ids.len(), ids[0]), (2, pid));
    assert_eq!(status_field(parent, "NSpid:")[1], 1);
    stream.write_all(&[1]).unwrap();
    assert_eq!(outer.wait().unwrap().code(), Some(exit::SUCCESS));
}

/// Needs root, as creating a PID namespace does.
#[test]
fn process_that_entered_a_namespace_has_its_parent_outside() {
    let dir = tempfile::tempdir().unwrap();
    let stay_gate = dir.path().join("stay");
    let listener = UnixListener::bind(&stay_gate).unwrap();
    let order = Order::AsNamespaceInit { inner: Box::new(Order::Stay { gate: stay_gate }) };
    let mut holder = Command::new(env!("CARGO_BIN_EXE_subject"))
        .arg(serde_json::to_string(&order).unwrap())
        .spawn()
        .unwrap();
    let (held, _) = listener.accept().unwrap();
    let init = getsockopt(&held, PeerCredentials).unwrap().pid();
    assert_eq!(status_field(init, "NSpid:")[1..], [1]);

    let (pid, mut relay, mut stream) =
        at_gate(&dir.path().join("gate"), |inner| Order::InNamespaceOf { pid: init, inner });
    let ids = status_field(pid, "NSpid:");
    assert!(ids.len() == 2 && ids[1] > 1, "{ids:?}");
    let parent = status_field(pid, "PPid:")[0];
    assert_eq!(u32::try_from(parent).unwrap(), relay.id());
    assert_eq!(status_field(parent, "NSpid:"), [parent]);
    let namespace = |pid: i32| std::fs::read_link(format!("/proc/{pid}/ns/pid")).unwrap();
    assert_eq!(namespace(pid), namespace(init));

    stream.write_all(&[1]).unwrap();
    assert_eq!(relay.wait().unwrap().code(), Some(exit::SUCCESS));
    drop(held);
    assert_eq!(holder.wait().unwrap().code(), Some(exit::SUCCESS));
}
