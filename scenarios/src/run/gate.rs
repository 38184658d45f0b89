//! The gate: where a subject waits until the runner knows its pid and lets it go.
//!
//! The kernel translates the credentials of a socket's peer into the reader's PID namespace, so the runner learns
//! the pid under which the agent sees the subject, wherever the subject lives.

use std::io::{self, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::Instant;

use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};

use super::error::RunError;
use super::wait;

/// A listening gate.
#[derive(Debug)]
pub(super) struct Gate {
    listener: UnixListener,
    path: PathBuf,
}

/// Somebody who waits at the gate. Dropping it closes the gate in its face.
#[derive(Debug)]
pub(super) struct Waiting {
    stream: UnixStream,
    /// Its pid in the runner's namespace.
    pub(super) pid: i32,
}

impl Gate {
    /// Opens a gate; a socket that an earlier performance left at `path` is replaced.
    pub(super) fn open(path: &Path) -> Result<Self, RunError> {
        match std::fs::remove_file(path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(RunError::file("remove", path)(error)),
        }
        let listener = UnixListener::bind(path).map_err(RunError::file("listen on", path))?;
        listener.set_nonblocking(true).map_err(RunError::file("listen on", path))?;
        Ok(Self { listener, path: path.to_owned() })
    }

    /// Waits for somebody to come. `bringer` is the process that should make it happen; when it ends before, the
    /// answer is `None`.
    pub(super) fn await_arrival(
        &self,
        bringer: &mut Child,
        name: &'static str,
        deadline: Instant,
    ) -> Result<Option<Waiting>, RunError> {
        let mut ended = false;
        let arrival = wait::poll(deadline, || match self.listener.accept() {
            Ok((stream, _)) => Ok(Some(Some(stream))),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                // One more look after its end: it may have come and died at once.
                if ended {
                    return Ok(Some(None));
                }
                ended = bringer.try_wait().map_err(RunError::process("wait for", name))?.is_some();
                Ok(None)
            }
            Err(error) => Err(RunError::file("accept on", &self.path)(error)),
        })?;
        match arrival {
            Some(Some(stream)) => Ok(Some(Waiting { pid: self.pid_of(&stream)?, stream })),
            _ => Ok(None),
        }
    }

    fn pid_of(&self, stream: &UnixStream) -> Result<i32, RunError> {
        let credentials = getsockopt(stream, PeerCredentials)
            .map_err(|errno| RunError::file("read the peer's credentials on", &self.path)(errno.into()))?;
        Ok(credentials.pid())
    }
}

impl Waiting {
    /// Lets it go. That it has died meanwhile is not an error here: its wait status will tell.
    pub(super) fn release(mut self, gate: &Path) -> Result<(), RunError> {
        match self.stream.write_all(&[1]) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(RunError::file("write to", gate)(error))
            }
            _ => Ok(()),
        }
    }
}
