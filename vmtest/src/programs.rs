//! Finds the programs that travel into guests, and refuses those that could not run there.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use thiserror::Error;

use crate::image::Programs;

/// Why a program can't be used.
#[derive(Debug, Error)]
pub enum ProgramError {
    /// The running executable is nowhere, so nothing can be beside it.
    #[error("failed to find this executable's own directory: {0}")]
    Own(io::Error),
    /// It is not there.
    #[error(
        "failed to read {path}: {source}; build it with `cargo build --release` or name it with --{option}"
    )]
    Read {
        /// Where it should be.
        path: PathBuf,
        /// The option that names another one.
        option: &'static str,
        /// The reason.
        source: io::Error,
    },
    /// It is no program for a guest.
    #[error("{path} is no 64-bit ELF program")]
    NotElf {
        /// The file.
        path: PathBuf,
    },
    /// It needs a loader, and a guest has none.
    #[error("{path} is linked dynamically and can't run in a guest, which has no libraries; build it static")]
    Dynamic {
        /// The file.
        path: PathBuf,
    },
}

/// The user's choices; everything else is expected beside this executable.
#[derive(Clone, Debug, Default)]
pub struct Named {
    /// `--guest`
    pub guest: Option<PathBuf>,
    /// `--quell`
    pub quell: Option<PathBuf>,
    /// `--subject`
    pub subject: Option<PathBuf>,
}

/// Finds all programs and checks them.
///
/// # Errors
/// One is missing or can't run in a guest.
pub fn find(named: Named) -> Result<Programs, ProgramError> {
    let own = std::env::current_exe().map_err(ProgramError::Own)?;
    let beside = own.parent().unwrap_or_else(|| Path::new("."));
    let pick = |named: Option<PathBuf>, option, file: &str| {
        let path = named.unwrap_or_else(|| beside.join(file));
        check(&path, option).map(|()| path)
    };
    Ok(Programs {
        guest: pick(named.guest, "guest", "vmtest-guest")?,
        quell: pick(named.quell, "quell", "quell")?,
        subject: pick(named.subject, "subject", "subject")?,
    })
}

/// Finds PID 1 alone, and checks it.
///
/// # Errors
/// It is missing or can't run in a guest.
pub fn find_guest(named: Option<PathBuf>) -> Result<PathBuf, ProgramError> {
    let own = std::env::current_exe().map_err(ProgramError::Own)?;
    let path = named.unwrap_or_else(|| own.parent().unwrap_or_else(|| Path::new(".")).join("vmtest-guest"));
    check(&path, "guest").map(|()| path)
}

/// Finds the program that compares model and kernel, and checks it.
///
/// # Errors
/// It is missing or can't run in a guest.
pub fn find_differential(named: Option<PathBuf>) -> Result<PathBuf, ProgramError> {
    let own = std::env::current_exe().map_err(ProgramError::Own)?;
    let path =
        named.unwrap_or_else(|| own.parent().unwrap_or_else(|| Path::new(".")).join("quell-differential"));
    check(&path, "differential").map(|()| path)
}

/// Finds the program that makes the calls of `vmtest bench`, and checks it.
///
/// # Errors
/// It is missing or can't run in a guest.
pub fn find_caller(named: Option<PathBuf>) -> Result<PathBuf, ProgramError> {
    let own = std::env::current_exe().map_err(ProgramError::Own)?;
    let path = named.unwrap_or_else(|| own.parent().unwrap_or_else(|| Path::new(".")).join("caller"));
    check(&path, "caller").map(|()| path)
}

fn check(path: &Path, option: &'static str) -> Result<(), ProgramError> {
    let read = |source| ProgramError::Read { path: path.to_owned(), option, source };
    let bytes = fs::read(path).map_err(read)?;
    match needs_a_loader(&bytes) {
        Some(false) => Ok(()),
        Some(true) => Err(ProgramError::Dynamic { path: path.to_owned() }),
        None => Err(ProgramError::NotElf { path: path.to_owned() }),
    }
}

/// Whether a 64-bit little-endian ELF file names an interpreter; `None` when it is no such file.
fn needs_a_loader(bytes: &[u8]) -> Option<bool> {
    const PT_INTERP: u32 = 3;
    if bytes.get(..6)? != b"\x7fELF\x02\x01" {
        return None;
    }
    let half = |at: usize| Some(usize::from(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?)));
    let headers = usize::try_from(u64::from_le_bytes(bytes.get(32..40)?.try_into().ok()?)).ok()?;
    let (size, count) = (half(54)?, half(56)?);
    for number in 0..count {
        let at = headers.checked_add(number.checked_mul(size)?)?;
        let kind = bytes.get(at..at.checked_add(4)?)?;
        if u32::from_le_bytes(kind.try_into().ok()?) == PT_INTERP {
            return Some(true);
        }
    }
    Some(false)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A header and one program header of this kind.
    fn elf(kind: u32) -> Vec<u8> {
        let mut bytes = b"\x7fELF\x02\x01".to_vec();
        bytes.resize(64, 0);
        bytes[32] = 64;
        bytes[54] = 56;
        bytes[56] = 1;
        bytes.extend(kind.to_le_bytes());
        bytes
    }

    #[test]
    fn an_interpreter_is_found() {
        assert_eq!(needs_a_loader(&elf(3)), Some(true));
        assert_eq!(needs_a_loader(&elf(1)), Some(false));
    }

    #[test]
    fn a_script_is_no_program_for_a_guest() {
        assert_eq!(needs_a_loader(b"#!/bin/sh\n"), None);
    }

    #[test]
    fn a_missing_program_names_its_option() {
        let error = check(Path::new("/nonexistent/quell"), "quell").unwrap_err().to_string();
        assert!(error.contains("/nonexistent/quell") && error.contains("--quell"), "{error}");
    }

    proptest! {
        #[test]
        fn arbitrary_files_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            needs_a_loader(&bytes);
            bytes.splice(0..bytes.len().min(6), *b"\x7fELF\x02\x01");
            needs_a_loader(&bytes);
        }
    }
}
