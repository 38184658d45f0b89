//! The control channel, host side: frames over the socket behind the guest's second serial line, and a trace of them.

use std::{
    fs::File,
    io::{self, ErrorKind, Read, Write},
    os::{
        fd::AsFd,
        unix::net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
};
use thiserror::Error;
use vmtest_proto::{Decoder, DecoderStats, EncodeError, ToGuest, ToHost, encode};

/// Why the channel can't be used.
#[derive(Debug, Error)]
pub enum ChannelError {
    /// The socket can't be made.
    #[error("failed to listen at {path}: {source}")]
    Listen {
        /// The socket.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// QEMU did not connect.
    #[error("failed to accept QEMU's connection: {0}")]
    Accept(io::Error),
    /// Reading, writing or waiting failed.
    #[error("failed to use the control channel: {0}")]
    Transfer(#[from] io::Error),
    /// A message can't be framed.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

/// The host's end before QEMU has connected.
#[derive(Debug)]
pub struct Listener(UnixListener);

impl Listener {
    /// Listens at `path`, which must not exist. Do this before QEMU starts: it connects at once.
    ///
    /// # Errors
    /// The socket can't be made, for example because the path has more than 107 bytes.
    pub fn bind(path: &Path) -> Result<Self, ChannelError> {
        let listen = |source| ChannelError::Listen { path: path.to_owned(), source };
        let listener = UnixListener::bind(path).map_err(listen)?;
        listener.set_nonblocking(true).map_err(listen)?;
        Ok(Self(listener))
    }

    /// Takes QEMU's connection when it is there, as a control channel; waits for it at most `patience`.
    ///
    /// # Errors
    /// Waiting or accepting failed.
    pub fn accept(&self, patience: Duration, trace: File) -> Result<Option<Channel>, ChannelError> {
        let Some(stream) = self.accept_stream(patience)? else { return Ok(None) };
        Ok(Some(Channel {
            stream,
            decoder: Decoder::new(),
            trace,
            started: Instant::now(),
            ended: false,
            bytes: 0,
        }))
    }

    /// The same as a plain stream.
    ///
    /// # Errors
    /// Waiting or accepting failed.
    pub fn accept_stream(&self, patience: Duration) -> Result<Option<UnixStream>, ChannelError> {
        if !readable(&self.0, patience).map_err(ChannelError::Accept)? {
            return Ok(None);
        }
        let (stream, _) = self.0.accept().map_err(ChannelError::Accept)?;
        stream.set_nonblocking(false).map_err(ChannelError::Accept)?;
        Ok(Some(stream))
    }
}

/// A connected control channel.
#[derive(Debug)]
pub struct Channel {
    stream: UnixStream,
    decoder: Decoder<ToHost>,
    trace: File,
    started: Instant,
    ended: bool,
    /// Bytes received so far: any new one is a sign of life.
    pub bytes: u64,
}

impl Channel {
    /// Sends one message. A socket buffer holds far more than any message, so this does not wait for the guest.
    ///
    /// # Errors
    /// The message can't be framed or the peer is gone.
    pub fn send(&mut self, message: &ToGuest) -> Result<(), ChannelError> {
        let frame = encode(message)?;
        self.note("to_guest", message)?;
        self.stream.write_all(&frame)?;
        Ok(())
    }

    /// Next message; `None` when nothing complete arrived within `patience`.
    ///
    /// # Errors
    /// Reading or waiting failed.
    pub fn receive(&mut self, patience: Duration) -> Result<Option<ToHost>, ChannelError> {
        if let Some(message) = self.take()? {
            return Ok(Some(message));
        }
        if self.ended {
            // The peer is gone: nothing will come, and waiting keeps the caller from a busy loop.
            std::thread::sleep(patience);
            return Ok(None);
        }
        if readable(&self.stream, patience)? {
            let mut bytes = [0; 64 * 1024];
            match self.stream.read(&mut bytes) {
                Ok(0) => self.ended = true,
                Ok(count) => {
                    self.bytes += count as u64;
                    self.decoder.push(&bytes[..count]);
                }
                Err(error) if error.kind() == ErrorKind::ConnectionReset => self.ended = true,
                Err(error) => return Err(error.into()),
            }
        }
        self.take()
    }

    /// Whether the peer has closed its end.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// What the decoder had to skip.
    #[must_use]
    pub fn stats(&self) -> DecoderStats {
        self.decoder.stats()
    }

    fn take(&mut self) -> Result<Option<ToHost>, ChannelError> {
        let message = self.decoder.next_message();
        if let Some(message) = &message {
            self.note("to_host", message)?;
        }
        Ok(message)
    }

    fn note(&mut self, direction: &str, message: &impl serde::Serialize) -> Result<(), ChannelError> {
        let at_ms = self.started.elapsed().as_millis();
        let message = serde_json::to_string(message).map_err(EncodeError::from)?;
        writeln!(self.trace, r#"{{"at_ms":{at_ms},"direction":"{direction}","message":{message}}}"#)?;
        Ok(())
    }
}

fn readable(file: &impl AsFd, patience: Duration) -> io::Result<bool> {
    let timeout = PollTimeout::try_from(patience).unwrap_or(PollTimeout::MAX);
    match poll(&mut [PollFd::new(file.as_fd(), PollFlags::POLLIN)], timeout) {
        Ok(count) => Ok(count > 0),
        // A signal: the caller looks at its flags and comes back.
        Err(Errno::EINTR) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connected() -> (tempfile::TempDir, Channel, UnixStream) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("control");
        let listener = Listener::bind(&path).unwrap();
        let guest = UnixStream::connect(&path).unwrap();
        let trace = File::create(directory.path().join("trace.jsonl")).unwrap();
        let channel = listener.accept(Duration::from_secs(5), trace).unwrap().unwrap();
        (directory, channel, guest)
    }

    #[test]
    fn a_message_after_noise_arrives_and_is_traced() {
        let (directory, mut channel, mut guest) = connected();
        guest.write_all(b"SeaBIOS noise").unwrap();
        guest.write_all(&encode(&ToHost::Bye).unwrap()).unwrap();
        assert_eq!(channel.receive(Duration::from_secs(5)).unwrap(), Some(ToHost::Bye));
        assert_eq!(channel.stats().skipped_bytes, 13);
        let trace = std::fs::read_to_string(directory.path().join("trace.jsonl")).unwrap();
        assert!(trace.contains(r#""direction":"to_host","message":"bye""#), "{trace}");
    }

    #[test]
    fn nobody_connecting_is_no_error() {
        let directory = tempfile::tempdir().unwrap();
        let listener = Listener::bind(&directory.path().join("control")).unwrap();
        let trace = File::create(directory.path().join("trace.jsonl")).unwrap();
        assert!(listener.accept(Duration::from_millis(10), trace).unwrap().is_none());
    }

    #[test]
    fn a_peer_that_left_is_noticed_and_its_last_words_are_kept() {
        let (_directory, mut channel, mut guest) = connected();
        guest.write_all(&encode(&ToHost::Bye).unwrap()).unwrap();
        drop(guest);
        assert_eq!(channel.receive(Duration::from_secs(5)).unwrap(), Some(ToHost::Bye));
        assert_eq!(channel.receive(Duration::from_millis(50)).unwrap(), None);
        assert!(channel.has_ended());
    }

    #[test]
    fn a_socket_path_that_is_too_long_says_where() {
        let error = Listener::bind(Path::new(&format!("/tmp/{}", "x".repeat(200)))).unwrap_err();
        assert!(error.to_string().starts_with("failed to listen at /tmp/xxx"), "{error}");
    }
}
