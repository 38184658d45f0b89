//! Drawing whole sketches.

use quell::policy::ast::{ArgType, Operator, TypeClass};
use quell::policy::typing::applies;

use super::filters::{
    amount, of_args, of_binaries, of_capabilities, of_namespace_changes, of_namespaces, of_pids, of_returned,
};
use super::points::args;
use super::strings::Amount;
use super::{ArgSketch, EntrySketch, Point, SectionSketch, SelectorSketch, Sketch};
use crate::dice::Dice;

/// What kind of policies to draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Anything, on kernel functions and system calls: what the kernel's evaluator decides.
    Calls,
    /// The same without large sets, small enough to be loaded many times.
    Small,
    /// Every kind of hook.
    Everything,
}

const ACTIONS: [&str; 14] = [
    "action: Post",
    "action: Sigkill",
    "action: NoPost",
    "action: Signal, argSig: 10",
    "action: Post, rateLimit: \"2s\"",
    "action: Post, rateLimit: \"1m\", rateLimitScope: process",
    "action: Post, rateLimit: \"5\", rateLimitScope: global",
    "action: Post, kernelStackTrace: true",
    "action: Post, userStackTrace: true",
    "action: Override, argError: -1",
    "action: NotifyEnforcer, argError: -1",
    "action: NotifyEnforcer, argSig: 9",
    "action: Signal, argSig: 15",
    "action: Override, argError: -13",
];

/// Draws a policy. The number decides which operator and type stand in the middle, so that consecutive numbers go
/// through all pairs.
#[must_use]
pub fn draw(dice: &mut Dice, shape: Shape, number: u64) -> Sketch {
    let point = point(dice, shape);
    let pairs: Vec<(Operator, ArgType)> = Operator::ALL
        .iter()
        .flat_map(|op| ArgType::ALL.into_iter().map(move |ty| (*op, ty)))
        .filter(|(op, ty)| applies(*op, *ty))
        .collect();
    let turn = usize::try_from(number % pairs.len() as u64).unwrap_or(0);
    // Every other policy asks one thing only: there each filter decides.
    let alone = dice.one_in(2);
    let pair = pairs[turn];
    let mut sketch = Sketch {
        point: if alone { Point::Function } else { point },
        args: Vec::new(),
        returned: None,
        extras: Vec::new(),
        selectors: Vec::new(),
    };
    sketch.args = args(dice, sketch.point, Some(pair.1));
    let large = shape != Shape::Small;
    if alone {
        let sections = if dice.one_in(4) { vec![other_section(dice, large)] } else { Vec::new() };
        sketch.selectors = vec![single(dice, &sketch.args, pair, large, sections)];
        return sketch;
    }
    let returns = sketch.point.returns() && dice.one_in(6);
    if returns {
        sketch.returned = Some(dice.pick(&[ArgType::Int32, ArgType::Int64, ArgType::Uint32, ArgType::Size]));
    }
    sketch.extras = extras(dice);
    if dice.one_in(24) {
        sketch.selectors = ladder(dice, &sketch.args);
        return sketch;
    }
    let selectors = match dice.below(12) {
        0 => 0,
        1 | 2 => 16,
        3 => 6 + dice.below(10),
        _ => 1 + dice.below(5),
    };
    // Of many selectors the last ones are reached only when those before them ask for much.
    let sharp = selectors > 5;
    for _ in 0..selectors {
        let drawn = selector(dice, &sketch, large, sharp);
        sketch.selectors.push(drawn);
    }
    sketch
}

fn point(dice: &mut Dice, shape: Shape) -> Point {
    match shape {
        Shape::Everything => dice.pick(&Point::ALL),
        Shape::Calls | Shape::Small => dice.pick(&[Point::Function, Point::Function, Point::Syscall]),
    }
}

fn extras(dice: &mut Dice) -> Vec<String> {
    let mut lines = Vec::new();
    if dice.one_in(5) {
        lines.push("message: \"what \\\"happened\\\": é\"".to_owned());
    }
    if dice.one_in(5) {
        lines.push("tags: [\"one.tag\", two]".to_owned());
    }
    lines
}

