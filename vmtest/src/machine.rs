//! A running QEMU: started, watched, ended, reaped. It never outlives its owner.

use std::{
    fs::{self, File},
    io,
    os::unix::process::{CommandExt, ExitStatusExt},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use nix::unistd::{SysconfVar, sysconf};
use thiserror::Error;

use crate::qemu::{Machine, MachineError, PROGRAM, Version, VersionError};

/// Why QEMU can't be used.
#[derive(Debug, Error)]
pub enum SpawnError {
    /// The program is not there or can't be started.
    #[error("failed to start {program}: {source}; on Debian it is in the package {package}")]
    Start {
        /// Which program.
        program: &'static str,
        /// Where it comes from.
        package: &'static str,
        /// The reason.
        source: io::Error,
    },
    /// It says a version that nobody can read.
    #[error(transparent)]
    Version(#[from] VersionError),
    /// This QEMU must not run this machine.
    #[error(transparent)]
    Machine(#[from] MachineError),
    /// The state that it is to go on from can't be read.
    #[error("failed to open the snapshot's {path}: {source}")]
    State {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The file for its messages can't be made.
    #[error("failed to create {path}: {source}")]
    Log {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
}

/// Asks QEMU for its version.
///
/// # Errors
/// QEMU is not installed or prints something unexpected.
pub fn installed_version() -> Result<Version, SpawnError> {
    Ok(version_line()?.parse()?)
}

/// The line in which QEMU says its version and build.
///
/// # Errors
/// QEMU is not installed.
pub fn version_line() -> Result<String, SpawnError> {
    let output = Command::new(PROGRAM).arg("--version").output().map_err(not_started(PROGRAM))?;
    Ok(String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().to_owned())
}

/// A QEMU process. Dropping it kills and reaps it.
#[derive(Debug)]
pub struct RunningMachine {
    child: Child,
    messages: PathBuf,
}

impl RunningMachine {
    /// Starts the machine; QEMU's own messages go to `messages`.
    ///
    /// QEMU gets a process group of its own, so that Ctrl-C in a terminal reaches only the lab, which then decides. The
    /// kernel kills it when the calling thread ends for any reason, even an untimely one: `setpriv` asks for that in
    /// QEMU's name, and so does it without unsafe code here.
    ///
    /// # Errors
    /// The machine must not run on this QEMU, or a program can't be started.
    pub fn spawn(machine: &Machine, version: Version, messages: &Path) -> Result<Self, SpawnError> {
        machine.check(version)?;
        let log =
            File::create(messages).map_err(|source| SpawnError::Log { path: messages.to_owned(), source })?;
        let stdin = match machine.memory.state() {
            Some(state) => {
                let path = state.clone();
                File::open(state).map_err(|source| SpawnError::State { path, source })?.into()
            }
            None => Stdio::null(),
        };
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--", PROGRAM])
            .args(machine.arguments())
            .stdin(stdin)
            .stdout(Stdio::null())
            .stderr(log)
            .process_group(0)
            .spawn()
            .map_err(not_started("setpriv"))?;
        Ok(Self { child, messages: messages.to_owned() })
    }

    /// Process id, for messages and for the self-tests that kill it.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended; `None` while it runs.
    ///
    /// # Errors
    /// The process can't be waited for.
    pub fn ended(&mut self) -> io::Result<Option<String>> {
        Ok(self.child.try_wait()?.map(|status| self.last_words(status)))
    }

    /// Processor time that it has used, user and system. This measures a guest's progress on a busy host better than
    /// the wall clock does.
    ///
    /// # Errors
    /// `/proc/PID/stat` can't be read or understood.
    pub fn cpu_time(&self) -> io::Result<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.id()))?;
        let per_second =
            sysconf(SysconfVar::CLK_TCK)?.and_then(|ticks| u64::try_from(ticks).ok()).unwrap_or(100);
        let ticks = cpu_ticks(&stat)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "unexpected /proc/PID/stat"))?;
        Ok(Duration::from_millis(ticks * 1000 / per_second))
    }

    /// The most memory that it had in use at a time, in KiB: its own, and what it has read of files.
    ///
    /// # Errors
    /// `/proc/PID/status` can't be read or understood.
    pub fn peak_kib(&self) -> io::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse().ok())
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "unexpected /proc/PID/status"))
    }

    /// Kills it, if it still runs, and reaps it.
    ///
    /// # Errors
    /// The process can't be killed or waited for.
    pub fn end(&mut self) -> io::Result<()> {
        if self.child.try_wait()?.is_none() {
            self.child.kill()?;
            self.child.wait()?;
        }
        Ok(())
    }

    fn last_words(&self, status: ExitStatus) -> String {
        let how = match (status.signal(), status.code()) {
            (Some(signal), _) => format!("killed by signal {signal}"),
            (None, Some(code)) => format!("exit status {code}"),
            (None, None) => status.to_string(),
        };
        // Missing messages are no reason to hide how it ended.
        let messages = fs::read_to_string(&self.messages).unwrap_or_default();
        match messages.lines().rfind(|line| !line.trim().is_empty()) {
            Some(line) => format!("{how}, its last message was `{}`", line.trim()),
            None => how,
        }
    }
}

impl Drop for RunningMachine {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            eprintln!("vmtest: failed to end QEMU (pid {}): {error}", self.id());
        }
    }
}

fn not_started(program: &'static str) -> impl FnOnce(io::Error) -> SpawnError {
    let package = if program == PROGRAM { "qemu-system-x86" } else { "util-linux" };
    move |source| SpawnError::Start { program, package, source }
}

/// Fields 14 and 15 of `/proc/PID/stat`, counted after the command name, which may hold anything.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_read_past_a_command_name_with_brackets() {
        let stat = "91 (qemu) (x) S 1 91 91 0 -1 4194304 1 0 0 0 250 50 0 0 20 0 4 0 100 1 1";
        assert_eq!(cpu_ticks(stat), Some(300));
    }

    #[test]
    fn a_truncated_stat_is_no_time() {
        assert_eq!(cpu_ticks("91 (qemu) S 1"), None);
    }
}
