//! An enforcer that keeps its contract to the letter and attaches nothing: ready at once, no events, a clean report.
//! Every scenario has to go red under it, or the scenarios prove nothing.

use std::{env, error::Error, fs, os::unix::net::UnixDatagram};

use nix::sys::signal::{SigSet, Signal};

const REPORT: &str = r#"{"version":2,"policies":[{"name":"idle","hooks":[{"call":"nothing","mechanism":"none",
"recursion_misses":0,"counters":{"calls":0,"own":0,"process_rejected":0,"filter_rejected":0,"matched":0,"posted":0,"lost":0,
"rate_limited":0,"not_posted":0,"killed":0,"kill_failed":0,"signalled":0,"signal_failed":0,"refused":0,"refuse_failed":0,"kept":0,"returned":0,"returns_missed":0,
"return_rejected":0,"unreadable":0,"aborted":0}}]}],"faults":[],"undecodable_events":0,"unwritten_events":0}"#;

fn main() -> Result<(), Box<dyn Error>> {
    let report = env::args_os().skip_while(|argument| argument != "--report").nth(1).ok_or("no --report")?;
    let mut terminate = SigSet::empty();
    terminate.add(Signal::SIGTERM);
    terminate.thread_block()?;
    let socket = env::var_os("NOTIFY_SOCKET").ok_or("no NOTIFY_SOCKET")?;
    UnixDatagram::unbound()?.send_to(b"READY=1", socket)?;
    terminate.wait()?;
    fs::write(report, REPORT)?;
    Ok(())
}
