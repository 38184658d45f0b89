//! Events as JSON lines in the peer's schema, with what it has no place for under `quell`.

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
        "time": clock.of_monotonic(head.time_ns),
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
    fn a_kill_is_in_the_peers_schema() {
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
}
