//! The beginning of a conversation alone: for a machine that is to be saved, and for one that is only tried.

use std::time::Instant;

use vmtest_proto::{GuestFacts, PROTOCOL_VERSION, ToHost};

use super::{Session, fatal, name, protocol};
use crate::{
    event::RunEvent,
    limits::Limits,
    link::{Heard, Link, Loss},
};

/// Waits for the hello of a guest that was just started: up, and not yet told to begin. This is where it can be saved.
///
/// # Errors
/// It did not come up, or speaks another version of the protocol.
pub fn greet(link: &mut impl Link, limits: Limits, remark: &mut dyn FnMut(String)) -> Result<(), Loss> {
    let until = Instant::now() + limits.boot;
    loop {
        match link.hear(limits.boot_silence, until)? {
            Heard::Message(ToHost::Hello { version }) if version == PROTOCOL_VERSION => return Ok(()),
            Heard::Message(ToHost::Hello { version }) => {
                return Err(protocol(format!("guest speaks version {version}, this lab {PROTOCOL_VERSION}")));
            }
            Heard::Message(ToHost::Fatal { reason }) => return Err(fatal(&reason)),
            Heard::Message(other) => return Err(protocol(format!("{} before hello", name(&other)))),
            Heard::Complaint { reason, line } => remark(format!("during boot: {reason}: `{line}`")),
        }
    }
}

/// Has a guest that was just restored begin, and nothing more. Returns what it says about itself.
///
/// # Errors
/// It did not get ready.
pub fn only_begin(
    link: &mut impl Link,
    limits: Limits,
    file_systems: Vec<String>,
) -> Result<GuestFacts, Loss> {
    let mut ignore = |_: RunEvent| {};
    let mut session = Session::new(link, limits, "", 1, &mut ignore).mounting(file_systems);
    session.begin()
}
