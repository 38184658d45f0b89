//! What runs the guests: measured, not assumed.
//!
//! That `/dev/kvm` exists says nothing: inside containers and nested machines the device is often there and stock
//! kernels do not boot on it. So the kernel that the run needs first is booted once, and only its hello counts.

use std::{
    collections::BTreeSet,
    path::Path,
    time::{Duration, Instant},
};

use clap::ValueEnum;

use crate::{
    boot::{self, BootPlan},
    event::RunEvent,
    limits::Limits,
    qemu::Accel,
    session::{Session, SessionEnd, millis},
};

const DEVICE: &str = "/dev/kvm";

/// With hardware a stock kernel says hello within about a second.
const TRIAL: Duration = Duration::from_secs(5);

/// What the user asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Wanted {
    /// KVM when a trial boot shows that it works, emulation otherwise.
    #[default]
    Auto,
    /// Hardware, without a trial.
    Kvm,
    /// Emulation, without a trial.
    Tcg,
}

/// The choice and what it rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// What runs the guests.
    pub accel: Accel,
    /// Why.
    pub reason: String,
    /// How long it took to find out, in milliseconds.
    pub trial_ms: u64,
}

/// Finds out, with a trial boot of `kernel` whose traces go to `traces`.
#[must_use]
pub fn choose(wanted: Wanted, plan: &BootPlan, kernel: &Path, traces: &Path) -> Choice {
    let untried = |accel, reason: &str| Choice { accel, reason: reason.to_owned(), trial_ms: 0 };
    match wanted {
        Wanted::Kvm => return untried(Accel::Kvm, "asked for, not tried"),
        Wanted::Tcg => return untried(Accel::Tcg, "asked for"),
        Wanted::Auto if !Path::new(DEVICE).exists() => return untried(Accel::Tcg, "there is no /dev/kvm"),
        Wanted::Auto => {}
    }
    let begun = Instant::now();
    let (accel, reason) = match trial(plan, kernel, traces) {
        Ok(()) => (Accel::Kvm, "a trial boot worked".to_owned()),
        Err(why) => (Accel::Tcg, format!("{DEVICE} exists, but a trial boot failed: {why}")),
    };
    Choice { accel, reason, trial_ms: millis(begun.elapsed()) }
}

fn trial(plan: &BootPlan, kernel: &Path, traces: &Path) -> Result<(), String> {
    // A guest of the self-tests misbehaves with or without KVM; the trial asks about KVM only.
    let plan = BootPlan { accel: Accel::Kvm, kernel_parameters: Vec::new(), ..plan.clone() };
    let booted =
        boot::start(&plan, kernel, &BTreeSet::new(), traces, 1).map_err(|error| error.to_string())?;
    let mut ignore = |_: RunEvent| {};
    let limits = Limits::of(Accel::Kvm).with_boot(TRIAL);
    let (guest, _directory) = booted.into_parts();
    match Session::new(guest, limits, "trial", 1, &mut ignore).run(&[]).0 {
        SessionEnd::Done => Ok(()),
        SessionEnd::BootFailed(cause) | SessionEnd::Lost(cause) => Err(cause.to_string()),
        SessionEnd::Interrupted => Err("it was interrupted".to_owned()),
    }
}
