//! The text of `docs/policy-language.md`.

use quell_wire::limits;

use super::examples::{EXAMPLES, Example};
use super::keys::meaning;
use super::limits::all_limits;
use super::undecided::undecided;
use crate::policy::ast::{ActionKind, ArgType, Operator, TypeClass};
use crate::policy::names::Domain;
use crate::policy::schema::{self, ALL};
use crate::policy::typing::{
    ACTIONS, BINARY_OPERATORS, CLASSES, MEMBER_OPERATORS, OPERATOR_ALIASES, TYPES, UNSUPPORTED_OPERATORS,
    ValueKind, most_values, value_kind,
};
use crate::policy::validate::{LIST_TYPES, OPTIONS, UNSUPPORTED_OPTIONS, arguments};
use crate::selector::place::LISTED_NUMBERS;

/// The whole page.
#[must_use]
pub fn page() -> String {
    let mut out = String::from(INTRODUCTION);
    keys(&mut out);
    types(&mut out);
    operators(&mut out);
    examples(&mut out);
    values(&mut out);
    undecided(&mut out);
    actions(&mut out);
    options(&mut out);
    all_limits(&mut out);
    out
}

const INTRODUCTION: &str = "\
# The policy language

This page is written by the front end from the tables that it reads policies with (`cargo xtask bless`); a test compares both, and
every example is run by the reference model and by the kernel's evaluator, with the call that matches and with the one that does not.

A file has one or more policies, one per YAML document. A policy has hooks; a hook reads arguments and has selectors, of which the
first that matches acts. All sections of a selector have to hold, and all entries of a section. The values of an entry are
alternatives: a positive operator holds when one of them fits, a negative one when none does.

*Known, not supported here* is what the language has and this version refuses by name. What is read and checked may still be refused
when the policy is planned for a kernel (codes `K…`): on every kernel the actions Set, TrackSock and UntrackSock, `maxData`, and
policies of one namespace; on some kernels a hook or a refusal that they have no means for. `docs/diagnostics.md` explains every code.

`required: true` on a selector is a key of this version alone: where a kernel would enforce that rule with a gap, the policy is refused
instead of planned as partial. It changes nothing of what matches; other readers of the language do not know it.

";

fn listed<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> String {
    names.into_iter().map(|name| format!("`{}`", name.as_ref())).collect::<Vec<_>>().join(", ")
}

