//! Makes a failing case small: leaves out whatever can be left out while it still fails.

use quell::model::context::{Context, Value};

use crate::sketch::Sketch;

/// A policy and a call of its hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// The policy.
    pub sketch: Sketch,
    /// The call.
    pub context: Context,
}

/// Attempts at most: a comparison of a policy with large sets takes milliseconds.
const ATTEMPTS: usize = 20_000;

/// The smallest case that can be reached by leaving out one thing after the other, and still fails.
pub fn minimise(case: Case, fails: impl Fn(&Case) -> bool) -> Case {
    let mut best = case;
    let mut left = ATTEMPTS;
    loop {
        let smaller = candidates(&best).find(|candidate| {
            left = left.saturating_sub(1);
            left > 0 && fails(candidate)
        });
        match smaller {
            Some(smaller) if left > 0 => best = smaller,
            _ => return best,
        }
    }
}

/// Everything that is one step smaller, the largest steps first.
fn candidates(case: &Case) -> impl Iterator<Item = Case> {
    selectors(case)
        .chain(entries(case))
        .chain(values(case))
        .chain(arguments(case))
        .chain(plain(case))
        .chain(shorter(case))
}

fn with(case: &Case, change: impl FnOnce(&mut Sketch)) -> Case {
    let mut case = case.clone();
    change(&mut case.sketch);
    case
}

fn selectors(case: &Case) -> impl Iterator<Item = Case> {
    let many = case.sketch.selectors.len();
    (0..many).filter(move |_| many > 1).map(move |at| with(case, |sketch| drop(sketch.selectors.remove(at))))
}

fn entries(case: &Case) -> impl Iterator<Item = Case> {
    let selectors = case.sketch.selectors.iter().enumerate();
    let places = selectors.flat_map(|(at, selector)| {
        let sections = selector.sections.iter().enumerate();
        sections.flat_map(move |(section, of)| {
            // The section as a whole, then each of its entries.
            std::iter::once((at, section, None))
                .chain((0..of.entries.len()).map(move |entry| (at, section, Some(entry))))
        })
    });
    places.map(move |(at, section, entry)| {
        with(case, |sketch| {
            let sections = &mut sketch.selectors[at].sections;
            match entry {
                Some(entry) if sections[section].entries.len() > 1 => {
                    drop(sections[section].entries.remove(entry));
                }
                _ => drop(sections.remove(section)),
            }
        })
    })
}

fn values(case: &Case) -> impl Iterator<Item = Case> {
    let mut places = Vec::new();
    for (at, selector) in case.sketch.selectors.iter().enumerate() {
        for (section, of) in selector.sections.iter().enumerate() {
            for (entry, of) in of.entries.iter().enumerate() {
                let count = of.values.len();
                if count < 2 {
                    continue;
                }
                // Halves of halves, down to single values.
                let mut step = count / 2;
                while step > 0 {
                    places.extend((0..count).step_by(step).map(|from| (at, section, entry, from, step)));
                    step /= 2;
                }
            }
        }
    }
    places.into_iter().map(move |(at, section, entry, from, step)| {
        with(case, |sketch| {
            let values = &mut sketch.selectors[at].sections[section].entries[entry].values;
            let to = (from + step).min(values.len());
            values.drain(from..to);
        })
    })
}

/// An argument that no filter needs; where one does, the policy is refused or means another thing, and is not kept.
fn arguments(case: &Case) -> impl Iterator<Item = Case> {
    let count = case.sketch.args.len().min(case.context.args.len());
    (0..count).rev().map(move |at| {
        let mut case = case.clone();
        case.sketch.args.remove(at);
        case.context.args.remove(at);
        case
    })
}

/// The parts of the call that have a plainest form.
fn plain(case: &Case) -> impl Iterator<Item = Case> {
    let changes: [fn(&mut Case); 9] = [
        |case| case.context.ancestors.clear(),
        |case| case.context.followed.clear(),
        |case| case.context.namespaces_at_exec = case.context.namespaces,
        |case| case.context.capabilities_at_exec = case.context.capabilities,
        |case| case.context.at_exec_unknown = false,
        |case| case.sketch.selectors.iter_mut().for_each(|selector| selector.required = false),
        |case| case.context.executable.value = Value::Whole(b"/a".to_vec()),
        |case| case.context.parent_executable.value = Value::Whole(b"/a".to_vec()),
        |case| case.sketch.extras.clear(),
    ];
    let changed = changes.into_iter().map(move |change| {
        let mut other = case.clone();
        change(&mut other);
        other
    });
    changed.filter(move |other| other != case)
}

/// Whole strings of the call, from either end.
fn shorter(case: &Case) -> impl Iterator<Item = Case> {
    let mut out = Vec::new();
    for (at, argument) in case.context.args.iter().enumerate() {
        let Value::Whole(bytes) = &argument.value else { continue };
        let mut step = bytes.len() / 2;
        while step > 0 {
            for kept in [&bytes[step..], &bytes[..bytes.len() - step]] {
                let mut other = case.clone();
                other.context.args[at].value = Value::Whole(kept.to_vec());
                out.push(other);
            }
            step /= 2;
        }
    }
    out.into_iter()
}
