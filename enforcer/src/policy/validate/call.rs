//! Names of kernel functions: `call` of a kprobes or fentries entry, members of lists, functions of enforcers.

use std::borrow::Cow;
use std::collections::HashMap;

use super::lists::{self, Content, LIST_PREFIX, Lists};
use super::walk::{Fields, Walk, printable};
use crate::policy::code::Code;
use crate::policy::diag::Diagnostic;
use crate::policy::entry;
use crate::policy::names::{Domain, mistyped_system_call};
use crate::policy::raw::{Node, Value};
use crate::policy::schema::MAX_HOOKS;
use crate::policy::source::Span;

/// Longest kernel symbol with its terminating NUL (KSYM_NAME_LEN, kernel 6.1 on; 128 before).
const KSYM_NAME_BYTES: usize = 512;
/// Wrappers of other architectures.
const FOREIGN_SYSCALL_PREFIXES: &[&str] = &["__arm64_sys_", "__arm64_compat_sys_"];

/// A function as the kernel calls it.
pub(super) struct Function {
    pub(super) name: String,
    /// The policy had the portable name.
    pub(super) every_abi: bool,
}

/// What a `call` stands for.
pub(super) enum Called<'n> {
    /// One function, or all of a list.
    Functions {
        /// Their names.
        names: Vec<(Cow<'n, str>, Span)>,
        /// Nobody wrote them down: a kernel need not have all of them.
        generated: bool,
    },
    /// Every function that a pattern matches.
    Matching {
        /// The pattern, which was checked.
        pattern: &'n str,
        /// `list:NAME`
        name: &'n str,
        /// Where it is used.
        span: Span,
    },
}

/// What a `call` names.
pub(super) fn called<'n>(walk: &mut Walk<'_>, node: &'n Node, lists: &Lists<'n>) -> Option<Called<'n>> {
    let name = walk.text(node, "a function's name")?;
    let Some(list) = name.strip_prefix(LIST_PREFIX) else {
        return Some(Called::Functions { names: vec![(name.into(), node.span)], generated: false });
    };
    let list = lists::find(walk, lists, list, node.span)?;
    // Findings of further uses would not be listed, and what asks for too many of them is not read.
    if walk.is_full() {
        return None;
    }
    match list.content {
        Content::Functions(pattern) => Some(Called::Matching { pattern, name, span: node.span }),
        Content::EverySystemCall => {
            let names: Vec<_> = entry::all_calls().map(|name| (name.into(), node.span)).collect();
            walk.spend(names.len(), node.span)?;
            Some(Called::Functions { names, generated: true })
        }
        Content::Values(values) | Content::SystemCalls(values) => {
            let names = members(walk, values, node.span)?;
            Some(Called::Functions { names, generated: false })
        }
    }
}

