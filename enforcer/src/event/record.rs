//! Ring-buffer bytes to an event. Total: any bytes give an event or an error.

use quell_wire::WireRecord;
use quell_wire::code::{Action, ArgStatus, ArgType};
use quell_wire::event::{EVENT_REFUSED, EVENT_RETURNED, EVENT_VERSION, EventArg, EventHead, MAX_FRAMES};
use quell_wire::limits::MAX_ARGS;
use quell_wire::selector::Connection;

/// One event, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its head as it came.
    pub head: EventHead,
    /// Path of the process's executable.
    pub executable: EventValue,
    /// The hook's arguments in the order of the policy.
    pub args: Vec<EventValue>,
    /// What the function returned; `None` when the event was posted without waiting for that.
    pub returned: Option<EventValue>,
    /// Addresses of the kernel's stack, innermost first; empty when the policy did not ask.
    pub kernel_stack: Vec<u64>,
    /// Addresses of the process's stack.
    pub user_stack: Vec<u64>,
}

/// One argument, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventValue {
    /// Its type.
    pub arg_type: ArgType,
    /// How reading went in the kernel.
    pub status: ArgStatus,
    /// The number, for numbers, capabilities and descriptors; the size that was asked for, for buffers.
    pub number: u64,
    /// Of a path: the type of its file (S_IF* bits), else 0.
    pub mode: u32,
    /// The bytes, for strings.
    pub bytes: Vec<u8>,
}

/// Why bytes are not an event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// The bytes end before the event does.
    #[error("event is cut off at byte {0}")]
    Cut(usize),
    /// Another version of the record.
    #[error("event has version {0} instead of {EVENT_VERSION}")]
    Version(u32),
    /// A number that is not in its table.
    #[error("event has unknown {what} {number}")]
    Unknown {
        /// The table.
        what: &'static str,
        /// The number.
        number: u32,
    },
    /// A stack that no kernel side of this version writes.
    #[error("event has a stack of {0} frames, more than {MAX_FRAMES}")]
    Frames(u32),
    /// More arguments than a hook can have.
    #[error("event has {0} arguments, more than {MAX_ARGS}")]
    Args(u32),
}

impl Event {
    /// Reads one event.
    ///
    /// # Errors
    /// When the bytes are not one.
    pub fn read(bytes: &[u8]) -> Result<Self, EventError> {
        let head = EventHead::read(bytes).ok_or(EventError::Cut(0))?;
        if head.version != EVENT_VERSION {
            return Err(EventError::Version(head.version));
        }
        let mut at = EventHead::SIZE;
        let kernel_stack = frames(bytes, &mut at, head.kernel_frames)?;
        let user_stack = frames(bytes, &mut at, head.user_frames)?;
        let executable = value(bytes, &mut at)?;
        let (args, returned) = arguments(bytes, &mut at, &head)?;
        Ok(Self { head, executable, args, returned, kernel_stack, user_stack })
    }

    /// The error that the call was refused with, positive.
    #[must_use]
    pub const fn refused(&self) -> Option<i32> {
        if self.head.flags & EVENT_REFUSED != 0 { Some(self.head.error.saturating_neg()) } else { None }
    }

    /// Whether an action was performed.
    #[must_use]
    pub const fn performed(&self, action: Action) -> bool {
        self.head.actions & (1 << action.number()) != 0
    }

    /// Whether SIGKILL was sent and the kernel took it.
    #[must_use]
    pub const fn killed(&self) -> bool {
        self.performed(Action::Sigkill) && self.head.signal_result == 0
    }

    /// Whether the signal of a Signal action was sent and the kernel took it.
    #[must_use]
    pub const fn signalled(&self) -> bool {
        self.performed(Action::Signal) && !self.performed(Action::Sigkill) && self.head.signal_result == 0
    }
}

impl EventValue {
    /// An argument that the event does not have.
    fn absent() -> Self {
        Self { arg_type: ArgType::Nop, status: ArgStatus::Absent, number: 0, mode: 0, bytes: Vec::new() }
    }

    /// What was read of a socket; `None` when nothing was, or this is none.
    #[must_use]
    pub fn connection(&self) -> Option<Connection> {
        if self.arg_type.is_connection() { Connection::read(&self.bytes) } else { None }
    }
}

/// The arguments in the order of the policy, and what the function returned. Those that it fills stand behind the others, and
/// only where it has returned; what did not fit was left out by the kernel side, which flags the event.
fn arguments(
    bytes: &[u8],
    at: &mut usize,
    head: &EventHead,
) -> Result<(Vec<EventValue>, Option<EventValue>), EventError> {
    if head.args > MAX_ARGS {
        return Err(EventError::Args(head.args));
    }
    let end = bytes.len().min(head.length as usize);
    let returned = head.flags & EVENT_RETURNED != 0;
    let is_copied = |position: &u32| head.copied & (1 << position) != 0;
    let first = (0..head.args).filter(|position| !is_copied(position));
    let behind = (0..head.args).filter(|position| returned && is_copied(position));
    let mut args: Vec<Option<EventValue>> = (0..head.args).map(|_| None).collect();
    for position in first.chain(behind) {
        if *at >= end {
            break;
        }
        let found = value(bytes, at)?;
        if let Some(slot) = args.get_mut(position as usize) {
            *slot = Some(found);
        }
    }
    let last = if returned && *at < end { Some(value(bytes, at)?) } else { None };
    while args.pop_if(|slot| slot.is_none()).is_some() {}
    Ok((args.into_iter().map(|slot| slot.unwrap_or_else(EventValue::absent)).collect(), last))
}

