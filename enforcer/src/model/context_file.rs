//! A context as a file: what `quell eval --context` reads, and what a failing comparison is printed as.
//!
//! The file is YAML or JSON; `docs/context-file.md` explains its keys. Unknown keys are errors. What is left out has the
//! value that it has for an ordinary process of the host.

use super::context::{Argument, Context, Value};
use super::context_form::{CapabilitiesFile, File, INITIAL, NamespacesFile, ProcessFile, ValueFile};
use crate::bytes::TextOrBytes;
use crate::policy::ast::{Arg, Hook, TypeClass};

/// Why a file is not a context, or not one of this hook.
#[derive(Debug, thiserror::Error)]
pub enum ContextFileError {
    /// It is no JSON, or has other keys.
    #[error("the context is not one that `quell eval` reads")]
    Json(#[from] serde_json::Error),
    /// It is no YAML, or has other keys.
    #[error("the context is not one that `quell eval` reads: {0}")]
    Yaml(String),
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
}

/// Reads a context.
///
/// # Errors
/// When the text is not one.
pub fn read(text: &str) -> Result<Context, ContextFileError> {
    let file: File = if text.trim_start().starts_with('{') {
        serde_json::from_str(text)?
    } else {
        serde_saphyr::from_str(text).map_err(|error| ContextFileError::Yaml(error.to_string()))?
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
        args: context.args.iter().map(ValueFile::of).collect(),
        returned: context.returned.as_ref().map(ValueFile::of),
    };
    Ok(serde_json::to_string_pretty(&file)? + "\n")
}

/// Whether a context is one of this hook: as many arguments, and of each what its type can give.
///
/// # Errors
/// The first argument that is not.
pub fn check(context: &Context, hook: &Hook) -> Result<(), ContextFileError> {
    let (found, expected) = (context.args.len(), hook.args.len());
    if found != expected {
        return Err(ContextFileError::Arguments { found, expected });
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
    if fits { Ok(()) } else { Err(ContextFileError::Type { place: place(), ty: arg.ty.name() }) }
}

#[cfg(test)]
#[path = "context_file_tests.rs"]
mod tests;
