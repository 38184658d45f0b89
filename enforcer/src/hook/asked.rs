//! What a plan has to know about single functions of a kernel: found from the policies alone, so that nothing else is asked.

use std::collections::{BTreeMap, BTreeSet};

use super::{advice, choose, enforcer, pairs, syscall};
use crate::kernel::facts::KernelFacts;
use crate::kernel::functions::Functions;
use crate::kernel::probe::{self, Asked, ProbeError};
use crate::kernel::view::View;
use crate::policy::ast::{Hook, HookPoint, Policy, Selector};

/// Adds to the facts of the running kernel what planning these policies needs.
///
/// # Errors
/// As [`probe::add_asked`].
pub fn add(facts: &mut KernelFacts, policies: &[&Policy], view: &View) -> Result<(), ProbeError> {
    let asked = of(policies, &facts.functions);
    crowd(facts, policies);
    probe::add_asked(facts, &asked, view)
}

/// Adds to the facts of any kernel at which functions these policies have more hooks than a trampoline shall serve.
pub fn crowd(facts: &mut KernelFacts, policies: &[&Policy]) {
    facts.functions.crowded = crowded(policies, &facts.functions);
}

/// Hooks of one function that trampolines serve at most. A trampoline has places for 38 programs (`BPF_MAX_TRAMP_LINKS` of include/linux/bpf.h),
/// of which others may have some, and a program at a return takes one more.
const MOST_AT_ONE_FUNCTION: usize = 24;

/// The functions that these policies hook more often than that.
fn crowded(policies: &[&Policy], functions: &Functions) -> BTreeSet<String> {
    let mut hooks: BTreeMap<String, usize> = BTreeMap::new();
    for hook in policies.iter().flat_map(|policy| &policy.hooks) {
        // Those that ask for a trampoline have one, and take its places from the others.
        let (HookPoint::Kprobe { function, every_abi: every, .. }
        | HookPoint::Fentry { function, syscall: every, .. }) = &hook.point
        else {
            continue;
        };
        let entries = syscall::entries(function, *every, syscall::highest_argument(hook), functions);
        entries.targets.into_iter().for_each(|target| *hooks.entry(target.symbol).or_default() += 1);
    }
    hooks.into_iter().filter(|(_, count)| *count > MOST_AT_ONE_FUNCTION).map(|(name, _)| name).collect()
}

/// What to ask a kernel with these functions.
fn of(policies: &[&Policy], functions: &Functions) -> Asked {
    let mut asked = Asked::default();
    for policy in policies {
        for hook in &policy.hooks {
            let refuses = choose::Need::of(policy, hook).refuses;
            add_hook(&mut asked, hook, refuses, functions);
        }
        let refuses = enforcer::need(policy).refuses;
        for function in &policy.enforcers {
            add_hook(&mut asked, &enforcer::hook(function), refuses, functions);
        }
    }
    asked
}

