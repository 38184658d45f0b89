//! Dense policies: sixteen selectors, each of which asks for one kind of entry, and a guard that lets one of them decide.
//!
//! Loading a policy into a kernel costs as much as a hundred calls, so a policy about a single kind is dear there. The
//! guard is a number that the last argument must have, another one in every selector: whatever a call comes to, the
//! selector with its number has decided it.

use quell::policy::ast::{ArgType, Operator};
use quell_wire::limits::MAX_SELECTORS;

use super::filters::{of_arg, of_binaries, of_capabilities, of_namespace_changes, of_namespaces, of_pids};
use super::strings::Amount;
use super::{ArgSketch, EntrySketch, Point, SectionSketch, SelectorSketch, Sketch};
use crate::coverage::{Kind, SET_VALUES};
use crate::dice::Dice;

/// Number of the first selector's guard; the others follow.
const FIRST_GUARD: u64 = 1000;
/// Types of arguments in one policy: the guard takes an argument, and so may a second capability set.
const MAX_TYPES: usize = 3;
/// Draws until an entry is of the wanted kind. The rarest is one in some thirty.
const DRAWS: usize = 4000;

/// What a call's last argument is when this selector decides.
#[must_use]
pub fn guard(selector: usize) -> u64 {
    FIRST_GUARD + selector as u64
}

/// These kinds of entries, in groups that fit into one policy each.
#[must_use]
pub fn batteries(mut kinds: Vec<Kind>) -> Vec<Vec<Kind>> {
    // Neighbours of one type need one argument.
    kinds.sort_by_key(|kind| ty(*kind).map_or(usize::MAX, position));
    let mut batteries: Vec<Vec<Kind>> = Vec::new();
    for kind in kinds {
        match batteries.last_mut() {
            Some(last) if fits(last, kind) => last.push(kind),
            _ => batteries.push(vec![kind]),
        }
    }
    batteries
}

fn position(wanted: ArgType) -> usize {
    ArgType::ALL.iter().position(|ty| *ty == wanted).unwrap_or(usize::MAX)
}

fn fits(battery: &[Kind], kind: Kind) -> bool {
    let mut with = battery.to_vec();
    with.push(kind);
    with.len() <= MAX_SELECTORS as usize && types(&with).len() <= MAX_TYPES
}

/// The type of the argument that a kind needs.
fn ty(kind: Kind) -> Option<ArgType> {
    match kind {
        Kind::Arg(_, ty) => Some(ty),
        Kind::Set(_, group) => Some(group.example()),
        _ => None,
    }
}

fn types(kinds: &[Kind]) -> Vec<ArgType> {
    let mut types = Vec::new();
    for ty in kinds.iter().filter_map(|kind| ty(*kind)) {
        if !types.contains(&ty) {
            types.push(ty);
        }
    }
    types
}

/// Draws a policy with one selector for each of these kinds; the last listed argument is the guard.
#[must_use]
pub fn draw(dice: &mut Dice, kinds: &[Kind]) -> Sketch {
    let mut types = types(kinds);
    if kinds.iter().any(|kind| matches!(kind, Kind::Arg(Operator::CapabilitiesGained, _))) {
        types.push(ArgType::KernelCap);
    }
    let last = types.len();
    let arg = |(index, ty): (usize, ArgType)| {
        // The guard is an integer, which may be a size as well.
        let size = matches!(ty, ArgType::CharBuf | ArgType::CharIovec).then_some(last);
        ArgSketch { index, ty, size }
    };
    types.push(ArgType::Uint64);
    let args: Vec<ArgSketch> = types.into_iter().enumerate().map(arg).collect();
    let selectors = kinds.iter().enumerate();
    let selectors = selectors.map(|(number, kind)| selector(dice, &args, number, *kind)).collect();
    Sketch { point: Point::Function, args, returned: None, extras: Vec::new(), selectors }
}

fn selector(dice: &mut Dice, args: &[ArgSketch], number: usize, kind: Kind) -> SelectorSketch {
    let guard = EntrySketch {
        head: format!("index: {}, operator: Equal", args.len() - 1),
        values: vec![guard(number).to_string()],
        pair: None,
    };
    let mut filters = vec![guard];
    let mut sections = Vec::new();
    let (key, drawn) = entry(dice, args, kind);
    match key {
        "matchArgs" => filters.extend(drawn),
        _ => sections.push(SectionSketch { key, entries: drawn.into_iter().collect() }),
    }
    // Sections are evaluated in an order of their own, whatever the order of the text.
    sections.insert(dice.below(sections.len() + 1), SectionSketch { key: "matchArgs", entries: filters });
    let action = dice.pick(&["action: Sigkill", "action: Post"]);
    let action = EntrySketch { head: action.to_owned(), values: Vec::new(), pair: None };
    sections.push(SectionSketch { key: "matchActions", entries: vec![action] });
    SelectorSketch { label: None, required: false, sections }
}

