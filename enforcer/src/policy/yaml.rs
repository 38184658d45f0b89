//! A policy as text that reads back as the same policy: for decoded bytes, and for generated policies that failed.
//!
//! Macros and lists are written out, numbers in decimal, and arguments of filters by their position in `args`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::ast::{
    Action, Arg, ArgFilter, ArgSource, ArgType, BinaryFilter, CapabilityFilter, Hook, HookPoint, NamespaceId,
    Operator, OverrideMethod, Policy, Selector, TypeClass, UserPlace, Values,
};
use super::entry;
use super::names::Domain;
use super::schema::{API_VERSION, KIND, NAMESPACED_KIND};
use super::validate::{HOST_NAMESPACE, LIST_PREFIX, SCOPES, SOURCES, written_network, written_steps};

/// The policy as a document of its own, without a document marker. Ends with a newline.
#[must_use]
pub fn print(policy: &Policy) -> String {
    let mut out = Text::default();
    out.line(0, format_args!("apiVersion: {API_VERSION}"));
    let kind = if policy.namespace.is_some() { NAMESPACED_KIND } else { KIND };
    out.line(0, format_args!("kind: {kind}"));
    out.line(0, format_args!("metadata:"));
    out.line(1, format_args!("name: {}", quoted(&policy.name.value)));
    if let Some(namespace) = &policy.namespace {
        out.line(1, format_args!("namespace: {}", quoted(namespace)));
    }
    out.line(0, format_args!("spec:"));
    options(&mut out, policy);
    if !policy.enforcers.is_empty() {
        let calls: Vec<_> = policy.enforcers.iter().map(|call| quoted(&call.value)).collect();
        out.line(1, format_args!("enforcers:"));
        out.line(1, format_args!("- calls: [{}]", calls.join(", ")));
    }
    lists(&mut out, policy);
    for key in ["kprobes", "tracepoints", "lsmhooks", "fentries", "uprobes", "usdts"] {
        let mut hooks = policy.hooks.iter().filter(|hook| hook.point.key() == key).peekable();
        if hooks.peek().is_some() {
            out.line(1, format_args!("{key}:"));
            hooks.for_each(|one| hook(&mut out, one));
        }
    }
    out.0
}

#[derive(Default)]
struct Text(String);

impl Text {
    fn line(&mut self, level: usize, text: std::fmt::Arguments<'_>) {
        self.0.push_str(&"  ".repeat(level));
        self.0.push_str(&text.to_string());
        self.0.push('\n');
    }

    fn flag(&mut self, level: usize, key: &str, set: bool) {
        if set {
            self.line(level, format_args!("{key}: true"));
        }
    }

    fn text(&mut self, level: usize, key: &str, value: Option<&String>) {
        if let Some(value) = value {
            self.line(level, format_args!("{key}: {}", quoted(value)));
        }
    }

    fn values(&mut self, level: usize, values: impl IntoIterator<Item = String>) {
        self.line(level, format_args!("values:"));
        for value in values {
            self.line(level, format_args!("- {value}"));
        }
    }
}

fn options(out: &mut Text, policy: &Policy) {
    let options = &policy.options;
    let mut written = Vec::new();
    if let Some(monitor) = options.monitor {
        written.push(("policy-mode", if monitor { "monitor" } else { "enforce" }));
    }
    if let Some(method) = options.override_method {
        let value = match method {
            OverrideMethod::FmodRet => "fmod-ret",
            OverrideMethod::OverrideReturn => "override-return",
            OverrideMethod::Lsm => "lsm",
        };
        written.push(("override-method", value));
    }
    if options.disable_kprobe_multi {
        written.push(("disable-kprobe-multi", "1"));
    }
    if !written.is_empty() {
        out.line(1, format_args!("options:"));
    }
    for (name, value) in written {
        out.line(1, format_args!("- name: {name}"));
        out.line(2, format_args!("value: \"{value}\""));
    }
}

