//! One `kprobes` entry: the function, how it is called, and which arguments are read.

use quell_wire::limits::{MAX_ARGS, MAX_SELECTORS};

use super::document::{optional_text, small_number};
use super::selector;
use super::walk::{Fields, Walk, closest, listed, printable};
use crate::policy::ast::{Arg, ArgSource, ArgType, Hook, HookPoint, TypeClass};
use crate::policy::code::Code;
use crate::policy::diag::Diagnostic;
use crate::policy::raw::Node;
use crate::policy::schema::{ARG, KPROBE};
use crate::policy::source::Spanned;
use crate::policy::typing::TYPES;

/// Longest kernel symbol with its terminating NUL (KSYM_NAME_LEN, kernel 6.1 on; 128 before).
const KSYM_NAME_BYTES: usize = 512;
/// Wrappers that take their arguments from the saved registers of the caller.
const SYSCALL_PREFIX: &str = "__x64_sys_";
/// Wrappers of other architectures and calling conventions.
const FOREIGN_SYSCALL_PREFIXES: &[&str] =
    &["__ia32_sys_", "__ia32_compat_sys_", "__x64_compat_sys_", "__arm64_sys_", "__arm64_compat_sys_"];

pub(super) fn kprobe(walk: &mut Walk<'_>, node: &Node) -> Option<Hook> {
    let fields = walk.mapping(node, &KPROBE)?;
    let call = call(walk, &fields);
    let syscall = match &call {
        Some(call) => syscall(walk, &fields, call),
        None => walk.boolean(&fields, "syscall", true),
    };
    let args = args(walk, &fields);
    if let (Some(true), Some(args)) = (syscall, &args) {
        types_at_syscall(walk, args);
    }
    let message = optional_text(walk, &fields, "message");
    let selectors = match fields.get("selectors") {
        None => Some(Vec::new()),
        Some(node) => {
            let items = walk.list(node, "`selectors`", limit(MAX_SELECTORS))?;
            // Filters are checked against the arguments; with wrong ones every filter would be a finding of its own.
            let readable = args.as_deref();
            let read: Vec<_> = items.iter().map(|item| selector::selector(walk, item, readable)).collect();
            read.into_iter().collect()
        }
    };
    let call = call?;
    Some(Hook {
        point: HookPoint::Kprobe {
            function: call.value.clone(),
            syscall: syscall?,
            returns: false,
            every_abi: false,
        },
        name: call,
        args: args?,
        returned: None,
        selectors: selectors?,
        message: message?,
        tags: Vec::new(),
        may_be_missing: false,
        span: node.span,
    })
}

/// A system call is given numbers and user memory. What a user passes must not be taken for a pointer to a kernel object.
fn types_at_syscall(walk: &mut Walk<'_>, args: &[Arg]) {
    for arg in args.iter().filter(|arg| matches!(arg.ty, ArgType::File | ArgType::Path | ArgType::Filename)) {
        let instead = if arg.ty == ArgType::File { "`fd`" } else { "`string`" };
        walk.push(
            Diagnostic::new(
                Code::TypeAtSyscall,
                arg.span,
                format!("no system call has an argument of type {}", arg.ty.name()),
            )
            .label("a pointer to a kernel object")
            .help(format!("use {instead}, or hook a kernel function that is given the object")),
        );
    }
}

fn call(walk: &mut Walk<'_>, fields: &Fields<'_>) -> Option<Spanned<String>> {
    let node = walk.required(fields, "call")?;
    let name = walk.text(node, "`call`")?;
    let unsupported = |walk: &mut Walk<'_>, message: String, help: String| {
        walk.push(
            Diagnostic::new(Code::UnsupportedCall, node.span, message)
                .label("known, not supported here")
                .help(help),
        );
        None
    };
    if let Some(list) = name.strip_prefix("list:") {
        return unsupported(
            walk,
            format!("`list:{}` names a list of functions", printable(list)),
            "write one kprobes entry per function".to_owned(),
        );
    }
    if let Some((module, function)) = name.split_once(':') {
        let (module, function) = (printable(module), printable(function));
        return unsupported(
            walk,
            format!("`{module}:{function}` names a function of one module"),
            format!("write `{function}` alone if the name is unique"),
        );
    }
    let first = |c: char| c.is_ascii_alphabetic() || c == '_';
    let symbol = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '$');
    if !name.starts_with(first) || !name.chars().all(symbol) || name.len() >= KSYM_NAME_BYTES {
        walk.push(
            Diagnostic::new(Code::CallName, node.span, format!("`{}` is not a function name", printable(name)))
                .help("use a name as /proc/kallsyms has it, such as `__x64_sys_write` or `security_file_permission`"),
        );
        return None;
    }
    if let Some(prefix) = FOREIGN_SYSCALL_PREFIXES.iter().find(|prefix| name.starts_with(**prefix)) {
        return unsupported(
            walk,
            format!("`{name}` is a system call of another calling convention"),
            format!("only 64-bit x86 system calls (`{SYSCALL_PREFIX}…`) are read, not `{prefix}…`"),
        );
    }
    let called_plainly =
        fields.get("syscall").is_some_and(|node| node.value == crate::policy::raw::Value::Bool(false));
    match name.strip_prefix("sys_") {
        // With `syscall: false` it is an ordinary kernel function that happens to be called so (sys_imageblit).
        Some(plain) if !called_plainly => unsupported(
            walk,
            format!("`{name}` is the portable name of a system call"),
            format!("write `{SYSCALL_PREFIX}{plain}`, the name of the kernel function"),
        ),
        _ => Some(Spanned::new(name.to_owned(), node.span)),
    }
}

