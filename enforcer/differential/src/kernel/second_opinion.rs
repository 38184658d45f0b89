//! libbpf asks a kernel for helpers and kinds of programs with probes of its own: a second opinion on what the agent finds by
//! its attempts, in every kernel that is booted.
//!
//! Where libbpf asks nothing comparable, there is no second opinion: it does not try what the verifier makes of frozen maps, where
//! a program attaches, which security modules are active, or what is preempted.

use std::fmt;

use libbpf_rs::ProgramType;
use libbpf_rs::libbpf_sys::{
    BPF_FUNC_get_attach_cookie, BPF_FUNC_ktime_get_boot_ns, BPF_FUNC_ktime_get_coarse_ns,
    BPF_FUNC_override_return, BPF_FUNC_probe_read_kernel, BPF_FUNC_probe_read_user_str, BPF_FUNC_send_signal,
};
use quell::kernel::facts::{Answer, KernelFacts};
use quell::kernel::feature::Feature;

/// A feature of which the two say different things.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Disagreement {
    feature: Feature,
    own: Answer,
    second: Result<bool, String>,
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { feature, own, second } = self;
        write!(f, "{}: the agent finds {own:?}, libbpf {second:?}", feature.label())
    }
}

/// What libbpf finds, for every feature that it has a probe for.
#[must_use]
pub(super) fn of_libbpf() -> Vec<(Feature, Result<bool, String>)> {
    Feature::ALL.iter().filter_map(|feature| Some((*feature, ask(*feature)?))).collect()
}

/// Every disagreement between the facts that the agent found and these answers.
#[must_use]
pub(super) fn disagreements(
    facts: &KernelFacts,
    second: &[(Feature, Result<bool, String>)],
) -> Vec<Disagreement> {
    let differs = |(feature, second): &(Feature, Result<bool, String>)| {
        let own = facts.feature(*feature);
        let same = matches!((&own, second), (Answer::Present, Ok(true)) | (Answer::Absent, Ok(false)));
        (!same).then(|| Disagreement { feature: *feature, own, second: second.clone() })
    };
    second.iter().filter_map(differs).collect()
}

fn ask(feature: Feature) -> Option<Result<bool, String>> {
    let helper = |kind: ProgramType, number| kind.is_helper_supported(number);
    let answer = match feature {
        Feature::KprobePrograms => ProgramType::Kprobe.is_supported(),
        Feature::Tracepoints => ProgramType::Tracepoint.is_supported(),
        Feature::RawTracepoints => ProgramType::RawTracepoint.is_supported(),
        Feature::SendSignal => helper(ProgramType::Kprobe, BPF_FUNC_send_signal),
        Feature::ProbeReadUser => helper(ProgramType::Kprobe, BPF_FUNC_probe_read_user_str),
        Feature::ProbeReadKernel => helper(ProgramType::Kprobe, BPF_FUNC_probe_read_kernel),
        Feature::KprobeOverride => helper(ProgramType::Kprobe, BPF_FUNC_override_return),
        Feature::AttachCookies => helper(ProgramType::Kprobe, BPF_FUNC_get_attach_cookie),
        Feature::BootClock => helper(ProgramType::Kprobe, BPF_FUNC_ktime_get_boot_ns),
        Feature::MemcgAccounting => helper(ProgramType::SocketFilter, BPF_FUNC_ktime_get_coarse_ns),
        Feature::Btf
        | Feature::RingBuffer
        | Feature::Trampolines
        | Feature::ModifyReturn
        | Feature::BpfLsm
        | Feature::ActiveBpfLsm
        | Feature::KprobeMulti
        | Feature::Uprobes
        | Feature::FrozenConstants
        | Feature::Unpreempted => return None,
    };
    Some(answer.map_err(|error| error.to_string()))
}

#[cfg(test)]
mod tests {
    use quell::kernel::probe;
    use quell::kernel::view::View;

    use super::*;

    #[test]
    fn libbpf_finds_in_this_kernel_what_the_agent_finds() {
        let facts = probe::running_kernel(&View::default()).unwrap();
        let second = of_libbpf();
        assert!(second.len() >= 10, "{second:?}");
        let found = disagreements(&facts, &second);
        assert!(found.is_empty(), "{}", found.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "));
    }

    #[test]
    fn an_answer_that_differs_or_is_missing_is_a_disagreement() {
        let facts = probe::running_kernel(&View::default()).unwrap();
        let with = |second| disagreements(&facts, &[(Feature::KprobePrograms, second)]);
        assert_eq!(with(Ok(true)), []);
        assert_eq!(with(Ok(false)).len(), 1);
        assert_eq!(with(Err("it was not let".into())).len(), 1);
    }
}
