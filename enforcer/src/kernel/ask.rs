//! Asks the running kernel about one feature: by an attempt, or by the file that shows it.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::rc::Rc;

use libbpf_rs::{MapCore, MapFlags, MapHandle, MapType};
use libbpf_sys::{
    BPF_F_RDONLY_PROG, BPF_FUNC_get_attach_cookie, BPF_FUNC_ktime_get_boot_ns, BPF_FUNC_ktime_get_coarse_ns,
    BPF_FUNC_override_return, BPF_FUNC_probe_read_kernel, BPF_FUNC_probe_read_user_str, BPF_FUNC_send_signal,
    BPF_LSM_MAC, BPF_MODIFY_RETURN, BPF_PROG_TYPE_KPROBE, BPF_PROG_TYPE_LSM, BPF_PROG_TYPE_RAW_TRACEPOINT,
    BPF_PROG_TYPE_SOCKET_FILTER, BPF_PROG_TYPE_TRACEPOINT, BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY,
    BPF_TRACE_KPROBE_MULTI, bpf_map_create_opts,
};
use nix::errno::Errno;

use super::attempt::{self, Instruction, Kind};
use super::facts::Answer;
use super::feature::Feature;
use super::once;
use super::raw_types::RawTypes;

/// A function that only the kernel's own tests call (Linux 5.5): attaching to it is felt by nobody.
const HARMLESS: &str = "bpf_fentry_test1";
/// Where a program that modifies a return value is tried, but only loaded: a function of the kind that policies are about,
/// then one of the kernel's own tests.
const MODIFIED: [&str; 2] = ["security_file_permission", "bpf_modify_return_test"];
/// The function behind a hook of the security modules that every kernel with such programs has; loaded only.
const SECURITY_HOOK: &str = "bpf_lsm_file_permission";

/// What feature questions share.
pub(super) struct Asker {
    /// The running kernel's own types, whatever file the user gives: programs of trampolines are made for functions by number.
    types: Option<Rc<RawTypes>>,
    /// Whether the simplest program, which every kernel with BPF has, can be loaded.
    may_load: bool,
}

impl Asker {
    /// Prepares questions.
    pub(super) fn new() -> Self {
        let types = once::raw_types().ok();
        let may_load = attempt::load(Kind::of(BPF_PROG_TYPE_SOCKET_FILTER), &nothing()).is_ok();
        Self { types, may_load }
    }

    /// Whether the kernel has it.
    pub(super) fn feature(&self, feature: Feature) -> Answer {
        match feature {
            Feature::Btf => file(Path::new("/sys/kernel/btf/vmlinux")),
            Feature::KprobePrograms => self.program(BPF_PROG_TYPE_KPROBE),
            Feature::Tracepoints => self.program(BPF_PROG_TYPE_TRACEPOINT),
            Feature::RawTracepoints => self.program(BPF_PROG_TYPE_RAW_TRACEPOINT),
            Feature::SendSignal => self.helper(BPF_FUNC_send_signal, &[Instruction::set(1, 9)]),
            Feature::ProbeReadUser => self.helper(BPF_FUNC_probe_read_user_str, &reading()),
            Feature::ProbeReadKernel => self.helper(BPF_FUNC_probe_read_kernel, &reading()),
            Feature::KprobeOverride => self.helper(BPF_FUNC_override_return, &[Instruction::set(2, 0)]),
            Feature::AttachCookies => self.helper(BPF_FUNC_get_attach_cookie, &[]),
            Feature::BootClock => self.helper(BPF_FUNC_ktime_get_boot_ns, &[]),
            // The helper came with the change of accounting, in the same release; libbpf asks the same way.
            Feature::MemcgAccounting => {
                self.with_helper(Kind::of(BPF_PROG_TYPE_SOCKET_FILTER), BPF_FUNC_ktime_get_coarse_ns, &[])
            }
            Feature::RingBuffer => self.map(MapType::RingBuf.is_supported()),
            Feature::FrozenConstants => self.frozen_constants(),
            Feature::Trampolines => {
                self.trampoline(BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY, &[HARMLESS, MODIFIED[0]])
            }
            Feature::ModifyReturn => self.trampoline(BPF_PROG_TYPE_TRACING, BPF_MODIFY_RETURN, &MODIFIED),
            Feature::BpfLsm => self.trampoline(BPF_PROG_TYPE_LSM, BPF_LSM_MAC, &[SECURITY_HOOK]),
            Feature::KprobeMulti => self.kprobe_multi(),
            Feature::Uprobes => any_file(&[
                "/sys/bus/event_source/devices/uprobe",
                "/sys/kernel/tracing/uprobe_events",
                "/sys/kernel/debug/tracing/uprobe_events",
            ]),
            Feature::Unpreempted => super::preemption::is_absent(),
            Feature::ActiveBpfLsm => match super::state::security_modules() {
                Ok(active) if active.iter().any(|name| name == "bpf") => Answer::Present,
                Ok(_) => Answer::Absent,
                Err(reason) => Answer::Unknown(reason),
            },
        }
    }