/// The lists that the kernel's functions are found by; all others are written out where they are used.
fn lists(out: &mut Text, policy: &Policy) {
    let mut written: Vec<&str> = Vec::new();
    for hook in &policy.hooks {
        let HookPoint::Functions { pattern, .. } = &hook.point else { continue };
        let name = hook.name.value.strip_prefix(LIST_PREFIX).unwrap_or(&hook.name.value);
        if written.contains(&name) {
            continue;
        }
        if written.is_empty() {
            out.line(1, format_args!("lists:"));
        }
        written.push(name);
        out.line(1, format_args!("- name: {}", quoted(name)));
        out.line(2, format_args!("type: generated_ftrace"));
        out.line(2, format_args!("pattern: {}", quoted(pattern)));
    }
}

fn hook(out: &mut Text, hook: &Hook) {
    let function = |out: &mut Text, function: &str, syscall: bool, returns: bool| {
        // The portable name where it was written, so that it stays one.
        let portable = entry::portable(&hook.name.value);
        let written = portable.is_some_and(|portable| portable.function == function) && syscall;
        let name = if written { &hook.name.value } else { function };
        out.line(1, format_args!("- call: {}", quoted(name)));
        out.line(2, format_args!("syscall: {syscall}"));
        out.flag(2, "return", returns);
    };
    match &hook.point {
        HookPoint::Kprobe { function: name, syscall, returns, .. }
        | HookPoint::Fentry { function: name, syscall, returns } => function(out, name, *syscall, *returns),
        HookPoint::Tracepoint { subsystem, event, raw } => {
            out.line(1, format_args!("- subsystem: {}", quoted(subsystem)));
            out.line(2, format_args!("event: {}", quoted(event)));
            out.flag(2, "raw", *raw);
        }
        HookPoint::Lsm { hook } => out.line(1, format_args!("- hook: {}", quoted(hook))),
        HookPoint::Functions { returns, .. } => {
            out.line(1, format_args!("- call: {}", quoted(&hook.name.value)));
            out.line(2, format_args!("syscall: false"));
            out.flag(2, "return", *returns);
        }
        HookPoint::Uprobe { path, place, returns } => {
            out.line(1, format_args!("- path: {}", quoted(path)));
            match place {
                UserPlace::Symbol(symbol) => out.line(2, format_args!("symbols: [{}]", quoted(symbol))),
                UserPlace::Offset(offset) => out.line(2, format_args!("offsets: [{offset}]")),
                UserPlace::Address(address) => out.line(2, format_args!("addrs: [{address}]")),
            }
            out.flag(2, "return", *returns);
        }
        HookPoint::Usdt { path, provider, name } => {
            out.line(1, format_args!("- path: {}", quoted(path)));
            out.line(2, format_args!("provider: {}", quoted(provider)));
            out.line(2, format_args!("name: {}", quoted(name)));
        }
    }
    out.text(2, "message", hook.message.as_ref());
    if !hook.tags.is_empty() {
        let tags: Vec<_> = hook.tags.iter().map(|tag| quoted(tag)).collect();
        out.line(2, format_args!("tags: [{}]", tags.join(", ")));
    }
    if hook.may_be_missing {
        out.line(2, format_args!("ignore:"));
        out.line(3, format_args!("callNotFound: true"));
    }
    let data_start = data_start(hook);
    let (args, data) = hook.args.split_at(data_start);
    for (key, list) in [("args", args), ("data", data)] {
        if !list.is_empty() {
            out.line(2, format_args!("{key}:"));
            list.iter().for_each(|one| arg(out, one));
        }
    }
    if let Some(returned) = &hook.returned {
        out.line(2, format_args!("returnArg:"));
        out.line(3, format_args!("type: {}", returned.ty.name()));
        out.text(3, "label", returned.label.as_ref());
    }
    if !hook.selectors.is_empty() {
        out.line(2, format_args!("selectors:"));
    }
    for one in &hook.selectors {
        selector(out, one, hook, data_start);
    }
}

/// Position of the first data entry.
fn data_start(hook: &Hook) -> usize {
    let is_data = |arg: &Arg| !matches!(arg.source, ArgSource::Argument(_));
    hook.args.iter().position(is_data).unwrap_or(hook.args.len())
}

