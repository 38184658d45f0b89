//! Which kind of program serves a hook, and what it is attached to: the strongest that the kernel offers, or why there is none.
//!
//! A refusal takes the first of: a program at the hook of the security modules, a trampoline program that replaces what
//! the function returns, `bpf_override_return` in a kprobe. The order follows how rarely the kernel skips such programs
//! and what they cost. An author may pin one.

use quell_wire::hook::Convention;

use super::answer::{result_of_hook, returns_error};
use super::mechanism::{Mechanism, Target};
use super::pairs::{self, Arguments, Pair};
use super::pattern;
use super::syscall::{self, highest_argument};
use super::trampoline::{is_given_words, passable, trampolines};
use crate::kernel::facts::{Answer, Feature, KernelFacts, PrototypeAnswer};
use crate::kernel::functions::FunctionAnswer;
use crate::policy::ast::{Action, Hook, HookPoint, OverrideMethod, Policy, Selector};
use crate::policy::entry;

/// One load of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Served {
    pub(super) mechanism: Mechanism,
    /// Never empty.
    pub(super) targets: Vec<Target>,
    /// Where the target is another function than the policy names: which of its arguments each named one is.
    pub(super) arguments: Option<Arguments>,
    /// What the hook is called where it is one of many functions.
    pub(super) call: Option<String>,
}

/// How a hook is served.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) served: Vec<Served>,
    /// Ways into the same call that are not hooked.
    pub(super) open: Vec<String>,
}

/// Why one way does not serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reason {
    pub(super) text: String,
    /// Nobody knows whether it would.
    pub(super) unknown: bool,
}

/// What a hook asks of its mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Need {
    /// Calls are refused.
    pub(super) refuses: bool,
    /// The return is looked at.
    pub(super) returns: bool,
    /// Only this way of refusing.
    pub(super) pinned: Option<OverrideMethod>,
    /// One program at many functions is allowed.
    pub(super) multi: bool,
    /// Notes are left, or taken, which a kprobe and another one behind it do.
    pub(super) notes: bool,
}

impl Need {
    pub(super) fn of(policy: &Policy, hook: &Hook) -> Self {
        let refuses = |selector: &Selector| {
            let mut all = selector.actions.iter().chain(&selector.return_actions);
            all.any(|action| matches!(action, Action::Override(_)))
        };
        Self {
            refuses: hook.selectors.iter().any(refuses),
            returns: looks_at_return(hook),
            pinned: policy.options.override_method,
            multi: !policy.options.disable_kprobe_multi,
            notes: hook.selectors.iter().flat_map(|selector| &selector.actions).any(leaves_note),
        }
    }
}

fn leaves_note(action: &Action) -> bool {
    matches!(action, Action::NotifyEnforcer(_))
}

/// Whether a second program looks at the return.
pub(super) fn looks_at_return(hook: &Hook) -> bool {
    let filters =
        |selector: &Selector| !selector.return_args.is_empty() || !selector.return_actions.is_empty();
    hook.point.returns()
        || hook.returned.is_some()
        || hook.args.iter().any(|arg| arg.return_copy)
        || hook.selectors.iter().any(filters)
}

impl Reason {
    pub(super) fn no(text: impl Into<String>) -> Self {
        Self { text: text.into(), unknown: false }
    }

    pub(super) fn unknown(text: impl Into<String>) -> Self {
        Self { text: text.into(), unknown: true }
    }
}

pub(super) type Tried = Result<Vec<Served>, Reason>;

