//! What is in a guest: PID 1, the enforcer, the subject, and the little that programs expect of a root file system.

use std::path::{Path, PathBuf};

use quell_kernels::Module;
use vmtest_proto::disk;

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

/// The same with the type information of kernels that have none in themselves, by id.
///
/// # Errors
/// As [`build`], and a file of type information can't be read.
pub fn build_with_btf(
    programs: &Programs,
    of_kernels: &[(String, PathBuf)],
) -> Result<Vec<u8>, InitramfsError> {
    let mut image = base(programs)?;
    for (kernel, file) in of_kernels {
        image.program(&btf_place(kernel), file)?;
    }
    image.finish()
}

/// Where a guest has the type information of its kernel.
pub(crate) fn btf_place(kernel: &str) -> String {
    format!("lab/btf/{kernel}")
}

/// The same with policies, `/lab/policies`.
///
/// # Errors
/// As [`build`], and a policy can't be read.
pub fn build_with_policies(programs: &Programs, policies: &[PathBuf]) -> Result<Vec<u8>, InitramfsError> {
    let mut image = base(programs)?;
    add_policies(&mut image, policies)?;
    image.finish()
}

fn add_policies(image: &mut Initramfs, policies: &[PathBuf]) -> Result<(), InitramfsError> {
    image.directory("lab/policies")?;
    for policy in policies {
        let name = policy.file_name().unwrap_or_default().to_string_lossy();
        // Like a program, it is copied as it is.
        image.program(&format!("lab/policies/{name}"), policy)?;
    }
    Ok(())
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

/// The same with policies beside it, `/lab/policies`.
///
/// # Errors
/// As [`build`], and a policy can't be read.
pub fn build_with_loaders(
    programs: &Programs,
    differential: &Path,
    policies: &[PathBuf],
) -> Result<Vec<u8>, InitramfsError> {
    let mut image = base(programs)?;
    image.program("lab/quell-differential", differential)?;
    add_policies(&mut image, policies)?;
    image.finish()
}

/// What a kernel has for itself as an archive that follows the common one: its modules, `/lab/modules/NNN-NAME.ko`, whose order is
/// that of loading, and empty file systems that a guest can have in its own memory.
///
/// # Errors
/// A module can't be read.
pub fn extra(modules: &[Module], disks: &[(&str, Vec<u8>)]) -> Result<Vec<u8>, InitramfsError> {
    let mut image = Initramfs::new();
    for (kind, bytes) in disks {
        image.directory("lab/disks")?.file(&disk::place(kind), 0o644, bytes)?;
    }
    image.directory("lab/modules")?;
    for module in modules {
        let name = module.file.file_name().unwrap_or_default().to_string_lossy();
        image.program(&format!("lab/modules/{name}"), &module.file)?;
    }
    image.finish()
}

/// Only PID 1, for programs of the user's own. With `payload`, these go along as `/lab/payload.cpio`: for a kernel that has
/// no disk to bring them.
///
/// # Errors
/// PID 1 can't be read.
pub fn build_for_exec(guest: &Path, payload: Option<&[u8]>) -> Result<Vec<u8>, InitramfsError> {
    let mut image = system(guest)?;
    if let Some(payload) = payload {
        image.file("lab/payload.cpio", 0o644, payload)?;
    }
    image.finish()
}

/// The same with the program that makes calls to be measured, `/lab/caller`, and policies, `/lab/policies`.
///
/// # Errors
/// As [`build`], and a policy can't be read.
pub fn build_with_caller(
    programs: &Programs,
    caller: &Path,
    policies: &[PathBuf],
) -> Result<Vec<u8>, InitramfsError> {
    let mut image = base(programs)?;
    image.program("lab/caller", caller)?;
    add_policies(&mut image, policies)?;
    image.finish()
}

fn base(programs: &Programs) -> Result<Initramfs, InitramfsError> {
    let mut image = system(&programs.guest)?;
    image.program("lab/quell", &programs.quell)?;
    image.program("lab/subject", &programs.subject)?;
    Ok(image)
}

fn system(guest: &Path) -> Result<Initramfs, InitramfsError> {
    let mut image = Initramfs::new();
    // Without a console the kernel starts PID 1 without standard output, and its last words would be lost.
    image.device("dev/console", 5, 1)?.device("dev/null", 1, 3)?;
    for directory in ["proc", "sys", "run", "tmp", "lab/tmpfs", "lab/ext4", "lab/none", "lab/btf"] {
        image.directory(directory)?;
    }
    image.file("etc/passwd", 0o644, PASSWD.as_bytes())?;
    image.program("init", guest)?;
    Ok(image)
}
