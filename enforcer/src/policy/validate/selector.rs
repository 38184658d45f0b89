//! One selector: its sections, its own and those of the macros that it names.

use std::collections::HashMap;

use super::actions;
use super::filter::{self, Section, Subjects};
use super::process;
use super::scope;
use super::text::optional_text;
use super::walk::{Fields, Walk, closest, divided, limit, printable};
use crate::policy::ast::{Action, Post, Selector};
use crate::policy::code::Code;
use crate::policy::diag::Diagnostic;
use crate::policy::raw::Node;
use crate::policy::schema::SELECTOR;
use crate::policy::source::Span;
use quell_wire::limits::{MAX_FILTERS, MAX_PID_ENTRIES};

/// Reads one selector.
pub(super) fn selector<'n>(
    walk: &mut Walk<'_>,
    node: &'n Node,
    subjects: &Subjects<'_, 'n>,
    macros: &HashMap<&'n str, &'n Node>,
) -> Option<Selector> {
    walk.spend(1, node.span)?;
    let mut fields = walk.mapping(node, &SELECTOR)?;
    let expanded = expand(walk, &mut fields, macros);
    let read = sections(walk, &fields, node.span, subjects);
    expanded?;
    read
}

/// Judges a macro as far as it can be without a hook.
pub(super) fn judge_macro<'n>(walk: &mut Walk<'_>, fields: &Fields<'n>) {
    let subjects = Subjects { args: None, data_start: 0, returns: None, lists: None };
    // What it says alone is of no use: only its findings count.
    let _judged = sections(walk, fields, fields.span, &subjects);
}

/// Adds the sections of the macros that a selector names.
fn expand<'n>(
    walk: &mut Walk<'_>,
    fields: &mut Fields<'n>,
    macros: &HashMap<&'n str, &'n Node>,
) -> Option<()> {
    let Some(node) = fields.get("macros") else { return Some(()) };
    let items = walk.filled_list(node, "`macros`", limit(MAX_FILTERS))?;
    let mut complete = Some(());
    for item in items {
        let Some(name) = walk.text(item, "a macro's name") else {
            complete = None;
            continue;
        };
        let Some(body) = macros.get(name) else {
            if walk.is_full() {
                return None;
            }
            let known: Vec<_> = macros.keys().copied().collect();
            let help = match closest(name, &known) {
                Some(close) => format!("did you mean `{}`?", printable(close)),
                None => "define it under `selectorsMacros`".to_owned(),
            };
            walk.push(
                Diagnostic::new(
                    Code::UnknownMacro,
                    item.span,
                    format!("there is no macro `{}`", printable(name)),
                )
                .label("not defined in this policy")
                .help(help),
            );
            complete = None;
            continue;
        };
        let body = walk.mapping(body, &SELECTOR)?;
        for entry in body.entries() {
            let (key, span, _) = *entry;
            if let Some(first) = fields.key_span(key) {
                walk.push(
                    Diagnostic::new(
                        Code::MacroConflict,
                        item.span,
                        format!("macro `{}` gives `{key}`, which the selector already has", printable(name)),
                    )
                    .label("used here")
                    .also(if key == "macros" { span } else { first }, "first one")
                    .help("a section is not joined from two places: write it in one of them"),
                );
                complete = None;
            } else {
                fields.add(*entry);
            }
        }
    }
    complete
}

fn sections<'n>(
    walk: &mut Walk<'_>,
    fields: &Fields<'n>,
    span: Span,
    subjects: &Subjects<'_, 'n>,
) -> Option<Selector> {
    let filters = limit(MAX_FILTERS);
    let label = optional_text(walk, fields, "label");
    let required = walk.boolean(fields, "required", false);
    let scope = scope::of_selector(walk, fields);
    let pids = walk.entries(fields, "matchPIDs", limit(MAX_PID_ENTRIES), process::pids);
    let binaries = walk.entries(fields, "matchBinaries", filters, process::binaries);
    let parents = walk.entries(fields, "matchParentBinaries", filters, process::binaries);
    let namespaces = walk.entries(fields, "matchNamespaces", filters, process::namespaces);
    let namespace_changes =
        walk.entries(fields, "matchNamespaceChanges", filters, process::namespace_changes);
    let capabilities = walk.entries(fields, "matchCapabilities", filters, process::capabilities);
    let capability_changes = walk.entries(fields, "matchCapabilityChanges", filters, process::capabilities);
    let mut filter = |key: &str, section| {
        walk.entries(fields, key, filters, |walk, node| filter::filter(walk, node, subjects, section))
    };
    let args = filter("matchArgs", Section::Args);
    let data = filter("matchData", Section::Data);
    let return_args = filter("matchReturnArgs", Section::Return);
    let actions = actions::actions(walk, fields, "matchActions", subjects);
    let return_actions = actions::actions(walk, fields, "matchReturnActions", subjects);
    let post = post_at_return(walk, fields, return_actions.as_deref());
    let returns = returns_are_looked_at(walk, fields, subjects);
    scope?;
    returns?;
    post?;
    let (mut args, data) = (args?, data?);
    args.extend(data);
    if let Some(over) = args.get(filters) {
        walk.push(
            Diagnostic::new(
                Code::ListTooLong,
                over.span,
                format!(
                    "`matchArgs` and `matchData` have {} entries together, at most {filters} fit",
                    args.len()
                ),
            )
            .label(format!("entry {}", filters + 1))
            .help(divided("matchArgs")),
        );
        return None;
    }
    let mut actions = actions?;
    if actions.is_empty() {
        // A match that did nothing at all would be a rule nobody notices.
        actions.push(Action::Post(Post::default()));
    }
    Some(Selector {
        label: label?,
        required: required?,
        pids: pids?,
        binaries: binaries?,
        parent_binaries: parents?,
        args,
        return_args: return_args?,
        namespaces: namespaces?,
        namespace_changes: namespace_changes?,
        capabilities: capabilities?,
        capability_changes: capability_changes?,
        actions,
        return_actions: return_actions?,
        span,
    })
}

/// A call and its return are one event, which the Post of `matchActions` describes.
fn post_at_return(walk: &mut Walk<'_>, fields: &Fields<'_>, actions: Option<&[Action]>) -> Option<()> {
    let plain = Action::Post(Post::default());
    let described = |action: &Action| matches!(action, Action::Post(_)) && *action != plain;
    if let Some(span) = fields.key_span("matchReturnActions")
        && actions.is_some_and(|actions| actions.iter().any(described))
    {
        walk.push(
            Diagnostic::new(Code::ActionArgument, span, "arguments of a Post in `matchReturnActions`")
                .label("of no use here")
                .help("give them to a Post in `matchActions`: a call and its return are one event"),
        );
        return None;
    }
    Some(())
}

fn returns_are_looked_at(
    walk: &mut Walk<'_>,
    fields: &Fields<'_>,
    subjects: &Subjects<'_, '_>,
) -> Option<()> {
    let Some(returns) = subjects.returns else { return Some(()) };
    for (key, missing, help) in [
        (
            "matchReturnArgs",
            !returns.returns || returns.arg.is_none(),
            "add `return: true` and `returnArg` to the hook",
        ),
        ("matchReturnActions", !returns.returns, "add `return: true` to the hook"),
    ] {
        if missing && let Some(span) = fields.get(key).and(fields.key_span(key)) {
            walk.push(
                Diagnostic::new(Code::ReturnKeys, span, format!("`{key}`, and the return is not looked at"))
                    .label("would never be used")
                    .help(help),
            );
            return None;
        }
    }
    Some(())
}
