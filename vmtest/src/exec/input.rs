//! What the user says to a program: read from standard input by a thread of its own, handed out as the guest has room for it.

use std::{
    collections::VecDeque,
    io::{self, Read as _},
    sync::mpsc::{Receiver, TryRecvError, sync_channel},
    thread,
    time::{Duration, Instant},
};

use vmtest_proto::WindowSize;

use super::terminal::{self, LEAVE};
use crate::session::Said;

/// Pieces that are read ahead; then standard input waits, as it would for a program on this machine.
const PIECES: usize = 8;
const PIECE_BYTES: usize = 4096;
/// How often the terminal's size is looked at.
const SIZE_GLANCE: Duration = Duration::from_millis(500);

/// Standard input.
#[derive(Debug)]
pub struct Input {
    pieces: Option<Receiver<io::Result<Vec<u8>>>>,
    queue: VecDeque<u8>,
    /// With a terminal: its size as the guest knows it, and when it was last looked at.
    terminal: Option<(WindowSize, Instant)>,
    leaves: bool,
}

impl Input {
    /// Nothing is read.
    #[must_use]
    pub fn nothing() -> Self {
        Self { pieces: None, queue: VecDeque::new(), terminal: None, leaves: false }
    }

    /// Standard input as it is.
    #[must_use]
    pub fn plain() -> Self {
        Self { pieces: Some(reader()), ..Self::nothing() }
    }

    /// The user's terminal, which has this size. Ctrl-] leaves.
    #[must_use]
    pub fn terminal(size: WindowSize) -> Self {
        Self { terminal: Some((size, Instant::now())), ..Self::plain() }
    }

    /// Whether somebody may be waiting for an answer.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.pieces.is_some()
    }

    /// The next thing that was said, of input at most `room` bytes.
    pub fn said(&mut self, room: usize) -> Option<Said> {
        if self.queue.is_empty() {
            if self.leaves {
                return Some(Said::Leave);
            }
            match self.pieces.as_ref()?.try_recv() {
                Ok(Ok(piece)) if !piece.is_empty() => self.take(&piece),
                Ok(Ok(_)) => return self.end(),
                Ok(Err(error)) => {
                    eprintln!("vmtest: failed to read standard input: {error}");
                    return self.end();
                }
                Err(TryRecvError::Empty) => return self.resized(),
                Err(TryRecvError::Disconnected) => return self.end(),
            }
        }
        let count = room.min(self.queue.len());
        if count == 0 {
            // A program that reads nothing must not keep the user.
            return self.leaves.then_some(Said::Leave);
        }
        Some(Said::Input(self.queue.drain(..count).collect()))
    }

    fn take(&mut self, piece: &[u8]) {
        let leave = piece.iter().position(|byte| self.terminal.is_some() && *byte == LEAVE);
        self.leaves = leave.is_some();
        self.queue.extend(&piece[..leave.unwrap_or(piece.len())]);
    }

    fn end(&mut self) -> Option<Said> {
        self.pieces = None;
        Some(Said::End)
    }

    fn resized(&mut self) -> Option<Said> {
        let (known, looked) = self.terminal.as_mut()?;
        if looked.elapsed() < SIZE_GLANCE {
            return None;
        }
        *looked = Instant::now();
        let size = terminal::size();
        if size == *known {
            return None;
        }
        *known = size;
        Some(Said::Resized(size))
    }
}

/// A thread that reads; it ends with the program, because nothing can end a read that waits.
fn reader() -> Receiver<io::Result<Vec<u8>>> {
    let (sender, receiver) = sync_channel(PIECES);
    thread::spawn(move || {
        loop {
            let mut piece = vec![0; PIECE_BYTES];
            let read = match io::stdin().read(&mut piece) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read,
            };
            let ends = !matches!(read, Ok(1..));
            let piece = read.map(|count| {
                piece.truncate(count);
                piece
            });
            if sender.send(piece).is_err() || ends {
                return;
            }
        }
    });
    receiver
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(is_terminal: bool, pieces: &[&[u8]]) -> Input {
        let (sender, receiver) = sync_channel(PIECES);
        for piece in pieces {
            sender.send(Ok(piece.to_vec())).unwrap();
        }
        let terminal = is_terminal.then(|| (WindowSize::default(), Instant::now()));
        Input { pieces: Some(receiver), terminal, ..Input::nothing() }
    }

    #[test]
    fn no_more_is_handed_out_than_there_is_room_for() {
        let mut input = input(false, &[b"abcdef", b""]);
        assert_eq!(input.said(4), Some(Said::Input(b"abcd".to_vec())));
        assert_eq!(input.said(0), None);
        assert_eq!(input.said(4), Some(Said::Input(b"ef".to_vec())));
        assert_eq!(input.said(4), Some(Said::End));
        assert_eq!(input.said(4), None);
    }

    #[test]
    fn a_terminal_is_left_after_what_was_typed_before() {
        let mut input = input(true, &[b"ls\r\x1dnot this"]);
        assert_eq!(input.said(100), Some(Said::Input(b"ls\r".to_vec())));
        assert_eq!(input.said(100), Some(Said::Leave));
    }

    #[test]
    fn a_pipe_may_hold_any_byte() {
        let mut input = input(false, &[b"\x1d"]);
        assert_eq!(input.said(100), Some(Said::Input(vec![LEAVE])));
    }
}
