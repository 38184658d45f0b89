//! One program, some kernels: everything that can go wrong on this machine goes wrong before the first boot, then every kernel runs the
//! program, so many at a time.

use std::{
    collections::{BTreeSet, VecDeque},
    fs::{self, File},
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, atomic::AtomicBool},
    thread,
    time::Duration,
};

use anyhow::Context as _;
use quell_kernels::{Catalogue, Lines, Progress, Step};
use quell_scenarios::scenario::FileSystem;
use tempfile::TempDir;
use vmtest_proto::{
    BULK_SLOT_BYTES, BulkArea, Bytes, Chunk, ExecRequest, Input as GuestInput, OutputStream, Payload as Place,
};

use super::{
    input::Input,
    output::Output,
    payload::Payload,
    terminal::{self, Raw},
    verdict::Verdict,
};
use crate::{
    accel,
    boot::{self, BootPlan, Content},
    cli,
    event::RunEvent,
    image, kernels,
    limits::Limits,
    machine,
    matrix::Filter,
    programs,
    qemu::{Accel, Clock},
    run::{BootImage, RunKernel},
    session::{ExecEnded, ExecLoss, Said, Session, User},
};

/// The disk that every kernel of the matrix drives without a module.
pub(super) const DEVICE: &str = "/dev/nvme0n1";
/// Where a payload is in the image of a kernel without a disk.
const IN_IMAGE: &str = "/lab/payload.cpio";
/// Slots for output on the disk: enough that the guest writes one while the host reads another.
pub(super) const SLOTS: u32 = 16;
/// How long an answer may wait when nobody types, and when somebody may.
const PACE: Duration = Duration::from_millis(50);
const QUICK_PACE: Duration = Duration::from_millis(5);
const MIB: u64 = 1024 * 1024;
/// A kernel gets another boot after one that failed before the program was seen.
const BOOTS: u32 = 2;

/// What the program reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    /// Nothing.
    Nothing,
    /// Standard input of this program.
    Stdin,
    /// The user's terminal.
    Terminal,
}

/// A program to be run in some kernels.
#[derive(Clone, Debug)]
pub struct Job {
    /// Kernels, as a glob over catalogue ids.
    pub kernel: String,
    /// The program, absolute.
    pub program: PathBuf,
    /// Its name and arguments.
    pub arguments: Vec<String>,
    /// Its whole environment.
    pub environment: Vec<(String, String)>,
    /// Where it starts, absolute.
    pub directory: PathBuf,
    /// What goes along.
    pub payload: Payload,
    /// What it reads.
    pub reads: Reads,
    /// How long it may take.
    pub within: Duration,
    /// Guests at a time.
    pub jobs: usize,
    /// What runs the guests.
    pub accel: accel::Wanted,
    /// Memory of a guest in MiB, if not by the size of the payload.
    pub memory_mib: Option<u32>,
    /// PID 1, if not the one beside this program.
    pub guest: Option<PathBuf>,
    /// More words for the kernels' command line.
    pub kernel_parameters: Vec<String>,
    /// Where traces go; without it they are kept only if the lab has something to say.
    pub out: Option<PathBuf>,
}

/// What became of the program in each kernel.
#[derive(Debug)]
pub struct Outcome {
    /// By kernel, in the catalogue's order.
    pub verdicts: Vec<(String, Verdict)>,
    /// Where the traces are, if they were kept.
    pub traces: Option<PathBuf>,
}

/// Where traces go while the job runs.
enum Traces {
    Kept(PathBuf),
    Passing(TempDir),
}

impl Traces {
    fn path(&self) -> &Path {
        match self {
            Self::Kept(path) => path,
            Self::Passing(directory) => directory.path(),
        }
    }
}

