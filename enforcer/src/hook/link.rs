//! Attaches the programs of one loaded hook, each mechanism in its way.

use std::path::Path;

use libbpf_rs::{KprobeMultiOpts, Link, ProgramMut, TracepointCategory, UprobeOpts};

use super::attach::AttachError;
use super::load::LoadedHook;
use super::mechanism::Mechanism;
use super::user_program::{self, UserProgramError};
use super::verifier_log;
use crate::kernel::functions::Functions;
use crate::kernel::once;
use crate::policy::ast::{HookPoint, UserPlace};

/// Every process: uprobes and static probes are asked for one, or for all.
const EVERY_PROCESS: i32 = -1;

/// The programs of a hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// What makes calls return an error, where that is a program of its own.
    Refusing,
    /// What looks at returns.
    Returning,
    /// What decides.
    Entry,
}

impl Part {
    /// In which order the parts of all hooks are attached. Nothing decides whose consequence is not there yet; and of several
    /// kprobes at one function the kernel runs the youngest first and none behind one that has refused, so that what decides, of
    /// whichever hook, and what looks at returns comes before what refuses.
    pub(super) const ORDER: [Self; 3] = [Self::Refusing, Self::Returning, Self::Entry];
}

/// Attaches one part of a hook, if the hook has it.
///
/// # Errors
/// The first refusal. What was attached by then is in `links`.
pub(super) fn attach(hook: &LoadedHook, part: Part, links: &mut Vec<Link>) -> Result<(), AttachError> {
    let name = match part {
        Part::Refusing => hook.programs.refusing,
        Part::Returning => hook.programs.returning,
        Part::Entry => Some(hook.programs.entry),
    };
    let Some(name) = name else { return Ok(()) };
    let program = hook
        .object
        .progs_mut()
        .find(|program| program.name() == name)
        .ok_or_else(|| AttachError::Incomplete { call: hook.call.clone(), program: name })?;
    attach_program(hook, &program, part == Part::Returning, links)
}

fn attach_program(
    hook: &LoadedHook,
    program: &ProgramMut<'_>,
    returning: bool,
    links: &mut Vec<Link>,
) -> Result<(), AttachError> {
    match hook.mechanism {
        Mechanism::Kprobe | Mechanism::KprobeOverride => {
            for target in &hook.targets {
                let symbol = target.symbol.as_str();
                links.push(one(hook, symbol, || program.attach_kprobe(returning, symbol))?);
            }
            return Ok(());
        }
        Mechanism::Uprobe => {
            links.push(uprobe(hook, program, returning)?);
            return Ok(());
        }
        _ => {}
    }
    let first = hook.targets.first().map_or("", |target| target.symbol.as_str());
    let link = match hook.mechanism {
        Mechanism::KprobeMulti => {
            let symbols: Vec<String> = hook.targets.iter().map(|target| target.symbol.clone()).collect();
            let options = KprobeMultiOpts {
                cookies: (0_u64..).take(symbols.len()).collect(),
                symbols,
                retprobe: returning,
                ..KprobeMultiOpts::default()
            };
            one(hook, first, || program.attach_kprobe_multi_with_opts(options))?
        }
        Mechanism::Tracepoint => {
            let (subsystem, event) = first.split_once('/').unwrap_or(("", first));
            let subsystem = TracepointCategory::Custom(subsystem.to_owned());
            one(hook, first, || program.attach_tracepoint(subsystem, event))?
        }
        Mechanism::RawTracepoint => {
            let event = first.split_once('/').map_or(first, |(_, event)| event);
            one(hook, first, || program.attach_raw_tracepoint(event))?
        }
        Mechanism::Lsm => one(hook, first, || program.attach_lsm())?,
        Mechanism::Usdt => match &hook.point {
            HookPoint::Usdt { path, provider, name } => {
                one(hook, first, || program.attach_usdt(EVERY_PROCESS, path, provider, name))?
            }
            _ => return Err(misplaced(hook)),
        },
        _ => one(hook, first, || program.attach_trace())?,
    };
    links.push(link);
    Ok(())
}

fn uprobe(hook: &LoadedHook, program: &ProgramMut<'_>, returning: bool) -> Result<Link, AttachError> {
    let HookPoint::Uprobe { path, place, .. } = &hook.point else { return Err(misplaced(hook)) };
    let wrong = |source: UserProgramError| AttachError::UserProgram { call: hook.call.clone(), source };
    let (offset, function) = match place {
        UserPlace::Symbol(symbol) => {
            user_program::check_symbol(Path::new(path), symbol).map_err(wrong)?;
            (0, Some(symbol.clone()))
        }
        UserPlace::Offset(offset) => (*offset, None),
        UserPlace::Address(address) => {
            (user_program::file_offset(Path::new(path), *address).map_err(wrong)?, None)
        }
    };
    let offset = usize::try_from(offset).unwrap_or(usize::MAX);
    let options = UprobeOpts { retprobe: returning, func_name: function, ..UprobeOpts::default() };
    one(hook, &hook.call, || program.attach_uprobe_with_opts(EVERY_PROCESS, path, offset, options))
}

