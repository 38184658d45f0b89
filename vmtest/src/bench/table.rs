//! The costs as tables: a row per policy and call, a column per kernel.

use std::fmt::Write as _;

use vmtest_proto::BenchCall;

use super::{
    ceiling,
    cost::{Costs, KernelCosts, per_call},
};

/// All tables.
#[must_use]
pub fn render(costs: &Costs) -> String {
    let Costs { qemu, icount_shift, quell, .. } = costs;
    let mut text = format!(
        "{qemu}, -icount shift={icount_shift}\nquell {}, {} bytes\n\n",
        quell.digest.get(..12).unwrap_or_default(),
        quell.bytes
    );
    let kernels = &costs.kernels;
    let head = |what: &str| {
        let mut line = format!("{what:<44}");
        kernels.iter().for_each(|kernel| _ = write!(line, "{:>16}", kernel.kernel));
        line + "\n"
    };
    let row = |name: &str, cell: &dyn Fn(&KernelCosts) -> Option<String>| {
        let mut line = format!("{name:<44}");
        for kernel in kernels {
            _ = write!(line, "{:>16}", cell(kernel).unwrap_or_else(|| "–".to_owned()));
        }
        line.trim_end().to_owned() + "\n"
    };
    text.push_str(&head("instructions per call, no agent"));
    for call in
        BenchCall::ALL.iter().filter(|call| kernels.iter().any(|kernel| kernel.plain.contains_key(call)))
    {
        text.push_str(&row(call.name(), &|kernel| Some(per_call(kernel.plain.get(call)?).to_string())));
    }
    text.push('\n');
    text.push_str(&head("added per call / at most"));
    for (policy, call) in cells(kernels) {
        text.push_str(&row(&format!("{policy}: {}", call.name()), &|kernel| {
            let policy = kernel.policies.iter().find(|own| own.policy == policy)?;
            let added = policy.added.get(&call)?;
            let ceiling = ceiling::of(&policy.policy, call, &kernel.kernel);
            let ceiling = ceiling.map(|most| format!(" / {most}")).unwrap_or_default();
            Some(format!("{added:+}{ceiling}"))
        }));
    }
    text.push('\n');
    text.push_str(&head("agent until it enforces, M instructions"));
    for policy in policies(kernels) {
        text.push_str(&row(policy, &|kernel| {
            let agent = &kernel.policies.iter().find(|own| own.policy == policy)?.agent;
            let own = agent.ready_own.map(|own| format!(" ({})", own / 1_000_000)).unwrap_or_default();
            Some(format!("{}{own}", agent.ready / 1_000_000))
        }));
    }
    text.push('\n');
    text.push_str(&head("resident memory of the agent (most), KiB"));
    for policy in policies(kernels) {
        text.push_str(&row(policy, &|kernel| {
            let agent = &kernel.policies.iter().find(|own| own.policy == policy)?.agent;
            Some(format!("{} ({})", agent.resident_kib, agent.most_resident_kib))
        }));
    }
    text
}

/// Every policy of any kernel, in the order of the first that has it.
pub(super) fn policies(kernels: &[KernelCosts]) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for policy in kernels.iter().flat_map(|kernel| &kernel.policies) {
        if !names.contains(&policy.policy.as_str()) {
            names.push(&policy.policy);
        }
    }
    names
}

/// Every policy with every call that was measured under it.
pub(super) fn cells(kernels: &[KernelCosts]) -> Vec<(&str, BenchCall)> {
    let of = |policy: &str, call: BenchCall| {
        kernels
            .iter()
            .flat_map(|kernel| &kernel.policies)
            .any(|own| own.policy == policy && own.added.contains_key(&call))
    };
    let mut cells = Vec::new();
    for policy in policies(kernels) {
        cells.extend(BenchCall::ALL.into_iter().filter(|call| of(policy, *call)).map(|call| (policy, call)));
    }
    cells
}
