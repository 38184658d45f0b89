//! Texts and paths: what may stand in a filter, a message or a label.

use quell_wire::limits::MAX_STRING_VALUE_BYTES;

use super::walk::{Fields, Walk, limit};
use crate::policy::ast::{ArgType, Operator};
use crate::policy::code::Code;
use crate::policy::diag::Diagnostic;
use crate::policy::raw::{Node, Value};
use crate::policy::schema::MAX_MESSAGE_CHARS;
use crate::policy::source::Span;
use crate::policy::typing::{longest_text, may_hold_nul};

/// One text value of a filter of this type, without a terminating NUL: text, or bytes that need not be UTF-8 as `!!binary`.
pub(super) fn value(walk: &mut Walk<'_>, node: &Node, ty: ArgType) -> Option<Vec<u8>> {
    let bytes = match &node.value {
        Value::Text(text) => text.as_bytes(),
        Value::Bytes(Some(bytes)) => bytes,
        Value::Bytes(None) => {
            walk.push(
                Diagnostic::new(Code::NotBase64, node.span, "the binary value is not base64")
                    .help("write `!!binary` and the base64 of the bytes, padded with `=`"),
            );
            return None;
        }
        _ => {
            not_text(walk, node);
            return None;
        }
    };
    // Older policies write the NUL that ends a string. In a buffer, and in the name of an abstract socket, it is one of the bytes.
    let counts = may_hold_nul(ty) || ty == ArgType::SockaddrUn && bytes.first() == Some(&0);
    let written = if counts {
        bytes.len()
    } else {
        bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
    };
    let bytes = &bytes[..written];
    let longest = limit(MAX_STRING_VALUE_BYTES);
    // The name of an abstract socket begins with a NUL.
    let abstract_name = usize::from(ty == ArgType::SockaddrUn);
    let found = if bytes.is_empty() {
        Diagnostic::new(Code::EmptyText, node.span, "the value is empty")
            .label("equal to nothing useful, and a prefix of everything")
            .help("remove it, or remove the filter to match every argument")
    } else if bytes.len() > longest {
        Diagnostic::new(
            Code::TextTooLong,
            node.span,
            format!("the value has {} bytes, at most {longest} fit", bytes.len()),
        )
        .help("match on a shorter Prefix or Postfix")
    } else if let Some((most, why)) = longest_text(ty).filter(|(most, _)| bytes.len() > limit(*most)) {
        Diagnostic::new(
            Code::TextTooLong,
            node.span,
            format!("the value has {} bytes, and a `{}` has at most {most}", bytes.len(), ty.name()),
        )
        .label(why)
        .help("correct it: it could never be found")
    } else if !may_hold_nul(ty) && bytes[abstract_name..].contains(&0) {
        Diagnostic::new(Code::NulInText, node.span, "the value has a NUL byte")
            .label("the kernel ends strings there")
            .help("write the part before the NUL; buffers (char_buf, char_iovec) may hold one")
    } else {
        return Some(bytes.to_vec());
    };
    walk.push(found);
    None
}

fn not_text(walk: &mut Walk<'_>, node: &Node) {
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
}

/// Whether a valid text can be (part of) the path of an open file; a finding if not.
///
/// Paths are compared as the kernel assembles them: absolute, without `.`, `..`, doubled or closing slashes. A value of any
/// other form would silently never match.
pub(super) fn check_path(walk: &mut Walk<'_>, span: Span, path: &[u8], operator: Operator) -> bool {
    let path = String::from_utf8_lossy(path);
    let operator = operator.positive().unwrap_or(operator);
    let searched = matches!(operator, Operator::SubString | Operator::SubStringIgnCase);
    let from_start = operator != Operator::Postfix && !searched;
    let to_end = operator != Operator::Prefix && !searched;
    if from_start && !path.starts_with('/') {
        walk.push(
            Diagnostic::new(Code::RelativePath, span, "the path is not absolute")
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
            Diagnostic::new(Code::PathNeverSeen, span, "no open file has this path")
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

/// A `message`, `label` or another short text, if the key is there.
pub(super) fn optional_text(walk: &mut Walk<'_>, fields: &Fields<'_>, key: &str) -> Option<Option<String>> {
    let Some(node) = fields.get(key) else {
        return Some(None);
    };
    let text = walk.text(node, &format!("`{key}`"))?;
    short_text(walk, text, node.span, key).map(Some)
}