    /// Whether a trampoline program may replace what `function` returns.
    pub(super) fn modifiable(&self, function: &str) -> Answer {
        self.trampoline(BPF_PROG_TYPE_TRACING, BPF_MODIFY_RETURN, &[function])
    }

    /// What is known when an attempt failed and its counterpart did not.
    fn refused(&self, error: &io::Error) -> Answer {
        if !self.may_load {
            Answer::Unknown("this process may not load BPF programs; try as root".into())
        } else if inconclusive(error) {
            Answer::Unknown(format!("the kernel did not let it be tried: {error}"))
        } else {
            Answer::Absent
        }
    }

    fn program(&self, kind: u32) -> Answer {
        match attempt::load(Kind::of(kind), &nothing()) {
            Ok(_) => Answer::Present,
            Err(error) => self.refused(&error),
        }
    }

    fn helper(&self, helper: u32, arguments: &[Instruction]) -> Answer {
        self.with_helper(Kind::of(BPF_PROG_TYPE_KPROBE), helper, arguments)
    }

    /// A program that calls a helper, beside the same one that does not.
    fn with_helper(&self, kind: Kind, helper: u32, arguments: &[Instruction]) -> Answer {
        let mut program = arguments.to_vec();
        let without = [program.as_slice(), &nothing()].concat();
        program.push(Instruction::call(helper));
        program.extend(nothing());
        match (attempt::load(kind, &program), attempt::load(kind, &without)) {
            (Ok(_), _) => Answer::Present,
            (Err(error), Ok(_)) => self.refused(&error),
            (Err(_), Err(error)) => self.unasked(&error),
        }
    }

    fn unasked(&self, error: &io::Error) -> Answer {
        match self.refused(error) {
            Answer::Absent => {
                Answer::Unknown(format!("programs of that kind cannot be loaded at all: {error}"))
            }
            other => other,
        }
    }

    fn map(&self, supported: libbpf_rs::Result<bool>) -> Answer {
        match supported {
            Ok(true) => Answer::Present,
            // The kernel's no to a process that may do nothing at all is not a no about the feature.
            Ok(false) if self.may_load && nix::unistd::geteuid().is_root() => Answer::Absent,
            Ok(false) => Answer::Unknown("this process may not create BPF maps; try as root".into()),
            Err(error) => Answer::Unknown(error.to_string()),
        }
    }

    /// A program made for the first of these functions that the kernel describes.
    fn trampoline(&self, program: u32, attach: u32, functions: &[&str]) -> Answer {
        if !self.may_load {
            return Answer::Unknown("this process may not load BPF programs; try as root".into());
        }
        let Some(types) = &self.types else { return Answer::Absent };
        let described = functions.iter().find_map(|name| types.function(name));
        let Some((function, _)) = described else { return Answer::Absent };
        let kind = Kind { program, attach, function };
        match attempt::load(kind, &nothing()) {
            Ok(_) => Answer::Present,
            Err(error) => self.refused(&error),
        }
    }

