//! A program of the user's own: its files are unpacked, it is started, its output goes to the host as it comes, and how it
//! ended is said at the end.
//!
//! One loop waits for everything: the host, the outputs, and room in the program's input. PID 1 is also who has to reap every
//! orphan, so it waits for any child and picks the program out.

mod bulk;
mod environment;
mod program;
pub(crate) mod terminal;
mod unpack;

use std::{
    fs::File,
    io::{ErrorKind, Read, Write},
    os::fd::AsFd,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::wait::{WaitPidFlag, WaitStatus, waitpid},
};
use vmtest_proto::{
    BULK_SLOT_BYTES, Bytes, Chunk, ExecEnd, ExecReport, ExecRequest, OutputStream, ToGuest, ToHost,
};

use crate::{children, port::Port};
use bulk::Bulk;
use program::Program;

/// How often a program that prints nothing is said to run on; far below what the host takes for silence.
const ALIVE: Duration = Duration::from_secs(5);
/// How often children are looked for: a program may end while a process that it left behind holds its outputs open.
const GLANCE_MS: u16 = 20;
/// Above this a piece goes through the bulk area: a round trip to the disk costs about as much as this many bytes on the line.
const INLINE_BYTES: usize = 1024;

/// Runs one program; the last thing said about it is [`ToHost::Exited`].
pub(crate) fn run<S: Read + Write + AsFd>(port: &mut Port<S>, request: &ExecRequest) -> anyhow::Result<()> {
    let begun = Instant::now();
    if let Some(payload) = &request.payload {
        unpack::unpack(payload).with_context(|| format!("failed to unpack {}", payload.place))?;
    }
    environment::prepare(&request.directory)?;
    let bulk = request.bulk.as_ref().map(Bulk::open).transpose()?;
    let unpack_ms = millis(begun.elapsed());
    let started = Instant::now();
    let ended = match program::start(request) {
        Ok(program) => Loop { port, program, bulk, spoke: started, ended: None }.run()?,
        Err(reason) => {
            let end = ExecEnd::NotStarted(format!("{reason:#}"));
            Ended { end, leftovers: Vec::new(), run_ms: 0 }
        }
    };
    let Ended { end, leftovers, run_ms } = ended;
    port.send(&ToHost::Exited(ExecReport { end, leftovers, unpack_ms, run_ms }))
}

struct Ended {
    end: ExecEnd,
    leftovers: Vec<String>,
    run_ms: u64,
}

struct Loop<'a, S> {
    port: &'a mut Port<S>,
    program: Program,
    bulk: Option<Bulk>,
    /// When the host last heard something.
    spoke: Instant,
    ended: Option<Ended>,
}

