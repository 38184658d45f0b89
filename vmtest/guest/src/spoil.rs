//! What the worst guest does to its machine. Only a self-test asks for it.

use std::{
    fs, hint,
    path::Path,
    time::{Duration, SystemTime},
};

use anyhow::Context as _;
use nix::{
    sys::time::TimeSpec,
    time::{ClockId, clock_settime},
};

/// The programs that the next cell would need.
const PROGRAMS: &[&str] = &["/lab/quell", "/lab/subject", "/init"];

const MARKER: &str = "/run/spoilt";

/// Memory that is filled, in bytes: pages of every kind that the kernel hands out end up in it.
const FILLED_BYTES: usize = 64 << 20;

/// Whether somebody did that to this machine. A clock before 2020 is one that was set back here.
pub(crate) fn is_spoilt() -> anyhow::Result<bool> {
    let programs = PROGRAMS.iter().map(|path| fs::metadata(path).map(|file| file.len() == 0));
    let gone = programs.collect::<Result<Vec<bool>, _>>().context("failed to look at the programs")?;
    let year_2020 = SystemTime::UNIX_EPOCH + Duration::from_secs(1_577_836_800);
    Ok(Path::new(MARKER).exists() || gone.contains(&true) || SystemTime::now() < year_2020)
}

/// Empties the programs, leaves files everywhere, sets the clock back and fills memory.
pub(crate) fn spoil() -> anyhow::Result<()> {
    for path in PROGRAMS {
        // A new file in its place: the kernel does not let a running program be written.
        fs::remove_file(path)
            .and_then(|()| fs::write(path, ""))
            .with_context(|| format!("failed to spoil {path}"))?;
    }
    for path in [MARKER, "/tmp/spoilt", "/lab/tmpfs/spoilt"] {
        fs::write(path, "spoilt").with_context(|| format!("failed to write {path}"))?;
    }
    clock_settime(ClockId::CLOCK_REALTIME, TimeSpec::from_duration(Duration::from_secs(1_000_000)))
        .context("failed to set the clock back")?;
    hint::black_box(vec![0xA5_u8; FILLED_BYTES]);
    Ok(())
}