impl Job {
    /// Runs it.
    ///
    /// # Errors
    /// Something kept it from being run at all.
    pub fn run(&self) -> anyhow::Result<Outcome> {
        let filter = Filter::new(Some(&self.kernel), None)?;
        let catalogue = Catalogue::builtin();
        let columns = kernels::wanted_with_variants(&catalogue, true, |id| filter.wants_kernel(id));
        // A glob means the kernels themselves; a variant is run when it is named.
        let is_glob = self.kernel.contains(['*', '?', '[', '{']);
        let columns: Vec<_> =
            columns.into_iter().filter(|column| !is_glob || column.variant.is_none()).collect();
        if columns.is_empty() {
            return Ok(Outcome { verdicts: Vec::new(), traces: None });
        }
        let version = machine::installed_version()?;
        let guest = programs::find_guest(self.guest.clone())?;
        let traces = match &self.out {
            Some(out) => {
                fs::create_dir_all(out).with_context(|| format!("failed to create {}", out.display()))?;
                Traces::Kept(out.canonicalize().with_context(|| format!("failed to find {}", out.display()))?)
            }
            None => {
                let directory = tempfile::Builder::new().prefix("vmtest-exec-").tempdir();
                Traces::Passing(directory.context("failed to create a folder for traces")?)
            }
        };
        let prepared = self.prepare(&guest, traces.path())?;
        let obtained = kernels::obtain_with(&columns, false, &Quiet)?;
        let interrupted = cli::stop_flag().context("failed to watch for signals")?;
        let first = obtained.iter().find_map(|(_, kernel)| kernel.image.as_ref().ok());
        let mut plan = BootPlan {
            accel: Accel::Tcg,
            clock: Clock::Host,
            version,
            initramfs: prepared.initramfs.clone(),
            kernel_parameters: self.kernel_parameters.clone(),
            interrupted: interrupted.clone(),
        };
        if let Some(image) = first {
            let trial = traces.path().join("trial");
            plan.accel = accel::choose(self.accel, &plan, &image.vmlinux, &trial).accel;
        }
        let kernels: Vec<RunKernel> = obtained.into_iter().map(|(_, kernel)| kernel).collect();
        let verdicts = self.in_kernels(&kernels, &plan, &prepared, traces.path(), &interrupted)?;
        let quiet = verdicts.iter().all(|(_, verdict)| verdict.is_programs_own());
        let traces = match traces {
            Traces::Passing(_) if quiet => None,
            Traces::Passing(directory) => Some(directory.keep()),
            Traces::Kept(path) => Some(path),
        };
        Ok(Outcome { verdicts, traces })
    }

    fn prepare(&self, guest: &Path, traces: &Path) -> anyhow::Result<Prepared> {
        let write = |name: &str, bytes: &[u8]| {
            let path = traces.join(name);
            fs::write(&path, bytes).with_context(|| format!("failed to write {}", path.display()))?;
            anyhow::Ok(path)
        };
        let archive = self.payload.layout.archive()?;
        let bytes = u64::try_from(archive.len()).context("the payload is too large")?;
        let without_payload = image::build_for_exec(guest, None)?;
        Ok(Prepared {
            initramfs: write("initramfs.cpio", &without_payload)?,
            without_payload,
            with_payload: image::build_for_exec(guest, Some(&archive))?,
            payload: write("payload.cpio", &archive)?,
            bytes,
        })
    }

    fn in_kernels(
        &self,
        kernels: &[RunKernel],
        plan: &BootPlan,
        prepared: &Prepared,
        traces: &Path,
        interrupted: &Arc<AtomicBool>,
    ) -> anyhow::Result<Vec<(String, Verdict)>> {
        let width = kernels.iter().map(|kernel| kernel.id.len()).max().unwrap_or(0);
        let alone = kernels.len() == 1;
        let waiting: Mutex<VecDeque<usize>> = Mutex::new((0..kernels.len()).collect());
        let done: Mutex<Vec<(usize, Verdict)>> = Mutex::new(Vec::new());
        let work = || {
            loop {
                let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                let Some(at) = next else { return };
                let kernel = &kernels[at];
                let output = if alone { Output::plain() } else { Output::named(&kernel.id, width) };
                let verdict = self.in_kernel(kernel, plan, prepared, traces, output, alone, interrupted);
                if !alone {
                    eprintln!("{:width$} : {verdict}", kernel.id);
                }
                done.lock().unwrap_or_else(PoisonError::into_inner).push((at, verdict));
            }
        };
        thread::scope(|scope| {
            for _ in 0..self.jobs.clamp(1, kernels.len()) {
                scope.spawn(work);
            }
        });
        let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        done.sort_by_key(|(at, _)| *at);
        Ok(done.into_iter().map(|(at, verdict)| (kernels[at].id.clone(), verdict)).collect())
    }

