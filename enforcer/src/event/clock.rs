//! Kernel clocks to wall-clock time.

use jiff::Timestamp;
use nix::time::{ClockId, clock_gettime};

/// Offsets of the kernel's clocks to the wall clock, taken once at start.
#[derive(Clone, Copy, Debug)]
pub struct WallClock {
    monotonic_ns: i128,
    boottime_ns: i128,
}

impl WallClock {
    /// Reads the three clocks.
    ///
    /// # Errors
    /// When the kernel has no such clock.
    pub fn now() -> nix::Result<Self> {
        let read = |id| {
            clock_gettime(id)
                .map(|time| i128::from(time.tv_sec()) * 1_000_000_000 + i128::from(time.tv_nsec()))
        };
        let wall = read(ClockId::CLOCK_REALTIME)?;
        Ok(Self {
            monotonic_ns: wall - read(ClockId::CLOCK_MONOTONIC)?,
            boottime_ns: wall - read(ClockId::CLOCK_BOOTTIME)?,
        })
    }

    /// RFC 3339 time of a CLOCK_MONOTONIC reading.
    #[must_use]
    pub fn of_monotonic(&self, time_ns: u64) -> String {
        text(self.monotonic_ns + i128::from(time_ns))
    }

    /// RFC 3339 time of a CLOCK_BOOTTIME reading.
    #[must_use]
    pub fn of_boottime(&self, time_ns: u64) -> String {
        text(self.boottime_ns + i128::from(time_ns))
    }

    #[cfg(test)]
    pub(crate) const fn zero() -> Self {
        Self { monotonic_ns: 0, boottime_ns: 0 }
    }
}

fn text(wall_ns: i128) -> String {
    // Outside year -9999…9999 only with a broken clock, which is worth seeing as it is.
    Timestamp::from_nanosecond(wall_ns).map_or_else(|_| format!("{wall_ns}ns"), |time| time.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_times_become_wall_times_by_the_offset_of_their_own_clock() {
        let clock = WallClock { monotonic_ns: 1_000_000_000, boottime_ns: 60_000_000_000 };
        assert_eq!(clock.of_monotonic(500_000_000), "1970-01-01T00:00:01.5Z");
        assert_eq!(clock.of_boottime(1), "1970-01-01T00:01:00.000000001Z");
    }

    #[test]
    fn a_time_out_of_range_is_shown_as_it_is() {
        let clock = WallClock { monotonic_ns: i128::from(i64::MAX) * 1000, boottime_ns: 0 };
        assert_eq!(clock.of_monotonic(0), "9223372036854775807000ns");
    }
}
