//! An agent that only pretends, so that the runner can be tested on any machine.
//!
//! The name under which it is called says how it behaves: `idle` attaches nothing, `hunter` kills the first subject
//! that it finds in its pause, `massacre` each one, and the others break the contract in one way each.

use std::ffi::OsString;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::exit;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::sys::signal::{SigSet, Signal, kill};
use nix::unistd::Pid;

fn main() {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let name = Path::new(&arguments[0]).file_name().expect("a name").to_string_lossy().into_owned();
    let value_of = |flag: &str| {
        let at = arguments.iter().position(|argument| argument == flag);
        PathBuf::from(&arguments[at.unwrap_or_else(|| panic!("{flag} is missing")) + 1])
    };
    assert_eq!(arguments[1], "run");
    assert_eq!(value_of("--output").as_os_str(), "json");
    assert!(value_of("--policy").is_file(), "no policy");
    let report = value_of("--report");
    let socket = PathBuf::from(std::env::var_os("NOTIFY_SOCKET").expect("NOTIFY_SOCKET"));

    match name.as_str() {
        "dies-before-ready" => {
            eprintln!("first line\nfailed to load the policy: on purpose");
            exit(3);
        }
        "never-ready" => std::thread::sleep(Duration::from_secs(600)),
        _ => {}
    }

    let mut terminate = SigSet::empty();
    terminate.add(Signal::SIGTERM);
    terminate.thread_block().expect("block SIGTERM");
    UnixDatagram::unbound()
        .and_then(|sender| sender.send_to(b"STATUS=pretending\nREADY=1\n", &socket))
        .expect("send READY=1");

    let scratch = socket.parent().expect("a folder").to_string_lossy().into_owned();
    let killed = match name.as_str() {
        "dies-after-ready" => {
            eprintln!("fell over on purpose");
            exit(4);
        }
        "ignores-sigterm" => {
            std::thread::sleep(Duration::from_secs(600));
            Vec::new()
        }
        "hunter" => hunt(&scratch, 1, &terminate),
        "massacre" => hunt(&scratch, usize::MAX, &terminate),
        _ => {
            terminate.wait().expect("wait for SIGTERM");
            Vec::new()
        }
    };

    let count = killed.len();
    for pid in killed.iter().chain([&1]) {
        println!(
            r#"{{"process_kprobe":{{"process":{{"pid":{pid}}},"function_name":"pretended"}},"time":"never"}}"#
        );
    }
    let (calls, misses) = match name.as_str() {
        "idle" => (0, "0"),
        "skipped" => (1, "2"),
        // The folder of the lab outlives a performance, and knows of the first.
        "skipped-once" => (1, if first_time(&scratch) { "2" } else { "0" }),
        _ => (1 + count, "null"),
    };
    let rejected = calls - count;
    let text = format!(
        r#"{{"version":2,"policies":[{{"name":"p","hooks":[{{"call":"f","mechanism":"none","recursion_misses":{misses},
        "counters":{{"calls":{calls},"own":0,"process_rejected":0,"filter_rejected":{rejected},"aborted":0,"matched":{count},"posted":{count},
        "lost":0,"killed":{count},"kill_failed":0,"unreadable":0,
        "rate_limited":0,"not_posted":0,"signalled":0,"signal_failed":0,"refused":0,"refuse_failed":0,
        "kept":0,"returned":0,"returns_missed":0,"return_rejected":0}}}}]}}],"faults":[],
        "undecodable_events":0,"unwritten_events":0}}"#
    );
    std::fs::write(report, text).expect("write the report");
    if name == "ends-badly" {
        exit(5);
    }
}

/// Whether no agent of this lab has asked before.
fn first_time(scratch: &str) -> bool {
    let mark = Path::new(scratch).with_extension("asked");
    std::fs::File::create_new(mark).is_ok()
}

/// Kills subjects of this lab until SIGTERM comes, and says which.
fn hunt(scratch: &str, most: usize, terminate: &SigSet) -> Vec<i32> {
    let over = Arc::new(AtomicBool::new(false));
    let hunter = {
        let (over, scratch) = (Arc::clone(&over), scratch.to_owned());
        std::thread::spawn(move || {
            let mut killed = Vec::new();
            while !over.load(Ordering::Relaxed) {
                let found = subjects(&scratch).into_iter().find(|pid| !killed.contains(pid));
                if let Some(pid) = found.filter(|_| killed.len() < most)
                    && kill(Pid::from_raw(pid), Signal::SIGKILL).is_ok()
                {
                    killed.push(pid);
                }
                std::thread::sleep(Duration::from_millis(5));
            }
            killed
        })
    };
    terminate.wait().expect("wait for SIGTERM");
    over.store(true, Ordering::Relaxed);
    hunter.join().expect("the hunting thread")
}

/// Number of `clock_nanosleep`: a subject in it is past its gate and has not acted yet.
const CLOCK_NANOSLEEP: &str = "230";

/// Subjects of this lab that are in their pause now.
fn subjects(scratch: &str) -> Vec<i32> {
    let gate = format!("{scratch}/gate");
    let entries = std::fs::read_dir("/proc").expect("/proc");
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let call = std::fs::read_to_string(format!("/proc/{pid}/syscall")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains(&gate) && call.split(' ').next() == Some(CLOCK_NANOSLEEP)
        })
        .collect()
}
