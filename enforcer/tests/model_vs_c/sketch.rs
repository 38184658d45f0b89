//! Random policies: a sketch that shrinks well, and the policy text that it stands for.
//!
//! A sketch holds choices, not values; whatever they are, the text that comes out is a valid policy. So the policies pass
//! the front end like any user's, and a failing one shrinks to a short text.

use std::fmt::Write;

use proptest::prelude::*;
use proptest::sample::Index;
use quell::policy::typing::applies;
use quell::policy::{ArgType, Operator, TypeClass};

/// A hook with its selectors, as choices.
#[derive(Clone, Debug)]
pub(crate) struct Sketch {
    syscall: bool,
    /// Bit N: argument N is listed.
    listed: u8,
    types: Vec<ArgType>,
    selectors: Vec<SelectorSketch>,
}

#[derive(Clone, Debug)]
struct SelectorSketch {
    pids: Vec<PidSketch>,
    filters: Vec<FilterSketch>,
    actions: &'static str,
}

#[derive(Clone, Debug)]
struct PidSketch {
    not_in: bool,
    namespace: bool,
    follow_forks: bool,
    values: Vec<u32>,
}

#[derive(Clone, Debug)]
struct FilterSketch {
    arg: Index,
    op: Index,
    values: Vec<ValueSketch>,
}

/// Both a number and a text; the type of the argument says which is meant.
#[derive(Clone, Copy, Debug)]
struct ValueSketch {
    number: NumberSketch,
    length: usize,
    pattern: u8,
}

#[derive(Clone, Copy, Debug)]
enum NumberSketch {
    Lowest,
    Highest,
    MinusOne,
    Small(u8),
    Any(u64),
}

const ACTIONS: &[&str] = &[
    "",
    "{action: Post}",
    "{action: Sigkill}",
    "{action: Post}, {action: Sigkill}",
    "{action: Sigkill}, {action: Post}",
];

fn values(length: impl Strategy<Value = usize>) -> impl Strategy<Value = ValueSketch> {
    let number = prop_oneof![
        Just(NumberSketch::Lowest),
        Just(NumberSketch::Highest),
        Just(NumberSketch::MinusOne),
        any::<u8>().prop_map(NumberSketch::Small),
        any::<u64>().prop_map(NumberSketch::Any),
    ];
    (number, length, any::<u8>()).prop_map(|(number, length, pattern)| ValueSketch {
        number,
        length,
        pattern,
    })
}

fn filters() -> impl Strategy<Value = FilterSketch> {
    // Around the word and the limits of the comparison.
    let short = || values(prop::sample::select(vec![1_usize, 2, 7, 8, 9, 15, 16, 17, 24, 31]));
    let long = || values(prop::sample::select(vec![63_usize, 64, 127, 248, 249, 255, 256]));
    let values = prop_oneof![
        8 => prop::collection::vec(short(), 1..4),
        1 => prop::collection::vec(short(), 4..17),
        1 => prop::collection::vec(long(), 1..17),
    ];
    (any::<Index>(), any::<Index>(), values).prop_map(|(arg, op, values)| FilterSketch { arg, op, values })
}

fn pids() -> impl Strategy<Value = PidSketch> {
    let id = prop_oneof![4 => 0..6_u32, 1 => 100..106_u32, 1 => Just(u32::MAX)];
    (any::<[bool; 3]>(), prop::collection::vec(id, 1..16)).prop_map(
        |([not_in, namespace, follow_forks], values)| PidSketch { not_in, namespace, follow_forks, values },
    )
}

fn selectors() -> impl Strategy<Value = SelectorSketch> {
    let pids = prop_oneof![3 => Just(0..1_usize), 1 => Just(1..5_usize)]
        .prop_flat_map(|count| prop::collection::vec(pids(), count));
    let filters = prop_oneof![3 => Just(1..2_usize), 2 => Just(0..6_usize)]
        .prop_flat_map(|count| prop::collection::vec(filters(), count));
    (pids, filters, prop::sample::select(ACTIONS)).prop_map(|(pids, filters, actions)| SelectorSketch {
        pids,
        filters,
        actions,
    })
}

/// Every kind of hook. Half of them have one selector, where each filter decides.
pub(crate) fn sketches() -> impl Strategy<Value = Sketch> {
    let listed = prop_oneof![4 => prop::sample::select(vec![1_u8, 3, 7, 15, 31]), 1 => 0..32_u8];
    let types = prop::collection::vec(prop::sample::select(&ArgType::ALL[..]), 5);
    let selectors = prop_oneof![4 => Just(1..2_usize), 4 => Just(2..6_usize), 1 => Just(0..1_usize)]
        .prop_flat_map(|count| prop::collection::vec(selectors(), count));
    (prop::bool::weighted(0.2), listed, types, selectors)
        .prop_map(|(syscall, listed, types, selectors)| Sketch { syscall, listed, types, selectors })
}

impl Sketch {
    /// The policy's text.
    pub(crate) fn text(&self) -> String {
        let call = if self.syscall { "__x64_sys_write" } else { "security_file_permission" };
        let args = self.args();
        let mut out = format!(
            "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata:\n  name: sketch\nspec:\n  kprobes:\n  \
             - call: {call}\n    syscall: {}\n    args:\n",
            self.syscall
        );
        if args.is_empty() {
            out.truncate(out.len() - "    args:\n".len());
        }
        for (index, ty, size) in &args {
            // Writing to a String cannot fail, here and below.
            let size = size.map(|size| format!(", sizeArgIndex: {}", size + 1)).unwrap_or_default();
            let _ = writeln!(out, "    - {{index: {index}, type: {}{size}}}", ty.name());
        }
        if !self.selectors.is_empty() {
            out.push_str("    selectors:\n");
        }
        for selector in &self.selectors {
            selector.write(&args, &mut out);
        }
        out
    }