    #[expect(clippy::too_many_arguments, reason = "what a boot takes, and it is called once")]
    fn in_kernel(
        &self,
        kernel: &RunKernel,
        plan: &BootPlan,
        prepared: &Prepared,
        traces: &Path,
        output: Output,
        alone: bool,
        interrupted: &Arc<AtomicBool>,
    ) -> Verdict {
        let image = match &kernel.image {
            Ok(image) => image,
            Err(reason) => return Verdict::NoKernel(reason.clone()),
        };
        let mut plan = plan.clone();
        plan.kernel_parameters.extend(kernel.parameters.iter().cloned());
        let size = terminal::size();
        let reads = if alone { self.reads } else { Reads::Nothing };
        let input = match reads {
            Reads::Nothing => Input::nothing(),
            Reads::Stdin => Input::plain(),
            Reads::Terminal => Input::terminal(size),
        };
        let guest_input = match reads {
            Reads::Nothing => GuestInput::Nothing,
            Reads::Stdin => GuestInput::Pipe,
            Reads::Terminal => GuestInput::Terminal(size),
        };
        let mut user = Host { output, input, disk: None };
        let mut boot = 1;
        loop {
            let stopped = interrupted.load(std::sync::atomic::Ordering::Relaxed);
            if stopped {
                return Verdict::Interrupted;
            }
            let booted = self.boot(kernel, image, &plan, prepared, traces, boot, guest_input, &mut user);
            let verdict = match booted {
                Ok(ended) => Verdict::of(ended, self.within.as_secs()),
                Err(error) => Verdict::Broken(format!("{error:#}")),
            };
            if let Err(error) = user.output.finish() {
                return Verdict::OutputClosed(error);
            }
            if boot < BOOTS && verdict.is_boot_failure() {
                eprintln!("vmtest: {}: {verdict}; booting once more", kernel.id);
                boot += 1;
                continue;
            }
            return verdict;
        }
    }

    #[expect(clippy::too_many_arguments, reason = "what a boot takes, and it is called once")]
    fn boot(
        &self,
        kernel: &RunKernel,
        image: &BootImage,
        plan: &BootPlan,
        prepared: &Prepared,
        traces: &Path,
        boot: u32,
        input: GuestInput,
        user: &mut Host,
    ) -> anyhow::Result<Result<ExecEnded, ExecLoss>> {
        let traces = traces.join(&kernel.id);
        fs::create_dir_all(&traces).with_context(|| format!("failed to create {}", traces.display()))?;
        let memory_mib = self.memory_mib.unwrap_or_else(|| memory_mib(prepared.bytes));
        let area_at = prepared.bytes.next_multiple_of(u64::from(BULK_SLOT_BYTES));
        let area_bytes = u64::from(SLOTS) * u64::from(BULK_SLOT_BYTES);
        let mut plan = plan.clone();
        // It is the disk that is asked about: what ext4 takes in modules has the driver among it.
        let mut modules = Vec::new();
        let mut has_disk = !image.offers.lacks().contains_key(&FileSystem::Ext4);
        if has_disk {
            match kernels::modules_archive(image, &BTreeSet::from([FileSystem::Ext4]))? {
                Ok(archive) => modules = archive.unwrap_or_default(),
                Err(reason) => {
                    eprintln!("vmtest: {}: no disk, because its modules can't be had: {reason}", kernel.id);
                    has_disk = false;
                }
            }
        }
        let content = if has_disk {
            Content::Raw { start: &prepared.payload, bytes: area_at + area_bytes }
        } else {
            Content::Nothing
        };
        if !has_disk || !modules.is_empty() {
            let common = if has_disk { &prepared.without_payload } else { &prepared.with_payload };
            plan.initramfs = traces.join("initramfs.cpio");
            fs::write(&plan.initramfs, [common.as_slice(), &modules].concat())
                .with_context(|| format!("failed to write {}", plan.initramfs.display()))?;
        }
        let booted = boot::start_with(&plan, &image.vmlinux, content, memory_mib, &traces, boot)?;
        let bulk = BulkArea { device: DEVICE.to_owned(), at_bytes: area_at, slots: SLOTS };
        let place = if has_disk { DEVICE } else { IN_IMAGE };
        let request = ExecRequest {
            program: text(&self.program)?,
            arguments: self.arguments.clone(),
            environment: self.environment.clone(),
            directory: text(&self.directory)?,
            payload: Some(Place { place: place.to_owned(), bytes: prepared.bytes }),
            bulk: has_disk.then_some(bulk),
            input,
        };
        user.disk = match has_disk {
            true => {
                let path = booted.raw_disk();
                let file = File::open(&path).with_context(|| format!("failed to open {}", path.display()))?;
                Some((file, area_at))
            }
            false => None,
        };
        let (guest, _directory) = booted.into_parts();
        let mut remark = |event: RunEvent| {
            if let RunEvent::Remark { kernel, text } = event {
                eprintln!("vmtest: {kernel}: {text}");
            }
        };
        let session = Session::new(guest, Limits::of(plan.accel), &kernel.id, boot, &mut remark);
        let raw = match input {
            GuestInput::Terminal(_) => Some(Raw::new().context("failed to set up the terminal")?),
            GuestInput::Nothing | GuestInput::Pipe => None,
        };
        let ended = session.expecting(image.release.as_deref()).exec(request, self.within, user);
        drop(raw);
        Ok(ended)
    }
}