/// A section of exactly one entry about the process.
fn other_section(dice: &mut Dice, large: bool) -> SectionSketch {
    let amount = amount(dice, large, false);
    let (key, entry) = match dice.below(8) {
        0 => ("matchPIDs", of_pids(dice)),
        1 | 2 => ("matchBinaries", of_binaries(dice, false, amount)),
        3 => ("matchParentBinaries", of_binaries(dice, true, amount)),
        4 => ("matchNamespaces", of_namespaces(dice)),
        5 => ("matchNamespaceChanges", of_namespace_changes(dice)),
        6 => ("matchCapabilities", of_capabilities(dice)),
        _ => ("matchCapabilityChanges", of_capabilities(dice)),
    };
    SectionSketch { key, entries: vec![entry] }
}

/// A selector with exactly one filter of that pair, when the arguments allow it, or with these sections.
fn single(
    dice: &mut Dice,
    args: &[ArgSketch],
    (op, ty): (Operator, ArgType),
    large: bool,
    mut sections: Vec<SectionSketch>,
) -> SelectorSketch {
    let amount = amount(dice, large, true);
    // Drawing again until it fits is cheaper to read than a second way to draw.
    let drawn =
        (0..200).find_map(|_| of_args(dice, args, amount).filter(|entry| entry.pair == Some((op, ty))));
    if sections.is_empty() {
        let entries = drawn.or_else(|| of_args(dice, args, amount)).into_iter().collect();
        sections.push(SectionSketch { key: "matchArgs", entries });
    }
    let action = dice.pick(&["action: Sigkill", "action: Post", "action: Signal, argSig: 9"]);
    sections.push(SectionSketch { key: "matchActions", entries: vec![plain(action)] });
    SelectorSketch { label: None, required: false, sections }
}

fn plain(head: &str) -> EntrySketch {
    EntrySketch { head: head.to_owned(), values: Vec::new(), pair: None }
}

fn section(key: &'static str, entries: Vec<EntrySketch>) -> Option<SectionSketch> {
    (!entries.is_empty()).then_some(SectionSketch { key, entries })
}

/// As many selectors as there may be, each for a process of its own, so that every one of them decides calls.
fn ladder(dice: &mut Dice, args: &[ArgSketch]) -> Vec<SelectorSketch> {
    let rung = |number: usize, dice: &mut Dice| {
        let head = format!("operator: In, followForks: {}", dice.one_in(2));
        let pids = EntrySketch { head, values: vec![(200 + number).to_string()], pair: None };
        let mut sections = vec![SectionSketch { key: "matchPIDs", entries: vec![pids] }];
        if dice.one_in(3) {
            sections.extend(section("matchArgs", of_args(dice, args, Amount::Few).into_iter().collect()));
        }
        let action = dice.pick(&["action: Post", "action: Sigkill"]);
        sections.push(SectionSketch { key: "matchActions", entries: vec![plain(action)] });
        SelectorSketch { label: None, required: false, sections }
    };
    (0..16).map(|number| rung(number, dice)).collect()
}

