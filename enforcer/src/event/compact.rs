//! Events as one line for people.

use quell_wire::code::{Action, ArgStatus, ArgType};
use quell_wire::event::{EVENT_FAILED_CLOSED, EVENT_MONITORED, EVENT_UNREADABLE};
use quell_wire::selector::{Connection, FAMILY_6, NO_PORT};

use super::argument::address;
use super::json::{Origin, status};
use super::names;
use super::record::{Event, EventValue};

/// One event as a line without its end.
#[must_use]
pub fn line(event: &Event, origin: Origin<'_>) -> String {
    let head = &event.head;
    let what = if event.killed() {
        "killed".to_owned()
    } else if event.performed(Action::Sigkill) {
        format!("KILL FAILED (errno {})", -head.signal_result)
    } else if let Some(error) = event.refused() {
        format!("refused ({})", names::error(error))
    } else if event.signalled() {
        format!("signal {}", head.signal)
    } else if event.performed(Action::Signal) {
        format!("SIGNAL {} FAILED (errno {})", head.signal, -head.signal_result)
    } else if head.flags & EVENT_MONITORED != 0 {
        "would kill".to_owned()
    } else if head.flags & EVENT_UNREADABLE != 0 {
        "unreadable".to_owned()
    } else {
        "seen".to_owned()
    };
    let args: Vec<String> = event.args.iter().map(argument).collect();
    let closed = if head.flags & EVENT_FAILED_CLOSED != 0 { " [failed closed]" } else { "" };
    // Beside a signal, which has the first word.
    let refused = match event.refused() {
        Some(error) if !what.starts_with("refused") => format!(" [refused: {}]", names::error(error)),
        _ => String::new(),
    };
    let returned = event.returned.as_ref().filter(|value| value.arg_type != ArgType::Nop);
    let returned = returned.map(|value| format!(" = {}", argument(value))).unwrap_or_default();
    let binary = String::from_utf8_lossy(&event.executable.bytes);
    format!(
        "{what:<10} {binary} (pid {}) {}({}){returned} [{}]{refused}{closed}",
        head.tgid,
        origin.function(event),
        args.join(", "),
        origin.policy
    )
}

fn argument(value: &EventValue) -> String {
    match value.status {
        ArgStatus::Ok | ArgStatus::Truncated if value.arg_type.is_bytes() => {
            let dots = if value.status == ArgStatus::Truncated { "…" } else { "" };
            let shown: Vec<u8> = value.bytes.iter().take(80).copied().collect();
            let cut = if shown.len() < value.bytes.len() { "…" } else { dots };
            if value.arg_type.is_path() {
                format!("{}{cut}", shown.escape_ascii())
            } else {
                format!("\"{}\"{cut}", shown.escape_ascii())
            }
        }
        ArgStatus::Ok => number_or_connection(value),
        other => format!("<{}>", status(other)),
    }
}

fn number_or_connection(value: &EventValue) -> String {
    if let Some(of) = value.connection() {
        return connection(value.arg_type, &of);
    }
    match value.arg_type {
        ArgType::Capability => names::capability(value.number),
        ArgType::KernelCap | ArgType::CapInheritable | ArgType::CapPermitted | ArgType::CapEffective => {
            format!("{:#x}", value.number)
        }
        ArgType::U64 | ArgType::SizeT | ArgType::Syscall64 => value.number.to_string(),
        _ => value.number.cast_signed().to_string(),
    }
}

/// `127.0.0.1:80 → 10.0.0.1:443`; of an address one end, and of other families their name.
fn connection(arg_type: ArgType, of: &Connection) -> String {
    let end = |family, bytes: &[u8; 16], port| match (family, address(family, bytes)) {
        (_, text) if port == NO_PORT => text,
        (FAMILY_6, text) => format!("[{text}]:{port}"),
        (_, text) => format!("{text}:{port}"),
    };
    let source = end(of.source_family, &of.source_address, of.source_port);
    match (of.source_family, of.destination_family) {
        (0, 0) => names::family(of.family),
        _ if arg_type == ArgType::Sockaddr => source,
        _ => {
            let destination = end(of.destination_family, &of.destination_address, of.destination_port);
            format!("{source} → {destination}")
        }
    }
}

#[cfg(test)]
mod tests {
    use quell_wire::WireRecord;
    use quell_wire::event::{EVENT_REFUSED, EventHead, SIGNAL_NOT_SENT};
    use quell_wire::selector::FAMILY_4;
    use rstest::rstest;

    use super::*;
    use crate::policy::ast::HookPoint;

    static WRITE: HookPoint =
        HookPoint::Kprobe { function: String::new(), syscall: true, returns: false, every_abi: true };