    /// Loads and attaches: a kernel without `CONFIG_FPROBE` loads such a program, and some load it as any kprobe program.
    fn kprobe_multi(&self) -> Answer {
        let kind = Kind { program: BPF_PROG_TYPE_KPROBE, attach: BPF_TRACE_KPROBE_MULTI, function: 0 };
        let attached =
            attempt::load(kind, &nothing()).and_then(|program| attempt::attach_as_list(&program, HARMLESS));
        match attached {
            Ok(_) => Answer::Present,
            Err(error) if matches!(number(&error), Some(Errno::ENOENT | Errno::ESRCH)) => {
                Answer::Unknown(format!("`{HARMLESS}`, at which it is tried, cannot be traced: {error}"))
            }
            Err(error) => self.refused(&error),
        }
    }

    /// A branch that no verifier allows, and that a constant rules out, beside one that any verifier allows.
    fn frozen_constants(&self) -> Answer {
        let constants = match constant_zero() {
            Ok(map) => map,
            Err(error) => return Answer::Unknown(format!("failed to make a map of constants: {error}")),
        };
        let program = |branch: Instruction| {
            let mut program = Instruction::address_of_value(1, &constants).to_vec();
            program.extend([Instruction::read(0, 1), Instruction::skip_one_if_zero(0), branch]);
            program.extend(nothing());
            attempt::load(Kind::of(BPF_PROG_TYPE_KPROBE), &program)
        };
        // Register 6 holds nothing at that point.
        match (program(Instruction::copy(2, 6)), program(Instruction::set(2, 0))) {
            (Ok(_), _) => Answer::Present,
            (Err(error), Ok(_)) => self.refused(&error),
            (Err(_), Err(error)) => self.unasked(&error),
        }
    }
}

fn number(error: &io::Error) -> Option<Errno> {
    error.raw_os_error().map(Errno::from_raw)
}

/// Denied, out of memory, interrupted: that says nothing about a feature. (EACCES is how the verifier refuses.)
fn inconclusive(error: &io::Error) -> bool {
    let nothing_learned = [Errno::EPERM, Errno::ENOMEM, Errno::EAGAIN, Errno::EINTR, Errno::EBUSY];
    number(error).is_none_or(|number| nothing_learned.contains(&number))
}

/// `return 0`
fn nothing() -> [Instruction; 2] {
    [Instruction::set(0, 0), Instruction::exit()]
}

/// Arguments of a helper that reads 8 bytes onto the stack.
fn reading() -> [Instruction; 4] {
    [Instruction::copy(1, 10), Instruction::add(1, -8), Instruction::set(2, 8), Instruction::set(3, 0)]
}

/// A map of one number, 0, that neither programs nor anybody else can change.
fn constant_zero() -> libbpf_rs::Result<MapHandle> {
    let options = bpf_map_create_opts {
        sz: size_of::<bpf_map_create_opts>().try_into().unwrap_or(u64::MAX),
        map_flags: BPF_F_RDONLY_PROG,
        ..bpf_map_create_opts::default()
    };
    let map = MapHandle::create(MapType::Array, Some("quell_attempt"), 4, 4, 1, &options)?;
    map.update(&[0; 4], &[0; 4], MapFlags::ANY)?;
    map.freeze()?;
    Ok(map)
}

fn file(path: &Path) -> Answer {
    match fs::metadata(path) {
        Ok(_) => Answer::Present,
        Err(error) if error.kind() == ErrorKind::NotFound && Path::new("/sys/kernel").is_dir() => {
            Answer::Absent
        }
        Err(error) => Answer::Unknown(format!("{}: {error}", path.display())),
    }
}

/// Whether one of these files is there; what stands for the last of them counts where none is.
fn any_file(paths: &[&str]) -> Answer {
    let mut answers = paths.iter().map(|path| file(Path::new(path)));
    answers.find(|answer| *answer != Answer::Absent).unwrap_or(Answer::Absent)
}
