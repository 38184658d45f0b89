//! One entry of `kprobes`, `tracepoints`, `lsmhooks` or `fentries`: where to hook, and what all of them have in common.

use super::args::{self, Place};
use super::call;
use super::filter::Subjects;
use super::lists::Defined;
use super::returns::{self, Returns};
use super::selector;
use super::text::{optional_text, short_text};
use super::walk::{Fields, Walk, limit, printable};
use crate::policy::ast::{Arg, Hook, HookPoint, Selector};
use crate::policy::code::Code;
use crate::policy::diag::Diagnostic;
use crate::policy::raw::Node;
use crate::policy::schema::{FENTRY, IGNORE, KPROBE, LSM, MAX_HOOKS, MAX_TAGS, TRACEPOINT};
use crate::policy::source::{Span, Spanned};
use quell_wire::limits::MAX_SELECTORS;

type Reader = for<'n> fn(&mut Walk<'_>, &'n Node, &Defined<'n>) -> Option<Vec<Hook>>;

/// Every hook of a policy.
pub(super) fn hooks<'n>(walk: &mut Walk<'_>, spec: &Fields<'n>, defined: &Defined<'n>) -> Option<Vec<Hook>> {
    let kinds: [(&str, Reader); 4] =
        [("kprobes", kprobe), ("tracepoints", tracepoint), ("lsmhooks", lsm), ("fentries", fentry)];
    if kinds.iter().all(|(key, _)| spec.get(key).is_none()) {
        if !spec.has_unsupported {
            walk.push(
                Diagnostic::new(Code::MissingKey, spec.span, "spec has no hook")
                    .label("`kprobes`, `tracepoints`, `lsmhooks` or `fentries` is missing here")
                    .help("add `kprobes:` with the functions to watch"),
            );
        }
        // Hooks of another kind were just reported; "kprobes is missing" would be the wrong advice.
        return None;
    }
    let mut all = Some(Vec::new());
    for (key, read) in kinds {
        let Some(node) = spec.get(key) else { continue };
        let items = walk.filled_list(node, &format!("`{key}`"), usize::MAX);
        for item in items.unwrap_or_default() {
            let hooks = read(walk, item, defined);
            all = all.zip(hooks).map(|(mut all, hooks): (Vec<Hook>, _)| {
                all.extend(hooks);
                all
            });
            if let Some(hook) = all.as_ref().and_then(|all| all.get(MAX_HOOKS)) {
                walk.push(
                    Diagnostic::new(
                        Code::ListTooLong,
                        hook.name.span,
                        format!("the policy has more than {MAX_HOOKS} hooks"),
                    )
                    .label("the first one too many")
                    .help("split the policy: hooks are independent of each other"),
                );
                return None;
            }
        }
        if items.is_none() {
            all = None;
        }
    }
    all
}

fn kprobe<'n>(walk: &mut Walk<'_>, node: &'n Node, defined: &Defined<'n>) -> Option<Vec<Hook>> {
    let fields = walk.mapping(node, &KPROBE)?;
    functions(walk, &fields, node.span, defined, |function, syscall, returns, every_abi| HookPoint::Kprobe {
        function,
        syscall,
        returns,
        every_abi,
    })
}

fn fentry<'n>(walk: &mut Walk<'_>, node: &'n Node, defined: &Defined<'n>) -> Option<Vec<Hook>> {
    let fields = walk.mapping(node, &FENTRY)?;
    functions(walk, &fields, node.span, defined, |function, syscall, returns, _| HookPoint::Fentry {
        function,
        syscall,
        returns,
    })
}

/// A hook per function that `call` names.
fn functions<'n>(
    walk: &mut Walk<'_>,
    fields: &Fields<'n>,
    span: Span,
    defined: &Defined<'n>,
    point: impl Fn(String, bool, bool, bool) -> HookPoint,
) -> Option<Vec<Hook>> {
    let named = walk.required(fields, "call").and_then(|node| {
        let names = call::names(walk, node, &defined.lists)?;
        let portable = !call::is_plain(fields);
        let read: Vec<_> = names
            .into_iter()
            .map(|(name, span)| {
                let function = call::function(walk, name, span, portable)?;
                let syscall = call::is_syscall(walk, fields, &function.name, span)?;
                Some((Spanned::new(name.to_owned(), span), function, syscall))
            })
            .collect();
        read.into_iter().collect::<Option<Vec<_>>>()
    });
    // Functions of one list are all system calls or all not, because `syscall` is one for all of them.
    let syscall = named.as_ref().and_then(|named| named.first()).map(|(_, _, syscall)| *syscall);
    let place = Place { syscall: syscall == Some(true), fields_of_tracepoint: false };
    let returns = returns::returns(walk, fields, place);
    let may_be_missing = match fields.get("ignore") {
        None => Some(false),
        Some(node) => {
            walk.mapping(node, &IGNORE).and_then(|ignore| walk.boolean(&ignore, "callNotFound", false))
        }
    };
    let parts = parts(walk, fields, place, returns.as_ref(), defined);
    let (named, returns, may_be_missing, parts) = (named?, returns?, may_be_missing?, parts?);
    let repeated = named.len().saturating_sub(1).saturating_mul(weight(&parts.selectors));
    walk.spend(repeated, span)?;
    let hooks = named.into_iter().map(|(name, function, syscall)| Hook {
        point: point(function.name, syscall, returns.returns, function.every_abi),
        name,
        args: parts.args.clone(),
        returned: returns.arg.clone(),
        selectors: parts.selectors.clone(),
        message: parts.message.clone(),
        tags: parts.tags.clone(),
        may_be_missing,
        span,
    });
    Some(hooks.collect())
}

