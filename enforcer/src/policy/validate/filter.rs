//! One entry of `matchArgs`, `matchData` or `matchReturnArgs`: what it compares, how, and with what.

use super::args::position;
use super::lists::Lists;
use super::returns::Returns;
use super::values;
use super::walk::{Fields, Walk, closest, limit, listed, printable};
use crate::policy::ast::{Arg, ArgFilter, ArgSource, Operator, TypeClass, Values};
use crate::policy::code::Code;
use crate::policy::diag::Diagnostic;
use crate::policy::raw::{Node, Value};
use crate::policy::schema::ARG_FILTER;
use crate::policy::source::Span;
use crate::policy::typing::{self, applies, operators_for};

/// What a selector may compare.
pub(super) struct Subjects<'h, 'n> {
    /// Arguments and then data; `None` when they are wrong themselves: then what depends on them is not judged.
    pub(super) args: Option<&'h [Arg]>,
    /// Position of the first data entry.
    pub(super) data_start: usize,
    /// What is known of the return; `None` likewise.
    pub(super) returns: Option<&'h Returns>,
    /// Lists of values; `None` when they are not known yet.
    pub(super) lists: Option<&'h Lists<'n>>,
}

/// Which list of a selector an entry stands in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Args,
    Data,
    Return,
}

pub(super) fn filter<'n>(
    walk: &mut Walk<'_>,
    node: &'n Node,
    subjects: &Subjects<'_, 'n>,
    section: Section,
) -> Option<ArgFilter> {
    walk.spend(1, node.span)?;
    let fields = walk.mapping(node, &ARG_FILTER)?;
    let positions = positions(walk, &fields, subjects, section);
    let op = walk.required(&fields, "operator").and_then(|node| {
        let name = walk.text(node, "`operator`")?;
        operator(walk, node, name).map(|op| (op, node.span))
    });
    let items = match op {
        Some((op, _)) => items(walk, &fields, op),
        // What an operator that is not supported here compares with is not known.
        None if is_unsupported(&fields) => None,
        None => fields.get("values").and_then(|node| walk.list(node, "`values`", usize::MAX)),
    };
    let (positions, span) = positions?;
    let arg = match section {
        Section::Return => subjects.returns?.arg.as_ref()?,
        Section::Args | Section::Data => subjects.args?.get(*positions.first()?)?,
    };
    let ty = arg.ty;
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
    let values = match (op, items) {
        (Some((Operator::CapabilitiesGained, _)), _) => other(walk, &positions, span, subjects),
        (Some((op, _)), Some(items)) => values::values(walk, items, ty, op, subjects.lists),
        (None, Some(items)) => values::judge(walk, items, ty),
        (_, None) => None,
    };
    let (op, _) = op?;
    if positions.len() > 1 && op != Operator::CapabilitiesGained {
        walk.push(
            Diagnostic::new(Code::OperatorArguments, span, format!("`{}` compares one argument", op.name()))
                .label("names several")
                .help("write one entry per argument"),
        );
        return None;
    }
    Some(ArgFilter { arg: positions[0], op, values: values?, span: node.span })
}

fn is_unsupported(fields: &Fields<'_>) -> bool {
    let Some(Node { value: Value::Text(name), .. }) = fields.get("operator") else { return false };
    typing::UNSUPPORTED_OPERATORS.contains(&name.as_str())
}

/// The second argument of CapabilitiesGained.
fn other(
    walk: &mut Walk<'_>,
    positions: &[usize],
    span: Span,
    subjects: &Subjects<'_, '_>,
) -> Option<Values> {
    let args = subjects.args?;
    let class = |at: usize| args.get(at).map(|arg| arg.ty.class());
    match positions {
        [one, two] if one != two && class(*two) == Some(TypeClass::Capabilities) => Some(Values::Other(*two)),
        _ => {
            walk.push(
                Diagnostic::new(
                    Code::OperatorArguments,
                    span,
                    "`CapabilitiesGained` compares two different sets of capabilities",
                )
                .help("write `args: [old, new]`: positions in `args` of the set before and the set after"),
            );
            None
        }
    }
}

/// The values of a filter, as many as its operator takes.
fn items<'n>(walk: &mut Walk<'_>, fields: &Fields<'n>, op: Operator) -> Option<&'n [Node]> {
    let most = limit(typing::most_values(op));
    if most == 0 {
        let node = fields.get("values").filter(|node| node.value != Value::List(Vec::new()));
        if let Some(node) = node {
            walk.push(
                Diagnostic::new(
                    Code::OperatorArguments,
                    node.span,
                    format!("`{}` takes no values", op.name()),
                )
                .label("of no use")
                .help("remove `values`"),
            );
            return None;
        }
        return Some(&[]);
    }
    let node = walk.required(fields, "values")?;
    if most == 1
        && let Value::List(items) = &node.value
        && let Some(second) = items.get(1)
    {
        walk.push(
            Diagnostic::new(
                Code::OperatorArguments,
                second.span,
                format!("`{}` takes one value, here are {}", op.name(), items.len()),
            )
            .label("second one")
            .help("write one value; for bounds on both sides use InRange"),
        );
        return None;
    }
    walk.filled_list(node, "`values`", most)
}