impl<S: Read + Write + AsFd> Loop<'_, S> {
    fn run(mut self) -> anyhow::Result<Ended> {
        let started = self.spoke;
        loop {
            let has_ended = self.ended.is_some();
            self.wait()?;
            while let Some(message) = self.port.take() {
                self.hear(message)?;
            }
            self.program.feed()?;
            let taken = self.program.taken();
            if taken > 0 {
                self.say(&ToHost::InputTaken { bytes: taken })?;
            }
            let moved = self.forward()?;
            // What was printed before the end is in the pipes by now, and nobody is left who could add to it.
            if has_ended
                && !moved
                && !self.is_held_up()
                && let Some(ended) = self.ended.take()
            {
                return Ok(ended);
            }
            if self.ended.is_none()
                && let Some(end) = reap(self.program.pid)?
            {
                let run_ms = millis(started.elapsed());
                self.ended = Some(Ended { end, leftovers: children::clear(), run_ms });
            }
            if self.spoke.elapsed() >= ALIVE {
                self.say(&ToHost::Alive)?;
            }
        }
    }

    /// Waits until something can be done, at most a glance.
    fn wait(&mut self) -> anyhow::Result<()> {
        let held_up = self.is_held_up();
        let mut waiting = vec![PollFd::new(self.port.as_fd(), PollFlags::POLLIN)];
        if !held_up {
            for (_, file) in &self.program.outputs {
                waiting.push(PollFd::new(file.as_fd(), PollFlags::POLLIN));
            }
        }
        if let Some(input) = self.program.wants_to_write() {
            waiting.push(PollFd::new(input.as_fd(), PollFlags::POLLOUT));
        }
        // With the end known there is nothing to wait for but slots.
        let patience = if self.ended.is_some() && !held_up { PollTimeout::ZERO } else { GLANCE_MS.into() };
        match poll(&mut waiting, patience) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno).context("failed to wait for the program"),
        }
        let heard = waiting[0].revents().is_some_and(|events| !events.is_empty());
        drop(waiting);
        if heard { self.port.read() } else { Ok(()) }
    }

    fn hear(&mut self, message: ToGuest) -> anyhow::Result<()> {
        match message {
            ToGuest::Input(Bytes(bytes)) => self.program.queue(&bytes),
            ToGuest::InputEnd => self.program.end_input(),
            ToGuest::Resize(size) => self.program.resize(size)?,
            ToGuest::SlotTaken { slot } => match &mut self.bulk {
                Some(bulk) => bulk.give_back(slot)?,
                None => anyhow::bail!("the host gave back slot {slot} of a bulk area that there is not"),
            },
            other => anyhow::bail!("the host said {other:?} while a program runs"),
        }
        Ok(())
    }

    /// Whether output has to stay where it is until the host has read a slot.
    fn is_held_up(&self) -> bool {
        self.bulk.as_ref().is_some_and(Bulk::is_full)
    }

    /// Sends what the outputs hold, one piece of each; whether there was any.
    fn forward(&mut self) -> anyhow::Result<bool> {
        let mut moved = false;
        let mut at = 0;
        while at < self.program.outputs.len() {
            if self.is_held_up() {
                break;
            }
            let (stream, file) = &mut self.program.outputs[at];
            let stream = *stream;
            match piece(file)? {
                Piece::Some(bytes) => {
                    moved = true;
                    at += 1;
                    self.print(stream, bytes)?;
                }
                Piece::Nothing => at += 1,
                Piece::End => drop(self.program.outputs.remove(at)),
            }
        }
        Ok(moved)
    }

    fn print(&mut self, stream: OutputStream, bytes: Vec<u8>) -> anyhow::Result<()> {
        let chunk = match &mut self.bulk {
            Some(bulk) if bytes.len() > INLINE_BYTES => bulk.put(&bytes)?,
            _ => Chunk::Inline(Bytes(bytes)),
        };
        self.say(&ToHost::Output { stream, chunk })
    }

    fn say(&mut self, message: &ToHost) -> anyhow::Result<()> {
        self.port.send(message)?;
        self.spoke = Instant::now();
        Ok(())
    }
}

enum Piece {
    Some(Vec<u8>),
    Nothing,
    End,
}

fn piece(file: &mut File) -> anyhow::Result<Piece> {
    let mut bytes = vec![0; BULK_SLOT_BYTES as usize];
    match file.read(&mut bytes) {
        Ok(0) => Ok(Piece::End),
        Ok(count) => {
            bytes.truncate(count);
            Ok(Piece::Some(bytes))
        }
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
            Ok(Piece::Nothing)
        }
        // The last process has closed the terminal.
        Err(error) if error.raw_os_error() == Some(Errno::EIO as i32) => Ok(Piece::End),
        Err(error) => Err(error).context("failed to read what the program prints"),
    }
}

/// Reaps whoever has ended; how the program did, if it is among them.
fn reap(program: nix::unistd::Pid) -> anyhow::Result<Option<ExecEnd>> {
    let mut end = None;
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, code)) if pid == program => end = Some(ExecEnd::Code(code)),
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == program => {
                end = Some(ExecEnd::Signal(signal as i32));
            }
            Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return Ok(end),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno).context("failed to wait for the program"),
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
