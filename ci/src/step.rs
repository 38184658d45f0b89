//! One command line, run from the root of the workspace.

use std::ffi::OsString;

use anyhow::{Context, Result};

use crate::root;

/// A program with its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    words: Vec<OsString>,
}

impl Step {
    /// `cargo` with these arguments: the one that runs this, so that a toolchain override holds for every step.
    /// `--locked` is the caller's: not every subcommand has it.
    pub(crate) fn cargo(arguments: &[&str]) -> Self {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        Self { words: std::iter::once(cargo).chain(arguments.iter().map(OsString::from)).collect() }
    }

    /// A script or program of the repository.
    pub(crate) fn of<const N: usize>(words: [OsString; N]) -> Self {
        Self { words: words.into() }
    }

    /// One of these verbs, by this very program.
    pub(crate) fn xtask(arguments: &[&str]) -> Result<Self> {
        let own = std::env::current_exe().context("failed to find this program's own path")?;
        Ok(Self { words: std::iter::once(own.into()).chain(arguments.iter().map(OsString::from)).collect() })
    }

    /// Program and arguments.
    pub(crate) fn words(&self) -> &[OsString] {
        &self.words
    }

    /// As one would type it.
    pub(crate) fn shown(&self) -> String {
        let name = |word: &OsString| {
            let text = word.to_string_lossy();
            text.rsplit('/').next().unwrap_or_default().to_owned()
        };
        let words = self.words.iter().enumerate();
        let words = words.map(|(at, word)| if at == 0 { name(word) } else { word.to_string_lossy().into() });
        words.collect::<Vec<_>>().join(" ")
    }

    /// Runs it with the terminal as it is, and says whether it succeeded.
    pub(crate) fn run(&self) -> Result<bool> {
        let (program, arguments) = self.words.split_first().context("a step without a program")?;
        let output = duct::cmd(program, arguments)
            .dir(root())
            .unchecked()
            .run()
            .with_context(|| format!("failed to start `{}`", self.shown()))?;
        Ok(output.status.success())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_shown_as_one_would_type_it() {
        let step = Step::of(["/somewhere/bin/cargo".into(), "fmt".into(), "--all".into()]);
        assert_eq!(step.shown(), "cargo fmt --all");
    }

    #[test]
    fn a_step_that_fails_is_no_error_but_a_no() {
        assert!(Step::of(["true".into()]).run().unwrap());
        assert!(!Step::of(["false".into()]).run().unwrap());
        assert!(Step::of(["no-such-program-anywhere".into()]).run().is_err());
    }
}