fn arg(out: &mut Text, arg: &Arg) {
    match arg.source {
        ArgSource::Argument(index) => out.line(2, format_args!("- index: {index}")),
        source => {
            let name = SOURCES.iter().find(|(_, known)| *known == source).map_or("", |(name, _)| name);
            out.line(2, format_args!("- source: {name}"));
        }
    }
    out.line(3, format_args!("type: {}", arg.ty.name()));
    if let Some(size) = arg.size_arg {
        out.line(3, format_args!("sizeArgIndex: {}", u32::from(size) + 1));
    }
    if !arg.resolve.is_empty() {
        out.line(3, format_args!("resolve: {}", quoted(&written_steps(&arg.resolve))));
    }
    out.flag(3, "returnCopy", arg.return_copy);
    out.flag(3, "maxData", arg.max_data);
    out.text(3, "label", arg.label.as_ref());
}

fn selector(out: &mut Text, selector: &Selector, hook: &Hook, data_start: usize) {
    // A key without an entry below would be nothing, so the first line is one that is always there.
    actions(out, "- matchActions", &selector.actions, hook);
    if !selector.return_actions.is_empty() {
        actions(out, "  matchReturnActions", &selector.return_actions, hook);
    }
    out.text(3, "label", selector.label.as_ref());
    out.flag(3, "required", selector.required);
    if !selector.pids.is_empty() {
        out.line(3, format_args!("matchPIDs:"));
    }
    for filter in &selector.pids {
        out.line(3, format_args!("- operator: {}", member(filter.negated)));
        out.flag(4, "isNamespacePID", filter.namespace);
        out.flag(4, "followForks", filter.follow_forks);
        out.values(4, filter.values.iter().map(u32::to_string));
    }
    binaries(out, "matchBinaries", &selector.binaries);
    binaries(out, "matchParentBinaries", &selector.parent_binaries);
    if !selector.namespaces.is_empty() {
        out.line(3, format_args!("matchNamespaces:"));
    }
    for filter in &selector.namespaces {
        out.line(3, format_args!("- namespace: {}", filter.namespace.name()));
        out.line(4, format_args!("operator: {}", member(filter.negated)));
        let written = |id: &NamespaceId| match id {
            NamespaceId::Host => HOST_NAMESPACE.to_owned(),
            NamespaceId::Number(number) => number.to_string(),
        };
        out.values(4, filter.values.iter().map(written));
    }
    if !selector.namespace_changes.is_empty() {
        out.line(3, format_args!("matchNamespaceChanges:"));
    }
    for filter in &selector.namespace_changes {
        out.line(3, format_args!("- operator: {}", member(filter.negated)));
        out.values(4, filter.values.iter().map(|namespace| namespace.name().to_owned()));
    }
    capabilities(out, "matchCapabilities", &selector.capabilities);
    capabilities(out, "matchCapabilityChanges", &selector.capability_changes);
    let split = selector.args.iter().position(|filter| filter.arg >= data_start);
    let (args, data) = selector.args.split_at(split.unwrap_or(selector.args.len()));
    filters(out, "matchArgs", args, 0, |at| hook.args.get(at));
    filters(out, "matchData", data, data_start, |at| hook.args.get(at));
    filters(out, "matchReturnArgs", &selector.return_args, 0, |_| hook.returned.as_ref());
}

const fn member(negated: bool) -> &'static str {
    if negated { "NotIn" } else { "In" }
}

fn binaries(out: &mut Text, key: &str, filters: &[BinaryFilter]) {
    if !filters.is_empty() {
        out.line(3, format_args!("{key}:"));
    }
    for filter in filters {
        out.line(3, format_args!("- operator: {}", filter.op.name()));
        out.flag(4, "followChildren", filter.follow_children);
        out.values(4, filter.values.iter().map(|value| bytes(value)));
    }
}

fn capabilities(out: &mut Text, key: &str, filters: &[CapabilityFilter]) {
    if !filters.is_empty() {
        out.line(3, format_args!("{key}:"));
    }
    for filter in filters {
        out.line(3, format_args!("- type: {}", filter.set.name()));
        out.line(4, format_args!("operator: {}", member(filter.negated)));
        out.flag(4, "isNamespaceCapability", filter.namespaced);
        let held = (0..u64::BITS).filter(|bit| filter.mask >> bit & 1 == 1);
        out.values(4, held.map(|bit| Domain::Capability.name(bit.into()).unwrap_or_else(|| bit.to_string())));
    }
}