fn selector(dice: &mut Dice, sketch: &Sketch, large: bool, sharp: bool) -> SelectorSketch {
    // Where many entries stand, each has few values: the bytes are limited.
    let crowded = dice.one_in(16);
    let some = if sharp { dice.pick(&[2_usize, 3, 3, 4]) } else { dice.pick(&[0_usize, 0, 1, 1, 2, 3]) };
    let filters = if crowded && !sharp { 16 } else { some };
    let many = |dice: &mut Dice| if crowded || sharp { Amount::Few } else { amount(dice, large, false) };
    let of = |dice: &mut Dice, chance: usize, most: usize| {
        if dice.one_in(chance) { 1 + dice.below(most) } else { 0 }
    };
    let pids = of(dice, if sharp { 2 } else { 4 }, 4);
    let binaries = of(dice, if sharp { 2 } else { 5 }, 2);
    let parents = of(dice, 8, 2);
    let namespaces = of(dice, 5, 3);
    let namespace_changes = of(dice, 16, 2);
    let capabilities = of(dice, 5, 3);
    let capability_changes = of(dice, 16, 2);
    let mut sections = Vec::new();
    sections.extend(section("matchPIDs", (0..pids).map(|_| of_pids(dice)).collect()));
    let entries = (0..binaries).map(|_| {
        let amount = many(dice);
        of_binaries(dice, false, amount)
    });
    sections.extend(section("matchBinaries", entries.collect()));
    let entries = (0..parents).map(|_| {
        let amount = many(dice);
        of_binaries(dice, true, amount)
    });
    sections.extend(section("matchParentBinaries", entries.collect()));
    let entries = (0..filters).filter_map(|_| {
        let amount = many(dice);
        of_args(dice, &sketch.args, amount)
    });
    sections.extend(section("matchArgs", entries.collect()));
    sections.extend(section("matchNamespaces", (0..namespaces).map(|_| of_namespaces(dice)).collect()));
    let entries = (0..namespace_changes).map(|_| of_namespace_changes(dice));
    sections.extend(section("matchNamespaceChanges", entries.collect()));
    sections.extend(section("matchCapabilities", (0..capabilities).map(|_| of_capabilities(dice)).collect()));
    let entries = (0..capability_changes).map(|_| of_capabilities(dice));
    sections.extend(section("matchCapabilityChanges", entries.collect()));
    let actions = actions(dice, &sketch.args, sketch.point);
    if let Some(ty) = sketch.returned {
        let count = dice.below(3);
        let entries = (0..count).map(|_| of_returned(dice, ty, Amount::Few)).collect();
        sections.extend(section("matchReturnArgs", entries));
        if dice.one_in(2) {
            sections.push(SectionSketch { key: "matchReturnActions", entries: vec![plain("action: Post")] });
        }
    }
    if dice.one_in(4) {
        sections.reverse();
    }
    sections.extend(section("matchActions", actions));
    let label = dice.one_in(8).then(|| "a-rule".to_owned());
    let required = dice.one_in(8);
    SelectorSketch { label, required, sections }
}

/// Actions in any order, no kind twice.
fn actions(dice: &mut Dice, args: &[ArgSketch], point: Point) -> Vec<EntrySketch> {
    let mut drawn: Vec<String> = Vec::new();
    let kind = |action: &str| action.split(',').next().unwrap_or_default().to_owned();
    let fits = |action: &str| match point {
        Point::Function | Point::Syscall | Point::CompatSyscall => true,
        // Fentry programs do not enforce, and the rest depends on the hook.
        _ => action.starts_with("action: Post") || action == "action: NoPost",
    };
    for _ in 0..dice.pick(&[0_usize, 1, 1, 2, 3, 5]) {
        let action = descriptor_action(dice, args).unwrap_or_else(|| dice.pick(&ACTIONS).to_owned());
        if fits(&action) && !drawn.iter().any(|other| kind(other) == kind(&action)) {
            drawn.push(action);
        }
    }
    drawn.iter().map(|action| plain(action)).collect()
}

/// FollowFD and its like need a descriptor and a name; TrackSock needs a socket.
fn descriptor_action(dice: &mut Dice, args: &[ArgSketch]) -> Option<String> {
    let unambiguous =
        |position: usize, arg: &&ArgSketch| args.get(arg.index).is_none() || position == arg.index;
    let of = |wanted: fn(ArgType) -> bool| {
        let mut positions = args.iter().enumerate().filter(|(at, arg)| unambiguous(*at, arg));
        positions.find(|(_, arg)| wanted(arg.ty)).map(|(_, arg)| arg.index)
    };
    let fd = of(|ty| ty == ArgType::Fd)?;
    let name = of(|ty| ty.class() == TypeClass::Path && ty != ArgType::Fd)?;
    dice.one_in(2).then(|| {
        let action = dice.pick(&["FollowFD", "UnfollowFD"]);
        format!("action: {action}, argFd: {fd}, argName: {name}")
    })
}
