//! One entry of `kprobes`, `tracepoints`, `lsmhooks` or `fentries`: where to hook, and what hooks of every kind have in common.

use super::args;
use super::call::{self, Called};
use super::filter::Subjects;
use super::lists::Defined;
use super::program;
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
    let kinds: [(&str, Reader); 6] = [
        ("kprobes", kprobe),
        ("tracepoints", tracepoint),
        ("lsmhooks", lsm),
        ("fentries", fentry),
        ("uprobes", program::uprobe),
        ("usdts", program::usdt),
    ];
    if kinds.iter().all(|(key, _)| spec.get(key).is_none()) {
        if !spec.has_unsupported {
            walk.push(
                Diagnostic::new(Code::MissingKey, spec.span, "spec has no hook")
                    .label("`kprobes`, `tracepoints`, `lsmhooks`, `fentries`, `uprobes` or `usdts` is missing here")
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
    let point = |place, returns| match place {
        Place::Functions(pattern) => Some(HookPoint::Functions { pattern, returns }),
        Place::Function { function, syscall, every_abi } => {
            Some(HookPoint::Kprobe { function, syscall, returns, every_abi })
        }
    };
    functions(walk, &fields, node.span, defined, point)
}

fn fentry<'n>(walk: &mut Walk<'_>, node: &'n Node, defined: &Defined<'n>) -> Option<Vec<Hook>> {
    let fields = walk.mapping(node, &FENTRY)?;
    let point = |place, returns| match place {
        Place::Function { function, syscall, .. } => Some(HookPoint::Fentry { function, syscall, returns }),
        Place::Functions(_) => None,
    };
    functions(walk, &fields, node.span, defined, point)
}

/// Where one hook of a `call` is.
enum Place {
    Function {
        function: String,
        syscall: bool,
        every_abi: bool,
    },
    /// The pattern of a generated list.
    Functions(String),
}

/// A place by the name that the policy or the list has for it.
type NamedPlace = (Spanned<String>, Place);

/// The places that `call` names, each with its name, and whether a kernel need not have them.
fn places<'n>(
    walk: &mut Walk<'_>,
    fields: &Fields<'n>,
    defined: &Defined<'n>,
) -> Option<(Vec<NamedPlace>, bool)> {
    let node = walk.required(fields, "call")?;
    let (names, generated) = match call::called(walk, node, &defined.lists)? {
        Called::Functions { names, generated } => (names, generated),
        Called::Matching { pattern, name, span } => {
            call::is_plain_in_writing(walk, fields, name, span)?;
            let name = Spanned::new(name.to_owned(), span);
            return Some((vec![(name, Place::Functions(pattern.to_owned()))], false));
        }
    };
    let portable = !call::is_plain(fields);
    let read: Vec<_> = names
        .into_iter()
        .map(|(name, span)| {
            let own = call::function(walk, &name, span, portable)?;
            let syscall = call::is_syscall(walk, fields, &own.name, span)?;
            let place = Place::Function { function: own.name, syscall, every_abi: own.every_abi };
            Some((Spanned::new(name.into_owned(), span), place))
        })
        .collect();
    Some((read.into_iter().collect::<Option<_>>()?, generated))
}

/// A hook per place that `call` names; `point`: what it is, `None` where a kind of hook has no such place.
fn functions<'n>(
    walk: &mut Walk<'_>,
    fields: &Fields<'n>,
    span: Span,
    defined: &Defined<'n>,
    point: impl Fn(Place, bool) -> Option<HookPoint>,
) -> Option<Vec<Hook>> {
    let places = places(walk, fields, defined);
    // Functions of one list are all system calls or all not, because `syscall` is one for all of them.
    let first = places.as_ref().and_then(|(places, _)| places.first());
    let syscall = matches!(first, Some((_, Place::Function { syscall: true, .. })));
    let place = if syscall { args::Place::Syscall } else { args::Place::Function };
    let returns = returns::returns(walk, fields, place);
    let may_be_missing = match fields.get("ignore") {
        None => Some(false),
        Some(node) => {
            walk.mapping(node, &IGNORE).and_then(|ignore| walk.boolean(&ignore, "callNotFound", false))
        }
    };
    let parts = parts(walk, fields, place, returns.as_ref(), defined);
    let ((places, generated), returns, may_be_missing, parts) = (places?, returns?, may_be_missing?, parts?);
    parts.spend(walk, places.len(), span)?;
    let hooks = places.into_iter().map(|(name, place)| {
        let Some(point) = point(place, returns.returns) else {
            walk.push(
                Diagnostic::new(
                    Code::UnsupportedListType,
                    name.span,
                    format!("`{}` is a list of functions by pattern", printable(&name.value)),
                )
                .label("one trampoline is at one function")
                .help("hook them with `kprobes`, or write the functions into `values`"),
            );
            return None;
        };
        let mut hook = parts.clone().hook(point, name, span);
        hook.returned.clone_from(&returns.arg);
        hook.may_be_missing = may_be_missing || generated;
        Some(hook)
    });
    hooks.collect()
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
    let place = if raw == Some(true) { args::Place::RawTracepoint } else { args::Place::Record };
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
    let parts = parts(walk, &fields, args::Place::Function, Some(&Returns::default()), defined);
    let (hook, parts) = (hook?, parts?);
    Some(vec![parts.hook(HookPoint::Lsm { hook: hook.value.clone() }, hook, node.span)])
}

pub(super) fn hook_name(walk: &mut Walk<'_>, text: &str, span: Span, help: &'static str) -> Option<()> {
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
#[derive(Clone)]
pub(super) struct Parts {
    args: Vec<Arg>,
    selectors: Vec<Selector>,
    message: Option<String>,
    tags: Vec<String>,
}

impl Parts {
    /// Accounts for as many hooks with these parts.
    pub(super) fn spend(&self, walk: &mut Walk<'_>, hooks: usize, span: Span) -> Option<()> {
        walk.spend(hooks.saturating_sub(1).saturating_mul(weight(&self.selectors)), span)
    }

    pub(super) fn hook(self, point: HookPoint, name: Spanned<String>, span: Span) -> Hook {
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

pub(super) fn parts<'n>(
    walk: &mut Walk<'_>,
    fields: &Fields<'n>,
    place: args::Place,
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
