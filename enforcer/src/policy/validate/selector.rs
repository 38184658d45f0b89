//! One selector: process filters, argument filters, actions.

use quell_wire::limits::{MAX_ACTIONS, MAX_FILTERS, MAX_PID_ENTRIES, MAX_PIDS, MAX_VALUES};

use super::kprobe::{limit, position as place};
use super::values;
use super::walk::{Fields, Walk, closest, listed, printable};
use crate::policy::ast::{Action, ActionKind, Arg, ArgFilter, Operator, PidFilter, Post, Selector};
use crate::policy::code::Code;
use crate::policy::diag::Diagnostic;
use crate::policy::raw::Node;
use crate::policy::schema::{ACTION, ARG_FILTER, PID_FILTER, SELECTOR};
use crate::policy::typing::{self, ACTIONS, applies, operators_for};

/// Reads one selector. `args` is `None` when the arguments themselves are wrong: then what depends on them is not judged.
pub(super) fn selector(walk: &mut Walk<'_>, node: &Node, args: Option<&[Arg]>) -> Option<Selector> {
    let fields = walk.mapping(node, &SELECTOR)?;
    let pids = entries(walk, &fields, "matchPIDs", limit(MAX_PID_ENTRIES), pid_filter);
    let arg_filters = entries(walk, &fields, "matchArgs", limit(MAX_FILTERS), |walk, node| {
        arg_filter(walk, node, args)
    });
    let actions = actions(walk, &fields);
    Some(Selector {
        label: None,
        pids: pids?,
        binaries: Vec::new(),
        parent_binaries: Vec::new(),
        args: arg_filters?,
        return_args: Vec::new(),
        namespaces: Vec::new(),
        namespace_changes: Vec::new(),
        capabilities: Vec::new(),
        capability_changes: Vec::new(),
        actions: actions?,
        return_actions: Vec::new(),
        span: node.span,
    })
}

