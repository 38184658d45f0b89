//! The control port: frames over the second serial line.

use std::{
    fs::{self, File, OpenOptions},
    io::{ErrorKind, Read, Write},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::fs::OpenOptionsExt,
    },
    path::Path,
};

use anyhow::Context as _;
use nix::{
    fcntl::OFlag,
    sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr},
};
use vmtest_proto::{Decoder, ToGuest, ToHost, encode};

const DEVICE: &str = "/dev/ttyS1";

/// Frames over a byte stream; the stream is a terminal device in a guest and a socket in tests.
pub(crate) struct Port<S = File> {
    stream: S,
    decoder: Decoder<ToGuest>,
}

impl Port<File> {
    /// Opens the line raw: a terminal would otherwise echo and translate bytes.
    pub(crate) fn open() -> anyhow::Result<Self> {
        let stream = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(OFlag::O_NOCTTY.bits())
            .open(DEVICE)
            .with_context(|| format!("failed to open {DEVICE}"))?;
        let mut mode = tcgetattr(&stream).with_context(|| format!("failed to read the mode of {DEVICE}"))?;
        cfmakeraw(&mut mode);
        tcsetattr(&stream, SetArg::TCSANOW, &mode).with_context(|| format!("failed to make {DEVICE} raw"))?;
        Ok(Self::new(stream))
    }
}

impl<S: AsFd> AsFd for Port<S> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

impl<S: Read + Write> Port<S> {
    /// Frames over `stream`.
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, decoder: Decoder::new() }
    }

    /// Takes requests from a file, if it is there, before any that arrive.
    pub(crate) fn foretell(&mut self, path: &Path) -> anyhow::Result<()> {
        match fs::read(path) {
            Ok(bytes) => self.decoder.push(&bytes),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(|| format!("failed to read {}", path.display())),
        }
        Ok(())
    }

    /// Sends one message.
    pub(crate) fn send(&mut self, message: &ToHost) -> anyhow::Result<()> {
        self.send_raw(&encode(message)?)
    }

    /// Sends bytes that need not be a frame.
    pub(crate) fn send_raw(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.stream.write_all(bytes).context("failed to write to the control port")?;
        self.stream.flush().context("failed to flush the control port")
    }

    /// Waits for the next message; the host, not the guest, watches the clock.
    pub(crate) fn receive(&mut self) -> anyhow::Result<ToGuest> {
        loop {
            if let Some(message) = self.take() {
                return Ok(message);
            }
            self.read()?;
        }
    }

    /// A message that has arrived in full.
    pub(crate) fn take(&mut self) -> Option<ToGuest> {
        self.decoder.next_message()
    }

    /// Waits for bytes.
    pub(crate) fn read(&mut self) -> anyhow::Result<()> {
        let mut bytes = [0; 4096];
        let count = self.stream.read(&mut bytes).context("failed to read from the control port")?;
        anyhow::ensure!(count > 0, "the host closed the control port");
        self.decoder.push(&bytes[..count]);
        Ok(())
    }
}
