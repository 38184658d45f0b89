//! Starts one machine for one boot: fresh disk, fresh socket, and the traces that stay behind.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
};

use quell_scenarios::scenario::FileSystem;
use serde_json::json;
use tempfile::TempDir;
use thiserror::Error;
use vmtest_proto::ToGuest;

use crate::{
    begin,
    disk::{self, DiskError},
    foretold::{self, ForetellError, Foretold},
    guest::{Guest, StartError, TracePaths},
    qemu::{self, Accel, Clock, ControlEnd, Disk, Machine, Memory, Version},
};

/// Memory of a guest in MiB. The largest resident is the root file system, a few ten MiB.
pub const MEMORY_MIB: u32 = 1024;

/// Why a boot can't begin.
#[derive(Debug, Error)]
pub enum BootError {
    /// The disk can't be made.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The machine can't be started.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Requests can't be put into the image.
    #[error("failed to put requests into the image: {0}")]
    Foretell(#[from] ForetellError),
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
    /// What the guests' clocks go by.
    pub clock: Clock,
    /// The QEMU that was found.
    pub version: Version,
    /// The root file system.
    pub initramfs: PathBuf,
    /// More words for the kernel's command line.
    pub kernel_parameters: Vec<String>,
    /// Set when the user wants to stop.
    pub interrupted: Arc<AtomicBool>,
}

/// Starts `kernel` as [`start`] does. Where clocks count instructions, the guest has `requests` from the beginning, all that will be
/// sent to it: only so are two boots alike.
///
/// # Errors
/// As [`start`], and the requests can't be put into the image.
pub fn start_foretold(
    plan: &BootPlan,
    kernel: &Path,
    file_systems: &BTreeSet<FileSystem>,
    traces: &Path,
    boot: u32,
    mut requests: Vec<ToGuest>,
) -> Result<(Foretold<Guest>, TempDir), BootError> {
    if plan.clock == Clock::Host {
        let (guest, directory) = start(plan, kernel, file_systems, traces, boot)?.into_parts();
        return Ok((Foretold::new(guest, None), directory));
    }
    let file = |path: &Path| {
        let path = path.to_owned();
        move |source| BootError::Write { path, source }
    };
    fs::create_dir_all(traces).map_err(file(traces))?;
    requests.insert(0, begin::foretold(&disk::mounted(file_systems)));
    let base = fs::read(&plan.initramfs).map_err(file(&plan.initramfs))?;
    let initramfs = traces.join(format!("initramfs-{boot}.cpio"));
    fs::write(&initramfs, foretold::image(&base, &requests)?).map_err(file(&initramfs))?;
    let plan = BootPlan { initramfs, ..plan.clone() };
    let (guest, directory) = start(&plan, kernel, file_systems, traces, boot)?.into_parts();
    Ok((Foretold::new(guest, Some(requests)), directory))
}

/// A guest and the directory that it lives in, which goes with it.
pub struct Booted {
    guest: Guest,
    directory: TempDir,
}

impl Booted {
    /// The image of the guest's disk of [`Content::Raw`], while the guest lives.
    #[must_use]
    pub fn raw_disk(&self) -> PathBuf {
        raw_disk(self.directory.path())
    }

