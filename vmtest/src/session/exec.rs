//! A program of the user's own in a guest: what it prints goes to the user, what the user types goes to it, until one of them ends.

use std::{
    io,
    time::{Duration, Instant},
};

use vmtest_proto::{
    Bytes, Chunk, ExecReport, ExecRequest, INPUT_WINDOW_BYTES, OutputStream, ToGuest, ToHost, WindowSize,
};

use super::Session;
use crate::link::{Heard, Link, Loss};

/// Something that comes from the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// Input for the program.
    Input(Vec<u8>),
    /// There is no more input.
    End,
    /// The terminal has another size.
    Resized(WindowSize),
    /// The user wants to leave.
    Leave,
}

/// The user, as a session sees one.
pub trait User {
    /// Shows a piece of output; says which slot of the bulk area is read by that.
    ///
    /// # Errors
    /// Nobody takes the output, or it can't be read.
    fn show(&mut self, stream: OutputStream, chunk: Chunk) -> io::Result<Option<u32>>;

    /// What the user has said by now, of input at most `room` bytes.
    fn said(&mut self, room: usize) -> Option<Said>;

    /// How long an answer may wait for the guest to say something first.
    fn pace(&self) -> Duration;
}

/// How a program in a guest came to its end, or the watch over it.
#[derive(Debug)]
pub enum ExecEnded {
    /// The program ended.
    Exited(ExecReport),
    /// It had not ended in time.
    TimedOut {
        /// Since the guest last said anything: a guest that does not even say that it lives is stuck.
        silent: Duration,
    },
    /// The user left.
    Left,
    /// Nobody takes its output.
    NobodyListens(io::Error),
}

/// Why nothing is known of the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExecLoss {
    /// The guest did not come up.
    Boot(Loss),
    /// The guest was lost while the program ran.
    Run(Loss),
}

impl<L: Link> Session<'_, L> {
    /// Runs a program for at most `within`. The guest is of no use afterwards.
    ///
    /// # Errors
    /// The guest did not boot, or was lost.
    pub fn exec(
        mut self,
        request: ExecRequest,
        within: Duration,
        user: &mut dyn User,
    ) -> Result<ExecEnded, ExecLoss> {
        let facts = self.hello().map_err(ExecLoss::Boot)?;
        self.ready(facts);
        self.converse(request, within, user).map_err(ExecLoss::Run)
    }

    /// The same in a guest that is held, whose cell is not performed any more.
    ///
    /// # Errors
    /// The guest was lost.
    pub fn exec_held(
        mut self,
        request: ExecRequest,
        within: Duration,
        user: &mut dyn User,
    ) -> Result<ExecEnded, ExecLoss> {
        self.converse(request, within, user).map_err(ExecLoss::Run)
    }

    fn converse(
        &mut self,
        request: ExecRequest,
        within: Duration,
        user: &mut dyn User,
    ) -> Result<ExecEnded, Loss> {
        self.link.send(&ToGuest::Exec(Box::new(request)))?;
        let mut heard_at = Instant::now();
        let until = heard_at + within;
        let mut room = INPUT_WINDOW_BYTES as usize;
        loop {
            while let Some(said) = user.said(room) {
                let message = match said {
                    Said::Input(bytes) => {
                        room = room.saturating_sub(bytes.len());
                        ToGuest::Input(Bytes(bytes))
                    }
                    Said::End => ToGuest::InputEnd,
                    Said::Resized(size) => ToGuest::Resize(size),
                    Said::Leave => return Ok(ExecEnded::Left),
                };
                self.link.send(&message)?;
            }
            let heard = self.link.glance(self.limits.cell_silence, user.pace())?;
            if heard.is_some() {
                heard_at = Instant::now();
            }
            match heard {
                None => {}
                Some(Heard::Message(ToHost::Output { stream, chunk })) => match user.show(stream, chunk) {
                    Ok(None) => {}
                    Ok(Some(slot)) => self.link.send(&ToGuest::SlotTaken { slot })?,
                    Err(error) => return Ok(ExecEnded::NobodyListens(error)),
                },
                Some(Heard::Message(ToHost::InputTaken { bytes })) => room += bytes as usize,
                Some(Heard::Message(ToHost::Alive)) => {}
                Some(Heard::Message(ToHost::Exited(report))) => {
                    while let Some(complaint) = self.link.complaint()? {
                        self.remark(complaint.to_string());
                    }
                    return Ok(ExecEnded::Exited(report));
                }
                Some(Heard::Message(other)) => return Err(self.unexpected(other, "while a program runs")),
                Some(Heard::Complaint { reason, line }) => self.remark(format!("{reason}: `{line}`")),
            }
            if Instant::now() >= until {
                return Ok(ExecEnded::TimedOut { silent: heard_at.elapsed() });
            }
        }
    }
}

#[cfg(test)]
mod tests;