fn keys(out: &mut String) {
    out.push_str("## Keys\n\nAn unknown key is an error (`P005`), and so is a key without a value, except for selectors of pods, containers, hosts and nodes.\n\n");
    for schema in ALL {
        out.push_str(&format!("### {}\n\n| key | meaning |\n|---|---|\n", capitalised(schema.what)));
        for key in schema.keys {
            out.push_str(&format!("| `{key}` | {} |\n", meaning(schema.what, key).unwrap_or_default()));
        }
        if !schema.unsupported.is_empty() {
            out.push_str(&format!("\nKnown, not supported here: {}.\n", listed(schema.unsupported)));
        }
        out.push('\n');
    }
    out.push_str(&format!(
        "`matchParentBinaries` has entries like `matchBinaries`, `matchData` and `matchReturnArgs` like `matchArgs`, \
         `matchCapabilityChanges` like\n`matchCapabilities`. Kinds known, not supported here: {}.\n\n",
        listed(schema::UNSUPPORTED_KINDS)
    ));
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

fn types(out: &mut String) {
    out.push_str("## Types of arguments\n\n| type | also | compared as |\n|---|---|---|\n");
    for ty in ArgType::ALL {
        let aliases = TYPES.iter().filter(|(name, known)| *known == Some(ty) && *name != ty.name());
        let compared = match ty.class() {
            TypeClass::Integer { signed, bits } => {
                format!("{} number of {bits} bits", if signed { "signed" } else { "unsigned" })
            }
            _ => CLASSES.iter().find(|row| row.types.contains(&ty)).map_or("", |row| row.name).to_owned(),
        };
        let aliases = listed(aliases.map(|(name, _)| *name));
        out.push_str(&format!("| `{}` | {aliases} | {compared} |\n", ty.name()));
    }
    let unsupported = TYPES.iter().filter(|(_, ty)| ty.is_none()).map(|(name, _)| *name);
    out.push_str(&format!("\nKnown, not supported here: {}.\n\n", listed(unsupported)));
}

fn operators(out: &mut String) {
    out.push_str("## Operators and types\n\n");
    for row in CLASSES {
        let types = listed(row.types.iter().map(|ty| ty.name()));
        let operators = match row.operators {
            [] => "none".to_owned(),
            some => listed(some.iter().map(|operator| operator.name())),
        };
        out.push_str(&format!("**{}** ({types}): {operators}.\n\n", capitalised(row.name)));
    }
    let names = |operators: &[Operator]| listed(operators.iter().map(|operator| operator.name()));
    out.push_str(&format!(
        "`matchBinaries` and `matchParentBinaries` take {}; all other sections take {}.\n\n",
        names(BINARY_OPERATORS),
        names(MEMBER_OPERATORS)
    ));
    let aliases: Vec<_> = OPERATOR_ALIASES
        .iter()
        .map(|(alias, operator)| format!("`{alias}` is `{}`", operator.name()))
        .collect();
    out.push_str(&format!(
        "Other names: {}. Known, not supported here: {}.\n\n",
        aliases.join(", "),
        listed(UNSUPPORTED_OPERATORS)
    ));
    out.push_str("| operator | values | at most |\n|---|---|---|\n");
    for operator in Operator::ALL {
        let mut kinds: Vec<_> = CLASSES
            .iter()
            .filter(|row| row.operators.contains(operator))
            .filter_map(|row| row.types.first())
            .map(|ty| kind(value_kind(*operator, *ty)))
            .collect();
        kinds.sort_unstable();
        kinds.dedup();
        let most = match most_values(*operator) {
            0 => "–".to_owned(),
            _ if kinds.contains(&RANGES) => format!(
                "{LISTED_NUMBERS} numbers together, single ones and those of ranges, or {} ranges of any width",
                limits::MAX_VALUES
            ),
            most => most.to_string(),
        };
        out.push_str(&format!("| `{}` | {} | {most} |\n", operator.name(), kinds.join(" or ")));
    }
    out.push_str(&format!(
        "\nUp to {} values of an entry stand in the selector bytes; more are a set in a map, and so are strings that would make the \
         comparison\ntoo long. A policy that does not fit is refused with what to split (codes `S…`).\n\n",
        limits::MAX_VALUES
    ));
}

/// What operators with ranges compare with.
const RANGES: &str = "numbers and ranges";

const fn kind(kind: ValueKind) -> &'static str {
    match kind {
        ValueKind::None => "none",
        ValueKind::Integers => "numbers",
        ValueKind::Ranges => RANGES,
        ValueKind::Strings => "texts",
        ValueKind::Networks => "networks",
        ValueKind::Other => "none, and two arguments",
    }
}

fn examples(out: &mut String) {
    out.push_str("## Examples\n\n");
    for Example { operator, args, selector, matches, .. } in EXAMPLES {
        let name = operator.map_or_else(|| selector.split(':').next().unwrap_or_default(), Operator::name);
        out.push_str(&format!("### {name}\n\n{}.\n\n```yaml\n", capitalised(matches)));
        if !args.is_empty() {
            out.push_str(&format!("args: [{args}]\n"));
        }
        out.push_str(&format!("selectors:\n- {selector}\n```\n\n"));
    }
}

fn values(out: &mut String) {
    out.push_str(VALUES);
    out.push_str("| names of | such as |\n|---|---|\n");
    for (domain, used) in [
        (Domain::Signal, "`argSig`, numbers"),
        (Domain::Error, "`argError`, numbers; with `-` as calls return it"),
        (Domain::Capability, "`capability`, numbers; with commas in sets of capabilities"),
        (Domain::Family, "`Family`, numbers"),
        (Domain::Protocol, "`Protocol`, numbers"),
        (Domain::State, "`State`, numbers"),
        (Domain::FileType, "`FileType` and `NotFileType` only"),
        (Domain::SystemCall, "`syscall64`; with `sys_`, and `i386/` for the 32-bit ABI"),
    ] {
        let names = domain.names();
        let some = listed(names.iter().take(3).map(|(name, _)| name.as_str()));
        out.push_str(&format!(
            "| {}: {used} | {some} ({} names) |\n",
            &domain.what()[2..].trim_start(),
            names.len()
        ));
    }
    out.push('\n');
}

