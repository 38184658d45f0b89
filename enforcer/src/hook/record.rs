//! The fields of a tracepoint in the constants of its hook: a policy has positions, a program needs offsets and widths.

use quell_wire::hook::{HookConfig, NO_SIZE_ARG};

use crate::kernel::tracepoint::{self, Content, Field, Format, ReadError};
use crate::policy::ast::{Arg, ArgSource, ArgType, Hook, TypeClass};

/// Bytes at the start of a record that programs are not given: in their place stands a pointer of the kernel's.
const HIDDEN_BYTES: u32 = 8;
/// Bytes of a word; what is longer is read by its address.
const WORD_BYTES: u32 = 8;
/// A field behind this is not reached: records are far smaller.
const LAST_OFFSET: u32 = 8191 - 2 * WORD_BYTES;

/// Why a policy cannot read the record of a tracepoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// There is no such field.
    #[error(
        "the tracepoint has {fields} fields, and the policy names position {position}; positions count from 0 in the order of its `format` file"
    )]
    NoField {
        /// The position.
        position: u8,
        /// How many fields there are.
        fields: usize,
    },
    /// It is one of those that no program is given.
    #[error(
        "field {position} (`{name}`) is one of those that all tracepoints have in common; programs are not given them"
    )]
    Hidden {
        /// The position.
        position: u8,
        /// Its name.
        name: String,
    },
    /// Its declaration does not fit the type.
    #[error("field {position} is `{declared} {name}` of {size} bytes: {problem} `{ty}`")]
    Type {
        /// The position.
        position: u8,
        /// Its name.
        name: String,
        /// Its declaration.
        declared: String,
        /// Its bytes.
        size: u32,
        /// Why not.
        problem: &'static str,
        /// The type of the policy.
        ty: &'static str,
    },
}

