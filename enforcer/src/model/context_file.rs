//! A context as a file: what `quell eval --context` reads, and what a failing comparison is printed as.
//!
//! The file is YAML or JSON; `docs/context-file.md` explains its keys. Unknown keys are errors. What is left out has the
//! value that it has for an ordinary process of the host.

use super::context::{Argument, Context, Value};
use super::context_form::{CapabilitiesFile, File, INITIAL, NamespacesFile, ProcessFile, ValueFile};
use super::context_mistake;
use crate::bytes::TextOrBytes;
use crate::policy::ast::{Arg, Hook, TypeClass};

/// Why a file is not a context, or not one of this hook.
#[derive(Debug, thiserror::Error)]
pub enum ContextFileError {
    /// It is neither YAML nor JSON, or has other keys or values.
    #[error("the context is not one that `quell eval` reads: {0}")]
    Text(String),
    /// A value is written in no way, or in two.
    #[error("{place} needs exactly one of the keys `integer`, `whole`, `cut`, `connection` and `status`")]
    Value {
        /// Where it is.
        place: String,
    },
    /// The hook reads another number of arguments.
    #[error("the context has {found} arguments, the hook reads {expected}")]
    Arguments {
        /// Arguments of the context.
        found: usize,
        /// Arguments of the hook.
        expected: usize,
    },
    /// A value that an argument of this type never has.
    #[error("{place} is not something that is read of an argument of type {ty}")]
    Type {
        /// Where it is.
        place: String,
        /// Name of the type.
        ty: &'static str,
    },
    /// A number that there is not.
    #[error("{place} cannot be {number}: {what} is from {lowest} to {highest}")]
    Number {
        /// Where it is.
        place: String,
        /// What is written.
        number: i128,
        /// What it would be a number of.
        what: String,
        /// Lowest number that there is.
        lowest: i128,
        /// Highest number that there is.
        highest: i128,
    },
    /// Bits of a mode that say nothing of the type of a file.
    #[error(
        "the file_type of {place} cannot be {mode:#o}: only the bits of {FILE_TYPE_BITS:#o} say the type"
    )]
    FileType {
        /// Where it is.
        place: String,
        /// What is written.
        mode: u32,
    },
    /// The path of an executable is something else than a path.
    #[error("{place} is no path: it needs `whole`, `cut` or `status`")]
    NoPath {
        /// Which executable.
        place: &'static str,
    },
}

/// Reads a context.
///
/// # Errors
/// When the text is not one.
pub fn read(text: &str) -> Result<Context, ContextFileError> {
    // JSON is YAML but for a few escapes, and a YAML mapping in braces is no JSON: whatever YAML says of it is the answer.
    let file: File = match serde_json::from_str(text) {
        Ok(file) => file,
        Err(_) => serde_saphyr::from_str(text)
            .map_err(|error| ContextFileError::Text(context_mistake::describe(text, &error)))?,
    };
    let host_namespaces = file.host_namespaces.numbers(INITIAL);
    let namespaces = file.namespaces.numbers(host_namespaces);
    let capabilities = file.capabilities.bits();
    let arg = |(position, value): (usize, ValueFile)| value.argument(&format!("argument {position}"));
    Ok(Context {
        process: file.process.process(),
        ancestors: file.ancestors.iter().map(ProcessFile::process).collect(),
        executable: file.executable.argument("executable")?,
        parent_executable: file.parent_executable.argument("parent_executable")?,
        followed: file.followed.into_iter().map(|path| path.0).collect(),
        namespaces,
        host_namespaces,
        namespaces_at_exec: file.namespaces_at_exec.numbers(namespaces),
        capabilities,
        capabilities_at_exec: file.capabilities_at_exec.map_or(capabilities, |before| before.bits()),
        at_exec_unknown: file.at_exec_unknown,
        args: file.args.into_iter().enumerate().map(arg).collect::<Result<_, _>>()?,
        returned: file.returned.map(|value| value.argument("returned")).transpose()?,
    })
}

