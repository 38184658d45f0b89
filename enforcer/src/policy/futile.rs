//! What of a valid policy can never have an effect, whatever is called: filters that nothing fits, selectors that nothing
//! reaches, actions that undo each other.
//!
//! Such a rule looks like protection and is none. It has a meaning all the same, so it can be encoded, decoded and compared;
//! only whoever wants it enforced is told (`quell check`, `quell run`).

use super::ast::{Action, ActionKind, Arg, ArgFilter, Hook, Operator, Policy, Selector, TypeClass, Values};
use super::code::Code;
use super::diag::Diagnostic;

/// Everything of a policy that cannot have an effect.
#[must_use]
pub fn futile(policy: &Policy) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for hook in &policy.hooks {
        for selector in &hook.selectors {
            filters(hook, selector, &mut found);
            actions(selector, &mut found);
        }
        found.extend(never_reached(hook));
    }
    found
}

fn filters(hook: &Hook, selector: &Selector, found: &mut Vec<Diagnostic>) {
    let args = selector.args.iter().map(|filter| (filter, hook.args.get(filter.arg)));
    let returned = selector.return_args.iter().map(|filter| (filter, hook.returned.as_ref()));
    for (filter, arg) in args.chain(returned) {
        if let Some((message, help)) = arg.and_then(|arg| never_matches(filter, arg)) {
            found.push(
                Diagnostic::new(Code::NeverMatches, filter.span, message).label("never matches").help(help),
            );
        }
    }
}

/// Why nothing fits a filter, and what to write instead.
fn never_matches(filter: &ArgFilter, arg: &Arg) -> Option<(String, &'static str)> {
    let Values::Integers(values) = &filter.values else { return None };
    let name = arg.ty.name();
    match (filter.op, arg.ty.class()) {
        (Operator::Mask, _) if values.contains(&0) => {
            Some(("no bit is set in 0".to_owned(), "write the bits, at least one of which has to be set"))
        }
        (Operator::Gt, TypeClass::Integer { signed, bits }) if values == &[bounds(signed, bits).1] => Some((
            format!("no `{name}` is greater than its greatest number"),
            "compare with a smaller number, or by Equal",
        )),
        (Operator::Lt, TypeClass::Integer { signed, bits }) if values == &[bounds(signed, bits).0] => Some((
            format!("no `{name}` is less than its least number"),
            "compare with a greater number, or by Equal",
        )),
        _ => None,
    }
}

/// Least and greatest number of a type, extended to 64 bits by its sign.
const fn bounds(signed: bool, bits: u8) -> (u64, u64) {
    let unused = 64 - bits as u32;
    if signed {
        ((i64::MIN >> unused).cast_unsigned(), (i64::MAX >> unused).cast_unsigned())
    } else {
        (0, u64::MAX >> unused)
    }
}

fn actions(selector: &Selector, found: &mut Vec<Diagnostic>) {
    for actions in [&selector.actions, &selector.return_actions] {
        let has = |kind| actions.iter().map(Action::kind).any(|own| own == kind);
        if has(ActionKind::Post) && has(ActionKind::NoPost) {
            found.push(
                Diagnostic::new(Code::PostAndNoPost, selector.span, "Post and NoPost contradict each other")
                    .label("of this selector")
                    .help("keep one of them; without both, every match is posted"),
            );
        }
    }
}

fn never_reached(hook: &Hook) -> Option<Diagnostic> {
    let everything = hook.selectors.iter().position(|selector| !has_filters(selector))?;
    let behind = hook.selectors.get(everything + 1)?;
    let found = Diagnostic::new(Code::NeverReached, behind.span, "the selector is never reached")
        .label("never looked at")
        .also(hook.selectors[everything].span, "has no filters and matches every call")
        .help("put the selector without filters last, or give it filters");
    Some(found)
}

fn has_filters(selector: &Selector) -> bool {
    let args = selector.args.len() + selector.return_args.len();
    let process = selector.pids.len() + selector.binaries.len() + selector.parent_binaries.len();
    let namespaces = selector.namespaces.len() + selector.namespace_changes.len();
    let capabilities = selector.capabilities.len() + selector.capability_changes.len();
    args + process + namespaces + capabilities > 0
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::policy::{Source, parse_one};

    fn codes(ty: &str, selectors: &str) -> Vec<Code> {
        let text = format!(
            "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {{name: t}}\nspec:\n  kprobes:\n  - call: f\n    \
             syscall: false\n    args: [{{index: 0, type: {ty}}}]\n    selectors: [{selectors}]\n"
        );
        let policy = parse_one(&Source::new("p.yaml", text)).unwrap_or_else(|found| panic!("{found}"));
        futile(&policy).into_iter().map(|found| found.code).collect()
    }

    #[rstest]
    #[case("int8", "GT", "127", false)]
    #[case("int8", "GT", "126", true)]
    #[case("int8", "LT", "-128", false)]
    #[case("int8", "LT", "-127", true)]
    #[case("uint32", "GT", "4294967295", false)]
    #[case("uint32", "LT", "0", false)]
    #[case("uint32", "LT", "1", true)]
    #[case("int32", "LT", "0", true)]
    #[case("uint64", "GT", "18446744073709551615", false)]
    #[case("int64", "GT", "9223372036854775807", false)]
    #[case("int64", "LT", "-9223372036854775808", false)]
    #[case("int32", "Mask", "0", false)]
    #[case("int32", "Mask", "1", true)]
    #[case("cap_effective", "Mask", "0", false)]
    #[case("int32", "Equal", "0", true)]
    fn numbers_that_no_argument_can_fit(
        #[case] ty: &str,
        #[case] operator: &str,
        #[case] value: &str,
        #[case] useful: bool,
    ) {
        let found =
            codes(ty, &format!("{{matchArgs: [{{index: 0, operator: {operator}, values: [{value}]}}]}}"));
        let expected = if useful { Vec::new() } else { vec![Code::NeverMatches] };
        assert_eq!(found, expected);
    }

    #[rstest]
    #[case("{matchActions: [{action: Post}]}, {matchPIDs: [{operator: In, values: [1]}]}", vec![Code::NeverReached])]
    #[case("{matchPIDs: [{operator: In, values: [1]}]}, {matchActions: [{action: Post}]}", Vec::new())]
    #[case("{matchActions: [{action: Sigkill}, {action: NoPost}]}", Vec::new())]
    #[case("{matchActions: [{action: Post}, {action: NoPost}]}", vec![Code::PostAndNoPost])]
    fn selectors_and_actions_without_effect(#[case] selectors: &str, #[case] expected: Vec<Code>) {
        assert_eq!(codes("int", selectors), expected);
    }
}