/// `syscall` defaults to true. A wrong flag reads every argument from the wrong place, so it has to fit the name.
fn syscall(walk: &mut Walk<'_>, fields: &Fields<'_>, call: &Spanned<String>) -> Option<bool> {
    let written = fields.get("syscall");
    let flag = walk.boolean(fields, "syscall", true)?;
    let wrapper = call.value.starts_with(SYSCALL_PREFIX);
    if flag == wrapper {
        return Some(flag);
    }
    let name = &call.value;
    let found = match written {
        None => Diagnostic::new(Code::SyscallFlag, call.span, format!("`{name}` is not a system call"))
            .label("`syscall` is true unless written")
            .help("add `syscall: false`; otherwise its arguments would be read from the wrong place"),
        Some(node) if flag => Diagnostic::new(
            Code::SyscallFlag,
            node.span,
            format!("`{name}` is not a system call"),
        )
        .label("says that it is one")
        .also(call.span, "an ordinary function")
        .help(
            "write `syscall: false`; only `__x64_sys_…` functions take their arguments from saved registers",
        ),
        Some(node) => Diagnostic::new(Code::SyscallFlag, node.span, format!("`{name}` is a system call"))
            .label("says that it is none")
            .also(call.span, "takes its arguments from saved registers")
            .help("write `syscall: true` or remove the key"),
    };
    walk.push(found);
    None
}

fn args(walk: &mut Walk<'_>, fields: &Fields<'_>) -> Option<Vec<Arg>> {
    let Some(node) = fields.get("args") else {
        return Some(Vec::new());
    };
    let items = walk.list(node, "`args`", limit(MAX_ARGS))?;
    let read: Vec<_> = items.iter().map(|item| arg(walk, item)).collect();
    let mut args: Vec<Arg> = Vec::with_capacity(read.len());
    let mut complete = true;
    for arg in read {
        let Some(arg) = arg else {
            complete = false;
            continue;
        };
        if let Some(first) = args.iter().find(|first| first.source == arg.source) {
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
        let size = buffer.size_arg.and_then(|size| args.iter().find(|arg| arg.source == ArgSource::Argument(size)));
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
    }
    complete.then_some(args)
}

fn arg(walk: &mut Walk<'_>, node: &Node) -> Option<Arg> {
    let fields = walk.mapping(node, &ARG)?;
    let label = optional_text(walk, &fields, "label");
    let index = walk.required(&fields, "index").and_then(|node| {
        let why = "arguments count from 0; a probe can read those that are passed in registers";
        small_number(walk, node, "index", 0..=MAX_ARGS - 1, Code::ArgIndex, why)
    });
    let ty = arg_type(walk, &fields);
    let size_arg = fields.get("sizeArgIndex").map(|node| {
        let why = "sizeArgIndex counts from 1: for write(fd, buf, count) it is 3";
        let size = small_number(walk, node, "sizeArgIndex", 1..=MAX_ARGS, Code::SizeArg, why);
        size.map(|from_one| from_one - 1)
    });
    let (index, ty) = (index?, ty?);
    let size_arg = match (ty, size_arg) {
        (ArgType::CharBuf, Some(size)) => Some(size?),
        (ArgType::CharBuf, None) => {
            walk.push(
                Diagnostic::new(Code::SizeArg, node.span, "type `char_buf` needs sizeArgIndex")
                    .label("without a size, its length is unknown")
                    .help("add `sizeArgIndex`, the argument with the number of bytes, counted from 1"),
            );
            return None;
        }
        (_, None) => None,
        (_, Some(_)) => {
            let at = fields.get("sizeArgIndex").map_or(node.span, |node| node.span);
            walk.push(
                Diagnostic::new(Code::SizeArg, at, format!("type `{}` has no size argument", ty.name()))
                    .label("only `char_buf` has one")
                    .help("remove sizeArgIndex"),
            );
            return None;
        }
    };
    if size_arg == Some(index) {
        walk.push(
            Diagnostic::new(Code::SizeArg, node.span, "sizeArgIndex points at the buffer itself")
                .label("sizeArgIndex counts from 1, index from 0")
                .help("point it at the argument with the number of bytes"),
        );
        return None;
    }
    Some(Arg {
        source: ArgSource::Argument(index),
        ty,
        size_arg,
        resolve: Vec::new(),
        return_copy: false,
        max_data: false,
        label: label?,
        span: node.span,
    })
}

fn arg_type(walk: &mut Walk<'_>, fields: &Fields<'_>) -> Option<ArgType> {
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
        _ => 0,
    }
}

/// A limit of the wire as a length.
pub(super) fn limit(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}