const VALUES: &str = "\
## Values

- **Numbers** are decimal, `0x…`, `0o…`, `0b…`, or octal with a leading zero (`017` is 15), with a sign where the type has one, in quotes
  or not. A number that the type cannot have is refused. Underscores are refused, because readers disagree about them.
- **Ranges** are `least:greatest`, both included, in quotes. A number is a range of one. `list:NAME` stands for the values of a list, in
  `InMap` and `NotInMap`.
- **Texts** are compared byte by byte. Bytes that are not UTF-8 are written as `!!binary` and base64. A NUL ends a text in the kernel:
  at the end of a value it is left out, and within one it is refused. Only the name of an abstract socket begins with one, and what `char_buf` and `char_iovec` are compared with
  may hold any (`\"a\\0b\"` in double quotes, or `!!binary`). A `net_device` has at most 15 bytes, a `sockaddr_un` at most 108.
- **Paths** are absolute, without `.`, `..`, doubled or closing slashes, as the kernel assembles them.
- **Networks** are IPv4 or IPv6 addresses, alone or with a prefix length; bits behind it do not count. An IPv4 network also holds the
  addresses that a socket of IPv6 sees as `::ffff:a.b.c.d`, and a network that is written so is the IPv4 one.
- **Namespaces** are numbers as `readlink /proc/PID/ns/…` shows them, or `host_ns`.
- The same value twice in one entry is refused.

Numbers may be names, alone and as bounds of ranges. Families, protocols and states may leave their prefix out (`tcp`).

";

fn actions(out: &mut String) {
    out.push_str("## Actions\n\nAny order, each kind once. What is missing or of no use is refused.\n\n");
    out.push_str("| action | needs | may have | stops something |\n|---|---|---|---|\n");
    for kind in ActionKind::ALL {
        let (must, may) = arguments(kind);
        let enforces = match kind {
            ActionKind::Sigkill
            | ActionKind::Signal
            | ActionKind::Override
            | ActionKind::NotifyEnforcer
            | ActionKind::Set => "yes",
            _ => "",
        };
        out.push_str(&format!("| `{}` | {} | {} | {enforces} |\n", kind.name(), listed(must), listed(may)));
    }
    let unsupported = ACTIONS.iter().filter(|(_, kind)| kind.is_none()).map(|(name, _)| *name);
    out.push_str(&format!("\nKnown, not supported here: {}.\n\n", listed(unsupported)));
    out.push_str(
        "Descriptors are always resolved through the task's own table, so `FollowFD`, `UnfollowFD` and `CopyFD` have nothing left to \
         do; they\nare accepted and shown in the event.\n\n",
    );
}

fn options(out: &mut String) {
    out.push_str("## Options and lists\n\n| option | values |\n|---|---|\n");
    for (name, values) in OPTIONS {
        out.push_str(&format!("| `{name}` | {} |\n", listed(*values)));
    }
    out.push_str(&format!(
        "\nKnown, not supported here: {}. Lists have no type, or {}:\n\n",
        listed(UNSUPPORTED_OPTIONS),
        listed(LIST_TYPES),
    ));
    out.push_str(LISTS);
}

const LISTS: &str = "\
- no type: names of functions, or values, as they stand in `values`.
- `syscalls`: names of system calls. As values they are the calls' numbers, those of the 32-bit ABI (`i386/sys_write`) with bit 31.
- `generated_syscalls`: every 64-bit system call, without `values`. As `call` it is a hook for each that the kernel has, in every ABI; as a
  value it is the numbers of all.
- `generated_ftrace`: every function that `pattern` matches and that a probe can be at, without `values`. Only `kprobes` take it, with
  `syscall: false`.

";
