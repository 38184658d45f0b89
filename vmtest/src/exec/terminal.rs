//! The user's terminal: every key goes to the guest as it is, until the program there ends.

use std::io::{self, IsTerminal as _};

use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};
use vmtest_proto::WindowSize;

/// Ctrl-], which ends a session as it does in other programs of this kind.
pub const LEAVE: u8 = 0x1d;
/// What a terminal that says nothing of its size is taken for.
const USUAL: WindowSize = WindowSize { rows: 24, columns: 80 };

/// The terminal, raw; dropping it makes it what it was.
#[derive(Debug)]
pub struct Raw(Option<Termios>);

impl Raw {
    /// Makes standard input raw, if it is a terminal.
    ///
    /// # Errors
    /// It is a terminal and does not let itself.
    pub fn new() -> io::Result<Self> {
        let stdin = io::stdin();
        if !stdin.is_terminal() {
            return Ok(Self(None));
        }
        let before = tcgetattr(&stdin)?;
        let mut raw = before.clone();
        cfmakeraw(&mut raw);
        tcsetattr(&stdin, SetArg::TCSANOW, &raw)?;
        Ok(Self(Some(before)))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        if let Some(before) = &self.0
            && let Err(error) = tcsetattr(io::stdin(), SetArg::TCSADRAIN, before)
        {
            eprintln!("vmtest: failed to restore the terminal ({error}); `reset` does");
        }
    }
}

/// The size of the user's terminal.
#[must_use]
pub fn size() -> WindowSize {
    match rustix::termios::tcgetwinsize(io::stdout()) {
        Ok(size) if size.ws_row > 0 && size.ws_col > 0 => {
            WindowSize { rows: size.ws_row, columns: size.ws_col }
        }
        _ => USUAL,
    }
}