/// What every boot of a job needs.
struct Prepared {
    initramfs: PathBuf,
    without_payload: Vec<u8>,
    with_payload: Vec<u8>,
    payload: PathBuf,
    bytes: u64,
}

/// The payload lies in memory, and programs want some as well.
fn memory_mib(payload_bytes: u64) -> u32 {
    let wanted = 512 + 3 * payload_bytes.div_ceil(MIB);
    u32::try_from(wanted.next_multiple_of(256)).map_or(u32::MAX, |wanted| wanted.max(boot::MEMORY_MIB))
}

pub(super) fn text(path: &Path) -> anyhow::Result<String> {
    let text = path.to_str().with_context(|| format!("{} is not UTF-8", path.display()))?;
    Ok(text.to_owned())
}

/// How kernels are obtained, for somebody who waits for a program's output: what takes time and what has to be known, but
/// nothing about a kernel that is there.
pub(super) struct Quiet;

impl Progress for Quiet {
    fn step(&self, kernel: &str, step: &Step) {
        Lines.step(kernel, step);
    }
    fn bytes(&self, _: &str, _: u64) {}
    fn note(&self, kernel: &str, text: &str) {
        Lines.note(kernel, text);
    }
    fn done(&self, _: &str, _: &str) {}
}

/// This side of a running program.
pub(super) struct Host {
    pub(super) output: Output,
    pub(super) input: Input,
    /// The guest's disk, and where its bulk area begins.
    pub(super) disk: Option<(File, u64)>,
}

impl User for Host {
    fn show(&mut self, stream: OutputStream, chunk: Chunk) -> io::Result<Option<u32>> {
        let (bytes, slot) = match chunk {
            Chunk::Inline(Bytes(bytes)) => (bytes, None),
            Chunk::Slot { slot, bytes } => {
                let (disk, area_at) = self
                    .disk
                    .as_ref()
                    .ok_or_else(|| io::Error::other("the guest has no disk to write to"))?;
                if slot >= SLOTS || bytes > BULK_SLOT_BYTES {
                    return Err(io::Error::other(format!(
                        "the guest names a slot that there is not: {slot}"
                    )));
                }
                let mut content = vec![0; bytes as usize];
                disk.read_exact_at(&mut content, area_at + u64::from(slot) * u64::from(BULK_SLOT_BYTES))?;
                (content, Some(slot))
            }
        };
        self.output.print(stream, &bytes)?;
        Ok(slot)
    }

    fn said(&mut self, room: usize) -> Option<Said> {
        self.input.said(room)
    }

    fn pace(&self) -> Duration {
        if self.input.is_open() { QUICK_PACE } else { PACE }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_grows_with_what_lies_in_it() {
        assert_eq!(memory_mib(0), boot::MEMORY_MIB);
        assert_eq!(memory_mib(100 * MIB), boot::MEMORY_MIB);
        assert_eq!(memory_mib(400 * MIB), 1792);
    }
}
