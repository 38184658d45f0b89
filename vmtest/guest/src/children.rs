//! What a cell leaves behind. PID 1 inherits every orphan, and a process that outlives its cell would be seen, or
//! killed, by the next one.

use std::{fs, thread, time::Duration};

use nix::{
    errno::Errno,
    sys::{
        signal::{Signal, kill},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};

/// Ends and reaps every process but PID 1 and the kernel's threads; returns the names of those that were still
/// running. Dead ones that nobody had waited for are no finding: somebody has to reap orphans.
pub(crate) fn clear() -> Vec<String> {
    reap();
    let mut running: Vec<String> = living();
    running.sort();
    while !living().is_empty() {
        // From PID 1 this reaches every process but itself and kernel threads.
        if kill(Pid::from_raw(-1), Signal::SIGKILL) == Err(Errno::ESRCH) {
            break;
        }
        thread::sleep(Duration::from_millis(10));
        reap();
    }
    reap();
    running
}

fn reap() {
    while !matches!(
        waitpid(None, Some(WaitPidFlag::WNOHANG)),
        Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD)
    ) {}
}

/// Names of the processes that run a program. Kernel threads and the dead have an empty command line.
fn living() -> Vec<String> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries
        .filter_map(Result::ok)
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| *pid != 1)
        .filter_map(|pid| {
            let cmdline = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
            let program = cmdline.split(|byte| *byte == 0).next().filter(|name| !name.is_empty())?;
            Some(format!("{} (pid {pid})", String::from_utf8_lossy(program)))
        })
        .collect()
}
