//! The way of one call through the kernel side, around the C evaluator: what `ebpf/c/gateway.h` and `ebpf/c/process.h` do
//! with its answers, stage by stage.

use quell::model::{Argument, Context, Process, Verdict};
use quell::policy::{Action, Kprobe, TypeClass};
use quell::selector::compile::{CompiledHook, wire_action};
use quell_bpf::host::{self, Arg, Filter, Ids, Slots};
use quell_wire::WireRecord;
use quell_wire::code::{ArgStatus, Match};
use quell_wire::hook::{HOOK_FOLLOW_FORKS, HOOK_NAMESPACE_PIDS};
use quell_wire::selector::{FilterHead, SELECTOR_ENFORCES, Section, SectionHead};

/// Why the kernel side would count a fault instead of deciding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Malformed {
    pub(crate) selector: usize,
    pub(crate) section: Section,
}

/// A CPU: its memory keeps what the calls before left in it.
#[derive(Default)]
pub(crate) struct Cpu {
    process: host::Process,
    slots: Slots,
}

impl Cpu {
    /// One call, from the process filter to the actions.
    pub(crate) fn run(
        &mut self,
        hook: &Kprobe,
        compiled: &CompiledHook,
        call: &Context,
    ) -> Result<Verdict, Malformed> {
        let filter = Filter(*compiled.filter);
        self.read_process(compiled.config.flags, call);
        let mut candidates = Vec::new();
        let mut at = u32::try_from(FilterHead::SIZE).unwrap();
        for selector in 0..compiled.config.selectors as usize {
            let malformed = Malformed { selector, section: Section::Pids };
            match filter.match_pids(at, &self.process, &compiled.config) {
                Ok(Match::Yes) => candidates.push((selector, at)),
                Ok(Match::No) => {}
                _ => return Err(malformed),
            }
            at = filter.skip(at);
        }
        let Some((first, first_at)) = candidates.first().copied() else {
            return Ok(Verdict::NotMatched);
        };
        // Accepted by the process filter: no argument decides.
        if filter.number(filter.section(first_at, Section::Args) + 4) == 0 {
            return Ok(matched(&filter, first, first_at, false));
        }
        for (position, (argument, listed)) in call.args.iter().zip(&hook.args).enumerate() {
            self.slots.put(position, &in_slot(argument, listed.ty.class() == TypeClass::Path));
        }
        let mut unreadable = false;
        for (selector, at) in candidates {
            let enforces = filter.number(at + 4) & SELECTOR_ENFORCES != 0;
            match filter.match_args(at, &self.slots, &compiled.config) {
                Ok(Match::Yes) => return Ok(matched(&filter, selector, at, false)),
                Ok(Match::Undecided) if enforces => return Ok(matched(&filter, selector, at, true)),
                Ok(Match::Undecided | Match::Unreadable) => unreadable = true,
                Ok(Match::No) => {}
                _ => return Err(Malformed { selector, section: Section::Args }),
            }
        }
        Ok(if unreadable { Verdict::Unreadable } else { Verdict::NotMatched })
    }

    /// Fills the ids that the hook's flags ask for, and leaves the rest as the call before left it.
    fn read_process(&mut self, flags: u32, call: &Context) {
        self.process.global[0] = call.process.tgid;
        self.process.namespace[0] = 0;
        if flags & (HOOK_NAMESPACE_PIDS | HOOK_FOLLOW_FORKS) == 0 {
            return;
        }
        let by_namespace = flags & HOOK_NAMESPACE_PIDS != 0;
        self.process.global = [call.process.tgid; _];
        self.process.namespace = [if by_namespace { call.process.namespace_tgid() } else { 0 }; _];
        if flags & HOOK_FOLLOW_FORKS != 0 {
            put(&mut self.process.global, call.ancestors.iter().map(|ancestor| ancestor.tgid));
            if by_namespace {
                let inside =
                    call.ancestors.iter().take_while(|ancestor| ancestor.shares_namespace(call.process));
                put(&mut self.process.namespace, inside.copied().map(Process::namespace_tgid));
            }
        }
    }
}

fn put(ids: &mut Ids, ancestors: impl Iterator<Item = u32>) {
    for (slot, id) in ids[1..].iter_mut().zip(ancestors) {
        *slot = id;
    }
}

fn in_slot(argument: &Argument, at_end: bool) -> Arg<'_> {
    let bytes = |status, bytes| Arg { status, number: 0, bytes, at_end };
    match argument {
        Argument::Integer(number) => {
            Arg { status: ArgStatus::Ok, number: *number, bytes: &[], at_end: false }
        }
        Argument::Whole(whole) => bytes(ArgStatus::Ok, whole),
        Argument::Cut(seen) => bytes(ArgStatus::Truncated, seen),
        Argument::UserFault => bytes(ArgStatus::UserFault, &[]),
        Argument::KernelFault => bytes(ArgStatus::KernelFault, &[]),
        Argument::Disconnected => bytes(ArgStatus::Disconnected, &[]),
        Argument::NoPath => bytes(ArgStatus::NoPath, &[]),
        Argument::BadFd => bytes(ArgStatus::BadFd, &[]),
    }
}

/// The actions as the kernel reads them from the bytes.
fn matched(filter: &Filter, selector: usize, at: u32, failed_closed: bool) -> Verdict {
    let section = filter.section(at, Section::Actions);
    let mut entry = section + u32::try_from(SectionHead::SIZE).unwrap();
    let mut actions = Vec::new();
    for _ in 0..filter.number(section + 4) {
        let number = filter.number(entry + 4);
        actions.extend(Action::ALL.into_iter().find(|action| wire_action(*action).number() == number));
        entry = filter.skip(entry);
    }
    Verdict::Matched { selector: Some(selector), actions, failed_closed }
}
