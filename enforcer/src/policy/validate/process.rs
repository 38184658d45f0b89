//! Filters on the calling process: ids, executables, namespaces, capabilities.

use quell_wire::limits::{MAX_PIDS, MAX_VALUES};

use super::filter::operator_among;
use super::number::{self, NumberError};
use super::text;
use super::values::collect;
use super::walk::{Fields, Walk, closest, limit, listed, printable};
use crate::policy::ast::{
    ArgType, BinaryFilter, CapabilityFilter, CapabilitySet, Namespace, NamespaceChangeFilter,
    NamespaceFilter, NamespaceId, Operator, PidFilter,
};
use crate::policy::code::Code;
use crate::policy::diag::Diagnostic;
use crate::policy::names::{Domain, LAST_CAPABILITY};
use crate::policy::raw::{Node, Value};
use crate::policy::schema::{
    BINARY_FILTER, CAPABILITY_FILTER, NAMESPACE_CHANGE_FILTER, NAMESPACE_FILTER, PID_FILTER,
};
use crate::policy::typing::{BINARY_OPERATORS, MEMBER_OPERATORS, most_values};

/// The value of matchNamespaces that stands for the host's namespace.
pub(in crate::policy) const HOST: &str = "host_ns";

fn negated(walk: &mut Walk<'_>, fields: &Fields<'_>, what: &str) -> Option<bool> {
    operator_among(walk, fields, MEMBER_OPERATORS, what).map(|op| op == Operator::NotIn)
}

fn items<'n>(walk: &mut Walk<'_>, fields: &Fields<'n>, of: &str, most: u32) -> Option<&'n [Node]> {
    let node = walk.required(fields, "values")?;
    let items = walk.filled_list(node, &format!("`values` of {of}"), limit(most))?;
    walk.spend(items.len(), node.span)?;
    Some(items)
}

/// One matchPIDs entry.
pub(super) fn pids(walk: &mut Walk<'_>, node: &Node) -> Option<PidFilter> {
    let fields = walk.mapping(node, &PID_FILTER)?;
    let negated = negated(walk, &fields, "process ids");
    let namespace = walk.boolean(&fields, "isNamespacePID", false);
    let follow_forks = walk.boolean(&fields, "followForks", false);
    let values = items(walk, &fields, "matchPIDs", MAX_PIDS).and_then(|items| {
        collect(walk, items, |walk, node| {
            let value = walk.integer(node, "a process id")?;
            let pid = u32::try_from(value).ok();
            if pid.is_none() {
                walk.push(
                    Diagnostic::new(Code::IntegerRange, node.span, format!("{value} is not a process id"))
                        .help(format!("process ids are 0 to {}", u32::MAX)),
                );
            }
            pid
        })
    });
    Some(PidFilter {
        negated: negated?,
        namespace: namespace?,
        follow_forks: follow_forks?,
        values: values?,
        span: node.span,
    })
}

/// One matchBinaries or matchParentBinaries entry.
pub(super) fn binaries(walk: &mut Walk<'_>, node: &Node) -> Option<BinaryFilter> {
    let fields = walk.mapping(node, &BINARY_FILTER)?;
    let op = operator_among(walk, &fields, BINARY_OPERATORS, "executables");
    let follow_children = walk.boolean(&fields, "followChildren", false);
    let most = most_values(Operator::In);
    let values = items(walk, &fields, "matchBinaries", most).and_then(|items| {
        collect(walk, items, |walk, node| {
            let bytes = text::value(walk, node, ArgType::Path)?;
            let fits = op.is_none_or(|op| text::check_path(walk, node.span, &bytes, op));
            fits.then_some(bytes)
        })
    });
    let (op, follow_children) = (op?, follow_children?);
    if follow_children && !MEMBER_OPERATORS.contains(&op) {
        let span = fields.key_span("followChildren").unwrap_or(node.span);
        walk.push(
            Diagnostic::new(
                Code::FollowChildren,
                span,
                format!("followChildren does not apply to `{}`", op.name()),
            )
            .label("children of which program?")
            .help("use `In` or `NotIn` with whole paths"),
        );
        return None;
    }
    Some(BinaryFilter { op, follow_children, values: values?, span: node.span })
}

/// One matchNamespaces entry.
pub(super) fn namespaces(walk: &mut Walk<'_>, node: &Node) -> Option<NamespaceFilter> {
    let fields = walk.mapping(node, &NAMESPACE_FILTER)?;
    let namespace = walk.required(&fields, "namespace").and_then(|node| kind(walk, node));
    let negated = negated(walk, &fields, "namespaces");
    let values = items(walk, &fields, "matchNamespaces", most_values(Operator::In))
        .and_then(|items| collect(walk, items, namespace_id));
    Some(NamespaceFilter { namespace: namespace?, negated: negated?, values: values?, span: node.span })
}

