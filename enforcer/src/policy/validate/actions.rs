//! `matchActions` and `matchReturnActions`: what happens on a match, with every action's own arguments.

use quell_wire::limits::{MAX_ACTIONS, MAX_ARGS};

use super::args::small_number;
use super::filter::{Subjects, argument};
use super::number;
use super::process::unknown;
use super::walk::{Fields, Walk, closest, limit, listed, printable};
use crate::policy::ast::{
    Action, ActionKind, Arg, ArgSource, ArgType, FdArgs, Notification, Post, RateScope,
};
use crate::policy::code::Code;
use crate::policy::diag::Diagnostic;
use crate::policy::names::{Domain, LAST_ERROR, LAST_SIGNAL};
use crate::policy::raw::{Node, Value};
use crate::policy::schema::ACTION;
use crate::policy::source::Span;
use crate::policy::typing::ACTIONS;

/// Scopes of a rate limit.
pub(in crate::policy) const SCOPES: &[(&str, RateScope)] =
    &[("thread", RateScope::Thread), ("process", RateScope::Process), ("global", RateScope::Global)];

/// The arguments of each kind of action: those that it must have, and those that it may have.
#[must_use]
pub(in crate::policy) const fn arguments(
    kind: ActionKind,
) -> (&'static [&'static str], &'static [&'static str]) {
    match kind {
        ActionKind::Post => (&[], &["rateLimit", "rateLimitScope", "kernelStackTrace", "userStackTrace"]),
        ActionKind::NoPost | ActionKind::Sigkill => (&[], &[]),
        ActionKind::Signal => (&["argSig"], &[]),
        ActionKind::Override => (&["argError"], &[]),
        ActionKind::FollowFd | ActionKind::UnfollowFd | ActionKind::CopyFd => (&["argFd", "argName"], &[]),
        ActionKind::NotifyEnforcer => (&[], &["argError", "argSig"]),
        ActionKind::TrackSock | ActionKind::UntrackSock => (&[], &["argSock"]),
        ActionKind::Set => (&["argIndex", "argValue"], &[]),
    }
}

/// Reads a list of actions; none when the key is absent.
pub(super) fn actions(
    walk: &mut Walk<'_>,
    fields: &Fields<'_>,
    key: &str,
    subjects: &Subjects<'_, '_>,
) -> Option<Vec<Action>> {
    let mut seen: Vec<(ActionKind, Span)> = Vec::new();
    walk.entries(fields, key, limit(MAX_ACTIONS), |walk, node| {
        let fields = walk.mapping(node, &ACTION)?;
        let named = walk.required(&fields, "action")?;
        let kind = kind(walk, named)?;
        if let Some((_, first)) = seen.iter().find(|(earlier, _)| *earlier == kind) {
            walk.push(
                Diagnostic::new(
                    Code::DuplicateAction,
                    named.span,
                    format!("`{}` is given twice", kind.name()),
                )
                .label("second time")
                .also(*first, "first time")
                .help("give every action once"),
            );
            return None;
        }
        seen.push((kind, named.span));
        arguments_fit(walk, &fields, kind)?;
        action(walk, &fields, kind, subjects)
    })
}

fn kind(walk: &mut Walk<'_>, node: &Node) -> Option<ActionKind> {
    let name = walk.text(node, "`action`")?;
    match ACTIONS.iter().find(|(known, _)| *known == name) {
        Some((_, Some(kind))) => return Some(*kind),
        Some((known, None)) => walk.push(
            Diagnostic::new(
                Code::UnsupportedAction,
                node.span,
                format!("action `{known}` is known, not supported here"),
            )
            .label("not implemented by this version")
            .help(format!("actions read here: {}", listed(&ActionKind::ALL.map(ActionKind::name)))),
        ),
        None => {
            let known: Vec<_> = ACTIONS.iter().map(|(name, _)| *name).collect();
            let help = match closest(name, &known) {
                Some(close) => format!("did you mean `{close}`?"),
                None => format!("actions read here: {}", listed(&ActionKind::ALL.map(ActionKind::name))),
            };
            walk.push(
                Diagnostic::new(
                    Code::UnknownAction,
                    node.span,
                    format!("unknown action `{}`", printable(name)),
                )
                .help(help),
            );
        }
    }
    None
}

