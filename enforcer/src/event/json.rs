//! Events as JSON lines in the schema of Tetragon's events, with what that has no place for under `quell`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use quell_wire::code::{Action, ArgStatus, ArgType};
use quell_wire::event::{
    EVENT_CUT, EVENT_FAILED_CLOSED, EVENT_MONITORED, EVENT_UNREADABLE, EventHead, NO_SELECTOR,
    SIGNAL_NOT_SENT,
};
use serde_json::{Map, Value, json};

use super::clock::WallClock;
use super::record::{Event, EventValue};

/// What an event needs from its hook and its agent.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// Name of the machine.
    pub node: &'a str,
    /// Name of the policy.
    pub policy: &'a str,
    /// The hooked function.
    pub call: &'a str,
    /// The hook's message.
    pub message: Option<&'a str>,
    /// Labels of the hook's arguments.
    pub labels: &'a [Option<String>],
    /// How the hook is served.
    pub mechanism: &'a str,
}

/// One event as a JSON object.
#[must_use]
pub fn value(event: &Event, origin: Origin<'_>, clock: &WallClock) -> Value {
    let head = &event.head;
    let mut kprobe = Map::new();
    kprobe.insert("process".into(), process(event, origin.node, clock));
    kprobe.insert(
        "parent".into(),
        json!({
            "exec_id": exec_id(origin.node, head.parent_start_ns, head.parent_tgid),
            "pid": head.parent_tgid,
            "start_time": clock.of_boottime(head.parent_start_ns),
        }),
    );
    kprobe.insert("function_name".into(), origin.call.into());
    let args = event.args.iter().zip(0..).map(|(value, position): (_, usize)| {
        let label = origin.labels.get(position).and_then(Option::as_deref);
        argument(value, label)
    });
    kprobe.insert("args".into(), args.collect());
    kprobe.insert("action".into(), action(event).into());
    kprobe.insert("policy_name".into(), origin.policy.into());
    if let Some(message) = origin.message {
        kprobe.insert("message".into(), message.into());
    }
    json!({
        "process_kprobe": kprobe,
        "node_name": origin.node,
        "time": clock.of_boottime(head.time_ns),
        "quell": own(event, origin),
    })
}

/// What the kernel did. A kill that the kernel refused is not called one; `quell.signal_result` has its errno.
const fn action(event: &Event) -> &'static str {
    if event.killed() { "KPROBE_ACTION_SIGKILL" } else { "KPROBE_ACTION_POST" }
}

fn process(event: &Event, node: &str, clock: &WallClock) -> Value {
    let head = &event.head;
    json!({
        "exec_id": exec_id(node, head.start_ns, head.tgid),
        "pid": head.tgid,
        "tid": head.tid,
        "uid": head.uid,
        "binary": text(&event.executable.bytes),
        "start_time": clock.of_boottime(head.start_ns),
    })
}

/// `node:start:pid` in base64: unique per process, also when process ids are used again.
fn exec_id(node: &str, start_ns: u64, pid: u32) -> String {
    BASE64.encode(format!("{node}:{start_ns}:{pid}"))
}

fn own(event: &Event, origin: Origin<'_>) -> Value {
    let head: &EventHead = &event.head;
    let flags = [
        (EVENT_FAILED_CLOSED, "failed_closed"),
        (EVENT_UNREADABLE, "unreadable_argument"),
        (EVENT_CUT, "cut"),
        (EVENT_MONITORED, "monitored"),
    ];
    let flags: Vec<&str> =
        flags.iter().filter(|(bit, _)| head.flags & bit != 0).map(|(_, name)| *name).collect();
    let statuses: Vec<&str> = event.args.iter().map(|value| status(value.status)).collect();
    let mut own = json!({
        "mechanism": origin.mechanism,
        "arg_status": statuses,
        "flags": flags,
        "comm": text(trim(&head.comm)),
        "parent_comm": text(trim(&head.parent_comm)),
        "ns_pid": head.ns_tgid,
        "kill_requested": event.performed(Action::Sigkill),
    });
    if let Some(own) = own.as_object_mut() {
        if head.selector != NO_SELECTOR {
            own.insert("selector".into(), head.selector.into());
        }
        if head.signal_result != SIGNAL_NOT_SENT.cast_signed() {
            own.insert("signal_result".into(), head.signal_result.into());
        }
    }
    own
}

