//! PID 1 of every guest: brings the system up, performs the cells that the host names, and switches off.
//!
//! It links no enforcement code: the enforcer that a cell tests is a separate process, started as a user would start
//! it, so that what is tested is the product and not this program.

mod bad;
mod begin;
mod bench;
mod children;
mod compare;
mod exec;
mod facts;
mod loopback;
mod modules;
mod mounts;
mod perform;
mod plans;
mod port;
mod power;
mod ram_disk;
mod random;
mod session;
mod spoil;

use std::{path::Path, process::ExitCode};

use anyhow::Context as _;
use vmtest_proto::ToHost;

use crate::{bad::Bad, port::Port};

/// The host puts this on the kernel command line. Without it this program does nothing, because what it does to a
/// machine that is not a throw-away guest (mounts, killing every process, reboot) is not undone easily.
const CONSENT: &str = "quell.guest=1";

/// Where an image has the requests of a guest that has to be the same in every run.
const REQUESTS: &str = "/lab/requests";

/// Events name the machine that they come from.
const HOST_NAME: &str = "guest";

fn main() -> ExitCode {
    if std::env::args_os().nth(1).is_some_and(|word| word == exec::terminal::WORD) {
        return exec::terminal::helper();
    }
    if std::process::id() != 1 {
        eprintln!("vmtest-guest runs only as PID 1 of a lab guest; `vmtest run` starts it there");
        return ExitCode::from(2);
    }
    if let Err(error) = live() {
        // The console is the only place left when the port itself failed; the host keeps it.
        eprintln!("vmtest-guest: {error:#}");
    }
    power::off()
}

fn live() -> anyhow::Result<()> {
    mounts::proc().context("failed to mount /proc")?;
    let cmdline = std::fs::read_to_string("/proc/cmdline").context("failed to read /proc/cmdline")?;
    anyhow::ensure!(
        cmdline.split_whitespace().any(|word| word == CONSENT),
        "the kernel command line has no `{CONSENT}`, so this is no guest of the lab"
    );
    let bad = Bad::from_cmdline(&cmdline)?;
    let prepared = modules::load().and_then(|()| mounts::rest());
    bad.before_hello()?;
    let mut port = Port::open().context("failed to open the control port")?;
    port.foretell(Path::new(REQUESTS))?;
    match prepared.and_then(|missing| serve(&mut port, bad, missing)) {
        Ok(()) => Ok(()),
        Err(error) => {
            port.send(&ToHost::Fatal { reason: format!("{error:#}") })?;
            Err(error)
        }
    }
}

fn serve(port: &mut Port, bad: Bad, missing_mounts: Vec<String>) -> anyhow::Result<()> {
    nix::unistd::sethostname(HOST_NAME).context("failed to set the host name")?;
    loopback::up().context("failed to bring up the loopback interface")?;
    // `quiet` on the command line shortens the boot; from here on a warning of the kernel has to be seen.
    std::fs::write("/proc/sys/kernel/printk", "5").context("failed to raise the console's log level")?;
    port.send(&ToHost::Hello { version: bad.protocol_version() })?;
    begin::begin(port, missing_mounts)?;
    session::serve(port, bad, &mut perform::perform)
}
