//! The whole file: every document's apiVersion, kind, metadata and spec.

use std::collections::HashMap;

use super::walk::{Fields, Walk, closest, listed, printable};
use super::{hook, lists, options, scope};
use crate::policy::ast::{ActionKind, Hook, Options, Policy};
use crate::policy::code::Code;
use crate::policy::diag::{Diagnostic, Diagnostics};
use crate::policy::raw::{self, Node, Value};
use crate::policy::schema::{
    API_VERSION, DEFAULT_NAMESPACE, DOCUMENT, KIND, MAX_NAME_CHARS, METADATA, NAMESPACED_KIND, SPEC,
    UNSUPPORTED_KINDS,
};
use crate::policy::source::{Source, Span, Spanned};

/// Reads and validates every policy of a file: one per YAML document.
///
/// # Errors
/// Everything that is wrong with the text, at once and in its order; only a text that is not YAML at all ends the search at
/// the first finding. Whether a kernel can enforce the policies is not looked at.
pub fn parse(source: &Source) -> Result<Vec<Policy>, Diagnostics> {
    let refused = |found| Diagnostics::new(source.clone(), found);
    let roots = raw::read(source).map_err(|found| refused(vec![found]))?;
    let mut walk = Walk::new(source);
    if roots.is_empty() {
        walk.push(
            Diagnostic::new(Code::MissingKey, Span::default(), "the file has no policy")
                .label("nothing but comments")
                .help(format!("a policy starts with `apiVersion: {API_VERSION}` and `kind: {KIND}`")),
        );
    }
    let mut policies = Vec::with_capacity(roots.len());
    let mut names: HashMap<(String, Option<String>), Span> = HashMap::new();
    for root in &roots {
        let Some(policy) = document(&mut walk, root) else { continue };
        let name = (policy.name.value.clone(), policy.namespace.clone());
        if let Some(first) = names.insert(name, policy.name.span) {
            walk.push(
                Diagnostic::new(
                    Code::DuplicateName,
                    policy.name.span,
                    format!("the file has two policies `{}`", policy.name.value),
                )
                .label("second policy of this name")
                .also(first, "first one")
                .help("give every policy a name of its own"),
            );
        }
        policies.push(policy);
    }
    let found = walk.finish();
    if found.is_empty() { Ok(policies) } else { Err(refused(found)) }
}

/// Reads a file that has exactly one policy.
///
/// # Errors
/// As [`parse`], and [`Code::SeveralDocuments`] when there are more.
pub fn parse_one(source: &Source) -> Result<Policy, Diagnostics> {
    let mut policies = parse(source)?;
    match (policies.pop(), policies.is_empty()) {
        (Some(policy), true) => Ok(policy),
        (second, _) => {
            let span = second.map_or(Span::default(), |policy| policy.name.span);
            let found =
                Diagnostic::new(Code::SeveralDocuments, span, "one policy is wanted, the file has several")
                    .label("a further policy")
                    .help("put this policy into a file of its own");
            Err(Diagnostics::new(source.clone(), vec![found]))
        }
    }
}

fn document(walk: &mut Walk<'_>, root: &Node) -> Option<Policy> {
    let fields = walk.mapping(root, &DOCUMENT)?;
    // Every part is looked at even when an earlier one is wrong: that is how all mistakes come out at once.
    let version = api_version(walk, &fields);
    let kind = kind(walk, &fields);
    let metadata = metadata(walk, &fields, kind);
    let spec = spec(walk, &fields, kind == Some(NAMESPACED_KIND));
    version?;
    kind?;
    let (name, namespace) = metadata?;
    let (hooks, enforcers, options) = spec?;
    Some(Policy { name, namespace, hooks, enforcers, options })
}

fn api_version(walk: &mut Walk<'_>, fields: &Fields<'_>) -> Option<()> {
    let node = walk.required(fields, "apiVersion")?;
    let text = walk.text(node, "`apiVersion`")?;
    if text == API_VERSION {
        return Some(());
    }
    walk.push(
        Diagnostic::new(Code::ApiVersion, node.span, format!("unknown apiVersion `{}`", printable(text)))
            .help(format!("write `apiVersion: {API_VERSION}`")),
    );
    None
}