/// How reading an argument went, as users see it.
#[must_use]
pub const fn status(status: ArgStatus) -> &'static str {
    match status {
        ArgStatus::Absent => "absent",
        ArgStatus::Ok => "ok",
        ArgStatus::Truncated => "truncated",
        ArgStatus::UserFault => "user_fault",
        ArgStatus::KernelFault => "kernel_fault",
        ArgStatus::Disconnected => "disconnected",
        ArgStatus::NoPath => "no_path",
        ArgStatus::BadFd => "bad_fd",
    }
}

fn argument(value: &EventValue, label: Option<&str>) -> Value {
    let mut out = match value.arg_type {
        ArgType::Int | ArgType::S32 | ArgType::S16 | ArgType::S8 => {
            json!({ "int_arg": value.number.cast_signed() })
        }
        ArgType::U32 | ArgType::U16 | ArgType::U8 => json!({ "uint_arg": value.number }),
        // 64-bit numbers are strings in the JSON form of protocol buffers.
        ArgType::S64 => json!({ "long_arg": value.number.cast_signed().to_string() }),
        ArgType::U64 | ArgType::SizeT => json!({ "size_arg": value.number.to_string() }),
        ArgType::String | ArgType::Filename => json!({ "string_arg": text(&value.bytes) }),
        ArgType::CharBuf if value.status == ArgStatus::Truncated => json!({
            "truncated_bytes_arg": { "bytes_arg": BASE64.encode(&value.bytes), "orig_size": value.number.to_string() }
        }),
        ArgType::CharBuf => json!({ "bytes_arg": BASE64.encode(&value.bytes) }),
        ArgType::Fd | ArgType::File => json!({ "file_arg": { "path": text(&value.bytes) } }),
        ArgType::Path => json!({ "path_arg": { "path": text(&value.bytes) } }),
    };
    if let (Some(label), Some(out)) = (label, out.as_object_mut()) {
        out.insert("label".into(), label.into());
    }
    out
}

