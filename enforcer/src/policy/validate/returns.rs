//! What a hook reads when the function returns: `return`, `returnArg`, `returnArgAction`.

use super::args::{self, Place, arg_type, small_number};
use super::text::optional_text;
use super::walk::{Fields, Walk, closest, printable};
use crate::policy::ast::{Arg, ArgSource, ArgType};
use crate::policy::code::Code;
use crate::policy::diag::Diagnostic;
use crate::policy::schema::RETURN_ARG;

/// Values of returnArgAction; only the first, the default, has a place in a policy here: nothing would follow the socket.
const RETURN_ACTIONS: &[&str] = &["Post", "TrackSock", "UntrackSock"];

/// Whether and how the return is looked at.
#[derive(Default)]
pub(super) struct Returns {
    pub(super) returns: bool,
    pub(super) arg: Option<Arg>,
}

pub(super) fn returns(walk: &mut Walk<'_>, fields: &Fields<'_>, place: Place) -> Option<Returns> {
    let returns = walk.boolean(fields, "return", false);
    let arg = match fields.get("returnArg") {
        None => Some(None),
        Some(node) => (|| {
            let own = walk.mapping(node, &RETURN_ARG)?;
            if let Some(node) = own.get("index") {
                small_number(walk, node, "index", 0..=0, Code::ArgIndex, "a function returns one value")?;
            }
            let (label, ty) = (optional_text(walk, &own, "label"), arg_type(walk, &own));
            let (label, ty) = (label?, ty?);
            if matches!(ty, ArgType::CharBuf | ArgType::CharIovec) {
                walk.push(
                    Diagnostic::new(
                        Code::SizeArg,
                        node.span,
                        format!("no function returns a `{}`", ty.name()),
                    )
                    .label("no argument says how long it is")
                    .help("list the buffer under `args` with `returnCopy: true`"),
                );
                return None;
            }
            let arg = Arg {
                source: ArgSource::Returned,
                ty,
                size_arg: None,
                resolve: Vec::new(),
                return_copy: false,
                max_data: false,
                label,
                span: node.span,
            };
            args::of_caller(walk, &arg, place)?;
            Some(Some(arg))
        })(),
    };
    let action = action(walk, fields);
    let (returns, arg) = (returns?, arg?);
    action?;
    for key in ["returnArg", "returnArgAction"] {
        if !returns && let Some(span) = fields.get(key).and(fields.key_span(key)) {
            walk.push(
                Diagnostic::new(Code::ReturnKeys, span, format!("`{key}`, and the return is not looked at"))
                    .label("would never be used")
                    .help("add `return: true`"),
            );
            return None;
        }
    }
    Some(Returns { returns, arg })
}

/// `Post` is what happens anyway.
fn action(walk: &mut Walk<'_>, fields: &Fields<'_>) -> Option<()> {
    let Some(node) = fields.get("returnArgAction") else { return Some(()) };
    let name = walk.text(node, "`returnArgAction`")?;
    if name == "Post" {
        return Some(());
    }
    if RETURN_ACTIONS.contains(&name) {
        walk.push(
            Diagnostic::new(
                Code::UnsupportedAction,
                node.span,
                format!("returnArgAction `{name}` is known, not supported here"),
            )
            .label("the socket that the function returns is not followed by this version")
            .help(
                "leave it out for events alone; `matchActions` reads the action, for an argument of the call",
            ),
        );
        return None;
    }
    let help = match closest(name, RETURN_ACTIONS) {
        Some(close) => format!("did you mean `{close}`?"),
        None => "only `Post` is read, which is the default".to_owned(),
    };
    walk.push(
        Diagnostic::new(
            Code::UnknownAction,
            node.span,
            format!("unknown returnArgAction `{}`", printable(name)),
        )
        .help(help),
    );
    None
}