/// The names of a list.
fn members<'n>(walk: &mut Walk<'_>, values: &'n [Node], span: Span) -> Option<Vec<(Cow<'n, str>, Span)>> {
    if let Some(over) = values.get(MAX_HOOKS) {
        walk.push(
            Diagnostic::new(
                Code::ListTooLong,
                over.span,
                format!("a list of {} functions, at most {MAX_HOOKS} fit", values.len()),
            )
            .label(format!("entry {}", MAX_HOOKS + 1))
            .help("split the policy: hooks are independent of each other"),
        );
        return None;
    }
    walk.spend(values.len(), span)?;
    let mut names = Vec::with_capacity(values.len());
    let mut seen = HashMap::new();
    for item in values {
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
        names.push((name.into(), item.span));
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
    if let Some((module, function)) = name.split_once(':') {
        let (module, function) = (printable(module), printable(function));
        return unsupported(
            walk,
            format!("`{module}:{function}` names a function of one module"),
            format!("write `{function}` alone if the name is unique"),
        );
    }
    let (abi, plain) = match name.split_once('/') {
        Some((abi, call)) if call.starts_with("sys_") => (Some(abi), call),
        _ => (None, name),
    };
    let meant = entry::portable(name).filter(|_| portable || abi.is_some());
    if let (Some(abi), None) = (abi, &meant) {
        let (abi, call) = (printable(abi), printable(plain));
        return unsupported(
            walk,
            format!("`{abi}/{call}` is a system call of another architecture"),
            format!(
                "write `{call}` for every ABI of this one, `x64/{call}` or `i386/{call}` for one of them"
            ),
        );
    }
    let first = |c: char| c.is_ascii_alphabetic() || c == '_';
    let symbol = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '$');
    let kernels = meant.as_ref().map_or(name, |meant| &meant.function);
    if !plain.starts_with(first) || !plain.chars().all(symbol) || kernels.len() >= KSYM_NAME_BYTES {
        walk.push(
            Diagnostic::new(Code::CallName, span, format!("`{}` is not a function name", printable(name)))
                .help("use a name as /proc/kallsyms has it, such as `__x64_sys_write` or `security_file_permission`"),
        );
        return None;
    }
    if let Some(prefix) = FOREIGN_SYSCALL_PREFIXES.iter().find(|prefix| name.starts_with(**prefix)) {
        return unsupported(
            walk,
            format!("`{}` is a system call of another architecture", printable(name)),
            format!(
                "system calls of x86 are read (`{}…`, `{}…`, `{}…`), not `{prefix}…`",
                entry::NATIVE,
                entry::IA32,
                entry::IA32_COMPAT
            ),
        );
    }
    let Some(meant) = meant else { return Some(Function { name: name.to_owned(), every_abi: false }) };
    if let Some(close) = plain.strip_prefix("sys_").and_then(mistyped_system_call) {
        let abi = abi.map(|abi| format!("{}/", printable(abi))).unwrap_or_default();
        walk.push(
            Diagnostic::new(Code::UnknownName, span, format!("`{}` is not a system call", printable(name)))
                .help(format!("did you mean `{abi}sys_{close}`?")),
        );
        return None;
    }
    Some(Function { name: meant.function, every_abi: meant.every_abi })
}

/// Whether `syscall: false` is written: then `sys_imageblit` is an ordinary kernel function that happens to be called so.
pub(super) fn is_plain(fields: &Fields<'_>) -> bool {
    fields.get("syscall").is_some_and(|node| node.value == Value::Bool(false))
}

/// A list by pattern is of ordinary functions: one flag cannot fit whatever a kernel has.
pub(super) fn is_plain_in_writing(
    walk: &mut Walk<'_>,
    fields: &Fields<'_>,
    name: &str,
    span: Span,
) -> Option<()> {
    if !walk.boolean(fields, "syscall", true)? {
        return Some(());
    }
    let (at, label) = match fields.get("syscall") {
        Some(node) => (node.span, "says that all of them are system calls"),
        None => (span, "`syscall` is true unless written"),
    };
    walk.push(
        Diagnostic::new(
            Code::SyscallFlag,
            at,
            format!("`{}` is a list of functions by pattern", printable(name)),
        )
        .label(label)
        .help(
            "write `syscall: false`; for system calls use a list of type `generated_syscalls` or `syscalls`",
        ),
    );
    None
}

/// `syscall` defaults to true. A wrong flag reads every argument from the wrong place, so it has to fit the name.
pub(super) fn is_syscall(walk: &mut Walk<'_>, fields: &Fields<'_>, name: &str, span: Span) -> Option<bool> {
    let written = fields.get("syscall");
    let flag = walk.boolean(fields, "syscall", true)?;
    if flag == entry::convention(name).is_some() {
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
            "write `syscall: false`; only functions such as `__x64_sys_…` and `__ia32_sys_…` take their arguments from saved registers",
        ),
        Some(node) => Diagnostic::new(Code::SyscallFlag, node.span, format!("`{name}` is a system call"))
            .label("says that it is none")
            .also(span, "takes its arguments from saved registers")
            .help("write `syscall: true` or remove the key"),
    };
    walk.push(found);
    None
}
