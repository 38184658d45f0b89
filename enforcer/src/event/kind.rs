//! In which message of the schema a hook's event stands, and how that message names the place: the policy's section decides, not
//! the mechanism that serves it, so that an event looks the same on every kernel.

use serde_json::{Map, Value, json};

use crate::policy::ast::{HookPoint, UserPlace};

/// The key of the event.
#[must_use]
pub const fn message(point: &HookPoint) -> &'static str {
    match point {
        // A trampoline at a function says what a kprobe there says.
        HookPoint::Kprobe { .. } | HookPoint::Fentry { .. } | HookPoint::Functions { .. } => "process_kprobe",
        HookPoint::Tracepoint { .. } => "process_tracepoint",
        HookPoint::Lsm { .. } => "process_lsm",
        HookPoint::Uprobe { .. } => "process_uprobe",
        HookPoint::Usdt { .. } => "process_usdt",
    }
}

/// The keys that say where it was; `function` is the kernel function that was called.
#[must_use]
pub fn place(point: &HookPoint, function: &str) -> Map<String, Value> {
    let place = match point {
        HookPoint::Kprobe { .. } | HookPoint::Fentry { .. } | HookPoint::Functions { .. } => {
            json!({ "function_name": function })
        }
        HookPoint::Tracepoint { subsystem, event, .. } => json!({ "subsys": subsystem, "event": event }),
        HookPoint::Lsm { hook } => json!({ "function_name": hook }),
        HookPoint::Uprobe { path, place: UserPlace::Symbol(symbol), .. } => {
            json!({ "path": path, "symbol": symbol })
        }
        // 64-bit numbers are strings in the JSON form of protocol buffers.
        HookPoint::Uprobe { path, place: UserPlace::Offset(offset), .. } => {
            json!({ "path": path, "offset": offset.to_string() })
        }
        HookPoint::Uprobe { path, place: UserPlace::Address(address), .. } => {
            json!({ "path": path, "address": address.to_string() })
        }
        HookPoint::Usdt { path, provider, name } => {
            json!({ "path": path, "provider": provider, "name": name })
        }
    };
    match place {
        Value::Object(keys) => keys,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn uprobe(place: UserPlace) -> HookPoint {
        HookPoint::Uprobe { path: "/lib/x".into(), place, returns: false }
    }

    #[rstest]
    #[case::kprobe(
        HookPoint::Kprobe { function: "__x64_sys_write".into(), syscall: true, returns: false, every_abi: true },
        "process_kprobe",
        json!({"function_name": "__ia32_sys_write"})
    )]
    #[case::fentry(
        HookPoint::Fentry { function: "vfs_write".into(), syscall: false, returns: true },
        "process_kprobe",
        json!({"function_name": "__ia32_sys_write"})
    )]
    #[case::tracepoint(
        HookPoint::Tracepoint { subsystem: "syscalls".into(), event: "sys_enter_write".into(), raw: false },
        "process_tracepoint",
        json!({"subsys": "syscalls", "event": "sys_enter_write"})
    )]
    #[case::lsm(HookPoint::Lsm { hook: "file_open".into() }, "process_lsm", json!({"function_name": "file_open"}))]
    #[case::symbol(
        uprobe(UserPlace::Symbol("malloc".into())),
        "process_uprobe",
        json!({"path": "/lib/x", "symbol": "malloc"})
    )]
    #[case::offset(uprobe(UserPlace::Offset(16)), "process_uprobe", json!({"path": "/lib/x", "offset": "16"}))]
    #[case::address(uprobe(UserPlace::Address(32)), "process_uprobe", json!({"path": "/lib/x", "address": "32"}))]
    #[case::usdt(
        HookPoint::Usdt { path: "/bin/x".into(), provider: "p".into(), name: "n".into() },
        "process_usdt",
        json!({"path": "/bin/x", "provider": "p", "name": "n"})
    )]
    fn every_section_of_a_policy_has_its_own_message_and_place(
        #[case] point: HookPoint,
        #[case] key: &str,
        #[case] keys: Value,
    ) {
        assert_eq!(message(&point), key);
        assert_eq!(Value::Object(place(&point, "__ia32_sys_write")), keys);
    }
}
