//! Who is told of what a refusal hides, with every mechanism, and the order of attaching that it follows from.

use rstest::rstest;

use super::*;
use crate::hook::choose::tests::kernel;
use crate::hook::plan;
use crate::kernel::facts::{Feature, KernelFacts};
use crate::policy::{Source, parse};

const AT_FUNCTION: &str =
    "kprobes: [{call: security_file_open, syscall: false, selectors: [{matchActions: [ACTION]}]}]";
const AT_HOOK: &str = "lsmhooks: [{hook: file_open, selectors: [{matchActions: [ACTION]}]}]";
const REFUSE: &str = "{action: Override, argError: -1}";
const KILL: &str = "{action: Sigkill}";

fn planned(name: &str, spec: &str, facts: &KernelFacts, first: u32) -> Plan {
    let text = format!(
        "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {{name: {name}}}\nspec: {{{spec}}}\n"
    );
    let source = Source::new("p.yaml", text);
    let policy = parse(&source).unwrap().remove(0);
    plan::plan(&policy, &source, facts, first).unwrap()
}

fn hidden(plan: &Plan) -> Vec<&str> {
    let messages = plan.remarks.as_slice().iter().map(|one| one.message.as_str());
    messages.filter(|message| message.contains("may not come to")).collect()
}

#[rstest]
#[case::the_younger_of_two_refusals_runs_first(&[], (AT_FUNCTION, REFUSE), (AT_HOOK, REFUSE), (1, 0))]
#[case::what_only_kills_runs_before_a_refusal(&[], (AT_HOOK, KILL), (AT_FUNCTION, REFUSE), (0, 0))]
#[case::in_whatever_order_they_stand(&[], (AT_FUNCTION, REFUSE), (AT_HOOK, KILL), (0, 0))]
#[case::a_kprobe_runs_before_a_refusal(&[], (AT_FUNCTION, KILL), (AT_HOOK, REFUSE), (0, 0))]
#[case::the_hook_is_behind_its_function(&[Feature::ActiveBpfLsm], (AT_FUNCTION, REFUSE), (AT_HOOK, REFUSE), (1, 0))]
fn whoever_hooks_behind_a_refusal_is_told(
    #[case] without: &[Feature],
    #[case] first: (&str, &str),
    #[case] second: (&str, &str),
    #[case] expected: (usize, usize),
) {
    let facts = kernel(without);
    let spec = |(hook, action): (&str, &str)| hook.replace("ACTION", action);
    let mut plans =
        vec![planned("first", &spec(first), &facts, 0), planned("second", &spec(second), &facts, 1)];
    across(&mut plans);
    let counts: Vec<usize> = plans.iter().map(|plan| hidden(plan).len()).collect();
    assert_eq!(counts, [expected.0, expected.1], "{}\n{}", plans[0].remarks, plans[1].remarks);
    if expected.0 > 0 {
        assert!(hidden(&plans[0])[0].contains("of the policy `second`"), "{}", plans[0].remarks);
    }
}

#[test]
fn hooks_of_one_policy_are_compared_by_its_own_plan() {
    let spec = [AT_FUNCTION, AT_HOOK].map(|hook| hook.replace("ACTION", REFUSE)).join(", ");
    let plan = planned("alone", &spec, &kernel(&[]), 0);
    assert_eq!(hidden(&plan), ["calls that `file_open` refuses may not come to `security_file_open`"]);
}

#[test]
fn what_refuses_attaches_before_what_kills_and_that_before_what_watches() {
    let ranks = [REFUSE, KILL, "{action: Post}"].map(|action| {
        let plan = planned("ranked", &AT_HOOK.replace("ACTION", action), &kernel(&[]), 0);
        rank(&plan.hooks[0])
    });
    assert!(ranks.is_sorted() && ranks[0] < ranks[1] && ranks[1] < ranks[2], "{ranks:?}");
}