fn frames(bytes: &[u8], at: &mut usize, count: u32) -> Result<Vec<u64>, EventError> {
    if count > MAX_FRAMES {
        return Err(EventError::Frames(count));
    }
    let length = count as usize * size_of::<u64>();
    let found = bytes.get(*at..).and_then(|rest| rest.get(..length)).ok_or(EventError::Cut(*at))?;
    *at += length;
    Ok(found
        .chunks_exact(size_of::<u64>())
        .filter_map(|word| Some(u64::from_le_bytes(word.try_into().ok()?)))
        .collect())
}

fn value(bytes: &[u8], at: &mut usize) -> Result<EventValue, EventError> {
    let rest = bytes.get(*at..).unwrap_or_default();
    let head = EventArg::read(rest).ok_or(EventError::Cut(*at))?;
    let length = head.length as usize;
    let content =
        rest.get(EventArg::SIZE..).and_then(|rest| rest.get(..length)).ok_or(EventError::Cut(*at))?;
    let unknown = |what, number| EventError::Unknown { what, number };
    let value = EventValue {
        arg_type: ArgType::from_number(head.arg_type).ok_or(unknown("argument type", head.arg_type))?,
        status: ArgStatus::from_number(head.status).ok_or(unknown("argument status", head.status))?,
        number: head.number,
        mode: head.mode,
        bytes: content.to_vec(),
    };
    *at += EventArg::SIZE + length.next_multiple_of(8);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes(event: &Event) -> Vec<u8> {
        let mut out = Vec::new();
        event.head.write(&mut out);
        for frame in event.kernel_stack.iter().chain(&event.user_stack) {
            out.extend_from_slice(&frame.to_le_bytes());
        }
        for value in std::iter::once(&event.executable).chain(&event.args).chain(&event.returned) {
            let length = u32::try_from(value.bytes.len()).unwrap();
            let head = EventArg {
                arg_type: value.arg_type.number(),
                status: value.status.number(),
                length,
                mode: value.mode,
                number: value.number,
            };
            head.write(&mut out);
            out.extend_from_slice(&value.bytes);
            out.resize(out.len().next_multiple_of(8), 0);
        }
        let length = u32::try_from(out.len()).unwrap();
        out[..4].copy_from_slice(&length.to_le_bytes());
        out
    }

    fn values() -> impl Strategy<Value = EventValue> {
        (
            prop::sample::select(ArgType::ALL),
            prop::sample::select(ArgStatus::ALL),
            any::<u64>(),
            any::<u32>(),
            prop::collection::vec(any::<u8>(), 0..40),
        )
            .prop_map(|(arg_type, status, number, mode, bytes)| EventValue {
                arg_type,
                status,
                number,
                mode,
                bytes,
            })
    }

    proptest! {
        #[test]
        fn an_event_is_read_as_it_was_written(
            executable in values(), args in prop::collection::vec(values(), 0..5), tgid in any::<u32>(),
            kernel_stack in prop::collection::vec(any::<u64>(), 0..=32),
            user_stack in prop::collection::vec(any::<u64>(), 0..=32),
        ) {
            let small = |count| u32::try_from(count).unwrap();
            let head = EventHead {
                version: EVENT_VERSION,
                tgid,
                args: small(args.len()),
                kernel_frames: small(kernel_stack.len()),
                user_frames: small(user_stack.len()),
                ..EventHead::default()
            };
            let mut event = Event { head, executable, args, returned: None, kernel_stack, user_stack };
            let bytes = bytes(&event);
            event.head.length = u32::try_from(bytes.len()).unwrap();
            prop_assert_eq!(Event::read(&bytes), Ok(event));
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = Event::read(&bytes);
        }
    }

    type Read = (Vec<(ArgStatus, u64)>, Option<u64>);

    /// An event whose second argument of three the function fills, written and read: statuses and numbers.
    fn filled(flags: u32, args: &[u64], returned: Option<u64>) -> Read {
        let value = |number| EventValue { number, status: ArgStatus::Ok, ..EventValue::absent() };
        let head =
            EventHead { version: EVENT_VERSION, flags, args: 3, copied: 0b010, ..EventHead::default() };
        let event = Event {
            head,
            executable: value(0),
            args: args.iter().copied().map(value).collect(),
            returned: returned.map(value),
            kernel_stack: vec![],
            user_stack: vec![],
        };
        let read = Event::read(&bytes(&event)).unwrap();
        let args = read.args.iter().map(|arg| (arg.status, arg.number)).collect();
        (args, read.returned.map(|value| value.number))
    }

    #[test]
    fn arguments_that_a_function_fills_come_behind_the_others_and_only_when_it_has_returned() {
        let ok = ArgStatus::Ok;
        let whole = vec![(ok, 1), (ok, 2), (ok, 3)];
        assert_eq!(filled(EVENT_RETURNED, &[1, 3, 2], Some(4)), (whole, Some(4)));
        assert_eq!(filled(0, &[1, 3], None), (vec![(ok, 1), (ArgStatus::Absent, 0), (ok, 3)], None));
    }

    #[test]
    fn more_arguments_than_a_hook_can_have_are_no_event() {
        let mut out = Vec::new();
        EventHead { version: EVENT_VERSION, args: MAX_ARGS + 1, ..EventHead::default() }.write(&mut out);
        out.resize(out.len() + EventArg::SIZE, 0);
        out[EventHead::SIZE..][..4].copy_from_slice(&ArgType::Path.number().to_le_bytes());
        assert_eq!(Event::read(&out), Err(EventError::Args(MAX_ARGS + 1)));
    }

    #[test]
    fn another_version_is_refused() {
        let mut out = Vec::new();
        EventHead { version: EVENT_VERSION + 1, ..EventHead::default() }.write(&mut out);
        assert_eq!(Event::read(&out), Err(EventError::Version(EVENT_VERSION + 1)));
    }
}