    /// The listed arguments: index, type, index of the size.
    fn args(&self) -> Vec<(usize, ArgType, Option<usize>)> {
        let indices: Vec<usize> = (0..5).filter(|index| self.listed & (1 << index) != 0).collect();
        let is_integer = |index: usize| matches!(self.types[index].class(), TypeClass::Integer { .. });
        let arg = |index: usize| {
            let ty = match self.types[index] {
                // Nobody hands kernel objects to a system call.
                ArgType::File if self.syscall => ArgType::Fd,
                ArgType::Path | ArgType::Filename if self.syscall => ArgType::String,
                other => other,
            };
            if ty != ArgType::CharBuf {
                return (index, ty, None);
            }
            // A size is an integer, or an argument that is not listed.
            let size = (0..5).find(|at| *at != index && (!indices.contains(at) || is_integer(*at)));
            (index, if size.is_some() { ArgType::CharBuf } else { ArgType::String }, size)
        };
        indices.iter().map(|index| arg(*index)).collect()
    }
}

impl SelectorSketch {
    fn write(&self, args: &[(usize, ArgType, Option<usize>)], out: &mut String) {
        let pids: Vec<_> = self.pids.iter().map(PidSketch::text).collect();
        // An index names one argument only when it is not the position of another one.
        let named: Vec<_> = args
            .iter()
            .enumerate()
            .filter(|(position, (index, ..))| args.get(*index).is_none_or(|_| position == index))
            .map(|(_, arg)| *arg)
            .collect();
        let filters: Vec<_> = if named.is_empty() {
            Vec::new()
        } else {
            self.filters.iter().map(|filter| filter.text(&named)).collect()
        };
        let _ = writeln!(out, "    - matchPIDs: [{}]", pids.join(", "));
        let _ = writeln!(out, "      matchArgs: [{}]", filters.join(",\n        "));
        let _ = writeln!(out, "      matchActions: [{}]", self.actions);
    }
}

impl PidSketch {
    fn text(&self) -> String {
        let mut values: Vec<u32> = Vec::new();
        for value in &self.values {
            if !values.contains(value) {
                values.push(*value);
            }
        }
        format!(
            "{{operator: {}, isNamespacePID: {}, followForks: {}, values: {values:?}}}",
            if self.not_in { "NotIn" } else { "In" },
            self.namespace,
            self.follow_forks
        )
    }
}

impl FilterSketch {
    fn text(&self, args: &[(usize, ArgType, Option<usize>)]) -> String {
        let (index, ty, _) = *self.arg.get(args);
        let operators: Vec<_> = Operator::ALL.into_iter().filter(|op| applies(*op, ty)).collect();
        let op = *self.op.get(&operators);
        let mut values: Vec<String> = Vec::new();
        for value in &self.values {
            let value = match ty.class() {
                TypeClass::Integer { signed, bits } => value.number.value(signed, bits).to_string(),
                // A JSON string is a double-quoted YAML one.
                TypeClass::Text => serde_json::json!(value.text()).to_string(),
                TypeClass::Path => serde_json::json!(value.path(op)).to_string(),
            };
            if !values.contains(&value) {
                values.push(value);
            }
        }
        format!("{{index: {index}, operator: {}, values: [{}]}}", op.name(), values.join(", "))
    }
}

impl NumberSketch {
    fn value(self, signed: bool, bits: u8) -> i128 {
        let (lowest, highest): (i128, i128) =
            if signed { (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) } else { (0, (1 << bits) - 1) };
        match self {
            Self::Lowest => lowest,
            Self::Highest => highest,
            Self::MinusOne if signed => -1,
            Self::MinusOne => highest - 1,
            Self::Small(small) => i128::from(small % 8),
            Self::Any(any) => lowest + i128::from(any) % (highest - lowest + 1),
        }
    }
}

impl ValueSketch {
    /// Few letters, so that values are often the beginning or the end of each other.
    fn text(self) -> String {
        let spot = self.length * usize::from(self.pattern >> 4) / 16;
        let odd = match self.pattern % 8 {
            0..=3 => 'b',
            4 => '/',
            5 => '"',
            6 => '\n',
            _ => 'é',
        };
        let mut text: String =
            (0..self.length).map(|at| if at == spot && self.pattern & 8 != 0 { odd } else { 'a' }).collect();
        while text.len() > self.length && text.len() > 256 {
            text.pop();
        }
        text
    }

    /// A path as the kernel would write it, or the end of one for Postfix.
    fn path(self, op: Operator) -> String {
        let step = usize::from(self.pattern % 4) + 3;
        let from = if op == Operator::Postfix && self.pattern & 64 != 0 { 1 } else { 0 };
        let spot = self.length * usize::from(self.pattern >> 4) / 16;
        let letter = |at: usize| match at {
            at if (at + from) % step == 0 => '/',
            at if at == spot && self.pattern & 8 != 0 => 'b',
            _ => 'a',
        };
        let mut path: String = (0..self.length).map(letter).collect();
        if path.ends_with('/') && op != Operator::Prefix && (path.len() > 1 || op == Operator::Postfix) {
            path.pop();
            path.push('c');
        }
        if op != Operator::Postfix && !path.starts_with('/') {
            path.replace_range(0..1, "/");
        }
        path
    }
}
