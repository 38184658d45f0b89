//! Records as the kernel hands them over: what the agent has to read for every event.

use quell_wire::WireRecord as _;
use quell_wire::code::{ArgStatus, ArgType};
use quell_wire::event::{EVENT_VERSION, EventArg, EventHead};

/// A record with the path of an executable and these arguments.
///
/// # Panics
/// Never: the lengths are small.
#[must_use]
pub fn record(args: &[(ArgType, &[u8])]) -> Vec<u8> {
    let small = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let head =
        EventHead { version: EVENT_VERSION, tgid: 4711, args: small(args.len()), ..EventHead::default() };
    let mut bytes = Vec::new();
    head.write(&mut bytes);
    let executable = (ArgType::String, "/usr/bin/some-program".as_bytes());
    for (arg_type, value) in std::iter::once(&executable).chain(args) {
        let head = EventArg {
            arg_type: arg_type.number(),
            status: ArgStatus::Ok.number(),
            length: small(value.len()),
            mode: 0,
            number: value.len() as u64,
        };
        head.write(&mut bytes);
        bytes.extend_from_slice(value);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
    }
    let length = small(bytes.len());
    if let Some(first) = bytes.first_chunk_mut() {
        *first = length.to_le_bytes();
    }
    bytes
}
