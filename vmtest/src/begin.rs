//! What a guest is told before it begins: the time, and random numbers of its own.

use std::{
    fmt::Write as _,
    fs::File,
    io::Read,
    time::{SystemTime, UNIX_EPOCH},
};

use vmtest_proto::ToGuest;

use crate::{link::Loss, outcome::BrokenCause, session::millis};

const RANDOM: &str = "/dev/urandom";
const SEED_BYTES: usize = 32;
/// 2026-01-01, in milliseconds since 1970.
const START_OF_2026_MS: u64 = 1_767_225_600_000;

/// The message for a guest that is to mount these file systems, from its own memory where it can and is to.
///
/// # Errors
/// There is no randomness to be had.
pub(crate) fn message(file_systems: &[String], on_ram: bool) -> Result<ToGuest, Loss> {
    let file_systems = file_systems.to_vec();
    Ok(ToGuest::Begin { unix_time_ms: now_ms(), seed: seed()?, file_systems, on_ram })
}

/// The message for a guest that is held and is to go on.
///
/// # Errors
/// There is no randomness to be had.
pub(crate) fn go_on() -> Result<ToGuest, Loss> {
    Ok(ToGuest::GoOn { unix_time_ms: now_ms(), seed: seed()? })
}

/// A host before 1970 is one without a clock.
fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis)
}

fn seed() -> Result<String, Loss> {
    let mut bytes = [0; SEED_BYTES];
    File::open(RANDOM).and_then(|mut file| file.read_exact(&mut bytes)).map_err(|error| {
        Loss::Broken(BrokenCause::Lab { message: format!("failed to read {RANDOM}: {error}") })
    })?;
    let mut seed = String::new();
    for byte in bytes {
        // Writing to a string can't fail.
        let _ = write!(seed, "{byte:02x}");
    }
    Ok(seed)
}

/// The message for a guest that is told everything beforehand, whose runs are all alike: always the same time and the same random
/// numbers, those of QEMU's own clock and seed.
pub(crate) fn foretold(file_systems: &[String]) -> ToGuest {
    ToGuest::Begin {
        unix_time_ms: START_OF_2026_MS,
        seed: "01".repeat(SEED_BYTES),
        file_systems: file_systems.to_vec(),
        on_ram: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_guests_are_told_the_same_random_numbers() {
        let seed = || match message(&[], false) {
            Ok(ToGuest::Begin { seed, .. }) => seed,
            other => panic!("{other:?}"),
        };
        assert_eq!(seed().len(), 64);
        assert_ne!(seed(), seed());
    }
}
