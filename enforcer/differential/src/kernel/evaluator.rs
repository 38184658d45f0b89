//! Loads `evaluate.bpf.o` for one hook and asks it, call by call.

use std::os::fd::{AsFd, AsRawFd};

use libbpf_rs::btf::types::{MemberAttr, Struct};
use libbpf_rs::{MapCore, MapFlags, Object, ObjectBuilder, OpenObject, ProgramInput};
use quell::hook::constants::{self, ObjectError};
use quell::hook::types::{KernelTypes, TypesError};
use quell::hook::{cast, fill, verifier_log};
use quell::selector::compile::CompiledHook;
use quell_bpf::{
    EARLY_ENTRY, EVALUATE_ENTRY, EVALUATE_OBJECT, EVALUATE_STAGES, EVENT_MAP, RATE_MAP, READ_ENTRY,
    STAGE_MAP, WALK_ENTRY,
};
use quell_wire::WireRecord;
use quell_wire::code::{ArgStatus, ArgType};
use quell_wire::hook::HookConfig;
use quell_wire::limits::{MAX_STRING_BYTES, STRING_SLACK_BYTES};

use crate::answer::Answer;
use crate::observe::Observation;

/// Scratch memory of the call.
const HEAP: &str = "process_call_heap";
/// Maps that only events need.
const NEVER_USED: [&str; 3] = [EVENT_MAP, "event_heap", RATE_MAP];
const SLOT_BYTES: usize = (MAX_STRING_BYTES + STRING_SLACK_BYTES) as usize;
const STRING_BYTES: usize = MAX_STRING_BYTES as usize;
/// Bytes of a `struct quell_arg`: four u32 and a u64.
const ARG_BYTES: usize = 24;
/// Lines of a verifier log that an error shows.
const LOG_LINES: usize = 20;

