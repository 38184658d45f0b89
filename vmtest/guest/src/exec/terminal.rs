//! A terminal for a program: a pair of them, and the little process in between that makes it the program's own.
//!
//! A terminal belongs to a session, and only the session's leader can take one, after it was forked. The standard library offers
//! nothing safe for that moment, so PID 1 starts itself once more under a word of its own; that process leads a new session,
//! opens the terminal, which makes it the session's, and becomes the program.

use std::{
    env,
    ffi::OsString,
    fs::{File, OpenOptions},
    io::{self, Write as _},
    os::{fd::AsFd as _, unix::process::CommandExt as _},
    process::{Command, ExitCode},
};

use anyhow::Context as _;
use nix::{
    pty::{Winsize, openpty},
    unistd::{setsid, ttyname},
};
use rustix::termios::tcsetwinsize;
use vmtest_proto::WindowSize;

/// This program, as long as it runs.
pub(crate) const HELPER: &str = "/proc/self/exe";
/// The first argument of the process in between.
pub(crate) const WORD: &str = "--on-own-terminal";
/// What a shell says of a program that can't be started.
const NOT_STARTED: u8 = 126;

/// Opens a pair; the first end is the guest's, the second the program's.
pub(crate) fn open(size: WindowSize) -> anyhow::Result<(File, File)> {
    let size = Winsize { ws_row: size.rows, ws_col: size.columns, ws_xpixel: 0, ws_ypixel: 0 };
    let pair = openpty(&size, None).context("failed to open a terminal")?;
    Ok((File::from(pair.master), File::from(pair.slave)))
}

/// Another size for a terminal; its programs are told by signal.
pub(crate) fn resize(terminal: &File, size: WindowSize) -> anyhow::Result<()> {
    let size =
        rustix::termios::Winsize { ws_row: size.rows, ws_col: size.columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(terminal.as_fd(), size).context("failed to set the terminal's size")
}

/// The process in between: `--on-own-terminal FILE NAME ARGUMENT…` with the terminal as its standard input. Returns only if the
/// program can't be started.
pub(crate) fn helper() -> ExitCode {
    let arguments: Vec<OsString> = env::args_os().skip(2).collect();
    let error = match become_program(&arguments) {
        Ok(never) => match never {},
        Err(error) => error,
    };
    // What can't be said here is at least in the exit code.
    let _ = writeln!(io::stderr(), "vmtest: {error:#}");
    ExitCode::from(NOT_STARTED)
}

fn become_program(arguments: &[OsString]) -> anyhow::Result<std::convert::Infallible> {
    let [file, name, rest @ ..] = arguments else { anyhow::bail!("no program is named") };
    setsid().context("failed to make a session")?;
    let name_of_terminal = ttyname(io::stdin()).context("failed to find the terminal")?;
    // The first terminal that a session's leader opens becomes the session's.
    let opened = OpenOptions::new().read(true).write(true).open(&name_of_terminal);
    drop(opened.with_context(|| format!("failed to open {}", name_of_terminal.display()))?);
    let error = Command::new(file).arg0(name).args(rest).exec();
    Err(error).with_context(|| format!("failed to start {} in the guest", file.to_string_lossy()))
}