/// Every entry of an optional list; all are read before one that is wrong ends it.
fn entries<T>(
    walk: &mut Walk<'_>,
    fields: &Fields<'_>,
    key: &str,
    limit: usize,
    mut read: impl FnMut(&mut Walk<'_>, &Node) -> Option<T>,
) -> Option<Vec<T>> {
    let Some(node) = fields.get(key) else {
        return Some(Vec::new());
    };
    let items = walk.list(node, &format!("`{key}`"), limit)?;
    let all: Vec<_> = items.iter().map(|item| read(walk, item)).collect();
    all.into_iter().collect()
}

fn pid_filter(walk: &mut Walk<'_>, node: &Node) -> Option<PidFilter> {
    let fields = walk.mapping(node, &PID_FILTER)?;
    let op = pid_operator(walk, &fields);
    let namespace = walk.boolean(&fields, "isNamespacePID", false);
    let follow_forks = walk.boolean(&fields, "followForks", false);
    let values = walk
        .required(&fields, "values")
        .and_then(|node| walk.filled_list(node, "`values` of matchPIDs", limit(MAX_PIDS)))
        .and_then(|items| values::pids(walk, items));
    Some(PidFilter {
        negated: op?,
        namespace: namespace?,
        follow_forks: follow_forks?,
        values: values?,
        span: node.span,
    })
}

fn pid_operator(walk: &mut Walk<'_>, fields: &Fields<'_>) -> Option<bool> {
    let node = walk.required(fields, "operator")?;
    let name = walk.text(node, "`operator`")?;
    match name {
        "In" => return Some(false),
        "NotIn" => return Some(true),
        _ if typing::operator_names().contains(&name) => walk.push(
            Diagnostic::new(Code::OperatorType, node.span, format!("`{name}` does not apply to process ids"))
                .help("matchPIDs takes `In` and `NotIn`"),
        ),
        _ => unknown_operator(walk, node, name, &["In", "NotIn"]),
    }
    None
}

fn arg_filter(walk: &mut Walk<'_>, node: &Node, args: Option<&[Arg]>) -> Option<ArgFilter> {
    let fields = walk.mapping(node, &ARG_FILTER)?;
    let index = walk.required(&fields, "index").and_then(|node| filter_index(walk, node, args));
    let op = walk.required(&fields, "operator").and_then(|node| {
        let name = walk.text(node, "`operator`")?;
        operator(walk, node, name).map(|op| (op, node.span))
    });
    let items = walk
        .required(&fields, "values")
        .and_then(|node| walk.filled_list(node, "`values` of matchArgs", limit(MAX_VALUES)));
    let position = index?;
    let ty = args.and_then(|args| args.get(position))?.ty;
    // Values are judged by type even under a wrong operator, so that both are reported.
    let op = op.filter(|(op, span)| {
        let fits = applies(*op, ty);
        if !fits {
            let (op, ty_name) = (op.name(), ty.name());
            walk.push(
                Diagnostic::new(
                    Code::OperatorType,
                    *span,
                    format!("`{op}` does not apply to type `{ty_name}`"),
                )
                .help(format!("operators for `{ty_name}`: {}", listed(&operators_for(ty)))),
            );
        }
        fits
    });
    let values = values::values(walk, items?, ty, op.map(|(op, _)| op));
    Some(ArgFilter { arg: position, op: op?.0, values: values?, span: node.span })
}

/// The position in `args` of the argument that a filter names by its position in the function's prototype.
fn filter_index(walk: &mut Walk<'_>, node: &Node, args: Option<&[Arg]>) -> Option<usize> {
    let value = walk.integer(node, "`index`")?;
    let args = args?;
    let position = args.iter().position(|arg| i128::from(place(arg.source)) == value);
    let by_position = usize::try_from(value).ok().and_then(|at| args.get(at));
    match (position, by_position) {
        (Some(position), Some(other)) if i128::from(place(other.source)) != value => {
            let named = &args[position];
            walk.push(
                Diagnostic::new(
                    Code::AmbiguousIndex,
                    node.span,
                    format!("index {value} can mean two arguments"),
                )
                .label(format!(
                    "argument {value}, or entry {value} of `args`, which is argument {}",
                    place(other.source)
                ))
                .also(named.span, format!("argument {value} of the function"))
                .help("list the arguments in order from 0 without gaps, so that both readings agree"),
            );
            None
        }
        (Some(position), _) => Some(position),
        (None, _) => {
            let listed_args: Vec<_> = args.iter().map(|arg| place(arg.source).to_string()).collect();
            let known = match listed_args.as_slice() {
                [] => "this hook reads no arguments".to_owned(),
                some => format!("arguments read by this hook: {}", some.join(", ")),
            };
            walk.push(
                Diagnostic::new(
                    Code::FilterIndex,
                    node.span,
                    format!("argument {value} is not listed in `args`"),
                )
                .label("nothing to filter on")
                .help(format!("add an args entry with `index: {value}`; {known}")),
            );
            None
        }
    }
}

fn operator(walk: &mut Walk<'_>, node: &Node, name: &str) -> Option<Operator> {
    if let Some(operator) = typing::operator(name) {
        return Some(operator);
    }
    if typing::UNSUPPORTED_OPERATORS.contains(&name) {
        let supported: Vec<_> = Operator::ALL.iter().map(|operator| operator.name()).collect();
        walk.push(
            Diagnostic::new(
                Code::UnsupportedOperator,
                node.span,
                format!("operator `{name}` is known, not supported here"),
            )
            .label("not implemented by this version")
            .help(format!("operators read here: {}", listed(&supported))),
        );
        return None;
    }
    unknown_operator(walk, node, name, &typing::operator_names());
    None
}

fn unknown_operator(walk: &mut Walk<'_>, node: &Node, name: &str, known: &[&str]) {
    let help = match closest(name, known) {
        Some(close) => format!("did you mean `{close}`?"),
        None => "write one of `Equal`, `NotEqual`, `Prefix`, `Postfix`, `In` and `NotIn`; matchPIDs takes the last two"
            .to_owned(),
    };
    walk.push(
        Diagnostic::new(Code::UnknownOperator, node.span, format!("unknown operator `{}`", printable(name)))
            .help(help),
    );
}

fn actions(walk: &mut Walk<'_>, fields: &Fields<'_>) -> Option<Vec<Action>> {
    let mut seen: Vec<(Action, crate::policy::source::Span)> = Vec::new();
    let read = entries(walk, fields, "matchActions", limit(MAX_ACTIONS), |walk, node| {
        let fields = walk.mapping(node, &ACTION)?;
        let node = walk.required(&fields, "action")?;
        let action = action(walk, node)?;
        if let Some((_, first)) = seen.iter().find(|(earlier, _)| *earlier == action) {
            walk.push(
                Diagnostic::new(
                    Code::DuplicateAction,
                    node.span,
                    format!("`{}` is given twice", action.name()),
                )
                .label("second time")
                .also(*first, "first time")
                .help("give every action once"),
            );
            return None;
        }
        seen.push((action, node.span));
        Some(action)
    })?;
    // A match that did nothing at all would be a rule nobody notices.
    Some(if read.is_empty() { vec![Action::Post(Post::default())] } else { read })
}

fn action(walk: &mut Walk<'_>, node: &Node) -> Option<Action> {
    let name = walk.text(node, "`action`")?;
    match ACTIONS.iter().find(|(known, _)| *known == name) {
        Some((_, Some(kind))) => {
            return match kind {
                ActionKind::Post => Some(Action::Post(Post::default())),
                ActionKind::Sigkill => Some(Action::Sigkill),
                _ => None,
            };
        }
        Some((known, None)) => walk.push(
            Diagnostic::new(
                Code::UnsupportedAction,
                node.span,
                format!("action `{known}` is known, not supported here"),
            )
            .label("not implemented by this version")
            .help(format!("actions read here: {}", listed(&ActionKind::ALL.map(ActionKind::name)))),
        ),
        None => {
            let known: Vec<_> = ACTIONS.iter().map(|(name, _)| *name).collect();
            let help = match closest(name, &known) {
                Some(close) => format!("did you mean `{close}`?"),
                None => format!("actions read here: {}", listed(&ActionKind::ALL.map(ActionKind::name))),
            };
            walk.push(
                Diagnostic::new(
                    Code::UnknownAction,
                    node.span,
                    format!("unknown action `{}`", printable(name)),
                )
                .help(help),
            );
        }
    }
    None
}