    const ORIGIN: Origin<'_> = Origin {
        node: "guest",
        policy: "p",
        point: &WRITE,
        call: "__x64_sys_write",
        message: None,
        tags: &[],
        labels: &[],
        selector_labels: &[],
        symbols: None,
        mechanism: "kprobe",
        targets: &[],
        return_label: None,
    };

    fn value(arg_type: ArgType, status: ArgStatus, number: u64, bytes: &[u8]) -> EventValue {
        EventValue { arg_type, status, number, mode: 0, bytes: bytes.to_vec() }
    }

    fn event(signal_result: i32, actions: u32, flags: u32) -> Event {
        Event {
            head: EventHead { tgid: 7, signal_result, actions, flags, ..EventHead::default() },
            executable: value(ArgType::Path, ArgStatus::Ok, 0, b"/lab/subject"),
            args: vec![
                value(ArgType::Fd, ArgStatus::Ok, 3, b"/etc/passwd"),
                value(ArgType::S32, ArgStatus::Ok, u64::MAX, b""),
            ],
            returned: None,
            kernel_stack: vec![],
            user_stack: vec![],
        }
    }

    const KILL: u32 = 1 << Action::Sigkill.number();
    const SIGNAL: u32 = 1 << Action::Signal.number();
    const NOT_SENT: i32 = SIGNAL_NOT_SENT.cast_signed();

    #[test]
    fn a_kill_is_one_line() {
        let expected = "killed     /lab/subject (pid 7) __x64_sys_write(/etc/passwd, -1) [p]";
        assert_eq!(line(&event(0, KILL, 0), ORIGIN), expected);
    }

    #[rstest]
    #[case(event(0, KILL, 0), "killed ")]
    #[case(event(-11, KILL, 0), "KILL FAILED (errno 11) ")]
    #[case(event(0, SIGNAL, 0), "signal 0 ")]
    #[case(event(-1, SIGNAL, 0), "SIGNAL 0 FAILED (errno 1) ")]
    #[case(event(NOT_SENT, 1, EVENT_MONITORED), "would kill ")]
    #[case(event(NOT_SENT, 0, EVENT_UNREADABLE), "unreadable ")]
    #[case(event(NOT_SENT, 1, 0), "seen ")]
    fn the_first_word_says_what_happened(#[case] event: Event, #[case] word: &str) {
        let line = line(&event, ORIGIN);
        assert!(line.starts_with(word), "{line}");
        assert!(!line.contains('\n') && !line.contains("failed closed"), "{line}");
    }

    #[test]
    fn a_refusal_is_named_beside_a_kill_or_alone_and_the_returned_value_follows() {
        let mut refused = event(0, KILL, EVENT_REFUSED);
        refused.head.error = -1;
        let expected =
            "killed     /lab/subject (pid 7) __x64_sys_write(/etc/passwd, -1) [p] [refused: EPERM]";
        assert_eq!(line(&refused, ORIGIN), expected);
        let mut refused = event(NOT_SENT, 0, EVENT_REFUSED);
        refused.head.error = -13;
        refused.returned = Some(value(ArgType::S64, ArgStatus::Ok, u64::MAX - 12, b""));
        let expected = "refused (EACCES) /lab/subject (pid 7) __x64_sys_write(/etc/passwd, -1) = -13 [p]";
        assert_eq!(line(&refused, ORIGIN), expected);
    }

    #[test]
    fn a_match_for_want_of_certainty_is_marked() {
        assert!(line(&event(0, KILL, EVENT_FAILED_CLOSED), ORIGIN).ends_with(" [failed closed]"));
    }

    #[rstest]
    #[case(value(ArgType::String, ArgStatus::Ok, 0, b"a\n\"\x1b"), r#""a\n\"\x1b""#)]
    #[case(value(ArgType::CharBuf, ArgStatus::Truncated, 9000, b"abc"), "\"abc\"…")]
    #[case(value(ArgType::Path, ArgStatus::Truncated, 0, b"/b/c"), "/b/c…")]
    #[case(value(ArgType::Fd, ArgStatus::BadFd, 9, b""), "<bad_fd>")]
    #[case(value(ArgType::Fd, ArgStatus::NoPath, 9, b""), "<no_path>")]
    #[case(value(ArgType::String, ArgStatus::UserFault, 0, b""), "<user_fault>")]
    fn an_argument_cannot_break_the_line_or_pretend(#[case] value: EventValue, #[case] shown: &str) {
        assert_eq!(argument(&value), shown);
    }

    #[test]
    fn a_long_argument_is_shortened_visibly() {
        let shown = argument(&value(ArgType::CharBuf, ArgStatus::Ok, 0, &[b'a'; 81]));
        assert_eq!(shown, format!("\"{}\"…", "a".repeat(80)));
    }

    fn connected(source_family: u32, destination_family: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        let (mut source_address, mut destination_address) = ([0; 16], [0; 16]);
        source_address[0] = 10;
        destination_address[15] = 1;
        let connection = Connection {
            family: 16,
            source_family,
            destination_family,
            source_address,
            destination_address,
            source_port: 1024,
            destination_port: 53,
            ..Connection::default()
        };
        connection.write(&mut bytes);
        bytes
    }

    #[rstest]
    #[case(ArgType::Sock, FAMILY_4, FAMILY_6, "10.0.0.0:1024 → [::1]:53")]
    #[case(ArgType::Sockaddr, FAMILY_4, 0, "10.0.0.0:1024")]
    #[case(ArgType::Sock, 0, 0, "AF_NETLINK")]
    fn a_connection_is_shown_by_its_ends(
        #[case] ty: ArgType,
        #[case] source: u32,
        #[case] destination: u32,
        #[case] shown: &str,
    ) {
        assert_eq!(argument(&value(ty, ArgStatus::Ok, 0, &connected(source, destination))), shown);
    }

    #[test]
    fn capabilities_have_their_names() {
        assert_eq!(argument(&value(ArgType::Capability, ArgStatus::Ok, 12, b"")), "CAP_NET_ADMIN");
        assert_eq!(argument(&value(ArgType::CapEffective, ArgStatus::Ok, 0x1000, b"")), "0x1000");
    }
}