    /// The guest, and the directory that has to outlive it.
    #[must_use]
    pub fn into_parts(self) -> (Guest, TempDir) {
        (self.guest, self.directory)
    }
}

/// Starts `kernel` with the disks of these file systems, and leaves the traces of this boot in `traces`: `console-N.log`, `control-N.jsonl`, `qemu-N.log`
/// and `qemu-N.sh`, which starts the same machine again by hand.
///
/// # Errors
/// The disk, a file or QEMU can't be made to work.
pub fn start(
    plan: &BootPlan,
    kernel: &Path,
    file_systems: &BTreeSet<FileSystem>,
    traces: &Path,
    boot: u32,
) -> Result<Booted, BootError> {
    start_with(plan, kernel, Content::FileSystems(file_systems), MEMORY_MIB, traces, boot)
}

/// What is on a guest's disks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content<'a> {
    /// There is no disk.
    Nothing,
    /// An empty file system each, as far as these take a disk.
    FileSystems(&'a BTreeSet<FileSystem>),
    /// One disk with these bytes at its start, and room behind them.
    Raw {
        /// A file of this machine.
        start: &'a Path,
        /// Length of the disk.
        bytes: u64,
    },
}

/// How the disk of [`Content::Raw`] is called.
const RAW: &str = "raw";

fn raw_disk(directory: &Path) -> PathBuf {
    directory.join(format!("{RAW}.img"))
}

/// The same with a disk and a size of memory of the caller's own.
///
/// # Errors
/// As [`start`].
pub fn start_with(
    plan: &BootPlan,
    kernel: &Path,
    content: Content<'_>,
    memory_mib: u32,
    traces: &Path,
    boot: u32,
) -> Result<Booted, BootError> {
    launch(plan, kernel, Memory::Fresh, (content, memory_mib), traces, boot)
}

/// The same for a machine that is to be saved, or goes on from what was saved. It has a monitor, and no disk yet.
///
/// # Errors
/// As [`start`].
pub fn start_for_snapshot(
    plan: &BootPlan,
    kernel: &Path,
    memory: Memory,
    traces: &Path,
    number: u32,
) -> Result<Booted, BootError> {
    launch(plan, kernel, memory, (Content::Nothing, MEMORY_MIB), traces, number)
}

/// The machine that [`start_for_snapshot`] makes a snapshot of, without any path of a run: what a snapshot's key is made of.
#[must_use]
pub fn identity(plan: &BootPlan) -> String {
    let paths = Paths { traces: Path::new(""), directory: Path::new(""), number: 1 };
    machine(plan, Path::new(""), Memory::Kept { ram: PathBuf::new() }, Vec::new(), paths).identity()
}

/// Where a machine's files go.
#[derive(Clone, Copy)]
struct Paths<'a> {
    traces: &'a Path,
    directory: &'a Path,
    number: u32,
}

fn machine(plan: &BootPlan, kernel: &Path, memory: Memory, disks: Vec<Disk>, paths: Paths<'_>) -> Machine {
    let monitor = (memory != Memory::Fresh).then(|| paths.directory.join("monitor"));
    Machine {
        accel: plan.accel,
        clock: plan.clock,
        memory_mib: MEMORY_MIB,
        memory,
        processors: 1,
        kernel: kernel.to_owned(),
        initramfs: plan.initramfs.clone(),
        disks,
        console: paths.traces.join(format!("console-{}.log", paths.number)),
        control: ControlEnd::Connect(paths.directory.join("control")),
        monitor,
        kernel_parameters: plan.kernel_parameters.clone(),
    }
}