/// Why the constants of a hook at a tracepoint could not be made.
#[derive(Debug, thiserror::Error)]
pub enum FieldsError {
    /// The kernel does not say what its record is.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The policy asks for what the record does not have.
    #[error("the record of the tracepoint can't be read as the policy says")]
    Record(#[from] RecordError),
}

/// Puts the fields of the running kernel's tracepoint into the constants of its hook.
///
/// # Errors
/// When the kernel does not describe the record, or it is not what the policy says.
pub(super) fn of_running(
    subsystem: &str,
    event: &str,
    hook: &Hook,
    config: &mut HookConfig,
) -> Result<(), FieldsError> {
    // Without arguments nothing is read of the record.
    if hook.args.iter().any(|arg| matches!(arg.source, ArgSource::Argument(_))) {
        fields(&tracepoint::of_running(subsystem, event)?, hook, config)?;
    }
    Ok(())
}

/// Puts the fields of a record into the constants of its hook.
///
/// # Errors
/// The first field that is not what the policy says.
fn fields(format: &Format, hook: &Hook, config: &mut HookConfig) -> Result<(), RecordError> {
    for (at, arg) in hook.args.iter().enumerate().take(config.arg_index.len()) {
        let ArgSource::Argument(position) = arg.source else { continue };
        let field = field(format, position)?;
        check(field, position, arg)?;
        config.arg_index[at] = field.offset;
        if arg.resolve.is_empty() {
            config.arg_width[at] = field.size;
        } else if !matches!(config.arg_width[at], 0 | WORD_BYTES) {
            // One width serves the field and the member that is found behind it.
            return Err(unfit(
                field,
                position,
                "a member that is no word long can't be read behind it as",
                arg.ty,
            ));
        }
        if let Some(size) = arg.size_arg {
            let field = self::field(format, size)?;
            if !is_number(field) {
                return Err(unfit(field, size, "the size of a buffer is a number, and not", arg.ty));
            }
            config.arg_size[at] = field.offset;
            config.arg_size_bits[at] = config.arg_size_bits[at].min(8 * field.size);
        } else {
            config.arg_size[at] = NO_SIZE_ARG;
        }
    }
    Ok(())
}

fn field(format: &Format, position: u8) -> Result<&Field, RecordError> {
    let fields = format.fields.len();
    let field = format.field(position).filter(|field| field.offset <= LAST_OFFSET);
    let field = field.ok_or(RecordError::NoField { position, fields })?;
    if field.offset < HIDDEN_BYTES {
        return Err(RecordError::Hidden { position, name: field.name.clone() });
    }
    Ok(field)
}

fn is_number(field: &Field) -> bool {
    matches!(field.content, Content::Value | Content::Pointer) && matches!(field.size, 1 | 2 | 4 | 8)
}

/// Whether a field can be read as the type of an argument.
fn check(field: &Field, position: u8, arg: &Arg) -> Result<(), RecordError> {
    let problem = match (arg.ty, arg.ty.class()) {
        _ if !arg.resolve.is_empty() && (field.content != Content::Pointer || field.size != WORD_BYTES) => {
            "no pointer to what a member is of, for"
        }
        _ if !arg.resolve.is_empty() => return Ok(()),
        (ArgType::Nop, _) => return Ok(()),
        _ if matches!(field.content, Content::Located | Content::LocatedBehind) => {
            "its text is elsewhere in the record, which is not read, as"
        }
        (ArgType::Fd, _) | (_, TypeClass::Integer { .. }) if !is_number(field) => "not a number for",
        // The bits above a narrow field are those of its sign, which are not in the record.
        (_, TypeClass::Integer { bits, .. }) if field.signed && u32::from(bits) > 8 * field.size => {
            "too narrow for"
        }
        (ArgType::Fd, _) | (_, TypeClass::Integer { .. }) => return Ok(()),
        (_, TypeClass::Text) if field.content == Content::Array && field.size > WORD_BYTES => return Ok(()),
        (_, TypeClass::Text) if field.content == Content::Array => "too short to be read by its address as",
        _ if field.size == WORD_BYTES && is_number(field) => return Ok(()),
        _ => "not a pointer, as is",
    };
    Err(unfit(field, position, problem, arg.ty))
}

fn unfit(field: &Field, position: u8, problem: &'static str, ty: ArgType) -> RecordError {
    RecordError::Type {
        position,
        name: field.name.clone(),
        declared: field.declared.clone(),
        size: field.size,
        problem,
        ty: ty.name(),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::policy::{Source, parse_one};
    use crate::selector::compile;

    const FORMAT: &str = "name: example\nID: 1\nformat:
	field:unsigned short common_type;	offset:0;	size:2;	signed:0;
	field:int common_pid;	offset:4;	size:4;	signed:1;
	field:long id;	offset:8;	size:8;	signed:1;
	field:int fd;	offset:16;	size:4;	signed:1;
	field:const char * name;	offset:24;	size:8;	signed:0;
	field:char comm[16];	offset:32;	size:16;	signed:0;
	field:char tag[4];	offset:48;	size:4;	signed:0;
	field:__data_loc char[] path;	offset:52;	size:4;	signed:0;
	field:void * buf;	offset:56;	size:8;	signed:0;
	field:u32 count;	offset:64;	size:4;	signed:0;
";

    fn constants(args: &str) -> Result<HookConfig, RecordError> {
        let text = format!(
            "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {{name: t}}\nspec:\n  tracepoints:\n  - subsystem: \
             sched\n    event: example\n    args: [{args}]\n"
        );
        let hook = parse_one(&Source::new("t", text)).unwrap().hooks.remove(0);
        let mut config = compile::hook(&hook, 0).unwrap().config;
        fields(&Format::parse(FORMAT).unwrap(), &hook, &mut config).map(|()| config)
    }

    #[test]
    fn positions_become_offsets_and_widths() {
        let config = constants(
            "{index: 2, type: syscall64}, {index: 3, type: fd}, {index: 5, type: string}, {index: 4, type: string}, \
             {index: 8, type: char_buf, sizeArgIndex: 10}",
        )
        .unwrap();
        assert_eq!(config.arg_index, [8, 16, 32, 24, 56]);
        assert_eq!(config.arg_width, [8, 4, 16, 8, 8]);
        assert_eq!(config.arg_size, [NO_SIZE_ARG, NO_SIZE_ARG, NO_SIZE_ARG, NO_SIZE_ARG, 64]);
        assert_eq!(config.arg_size_bits[4], 32);
    }

    #[rstest]
    #[case("{index: 0, type: uint16}", "in common")]
    #[case("{index: 1, type: int}", "in common")]
    #[case("{index: 10, type: int}", "has 10 fields, and the policy names position 10")]
    #[case("{index: 5, type: uint64}", "not a number for `uint64`")]
    #[case("{index: 3, type: int64}", "too narrow for `int64`")]
    #[case("{index: 6, type: string}", "too short to be read by its address")]
    #[case("{index: 7, type: string}", "elsewhere in the record")]
    #[case("{index: 9, type: file}", "not a pointer, as is `file`")]
    #[case("{index: 8, type: char_buf, sizeArgIndex: 6}", "the size of a buffer is a number")]
    #[case("{index: 2, type: uint64, resolve: a.b}", "no pointer")]
    fn a_field_that_is_something_else_is_refused(#[case] args: &str, #[case] expected: &str) {
        let error = constants(args).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }

    #[rstest]
    #[case("{index: 9, type: uint64}")]
    #[case("{index: 2, type: int}")]
    #[case("{index: 8, type: sock}")]
    #[case("{index: 7, type: nop}")]
    #[case("{index: 8, type: uint32, resolve: a.b}")]
    fn a_field_that_fits_is_read(#[case] args: &str) {
        assert_eq!(constants(args).map(|config| config.args), Ok(1));
    }
}