/// How this kernel serves a hook.
///
/// # Errors
/// One reason per way that there would be.
pub(super) fn choose(hook: &Hook, need: Need, facts: &KernelFacts) -> Result<Choice, Vec<Reason>> {
    let at_return = hook.selectors.iter().flat_map(|selector| &selector.return_actions);
    if at_return.clone().any(|action| matches!(action, Action::Override(_))) {
        return Err(vec![Reason::no(
            "a function that has returned can no longer be refused: Override belongs to `matchActions`",
        )]);
    }
    let plain = |mechanism, symbol: String, convention| {
        let targets = vec![Target { symbol, convention }];
        Served { mechanism, targets, arguments: None, call: None }
    };
    let one = |served| Ok(Choice { served: vec![served], open: Vec::new() });
    let nothing = |what: &str| Err(vec![Reason::no(format!("a program at {what} can refuse nothing"))]);
    match &hook.point {
        HookPoint::Kprobe { function, every_abi, .. } => {
            let entries = syscall::entries(function, *every_abi, highest_argument(hook), &facts.functions);
            let served = if need.refuses {
                refusing(function, &entries.targets, hook, need, facts, REFUSING)?
            } else {
                watching(hook, need, entries.targets, facts)
            };
            Ok(Choice { served, open: entries.open })
        }
        HookPoint::Fentry { function, syscall, .. } => {
            // The portable name stands for every ABI, as in a kprobe.
            let every = *syscall && hook.name.value.starts_with("sys_");
            let entries = syscall::entries(function, every, highest_argument(hook), &facts.functions);
            let served = if need.refuses {
                refusing(function, &entries.targets, hook, need, facts, &REFUSING_BY_TRAMPOLINE)?
            } else {
                // A kprobe sees the same calls: where the kernel has no trampolines, it stands in, and the plan says so.
                let kprobe = Served {
                    mechanism: Mechanism::Kprobe,
                    targets: entries.targets.clone(),
                    arguments: None,
                    call: None,
                };
                trampolines(Mechanism::Fentry, &entries.targets, facts).unwrap_or_else(|_| vec![kprobe])
            };
            Ok(Choice { served, open: entries.open })
        }
        HookPoint::Lsm { hook: name } => {
            let served = lsm_hook(name, hook, need, facts)?;
            Ok(Choice { served, open: Vec::new() })
        }
        HookPoint::Functions { pattern, .. } if need.refuses => {
            Err(vec![Reason::no(format!("functions found by a pattern (`{pattern}`) are only watched"))])
        }
        HookPoint::Functions { pattern, .. } => {
            let served = pattern::functions(pattern, need, facts)?;
            Ok(Choice { served, open: Vec::new() })
        }
        HookPoint::Tracepoint { .. } if need.refuses => nothing("a tracepoint"),
        HookPoint::Uprobe { .. } | HookPoint::Usdt { .. } if need.refuses => {
            nothing("a place in a user program")
        }
        HookPoint::Tracepoint { event, raw: true, .. } => {
            one(plain(Mechanism::RawTracepoint, event.clone(), Convention::Function))
        }
        HookPoint::Tracepoint { .. } => {
            one(plain(Mechanism::Tracepoint, hook.point.target(), Convention::Record))
        }
        HookPoint::Uprobe { .. } => one(plain(Mechanism::Uprobe, hook.point.target(), Convention::Function)),
        HookPoint::Usdt { .. } => one(plain(Mechanism::Usdt, hook.point.target(), Convention::StaticProbe)),
    }
}

/// Programs that see the calls of these functions and refuse none. A trampoline's takes some 250 instructions
/// less than a kprobe takes by itself; the kernel skips it where it is under way on the same CPU already: where nothing is preempted only in an interrupt, as a kprobe, and
/// oftener than a kprobe where something is (docs/decisions/0023-plain-loads-and-trampolines.md).
fn watching(hook: &Hook, need: Need, targets: Vec<Target>, facts: &KernelFacts) -> Vec<Served> {
    let takes_it = facts.feature(Feature::Unpreempted) == Answer::Present
        && !need.returns
        && !need.notes
        && !targets.iter().any(|target| facts.functions.crowded.contains(&target.symbol))
        && targets.iter().all(|target| is_given_words(target, highest_argument(hook), facts));
    let by_trampoline = takes_it.then(|| trampolines(Mechanism::Fentry, &targets, facts).ok()).flatten();
    by_trampoline.unwrap_or_else(|| {
        vec![Served { mechanism: Mechanism::Kprobe, targets, arguments: None, call: None }]
    })
}

/// Ways to refuse, the best first.
const REFUSING: &[OverrideMethod] =
    &[OverrideMethod::Lsm, OverrideMethod::FmodRet, OverrideMethod::OverrideReturn];
/// The same where the author asks for a trampoline.
const REFUSING_BY_TRAMPOLINE: [OverrideMethod; 3] =
    [OverrideMethod::FmodRet, OverrideMethod::Lsm, OverrideMethod::OverrideReturn];

/// The first of these ways in which calls of a function can be refused.
fn refusing(
    function: &str,
    targets: &[Target],
    hook: &Hook,
    need: Need,
    facts: &KernelFacts,
    order: &[OverrideMethod],
) -> Result<Vec<Served>, Vec<Reason>> {
    let mut reasons = Vec::new();
    for way in order.iter().filter(|way| need.pinned.is_none_or(|pinned| pinned == **way)) {
        let tried = match way {
            OverrideMethod::Lsm => {
                without_return(need, "lsm").and_then(|()| at_lsm_hook(function, hook, facts))
            }
            OverrideMethod::FmodRet => without_return(need, "fmod_ret")
                .and_then(|()| trampolines(Mechanism::FmodRet, targets, facts)),
            OverrideMethod::OverrideReturn => override_return(targets, facts),
        };
        match tried {
            Ok(served) => return Ok(served),
            Err(reason) => reasons.push(reason),
        }
    }
    Err(reasons)
}

