//! Events as JSON lines in the schema of Tetragon's events, with what that has no place for under `quell`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use quell_wire::code::{Action, ArgStatus, ArgType};
use quell_wire::event::{
    EVENT_CUT, EVENT_FAILED_CLOSED, EVENT_MONITORED, EVENT_MONOTONIC, EVENT_REFUSED, EVENT_RETURNED,
    EVENT_UNREADABLE, EventHead, NO_SELECTOR, SIGNAL_NOT_SENT,
};
use quell_wire::hook::Convention;
use serde_json::{Map, Value, json};

use super::argument::{self, text};
use super::clock::WallClock;
use super::record::Event;
use super::{kind, names};
use crate::hook::mechanism::Target;
use crate::kernel::symbols::Symbols;
use crate::policy::ast::HookPoint;

/// What an event needs from its hook and its agent.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// Name of the machine.
    pub node: &'a str,
    /// Name of the policy.
    pub policy: &'a str,
    /// The section and place of the policy that it belongs to.
    pub point: &'a HookPoint,
    /// The hooked function.
    pub call: &'a str,
    /// The hook's message.
    pub message: Option<&'a str>,
    /// The hook's tags.
    pub tags: &'a [String],
    /// Labels of the hook's arguments.
    pub labels: &'a [Option<String>],
    /// Labels of the hook's selectors.
    pub selector_labels: &'a [Option<String>],
    /// Names of kernel addresses, when a hook asks for stacks.
    pub symbols: Option<&'a Symbols>,
    /// How the hook is served.
    pub mechanism: &'a str,
    /// What its programs are attached to.
    pub targets: &'a [Target],
    /// Label of what the function returned.
    pub return_label: Option<&'a str>,
}

impl<'a> Origin<'a> {
    /// The function of an event: of one that stands for several (a system call in every ABI, a pattern), the one that was called.
    #[must_use]
    pub fn function(&self, event: &Event) -> &'a str {
        match self.targets {
            // One load of several, at one of the call's entries.
            [entry] if matches!(entry.convention, Convention::Syscall64 | Convention::Syscall32) => {
                &entry.symbol
            }
            [] | [_] => self.call,
            many => usize::try_from(event.head.target)
                .ok()
                .and_then(|target| many.get(target))
                .map_or(self.call, |target| &target.symbol),
        }
    }
}

/// One event as a JSON object.
#[must_use]
pub fn value(event: &Event, origin: Origin<'_>, clock: &WallClock) -> Value {
    let head = &event.head;
    let mut message = Map::new();
    message.insert("process".into(), process(event, origin.node, clock));
    message.insert(
        "parent".into(),
        json!({
            "exec_id": exec_id(origin.node, head.parent_start_ns, head.parent_tgid),
            "pid": head.parent_tgid,
            "start_time": clock.of_boottime(head.parent_start_ns),
        }),
    );
    message.extend(kind::place(origin.point, origin.function(event)));
    let args = event.args.iter().zip(0..).map(|(value, position): (_, usize)| {
        let label = origin.labels.get(position).and_then(Option::as_deref);
        argument::value(value, label)
    });
    message.insert("args".into(), args.collect());
    if let Some(returned) = event.returned.as_ref().filter(|value| value.arg_type != ArgType::Nop) {
        message.insert("return".into(), argument::value(returned, origin.return_label));
    }
    message.insert("action".into(), action(event).into());
    message.insert("policy_name".into(), origin.policy.into());
    if let Some(text) = origin.message {
        message.insert("message".into(), text.into());
    }
    if !origin.tags.is_empty() {
        message.insert("tags".into(), origin.tags.into());
    }
    if !event.kernel_stack.is_empty() {
        let frames = event.kernel_stack.iter().map(|address| frame(*address, origin.symbols));
        message.insert("kernel_stack_trace".into(), frames.collect());
    }
    if !event.user_stack.is_empty() {
        let frames = event.user_stack.iter().map(|address| frame(*address, None));
        message.insert("user_stack_trace".into(), frames.collect());
    }
    let time = if head.flags & EVENT_MONOTONIC != 0 {
        clock.of_monotonic(head.time_ns)
    } else {
        clock.of_boottime(head.time_ns)
    };
    json!({
        (kind::message(origin.point)): message,
        "node_name": origin.node,
        "time": time,
        "quell": own(event, origin),
    })
}

