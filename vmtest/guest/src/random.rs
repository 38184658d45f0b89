//! New random state. Guests that go on from one snapshot would otherwise draw the same numbers.
#![expect(unsafe_code, reason = "two ioctls of the random device have no safe wrapper")]

use std::{fs::OpenOptions, os::fd::AsRawFd};

use anyhow::Context as _;

const DEVICE: &str = "/dev/urandom";
const SEED_BYTES: usize = 32;
const SEED_BITS: i32 = 256;

/// `struct rand_pool_info` of linux/random.h with room for one seed.
#[repr(C)]
struct Pool {
    entropy_bits: i32,
    size_bytes: i32,
    seed: [u8; SEED_BYTES],
}

// RNDADDENTROPY, whose number carries the size of the two integers only, and RNDRESEEDCRNG (since Linux 4.14).
nix::ioctl_write_ptr_bad!(add_entropy, nix::request_code_write!(b'R', 0x03, 8), Pool);
nix::ioctl_none!(reseed_generator, b'R', 0x07);

/// Gives the kernel these 32 bytes, as hex digits, and has its generator start from them.
pub(crate) fn reseed(hex: &str) -> anyhow::Result<()> {
    // Credited: a generator that was never given enough entropy ignores the request to reseed before 5.18.
    let pool = Pool { entropy_bits: SEED_BITS, size_bytes: SEED_BITS / 8, seed: parse(hex)? };
    let device = OpenOptions::new()
        .read(true)
        .write(true)
        .open(DEVICE)
        .with_context(|| format!("failed to open {DEVICE}"))?;
    // SAFETY: the descriptor is open, and `pool` is laid out as the kernel reads it and outlives the call.
    unsafe { add_entropy(device.as_raw_fd(), &raw const pool) }
        .context("failed to give the kernel entropy")?;
    // SAFETY: the descriptor is open; the call takes no argument.
    unsafe { reseed_generator(device.as_raw_fd()) }.context("failed to reseed the kernel's generator")?;
    Ok(())
}

fn parse(hex: &str) -> anyhow::Result<[u8; SEED_BYTES]> {
    let digits: Option<Vec<u32>> = hex.chars().map(|digit| digit.to_digit(16)).collect();
    let bytes = digits.map(|digits| {
        digits
            .chunks_exact(2)
            .filter_map(|pair| u8::try_from(pair[0] * 16 + pair[1]).ok())
            .collect::<Vec<_>>()
    });
    let fits = bytes.filter(|bytes| hex.len() == 2 * bytes.len());
    fits.and_then(|bytes| bytes.try_into().ok())
        .with_context(|| format!("the seed is not {SEED_BYTES} bytes as hex digits: `{hex}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_read_digit_by_digit() {
        let hex: String = (0..32).map(|byte: u8| format!("{byte:02x}")).collect();
        assert_eq!(parse(&hex).unwrap().to_vec(), (0..32).collect::<Vec<u8>>());
    }

    #[test]
    fn a_seed_that_is_short_long_or_no_number_is_refused() {
        for hex in ["", "00", &"0".repeat(63), &"0".repeat(66), &"g".repeat(64)] {
            assert!(parse(hex).is_err(), "{hex}");
        }
    }
}
