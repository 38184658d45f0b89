//! What a hook reads: its `args` and `data`.

use quell_wire::limits::{MAX_ARGS, MAX_WORDS};

use super::resolve;
use super::text::optional_text;
use super::walk::{Fields, Walk, closest, limit, listed, printable};
use crate::policy::ast::{Arg, ArgSource, ArgType, TypeClass};
use crate::policy::code::Code;
use crate::policy::diag::Diagnostic;
use crate::policy::raw::Node;
use crate::policy::schema::{ARG, DATA};
use crate::policy::typing::TYPES;

/// Last field of a tracepoint, from 0, that can be read.
const LAST_TRACEPOINT_FIELD: u32 = 15;
/// Sources of data.
pub(in crate::policy) const SOURCES: &[(&str, ArgSource)] =
    &[("current_task", ArgSource::CurrentTask), ("pt_regs", ArgSource::Registers)];

/// Where arguments are read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// A function of the kernel.
    Function,
    /// A system call.
    Syscall,
    /// The record of a tracepoint, whose fields they are.
    Record,
    /// A raw tracepoint.
    RawTracepoint,
    /// A function of a program or library.
    Program,
    /// A static probe of a program or library.
    StaticProbe,
}

impl Place {
    /// What gives the arguments, where that is the caller: numbers and memory of the caller, and no object of the kernel.
    const fn caller(self) -> Option<&'static str> {
        match self {
            Self::Syscall => Some("system call"),
            Self::Program => Some("function of a program"),
            Self::StaticProbe => Some("static probe"),
            Self::Function | Self::Record | Self::RawTracepoint => None,
        }
    }

    /// The last position, and why.
    const fn last(self) -> (u32, &'static str) {
        match self {
            Self::Function | Self::Syscall | Self::Program => {
                (MAX_ARGS - 1, "arguments count from 0; a probe can read those that are passed in registers")
            }
            Self::Record => (
                LAST_TRACEPOINT_FIELD,
                "fields of a tracepoint count from 0, in the order of its format, the common ones included",
            ),
            Self::RawTracepoint => (MAX_WORDS - 1, "arguments of a raw tracepoint count from 0"),
            Self::StaticProbe => (MAX_WORDS - 1, "arguments of a static probe count from 0"),
        }
    }
}

/// Arguments, and behind them data.
pub(super) struct Args {
    pub(super) all: Vec<Arg>,
    /// Position of the first data entry.
    pub(super) data_start: usize,
}

/// Reads both.
pub(super) fn args(walk: &mut Walk<'_>, fields: &Fields<'_>, place: Place) -> Option<Args> {
    let args = walk.entries(fields, "args", limit(MAX_ARGS), |walk, item| arg(walk, item, place));
    let data = walk.entries(fields, "data", limit(MAX_ARGS), data);
    let all = args.and_then(|args| checked(walk, args, place));
    let (mut all, data) = (all?, data?);
    let data_start = all.len();
    all.extend(data);
    if let Some(over) = all.get(limit(MAX_ARGS)) {
        walk.push(
            Diagnostic::new(
                Code::ListTooLong,
                over.span,
                format!("`args` and `data` have {} entries together, at most {MAX_ARGS} fit", all.len()),
            )
            .label(format!("entry {}", MAX_ARGS + 1))
            .help("split the hook in two: hooks are independent of each other"),
        );
        return None;
    }
    Some(Args { all, data_start })
}

/// What can only be said of all arguments together.
fn checked(walk: &mut Walk<'_>, read: Vec<Arg>, place: Place) -> Option<Vec<Arg>> {
    let mut args: Vec<Arg> = Vec::with_capacity(read.len());
    let mut complete = true;
    for arg in read {
        if let Some(first) =
            args.iter().find(|first| first.source == arg.source && first.resolve == arg.resolve)
        {
            complete = false;
            walk.push(
                Diagnostic::new(
                    Code::DuplicateArg,
                    arg.span,
                    format!("argument {} is listed twice", position(arg.source)),
                )
                .label("second time")
                .also(first.span, "first time")
                .help("list every argument once"),
            );
            continue;
        }
        args.push(arg);
    }
    for buffer in &args {
        let named = |arg: &&Arg| {
            buffer.size_arg.is_some_and(|size| arg.source == ArgSource::Argument(size))
                && arg.resolve.is_empty()
        };
        let size = args.iter().find(named);
        if let Some(size) = size.filter(|size| !matches!(size.ty.class(), TypeClass::Integer { .. })) {
            complete = false;
            let ty = size.ty.name();
            walk.push(
                Diagnostic::new(
                    Code::SizeArg,
                    buffer.span,
                    format!("the size of argument {} has type `{ty}`", position(buffer.source)),
                )
                .label("its sizeArgIndex counts arguments from 1")
                .also(size.span, "this is where the size would be read")
                .help("point sizeArgIndex at the argument with the number of bytes"),
            );
        }
        complete &= of_caller(walk, buffer, place).is_some();
    }
    complete.then_some(args)
}

