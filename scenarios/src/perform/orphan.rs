//! A process whose parent is gone: what descends from a program is not only what its parents say.

use std::fs::File;
use std::io::{self, Read};
use std::time::Duration;

use nix::errno::Errno;
use nix::unistd::{getpid, getppid, pipe};

use super::steps;
use crate::raw::fork;
use crate::step::Step;

/// How often the grandchild asks for its parent.
const ASK_AGAIN: Duration = Duration::from_millis(1);

/// Has a grandchild perform the steps when its parent is gone, and waits until it is gone too, whatever it executed meanwhile.
pub(super) fn perform(then: &[Step]) -> nix::Result<()> {
    // Kept by new images, so that its end is that of the last one.
    let (ours, theirs) = pipe()?;
    fork::in_child(|| {
        let parent = getpid();
        let made = fork::in_child(|| {
            while getppid() == parent {
                std::thread::sleep(ASK_AGAIN);
            }
            if let Err(error) = steps::perform(then) {
                eprintln!("subject: an orphan: {error}");
            }
        });
        if let Err(errno) = made {
            eprintln!("subject: no orphan: {errno}");
        }
    })?;
    drop(theirs);
    let errno = |error: io::Error| error.raw_os_error().map_or(Errno::EIO, Errno::from_raw);
    File::from(ours).read_to_end(&mut Vec::new()).map(drop).map_err(errno)
}