fn without_return(need: Need, way: &str) -> Result<(), Reason> {
    if need.returns {
        return Err(Reason::no(format!(
            "{way}: the hook looks at the return, which such a program does not see"
        )));
    }
    Ok(())
}

/// A hook of the security modules by its own name: where its programs do not run, at the function that asks it.
fn lsm_hook(name: &str, hook: &Hook, need: Need, facts: &KernelFacts) -> Result<Vec<Served>, Vec<Reason>> {
    let pair = pairs::of_hook(name);
    let direct = || -> Tried {
        lsm_offered(facts)?;
        if need.refuses && pair.is_none() {
            return Err(Reason::no(format!(
                "lsm: that an error from `{name}` refuses anything is not known"
            )));
        }
        let symbol = pair.map_or_else(|| format!("bpf_lsm_{name}"), |pair| pair.symbol());
        hook_exists(&symbol, facts)?;
        if let Some(pair) = pair {
            passable("lsm", pair.function, facts)?;
        }
        result_of_hook(&symbol, need, facts)?;
        let targets = vec![Target { symbol: name.to_owned(), convention: Convention::Function }];
        Ok(vec![Served { mechanism: Mechanism::Lsm, targets, arguments: None, call: None }])
    };
    let mut reasons = Vec::new();
    let pinned = |way| need.refuses && need.pinned.is_some_and(|pinned| pinned != way);
    if !pinned(OverrideMethod::Lsm) {
        match direct() {
            Ok(served) => return Ok(served),
            Err(reason) => reasons.push(reason),
        }
    }
    let Some(pair) = pair else {
        reasons.push(Reason::no(format!("which function asks the hook `{name}` is not known")));
        return Err(reasons);
    };
    let arguments = match mapped(pair.to_function(facts), hook, name, pair.function) {
        Ok(arguments) => arguments,
        Err(reason) => {
            reasons.push(reason);
            return Err(reasons);
        }
    };
    let target = Target { symbol: pair.function.to_owned(), convention: Convention::Function };
    let targets = std::slice::from_ref(&target);
    let kprobe = || -> Tried {
        Ok(vec![Served {
            mechanism: Mechanism::Kprobe,
            targets: vec![target.clone()],
            arguments: None,
            call: None,
        }])
    };
    let ways: [(OverrideMethod, &dyn Fn() -> Tried); 2] = [
        (OverrideMethod::FmodRet, &|| trampolines(Mechanism::FmodRet, targets, facts)),
        (OverrideMethod::OverrideReturn, &|| {
            if need.refuses {
                override_return(targets, facts)
            } else {
                present(&target.symbol, facts).and_then(|()| kprobe())
            }
        }),
    ];
    for (way, tried) in ways {
        if pinned(way) {
            continue;
        }
        match tried() {
            Ok(served) => {
                return Ok(served
                    .into_iter()
                    .map(|served| Served { arguments: Some(arguments.clone()), ..served })
                    .collect());
            }
            Err(reason) => reasons.push(reason),
        }
    }
    Err(reasons)
}

/// The hook of the security modules that a function asks.
fn at_lsm_hook(function: &str, hook: &Hook, facts: &KernelFacts) -> Tried {
    let Some(pair) = pairs::of_function(function) else {
        return Err(Reason::no(format!("lsm: `{function}` asks no hook of the security modules")));
    };
    lsm_offered(facts)?;
    hook_exists(&pair.symbol(), facts)?;
    passable("lsm", function, facts)?;
    let arguments = mapped(pair.to_hook(facts), hook, function, pair.hook)?;
    let targets = vec![Target { symbol: pair.hook.to_owned(), convention: Convention::Function }];
    Ok(vec![Served { mechanism: Mechanism::Lsm, targets, arguments: Some(arguments), call: None }])
}

/// The relation of the arguments, if the other side is given every one that the policy looks at.
fn mapped(
    arguments: Result<Arguments, pairs::PairError>,
    hook: &Hook,
    from: &str,
    to: &str,
) -> Result<Arguments, Reason> {
    let arguments = arguments.map_err(|error| match error {
        pairs::PairError::NotKnown { .. } => Reason::unknown(error.to_string()),
        pairs::PairError::Unlike { .. } => Reason::no(error.to_string()),
    })?;
    let given = |index: u8| arguments.get(usize::from(index)).copied().flatten().is_some();
    match syscall::arguments(hook).find(|index| !given(*index)) {
        Some(index) => Err(Reason::no(format!("argument {index} of `{from}` is not given to `{to}`"))),
        None => Ok(arguments),
    }
}