/// Why the kernel could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum KernelError {
    /// The loader or the kernel refused.
    #[error("failed to {step}: {source}\n{log}")]
    Refused {
        /// What was tried.
        step: &'static str,
        /// The loader's error.
        source: libbpf_rs::Error,
        /// The end of the verifier's log.
        log: String,
    },
    /// The kernel does not describe its types.
    #[error(transparent)]
    Types(#[from] TypesError),
    /// The object could not be read.
    #[error(transparent)]
    Object(#[from] ObjectError),
    /// The object is not what this program was built for.
    #[error("the object has no {0}")]
    Incomplete(&'static str),
    /// This thread can't be kept on one processor.
    #[error("failed to stay on one processor: {0}")]
    Stay(nix::Error),
    /// An answer that is in no table.
    #[error("the evaluator gave {0:#x}, which is no answer")]
    Unknown(u32),
}

fn refused(step: &'static str, log: &[String]) -> impl FnOnce(libbpf_rs::Error) -> KernelError {
    let log = verifier_log::summary(log, LOG_LINES);
    move |source| KernelError::Refused { step, source, log }
}

/// Where the parts of a `struct quell_call` are, from the object's type information.
#[derive(Clone, Copy, Debug)]
struct Layout {
    process: usize,
    arg: usize,
    slot: usize,
}

/// One hook's evaluator in the kernel.
#[derive(Debug)]
pub struct Evaluator {
    object: Object,
    layout: Layout,
    /// The one that this thread runs on, and stays on.
    processor: usize,
    /// The scratch memory as it was filled last: whatever a shorter string does not overwrite is still there.
    memory: Vec<u8>,
}

fn open(config: &HookConfig, programs: &[&str]) -> Result<OpenObject, KernelError> {
    let object = constants::with_casts(&EVALUATE_OBJECT, config.cast)?;
    let (opened, log) = verifier_log::with_log(|| ObjectBuilder::default().open_memory(&object));
    let mut open = opened.map_err(refused("open the object", &log))?;
    for mut program in open.progs_mut() {
        let wanted = programs.iter().any(|name| program.name() == *name);
        program.set_autoload(wanted);
    }
    // Nothing is posted here, and a ring buffer per policy would take longer to free than to fill.
    for mut map in open.maps_mut() {
        if NEVER_USED.iter().any(|name| map.name() == *name) {
            map.set_autocreate(false).map_err(refused("leave out a map", &[]))?;
        }
    }
    let mut bytes = Vec::new();
    config.write(&mut bytes);
    let mut rodata = None;
    for map in open.maps_mut() {
        if map.name().to_string_lossy().ends_with(".rodata") {
            rodata = Some(map);
        }
    }
    rodata
        .as_mut()
        .and_then(|map| map.initial_value_mut()?.get_mut(..bytes.len()))
        .ok_or(KernelError::Incomplete("room for constants"))?
        .copy_from_slice(&bytes);
    Ok(open)
}

fn load(open: OpenObject) -> Result<Evaluator, KernelError> {
    let (loaded, log) = verifier_log::with_log(|| open.load());
    let object = loaded.map_err(refused("load the programs", &log))?;
    let layout = layout(&object)?;
    let heap = object.maps().find(|map| map.name() == HEAP).ok_or(KernelError::Incomplete(HEAP))?;
    let memory = vec![0x5a; heap.value_size() as usize];
    let processor = stay().map_err(KernelError::Stay)?;
    Ok(Evaluator { object, layout, processor, memory })
}

/// Keeps this thread on one processor. A program that is run for another one runs in an interrupt there, in the middle of
/// somebody else's task.
fn stay() -> nix::Result<usize> {
    let processor = nix::sched::sched_getcpu()?;
    let mut only = nix::sched::CpuSet::new();
    only.set(processor)?;
    nix::sched::sched_setaffinity(nix::unistd::Pid::from_raw(0), &only)?;
    Ok(processor)
}

fn layout(object: &Object) -> Result<Layout, KernelError> {
    let missing = || KernelError::Incomplete("description of a call");
    let btf = object.btf().ok().flatten().ok_or_else(missing)?;
    let call: Struct<'_> = btf.type_by_name("quell_call").ok_or_else(missing)?;
    let offset = |name: &str| {
        let member = call.iter().find(|member| member.name.is_some_and(|own| own == name))?;
        match member.attr {
            MemberAttr::Normal { offset } => usize::try_from(offset / 8).ok(),
            MemberAttr::BitField { .. } => None,
        }
    };
    Ok(Layout {
        process: offset("process").ok_or_else(missing)?,
        arg: offset("arg").ok_or_else(missing)?,
        slot: offset("slot").ok_or_else(missing)?,
    })
}

impl Evaluator {
    /// Loads the evaluator for a hook.
    ///
    /// # Errors
    /// When the kernel refuses, with the end of the verifier's log.
    pub fn load(compiled: &CompiledHook) -> Result<Self, KernelError> {
        let mut programs: Vec<&str> = EVALUATE_STAGES.iter().map(|(_, name)| *name).collect();
        programs.push(EVALUATE_ENTRY);
        let mut open = open(&compiled.config, &programs)?;
        fill::size_values(&mut open, compiled).map_err(refused("size the maps", &[]))?;
        let evaluator = load(open)?;
        evaluator.fill_stages()?;
        fill::fill_selectors(&evaluator.object, compiled).map_err(refused("fill the maps", &[]))?;
        Ok(evaluator)
    }

    /// Loads the path walk alone.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn load_walk() -> Result<Self, KernelError> {
        load(open(&HookConfig { args: 1, ..HookConfig::default() }, &[WALK_ENTRY])?)
    }

    /// Loads what reads arguments of one type.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn load_reader(ty: ArgType) -> Result<Self, KernelError> {
        let mut config = HookConfig { args: 1, ..HookConfig::default() };
        config.arg_type[0] = ty.number();
        load(open(&config, &[READ_ENTRY])?)
    }

    /// Loads the early look of a hook.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn load_early(compiled: &CompiledHook, types: &KernelTypes) -> Result<Self, KernelError> {
        let mut config = compiled.config;
        cast::put(types, &mut config)?;
        let mut open = open(&config, &[EARLY_ENTRY])?;
        fill::size_values(&mut open, compiled).map_err(refused("size the maps", &[]))?;
        let evaluator = load(open)?;
        fill::fill_selectors(&evaluator.object, compiled).map_err(refused("fill the maps", &[]))?;
        Ok(evaluator)
    }

    fn fill_stages(&self) -> Result<(), KernelError> {
        let map = self.object.maps().find(|map| map.name() == STAGE_MAP);
        let map = map.ok_or(KernelError::Incomplete(STAGE_MAP))?;
        for (stage, name) in EVALUATE_STAGES {
            let program = self.object.progs().find(|program| program.name() == *name);
            let program = program.ok_or(KernelError::Incomplete(name))?;
            let descriptor = program.as_fd().as_raw_fd().to_le_bytes();
            map.update(&stage.number().to_le_bytes(), &descriptor, MapFlags::ANY)
                .map_err(refused("fill the stages", &[]))?;
        }
        Ok(())
    }

    /// Asks about one call.
    ///
    /// # Errors
    /// When the kernel does not let itself be asked, or gives a number that is no answer.
    pub fn decide(&mut self, seen: &Observation) -> Result<Answer, KernelError> {
        self.put(seen);
        let heap = self.object.maps().find(|map| map.name() == HEAP).ok_or(KernelError::Incomplete(HEAP))?;
        let processors = libbpf_rs::num_possible_cpus().map_err(refused("count the processors", &[]))?;
        let values = vec![self.memory.clone(); processors];
        heap.update_percpu(&0_u32.to_le_bytes(), &values, MapFlags::ANY)
            .map_err(refused("fill the scratch memory", &[]))?;
        let number = self.run(EVALUATE_ENTRY, &mut [])?;
        let selector = usize::try_from(number >> 8 & 255).unwrap_or(usize::MAX);
        Ok(match number & 255 {
            0 => Answer::Aborted,
            1 => Answer::No,
            2 => Answer::Matched { selector, failed_closed: number >> 16 & 1 == 1 },
            3 => Answer::Unreadable,
            4 => Answer::Malformed,
            _ => return Err(KernelError::Unknown(number)),
        })
    }

    /// Walks the path of a descriptor of this process: status, path, and the S_IFMT bits of its file.
    ///
    /// # Errors
    /// When the kernel does not let itself be asked, or gives a number that is no status.
    pub fn walk(&self, descriptor: i32) -> Result<(ArgStatus, Vec<u8>, u32), KernelError> {
        let mut context = i64::from(descriptor).to_le_bytes();
        let number = self.run(WALK_ENTRY, &mut context)?;
        let status = ArgStatus::from_number(number & 255).ok_or(KernelError::Unknown(number))?;
        let length = usize::try_from(number >> 8 & 0xffff).unwrap_or(usize::MAX);
        let memory = self.scratch()?;
        let end = self.layout.slot + STRING_BYTES;
        let slot = end.checked_sub(length).and_then(|start| memory.get(start..end)).map(<[u8]>::to_vec);
        Ok((status, slot.ok_or(KernelError::Unknown(number))?, number >> 24 << 12))
    }

    /// Reads an argument of the type that this was loaded for: status, bytes and number. `value` is what the function would
    /// be given, an address of this process for a pointer, and `size` what holds the size of a buffer.
    ///
    /// # Errors
    /// When the kernel does not let itself be asked, or gives a number that is no status.
    pub fn read(&self, value: u64, size: u64) -> Result<(ArgStatus, Vec<u8>, u64), KernelError> {
        let mut context = [value.to_le_bytes(), size.to_le_bytes()].concat();
        let answer = self.run(READ_ENTRY, &mut context)?;
        let status = ArgStatus::from_number(answer & 255).ok_or(KernelError::Unknown(answer))?;
        let length = usize::try_from(answer >> 8).unwrap_or(usize::MAX);
        let memory = self.scratch()?;
        let slot = memory.get(self.layout.slot..).and_then(|slot| slot.get(..length)).map(<[u8]>::to_vec);
        let number = memory.get(self.layout.arg..self.layout.arg + ARG_BYTES).and_then(<[u8]>::last_chunk);
        match (slot, number) {
            (Some(slot), Some(number)) => Ok((status, slot, u64::from_le_bytes(*number))),
            _ => Err(KernelError::Unknown(answer)),
        }
    }

    /// Looks early at an argument, which is what the function would be given: whether the call is seen to match nothing.
    ///
    /// # Errors
    /// When the kernel does not let itself be asked, or gives a number that is no answer.
    pub fn look_early(&self, value: u64) -> Result<bool, KernelError> {
        match self.run(EARLY_ENTRY, &mut value.to_le_bytes())? {
            1 => Ok(true),
            2 => Ok(false),
            answer => Err(KernelError::Unknown(answer)),
        }
    }

    /// The scratch memory of this thread's processor.
    fn scratch(&self) -> Result<Vec<u8>, KernelError> {
        let heap = self.object.maps().find(|map| map.name() == HEAP).ok_or(KernelError::Incomplete(HEAP))?;
        let values = heap
            .lookup_percpu(&0_u32.to_le_bytes(), MapFlags::ANY)
            .map_err(refused("read the scratch memory", &[]))?;
        let own = values.and_then(|values| values.into_iter().nth(self.processor));
        own.ok_or(KernelError::Incomplete("scratch memory"))
    }

    fn run(&self, name: &'static str, context: &mut [u8]) -> Result<u32, KernelError> {
        let program = self.object.progs_mut().find(|program| program.name() == name);
        let program = program.ok_or(KernelError::Incomplete(name))?;
        let mut input = ProgramInput::default();
        if !context.is_empty() {
            input.context_in = Some(context);
        }
        Ok(program.test_run(input).map_err(refused("run the program", &[]))?.return_value)
    }

    /// Puts what was seen where the gateway would have put it.
    fn put(&mut self, seen: &Observation) {
        let mut at = self.layout.process;
        for id in seen.global.iter().chain(&seen.namespace) {
            self.memory[at..at + 4].copy_from_slice(&id.to_le_bytes());
            at += 4;
        }
        for subject in &seen.subjects {
            let number = subject.subject.number() as usize;
            let length = subject.bytes.len().min(STRING_BYTES);
            let start = if subject.at_end { STRING_BYTES - length } else { 0 };
            // What the function returned takes the last slot.
            let slot = self.layout.slot + number.min(6) * SLOT_BYTES;
            self.memory[slot + start..slot + start + length].copy_from_slice(&subject.bytes[..length]);
            let mut record = Vec::with_capacity(ARG_BYTES);
            for part in [subject.status.number(), as_u32(start), as_u32(length), subject.mode] {
                record.extend(part.to_le_bytes());
            }
            record.extend(subject.number.to_le_bytes());
            let arg = self.layout.arg + number * ARG_BYTES;
            self.memory[arg..arg + ARG_BYTES].copy_from_slice(&record);
        }
    }
}

/// Slots are a few thousand bytes long.
fn as_u32(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