fn add_hook(asked: &mut Asked, hook: &Hook, refuses: bool, functions: &Functions) {
    let entries = |function: &str, every_abi| {
        let entries = syscall::entries(function, every_abi, syscall::highest_argument(hook), functions);
        entries.targets.into_iter().map(|target| target.symbol).collect::<Vec<_>>()
    };
    let targets = match &hook.point {
        HookPoint::Kprobe { function, every_abi, .. } => entries(function, *every_abi),
        // For a system call at all of its entries.
        HookPoint::Fentry { function, syscall, .. } => entries(function, *syscall),
        HookPoint::Lsm { hook } => {
            // Where no program can be at the hook itself, one takes the place of the function that asks it.
            let function = pairs::of_hook(hook).map(|pair| pair.function.to_owned());
            asked.replaced.extend(function.clone());
            function.into_iter().collect()
        }
        HookPoint::Functions { .. }
        | HookPoint::Tracepoint { .. }
        | HookPoint::Uprobe { .. }
        | HookPoint::Usdt { .. } => Vec::new(),
    };
    // Of a hook that only kills, the plan says whether its calls could be refused instead, there or elsewhere.
    if refuses || hook.selectors.iter().any(Selector::enforces) {
        let elsewhere = targets.iter().flat_map(|target| advice::refusing(target, None));
        asked.replaced.extend(elsewhere.map(str::to_owned));
        asked.replaced.extend(targets.iter().cloned());
    }
    asked.named.extend(targets);
    asked.together |= matches!(hook.point, HookPoint::Functions { .. });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Source, parse};

    fn asked(spec: &str) -> Asked {
        let text = format!(
            "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata:\n  name: p\nspec:\n{spec}"
        );
        let policy = parse(&Source::new("p.yaml", text.as_str())).unwrap().remove(0);
        let functions =
            Functions::from_kallsyms("0 T __x64_sys_write\n0 T __ia32_sys_write\n0 T security_file_open\n");
        of(&[&policy], &functions)
    }

    fn names(of: &BTreeSet<String>) -> Vec<&str> {
        of.iter().map(String::as_str).collect()
    }

    #[test]
    fn a_function_that_more_hooks_are_at_than_a_trampoline_has_places_for_is_crowded() {
        let policy = |kind: &str, call: &str| {
            let text = format!(
                "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata:\n  name: p\nspec:\n  {kind}:\n  - call: {call}\n"
            );
            parse(&Source::new("p.yaml", text.as_str())).unwrap().remove(0)
        };
        let functions =
            Functions::from_kallsyms("0 T __x64_sys_write\n0 T __ia32_sys_write\n0 T __x64_sys_read\n");
        let [write, read] = ["sys_write", "sys_read"].map(|call| policy("kprobes", call));
        let bound = policy("fentries", "sys_write");
        let many = [vec![&write; MOST_AT_ONE_FUNCTION], vec![&read]].concat();
        assert!(crowded(&many, &functions).is_empty());
        for one in [&write, &bound] {
            let more = [many.clone(), vec![one]].concat();
            let expected = ["__ia32_sys_write", "__x64_sys_write"].map(str::to_owned);
            assert_eq!(crowded(&more, &functions), expected.into());
        }
    }

    #[test]
    fn a_hook_that_only_watches_needs_prototypes_alone() {
        let asked = asked("  kprobes:\n  - call: security_file_open\n    syscall: false\n");
        assert_eq!(names(&asked.named), ["security_file_open"]);
        assert!(asked.replaced.is_empty());
    }

    #[test]
    fn of_a_hook_that_only_kills_it_is_asked_whether_its_calls_could_be_refused() {
        let asked = asked(
            "  kprobes:\n  - call: sys_write\n    syscall: true\n    selectors:\n    - matchActions:\n      \
             - action: Sigkill\n",
        );
        assert_eq!(
            names(&asked.replaced),
            ["__ia32_sys_write", "__x64_sys_write", "security_file_permission"]
        );
    }

    #[test]
    fn a_refusal_asks_about_every_entry_of_the_call_that_this_kernel_has() {
        let asked = asked(
            "  kprobes:\n  - call: sys_write\n    syscall: true\n    selectors:\n    - matchActions:\n      \
             - action: Override\n        argError: -1\n",
        );
        assert_eq!(
            names(&asked.replaced),
            ["__ia32_sys_write", "__x64_sys_write", "security_file_permission"]
        );
    }

    #[test]
    fn whether_one_program_serves_many_functions_is_asked_for_a_list_of_functions_alone() {
        assert!(!asked("  kprobes:\n  - call: security_file_open\n    syscall: false\n").together);
        let list = "  lists:\n  - name: l\n    type: generated_syscalls\n    pattern: \"^__x64_sys_w\"\n";
        let list = list.replace("generated_syscalls", "generated_ftrace");
        assert!(asked(&format!("{list}  kprobes:\n  - call: list:l\n    syscall: false\n")).together);
    }

    #[test]
    fn a_hook_of_security_modules_asks_about_the_function_behind_it_whatever_its_name() {
        let asked = asked("  lsmhooks:\n  - hook: bprm_check_security\n");
        assert_eq!(names(&asked.replaced), ["security_bprm_check"]);
    }
}
