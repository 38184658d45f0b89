//! Texts and paths: what may stand in a filter, a message or a label.

use quell_wire::limits::MAX_STRING_VALUE_BYTES;

use super::kprobe::limit;
use super::walk::Walk;
use crate::policy::ast::Operator;
use crate::policy::code::Code;
use crate::policy::diag::Diagnostic;
use crate::policy::raw::{Node, Value};
use crate::policy::schema::MAX_MESSAGE_CHARS;
use crate::policy::source::Span;

/// One text value of a filter, without a terminating NUL.
pub(super) fn value(walk: &mut Walk<'_>, node: &Node) -> Option<Vec<u8>> {
    let Value::Text(text) = &node.value else {
        let found = node.value.kind();
        let help = match &node.value {
            Value::Null => "write the text, or remove the entry",
            Value::List(_) | Value::Map(_) => "write one text per entry",
            _ => "put it in quotes: YAML readers spell an unquoted one differently",
        };
        walk.push(
            Diagnostic::new(Code::NotText, node.span, format!("expected text, found {found}"))
                .label(format!("this is {found}"))
                .help(help),
        );
        return None;
    };
    let longest = limit(MAX_STRING_VALUE_BYTES);
    let found = if text.is_empty() {
        Diagnostic::new(Code::EmptyText, node.span, "the value is empty")
            .label("equal to nothing useful, and a prefix of everything")
            .help("remove it, or remove the filter to match every argument")
    } else if text.len() > longest {
        Diagnostic::new(
            Code::TextTooLong,
            node.span,
            format!("the value has {} bytes, at most {longest} fit", text.len()),
        )
        .help("match on a shorter Prefix or Postfix")
    } else if text.contains('\0') {
        Diagnostic::new(Code::NulInText, node.span, "the value has a NUL byte")
            .label("the kernel ends strings there")
            .help("write the part before the NUL")
    } else {
        return Some(text.clone().into_bytes());
    };
    walk.push(found);
    None
}

/// Whether a valid text can be (part of) the path of an open file; a finding if not.
///
/// Paths are compared as the kernel assembles them: absolute, without `.`, `..`, doubled or closing slashes. A value of any
/// other form would silently never match.
pub(super) fn check_path(walk: &mut Walk<'_>, node: &Node, operator: Option<Operator>) -> bool {
    let (Value::Text(path), Some(operator)) = (&node.value, operator) else {
        return true;
    };
    let from_start = operator != Operator::Postfix;
    let to_end = operator != Operator::Prefix;
    if from_start && !path.starts_with('/') {
        walk.push(
            Diagnostic::new(Code::RelativePath, node.span, "the path is not absolute")
                .label("does not begin with `/`")
                .help("write the whole path, or use Postfix for its end"),
        );
        return false;
    }
    let inner = |what: &str| path.contains(what);
    let dots_at_end = to_end && (path.ends_with("/.") || path.ends_with("/.."));
    let problem = if inner("//") {
        Some("`//` stands in no path of the kernel")
    } else if inner("/./") || inner("/../") || dots_at_end {
        Some("`.` and `..` stand in no path of the kernel")
    } else if to_end && path.ends_with('/') && (path != "/" || !from_start) {
        Some("no path of the kernel ends with `/`")
    } else {
        None
    };
    if let Some(problem) = problem {
        walk.push(
            Diagnostic::new(Code::PathNeverSeen, node.span, "no open file has this path")
                .label(problem)
                .help("write the path as `readlink /proc/PID/fd/N` shows it"),
        );
    }
    problem.is_none()
}

/// A message or a label: short, without NUL.
pub(super) fn short_text(walk: &mut Walk<'_>, text: &str, span: Span, key: &str) -> Option<String> {
    let chars = text.chars().count();
    let found = if chars > MAX_MESSAGE_CHARS {
        Diagnostic::new(
            Code::TextTooLong,
            span,
            format!("`{key}` has {chars} characters, at most {MAX_MESSAGE_CHARS} fit"),
        )
        .help("shorten it")
    } else if text.contains('\0') {
        Diagnostic::new(Code::NulInText, span, format!("`{key}` has a NUL byte")).help("remove it")
    } else {
        return Some(text.to_owned());
    };
    walk.push(found);
    None
}