/// An entry of this kind with its key.
fn entry(dice: &mut Dice, args: &[ArgSketch], kind: Kind) -> (&'static str, Option<EntrySketch>) {
    let op = |negated: bool| if negated { "NotIn" } else { "In" };
    let namespaced = |asked: bool| if asked { ", isNamespaceCapability: true" } else { "" };
    match kind {
        Kind::Arg(op, ty) => {
            let arg = args.iter().find(|arg| arg.ty == ty);
            let many = dice.one_in(8);
            let amount = if many { Amount::AroundInline } else { Amount::Few };
            ("matchArgs", arg.and_then(|arg| of_arg(dice, args, arg, op, amount)))
        }
        Kind::Set(op, group) => {
            let arg = args.iter().find(|arg| arg.ty == group.example());
            // Some draws come to a value twice, and have one less.
            let drawn = arg.and_then(|arg| {
                (0..DRAWS).find_map(|_| {
                    let amount = Amount::Many(SET_VALUES + dice.below(16));
                    of_arg(dice, args, arg, op, amount).filter(|entry| entry.values.len() >= SET_VALUES)
                })
            });
            ("matchArgs", drawn)
        }
        Kind::Pid(namespace, forks, negated) => {
            let head =
                format!("operator: {}, isNamespacePID: {namespace}, followForks: {forks}", op(negated));
            ("matchPIDs", headed(&head, || of_pids(dice)))
        }
        Kind::Binary(op, follow) => {
            let follow = if follow { ", followChildren: true" } else { "" };
            let head = format!("operator: {}{follow}", op.name());
            ("matchBinaries", headed(&head, || of_binaries(dice, false, Amount::Few)))
        }
        Kind::ParentBinary(op) => {
            let head = format!("operator: {}", op.name());
            ("matchParentBinaries", headed(&head, || of_binaries(dice, true, Amount::Few)))
        }
        Kind::Namespace(namespace, negated) => {
            let head = format!("namespace: {}, operator: {}", namespace.name(), op(negated));
            ("matchNamespaces", headed(&head, || of_namespaces(dice)))
        }
        Kind::NamespaceChange(negated) => {
            let head = format!("operator: {}", op(negated));
            ("matchNamespaceChanges", headed(&head, || of_namespace_changes(dice)))
        }
        Kind::Capability(set, negated, within) => {
            let head = format!("type: {}, operator: {}{}", set.name(), op(negated), namespaced(within));
            ("matchCapabilities", headed(&head, || of_capabilities(dice)))
        }
        Kind::CapabilityChange(set, negated, within) => {
            let head = format!("type: {}, operator: {}{}", set.name(), op(negated), namespaced(within));
            ("matchCapabilityChanges", headed(&head, || of_capabilities(dice)))
        }
    }
}

/// Drawing again until it fits is cheaper to read than a second way to draw.
fn headed(head: &str, mut draw: impl FnMut() -> EntrySketch) -> Option<EntrySketch> {
    (0..DRAWS).map(|_| draw()).find(|entry| entry.head == head)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calls::host_namespaces;
    use crate::prepare::{Unprepared, prepare};

    #[test]
    fn every_kind_of_entry_stands_in_one_battery() {
        let mut all: Vec<Kind> = batteries(Kind::all()).concat();
        let mut wanted = Kind::all();
        all.sort();
        wanted.sort();
        assert_eq!(all, wanted);
        assert!(batteries(Kind::all()).len() <= 50, "{}", batteries(Kind::all()).len());
    }

    #[test]
    fn every_selector_of_a_battery_is_of_its_kind_behind_its_guard() {
        for (number, kinds) in batteries(Kind::all()).iter().enumerate() {
            // A policy that is too large is drawn again by whoever asks; ten draws are more than enough.
            let prepared = (0..10).find_map(|seed| {
                let mut dice = Dice::new(number as u64 * 10 + seed);
                let host = host_namespaces(&mut dice);
                match prepare(&draw(&mut dice, kinds).text(), &host) {
                    Ok(prepared) => Some(prepared),
                    Err(Unprepared::TooLarge(_)) => None,
                    Err(error) => panic!("{error}"),
                }
            });
            let prepared = prepared.unwrap_or_else(|| panic!("battery {number} never fits: {kinds:?}"));
            for (selector, kind) in kinds.iter().enumerate() {
                let found = Kind::guarded(prepared.hook(), selector);
                assert!(found.contains(kind), "{kind:?} became {found:?}");
            }
        }
    }
}
