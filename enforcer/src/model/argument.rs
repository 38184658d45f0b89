//! Filters of arguments: what was read, compared with the values of one entry.

use super::answer::Answer;
use super::context::{Argument, Capabilities, Value};
use super::{connection, text};
use crate::policy::ast::{ArgFilter, ArgType, CapabilitySet, Operator, TypeClass, Values};

/// The file-type bits of a mode (S_IFMT).
const FILE_TYPE_BITS: u64 = 0o170_000;

/// One matchArgs, matchData or matchReturnArgs entry. `others` are the arguments that an entry may compare with.
pub(super) fn answer(ty: ArgType, argument: &Argument, filter: &ArgFilter, others: &[Argument]) -> Answer {
    let (op, negated) = match filter.op.positive() {
        Some(positive) => (positive, true),
        None => (filter.op, false),
    };
    if op == Operator::FileType {
        return file_type(argument, &filter.values, negated);
    }
    if let Some(unknown) = not_read(&argument.value) {
        return match (op, &filter.values) {
            (Operator::CapabilitiesGained, Values::Other(other)) => {
                Answer::all(&[unknown, others.get(*other).map_or(Answer::Undecided, readable)])
            }
            _ => unknown,
        };
    }
    match &argument.value {
        Value::Integer(number) => integer(ty, *number, op, &filter.values, others).negated_if(negated),
        Value::Whole(bytes) => {
            let answer = |value: &Vec<u8>| text::whole(bytes, op, value);
            strings(&filter.values, answer).negated_if(negated)
        }
        Value::Cut(seen) => {
            let is_path = ty.class() == TypeClass::Path;
            let answer = |value: &Vec<u8>| {
                if is_path { text::end(seen, op, value) } else { text::beginning(seen, op, value) }
            };
            strings(&filter.values, answer).negated_if(negated)
        }
        Value::Connection(connection) => connection::answer(connection, op, negated, &filter.values),
        Value::UserFault | Value::KernelFault | Value::Disconnected | Value::NoPath | Value::BadFd => {
            Answer::Undecided
        }
    }
}

/// What follows from not having read anything, whatever is asked; `None` when something was read.
pub(super) const fn not_read(value: &Value) -> Option<Answer> {
    match value {
        // Neither `/etc/passwd` nor anything else: a negative operator doesn't match it either.
        Value::NoPath | Value::BadFd => Some(Answer::No),
        Value::UserFault => Some(Answer::Unreadable),
        Value::KernelFault | Value::Disconnected => Some(Answer::Undecided),
        Value::Integer(_) | Value::Whole(_) | Value::Cut(_) | Value::Connection(_) => None,
    }
}

fn readable(argument: &Argument) -> Answer {
    not_read(&argument.value).unwrap_or(Answer::Yes)
}

fn strings(values: &Values, answer: impl Fn(&Vec<u8>) -> Answer) -> Answer {
    match values {
        Values::Strings(strings) => Answer::any(strings.iter().map(answer)),
        _ => Answer::No,
    }
}

fn integer(ty: ArgType, number: u64, op: Operator, values: &Values, others: &[Argument]) -> Answer {
    // i128 holds every number of either sign.
    let signed = matches!(ty.class(), TypeClass::Integer { signed: true, .. });
    let exact = |number: u64| if signed { i128::from(number.cast_signed()) } else { i128::from(number) };
    let any = |holds: &dyn Fn(u64) -> bool| match values {
        Values::Integers(values) => Answer::any(values.iter().map(|value| Answer::decided(holds(*value)))),
        _ => Answer::No,
    };
    match op {
        Operator::Equal | Operator::In => any(&|value| exact(number) == exact(value)),
        Operator::Gt => any(&|value| exact(number) > exact(value)),
        Operator::Lt => any(&|value| exact(number) < exact(value)),
        Operator::Mask => any(&|value| number & value != 0),
        Operator::InMap | Operator::InRange => match values {
            Values::Ranges(ranges) => Answer::any(ranges.iter().map(|(least, greatest)| {
                Answer::decided((exact(*least)..=exact(*greatest)).contains(&exact(number)))
            })),
            _ => Answer::No,
        },
        Operator::CapabilitiesGained => match values {
            Values::Other(other) => match others.get(*other).map(|other| &other.value) {
                Some(Value::Integer(other)) => Answer::decided(other & !number != 0),
                Some(other) => not_read(other).unwrap_or(Answer::No),
                None => Answer::Undecided,
            },
            _ => Answer::No,
        },
        _ => Answer::No,
    }
}

/// The type of the file is known even where its path is not.
fn file_type(argument: &Argument, values: &Values, negated: bool) -> Answer {
    let (Some(mode), Values::Integers(types)) = (argument.file_type, values) else {
        return not_read(&argument.value).unwrap_or(Answer::Undecided);
    };
    let holds = types.iter().any(|ty| u64::from(mode) & FILE_TYPE_BITS == *ty);
    Answer::decided(holds).negated_if(negated)
}

/// The bits of one set.
pub(super) const fn capability_bits(capabilities: &Capabilities, set: CapabilitySet) -> u64 {
    match set {
        CapabilitySet::Permitted => capabilities.permitted,
        CapabilitySet::Effective => capabilities.effective,
        CapabilitySet::Inheritable => capabilities.inheritable,
    }
}