/// An argument that an action does not use would be a wish that nobody grants.
fn arguments_fit(walk: &mut Walk<'_>, fields: &Fields<'_>, kind: ActionKind) -> Option<()> {
    let (must, may) = arguments(kind);
    let mut fits = !fields.has_unsupported;
    for (key, span, _) in fields.entries() {
        if *key == "action" || must.contains(key) || may.contains(key) {
            continue;
        }
        fits = false;
        let known: Vec<_> = must.iter().chain(may).copied().collect();
        walk.push(
            Diagnostic::new(
                Code::ActionArgument,
                *span,
                format!("`{key}` is no argument of {}", kind.name()),
            )
            .label("of no use here")
            .help(format!("remove it; arguments of {}: {}", kind.name(), listed(&known))),
        );
    }
    for key in must {
        if fields.get(key).is_none() {
            fits = false;
            walk.push(
                Diagnostic::new(Code::ActionArgument, fields.span, format!("{} needs `{key}`", kind.name()))
                    .label("is missing here")
                    .help(format!("add `{key}:`")),
            );
        }
    }
    fits.then_some(())
}

fn action(
    walk: &mut Walk<'_>,
    fields: &Fields<'_>,
    kind: ActionKind,
    subjects: &Subjects<'_, '_>,
) -> Option<Action> {
    let mut position = |key: &str| fields.get(key).and_then(|node| argument(walk, node, subjects, false));
    Some(match kind {
        ActionKind::NoPost => Action::NoPost,
        ActionKind::Sigkill => Action::Sigkill,
        ActionKind::FollowFd | ActionKind::UnfollowFd | ActionKind::CopyFd => {
            let (fd, name) = (position("argFd"), position("argName"));
            let args = FdArgs { fd: fd?, name: name? };
            match kind {
                ActionKind::FollowFd => Action::FollowFd(args),
                ActionKind::UnfollowFd => Action::UnfollowFd(args),
                _ => Action::CopyFd(args),
            }
        }
        ActionKind::TrackSock => Action::TrackSock(socket(walk, fields, kind, subjects)?),
        ActionKind::UntrackSock => Action::UntrackSock(socket(walk, fields, kind, subjects)?),
        ActionKind::Post => Action::Post(post(walk, fields)?),
        ActionKind::Signal => Action::Signal(signal(walk, fields.get("argSig")?)?),
        ActionKind::Override => Action::Override(error(walk, fields.get("argError")?)?),
        ActionKind::NotifyEnforcer => {
            let error = fields.get("argError").map(|node| error(walk, node));
            let signal = fields.get("argSig").map(|node| signal(walk, node));
            if error.is_none() && signal.is_none() {
                walk.push(
                    Diagnostic::new(Code::ActionArgument, fields.span, "NotifyEnforcer would do nothing")
                        .label("neither `argError` nor `argSig`")
                        .help("add what the enforcer is to do"),
                );
                return None;
            }
            Action::NotifyEnforcer(Notification {
                error: error.unwrap_or(Some(0))?,
                signal: signal.unwrap_or(Some(0))?,
            })
        }
        ActionKind::Set => {
            let why = "arguments count from 0";
            let index = fields
                .get("argIndex")
                .and_then(|node| small_number(walk, node, "argIndex", 0..=MAX_ARGS - 1, Code::ArgIndex, why));
            let value = fields.get("argValue").and_then(|node| {
                let value = walk.integer(node, "`argValue`")?;
                let fits = u32::try_from(value).ok();
                if fits.is_none() {
                    walk.push(
                        Diagnostic::new(Code::IntegerRange, node.span, format!("{value} cannot be written"))
                            .help(format!("values of 32 bits are 0 to {}", u32::MAX)),
                    );
                }
                fits
            });
            Action::Set { index: index?, value: value? }
        }
    })
}

/// Position in `args` of the socket of an action: argument 0 of the function unless `argSock` names another.
fn socket(
    walk: &mut Walk<'_>,
    fields: &Fields<'_>,
    kind: ActionKind,
    subjects: &Subjects<'_, '_>,
) -> Option<usize> {
    if let Some(node) = fields.get("argSock") {
        return argument(walk, node, subjects, false);
    }
    let args = subjects.args?.get(..subjects.data_start)?;
    let first = |arg: &Arg| arg.source == ArgSource::Argument(0) && arg.ty == ArgType::Sock;
    let found = args.iter().position(first);
    if found.is_none() {
        walk.push(
            Diagnostic::new(Code::ActionArgument, fields.span, format!("{} needs `argSock`", kind.name()))
                .label("argument 0 is not read as a `sock`")
                .help("add `argSock:` with the position of the socket in the function"),
        );
    }
    found
}

/// A number by digits or name; `None`, with a finding, for anything else.
fn numbered(walk: &mut Walk<'_>, node: &Node, domain: Domain) -> Option<i128> {
    let number = match &node.value {
        Value::Integer(value) => Some(*value),
        Value::Text(text) => {
            let (negative, name) = match (domain, text.strip_prefix('-')) {
                (Domain::Error, Some(name)) => (true, name),
                // An error is returned as a negative number; its name alone means the same.
                (Domain::Error, None) => (true, text.as_str()),
                _ => (false, text.as_str()),
            };
            let named =
                domain.number(name).map(|number| if negative { -i128::from(number) } else { number.into() });
            named.or_else(|| number::parse(text).ok())
        }
        _ => None,
    };
    if number.is_none() {
        unknown(walk, node, domain);
    }
    number
}