/// What the kernel did. A kill that the kernel refused is not called one; `quell.signal_result` has its errno.
const fn action(event: &Event) -> &'static str {
    if event.killed() {
        "KPROBE_ACTION_SIGKILL"
    } else if event.refused().is_some() {
        "KPROBE_ACTION_OVERRIDE"
    } else if event.signalled() {
        "KPROBE_ACTION_SIGNAL"
    } else if event.performed(Action::NotifyEnforcer) {
        "KPROBE_ACTION_NOTIFYENFORCER"
    } else if event.performed(Action::FollowFd) {
        "KPROBE_ACTION_FOLLOWFD"
    } else if event.performed(Action::UnfollowFd) {
        "KPROBE_ACTION_UNFOLLOWFD"
    } else if event.performed(Action::CopyFd) {
        "KPROBE_ACTION_COPYFD"
    } else {
        "KPROBE_ACTION_POST"
    }
}

/// One frame of a stack. 64-bit numbers are strings in the JSON form of protocol buffers.
fn frame(address: u64, symbols: Option<&Symbols>) -> Value {
    match symbols.and_then(|symbols| symbols.at(address)) {
        Some(symbol) => json!({
            "address": address.to_string(),
            "offset": symbol.offset.to_string(),
            "symbol": symbol.name,
        }),
        None => json!({ "address": address.to_string() }),
    }
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
pub(super) fn exec_id(node: &str, start_ns: u64, pid: u32) -> String {
    BASE64.encode(format!("{node}:{start_ns}:{pid}"))
}

fn own(event: &Event, origin: Origin<'_>) -> Value {
    let head: &EventHead = &event.head;
    let flags = [
        (EVENT_FAILED_CLOSED, "failed_closed"),
        (EVENT_UNREADABLE, "unreadable_argument"),
        (EVENT_CUT, "cut"),
        (EVENT_MONITORED, "monitored"),
        (EVENT_MONOTONIC, "monotonic_clock"),
        (EVENT_RETURNED, "returned"),
        (EVENT_REFUSED, "refused"),
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
            let label = origin.selector_labels.get(head.selector as usize).and_then(Option::as_deref);
            own.extend(label.map(|label| ("selector_label".into(), label.into())));
        }
        if head.signal_result != SIGNAL_NOT_SENT.cast_signed() {
            own.insert("signal_result".into(), head.signal_result.into());
            own.insert("signal".into(), head.signal.into());
        }
        if let Some(error) = event.refused() {
            own.insert("error".into(), (-error).into());
            own.insert("error_name".into(), names::error(error).into());
        }
        if let Some(returned) = &event.returned {
            own.insert("return_status".into(), status(returned.status).into());
        }
        if event.args.iter().any(|value| value.mode != 0) {
            let types = event.args.iter().map(|value| names::file_type(value.mode));
            own.insert("arg_file_type".into(), types.collect());
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

pub(super) fn trim(name: &[u8]) -> &[u8] {
    name.split(|byte| *byte == 0).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use quell_wire::event::EVENT_VERSION;

    use super::*;
    use crate::event::record::EventValue;

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
            mode: 0,
            bytes: bytes.to_vec(),
        };
        Event {
            head,
            executable: value(ArgType::Path, 0, b"/lab/subject"),
            args: vec![value(ArgType::Fd, 3, b"/etc/passwd"), value(ArgType::S64, u64::MAX, b"")],
            returned: None,
            kernel_stack: vec![],
            user_stack: vec![],
        }
    }

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

    #[test]
    fn a_refused_call_has_the_name_of_its_error() {
        let mut event = event(SIGNAL_NOT_SENT.cast_signed(), 1 << Action::Override.number());
        event.head.flags = EVENT_REFUSED;
        event.head.error = -13;
        let json = value(&event, ORIGIN, &WallClock::zero());
        assert_eq!(json["process_kprobe"]["action"], "KPROBE_ACTION_OVERRIDE");
        assert_eq!((&json["quell"]["error"], &json["quell"]["error_name"]), (&json!(-13), &json!("EACCES")));
        assert_eq!(json["quell"]["flags"], json!(["refused"]));
    }

    #[test]
    fn what_a_function_returned_is_told_with_its_label() {
        let mut event = event(1, 0);
        event.head.flags = EVENT_RETURNED;
        event.returned = Some(EventValue {
            arg_type: ArgType::S64,
            status: ArgStatus::Ok,
            number: 5,
            mode: 0,
            bytes: vec![],
        });
        let json = value(&event, Origin { return_label: Some("written"), ..ORIGIN }, &WallClock::zero());
        assert_eq!(json["process_kprobe"]["return"], json!({"long_arg": "5", "label": "written"}));
        assert_eq!(json["quell"]["return_status"], "ok");
    }

    #[test]
    fn of_several_targets_the_one_that_was_called_is_named() {
        let target = |symbol: &str| Target { symbol: symbol.into(), convention: Convention::Syscall64 };
        let targets = [target("__x64_sys_write"), target("__ia32_sys_write")];
        let origin = Origin { targets: &targets, ..ORIGIN };
        let mut event = event(1, 0);
        event.head.target = 1;
        let json = value(&event, origin, &WallClock::zero());
        assert_eq!(json["process_kprobe"]["function_name"], "__ia32_sys_write");
    }

    #[test]
    fn a_load_at_one_entry_of_a_system_call_names_that_entry_and_one_at_another_function_the_hook() {
        let named = |symbol: &str, convention| {
            let targets = [Target { symbol: symbol.into(), convention }];
            let json = value(&event(1, 0), Origin { targets: &targets, ..ORIGIN }, &WallClock::zero());
            json["process_kprobe"]["function_name"].clone()
        };
        assert_eq!(named("__ia32_sys_write", Convention::Syscall32), "__ia32_sys_write");
        assert_eq!(named("file_permission", Convention::Function), ORIGIN.call);
    }

    #[test]
    fn an_event_of_a_security_hook_has_its_own_message() {
        let point = HookPoint::Lsm { hook: "path_unlink".into() };
        let targets = [Target { symbol: "security_path_unlink".into(), convention: Convention::Function }];
        let origin = Origin { point: &point, targets: &targets, mechanism: "fmod_ret", ..ORIGIN };
        let json = value(&event(1, 0), origin, &WallClock::zero());
        assert_eq!(json.get("process_kprobe"), None);
        assert_eq!(json["process_lsm"]["function_name"], "path_unlink");
        assert_eq!(json["process_lsm"]["process"]["pid"], 7);
        assert_eq!(json["quell"]["mechanism"], "fmod_ret");
    }

    #[test]
    fn a_signal_is_called_one_and_named() {
        let mut event = event(0, 1 << Action::Signal.number());
        event.head.signal = 15;
        let json = value(&event, ORIGIN, &WallClock::zero());
        assert_eq!(json["process_kprobe"]["action"], "KPROBE_ACTION_SIGNAL");
        assert_eq!(json["quell"]["signal"], 15);
        assert_eq!(json["quell"]["kill_requested"], false);
    }

    #[test]
    fn stacks_have_names_where_the_kernel_tells_them() {
        let symbols = Symbols::from_kallsyms("ffffffff81000010 T vfs_write\nffffffff81000090 t next\n");
        let mut event = event(1, 0);
        event.kernel_stack = vec![0xffff_ffff_8100_0018, 16];
        event.user_stack = vec![4096];
        let json = value(&event, Origin { symbols: Some(&symbols), ..ORIGIN }, &WallClock::zero());
        let kprobe = &json["process_kprobe"];
        assert_eq!(
            kprobe["kernel_stack_trace"],
            json!([{"address": "18446744071578845208", "offset": "8", "symbol": "vfs_write"}, {"address": "16"}])
        );
        assert_eq!(kprobe["user_stack_trace"], json!([{"address": "4096"}]));
    }

    #[test]
    fn tags_and_the_label_of_the_selector_and_file_types_are_told() {
        let tags = ["one".to_owned()];
        let selector_labels = [Some("secrets".to_owned())];
        let origin = Origin { tags: &tags, selector_labels: &selector_labels, ..ORIGIN };
        let mut event = event(1, 0);
        event.args[0].mode = 0o100_000;
        let json = value(&event, origin, &WallClock::zero());
        assert_eq!(json["process_kprobe"]["tags"], json!(["one"]));
        assert_eq!(json["quell"]["selector_label"], "secrets");
        assert_eq!(json["quell"]["arg_file_type"], json!(["reg", ""]));
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