/// A system call or a program's function is given numbers and user memory. What a user passes must not be taken for a pointer
/// to a kernel object.
pub(super) fn of_caller(walk: &mut Walk<'_>, arg: &Arg, place: Place) -> Option<()> {
    let Some(what) = place.caller() else { return Some(()) };
    if !arg.resolve.is_empty() {
        let message = format!("what a {what} is given has no members to follow");
        walk.push(
            Diagnostic::new(Code::Resolve, arg.span, message)
                .label("a number, or memory of the caller")
                .help("hook a kernel function that is given the object, or use `data`"),
        );
        return None;
    }
    let instead = match arg.ty {
        ArgType::File | ArgType::Kiocb => "use `fd`",
        ArgType::Path | ArgType::Filename | ArgType::Dentry | ArgType::LinuxBinprm => "use `string`",
        ArgType::Skb
        | ArgType::Sock
        | ArgType::Socket
        | ArgType::Sockaddr
        | ArgType::SockaddrUn
        | ArgType::NetDevice
        | ArgType::KernelCap
        | ArgType::CapInheritable
        | ArgType::CapPermitted
        | ArgType::CapEffective => "use `uint64` for the number itself",
        _ => return Some(()),
    };
    walk.push(
        Diagnostic::new(
            Code::TypeAtSyscall,
            arg.span,
            format!("no {what} has an argument of type {}", arg.ty.name()),
        )
        .label("a pointer to a kernel object")
        .help(format!("{instead}, or hook a kernel function that is given the object")),
    );
    None
}

fn arg(walk: &mut Walk<'_>, node: &Node, place: Place) -> Option<Arg> {
    let fields = walk.mapping(node, &ARG)?;
    let label = optional_text(walk, &fields, "label");
    let (last, why) = place.last();
    let index = walk
        .required(&fields, "index")
        .and_then(|node| small_number(walk, node, "index", 0..=last, Code::ArgIndex, why));
    let ty = if matches!(place, Place::Record | Place::RawTracepoint) && fields.get("type").is_none() {
        walk.push(
            Diagnostic::new(
                Code::UnsupportedType,
                fields.span,
                "taking a field's type from the tracepoint is known, not supported here",
            )
            .label("no `type`")
            .help("add `type:` as the format of the tracepoint has it"),
        );
        None
    } else {
        arg_type(walk, &fields)
    };
    let size_arg = fields.get("sizeArgIndex").map(|node| {
        let why = "sizeArgIndex counts from 1: for write(fd, buf, count) it is 3";
        let size = small_number(walk, node, "sizeArgIndex", 1..=last + 1, Code::SizeArg, why);
        size.map(|from_one| from_one - 1)
    });
    let resolve = resolve::steps(walk, &fields);
    let return_copy = walk.boolean(&fields, "returnCopy", false);
    let max_data = walk.boolean(&fields, "maxData", false);
    let (index, ty) = (index?, ty?);
    let (return_copy, max_data) = (return_copy?, max_data?);
    for (key, set) in [("returnCopy", return_copy), ("maxData", max_data)] {
        if set && !is_buffer(ty) {
            let span = fields.key_span(key).unwrap_or(node.span);
            walk.push(
                Diagnostic::new(
                    Code::ArgKey,
                    span,
                    format!("`{key}` does not apply to type `{}`", ty.name()),
                )
                .help("it is for `char_buf` and `char_iovec`"),
            );
            return None;
        }
    }
    let size_arg = size_of(walk, node, &fields, ty, index, size_arg, return_copy)?;
    Some(Arg {
        source: ArgSource::Argument(index),
        ty,
        size_arg,
        resolve: resolve?,
        return_copy,
        max_data,
        label: label?,
        span: node.span,
    })
}

const fn is_buffer(ty: ArgType) -> bool {
    matches!(ty, ArgType::CharBuf | ArgType::CharIovec)
}

/// Exactly buffers have a size argument; one that is read at the return may go by what the call returns. `written` is what
/// sizeArgIndex says, `Some(None)` when it is wrong.
fn size_of(
    walk: &mut Walk<'_>,
    node: &Node,
    fields: &Fields<'_>,
    ty: ArgType,
    index: u8,
    written: Option<Option<u8>>,
    return_copy: bool,
) -> Option<Option<u8>> {
    let name = ty.name();
    let found = match (is_buffer(ty), written) {
        (true, Some(size)) => {
            let size = size?;
            if size != index {
                return Some(Some(size));
            }
            Diagnostic::new(Code::SizeArg, node.span, "sizeArgIndex points at the buffer itself")
                .label("sizeArgIndex counts from 1, index from 0")
                .help("point it at the argument with the number of bytes")
        }
        (true, None) if return_copy => return Some(None),
        (true, None) => {
            let unit = if ty == ArgType::CharIovec { "buffers" } else { "bytes" };
            Diagnostic::new(Code::SizeArg, node.span, format!("type `{name}` needs sizeArgIndex"))
                .label("without a size, its length is unknown")
                .help(format!("add `sizeArgIndex`, the argument with the number of {unit}, counted from 1"))
        }
        (false, None) => return Some(None),
        (false, Some(_)) => {
            let at = fields.get("sizeArgIndex").map_or(node.span, |node| node.span);
            Diagnostic::new(Code::SizeArg, at, format!("type `{name}` has no size argument"))
                .label("only `char_buf` and `char_iovec` have one")
                .help("remove sizeArgIndex")
        }
    };
    walk.push(found);
    None
}

