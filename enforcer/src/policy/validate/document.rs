//! The whole file: apiVersion, kind, metadata, spec.

use super::kprobe;
use super::text::short_text;
use super::walk::{Fields, Walk, closest, printable};
use crate::policy::ast::Policy;
use crate::policy::code::Code;
use crate::policy::diag::{Diagnostic, Diagnostics};
use crate::policy::raw::{self, Node, Value};
use crate::policy::schema::{API_VERSION, DOCUMENT, KIND, MAX_NAME_CHARS, METADATA, SPEC, UNSUPPORTED_KINDS};
use crate::policy::source::{Source, Span, Spanned};

/// Reads and validates one policy file.
///
/// # Errors
/// Everything that is wrong with the text, at once and in its order; only a text that is not YAML at all ends the search at
/// the first finding. Whether a kernel can enforce the policy is not looked at.
pub fn parse(source: &Source) -> Result<Policy, Diagnostics> {
    let refused = |found| Diagnostics::new(source.clone(), found);
    let root = raw::read(source).map_err(|found| refused(vec![found]))?;
    let mut walk = Walk::new(source);
    let policy = document(&mut walk, &root);
    let found = walk.finish();
    match policy {
        Some(policy) if found.is_empty() => Ok(policy),
        _ => Err(refused(found)),
    }
}

fn document(walk: &mut Walk<'_>, root: &Node) -> Option<Policy> {
    if root.value == Value::Null {
        walk.push(
            Diagnostic::new(Code::MissingKey, root.span, "the file has no policy")
                .label("nothing but comments up to here")
                .help(format!("a policy starts with `apiVersion: {API_VERSION}` and `kind: {KIND}`")),
        );
        return None;
    }
    let fields = walk.mapping(root, &DOCUMENT)?;
    // Every part is looked at even when an earlier one is wrong: that is how all mistakes come out at once.
    let version = api_version(walk, &fields);
    let kind = kind(walk, &fields);
    let name = name(walk, &fields);
    let hooks = hooks(walk, &fields);
    version?;
    kind?;
    Some(Policy {
        name: name?,
        namespace: None,
        hooks: hooks?,
        enforcers: Vec::new(),
        options: crate::policy::ast::Options::default(),
    })
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

fn kind(walk: &mut Walk<'_>, fields: &Fields<'_>) -> Option<()> {
    let node = walk.required(fields, "kind")?;
    let text = walk.text(node, "`kind`")?;
    if text == KIND {
        return Some(());
    }
    if UNSUPPORTED_KINDS.contains(&text) {
        walk.push(
            Diagnostic::new(
                Code::UnsupportedKind,
                node.span,
                format!("kind `{text}` is known, not supported here"),
            )
            .label("not implemented by this version")
            .help(format!("only `kind: {KIND}` is read; there are no namespaces of policies here")),
        );
    } else {
        let known: Vec<_> = UNSUPPORTED_KINDS.iter().copied().chain([KIND]).collect();
        let close = closest(text, &known).unwrap_or(KIND);
        walk.push(
            Diagnostic::new(Code::UnknownKind, node.span, format!("unknown kind `{}`", printable(text)))
                .help(format!("did you mean `{close}`?")),
        );
    }
    None
}

fn name(walk: &mut Walk<'_>, fields: &Fields<'_>) -> Option<Spanned<String>> {
    let node = walk.required(fields, "metadata")?;
    let metadata = walk.mapping(node, &METADATA)?;
    let node = walk.required(&metadata, "name")?;
    let text = walk.text(node, "`name`")?;
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if text.len() <= MAX_NAME_CHARS
        && text.starts_with(edge)
        && text.ends_with(edge)
        && text.chars().all(allowed)
    {
        return Some(Spanned::new(text.to_owned(), node.span));
    }
    walk.push(
        Diagnostic::new(Code::PolicyName, node.span, format!("`{}` cannot name a policy", printable(text)))
            .help(format!(
                "use 1 to {MAX_NAME_CHARS} of a-z, 0-9, `-` and `.`, beginning and ending with a letter or digit"
            )),
    );
    None
}

fn hooks(walk: &mut Walk<'_>, fields: &Fields<'_>) -> Option<Vec<crate::policy::ast::Hook>> {
    let node = walk.required(fields, "spec")?;
    let spec = walk.mapping(node, &SPEC)?;
    if spec.get("kprobes").is_none() && spec.has_unsupported {
        // Hooks of another kind were just reported; "kprobes is missing" would be the wrong advice.
        return None;
    }
    let node = walk.required(&spec, "kprobes")?;
    let items = walk.filled_list(node, "`kprobes`", usize::MAX)?;
    let hooks: Vec<_> = items.iter().map(|item| kprobe::kprobe(walk, item)).collect();
    hooks.into_iter().collect()
}

/// A `message` or `label`, if the key is there.
pub(super) fn optional_text(walk: &mut Walk<'_>, fields: &Fields<'_>, key: &str) -> Option<Option<String>> {
    let Some(node) = fields.get(key) else {
        return Some(None);
    };
    let text = walk.text(node, &format!("`{key}`"))?;
    short_text(walk, text, node.span, key).map(Some)
}

/// A number from 0 to 255 that a key must have; a finding with `code` for any other.
pub(super) fn small_number(
    walk: &mut Walk<'_>,
    node: &Node,
    key: &str,
    range: std::ops::RangeInclusive<u32>,
    code: Code,
    why: &str,
) -> Option<u8> {
    let value = walk.integer(node, &format!("`{key}`"))?;
    let small = u8::try_from(value).ok().filter(|small| range.contains(&u32::from(*small)));
    if small.is_none() {
        out_of_range(walk, node.span, value, key, &range, code, why);
    }
    small
}

fn out_of_range(
    walk: &mut Walk<'_>,
    span: Span,
    value: i128,
    key: &str,
    range: &std::ops::RangeInclusive<u32>,
    code: Code,
    why: &str,
) {
    let (first, last) = (range.start(), range.end());
    walk.push(
        Diagnostic::new(code, span, format!("`{key}` is {value}, it can be {first} to {last}"))
            .label("out of range")
            .help(why.to_owned()),
    );
}
