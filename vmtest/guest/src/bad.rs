//! Deliberately bad guests, chosen by `quell.bad=…` on the kernel command line.
//!
//! A lab that has only ever seen good guests can't be believed when it says that all is well. The self-tests boot these.

use std::{fs, thread, time::Duration};

use anyhow::Context as _;
use vmtest_proto::{CellReport, PROTOCOL_VERSION, ToHost, encode};

use crate::{port::Port, spoil};

const PARAMETER: &str = "quell.bad=";

/// How this guest misbehaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Bad {
    /// It does not.
    #[default]
    No,
    /// Never says hello.
    Silent,
    /// Says hello, takes the first cell and never answers.
    Mute,
    /// Crashes the kernel before hello.
    BootPanic,
    /// Crashes the kernel when it is asked for a cell.
    Panic,
    /// Leaves PID 1 when it is asked for a cell.
    InitExit,
    /// Reports every cell twice.
    Double,
    /// Answers for a cell that nobody asked for.
    Foreign,
    /// Writes noise between its frames, which has to do no harm.
    Noisy,
    /// Speaks another version of the protocol.
    WrongVersion,
    /// Performs its cell, and spoils its machine afterwards as far as it can: programs, files, clock, memory. When it is then
    /// asked for another cell, it says so.
    Spoil,
}

const NAMES: &[(&str, Bad)] = &[
    ("silent", Bad::Silent),
    ("mute", Bad::Mute),
    ("boot-panic", Bad::BootPanic),
    ("panic", Bad::Panic),
    ("init-exit", Bad::InitExit),
    ("double", Bad::Double),
    ("foreign", Bad::Foreign),
    ("noisy", Bad::Noisy),
    ("wrong-version", Bad::WrongVersion),
    ("spoil", Bad::Spoil),
];

impl Bad {
    /// Reads the parameter; an unknown value is an error, because a self-test with a good guest would test nothing.
    pub(crate) fn from_cmdline(cmdline: &str) -> anyhow::Result<Self> {
        let Some(value) = cmdline.split_whitespace().find_map(|word| word.strip_prefix(PARAMETER)) else {
            return Ok(Self::No);
        };
        let found = NAMES.iter().find(|(name, _)| *name == value);
        found.map(|(_, bad)| *bad).with_context(|| format!("`{PARAMETER}{value}` names no misbehaviour"))
    }

    /// The version that Hello carries.
    pub(crate) fn protocol_version(self) -> u32 {
        if self == Self::WrongVersion { PROTOCOL_VERSION + 1 } else { PROTOCOL_VERSION }
    }

    /// Misbehaves before the port is open.
    pub(crate) fn before_hello(self) -> anyhow::Result<()> {
        match self {
            Self::Silent => sleep_for_ever(),
            Self::BootPanic => crash_the_kernel(),
            _ => Ok(()),
        }
    }

    /// Misbehaves when a cell is asked for.
    pub(crate) fn before_cell<S: std::io::Read + std::io::Write>(
        self,
        port: &mut Port<S>,
    ) -> anyhow::Result<()> {
        match self {
            Self::Mute => sleep_for_ever(),
            Self::Panic => crash_the_kernel(),
            Self::InitExit => std::process::exit(3),
            Self::Spoil if spoil::is_spoilt()? => {
                port.send(&ToHost::Fatal {
                    reason: "this machine was spoilt by an earlier cell".to_owned(),
                })?;
                sleep_for_ever()
            }
            Self::Noisy => port.send_raw(b"noise \xF5Q between frames\r\n\xFF"),
            _ => Ok(()),
        }
    }

    /// Misbehaves after the verdict.
    pub(crate) fn after_verdict<S: std::io::Read + std::io::Write>(
        self,
        port: &mut Port<S>,
        verdict: &ToHost,
    ) -> anyhow::Result<()> {
        match self {
            Self::Spoil => spoil::spoil(),
            Self::Double => port.send(verdict),
            Self::Foreign => port.send(&ToHost::Verdict {
                cell: "no/such-cell@none".to_owned(),
                report: CellReport::Error("nobody asked".to_owned()),
            }),
            Self::Noisy => {
                let mut frame = encode(&ToHost::Bye)?;
                frame.truncate(7);
                port.send_raw(&frame)
            }
            _ => Ok(()),
        }
    }
}

fn sleep_for_ever() -> ! {
    loop {
        thread::sleep(Duration::from_secs(3600));
    }
}

/// A real crash inside the kernel, not a message that looks like one.
fn crash_the_kernel() -> anyhow::Result<()> {
    fs::write("/proc/sysrq-trigger", "c").context("failed to crash the kernel on request")?;
    sleep_for_ever()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_back_as_its_misbehaviour() {
        for (name, bad) in NAMES {
            assert_eq!(Bad::from_cmdline(&format!("quiet quell.bad={name} panic=-1\n")).unwrap(), *bad);
        }
    }

    #[test]
    fn a_command_line_without_the_parameter_is_a_good_guest() {
        assert_eq!(Bad::from_cmdline("console=ttyS0 quiet").unwrap(), Bad::No);
    }

    #[test]
    fn an_unknown_misbehaviour_is_refused() {
        let error = Bad::from_cmdline("quell.bad=polite").unwrap_err();
        assert!(error.to_string().contains("quell.bad=polite"), "{error}");
    }
}
