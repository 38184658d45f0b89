//! How long the lab waits, in two clocks.
//!
//! On a busy host the wall clock runs while the guest does not, so a guest is called silent after so much *processor
//! time of QEMU* without a byte from it. A guest that sleeps uses no processor time, so a larger limit in wall time
//! stands behind.

use std::time::Duration;

use crate::qemu::Accel;

/// How long a guest may be silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Processor time of QEMU without a byte on console or control port.
    pub cpu: Duration,
    /// Wall time without a byte on console or control port.
    pub wall: Duration,
}

/// All limits of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From the start of QEMU to Hello, in wall time.
    pub boot: Duration,
    /// Silence before Hello.
    pub boot_silence: Patience,
    /// Silence during a cell.
    pub cell_silence: Patience,
    /// One cell, in wall time.
    pub cell: Duration,
    /// From the request to power off to the end of QEMU, in wall time.
    pub farewell: Duration,
}

impl Limits {
    /// Limits for an accelerator. An emulated guest boots in about three seconds on an idle host and attaches a policy
    /// in about ten; the factor between that and the limit is for hosts that do something else as well.
    #[must_use]
    pub fn of(accel: Accel) -> Self {
        let scale = match accel {
            Accel::Kvm => 1,
            Accel::Tcg => 4,
        };
        let seconds = |count: u64| Duration::from_secs(count * scale);
        Self {
            boot: seconds(30),
            boot_silence: Patience { cpu: seconds(10), wall: seconds(30) },
            // Above the scenario runner's own deadlines, the largest of which is 120 s: its report says more.
            cell_silence: Patience {
                cpu: seconds(45).max(Duration::from_secs(150)),
                wall: seconds(45).max(Duration::from_secs(150)),
            },
            cell: seconds(100).max(Duration::from_secs(300)),
            farewell: seconds(10),
        }
    }

    /// The same with another boot limit.
    #[must_use]
    pub fn with_boot(mut self, boot: Duration) -> Self {
        self.boot = boot;
        self.boot_silence.wall = boot;
        self.boot_silence.cpu = self.boot_silence.cpu.min(boot);
        self
    }

    /// The same with another limit for silence during a cell.
    #[must_use]
    pub fn with_silence(mut self, silence: Duration) -> Self {
        self.cell_silence = Patience { cpu: silence, wall: silence };
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emulation_is_given_more_time_everywhere() {
        let (kvm, tcg) = (Limits::of(Accel::Kvm), Limits::of(Accel::Tcg));
        assert!(tcg.boot > kvm.boot);
        assert!(tcg.cell > kvm.cell);
        assert!(tcg.farewell > kvm.farewell);
        assert!(tcg.boot_silence.cpu > kvm.boot_silence.cpu);
    }

    #[test]
    fn a_cell_outlives_its_own_silence() {
        for accel in [Accel::Kvm, Accel::Tcg] {
            let limits = Limits::of(accel);
            assert!(limits.cell > limits.cell_silence.wall, "{accel}: {limits:?}");
        }
    }
}