fn signal(walk: &mut Walk<'_>, node: &Node) -> Option<u32> {
    let number = numbered(walk, node, Domain::Signal)?;
    let signal = u32::try_from(number).ok().filter(|signal| (1..=LAST_SIGNAL).contains(&u64::from(*signal)));
    if signal.is_none() {
        walk.push(
            Diagnostic::new(Code::IntegerRange, node.span, format!("{number} is not a signal"))
                .help(format!("signals are 1 to {LAST_SIGNAL}")),
        );
    }
    signal
}

fn error(walk: &mut Walk<'_>, node: &Node) -> Option<i32> {
    let number = numbered(walk, node, Domain::Error)?;
    let allowed = -i128::from(LAST_ERROR)..=0;
    let error = i32::try_from(number).ok().filter(|_| allowed.contains(&number));
    if error.is_none() {
        walk.push(
            Diagnostic::new(
                Code::IntegerRange,
                node.span,
                format!("{number} is not what a failing call returns"),
            )
            .help(format!("write a negative error such as -1 or `-EPERM`, down to -{LAST_ERROR}, or 0")),
        );
    }
    error
}

fn post(walk: &mut Walk<'_>, fields: &Fields<'_>) -> Option<Post> {
    let rate_limit = fields.get("rateLimit").map(|node| rate_limit(walk, node));
    let scope = fields.get("rateLimitScope").map(|node| {
        let name = walk.text(node, "`rateLimitScope`")?;
        let scope = SCOPES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        if scope.is_none() {
            let names: Vec<_> = SCOPES.iter().map(|(name, _)| *name).collect();
            walk.push(
                Diagnostic::new(
                    Code::ActionArgument,
                    node.span,
                    format!("`{}` is not a scope of a rate limit", printable(name)),
                )
                .help(format!("write one of {}", listed(&names))),
            );
        }
        scope.map(|(_, scope)| *scope)
    });
    let kernel_stack = walk.boolean(fields, "kernelStackTrace", false);
    let user_stack = walk.boolean(fields, "userStackTrace", false);
    if rate_limit.is_none()
        && let Some(span) = scope.and(fields.key_span("rateLimitScope"))
    {
        walk.push(
            Diagnostic::new(Code::ActionArgument, span, "`rateLimitScope` without a `rateLimit`")
                .label("of no use here")
                .help("add `rateLimit`, or remove it"),
        );
        return None;
    }
    Some(Post {
        rate_limit_ms: rate_limit.unwrap_or(Some(0))?,
        scope: scope.unwrap_or(Some(RateScope::default()))?,
        kernel_stack: kernel_stack?,
        user_stack: user_stack?,
    })
}

/// A time as `5`, `5s`, `2m`, `1h` or `500ms`, in milliseconds.
fn rate_limit(walk: &mut Walk<'_>, node: &Node) -> Option<u32> {
    let text = match &node.value {
        Value::Text(text) => text.clone(),
        Value::Integer(value) => value.to_string(),
        _ => {
            walk.wrong_kind(node, "`rateLimit` to be a time");
            return None;
        }
    };
    let milliseconds = milliseconds(&text);
    if milliseconds.is_none() {
        walk.push(
            Diagnostic::new(Code::ActionArgument, node.span, format!("`{}` is not a time", printable(&text)))
                .help(
                    "write a number of seconds, or one with `ms`, `s`, `m` or `h` behind it, up to 49 days",
                ),
        );
    }
    milliseconds
}

fn milliseconds(text: &str) -> Option<u32> {
    let (digits, factor) = if let Some(digits) = text.strip_suffix("ms") {
        (digits, 1)
    } else if let Some(digits) = text.strip_suffix('m') {
        (digits, 60_000)
    } else if let Some(digits) = text.strip_suffix('h') {
        (digits, 3_600_000)
    } else {
        (text.strip_suffix('s').unwrap_or(text), 1_000)
    };
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    digits.parse::<u32>().ok()?.checked_mul(factor).filter(|time| *time > 0)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("5", Some(5_000))]
    #[case("5s", Some(5_000))]
    #[case("2m", Some(120_000))]
    #[case("1h", Some(3_600_000))]
    #[case("250ms", Some(250))]
    #[case("4294967295ms", Some(u32::MAX))]
    #[case("4294967296ms", None)]
    #[case("1194h", None)]
    #[case("0", None)]
    #[case("", None)]
    #[case("ms", None)]
    #[case("-1s", None)]
    #[case("1.5s", None)]
    #[case("1d", None)]
    fn times_of_rate_limits(#[case] text: &str, #[case] expected: Option<u32>) {
        assert_eq!(milliseconds(text), expected);
    }
}
