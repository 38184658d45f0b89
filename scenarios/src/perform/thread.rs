//! A second thread: what a process is does not depend on which of its threads asks.

use nix::errno::Errno;

use super::steps;
use crate::step::Step;

/// Has a second thread perform the steps, and waits for its end. What failed in it is told on standard error; the errno is that of
/// a thread that did not do its work.
pub(super) fn perform(then: &[Step]) -> nix::Result<()> {
    let work = || {
        steps::perform(then).map_err(|error| {
            eprintln!("subject: a thread: {error}");
            Errno::ECHILD
        })
    };
    std::thread::scope(|scope| {
        let started = std::thread::Builder::new().spawn_scoped(scope, work);
        let thread = started.map_err(|error| error.raw_os_error().map_or(Errno::EAGAIN, Errno::from_raw))?;
        thread.join().unwrap_or(Err(Errno::ECHILD))
    })
}
