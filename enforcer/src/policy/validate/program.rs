//! One entry of `uprobes` or `usdts`: a function or a static probe of a program or library.
//!
//! Whether the file is there, and has the function, is for the machine to say that the policy is loaded on.

use super::args::Place;
use super::hook::{hook_name, parts};
use super::lists::Defined;
use super::returns::{self, Returns};
use super::values::collect;
use super::walk::{Fields, Walk, printable};
use crate::policy::ast::{Hook, HookPoint, UserPlace};
use crate::policy::code::Code;
use crate::policy::diag::Diagnostic;
use crate::policy::raw::Node;
use crate::policy::schema::{MAX_HOOKS, UPROBE, USDT};
use crate::policy::source::Spanned;

/// Bytes of a path with its terminating NUL (PATH_MAX).
const PATH_BYTES: usize = 4096;
/// Bytes of the longest symbol that is read; names of C++ are long.
const SYMBOL_BYTES: usize = 1024;
/// The keys that say where in a file, of which an entry has one.
const PLACES: [&str; 3] = ["symbols", "offsets", "addrs"];

/// A hook per place of a `uprobes` entry.
pub(super) fn uprobe<'n>(walk: &mut Walk<'_>, node: &'n Node, defined: &Defined<'n>) -> Option<Vec<Hook>> {
    let fields = walk.mapping(node, &UPROBE)?;
    let path = path(walk, &fields);
    let places = places(walk, &fields);
    let returns = returns::returns(walk, &fields, Place::Program);
    let parts = parts(walk, &fields, Place::Program, returns.as_ref(), defined);
    let (path, places, returns, parts) = (path?, places?, returns?, parts?);
    parts.spend(walk, places.len(), node.span)?;
    let hooks = places.into_iter().map(|place| {
        let point = HookPoint::Uprobe { path: path.clone(), place: place.value, returns: returns.returns };
        let name = Spanned::new(name(&point), place.span);
        Hook { returned: returns.arg.clone(), ..parts.clone().hook(point, name, node.span) }
    });
    Some(hooks.collect())
}

/// What events call the place: its symbol, or its number.
fn name(point: &HookPoint) -> String {
    match point {
        HookPoint::Uprobe { place: UserPlace::Symbol(symbol), .. } => symbol.clone(),
        HookPoint::Uprobe { place: UserPlace::Offset(number) | UserPlace::Address(number), .. } => {
            format!("{number:#x}")
        }
        other => other.target(),
    }
}

/// The hook of a `usdts` entry.
pub(super) fn usdt<'n>(walk: &mut Walk<'_>, node: &'n Node, defined: &Defined<'n>) -> Option<Vec<Hook>> {
    let fields = walk.mapping(node, &USDT)?;
    let path = path(walk, &fields);
    let mut word = |key: &str| {
        let node = walk.required(&fields, key)?;
        let text = walk.text(node, &format!("`{key}`"))?;
        hook_name(walk, text, node.span, "provider and name are as `readelf --notes` shows them (stapsdt)")?;
        Some(Spanned::new(text.to_owned(), node.span))
    };
    let (provider, probe) = (word("provider"), word("name"));
    let parts = parts(walk, &fields, Place::StaticProbe, Some(&Returns::default()), defined);
    let (path, provider, probe, parts) = (path?, provider?, probe?, parts?);
    let point = HookPoint::Usdt { path, provider: provider.value, name: probe.value.clone() };
    Some(vec![parts.hook(point, probe, node.span)])
}

fn path(walk: &mut Walk<'_>, fields: &Fields<'_>) -> Option<String> {
    let node = walk.required(fields, "path")?;
    let text = walk.text(node, "`path`")?;
    let problem = if !text.starts_with('/') {
        "does not begin with `/`"
    } else if text.ends_with('/') {
        "is the path of a directory"
    } else if text.contains('\0') || text.len() >= PATH_BYTES {
        "is no path that a file can have"
    } else {
        return Some(text.to_owned());
    };
    walk.push(
        Diagnostic::new(Code::ProgramPlace, node.span, format!("`{}` {problem}", printable(text)))
            .help("write the whole path of the program or library, as the agent sees it"),
    );
    None
}

/// The places of an entry, in the order of the file.
fn places(walk: &mut Walk<'_>, fields: &Fields<'_>) -> Option<Vec<Spanned<UserPlace>>> {
    let given: Vec<_> = PLACES.into_iter().filter(|key| fields.get(key).is_some()).collect();
    let key = match given.as_slice() {
        [one] => *one,
        [] => {
            walk.push(
                Diagnostic::new(Code::ProgramPlace, fields.span, "the entry does not say where in the file")
                    .label("`symbols`, `offsets` or `addrs` is missing here")
                    .help("add `symbols:` with the functions to watch"),
            );
            return None;
        }
        [first, second, ..] => {
            let message = format!("`{first}` and `{second}` in one entry");
            let at = |key| fields.key_span(key).unwrap_or(fields.span);
            walk.push(
                Diagnostic::new(Code::ProgramPlace, at(second), message)
                    .label("second way of saying where")
                    .also(at(first), "first one")
                    .help("write an entry for each"),
            );
            return None;
        }
    };
    let node = walk.required(fields, key)?;
    let items = walk.filled_list(node, &format!("`{key}`"), MAX_HOOKS)?;
    let places = collect(walk, items, |walk, node| match key {
        "symbols" => symbol(walk, node).map(UserPlace::Symbol),
        "offsets" => number(walk, node, key).map(UserPlace::Offset),
        _ => number(walk, node, key).map(UserPlace::Address),
    })?;
    Some(places.into_iter().zip(items).map(|(place, node)| Spanned::new(place, node.span)).collect())
}

fn symbol(walk: &mut Walk<'_>, node: &Node) -> Option<String> {
    let text = walk.text(node, "a symbol")?;
    if !text.is_empty() && text.len() <= SYMBOL_BYTES && text.chars().all(|c| c.is_ascii_graphic()) {
        return Some(text.to_owned());
    }
    walk.push(
        Diagnostic::new(Code::ProgramPlace, node.span, format!("`{}` is not a symbol", printable(text)))
            .help("write a function's name as `nm --dynamic` or `readelf --symbols` shows it"),
    );
    None
}

fn number(walk: &mut Walk<'_>, node: &Node, key: &str) -> Option<u64> {
    let value = walk.integer(node, &format!("an entry of `{key}`"))?;
    let number = u64::try_from(value).ok();
    if number.is_none() {
        walk.push(
            Diagnostic::new(Code::ProgramPlace, node.span, format!("{value} is no place in a file"))
                .help(format!("places are numbers from 0 to {}", u64::MAX)),
        );
    }
    number
}
