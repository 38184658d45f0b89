//! Starts one machine for one boot: fresh disk, fresh socket, and the traces that stay behind.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
};

use tempfile::TempDir;
use thiserror::Error;

use crate::{
    disk::{self, DiskError},
    guest::{Guest, StartError, TracePaths},
    qemu::{self, Accel, ControlEnd, Machine, Version},
};

/// Memory of a guest in MiB. The largest resident is the root file system, a few ten MiB.
const MEMORY_MIB: u32 = 1024;

/// Why a boot can't begin.
#[derive(Debug, Error)]
pub enum BootError {
    /// The disk can't be made.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The machine can't be started.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A file can't be written.
    #[error("failed to write {path}: {source}")]
    Write {
        /// The file or directory.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
}

/// What all boots of a run have in common.
#[derive(Clone, Debug)]
pub struct BootPlan {
    /// What runs the guests.
    pub accel: Accel,
    /// The QEMU that was found.
    pub version: Version,
    /// The root file system.
    pub initramfs: PathBuf,
    /// More words for the kernel's command line.
    pub kernel_parameters: Vec<String>,
    /// Set when the user wants to stop.
    pub interrupted: Arc<AtomicBool>,
}

/// A guest and the directory that it lives in, which goes with it.
pub struct Booted {
    guest: Guest,
    directory: TempDir,
}

impl Booted {
    /// The guest, and the directory that has to outlive it.
    #[must_use]
    pub fn into_parts(self) -> (Guest, TempDir) {
        (self.guest, self.directory)
    }
}

/// Starts `kernel` and leaves the traces of this boot in `traces`: `console-N.log`, `control-N.jsonl`, `qemu-N.log`
/// and `qemu-N.sh`, which starts the same machine again by hand.
///
/// # Errors
/// The disk, a file or QEMU can't be made to work.
pub fn start(
    plan: &BootPlan,
    kernel: &Path,
    has_disk: bool,
    traces: &Path,
    boot: u32,
) -> Result<Booted, BootError> {
    let write = |path: &Path| {
        let path = path.to_owned();
        move |source| BootError::Write { path, source }
    };
    fs::create_dir_all(traces).map_err(write(traces))?;
    let directory = tempfile::Builder::new().prefix("vmtest-").tempdir();
    let directory = directory.map_err(write(&std::env::temp_dir()))?;
    let control = directory.path().join("control");
    let image = directory.path().join("disk.img");
    if has_disk {
        disk::create(&image)?;
    }
    let mut kernel_parameters = plan.kernel_parameters.clone();
    if !has_disk {
        kernel_parameters.push("quell.disk=none".to_owned());
    }
    let machine = Machine {
        accel: plan.accel,
        memory_mib: MEMORY_MIB,
        processors: 1,
        kernel: kernel.to_owned(),
        initramfs: plan.initramfs.clone(),
        disk: has_disk.then_some(image),
        console: traces.join(format!("console-{boot}.log")),
        control: ControlEnd::Connect(control.clone()),
        kernel_parameters,
    };
    let script = traces.join(format!("qemu-{boot}.sh"));
    fs::write(&script, rerun_script(&machine)).map_err(write(&script))?;
    let traces = TracePaths {
        control: traces.join(format!("control-{boot}.jsonl")),
        qemu: traces.join(format!("qemu-{boot}.log")),
    };
    let guest = Guest::start(&machine, plan.version, &control, &traces, plan.interrupted.clone())?;
    Ok(Booted { guest, directory })
}

/// A script that starts the same machine without the lab: QEMU serves the control port itself, the disk is made anew.
fn rerun_script(machine: &Machine) -> String {
    let mut text = String::from(
        "#!/bin/sh\n# Starts this machine again without the lab: console on this terminal, control port at ./control.\n\
         set -eu\n",
    );
    if machine.disk.is_some() {
        text.push_str("truncate -s 64M disk.img\nmkfs.ext4 -q -F disk.img\n");
    }
    let again = Machine {
        console: "/dev/stdout".into(),
        control: ControlEnd::Serve("control".into()),
        disk: machine.disk.as_ref().map(|_| "disk.img".into()),
        ..machine.clone()
    };
    text.push_str(&format!("exec {}\n", qemu::shell_text(&again.arguments())));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kept_script_needs_nothing_of_the_run_but_kernel_and_initramfs() {
        let machine = Machine {
            accel: Accel::Tcg,
            memory_mib: MEMORY_MIB,
            processors: 1,
            kernel: "/cache/vmlinux".into(),
            initramfs: "/out/initramfs.cpio".into(),
            disk: Some("/tmp/vmtest-1/disk.img".into()),
            console: "/out/6.12/console-1.log".into(),
            control: ControlEnd::Connect("/tmp/vmtest-1/control".into()),
            kernel_parameters: Vec::new(),
        };
        let script = rerun_script(&machine);
        assert!(!script.contains("vmtest-1"), "{script}");
        assert!(script.contains("-kernel /cache/vmlinux"), "{script}");
        assert!(script.contains("mkfs.ext4 -q -F disk.img\nexec qemu-system-x86_64"), "{script}");
    }
}