fn trim(name: &[u8]) -> &[u8] {
    name.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Bytes as text; what is not UTF-8 becomes U+FFFD, as JSON has no other way.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use quell_wire::event::EVENT_VERSION;
    use rstest::rstest;

    use super::*;

    fn event(signal_result: i32, actions: u32) -> Event {
        let head = EventHead {
            version: EVENT_VERSION,
            tgid: 7,
            tid: 8,
            start_ns: 5,
            signal_result,
            actions,
            args: 2,
            comm: *b"subject\0\0\0\0\0\0\0\0\0",
            ..EventHead::default()
        };
        let value = |arg_type, number, bytes: &[u8]| EventValue {
            arg_type,
            status: ArgStatus::Ok,
            number,
            bytes: bytes.to_vec(),
        };
        Event {
            head,
            executable: value(ArgType::Path, 0, b"/lab/subject"),
            args: vec![value(ArgType::Fd, 3, b"/etc/passwd"), value(ArgType::S64, u64::MAX, b"")],
        }
    }

    const ORIGIN: Origin<'_> = Origin {
        node: "guest",
        policy: "p",
        call: "__x64_sys_write",
        message: None,
        labels: &[],
        mechanism: "kprobe",
    };

    #[test]
    fn a_kill_is_written_in_tetragons_schema() {
        let json = value(&event(0, 1 << Action::Sigkill.number()), ORIGIN, &WallClock::zero());
        let kprobe = &json["process_kprobe"];
        assert_eq!(kprobe["action"], "KPROBE_ACTION_SIGKILL");
        assert_eq!(kprobe["process"]["pid"], 7);
        assert_eq!(kprobe["process"]["binary"], "/lab/subject");
        assert_eq!(kprobe["process"]["exec_id"], BASE64.encode("guest:5:7"));
        assert_eq!(kprobe["args"][0]["file_arg"]["path"], "/etc/passwd");
        assert_eq!(kprobe["args"][1]["long_arg"], "-1");
        assert_eq!(json["quell"]["signal_result"], 0);
        assert_eq!(json["quell"]["comm"], "subject");
    }

    #[test]
    fn a_refused_kill_is_not_called_a_kill() {
        let json = value(&event(-1, 1 << Action::Sigkill.number()), ORIGIN, &WallClock::zero());
        assert_eq!(json["process_kprobe"]["action"], "KPROBE_ACTION_POST");
        assert_eq!(json["quell"]["signal_result"], -1);
        assert_eq!(json["quell"]["kill_requested"], true);
    }

    fn one(arg_type: ArgType, status: ArgStatus, number: u64, bytes: &[u8]) -> Value {
        argument(&EventValue { arg_type, status, number, bytes: bytes.to_vec() }, None)
    }

    #[rstest]
    #[case(ArgType::S32, u64::MAX, json!({"int_arg": -1}))]
    #[case(ArgType::Int, 7, json!({"int_arg": 7}))]
    #[case(ArgType::S8, u64::MAX, json!({"int_arg": -1}))]
    #[case(ArgType::U32, 0xffff_ffff, json!({"uint_arg": 4_294_967_295_u64}))]
    #[case(ArgType::S64, u64::MAX, json!({"long_arg": "-1"}))]
    #[case(ArgType::U64, u64::MAX, json!({"size_arg": "18446744073709551615"}))]
    #[case(ArgType::SizeT, 6, json!({"size_arg": "6"}))]
    fn numbers_are_spelled_by_their_type(#[case] ty: ArgType, #[case] number: u64, #[case] expected: Value) {
        assert_eq!(one(ty, ArgStatus::Ok, number, b""), expected);
    }

    #[rstest]
    #[case(ArgType::String, json!({"string_arg": "a\u{fffd}b"}))]
    #[case(ArgType::Filename, json!({"string_arg": "a\u{fffd}b"}))]
    #[case(ArgType::CharBuf, json!({"bytes_arg": "Yf9i"}))]
    #[case(ArgType::File, json!({"file_arg": {"path": "a\u{fffd}b"}}))]
    #[case(ArgType::Fd, json!({"file_arg": {"path": "a\u{fffd}b"}}))]
    #[case(ArgType::Path, json!({"path_arg": {"path": "a\u{fffd}b"}}))]
    fn bytes_that_are_not_text_stay_readable_and_buffers_whole(#[case] ty: ArgType, #[case] expected: Value) {
        assert_eq!(one(ty, ArgStatus::Ok, 3, b"a\xffb"), expected);
    }

    #[test]
    fn a_cut_buffer_says_how_long_it_was() {
        let expected = json!({"truncated_bytes_arg": {"bytes_arg": "YQ==", "orig_size": "9000"}});
        assert_eq!(one(ArgType::CharBuf, ArgStatus::Truncated, 9000, b"a"), expected);
    }

    #[test]
    fn labels_belong_to_their_arguments_and_the_message_to_the_event() {
        let labels = [None, Some("length".to_owned())];
        let origin = Origin { message: Some("a write"), labels: &labels, ..ORIGIN };
        let json = value(&event(1, 0), origin, &WallClock::zero());
        assert_eq!(json["process_kprobe"]["message"], "a write");
        assert_eq!(json["process_kprobe"]["args"][0].get("label"), None);
        assert_eq!(json["process_kprobe"]["args"][1]["label"], "length");
    }

    #[test]
    fn an_event_without_a_match_names_no_selector_and_no_signal() {
        let mut event = event(SIGNAL_NOT_SENT.cast_signed(), 0);
        event.head.selector = NO_SELECTOR;
        event.head.flags = EVENT_UNREADABLE | EVENT_CUT;
        event.args[0].status = ArgStatus::UserFault;
        let json = value(&event, ORIGIN, &WallClock::zero());
        assert_eq!(json["quell"].get("selector"), None);
        assert_eq!(json["quell"].get("signal_result"), None);
        assert_eq!(json["quell"]["flags"], json!(["unreadable_argument", "cut"]));
        assert_eq!(json["quell"]["arg_status"], json!(["user_fault", "ok"]));
    }

    #[test]
    fn every_flag_and_status_has_a_name_of_its_own() {
        let mut event = event(0, 0);
        event.head.flags = u32::MAX;
        let json = value(&event, ORIGIN, &WallClock::zero());
        let known = quell_wire::event::FLAGS.iter().filter(|code| {
            let name = code.c_name;
            name.starts_with("QUELL_EVENT_") && name != "QUELL_EVENT_VERSION"
        });
        assert_eq!(json["quell"]["flags"].as_array().unwrap().len(), known.count());
        let mut names: Vec<_> = ArgStatus::ALL.iter().map(|found| status(*found)).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ArgStatus::ALL.len());
    }
}
