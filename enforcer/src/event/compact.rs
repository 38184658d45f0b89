//! Events as one line for people.

use quell_wire::code::{Action, ArgStatus};
use quell_wire::event::{EVENT_FAILED_CLOSED, EVENT_MONITORED, EVENT_UNREADABLE};

use super::json::{Origin, status};
use super::record::{Event, EventValue};

/// One event as a line without its end.
#[must_use]
pub fn line(event: &Event, origin: Origin<'_>) -> String {
    let head = &event.head;
    let what = if event.killed() {
        "killed".to_owned()
    } else if event.performed(Action::Sigkill) {
        format!("KILL FAILED (errno {})", -head.signal_result)
    } else if head.flags & EVENT_MONITORED != 0 {
        "would kill".to_owned()
    } else if head.flags & EVENT_UNREADABLE != 0 {
        "undecided".to_owned()
    } else {
        "seen".to_owned()
    };
    let args: Vec<String> = event.args.iter().map(argument).collect();
    let closed = if head.flags & EVENT_FAILED_CLOSED != 0 { " [failed closed]" } else { "" };
    let binary = String::from_utf8_lossy(&event.executable.bytes);
    format!(
        "{what:<10} {binary} (pid {}) {}({}) [{}]{closed}",
        head.tgid,
        origin.call,
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
        ArgStatus::Ok => format!("{}", value.number.cast_signed()),
        other => format!("<{}>", status(other)),
    }
}
