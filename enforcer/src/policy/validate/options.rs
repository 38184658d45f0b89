//! `spec.options`: name and value pairs. An unknown name is a mistake, because an option that is ignored is a surprise.

use std::collections::HashMap;

use super::walk::{Fields, Walk, closest, listed, printable};
use crate::policy::ast::{Options, OverrideMethod};
use crate::policy::code::Code;
use crate::policy::diag::Diagnostic;
use crate::policy::raw::{Node, Value};
use crate::policy::schema::OPTION;

/// Options that are read, with their values.
pub(in crate::policy) const OPTIONS: &[(&str, &[&str])] = &[
    ("policy-mode", &["enforce", "monitor"]),
    ("override-method", &["fmod-ret", "override-return", "lsm"]),
    ("disable-kprobe-multi", &["1", "true", "0", "false"]),
];

/// Options of the language that are refused as not supported.
pub(in crate::policy) const UNSUPPORTED: &[&str] = &["disable-uprobe-multi", "sleepable-preload-size"];

pub(super) fn options(walk: &mut Walk<'_>, spec: &Fields<'_>) -> Option<Options> {
    let mut options = Options::default();
    let mut seen = HashMap::new();
    walk.entries(spec, "options", usize::MAX, |walk, node| {
        let fields = walk.mapping(node, &OPTION)?;
        let node = walk.required(&fields, "name")?;
        let name = walk.text(node, "`name`")?;
        let value = walk.required(&fields, "value")?;
        let values = known(walk, node, name)?;
        if let Some(first) = seen.insert(name.to_owned(), node.span) {
            walk.push(
                Diagnostic::new(Code::OptionValue, node.span, format!("option `{name}` is given twice"))
                    .label("second time")
                    .also(first, "first time")
                    .help("keep one of them"),
            );
            return None;
        }
        let spelled = match &value.value {
            Value::Text(text) => text.clone(),
            Value::Bool(value) => value.to_string(),
            Value::Integer(value) => value.to_string(),
            _ => {
                walk.wrong_kind(value, "`value` to be text");
                return None;
            }
        };
        if !values.contains(&spelled.as_str()) {
            walk.push(
                Diagnostic::new(
                    Code::OptionValue,
                    value.span,
                    format!("option `{name}` cannot be `{}`", printable(&spelled)),
                )
                .help(format!("write one of {}", listed(values))),
            );
            return None;
        }
        match name {
            "policy-mode" => options.monitor = Some(spelled == "monitor"),
            "override-method" => {
                options.override_method = Some(match spelled.as_str() {
                    "fmod-ret" => OverrideMethod::FmodRet,
                    "lsm" => OverrideMethod::Lsm,
                    _ => OverrideMethod::OverrideReturn,
                });
            }
            _ => options.disable_kprobe_multi = matches!(spelled.as_str(), "1" | "true"),
        }
        Some(())
    })?;
    Some(options)
}

fn known(walk: &mut Walk<'_>, node: &Node, name: &str) -> Option<&'static [&'static str]> {
    if let Some((_, values)) = OPTIONS.iter().find(|(known, _)| *known == name) {
        return Some(values);
    }
    let own: Vec<_> = OPTIONS.iter().map(|(name, _)| *name).collect();
    if UNSUPPORTED.contains(&name) {
        walk.push(
            Diagnostic::new(
                Code::UnsupportedOption,
                node.span,
                format!("option `{name}` is known, not supported here"),
            )
            .label("not implemented by this version")
            .help(format!("options read here: {}", listed(&own))),
        );
        return None;
    }
    let help = match closest(name, &own) {
        Some(close) => format!("did you mean `{close}`?"),
        None => format!("options are {}", listed(&own)),
    };
    walk.push(
        Diagnostic::new(Code::UnknownOption, node.span, format!("unknown option `{}`", printable(name)))
            .help(help),
    );
    None
}
