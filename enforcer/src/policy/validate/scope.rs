//! Which processes a policy or a selector is for. Only what means "all of them" can be told without a cluster.

use super::walk::{Fields, Walk};
use crate::policy::code::Code;
use crate::policy::diag::Diagnostic;
use crate::policy::raw::{Node, Value};
use crate::policy::schema::{NAMESPACED_KIND, WORKLOADS};

/// Refuses by name what restricts a policy to workloads of a cluster.
pub(super) fn of_policy(walk: &mut Walk<'_>, spec: &Fields<'_>, namespaced: bool) -> Option<()> {
    let workloads = [restricted(walk, spec, "podSelector"), restricted(walk, spec, "containerSelector")];
    let host = unrestricted(walk, spec, "hostSelector");
    let node = unrestricted(walk, spec, "nodeSelector");
    if namespaced && let Some(span) = spec.given("hostSelector").and(spec.key_span("hostSelector")) {
        walk.push(
            Diagnostic::new(Code::PolicyNamespace, span, format!("a {NAMESPACED_KIND} is not for the host"))
                .label("processes of the host are in no namespace")
                .help("remove `hostSelector`, or write `kind: TracingPolicy`"),
        );
        return None;
    }
    workloads.into_iter().chain([host, node]).collect()
}

/// The same for one selector: `matchWorkloads`.
pub(super) fn of_selector(walk: &mut Walk<'_>, selector: &Fields<'_>) -> Option<()> {
    let Some(node) = selector.given("matchWorkloads") else { return Some(()) };
    let fields = walk.mapping(node, &WORKLOADS)?;
    let parts = [
        restricted(walk, &fields, "podSelector"),
        restricted(walk, &fields, "containerSelector"),
        unrestricted(walk, &fields, "hostSelector"),
    ];
    parts.into_iter().collect()
}

/// An empty selector of pods still leaves out the processes of the host, so there is no harmless form of it.
fn restricted(walk: &mut Walk<'_>, fields: &Fields<'_>, key: &str) -> Option<()> {
    let Some(node) = fields.given(key) else { return Some(()) };
    if !matches!(node.value, Value::Map(_)) {
        walk.wrong_kind(node, &format!("`{key}` to be a mapping"));
        return None;
    }
    refuse(
        walk,
        fields,
        key,
        node,
        "which processes belong to a pod or container, only a cluster's agent knows",
    )
}

/// `{}` selects everything.
fn unrestricted(walk: &mut Walk<'_>, fields: &Fields<'_>, key: &str) -> Option<()> {
    match fields.given(key) {
        None => Some(()),
        Some(Node { value: Value::Map(entries), .. }) if entries.is_empty() => Some(()),
        Some(node @ Node { value: Value::Map(_), .. }) => refuse(
            walk,
            fields,
            key,
            node,
            "the labels of this machine are known to a cluster only; `{}` is accepted",
        ),
        Some(node) => {
            walk.wrong_kind(node, &format!("`{key}` to be a mapping"));
            None
        }
    }
}

fn refuse(walk: &mut Walk<'_>, fields: &Fields<'_>, key: &str, node: &Node, why: &str) -> Option<()> {
    let span = fields.key_span(key).unwrap_or(node.span);
    walk.push(
        Diagnostic::new(Code::NeedsCluster, span, format!("`{key}` needs a cluster"))
            .label("would restrict whom the policy is for")
            .help(format!("{why}; remove it only if the policy is meant for every process of the machine")),
    );
    None
}
