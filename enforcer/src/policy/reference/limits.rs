//! The chapter on limits: what an entry of each operator can hold, what each class of kernels allows, and every maximum.

use quell_wire::capacity::{Capacity, KERNELS, capacity};
use quell_wire::limits::LIMITS;

use crate::policy::ast::{ArgType, Operator, TypeClass};
use crate::policy::typing::{ValueKind, applies, value_kind};
use crate::policy::{raw, schema};
use crate::selector::code::wire_operator;
use crate::selector::place::LISTED_NUMBERS;

/// The chapter on limits.
pub(super) fn all_limits(out: &mut String) {
    out.push_str(
        "## Limits\n\nThe encoding is the same on every kernel, so its limits are those of the oldest class: a policy that fits one kernel fits \
         all.\nNot everything can be at its limit at once: the filter bytes of a hook are few.\n\n",
    );
    entries(out);
    kernels(out);
    out.push_str("### Every limit\n\n| limit | value | of what |\n|---|---|---|\n");
    for row in LIMITS {
        let doc = row.doc.split_whitespace().collect::<Vec<_>>().join(" ");
        let name = row.c_name.trim_start_matches("QUELL_");
        out.push_str(&format!("| `{name}` | {} | {} |\n", row.value, doc.trim_end_matches('.')));
    }
    for (name, value, doc) in [
        ("MAX_TEXT_BYTES", raw::MAX_TEXT_BYTES, "Bytes of a file"),
        ("MAX_DOCUMENTS", raw::MAX_DOCUMENTS, "Documents of a file, empty ones included"),
        ("MAX_NODES", raw::MAX_NODES, "Keys and values of a document, those that aliases repeat included"),
        ("MAX_DEPTH", raw::MAX_DEPTH, "Levels of values in each other"),
        ("MAX_ALIASES", raw::MAX_ALIASES, "Aliases of a file, and anchors"),
        ("MAX_REPEATED_NODES", raw::MAX_REPEATED_NODES, "Keys and values that aliases repeat"),
        (
            "LISTED_NUMBERS",
            usize::try_from(LISTED_NUMBERS).unwrap_or(usize::MAX),
            "Numbers that all ranges of an entry have together, where they become a set",
        ),
        ("MAX_HOOKS", schema::MAX_HOOKS, "Hooks of a policy, functions of lists counted one by one"),
        (
            "MAX_TOTAL_VALUES",
            schema::MAX_TOTAL_VALUES,
            "Values of a file, those of lists and macros counted at every use",
        ),
        ("MAX_MESSAGE_CHARS", schema::MAX_MESSAGE_CHARS, "Characters of a message, tag or label"),
        ("MAX_TAGS", schema::MAX_TAGS, "Tags of a hook"),
        ("MAX_NAME_CHARS", schema::MAX_NAME_CHARS, "Characters of a policy's name"),
        ("MAX_RESOLVE_STEPS", schema::MAX_RESOLVE_STEPS, "Steps of a `resolve` path"),
        ("MAX_FINDINGS", schema::MAX_FINDINGS, "Findings that are listed for one file"),
    ] {
        out.push_str(&format!("| `{name}` | {value} | {doc} |\n"));
    }
}

/// A row per operator and kind of values.
fn entries(out: &mut String) {
    out.push_str(
        "### Values of one entry\n\nWhat does not stay in the filter bytes becomes keys of a map. `…Priv` has no values, and \
         `CapabilitiesGained` a second argument.\n\n\
         | operator | values | in the filter bytes | bytes of a string there | in a set | bytes of a string there |\n\
         |---|---|---|---|---|---|\n",
    );
    for operator in Operator::ALL {
        for bytes in [false, true] {
            let ty = ArgType::ALL.into_iter().find(|ty| is_bytes(*ty) == bytes && applies(*operator, *ty));
            let Some(kind) = ty.map(|ty| value_kind(*operator, ty)) else { continue };
            let what = match kind {
                ValueKind::None | ValueKind::Other => continue,
                ValueKind::Integers => "numbers",
                ValueKind::Ranges => "ranges",
                ValueKind::Strings => "strings",
                ValueKind::Networks => "networks",
            };
            // FileType applies to paths and has numbers.
            let strings = kind == ValueKind::Strings;
            out.push_str(&row(*operator, what, capacity(wire_operator(*operator), strings)));
        }
    }
    out.push('\n');
}

fn is_bytes(ty: ArgType) -> bool {
    matches!(ty.class(), TypeClass::Text | TypeClass::Path)
}

fn row(operator: Operator, what: &str, capacity: Capacity) -> String {
    let number = |number: u32| if number == 0 { "–".to_owned() } else { number.to_string() };
    format!(
        "| `{}` | {what} | {} | {} | {} | {} |\n",
        operator.name(),
        capacity.inline,
        number(capacity.inline_bytes),
        number(capacity.members),
        number(capacity.set_bytes)
    )
}

fn kernels(out: &mut String) {
    out.push_str(
        "### Classes of kernels\n\n\
         | since | bytes of a hash key | bytes that a trie compares | verified instructions | pending branches | tail calls | why a class |\n\
         |---|---|---|---|---|---|---|\n",
    );
    for class in KERNELS {
        let most = |limit: u32| match limit {
            u32::MAX => "no limit that matters".to_owned(),
            limit => limit.to_string(),
        };
        out.push_str(&format!(
            "| {} | {} | {} | {} | {} | {} | {} |\n",
            class.since,
            most(class.hash_key_bytes),
            class.trie_data_bytes,
            class.verified_instructions,
            match class.pending_branches {
                u32::MAX => "not met".to_owned(),
                branches => branches.to_string(),
            },
            class.tail_calls,
            class.because
        ));
    }
    out.push('\n');
}
