//! What a policy defines once and uses by name: lists, macros; and the functions of its enforcers.

use std::collections::{HashMap, HashSet};

use super::call::{self, Called};
use super::process::unknown;
use super::selector;
use super::walk::{Fields, Walk, closest, listed, printable};
use crate::policy::code::Code;
use crate::policy::diag::Diagnostic;
use crate::policy::entry;
use crate::policy::names::Domain;
use crate::policy::pattern::Pattern;
use crate::policy::raw::{Node, Value};
use crate::policy::schema::{ENFORCER, LIST, MAX_HOOKS, SELECTOR};
use crate::policy::source::{Span, Spanned};

/// Before the name of a list, where a function or a value stands.
pub(in crate::policy) const LIST_PREFIX: &str = "list:";

/// What reading a pattern costs at most, in values.
const PATTERN_VALUES: usize = 512;
/// Kinds of lists.
pub(in crate::policy) const LIST_TYPES: &[&str] = &["syscalls", "generated_syscalls", "generated_ftrace"];

/// A list that may be used; its entries are judged where they are.
#[derive(Clone, Copy)]
pub(super) struct List<'n> {
    pub(super) content: Content<'n>,
    /// Whether the list itself was wrong; what uses it is then not judged.
    pub(super) broken: bool,
}

/// What a list holds.
#[derive(Clone, Copy)]
pub(super) enum Content<'n> {
    /// Names or values, as written.
    Values(&'n [Node]),
    /// `type: syscalls`: every entry is the name of a system call.
    SystemCalls(&'n [Node]),
    /// `type: generated_syscalls`
    EverySystemCall,
    /// `type: generated_ftrace`: the functions that this pattern matches.
    Functions(&'n str),
}

/// Lists by name.
pub(super) type Lists<'n> = HashMap<&'n str, List<'n>>;

/// What a policy defines, by name.
pub(super) struct Defined<'n> {
    pub(super) lists: Lists<'n>,
    pub(super) macros: HashMap<&'n str, &'n Node>,
}

pub(super) fn lists<'n>(walk: &mut Walk<'_>, spec: &Fields<'n>) -> Lists<'n> {
    let mut lists = Lists::new();
    let mut names: HashMap<&str, Span> = HashMap::new();
    walk.entries(spec, "lists", usize::MAX, |walk, node| {
        let fields = walk.mapping(node, &LIST)?;
        let node = walk.required(&fields, "name")?;
        let name = walk.text(node, "`name`")?;
        if let Some(first) = names.insert(name, node.span) {
            walk.push(
                Diagnostic::new(
                    Code::DuplicateName,
                    node.span,
                    format!("list `{}` is defined twice", printable(name)),
                )
                .label("second list of this name")
                .also(first, "first one")
                .help("give every list a name of its own"),
            );
            return None;
        }
        let content = content(walk, &fields);
        let broken = content.is_none();
        lists.insert(name, List { content: content.unwrap_or(Content::Values(&[])), broken });
        Some(())
    });
    lists
}

/// Whether every entry is the name of a system call; findings for those that are not.
fn are_system_calls(walk: &mut Walk<'_>, values: &[Node]) -> bool {
    let mut all = true;
    for node in values {
        let known = matches!(&node.value, Value::Text(name) if Domain::SystemCall.number(name).is_some());
        if !known {
            all = false;
            if walk.is_full() {
                break;
            }
            unknown(walk, node, Domain::SystemCall);
        }
    }
    all
}

/// What the list holds, by its type.
fn content<'n>(walk: &mut Walk<'_>, fields: &Fields<'n>) -> Option<Content<'n>> {
    let kind = match fields.get("type") {
        None => None,
        Some(node) => Some(kind(walk, node)?),
    };
    let generated = matches!(kind, Some("generated_syscalls" | "generated_ftrace"));
    let (unused, why, help) = match kind {
        Some("generated_syscalls") => {
            ("pattern", "every system call is in it", "remove it, or use `generated_ftrace`")
        }
        Some("generated_ftrace") => ("values", "the pattern says what is in it", "remove it, or the type"),
        _ => ("pattern", "belongs to lists of type `generated_ftrace`", "write the members into `values`"),
    };
    for key in ["values", "pattern"] {
        let of_no_use = key == unused || key == "values" && generated;
        if let Some(node) = fields.get(key).filter(|_| of_no_use) {
            let message = format!(
                "a list of {} has no `{key}`",
                kind.map_or("names".to_owned(), |kind| format!("type `{kind}`"))
            );
            walk.push(Diagnostic::new(Code::UnsupportedListType, node.span, message).label(why).help(help));
            return None;
        }
    }
    if kind == Some("generated_syscalls") {
        return Some(Content::EverySystemCall);
    }
    if kind == Some("generated_ftrace") {
        let node = walk.required(fields, "pattern")?;
        let text = walk.text(node, "`pattern`")?;
        walk.spend(PATTERN_VALUES, node.span)?;
        if let Err(error) = Pattern::new(text) {
            walk.push(
                Diagnostic::new(Code::ListPattern, node.span, error.to_string()).help(
                    "write a regular expression that function names match, such as `^vfs_(read|write)$`",
                ),
            );
            return None;
        }
        return Some(Content::Functions(text));
    }
    let node = walk.required(fields, "values")?;
    let values = walk.filled_list(node, "`values` of a list", usize::MAX)?;
    if kind.is_none() {
        return Some(Content::Values(values));
    }
    are_system_calls(walk, values).then_some(Content::SystemCalls(values))
}

/// The type of a list.
fn kind(walk: &mut Walk<'_>, node: &Node) -> Option<&'static str> {
    let text = walk.text(node, "`type`")?;
    if let Some(known) = LIST_TYPES.iter().find(|known| **known == text) {
        return Some(known);
    }
    let help = match closest(text, LIST_TYPES) {
        Some(close) => format!("did you mean `{close}`?"),
        None => format!("write {} or no type", listed(LIST_TYPES)),
    };
    walk.push(
        Diagnostic::new(
            Code::UnknownListType,
            node.span,
            format!("unknown kind of list `{}`", printable(text)),
        )
        .help(help),
    );
    None
}

/// The list of this name; `None`, with a finding, when there is none.
pub(super) fn find<'l, 'n>(
    walk: &mut Walk<'_>,
    lists: &'l Lists<'n>,
    name: &str,
    span: Span,
) -> Option<&'l List<'n>> {
    if let Some(list) = lists.get(name) {
        return (!list.broken).then_some(list);
    }
    if walk.is_full() {
        return None;
    }
    let known: Vec<_> = lists.keys().copied().collect();
    let help = match closest(name, &known) {
        Some(close) => format!("did you mean `{LIST_PREFIX}{}`?", printable(close)),
        None => "define it under `lists`".to_owned(),
    };
    walk.push(
        Diagnostic::new(Code::UnknownList, span, format!("there is no list `{}`", printable(name)))
            .label("not defined in this policy")
            .help(help),
    );
    None
}

/// Macros by name. Each is judged once on its own, so that one that is not used cannot be wrong unnoticed.
pub(super) fn macros<'n>(walk: &mut Walk<'_>, spec: &Fields<'n>) -> HashMap<&'n str, &'n Node> {
    let mut macros = HashMap::new();
    let Some(node) = spec.get("selectorsMacros") else { return macros };
    let Value::Map(entries) = &node.value else {
        walk.wrong_kind(node, "`selectorsMacros` to be a mapping");
        return macros;
    };
    for (key, node) in entries {
        let Value::Text(name) = &key.value else {
            walk.wrong_kind(key, "a macro's name to be text");
            continue;
        };
        let Some(fields) = walk.mapping(node, &SELECTOR) else { continue };
        if let Some(span) = fields.key_span("macros") {
            walk.push(
                Diagnostic::new(Code::MacroConflict, span, "a macro cannot use macros")
                    .help("write the sections into the macro, or name both macros in the selector"),
            );
        }
        if macros.insert(name.as_str(), node).is_some() {
            walk.push(
                Diagnostic::new(
                    Code::DuplicateName,
                    key.span,
                    format!("macro `{}` is defined twice", printable(name)),
                )
                .help("give every macro a name of its own"),
            );
        }
        selector::judge_macro(walk, &fields);
    }
    macros
}

/// The functions of `enforcers`.
pub(super) fn enforcers(
    walk: &mut Walk<'_>,
    spec: &Fields<'_>,
    lists: &Lists<'_>,
) -> Option<Vec<Spanned<String>>> {
    let Some(node) = spec.get("enforcers") else { return Some(Vec::new()) };
    let items = walk.filled_list(node, "`enforcers`", usize::MAX)?;
    if let Some(second) = items.get(1) {
        walk.push(
            Diagnostic::new(Code::Enforcers, second.span, "a policy has one enforcers entry")
                .label("second one")
                .help("write all functions into `calls` of one entry"),
        );
        return None;
    }
    let fields = walk.mapping(&items[0], &ENFORCER)?;
    let node = walk.required(&fields, "calls")?;
    let items = walk.filled_list(node, "`calls`", MAX_HOOKS)?;
    let mut functions = Vec::new();
    let mut seen = HashSet::new();
    for item in items {
        let names = match call::called(walk, item, lists)? {
            Called::Functions { names, generated: false } => names,
            Called::Functions { .. } | Called::Matching { .. } => {
                walk.push(
                    Diagnostic::new(Code::Enforcers, item.span, "a generated list is no place for enforcers")
                        .label("what a kernel has would decide where they act")
                        .help("write the calls out, in a list of type `syscalls`"),
                );
                return None;
            }
        };
        for (name, span) in names {
            let function = call::function(walk, &name, span, true)?;
            let known = function.name.starts_with("security_") || entry::convention(&function.name).is_some();
            if !known {
                walk.push(
                    Diagnostic::new(
                        Code::Enforcers,
                        span,
                        format!("`{}` is no place for an enforcer", printable(&name)),
                    )
                    .label("neither a system call nor a security hook")
                    .help("enforcers act at `sys_…` and `security_…` functions"),
                );
                return None;
            }
            if !seen.insert(function.name.clone()) {
                walk.push(
                    Diagnostic::new(Code::DuplicateValue, span, "the same function is given twice")
                        .help("remove one, or correct it"),
                );
                return None;
            }
            functions.push(Spanned::new(function.name, span));
        }
    }
    Some(functions)
}
