//! What a planned policy needs of a kernel beside its hooks, and whether the kernel has it.

use super::buffer::EventBuffer;
use super::mechanism::Mechanism;
use super::planned::sends;
use crate::kernel::facts::{Answer, Feature, KernelFacts};
use crate::policy::ast::{Action, Policy};
use crate::policy::{Code, Diagnostic};

/// A ring buffer, unless the kernel is known to have none.
pub(super) fn event_buffer(facts: &KernelFacts) -> EventBuffer {
    match facts.feature(Feature::RingBuffer) {
        Answer::Absent => EventBuffer::Perf,
        Answer::Present | Answer::Unknown(_) => EventBuffer::Ring,
    }
}

/// What programs of a kind need. (What a choice between kinds rests on is there already when one is chosen.)
const fn of_mechanism(mechanism: Mechanism) -> &'static [Feature] {
    match mechanism {
        Mechanism::Kprobe => &[Feature::KprobePrograms],
        Mechanism::KprobeOverride => &[Feature::KprobePrograms, Feature::KprobeOverride],
        Mechanism::KprobeMulti => &[Feature::KprobePrograms, Feature::KprobeMulti, Feature::AttachCookies],
        Mechanism::Tracepoint => &[Feature::Tracepoints],
        Mechanism::RawTracepoint => &[Feature::RawTracepoints],
        Mechanism::Lsm => &[Feature::BpfLsm, Feature::ActiveBpfLsm],
        Mechanism::FmodRet => &[Feature::ModifyReturn],
        Mechanism::Fentry => &[Feature::Trampolines],
        Mechanism::Uprobe => &[Feature::Uprobes],
        // Without cookies only programs at fixed addresses could be served, which hardly any program is any more.
        Mechanism::Usdt => &[Feature::Uprobes, Feature::AttachCookies],
    }
}

/// Finds what the kernel lacks, or may lack, for a policy that is served like this.
pub(super) fn features(
    policy: &Policy,
    mechanisms: &[Mechanism],
    facts: &KernelFacts,
    found: &mut Vec<Diagnostic>,
) {
    let signals = policy.hooks.iter().any(|hook| {
        let mut actions = hook.selectors.iter().flat_map(|selector| &selector.actions);
        !sends(&hook.selectors).is_empty()
            || actions.any(|action| matches!(action, Action::NotifyEnforcer(note) if note.signal != 0))
    });
    for feature in Feature::ALL {
        let needed = match feature {
            Feature::SendSignal => signals,
            Feature::Btf => true,
            // Without it there are perf buffers. Not knowing which of the two to load is another matter.
            Feature::RingBuffer => event_buffer(facts) == EventBuffer::Ring,
            // Where the kernel has one helper for both kinds of memory, the loader takes that one; constants that its verifier
            // does not know are written into the programs; the clock and the accounting of memory have other ways, too.
            Feature::ProbeReadUser
            | Feature::ProbeReadKernel
            | Feature::FrozenConstants
            | Feature::BootClock
            | Feature::MemcgAccounting => false,
            _ => mechanisms.iter().any(|mechanism| of_mechanism(*mechanism).contains(feature)),
        };
        let at = policy.name.span;
        match facts.feature(*feature) {
            Answer::Absent if needed => found.push(
                Diagnostic::new(
                    Code::MissingFeature,
                    at,
                    format!("{} has no {}", facts.release, feature.label()),
                )
                .label("this policy needs it")
                .help(format!("needs {}", feature.origin())),
            ),
            Answer::Unknown(reason) if needed => found.push(
                Diagnostic::new(
                    Code::UnknownFeature,
                    at,
                    format!("whether {} has {} is unknown: {reason}", facts.release, feature.label()),
                )
                .label("this policy needs it")
                .help("probe as root on that kernel: `quell probe`"),
            ),
            _ => {}
        }
    }
    let obstacles = [locked_down(facts), kprobes_off(mechanisms, facts), tracer_off(mechanisms, facts)];
    found.extend(obstacles.into_iter().flatten().map(|(message, help)| {
        Diagnostic::new(Code::MissingFeature, policy.name.span, format!("{} {message}", facts.release))
            .label("this policy needs it")
            .help(help)
    }));
}

/// What is in the way, behind the kernel's name, and how it is removed.
type Obstacle = (&'static str, &'static str);

/// In the stricter of the two modes (since Linux 5.4) the kernel gives programs no helper that reads its memory, and the verifier
/// says no more than that the call is invalid.
fn locked_down(facts: &KernelFacts) -> Option<Obstacle> {
    let is_locked = facts.state.lockdown.as_deref() == Some("confidentiality");
    is_locked.then_some((
        "is locked down (confidentiality): no program may read its memory",
        "boot with lockdown=integrity at most, under which programs may read and not write",
    ))
}

/// Kprobes that are disarmed attach as ever, and never fire.
fn kprobes_off(mechanisms: &[Mechanism], facts: &KernelFacts) -> Option<Obstacle> {
    let is_off = facts.state.kprobes_armed == Some(false);
    let is_kprobe = |one: &Mechanism| matches!(one, Mechanism::Kprobe | Mechanism::KprobeOverride);
    (is_off && mechanisms.iter().any(is_kprobe)).then_some((
        "has its kprobes switched off: they attach and never fire",
        "write 1 to /sys/kernel/debug/kprobes/enabled",
    ))
}

/// What rests on the function tracer attaches without it, and never fires.
fn tracer_off(mechanisms: &[Mechanism], facts: &KernelFacts) -> Option<Obstacle> {
    let is_off = facts.state.ftrace_enabled == Some(false);
    let rests_on_it = |one: &Mechanism| match one {
        Mechanism::Kprobe
        | Mechanism::KprobeOverride
        | Mechanism::KprobeMulti
        | Mechanism::Lsm
        | Mechanism::FmodRet
        | Mechanism::Fentry => true,
        Mechanism::Tracepoint | Mechanism::RawTracepoint | Mechanism::Uprobe | Mechanism::Usdt => false,
    };
    (is_off && mechanisms.iter().any(rests_on_it)).then_some((
        "has its function tracer switched off: what is attached to functions never fires",
        "`sysctl kernel.ftrace_enabled=1`",
    ))
}