/// A context as [`read`] reads it: JSON, with nothing left out.
///
/// # Errors
/// Never, as far as is known: every key is a string.
pub fn write(context: &Context) -> Result<String, serde_json::Error> {
    let file = File {
        process: ProcessFile::of(context.process),
        ancestors: context.ancestors.iter().copied().map(ProcessFile::of).collect(),
        executable: ValueFile::of(&context.executable),
        parent_executable: ValueFile::of(&context.parent_executable),
        followed: context.followed.iter().cloned().map(TextOrBytes).collect(),
        host_namespaces: NamespacesFile::of(context.host_namespaces),
        namespaces: NamespacesFile::of(context.namespaces),
        namespaces_at_exec: NamespacesFile::of(context.namespaces_at_exec),
        capabilities: CapabilitiesFile::of(context.capabilities),
        capabilities_at_exec: Some(CapabilitiesFile::of(context.capabilities_at_exec)),
        at_exec_unknown: context.at_exec_unknown,
        args: context.args.iter().map(ValueFile::of).collect(),
        returned: context.returned.as_ref().map(ValueFile::of),
    };
    Ok(serde_json::to_string_pretty(&file)? + "\n")
}

/// Whether a context is one that this hook can see: as many arguments, and of each what its type can give.
///
/// # Errors
/// The first argument that is not.
pub fn check(context: &Context, hook: &Hook) -> Result<(), ContextFileError> {
    let (found, expected) = (context.args.len(), hook.args.len());
    if found != expected {
        return Err(ContextFileError::Arguments { found, expected });
    }
    for (place, value) in
        [("executable", &context.executable), ("parent_executable", &context.parent_executable)]
    {
        if matches!(value.value, Value::Integer(_) | Value::Connection(_)) {
            return Err(ContextFileError::NoPath { place });
        }
        check_file_type(value, place)?;
    }
    for (position, (value, arg)) in context.args.iter().zip(&hook.args).enumerate() {
        check_value(value, arg, || format!("argument {position}"))?;
    }
    match (&context.returned, &hook.returned) {
        (Some(value), Some(arg)) => check_value(value, arg, || "returned".to_owned()),
        _ => Ok(()),
    }
}

fn check_value(value: &Argument, arg: &Arg, place: impl Fn() -> String) -> Result<(), ContextFileError> {
    let class = arg.ty.class();
    let fits = match &value.value {
        Value::Integer(_) => {
            matches!(class, TypeClass::Integer { .. } | TypeClass::Capabilities | TypeClass::Nothing)
        }
        Value::Whole(_) | Value::Cut(_) => matches!(class, TypeClass::Text | TypeClass::Path),
        Value::Connection(_) => matches!(class, TypeClass::Connection | TypeClass::Address),
        Value::UserFault | Value::KernelFault => true,
        Value::Disconnected | Value::NoPath | Value::BadFd => class == TypeClass::Path,
    };
    if !fits || (value.file_type.is_some() && class != TypeClass::Path) {
        return Err(ContextFileError::Type { place: place(), ty: arg.ty.name() });
    }
    match (&value.value, class) {
        (Value::Integer(number), TypeClass::Integer { signed, bits }) => {
            let (lowest, highest) = match signed {
                true => (-(1 << (bits - 1)), (1 << (bits - 1)) - 1),
                false => (0, (1 << bits) - 1),
            };
            // A negative number stands for its 64 bits.
            let narrow = signed || bits < 64;
            let number = if narrow { i128::from(number.cast_signed()) } else { i128::from(*number) };
            check_number(&place(), number, &format!("a number of type {}", arg.ty.name()), lowest, highest)
        }
        (Value::Connection(connection), _) => {
            let numbers = [
                ("an address family", connection.family, i128::from(u16::MAX)),
                ("a protocol", connection.protocol, i128::from(u16::MAX)),
                ("a connection state", connection.state, i128::from(u8::MAX)),
            ];
            numbers.into_iter().try_for_each(|(what, number, highest)| {
                check_number(&place(), number.into(), what, 0, highest)
            })
        }
        _ => check_file_type(value, &place()),
    }
}

/// The S_IF* bits of a mode.
const FILE_TYPE_BITS: u32 = 0o170_000;

fn check_file_type(value: &Argument, place: &str) -> Result<(), ContextFileError> {
    match value.file_type {
        Some(mode) if mode & !FILE_TYPE_BITS != 0 => {
            Err(ContextFileError::FileType { place: place.to_owned(), mode })
        }
        _ => Ok(()),
    }
}

fn check_number(
    place: &str,
    number: i128,
    what: &str,
    lowest: i128,
    highest: i128,
) -> Result<(), ContextFileError> {
    if (lowest..=highest).contains(&number) {
        return Ok(());
    }
    let (place, what) = (place.to_owned(), what.to_owned());
    Err(ContextFileError::Number { place, number, what, lowest, highest })
}

#[cfg(test)]
#[path = "context_file_tests.rs"]
mod tests;