/// Positions in the hook's arguments, and where they are written.
fn positions(
    walk: &mut Walk<'_>,
    fields: &Fields<'_>,
    subjects: &Subjects<'_, '_>,
    section: Section,
) -> Option<(Vec<usize>, Span)> {
    let (index, args) = (fields.get("index"), fields.get("args"));
    if let (Some(_), Some(node)) = (index, args) {
        walk.push(
            Diagnostic::new(Code::OperatorArguments, node.span, "`index` and `args` are both given")
                .help("keep one: `index` names an argument of the function, `args` positions in the list of arguments"),
        );
        return None;
    }
    if section == Section::Return {
        let node = match (index, args) {
            (Some(node), _) | (_, Some(node)) => node,
            (None, None) => return Some((vec![0], fields.span)),
        };
        let zero = |node: &Node| node.value == Value::Integer(0);
        let only = match &node.value {
            Value::List(items) => matches!(items.as_slice(), [item] if zero(item)),
            _ => zero(node),
        };
        if !only {
            walk.push(
                Diagnostic::new(Code::FilterIndex, node.span, "a function returns one value")
                    .help("remove the key, or write `index: 0`"),
            );
            return None;
        }
        return Some((vec![0], node.span));
    }
    if let Some(node) = args {
        let items = walk.filled_list(node, "`args`", 2)?;
        let read: Vec<_> = items.iter().map(|item| by_position(walk, item, subjects, section)).collect();
        return Some((read.into_iter().collect::<Option<_>>()?, node.span));
    }
    let node = walk.required(fields, "index")?;
    let at = match section {
        Section::Data => by_position(walk, node, subjects, section)?,
        _ => argument(walk, node, subjects, true)?,
    };
    Some((vec![at], node.span))
}

/// A position in `args`, or in `data`.
fn by_position(
    walk: &mut Walk<'_>,
    node: &Node,
    subjects: &Subjects<'_, '_>,
    section: Section,
) -> Option<usize> {
    let value = walk.integer(node, "a position")?;
    let args = subjects.args?;
    let (first, count, list) = match section {
        Section::Data => (subjects.data_start, args.len() - subjects.data_start, "data"),
        _ => (0, subjects.data_start, "args"),
    };
    let at = usize::try_from(value).ok().filter(|at| *at < count);
    if at.is_none() {
        walk.push(
            Diagnostic::new(Code::FilterIndex, node.span, format!("`{list}` has no entry {value}"))
                .label("nothing to filter on")
                .help(format!("entries count from 0, and there are {count}")),
        );
    }
    at.map(|at| first + at)
}

/// The position in `args` of the argument that a filter of matchArgs or an action names by its position in the function's
/// prototype.
///
/// A filter's index used to be a position in `args` elsewhere, so for it both readings have to agree (`checked`).
pub(super) fn argument(
    walk: &mut Walk<'_>,
    node: &Node,
    subjects: &Subjects<'_, '_>,
    checked: bool,
) -> Option<usize> {
    let value = walk.integer(node, "`index`")?;
    let args = subjects.args?.get(..subjects.data_start)?;
    let is = |arg: &Arg| matches!(arg.source, ArgSource::Argument(index) if i128::from(index) == value);
    let found = args.iter().position(is);
    let by_position = usize::try_from(value).ok().and_then(|at| args.get(at));
    let twice = args.iter().filter(|arg| is(arg)).count() > 1;
    match (found, by_position) {
        (Some(at), other) if twice || checked && other.is_some_and(|other| !is(other)) => {
            let meant = if twice {
                format!("`args` reads several things of argument {value}")
            } else {
                let other = other.map_or(0, |other| position(other.source));
                format!("argument {value}, or entry {value} of `args`, which is argument {other}")
            };
            walk.push(
                Diagnostic::new(
                    Code::AmbiguousIndex,
                    node.span,
                    format!("index {value} can mean two arguments"),
                )
                .label(meant)
                .also(args[at].span, format!("argument {value} of the function"))
                .help(
                    "write `args: [N]` with the position in `args`, or list the arguments in order from 0 without gaps",
                ),
            );
            None
        }
        (Some(at), _) => Some(at),
        (None, _) => {
            // What is looked for: by a filter, or by an action.
            let what = if checked { "nothing to filter on" } else { "not read by this hook" };
            let listed_args: Vec<_> = args.iter().map(|arg| position(arg.source).to_string()).collect();
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
                .label(what)
                .help(match by_position.filter(|_| checked) {
                    Some(arg) => format!(
                        "write `index: {}` or `args: [{value}]` for entry {value} of `args`; {known}",
                        position(arg.source)
                    ),
                    None => format!("add an args entry with `index: {value}`; {known}"),
                }),
            );
            None
        }
    }
}

/// The operator of this name; a finding when there is none or it is not supported.
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

/// One of the few operators that a section of process filters takes.
pub(super) fn operator_among(
    walk: &mut Walk<'_>,
    fields: &Fields<'_>,
    allowed: &[Operator],
    what: &str,
) -> Option<Operator> {
    let node = walk.required(fields, "operator")?;
    let name = walk.text(node, "`operator`")?;
    let names: Vec<_> = allowed.iter().map(|operator| operator.name()).collect();
    match typing::operator(name) {
        Some(operator) if allowed.contains(&operator) => return Some(operator),
        Some(_) => walk.push(
            Diagnostic::new(Code::OperatorType, node.span, format!("`{name}` does not apply to {what}"))
                .help(format!("write one of {}", listed(&names))),
        ),
        None => unknown_operator(walk, node, name, &names),
    }
    None
}

fn unknown_operator(walk: &mut Walk<'_>, node: &Node, name: &str, known: &[&str]) {
    let help = match closest(name, known) {
        Some(close) => format!("did you mean `{close}`?"),
        None => format!("operators are {}", listed(known)),
    };
    walk.push(
        Diagnostic::new(Code::UnknownOperator, node.span, format!("unknown operator `{}`", printable(name)))
            .help(help),
    );
}
