//! The guest's console: a log on disk, read as it grows, and the table of lines that mean trouble.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

/// How bad a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The kernel is gone; the machine's cells can't go on.
    Crash,
    /// PID 1 ended, which the kernel reports as a panic: the lab's fault and not the kernel's.
    InitDied,
    /// The kernel goes on, but the cell that ran proves nothing.
    Complaint,
}

struct Marker {
    /// All of them have to be in the line.
    words: &'static [&'static str],
    severity: Severity,
    reason: &'static str,
}

const fn marker(words: &'static [&'static str], severity: Severity, reason: &'static str) -> Marker {
    Marker { words, severity, reason }
}

/// The first row that matches decides, so the particular stands before the general.
const MARKERS: &[Marker] = &[
    marker(&["Kernel panic", "Attempted to kill init"], Severity::InitDied, "PID 1 of the guest died"),
    marker(&["Kernel panic"], Severity::Crash, "panic"),
    marker(&["BUG: kernel NULL pointer dereference"], Severity::Crash, "null pointer dereference"),
    marker(&["BUG: unable to handle"], Severity::Crash, "bad memory access"),
    marker(&["kernel BUG at"], Severity::Crash, "failed assertion"),
    // With a colon or comma only: without, it is a program's own fault, reported as `traps: name[pid] …`.
    marker(&["general protection fault:"], Severity::Crash, "general protection fault"),
    marker(&["general protection fault,"], Severity::Crash, "general protection fault"),
    marker(
        &["int3: 0000"],
        Severity::Crash,
        "stray breakpoint: kernel text was patched under a running processor",
    ),
    marker(&["Oops:"], Severity::Crash, "oops"),
    marker(&["BUG: soft lockup"], Severity::Complaint, "soft lockup"),
    marker(&["detected stall"], Severity::Complaint, "RCU stall"),
    marker(&["self-detected stall"], Severity::Complaint, "RCU stall"),
    marker(&["rcu", "kthread starved"], Severity::Complaint, "RCU stall"),
    marker(&["blocked for more than", "seconds"], Severity::Complaint, "hung task"),
    marker(&["WARNING: ", "CPU"], Severity::Complaint, "kernel warning"),
    marker(&["Out of memory: Killed process"], Severity::Complaint, "guest ran out of memory"),
    marker(&["BUG: "], Severity::Complaint, "kernel bug report"),
];

/// A console line that means trouble.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad.
    pub severity: Severity,
    /// What it means.
    pub reason: &'static str,
    /// The line, without control characters.
    pub line: String,
}

/// Looks one line up in the table.
#[must_use]
pub fn classify(line: &str) -> Option<Finding> {
    let marker = MARKERS.iter().find(|marker| marker.words.iter().all(|word| line.contains(word)))?;
    let line: String = line.chars().filter(|char| !char.is_control()).collect();
    Some(Finding { severity: marker.severity, reason: marker.reason, line: line.trim().to_owned() })
}

/// Follows a growing console log.
#[derive(Debug)]
pub struct Console {
    file: File,
    unfinished: Vec<u8>,
    /// Bytes seen so far: any new one is a sign of life.
    pub bytes: u64,
}

impl Console {
    /// Opens the log, which has to exist.
    ///
    /// # Errors
    /// The file can't be opened.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { file: File::open(path)?, unfinished: Vec::new(), bytes: 0 })
    }

    /// Reads what is new and returns its findings, oldest first.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn poll(&mut self) -> io::Result<Vec<Finding>> {
        let mut new = Vec::new();
        self.bytes += self.file.read_to_end(&mut new)? as u64;
        self.unfinished.extend(new);
        let mut findings = Vec::new();
        while let Some(end) = self.unfinished.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.unfinished.drain(..=end).collect();
            findings.extend(classify(&String::from_utf8_lossy(&line)));
        }
        Ok(findings)
    }

    /// As [`Console::poll`], and takes a last line without its end too: a dying machine may not finish it.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn poll_to_end(&mut self) -> io::Result<Vec<Finding>> {
        let mut findings = self.poll()?;
        let rest = std::mem::take(&mut self.unfinished);
        findings.extend(classify(&String::from_utf8_lossy(&rest)));
        Ok(findings)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(
        "[    4.1] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000300",
        Severity::InitDied
    )]
    #[case("[    4.1] Kernel panic - not syncing: sysrq triggered crash", Severity::Crash)]
    #[case("BUG: kernel NULL pointer dereference, address: 0000000000000000", Severity::Crash)]
    #[case("Oops: 0002 [#1] PREEMPT SMP PTI", Severity::Crash)]
    #[case("int3: 0000 [#1] SMP NOPTI", Severity::Crash)]
    #[case("general protection fault, probably for non-canonical address 0xdead", Severity::Crash)]
    #[case("watchdog: BUG: soft lockup - CPU#0 stuck for 22s!", Severity::Complaint)]
    #[case("rcu: INFO: rcu_preempt self-detected stall on CPU", Severity::Complaint)]
    #[case("rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:", Severity::Complaint)]
    #[case("INFO: task init:1 blocked for more than 120 seconds.", Severity::Complaint)]
    #[case("WARNING: CPU: 0 PID: 1 at kernel/trace/bpf_trace.c:12 f+0x1/0x2", Severity::Complaint)]
    #[case("WARNING: kernel/bpf/core.c:5 at f+0x1/0x2, CPU#0: quell/91", Severity::Complaint)]
    #[case("Out of memory: Killed process 91 (quell)", Severity::Complaint)]
    fn trouble_is_recognised(#[case] line: &str, #[case] severity: Severity) {
        assert_eq!(classify(line).map(|finding| finding.severity), Some(severity));
    }

    #[rstest]
    #[case("[    0.0] Linux version 6.12.117+deb13-cloud-amd64")]
    #[case("traps: subject[91] general protection fault ip:401 sp:7f error:0 in subject")]
    #[case("Speculative Store Bypass: Vulnerable")]
    #[case("")]
    fn an_ordinary_line_is_not(#[case] line: &str) {
        assert_eq!(classify(line), None);
    }

    #[test]
    fn a_line_that_arrives_in_pieces_is_found_once() {
        let mut log = tempfile::NamedTempFile::new().unwrap();
        let mut console = Console::open(log.path()).unwrap();
        log.write_all(b"fine\r\n[ 1.0] Kernel pa").unwrap();
        assert_eq!(console.poll().unwrap(), []);
        log.write_all(b"nic - not syncing: test").unwrap();
        assert_eq!(console.poll().unwrap(), []);
        let found = console.poll_to_end().unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].line, "[ 1.0] Kernel panic - not syncing: test");
        assert_eq!(console.poll_to_end().unwrap(), []);
    }
}
