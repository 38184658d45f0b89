//! Kernel time to wall-clock time.

use jiff::Timestamp;
use nix::time::{ClockId, clock_gettime};

/// The wall clock's offset to CLOCK_BOOTTIME, which goes on while the machine sleeps. Taken anew for every event, because
/// the wall clock may be set while the agent runs.
#[derive(Clone, Copy, Debug)]
pub struct WallClock {
    offset_ns: i128,
    /// The wall clock's offset to CLOCK_MONOTONIC, which stands still meanwhile.
    monotonic_ns: i128,
}

impl WallClock {
    /// Reads the clocks.
    ///
    /// # Errors
    /// When the kernel has no such clock.
    pub fn now() -> nix::Result<Self> {
        let read = |id| {
            clock_gettime(id)
                .map(|time| i128::from(time.tv_sec()) * 1_000_000_000 + i128::from(time.tv_nsec()))
        };
        let wall_ns = read(ClockId::CLOCK_REALTIME)?;
        Ok(Self {
            offset_ns: wall_ns - read(ClockId::CLOCK_BOOTTIME)?,
            monotonic_ns: wall_ns - read(ClockId::CLOCK_MONOTONIC)?,
        })
    }

    /// RFC 3339 time of a CLOCK_MONOTONIC reading.
    #[must_use]
    pub fn of_monotonic(&self, time_ns: u64) -> String {
        Self { offset_ns: self.monotonic_ns, ..*self }.of_boottime(time_ns)
    }

    /// RFC 3339 time of a CLOCK_BOOTTIME reading.
    #[must_use]
    pub fn of_boottime(&self, time_ns: u64) -> String {
        let wall_ns = self.offset_ns + i128::from(time_ns);
        // Outside year -9999…9999 only with a broken clock, which is worth seeing as it is.
        Timestamp::from_nanosecond(wall_ns).map_or_else(|_| format!("{wall_ns}ns"), |time| time.to_string())
    }

    #[cfg(test)]
    pub(crate) const fn zero() -> Self {
        Self { offset_ns: 0, monotonic_ns: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_times_become_wall_times_by_the_offset() {
        let clock = WallClock { offset_ns: 60_000_000_000, monotonic_ns: 0 };
        assert_eq!(clock.of_boottime(1), "1970-01-01T00:01:00.000000001Z");
        assert_eq!(clock.of_monotonic(1), "1970-01-01T00:00:00.000000001Z");
    }

    #[test]
    fn a_time_out_of_range_is_shown_as_it_is() {
        let clock = WallClock { offset_ns: i128::from(i64::MAX) * 1000, monotonic_ns: 0 };
        assert_eq!(clock.of_boottime(0), "9223372036854775807000ns");
    }
}