fn filters<'h>(
    out: &mut Text,
    key: &str,
    filters: &[ArgFilter],
    first: usize,
    subject: impl Fn(usize) -> Option<&'h Arg>,
) {
    if !filters.is_empty() {
        out.line(3, format_args!("{key}:"));
    }
    for filter in filters {
        let position = filter.arg.saturating_sub(first);
        match filter.values {
            Values::Other(other) => {
                out.line(3, format_args!("- args: [{position}, {}]", other.saturating_sub(first)));
            }
            _ => out.line(3, format_args!("- args: [{position}]")),
        }
        out.line(4, format_args!("operator: {}", filter.op.name()));
        let ty = subject(filter.arg).map_or(ArgType::Uint64, |arg| arg.ty);
        let number = |value: u64| written_number(filter.op, ty, value);
        match &filter.values {
            Values::None | Values::Other(_) => {}
            Values::Integers(values) => out.values(4, values.iter().map(|value| number(*value))),
            Values::Ranges(values) => out.values(
                4,
                values.iter().map(|(low, high)| {
                    if low == high { number(*low) } else { format!("\"{}:{}\"", number(*low), number(*high)) }
                }),
            ),
            Values::Strings(values) => out.values(4, values.iter().map(|value| bytes(value))),
            Values::Networks(values) => {
                out.values(4, values.iter().map(|network| quoted(&written_network(network))));
            }
        }
    }
}

fn written_number(op: Operator, ty: ArgType, value: u64) -> String {
    match (op, ty.class()) {
        (Operator::FileType | Operator::NotFileType, _) => {
            Domain::FileType.name(value).unwrap_or_else(|| value.to_string())
        }
        (_, TypeClass::Integer { signed: true, .. }) => value.cast_signed().to_string(),
        _ => value.to_string(),
    }
}

fn actions(out: &mut Text, key: &str, actions: &[Action], hook: &Hook) {
    out.line(2, format_args!("{key}:"));
    // The number by which the language names an argument of the function.
    let index = |at: usize| match hook.args.get(at).map(|arg| arg.source) {
        Some(ArgSource::Argument(index)) => usize::from(index),
        _ => at,
    };
    for action in actions {
        out.line(3, format_args!("- action: {}", action.name()));
        match *action {
            Action::NoPost | Action::Sigkill => {}
            Action::Post(post) => {
                if post.rate_limit_ms > 0 {
                    let (time, unit) = match post.rate_limit_ms {
                        time if time % 1000 == 0 => (time / 1000, "s"),
                        time => (time, "ms"),
                    };
                    let scope =
                        SCOPES.iter().find(|(_, scope)| *scope == post.scope).map_or("", |(name, _)| name);
                    out.line(4, format_args!("rateLimit: {time}{unit}"));
                    out.line(4, format_args!("rateLimitScope: {scope}"));
                }
                out.flag(4, "kernelStackTrace", post.kernel_stack);
                out.flag(4, "userStackTrace", post.user_stack);
            }
            Action::Signal(signal) => out.line(4, format_args!("argSig: {signal}")),
            Action::Override(error) => out.line(4, format_args!("argError: {error}")),
            Action::FollowFd(args) | Action::UnfollowFd(args) | Action::CopyFd(args) => {
                out.line(4, format_args!("argFd: {}", index(args.fd)));
                out.line(4, format_args!("argName: {}", index(args.name)));
            }
            Action::NotifyEnforcer(told) => {
                out.line(4, format_args!("argError: {}", told.error));
                if told.signal != 0 {
                    out.line(4, format_args!("argSig: {}", told.signal));
                }
            }
            Action::TrackSock(at) | Action::UntrackSock(at) => {
                out.line(4, format_args!("argSock: {}", index(at)));
            }
            Action::Set { index, value } => {
                out.line(4, format_args!("argIndex: {index}"));
                out.line(4, format_args!("argValue: {value}"));
            }
        }
    }
}

/// A text in double quotes, every character that could be anything else escaped.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            ' '..='~' => out.push(c),
            '\0'..='\u{ff}' => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            '\u{100}'..='\u{ffff}' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            _ => out.push_str(&format!("\\U{:08x}", u32::from(c))),
        }
    }
    out.push('"');
    out
}

fn bytes(value: &[u8]) -> String {
    match std::str::from_utf8(value) {
        Ok(text) => quoted(text),
        Err(_) => format!("!!binary \"{}\"", STANDARD.encode(value)),
    }
}

#[cfg(test)]
#[path = "yaml_tests.rs"]
mod tests;