fn kind(walk: &mut Walk<'_>, fields: &Fields<'_>) -> Option<&'static str> {
    let node = walk.required(fields, "kind")?;
    let text = walk.text(node, "`kind`")?;
    if let Some(kind) = [KIND, NAMESPACED_KIND].into_iter().find(|kind| *kind == text) {
        return Some(kind);
    }
    if UNSUPPORTED_KINDS.contains(&text) {
        walk.push(
            Diagnostic::new(
                Code::UnsupportedKind,
                node.span,
                format!("kind `{text}` is known, not supported here"),
            )
            .label("not implemented by this version")
            .help(format!("policies are of kind `{KIND}` or `{NAMESPACED_KIND}`")),
        );
    } else {
        let close = closest(text, &[KIND, NAMESPACED_KIND]).unwrap_or(KIND);
        walk.push(
            Diagnostic::new(Code::UnknownKind, node.span, format!("unknown kind `{}`", printable(text)))
                .help(format!("did you mean `{close}`?")),
        );
    }
    None
}

fn metadata(
    walk: &mut Walk<'_>,
    fields: &Fields<'_>,
    kind: Option<&str>,
) -> Option<(Spanned<String>, Option<String>)> {
    let node = walk.required(fields, "metadata")?;
    let metadata = walk.mapping(node, &METADATA)?;
    for key in ["labels", "annotations"] {
        // They say something about the policy and nothing to the kernel.
        if let Some(node) = metadata.get(key)
            && !matches!(node.value, Value::Map(_))
        {
            walk.wrong_kind(node, &format!("`{key}` to be a mapping"));
        }
    }
    let name = walk.required(&metadata, "name").and_then(|node| {
        let text = walk.text(node, "`name`")?;
        // Older policies have `_` in their names, which a cluster refuses and a file does not mind.
        object_name(walk, text, node.span, Code::PolicyName, "name a policy", "-._")?;
        Some(Spanned::new(text.to_owned(), node.span))
    });
    let namespace = match (metadata.get("namespace"), kind) {
        (None, Some(NAMESPACED_KIND)) => Some(Some(DEFAULT_NAMESPACE.to_owned())),
        (None, _) => Some(None),
        (Some(node), Some(KIND)) => {
            walk.push(
                Diagnostic::new(Code::PolicyNamespace, node.span, format!("a {KIND} has no namespace"))
                    .label("is for the whole machine")
                    .help(format!("remove `namespace`, or write `kind: {NAMESPACED_KIND}`")),
            );
            None
        }
        (Some(node), _) => walk.text(node, "`namespace`").and_then(|text| {
            object_name(walk, text, node.span, Code::PolicyNamespace, "be a namespace", "-.")?;
            Some(Some(text.to_owned()))
        }),
    };
    Some((name?, namespace?))
}

/// Checks a name; `inner`: what its letters and digits may have between them.
fn object_name(
    walk: &mut Walk<'_>,
    text: &str,
    span: Span,
    code: Code,
    what: &str,
    inner: &str,
) -> Option<()> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || inner.contains(c);
    let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if text.len() <= MAX_NAME_CHARS
        && text.starts_with(edge)
        && text.ends_with(edge)
        && text.chars().all(allowed)
    {
        return Some(());
    }
    let inner: Vec<_> = inner.chars().map(|c| c.to_string()).collect();
    let inner: Vec<_> = inner.iter().map(String::as_str).collect();
    walk.push(Diagnostic::new(code, span, format!("`{}` cannot {what}", printable(text))).help(format!(
        "use 1 to {MAX_NAME_CHARS} of a-z, 0-9, {}, beginning and ending with a letter or digit",
        listed(&inner)
    )));
    None
}

type Spec = (Vec<Hook>, Vec<Spanned<String>>, Options);

fn spec(walk: &mut Walk<'_>, fields: &Fields<'_>, namespaced: bool) -> Option<Spec> {
    let node = walk.required(fields, "spec")?;
    let spec = walk.mapping(node, &SPEC)?;
    let lists = lists::lists(walk, &spec);
    let macros = lists::macros(walk, &spec);
    let options = options::options(walk, &spec);
    let enforcers = lists::enforcers(walk, &spec, &lists);
    let scope = scope::of_policy(walk, &spec, namespaced);
    let hooks = hook::hooks(walk, &spec, &lists::Defined { lists, macros });
    scope?;
    let (hooks, enforcers) = (hooks?, enforcers?);
    let notified = |hook: &&Hook| {
        let mut selectors = hook.selectors.iter();
        selectors.any(|selector| {
            let mut actions = selector.actions.iter().chain(&selector.return_actions);
            actions.any(|action| action.kind() == ActionKind::NotifyEnforcer)
        })
    };
    if enforcers.is_empty()
        && let Some(hook) = hooks.iter().find(notified)
    {
        walk.push(
            Diagnostic::new(
                Code::Enforcers,
                hook.name.span,
                "NotifyEnforcer, and the policy has no `enforcers`",
            )
            .label("a selector of this hook notifies")
            .help("add `enforcers:` with the calls at which to act"),
        );
        return None;
    }
    Some((hooks, enforcers, options?))
}
