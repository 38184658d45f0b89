//! Entries of every match section.

use quell::policy::ast::{ArgType, CapabilitySet, Namespace, Operator, TypeClass};
use quell::policy::typing::applies;

use super::strings::{Amount, strings};
use super::values::values;
use super::{ArgSketch, EntrySketch};
use crate::dice::Dice;

/// Operators that apply to executables.
const OF_BINARIES: [Operator; 6] = [
    Operator::In,
    Operator::NotIn,
    Operator::Prefix,
    Operator::NotPrefix,
    Operator::Postfix,
    Operator::NotPostfix,
];

/// Capabilities by name, so that names are compared too.
const CAPABILITIES: [&str; 6] =
    ["CAP_CHOWN", "CAP_KILL", "CAP_NET_RAW", "CAP_SYS_ADMIN", "CAP_BPF", "CAP_CHECKPOINT_RESTORE"];

/// How many values: mostly few, sometimes at a limit, seldom a set, very seldom a large one.
pub(super) fn amount(dice: &mut Dice, large: bool, sets: bool) -> Amount {
    if sets && dice.one_in(6) {
        return Amount::Many(dice.pick(&[65_usize, 66, 80]));
    }
    match dice.below(64) {
        0..=5 => Amount::AroundInline,
        6..=8 => Amount::Many(dice.pick(&[65_usize, 66, 100, 130])),
        9 if large => Amount::Many(dice.pick(&[1000_usize, 2500, 5000])),
        _ => Amount::Few,
    }
}

/// An entry of matchArgs; `None` when nothing can be asked of these arguments.
pub(super) fn of_args(dice: &mut Dice, args: &[ArgSketch], amount: Amount) -> Option<EntrySketch> {
    let named: Vec<&ArgSketch> = named(args).collect();
    if named.is_empty() {
        return None;
    }
    let arg = dice.pick(&named);
    let operators: Vec<Operator> = Operator::ALL.iter().copied().filter(|op| applies(*op, arg.ty)).collect();
    let op = dice.pick(&operators);
    of_arg(dice, args, arg, op, amount)
}

/// The arguments that an entry can name: an index names one only when it is not the position of another one.
fn named(args: &[ArgSketch]) -> impl Iterator<Item = &ArgSketch> {
    args.iter()
        .enumerate()
        .filter(|(position, arg)| args.get(arg.index).is_none() || *position == arg.index)
        .map(|(_, arg)| arg)
        .filter(|arg| arg.ty != ArgType::Nop)
}

/// An entry of matchArgs that asks this of that argument; `None` when a second one would be needed and there is none.
pub(super) fn of_arg(
    dice: &mut Dice,
    args: &[ArgSketch],
    arg: &ArgSketch,
    op: Operator,
    amount: Amount,
) -> Option<EntrySketch> {
    if op == Operator::CapabilitiesGained {
        // `args` names entries by their position, and each of these has its index for a position.
        let at_home = |arg: &ArgSketch| args.get(arg.index) == Some(arg);
        let others: Vec<&ArgSketch> = named(args)
            .filter(|other| other.index != arg.index && other.ty.class() == TypeClass::Capabilities)
            .filter(|other| at_home(other) && at_home(arg))
            .collect();
        if others.is_empty() {
            return None;
        }
        let other = dice.pick(&others);
        let head = format!("args: [{}, {}], operator: CapabilitiesGained", arg.index, other.index);
        return Some(EntrySketch { head, values: Vec::new(), pair: Some((op, arg.ty)) });
    }
    Some(EntrySketch {
        head: format!("index: {}, operator: {}", arg.index, op.name()),
        values: values(dice, op, arg.ty, amount),
        pair: Some((op, arg.ty)),
    })
}

/// An entry of matchReturnArgs.
pub(super) fn of_returned(dice: &mut Dice, ty: ArgType, amount: Amount) -> EntrySketch {
    let operators: Vec<Operator> = Operator::ALL
        .iter()
        .copied()
        .filter(|op| applies(*op, ty) && *op != Operator::CapabilitiesGained)
        .collect();
    let op = dice.pick(&operators);
    EntrySketch {
        head: format!("index: 0, operator: {}", op.name()),
        values: values(dice, op, ty, amount),
        pair: Some((op, ty)),
    }
}

/// An entry of matchPIDs.
pub(super) fn of_pids(dice: &mut Dice) -> EntrySketch {
    let count = 1 + dice.below(16);
    let mut values: Vec<String> = Vec::new();
    for _ in 0..count {
        let small = dice.below(6);
        let id = dice.pick(&[small, small, small, 100 + small, u32::MAX as usize]).to_string();
        if !values.contains(&id) {
            values.push(id);
        }
    }
    let head = format!(
        "operator: {}, isNamespacePID: {}, followForks: {}",
        dice.pick(&["In", "NotIn"]),
        dice.one_in(2),
        dice.one_in(2)
    );
    EntrySketch { head, values, pair: None }
}

/// An entry of matchBinaries or matchParentBinaries.
pub(super) fn of_binaries(dice: &mut Dice, parent: bool, amount: Amount) -> EntrySketch {
    let op = dice.pick(&OF_BINARIES);
    let follow = !parent && matches!(op, Operator::In | Operator::NotIn) && dice.one_in(4);
    let follow = if follow { ", followChildren: true" } else { "" };
    EntrySketch {
        head: format!("operator: {}{follow}", op.name()),
        values: strings(dice, op, ArgType::Path, amount),
        pair: None,
    }
}

/// An entry of matchNamespaces.
pub(super) fn of_namespaces(dice: &mut Dice) -> EntrySketch {
    let mut values: Vec<String> = Vec::new();
    for _ in 0..1 + dice.below(4) {
        let id = dice.pick(&["host_ns", "4026531837", "4026531838", "4026531840", "1", "4294967295"]);
        if !values.iter().any(|value| value == id) {
            values.push(id.to_owned());
        }
    }
    let namespace = dice.pick(&Namespace::ALL);
    let head = format!("namespace: {}, operator: {}", namespace.name(), dice.pick(&["In", "NotIn"]));
    EntrySketch { head, values, pair: None }
}

/// An entry of matchNamespaceChanges.
pub(super) fn of_namespace_changes(dice: &mut Dice) -> EntrySketch {
    let from = dice.below(Namespace::ALL.len());
    let count = 1 + dice.below((Namespace::ALL.len() - from).min(3));
    let values = Namespace::ALL[from..from + count].iter().map(|namespace| namespace.name().to_owned());
    EntrySketch {
        head: format!("operator: {}", dice.pick(&["In", "NotIn"])),
        values: values.collect(),
        pair: None,
    }
}

/// An entry of matchCapabilities or matchCapabilityChanges.
pub(super) fn of_capabilities(dice: &mut Dice) -> EntrySketch {
    let from = dice.below(CAPABILITIES.len());
    let count = 1 + dice.below(CAPABILITIES.len() - from);
    let values = CAPABILITIES[from..from + count].iter().map(|name| (*name).to_owned());
    let set = dice.pick(&CapabilitySet::ALL);
    let namespaced = if dice.one_in(3) { ", isNamespaceCapability: true" } else { "" };
    EntrySketch {
        head: format!("type: {}, operator: {}{namespaced}", set.name(), dice.pick(&["In", "NotIn"])),
        values: values.collect(),
        pair: None,
    }
}
