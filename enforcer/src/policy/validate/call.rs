//! Names of kernel functions: `call` of a kprobes or fentries entry, members of lists, functions of enforcers.

use super::lists::{self, LIST_PREFIX, Lists};
use super::walk::{Fields, Walk, printable};
use crate::policy::code::Code;
use crate::policy::diag::Diagnostic;
use crate::policy::names::{Domain, mistyped_system_call};
use crate::policy::raw::{Node, Value};
use crate::policy::schema::MAX_HOOKS;
use crate::policy::source::Span;

/// Longest kernel symbol with its terminating NUL (KSYM_NAME_LEN, kernel 6.1 on; 128 before).
const KSYM_NAME_BYTES: usize = 512;
/// Wrappers that take their arguments from the saved registers of the caller.
pub(in crate::policy) const SYSCALL_PREFIX: &str = "__x64_sys_";
/// Wrappers of other architectures and calling conventions.
const FOREIGN_SYSCALL_PREFIXES: &[&str] =
    &["__ia32_sys_", "__ia32_compat_sys_", "__x64_compat_sys_", "__arm64_sys_", "__arm64_compat_sys_"];

/// A function as the kernel calls it.
pub(super) struct Function {
    pub(super) name: String,
    /// The policy had the portable name.
    pub(super) every_abi: bool,
}

/// The names that a `call` stands for: one, or all of a list.
pub(super) fn names<'n>(
    walk: &mut Walk<'_>,
    node: &'n Node,
    lists: &Lists<'n>,
) -> Option<Vec<(&'n str, Span)>> {
    let name = walk.text(node, "a function's name")?;
    let Some(list) = name.strip_prefix(LIST_PREFIX) else {
        return Some(vec![(name, node.span)]);
    };
    let list = lists::find(walk, lists, list, node.span)?;
    if let Some(over) = list.values.get(MAX_HOOKS) {
        walk.push(
            Diagnostic::new(
                Code::ListTooLong,
                over.span,
                format!("a list of {} functions, at most {MAX_HOOKS} fit", list.values.len()),
            )
            .label(format!("entry {}", MAX_HOOKS + 1))
            .help("split the policy: hooks are independent of each other"),
        );
        return None;
    }
    // Findings of further uses would not be listed, and what asks for too many of them is not read.
    if walk.is_full() {
        return None;
    }
    walk.spend(list.values.len(), node.span)?;
    let mut names = Vec::with_capacity(list.values.len());
    let mut seen = std::collections::HashMap::new();
    for item in list.values {
        let name = walk.text(item, "a member of a list of functions")?;
        if name.starts_with(LIST_PREFIX) {
            walk.push(
                Diagnostic::new(
                    Code::CallName,
                    item.span,
                    format!("`{}` is a list, not a function", printable(name)),
                )
                .label("a list in a list")
                .help("write the members of that list here: lists hold names only"),
            );
            return None;
        }
        if let Some(first) = seen.insert(name, item.span) {
            walk.push(
                Diagnostic::new(Code::DuplicateValue, item.span, "the same function is given twice")
                    .label("second time")
                    .also(first, "first time")
                    .help("remove one, or correct it"),
            );
            return None;
        }
        names.push((name, item.span));
    }
    Some(names)
}

/// The kernel's name of a function; `portable`: `sys_write` is a system call.
pub(super) fn function(walk: &mut Walk<'_>, name: &str, span: Span, portable: bool) -> Option<Function> {
    let unsupported = |walk: &mut Walk<'_>, message: String, help: String| {
        walk.push(
            Diagnostic::new(Code::UnsupportedCall, span, message)
                .label("known, not supported here")
                .help(help),
        );
        None
    };
    if let Some((abi, function)) = name.split_once('/')
        && function.starts_with("sys_")
    {
        let (abi, function) = (printable(abi), printable(function));
        return unsupported(
            walk,
            format!("`{abi}/{function}` is a system call of one ABI"),
            format!("write `{function}`; calls by another ABI are reported as a gap of the hook"),
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
    let portable_name = name.strip_prefix("sys_").filter(|_| portable);
    let longest = KSYM_NAME_BYTES - portable_name.map_or(0, |_| SYSCALL_PREFIX.len() - "sys_".len());
    if !name.starts_with(first) || !name.chars().all(symbol) || name.len() >= longest {
        walk.push(
            Diagnostic::new(Code::CallName, span, format!("`{}` is not a function name", printable(name)))
                .help("use a name as /proc/kallsyms has it, such as `__x64_sys_write` or `security_file_permission`"),
        );
        return None;
    }
    if let Some(prefix) = FOREIGN_SYSCALL_PREFIXES.iter().find(|prefix| name.starts_with(**prefix)) {
        return unsupported(
            walk,
            format!("`{}` is a system call of another calling convention", printable(name)),
            format!("only 64-bit x86 system calls (`{SYSCALL_PREFIX}…`) are read, not `{prefix}…`"),
        );
    }
    if let Some(meant) = portable_name.and_then(mistyped_system_call) {
        walk.push(
            Diagnostic::new(Code::UnknownName, span, format!("`{}` is not a system call", printable(name)))
                .help(format!("did you mean `sys_{meant}`?")),
        );
        return None;
    }
    Some(match portable_name {
        // The name of the call on every architecture; here it has this one.
        Some(plain) => Function { name: format!("{SYSCALL_PREFIX}{plain}"), every_abi: true },
        None => Function { name: name.to_owned(), every_abi: false },
    })
}

/// Whether `syscall: false` is written: then `sys_imageblit` is an ordinary kernel function that happens to be called so.
pub(super) fn is_plain(fields: &Fields<'_>) -> bool {
    fields.get("syscall").is_some_and(|node| node.value == Value::Bool(false))
}

/// `syscall` defaults to true. A wrong flag reads every argument from the wrong place, so it has to fit the name.
pub(super) fn is_syscall(walk: &mut Walk<'_>, fields: &Fields<'_>, name: &str, span: Span) -> Option<bool> {
    let written = fields.get("syscall");
    let flag = walk.boolean(fields, "syscall", true)?;
    if flag == name.starts_with(SYSCALL_PREFIX) {
        return Some(flag);
    }
    let system_call = Domain::SystemCall.number(name).is_some();
    let name = printable(name);
    let found = match written {
        _ if flag && system_call => Diagnostic::new(
            Code::SyscallFlag,
            span,
            format!("`{name}` is the name of a system call, not of its function"),
        )
        .label("no system call by this name in the kernel")
        .help(format!("write `call: sys_{name}`, or `syscall: false` for a kernel function of this name")),
        None => Diagnostic::new(Code::SyscallFlag, span, format!("`{name}` is not a system call"))
            .label("`syscall` is true unless written")
            .help("add `syscall: false`; otherwise its arguments would be read from the wrong place"),
        Some(node) if flag => Diagnostic::new(
            Code::SyscallFlag,
            node.span,
            format!("`{name}` is not a system call"),
        )
        .label("says that it is one")
        .also(span, "an ordinary function")
        .help(
            "write `syscall: false`; only `__x64_sys_…` functions take their arguments from saved registers",
        ),
        Some(node) => Diagnostic::new(Code::SyscallFlag, node.span, format!("`{name}` is a system call"))
            .label("says that it is none")
            .also(span, "takes its arguments from saved registers")
            .help("write `syscall: true` or remove the key"),
    };
    walk.push(found);
    None
}
