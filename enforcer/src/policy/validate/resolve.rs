//! `resolve`: which members to follow from a value, as in `mm.owner.comm` or `fds[3].file`.

use super::walk::{Fields, Walk, printable};
use crate::policy::ast::Step;
use crate::policy::code::Code;
use crate::policy::diag::Diagnostic;
use crate::policy::schema::MAX_RESOLVE_STEPS;

/// The steps; none when the key is absent.
pub(super) fn steps(walk: &mut Walk<'_>, fields: &Fields<'_>) -> Option<Vec<Step>> {
    let Some(node) = fields.get("resolve") else {
        return Some(Vec::new());
    };
    let text = walk.text(node, "`resolve`")?;
    match parse(text) {
        Ok(steps) if steps.len() <= MAX_RESOLVE_STEPS => Some(steps),
        Ok(steps) => {
            walk.push(
                Diagnostic::new(
                    Code::Resolve,
                    node.span,
                    format!("`resolve` has {} steps, at most {MAX_RESOLVE_STEPS} are followed", steps.len()),
                )
                .help("start from a nearer object"),
            );
            None
        }
        Err(at) => {
            walk.push(
                Diagnostic::new(
                    Code::Resolve,
                    node.span,
                    format!("`{}` cannot be followed", printable(text)),
                )
                .label(format!("`{}` is neither a member nor an index", printable(at)))
                .help("write members with `.` between them and indexes in brackets: `a.b[3].c`"),
            );
            None
        }
    }
}

/// The steps of a path, or the part that is none.
fn parse(text: &str) -> Result<Vec<Step>, &str> {
    let mut steps = Vec::new();
    for part in text.split('.') {
        let (name, mut rest) = part.split_at(part.find('[').unwrap_or(part.len()));
        let first = |c: char| c.is_ascii_alphabetic() || c == '_';
        if !name.starts_with(first) || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err(part);
        }
        steps.push(Step::Member(name.to_owned()));
        while let Some(open) = rest.strip_prefix('[') {
            let (index, behind) = open.split_once(']').ok_or(part)?;
            if !index.bytes().all(|digit| digit.is_ascii_digit()) {
                return Err(part);
            }
            steps.push(Step::Index(index.parse().map_err(|_| part)?));
            rest = behind;
        }
        if !rest.is_empty() {
            return Err(part);
        }
    }
    Ok(steps)
}

/// The steps as they are written.
pub(in crate::policy) fn written(steps: &[Step]) -> String {
    let mut out = String::new();
    for step in steps {
        match step {
            Step::Member(name) if out.is_empty() => out.push_str(name),
            Step::Member(name) => {
                out.push('.');
                out.push_str(name);
            }
            Step::Index(index) => out.push_str(&format!("[{index}]")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("pid", 1)]
    #[case("mm.owner.comm", 3)]
    #[case("fdt.fd[3].f_path", 4)]
    #[case("a[1][2]", 3)]
    fn a_path_is_written_as_it_was_read(#[case] text: &str, #[case] count: usize) {
        let steps = parse(text).unwrap();
        assert_eq!((steps.len(), written(&steps)), (count, text.to_owned()));
    }

    #[rstest]
    #[case("", "")]
    #[case("a..b", "")]
    #[case(".a", "")]
    #[case("a[x]", "a[x]")]
    #[case("a[1", "a[1")]
    #[case("a[1]b", "a[1]b")]
    #[case("a[]", "a[]")]
    #[case("a[99999999999]", "a[99999999999]")]
    #[case("a.b-c", "b-c")]
    #[case("[3]", "[3]")]
    fn what_is_no_path_is_named(#[case] text: &str, #[case] at: &str) {
        assert_eq!(parse(text), Err(at));
    }
}
