//! Whether parts are of one run: everything that must be the same is compared, and every difference is named. Pure.

use std::collections::BTreeMap;

use thiserror::Error;

use super::Given;
use crate::{
    event::{EventLine, PlannedCell, RunEvent},
    partition::{Part, Partition, Way},
};

/// Names that are shown of cells that differ.
const SHOWN_CELLS: usize = 3;
/// Digits of a digest that tell two apart.
const SHOWN_DIGITS: usize = 12;

/// Why parts can't be put together.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum MergeError {
    /// No part was given.
    #[error("there is no part to put together")]
    Nothing,
    /// It is not what a part leaves.
    #[error("{name} is no part: {what}")]
    NoPart {
        /// Which.
        name: String,
        /// What it is instead.
        what: &'static str,
    },
    /// All differences, a sentence each.
    #[error("the parts do not belong together:\n  {}", .0.join("\n  "))]
    Differ(Vec<String>),
}

/// A part whose first event was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Begun<'a> {
    /// Its place among those given.
    pub(super) given: usize,
    pub(super) name: &'a str,
    pub(super) qemu: &'a str,
    pub(super) jobs: usize,
    pub(super) cells: &'a [PlannedCell],
    pub(super) digests: &'a BTreeMap<String, String>,
    pub(super) part: &'a Part,
    /// Everything after the first event.
    pub(super) rest: &'a [EventLine],
}

/// Parts of one run.
#[derive(Debug)]
pub(super) struct Checked<'a> {
    /// At least one, in the order of their shares.
    pub(super) parts: Vec<Begun<'a>>,
    /// Shares that none of them is, in order.
    pub(super) missing: Vec<Partition>,
}

/// Compares all parts.
pub(super) fn check(given: &[Given]) -> Result<Checked<'_>, MergeError> {
    let mut parts =
        given.iter().enumerate().map(|(at, one)| begun(at, one)).collect::<Result<Vec<_>, _>>()?;
    parts.sort_by(|one, other| (&one.part.partition, one.name).cmp(&(&other.part.partition, other.name)));
    let first = parts.first().copied().ok_or(MergeError::Nothing)?;

    let mut found = Vec::new();
    found.extend(differing("QEMU's version", &parts, |part| Some(part.qemu.to_owned())));
    let mut names: Vec<&String> = parts.iter().flat_map(|part| part.digests.keys()).collect();
    names.sort();
    names.dedup();
    for name in names {
        let shown = |part: &Begun<'_>| {
            let digest = part.digests.get(name)?;
            Some(digest.get(..SHOWN_DIGITS).unwrap_or(digest).to_owned())
        };
        let full: Vec<_> = parts.iter().map(|part| part.digests.get(name)).collect();
        if full.iter().any(|digest| *digest != full[0]) {
            found.extend(differing(&format!("the digest of {name}"), &parts, shown));
        }
    }
    for kernel in kernels(&first.part.plan) {
        let package = |part: &Begun<'_>| package(part, kernel);
        let having: Vec<_> = parts.iter().filter(|part| package(part).is_some()).copied().collect();
        found.extend(differing(&format!("the package of kernel {kernel}"), &having, package));
    }
    let plans = parts.iter().filter_map(|part| plan_difference(&first, part));
    found.extend(plans);
    found.extend(parts.iter().filter_map(own_difference));
    let missing = shares(&parts, &mut found);
    if found.is_empty() { Ok(Checked { parts, missing }) } else { Err(MergeError::Differ(found)) }
}

fn begun(given: usize, part: &Given) -> Result<Begun<'_>, MergeError> {
    let no_part = |what| MergeError::NoPart { name: part.name.clone(), what };
    let (first, rest) = part.lines.split_first().ok_or_else(|| no_part("it holds no event"))?;
    let RunEvent::RunStarted { qemu, cells, jobs, digests, part: share, .. } = &first.event else {
        return Err(no_part("its first event is not the start of a run"));
    };
    let Some(share) = share else {
        return Err(no_part("it is a whole run, performed without --partition"));
    };
    Ok(Begun { given, name: &part.name, qemu, jobs: *jobs, cells, digests, part: share, rest })
}