fn data(walk: &mut Walk<'_>, node: &Node) -> Option<Arg> {
    let fields = walk.mapping(node, &DATA)?;
    let label = optional_text(walk, &fields, "label");
    let ty = arg_type(walk, &fields);
    if let Some(node) = fields.get("index") {
        // Says nothing of something that is no argument; the entry is named by its position.
        small_number(
            walk,
            node,
            "index",
            0..=MAX_ARGS - 1,
            Code::ArgIndex,
            "it has no meaning here: remove it",
        )?;
    }
    let source = walk.required(&fields, "source").and_then(|node| {
        let name = walk.text(node, "`source`")?;
        let known = SOURCES.iter().find(|(known, _)| *known == name);
        if known.is_none() {
            let names: Vec<_> = SOURCES.iter().map(|(name, _)| *name).collect();
            let help = match closest(name, &names) {
                Some(close) => format!("did you mean `{close}`?"),
                None => format!("write {}", listed(&names)),
            };
            walk.push(
                Diagnostic::new(
                    Code::DataSource,
                    node.span,
                    format!("unknown source of data `{}`", printable(name)),
                )
                .help(help),
            );
        }
        known.map(|(_, source)| *source)
    });
    let resolve = resolve::steps(walk, &fields);
    let (ty, source, resolve) = (ty?, source?, resolve?);
    if is_buffer(ty) {
        walk.push(
            Diagnostic::new(Code::SizeArg, node.span, format!("data cannot be of type `{}`", ty.name()))
                .label("no argument says how long it is")
                .help("use `string`"),
        );
        return None;
    }
    if source == ArgSource::Registers && resolve.len() != 1 {
        walk.push(
            Diagnostic::new(Code::Resolve, node.span, "`resolve` has to name one register")
                .label("data from `pt_regs`")
                .help("write `resolve: rsp` or another register of x86"),
        );
        return None;
    }
    Some(Arg {
        source,
        ty,
        size_arg: None,
        resolve,
        return_copy: false,
        max_data: false,
        label: label?,
        span: node.span,
    })
}

/// The `type` of an entry.
pub(super) fn arg_type(walk: &mut Walk<'_>, fields: &Fields<'_>) -> Option<ArgType> {
    let node = walk.required(fields, "type")?;
    let name = walk.text(node, "`type`")?;
    let supported: Vec<_> = TYPES.iter().filter(|(_, ty)| ty.is_some()).map(|(name, _)| *name).collect();
    match TYPES.iter().find(|(known, _)| *known == name) {
        Some((_, Some(ty))) => return Some(*ty),
        Some((known, None)) => walk.push(
            Diagnostic::new(
                Code::UnsupportedType,
                node.span,
                format!("type `{known}` is known, not supported here"),
            )
            .label("not implemented by this version")
            .help(format!("types read here: {}", listed(&supported))),
        ),
        None => {
            let known: Vec<_> = TYPES.iter().map(|(name, _)| *name).collect();
            let help = match closest(name, &known) {
                Some(close) => format!("did you mean `{close}`?"),
                None => format!("types read here: {}", listed(&supported)),
            };
            walk.push(
                Diagnostic::new(
                    Code::UnknownType,
                    node.span,
                    format!("unknown argument type `{}`", printable(name)),
                )
                .help(help),
            );
        }
    }
    None
}

/// The position in the prototype.
pub(super) const fn position(source: ArgSource) -> u8 {
    match source {
        ArgSource::Argument(index) => index,
        ArgSource::Returned | ArgSource::CurrentTask | ArgSource::Registers => 0,
    }
}

/// A number from 0 to 255 that a key must have; a finding with `code` for any other.
pub(super) fn small_number(
    walk: &mut Walk<'_>,
    node: &Node,
    key: &str,
    range: std::ops::RangeInclusive<u32>,
    code: Code,
    why: &'static str,
) -> Option<u8> {
    let value = walk.integer(node, &format!("`{key}`"))?;
    let small = u8::try_from(value).ok().filter(|small| range.contains(&u32::from(*small)));
    if small.is_none() {
        let (first, last) = (range.start(), range.end());
        walk.push(
            Diagnostic::new(code, node.span, format!("`{key}` is {value}, it can be {first} to {last}"))
                .label("out of range")
                .help(why),
        );
    }
    small
}
