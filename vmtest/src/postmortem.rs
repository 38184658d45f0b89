//! What is kept of a console when something goes wrong: its last lines become an event, so that reports can show them and stay
//! functions of events alone.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use crate::{
    event::{EVENTS_VERSION, EventLine, RunEvent},
    outcome::Outcome,
    report::view::RunView,
};

/// As many lines as fit on a screen.
const MOST_LINES: usize = 40;
/// Enough for so many lines of a trace of calls.
const TAIL_BYTES: u64 = 8192;

/// Watches the events of a run for what needs its console kept.
#[derive(Clone, Debug)]
pub struct Postmortem {
    out: PathBuf,
}

impl Postmortem {
    /// `out` is the run's folder, in which each kernel's consoles lie.
    #[must_use]
    pub fn new(out: &Path) -> Self {
        Self { out: out.to_owned() }
    }

    /// The event that has to follow `line`, if any; `view` has seen `line` already. A console that can't be read is said in
    /// place of its lines: the verdict does not depend on it.
    #[must_use]
    pub fn after(&self, view: &RunView, line: &EventLine) -> Option<EventLine> {
        let event = match &line.event {
            RunEvent::CellFinished { cell, outcome: Outcome::Failed(_) | Outcome::Broken(_), .. } => {
                let seen = view.cells.iter().find(|seen| seen.planned.cell == *cell)?;
                // A cell that was given up without being sent to a guest has no console; one that was kept already needs no other.
                let (folder, number) = seen.traces().filter(|_| seen.console.is_empty())?;
                RunEvent::ConsoleTail { cell: cell.clone(), lines: self.lines(&folder, number) }
            }
            RunEvent::BootFailed { kernel, boot, .. } => {
                let lines = self.lines(kernel, *boot);
                RunEvent::BootConsole { kernel: kernel.clone(), boot: *boot, lines }
            }
            _ => return None,
        };
        Some(EventLine { version: EVENTS_VERSION, at_ms: line.at_ms, event })
    }

    fn lines(&self, folder: &str, number: u32) -> Vec<String> {
        let path = self.out.join(folder).join(format!("console-{number}.log"));
        tail(&path).unwrap_or_else(|error| vec![format!("(failed to read the console: {error})")])
    }
}

fn tail(path: &Path) -> io::Result<Vec<String>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
    let mut lines = last_lines(&String::from_utf8_lossy(&bytes));
    if lines.is_empty() {
        return Ok(vec!["(the kernel printed nothing)".to_owned()]);
    }
    // The first line of a cut text is the end of one.
    if length > TAIL_BYTES && lines.len() > 1 && lines.len() < MOST_LINES {
        lines.remove(0);
    }
    Ok(lines)
}

fn last_lines(text: &str) -> Vec<String> {
    let plain = |line: &str| without_escapes(line).trim_end().to_owned();
    let lines: Vec<String> = text.lines().map(plain).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(MOST_LINES)..].to_vec()
}

/// Without colours, cursor movements and other control characters.
fn without_escapes(line: &str) -> String {
    let mut plain = String::new();
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' if chars.peek() == Some(&'[') => {
                chars.next();
                // Parameters, up to the letter that ends the sequence.
                while chars.next().is_some_and(|c| !('\u{40}'..='\u{7e}').contains(&c)) {}
            }
            '\t' => plain.push(' '),
            c if c.is_control() => {}
            c => plain.push(c),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{outcome::BrokenCause, testing::RunScript};

    fn console(text: &str) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("6.12")).unwrap();
        std::fs::write(directory.path().join("6.12/console-2.log"), text).unwrap();
        directory
    }

    fn begun(cell: &str) -> RunScript {
        let mut script = RunScript::new(&[cell]);
        script
            .push(RunEvent::BootStarted { kernel: "6.12".into(), boot: 2 })
            .push(RunEvent::CellStarted { cell: cell.parse().unwrap() });
        script
    }

    fn after(directory: &Path, script: &RunScript) -> Option<Vec<String>> {
        let line = script.lines().last().unwrap();
        match Postmortem::new(directory).after(&script.view(), line)?.event {
            RunEvent::ConsoleTail { lines, .. } | RunEvent::BootConsole { lines, .. } => Some(lines),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_failed_cell_keeps_the_last_lines_of_its_boots_console() {
        let text: String = (0..60).map(|at| format!("[ {at}.0] \u{1b}[31mline\u{1b}[0m {at}\r\n")).collect();
        let directory = console(&text);
        let mut script = begun("6.12/file/a@tmpfs");
        script.finish("6.12/file/a@tmpfs", Outcome::Failed(vec!["x".into()]));
        let lines = after(directory.path(), &script).unwrap();
        assert_eq!(
            (lines.len(), lines[0].as_str(), lines[39].as_str()),
            (40, "[ 20.0] line 20", "[ 59.0] line 59")
        );
    }

    #[test]
    fn a_passed_cell_and_one_that_was_never_sent_keep_nothing() {
        let directory = console("fine\n");
        let mut script = begun("6.12/file/a@tmpfs");
        script.finish("6.12/file/a@tmpfs", Outcome::Passed);
        assert_eq!(after(directory.path(), &script), None);
        let mut given_up = RunScript::new(&["6.12/file/a@tmpfs"]);
        let cause = BrokenCause::Lab { message: "no kernel".into() };
        given_up.finish("6.12/file/a@tmpfs", Outcome::Broken(cause));
        assert_eq!(after(directory.path(), &given_up), None);
    }

    #[test]
    fn a_boot_that_failed_keeps_its_console_and_an_unreadable_one_is_said() {
        let directory = console("Kernel panic - not syncing\n");
        let mut script = RunScript::new(&["6.12/file/a@tmpfs"]);
        let failed = |boot| {
            let cause = BrokenCause::NoHello { waited: "silent".into() };
            RunEvent::BootFailed { kernel: "6.12".into(), boot, cause, retry: true }
        };
        script.push(failed(2));
        assert_eq!(after(directory.path(), &script).unwrap(), ["Kernel panic - not syncing"]);
        script.push(failed(3));
        let said = after(directory.path(), &script).unwrap();
        assert!(said[0].starts_with("(failed to read the console: "), "{said:?}");
    }

    #[test]
    fn a_line_that_the_tail_cuts_is_left_out() {
        let directory = console(&format!("{}\nlast\n", "x".repeat(10_000)));
        assert_eq!(tail(&directory.path().join("6.12/console-2.log")).unwrap(), ["last"]);
    }
}
