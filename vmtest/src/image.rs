//! What is in a guest: PID 1, the enforcer, the subject, and the little that programs expect of a root file system.

use std::path::{Path, PathBuf};

use crate::initramfs::{Initramfs, InitramfsError};

/// The programs that travel into every guest. All of them have to be static: a guest has no libraries.
#[derive(Clone, Debug)]
pub struct Programs {
    /// PID 1 (`/init`).
    pub guest: PathBuf,
    /// The enforcer under test (`/lab/quell`).
    pub quell: PathBuf,
    /// Performs the steps of scenarios (`/lab/subject`).
    pub subject: PathBuf,
}

/// The file that the `open_kill` policy protects, as a system has it.
const PASSWD: &str =
    "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n";

/// Builds the root file system.
///
/// # Errors
/// A program can't be read.
pub fn build(programs: &Programs) -> Result<Vec<u8>, InitramfsError> {
    base(programs)?.finish()
}

/// The same with one more program, `/lab/quell-differential`.
///
/// # Errors
/// As [`build`].
pub fn build_with_differential(programs: &Programs, differential: &Path) -> Result<Vec<u8>, InitramfsError> {
    let mut image = base(programs)?;
    image.program("lab/quell-differential", differential)?;
    image.finish()
}

fn base(programs: &Programs) -> Result<Initramfs, InitramfsError> {
    let mut image = Initramfs::new();
    // Without a console the kernel starts PID 1 without standard output, and its last words would be lost.
    image.device("dev/console", 5, 1)?.device("dev/null", 1, 3)?;
    for directory in ["proc", "sys", "run", "tmp", "lab/tmpfs", "lab/ext4", "lab/none"] {
        image.directory(directory)?;
    }
    image.file("etc/passwd", 0o644, PASSWD.as_bytes())?;
    image.program("init", &programs.guest)?;
    image.program("lab/quell", &programs.quell)?;
    image.program("lab/subject", &programs.subject)?;
    Ok(image)
}