fn misplaced(hook: &LoadedHook) -> AttachError {
    AttachError::Incomplete { call: hook.call.clone(), program: hook.mechanism.name() }
}

/// One link, or an error that says what there is instead.
fn one(
    hook: &LoadedHook,
    target: &str,
    attach: impl FnOnce() -> libbpf_rs::Result<Link>,
) -> Result<Link, AttachError> {
    let (link, log) = verifier_log::with_log(attach);
    link.map_err(|source| AttachError::Refused {
        call: hook.call.clone(),
        target: target.to_owned(),
        mechanism: hook.mechanism.name(),
        source,
        advice: advice(hook.mechanism, target),
        log: verifier_log::summary(&log, usize::MAX),
    })
}

/// Where the kernel lists what it can attach to (`perf_event_open(2)`; kprobe and uprobe since Linux 4.17).
const SOURCES: &str = "/sys/bus/event_source/devices";

/// What a kernel lacks that attaches to nothing of this kind: looking for the function would mislead.
fn without_source(mechanism: Mechanism, sources: &Path) -> Option<String> {
    let (source, options) = match mechanism {
        Mechanism::Kprobe | Mechanism::KprobeOverride => {
            ("kprobe", "CONFIG_KPROBES and CONFIG_KPROBE_EVENTS")
        }
        Mechanism::Uprobe | Mechanism::Usdt => ("uprobe", "CONFIG_UPROBES and CONFIG_UPROBE_EVENTS"),
        _ => return None,
    };
    // Where nothing is listed (no sysfs), nothing is said.
    let missing = sources.is_dir() && !sources.join(source).exists();
    missing.then(|| {
        format!(
            "\nthis kernel has no {source}s at all ({} has no `{source}`): they need {options}",
            sources.display()
        )
    })
}

/// What is there, when a function is not.
fn advice(mechanism: Mechanism, target: &str) -> String {
    if let Some(lacking) = without_source(mechanism, Path::new(SOURCES)) {
        return lacking;
    }
    let functions = match mechanism {
        Mechanism::Kprobe | Mechanism::KprobeOverride | Mechanism::KprobeMulti => {
            once::functions().map(|running| Functions::of_running_kernel(&running))
        }
        _ => return String::new(),
    };
    let Ok(functions) = functions else { return String::new() };
    if functions.names.contains(target) {
        return format!(
            "\nthe function is there: it may be on the kernel's list of functions that no probe may \
                        touch (/sys/kernel/debug/kprobes/blacklist){}",
            if mechanism == Mechanism::KprobeOverride {
                ", or may not fail on demand (error_injection/list)"
            } else {
                ""
            }
        );
    }
    match functions.similar(target).as_slice() {
        [] => format!("\nthe kernel has no function `{target}`, or several of that name"),
        similar => format!("\nthe kernel has no function `{target}`; there is {}", similar.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::kprobe(Mechanism::KprobeOverride, "no kprobes at all", "CONFIG_KPROBES and")]
    #[case::uprobe(Mechanism::Usdt, "no uprobes at all", "CONFIG_UPROBES and")]
    fn a_kernel_without_a_kind_of_probe_is_said_to_be_one(
        #[case] mechanism: Mechanism,
        #[case] what: &str,
        #[case] option: &str,
    ) {
        let sources = tempfile::tempdir().unwrap();
        let said = without_source(mechanism, sources.path()).unwrap();
        assert!(said.contains(what) && said.contains(option), "{said}");
    }

    #[rstest]
    #[case::it_is_there(Mechanism::Kprobe, true)]
    #[case::it_needs_none(Mechanism::Lsm, true)]
    #[case::nothing_is_listed(Mechanism::Kprobe, false)]
    fn otherwise_nothing_is_said_of_the_kernel(#[case] mechanism: Mechanism, #[case] listed: bool) {
        let sources = tempfile::tempdir().unwrap();
        std::fs::create_dir(sources.path().join("kprobe")).unwrap();
        let folder = if listed { sources.path().to_owned() } else { sources.path().join("none") };
        assert_eq!(without_source(mechanism, &folder), None);
    }
}