/// About how much a copy of these costs.
fn weight(selectors: &[Selector]) -> usize {
    let of = |selector: &Selector| {
        let args = selector.args.iter().chain(&selector.return_args).map(|filter| filter.values.len());
        let binaries = selector.binaries.iter().chain(&selector.parent_binaries);
        let binaries = binaries.map(|filter| filter.values.len());
        let namespaces = selector.namespaces.iter().map(|filter| filter.values.len());
        8 + args.sum::<usize>() + binaries.sum::<usize>() + namespaces.sum::<usize>()
    };
    selectors.iter().map(of).sum()
}

fn tracepoint<'n>(walk: &mut Walk<'_>, node: &'n Node, defined: &Defined<'n>) -> Option<Vec<Hook>> {
    let fields = walk.mapping(node, &TRACEPOINT)?;
    let mut word = |key: &str| {
        let node = walk.required(&fields, key)?;
        let text = walk.text(node, &format!("`{key}`"))?;
        hook_name(
            walk,
            text,
            node.span,
            "names are as below /sys/kernel/tracing/events, such as `syscalls` and `sys_enter_write`",
        )?;
        Some(Spanned::new(text.to_owned(), node.span))
    };
    let (subsystem, event) = (word("subsystem"), word("event"));
    let raw = walk.boolean(&fields, "raw", false);
    let place = Place { syscall: false, fields_of_tracepoint: true };
    let parts = parts(walk, &fields, place, Some(&Returns::default()), defined);
    let (event, parts) = (event?, parts?);
    let point = HookPoint::Tracepoint { subsystem: subsystem?.value, event: event.value.clone(), raw: raw? };
    Some(vec![parts.hook(point, event, node.span)])
}

fn lsm<'n>(walk: &mut Walk<'_>, node: &'n Node, defined: &Defined<'n>) -> Option<Vec<Hook>> {
    let fields = walk.mapping(node, &LSM)?;
    let hook = walk.required(&fields, "hook").and_then(|node| {
        let text = walk.text(node, "`hook`")?;
        for prefix in ["security_", "bpf_lsm_"] {
            if let Some(plain) = text.strip_prefix(prefix) {
                walk.push(
                    Diagnostic::new(
                        Code::HookName,
                        node.span,
                        format!("`{}` is a function, not a hook", printable(text)),
                    )
                    .help(format!("write `{}`; for the function itself use `kprobes`", printable(plain))),
                );
                return None;
            }
        }
        hook_name(walk, text, node.span, "hooks of the security modules are named like `file_open`")?;
        Some(Spanned::new(text.to_owned(), node.span))
    });
    let place = Place { syscall: false, fields_of_tracepoint: false };
    let parts = parts(walk, &fields, place, Some(&Returns::default()), defined);
    let (hook, parts) = (hook?, parts?);
    Some(vec![parts.hook(HookPoint::Lsm { hook: hook.value.clone() }, hook, node.span)])
}

fn hook_name(walk: &mut Walk<'_>, text: &str, span: Span, help: &'static str) -> Option<()> {
    const LONGEST: usize = 128;
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !text.is_empty() && text.len() <= LONGEST && text.chars().all(allowed) {
        return Some(());
    }
    walk.push(
        Diagnostic::new(Code::HookName, span, format!("`{}` is not the name of a hook", printable(text)))
            .help(help),
    );
    None
}

/// What every kind of hook has.
struct Parts {
    args: Vec<Arg>,
    selectors: Vec<Selector>,
    message: Option<String>,
    tags: Vec<String>,
}

impl Parts {
    fn hook(self, point: HookPoint, name: Spanned<String>, span: Span) -> Hook {
        Hook {
            point,
            name,
            args: self.args,
            returned: None,
            selectors: self.selectors,
            message: self.message,
            tags: self.tags,
            may_be_missing: false,
            span,
        }
    }
}

fn parts<'n>(
    walk: &mut Walk<'_>,
    fields: &Fields<'n>,
    place: Place,
    returns: Option<&Returns>,
    defined: &Defined<'n>,
) -> Option<Parts> {
    let args = args::args(walk, fields, place);
    let message = optional_text(walk, fields, "message");
    let tags = tags(walk, fields);
    // Filters are checked against the arguments; with wrong ones every filter would be a finding of its own.
    let subjects = Subjects {
        args: args.as_ref().map(|read| read.all.as_slice()),
        data_start: args.as_ref().map_or(0, |read| read.data_start),
        returns,
        lists: Some(&defined.lists),
    };
    let selectors = walk.entries(fields, "selectors", limit(MAX_SELECTORS), |walk, item| {
        selector::selector(walk, item, &subjects, &defined.macros)
    });
    Some(Parts { args: args?.all, selectors: selectors?, message: message?, tags: tags? })
}

fn tags(walk: &mut Walk<'_>, fields: &Fields<'_>) -> Option<Vec<String>> {
    let mut seen = std::collections::HashMap::new();
    walk.entries(fields, "tags", MAX_TAGS, |walk, node| {
        let text = walk.text(node, "a tag")?;
        let tag = short_text(walk, text, node.span, "tag")?;
        if tag.is_empty() {
            walk.push(Diagnostic::new(Code::EmptyText, node.span, "the tag is empty").help("remove it"));
            return None;
        }
        if let Some(first) = seen.insert(tag.clone(), node.span) {
            walk.push(
                Diagnostic::new(Code::DuplicateValue, node.span, "the same tag is given twice")
                    .label("second time")
                    .also(first, "first time")
                    .help("remove one, or correct it"),
            );
            return None;
        }
        Some(tag)
    })
}