/// A sentence that says who has what, when not all have the same.
fn differing(
    what: &str,
    parts: &[Begun<'_>],
    value: impl Fn(&Begun<'_>) -> Option<String>,
) -> Option<String> {
    let mut groups: BTreeMap<Option<String>, Vec<&str>> = BTreeMap::new();
    for part in parts {
        groups.entry(value(part)).or_default().push(part.name);
    }
    if groups.len() < 2 {
        return None;
    }
    let shown: Vec<String> = groups
        .into_iter()
        .map(|(value, names)| format!("{} in {}", value.as_deref().unwrap_or("unknown"), names.join(", ")))
        .collect();
    Some(format!("{what} is {}", shown.join(" and ")))
}

/// Kernels of a plan, in its order.
pub(super) fn kernels(plan: &[PlannedCell]) -> Vec<&str> {
    let mut kernels: Vec<&str> = Vec::new();
    for planned in plan {
        if !kernels.contains(&planned.cell.kernel.as_str()) {
            kernels.push(&planned.cell.kernel);
        }
    }
    kernels
}

fn package(part: &Begun<'_>, wanted: &str) -> Option<String> {
    part.rest.iter().find_map(|line| match &line.event {
        RunEvent::KernelObtained { kernel, package, .. } if kernel == wanted => Some(package.clone()),
        _ => None,
    })
}

fn plan_difference(first: &Begun<'_>, part: &Begun<'_>) -> Option<String> {
    let (ours, theirs) = (&first.part.plan, &part.part.plan);
    if ours == theirs {
        return None;
    }
    let (here, there) = (first.name, part.name);
    let only = |these: &[PlannedCell], those: &[PlannedCell]| -> Vec<String> {
        let is_there = |cell: &PlannedCell| those.iter().any(|other| other.cell == cell.cell);
        these.iter().filter(|cell| !is_there(cell)).map(|planned| planned.cell.to_string()).collect()
    };
    for (name, other, cells) in [(here, there, only(ours, theirs)), (there, here, only(theirs, ours))] {
        if !cells.is_empty() {
            return Some(format!("the plan of {name} has {}, that of {other} does not", some_of(&cells)));
        }
    }
    let changed: Vec<String> = ours
        .iter()
        .filter(|planned| !theirs.contains(planned))
        .map(|planned| planned.cell.to_string())
        .collect();
    Some(match changed.is_empty() {
        true => format!("the plans of {here} and {there} have the same cells in another order"),
        false => format!("the plans of {here} and {there} expect something else of {}", some_of(&changed)),
    })
}

fn some_of(cells: &[String]) -> String {
    let shown = cells.iter().take(SHOWN_CELLS).cloned().collect::<Vec<_>>().join(", ");
    match cells.len().checked_sub(SHOWN_CELLS) {
        None | Some(0) => shown,
        Some(more) => format!("{shown} and {more} more"),
    }
}

/// A part has to be what its share says.
fn own_difference(part: &Begun<'_>) -> Option<String> {
    let Part { partition, plan } = part.part;
    let of_share = partition.select(plan);
    let is_same = of_share.len() == part.cells.len()
        && of_share.iter().zip(part.cells).all(|(planned, cell)| planned.cell == cell.cell);
    (!is_same).then(|| format!("the cells of {} are not those of {partition}", part.name))
}

/// How the cells of one kernel, or of all, were dealt out: the way and the number of shares.
type Deal = (Way, u32);

/// Compares the shares with each other, and returns those that are missing.
fn shares(parts: &[Begun<'_>], found: &mut Vec<String>) -> Vec<Partition> {
    for pair in parts.windows(2) {
        let [one, other] = pair else { continue };
        if one.part.partition == other.part.partition {
            let (share, one, other) = (&one.part.partition, one.name, other.name);
            found.push(format!("{share} was given twice: {one} and {other}"));
        }
    }
    let mut deals: BTreeMap<Option<&str>, Vec<Deal>> = BTreeMap::new();
    for Begun { part, .. } in parts {
        let deals = deals.entry(part.partition.kernel.as_deref()).or_default();
        let deal = (part.partition.way, part.partition.count);
        if !deals.contains(&deal) {
            deals.push(deal);
        }
    }
    if deals.contains_key(&None) && deals.len() > 1 {
        found.push("some parts are shares of one kernel's cells, others of all".to_owned());
        return Vec::new();
    }
    for deals in deals.values().filter(|deals| deals.len() > 1) {
        let shown: Vec<String> =
            deals.iter().map(|(way, count)| format!("{} of {count}", way.word())).collect();
        found.push(format!("some parts are shares by {}, others by {}", shown[0], shown[1..].join(" and ")));
    }
    let plan = parts.first().map(|part| part.part.plan.as_slice()).unwrap_or_default();
    // Of a kernel that no part is of, it is not known how many shares there should have been.
    let whole_kernel = |kernel: &str| (Some(kernel.to_owned()), (Way::Slice, 1));
    let wanted: Vec<(Option<String>, Deal)> = match deals.get(&None) {
        Some(deals) => vec![(None, deals[0])],
        None => kernels(plan)
            .into_iter()
            .map(|kernel| match deals.get(&Some(kernel)) {
                Some(deals) => (Some(kernel.to_owned()), deals[0]),
                None => whole_kernel(kernel),
            })
            .collect(),
    };
    wanted
        .into_iter()
        .flat_map(|(kernel, (way, count))| {
            (1..=count).map(move |index| Partition { kernel: kernel.clone(), way, index, count })
        })
        .filter(|share| parts.iter().all(|part| part.part.partition != *share))
        .collect()
}