fn namespace_id(walk: &mut Walk<'_>, node: &Node) -> Option<NamespaceId> {
    let number = match &node.value {
        Value::Text(text) if text == HOST => return Some(NamespaceId::Host),
        Value::Text(text) => number::parse(text),
        Value::Integer(value) => Ok(*value),
        _ => Err(NumberError::Spelling),
    };
    let id = number.ok().and_then(|number| u32::try_from(number).ok()).filter(|number| *number > 0);
    if id.is_none() {
        let shown = printable(walk.spelling(node.span));
        walk.push(
            Diagnostic::new(Code::UnknownName, node.span, format!("`{shown}` is not a namespace")).help(
                format!("write `{HOST}`, or the number that `readlink /proc/PID/ns/…` shows in brackets"),
            ),
        );
    }
    id.map(NamespaceId::Number)
}

fn kind(walk: &mut Walk<'_>, node: &Node) -> Option<Namespace> {
    let name = walk.text(node, "a kind of namespace")?;
    named(walk, node, name, "kind of namespace", Namespace::ALL.map(|kind| (kind.name(), kind)).as_slice())
}

/// One matchNamespaceChanges entry.
pub(super) fn namespace_changes(walk: &mut Walk<'_>, node: &Node) -> Option<NamespaceChangeFilter> {
    let fields = walk.mapping(node, &NAMESPACE_CHANGE_FILTER)?;
    let negated = negated(walk, &fields, "namespaces");
    let values = items(walk, &fields, "matchNamespaceChanges", MAX_VALUES)
        .and_then(|items| collect(walk, items, kind));
    Some(NamespaceChangeFilter { negated: negated?, values: values?, span: node.span })
}

/// One matchCapabilities or matchCapabilityChanges entry.
pub(super) fn capabilities(walk: &mut Walk<'_>, node: &Node) -> Option<CapabilityFilter> {
    let fields = walk.mapping(node, &CAPABILITY_FILTER)?;
    let set = match fields.get("type") {
        None => Some(CapabilitySet::Effective),
        Some(node) => walk.text(node, "`type`").and_then(|name| {
            let known = CapabilitySet::ALL.map(|set| (set.name(), set));
            named(walk, node, name, "set of capabilities", &known)
        }),
    };
    let negated = negated(walk, &fields, "capabilities");
    let namespaced = walk.boolean(&fields, "isNamespaceCapability", false);
    let values = items(walk, &fields, "matchCapabilities", MAX_VALUES)
        .and_then(|items| collect(walk, items, capability));
    let mask = values?.into_iter().fold(0, |mask, number| mask | 1 << number);
    Some(CapabilityFilter { set: set?, negated: negated?, namespaced: namespaced?, mask, span: node.span })
}

/// The number of a capability.
fn capability(walk: &mut Walk<'_>, node: &Node) -> Option<u64> {
    let number = match &node.value {
        Value::Text(text) => Domain::Capability
            .number(text)
            .or_else(|| number::parse(text).ok().and_then(|number| u64::try_from(number).ok())),
        Value::Integer(number) => u64::try_from(*number).ok(),
        _ => None,
    };
    let number = number.filter(|number| *number <= LAST_CAPABILITY);
    if number.is_none() {
        unknown(walk, node, Domain::Capability);
    }
    number
}

/// Says that a value is no name of a domain.
pub(super) fn unknown(walk: &mut Walk<'_>, node: &Node, domain: Domain) {
    let shown = match &node.value {
        Value::Text(text) => printable(text),
        _ => printable(walk.spelling(node.span)),
    };
    let names = domain.names();
    let names: Vec<_> = names.iter().map(|(name, _)| name.as_str()).collect();
    let help = match closest(&shown, &names) {
        Some(close) => format!("did you mean `{close}`?"),
        None => {
            let first: Vec<_> = names.iter().copied().take(3).collect();
            format!("write a number, or a name such as {}", listed(&first))
        }
    };
    walk.push(
        Diagnostic::new(Code::UnknownName, node.span, format!("`{shown}` is not {}", domain.what()))
            .help(help),
    );
}

/// One of a few names; their case does not matter.
fn named<T: Copy>(
    walk: &mut Walk<'_>,
    node: &Node,
    name: &str,
    what: &str,
    known: &[(&str, T)],
) -> Option<T> {
    let found = known.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    if found.is_none() {
        let names: Vec<_> = known.iter().map(|(name, _)| *name).collect();
        let help = match closest(name, &names) {
            Some(close) => format!("did you mean `{close}`?"),
            None => format!("write one of {}", listed(&names)),
        };
        walk.push(
            Diagnostic::new(Code::UnknownName, node.span, format!("`{}` is not a {what}", printable(name)))
                .help(help),
        );
    }
    found.map(|(_, value)| *value)
}