fn launch(
    plan: &BootPlan,
    kernel: &Path,
    memory: Memory,
    (content, memory_mib): (Content<'_>, u32),
    traces: &Path,
    number: u32,
) -> Result<Booted, BootError> {
    let write = |path: &Path| {
        let path = path.to_owned();
        move |source| BootError::Write { path, source }
    };
    fs::create_dir_all(traces).map_err(write(traces))?;
    let directory = tempfile::Builder::new().prefix("vmtest-").tempdir();
    let directory = directory.map_err(write(&std::env::temp_dir()))?;
    let mut disks = Vec::new();
    match content {
        Content::Nothing => {}
        Content::FileSystems(file_systems) => {
            for kind in file_systems.iter().filter(|kind| kind.is_on_disk()) {
                let image = directory.path().join(format!("{kind}.img"));
                disk::create(*kind, &image)?;
                disks.push(Disk { kind: kind.name().to_owned(), image });
            }
        }
        Content::Raw { start, bytes } => {
            let image = raw_disk(directory.path());
            fs::copy(start, &image).map_err(write(&image))?;
            let file = fs::OpenOptions::new().write(true).open(&image).map_err(write(&image))?;
            file.set_len(bytes).map_err(write(&image))?;
            disks.push(Disk { kind: RAW.to_owned(), image });
        }
    }
    let paths = Paths { traces, directory: directory.path(), number };
    let machine = Machine { memory_mib, ..machine(plan, kernel, memory, disks, paths) };
    let script = traces.join(format!("qemu-{number}.sh"));
    fs::write(&script, rerun_script(&machine, content)).map_err(write(&script))?;
    let traces = TracePaths {
        control: traces.join(format!("control-{number}.jsonl")),
        qemu: traces.join(format!("qemu-{number}.log")),
    };
    let control = directory.path().join("control");
    let guest = Guest::start(&machine, plan.version, &control, &traces, plan.interrupted.clone())?;
    Ok(Booted { guest, directory })
}

/// A script that starts the same machine without the lab: QEMU serves the control port itself, the disk is made anew.
fn rerun_script(machine: &Machine, content: Content<'_>) -> String {
    let mut text = String::from(
        "#!/bin/sh\n# Starts this machine again without the lab: console on this terminal, control port at ./control.\n\
         set -eu\n",
    );
    let kept = matches!(machine.memory, Memory::Kept { .. });
    if machine.memory.state().is_some() {
        text.push_str(&disk::script(FileSystem::Ext4, "disk.img"));
    }
    for kind in machine.disks.iter().filter_map(|disk| FileSystem::of_name(&disk.kind)) {
        text.push_str(&disk::script(kind, &format!("{kind}.img")));
    }
    if let Content::Raw { start, bytes } = content {
        let start = qemu::shell_word(&start.to_string_lossy());
        text.push_str(&format!("cp {start} {RAW}.img\ntruncate -s {bytes} {RAW}.img\n"));
    }
    let again = Machine {
        console: "/dev/stdout".into(),
        control: ControlEnd::Serve("control".into()),
        disks: machine
            .disks
            .iter()
            .map(|disk| Disk { image: format!("{}.img", disk.kind).into(), ..disk.clone() })
            .collect(),
        // A machine that was to be saved boots as any other; nobody listens for its monitor.
        memory: if kept { Memory::Fresh } else { machine.memory.clone() },
        monitor: None,
        ..machine.clone()
    };
    let command = qemu::shell_text(&again.arguments());
    match &machine.memory {
        Memory::Fresh | Memory::Kept { .. } => text.push_str(&format!("exec {command}\n")),
        Memory::Restored { ram, state } | Memory::Branched { ram, state } => {
            let (before, after) = monitor_lines(state);
            text.push_str(&format!(
                "# It goes on from a snapshot, which may have gone since: then run its cell again.\n\
                 test -s '{0}' -a -s '{1}'\n\
                 # By QEMU's monitor: the state, and once it is there the disk, and go. The guest then waits to be told to begin.\n\
                 {{ cat <<'END'\n{before}END\nsleep 2\ncat <<'END'\n{after}END\nexec sleep infinity; }} |\n\
                 {command} \\\n    -qmp stdio\n",
                ram.display(),
                state.display(),
            ));
        }
    }
    text
}

/// What a restored machine's monitor is told, before and after the state is there.
fn monitor_lines(state: &Path) -> (String, String) {
    let line = |command: &str, arguments: serde_json::Value| {
        format!("{}\n", json!({ "execute": command, "arguments": arguments }))
    };
    let cat = format!("exec:cat '{}'", state.display());
    let shared = json!({ "capabilities": [{ "capability": "x-ignore-shared", "state": true }] });
    let disk =
        json!({ "driver": "raw", "node-name": "disk", "file": { "driver": "file", "filename": "disk.img" } });
    let device = json!({ "driver": "nvme", "drive": "disk", "serial": "ext4", "bus": qemu::SLOT });
    let before = [
        line("qmp_capabilities", json!({})),
        line("migrate-set-capabilities", shared),
        line("migrate-incoming", json!({ "uri": cat })),
    ];
    let after = [line("blockdev-add", disk), line("device_add", device), line("cont", json!({}))];
    (before.concat(), after.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kept_script_needs_nothing_of_the_run_but_kernel_and_initramfs() {
        let machine = Machine {
            accel: Accel::Tcg,
            clock: Clock::Host,
            memory_mib: MEMORY_MIB,
            memory: Memory::Fresh,
            processors: 1,
            kernel: "/cache/vmlinux".into(),
            initramfs: "/out/initramfs.cpio".into(),
            disks: vec![Disk { kind: "ext4".into(), image: "/tmp/vmtest-1/ext4.img".into() }],
            console: "/out/6.12/console-1.log".into(),
            control: ControlEnd::Connect("/tmp/vmtest-1/control".into()),
            monitor: None,
            kernel_parameters: Vec::new(),
        };
        let script = rerun_script(&machine, Content::Nothing);
        assert!(!script.contains("vmtest-1"), "{script}");
        assert!(script.contains("-kernel /cache/vmlinux"), "{script}");
        assert!(script.contains(" ext4.img\nexec qemu-system-x86_64"), "{script}");
    }
}