fn lsm_offered(facts: &KernelFacts) -> Result<(), Reason> {
    offered("lsm", Feature::BpfLsm, facts)?;
    offered("lsm", Feature::ActiveBpfLsm, facts)?;
    ring("lsm", facts)
}

/// Whether the kernel has the function of a hook.
fn hook_exists(symbol: &str, facts: &KernelFacts) -> Result<(), Reason> {
    if let PrototypeAnswer::Known(_) = facts.prototype(symbol) {
        return Ok(());
    }
    match facts.functions.answer(symbol) {
        FunctionAnswer::Absent => Err(Reason::no(format!("lsm: {} has no hook `{symbol}`", facts.release))),
        _ if matches!(facts.prototype(symbol), PrototypeAnswer::NotDescribed) => {
            Err(Reason::no(format!("lsm: {} does not describe the hook `{symbol}`", facts.release)))
        }
        FunctionAnswer::Unknown => Err(Reason::unknown(format!(
            "lsm: whether {} has the hook `{symbol}` is not known",
            facts.release
        ))),
        _ => Ok(()),
    }
}

/// One kprobe program at all of them that makes calls return an error.
fn override_return(targets: &[Target], facts: &KernelFacts) -> Tried {
    const WAY: &str = "kprobe override";
    offered(WAY, Feature::KprobePrograms, facts)?;
    offered(WAY, Feature::KprobeOverride, facts)?;
    for Target { symbol, .. } in targets {
        present(symbol, facts)?;
        returns_error(WAY, symbol, facts)?;
        match &facts.functions.injectable {
            Some(list) if list.contains(symbol) => {}
            Some(_) => {
                return Err(Reason::no(format!(
                    "{WAY}: `{symbol}` is not among the functions of {} whose errors may be injected (/sys/kernel/debug/error_injection/list)",
                    facts.release
                )));
            }
            None => {
                return Err(Reason::unknown(format!(
                    "{WAY}: whether errors of `{symbol}` may be injected is not known: /sys/kernel/debug/error_injection/list was not there to tell"
                )));
            }
        }
    }
    Ok(vec![Served {
        mechanism: Mechanism::KprobeOverride,
        targets: targets.to_vec(),
        arguments: None,
        call: None,
    }])
}

pub(super) fn present(symbol: &str, facts: &KernelFacts) -> Result<(), Reason> {
    match facts.functions.answer(symbol) {
        FunctionAnswer::Present | FunctionAnswer::Unknown => Ok(()),
        FunctionAnswer::Absent => Err(Reason::no(format!("{} has no function `{symbol}`", facts.release))),
        FunctionAnswer::Ambiguous(count) => {
            Err(Reason::no(format!("{} has {count} functions `{symbol}`", facts.release)))
        }
        FunctionAnswer::Blacklisted => {
            Err(Reason::no(format!("{} forbids probes on `{symbol}`", facts.release)))
        }
    }
}

/// Whether the kernel has something, as a reason when it has not.
pub(super) fn offered(way: &str, feature: Feature, facts: &KernelFacts) -> Result<(), Reason> {
    match facts.feature(feature) {
        Answer::Present => Ok(()),
        Answer::Absent => {
            let (release, label, origin) = (&facts.release, feature.label(), feature.origin());
            Err(Reason::no(format!("{way}: {release} has no {label}, which needs {origin}")))
        }
        Answer::Unknown(why) => Err(Reason::unknown(format!(
            "{way}: whether {} has {} is unknown: {why}",
            facts.release,
            feature.label()
        ))),
    }
}

/// Programs of these kinds hand their events to a ring buffer only: a kernel without one is older than what they need.
pub(super) fn ring(way: &str, facts: &KernelFacts) -> Result<(), Reason> {
    match facts.feature(Feature::RingBuffer) {
        Answer::Absent => Err(Reason::no(format!(
            "{way}: {} has no {}, which such programs post to here",
            facts.release,
            Feature::RingBuffer.label()
        ))),
        Answer::Present | Answer::Unknown(_) => Ok(()),
    }
}

/// The pair of a function, if the kernel's form of it can be used: for advice.
pub(super) fn can_refuse(function: &str, facts: &KernelFacts) -> bool {
    let target = Target {
        symbol: function.to_owned(),
        convention: entry::convention(function).unwrap_or(Convention::Function),
    };
    let targets = std::slice::from_ref(&target);
    let by_hook = pairs::of_function(function).is_some_and(|pair: Pair| {
        lsm_offered(facts).and_then(|()| hook_exists(&pair.symbol(), facts)).is_ok()
    });
    by_hook
        || trampolines(Mechanism::FmodRet, targets, facts).is_ok()
        || override_return(targets, facts).is_ok()
}

#[cfg(test)]
#[path = "choose_tests.rs"]
pub(super) mod tests;
