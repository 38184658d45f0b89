//! A run's share of a plan: what several machines perform between them, decided from the plan alone and by each machine for
//! itself, so that no queue and no coordinator is needed. Pure.
//!
//! `slice:K/N` cuts the plan into N stretches of equal length. Stretches and not every Nth cell, because the plan goes kernel by
//! kernel: so each machine obtains and boots as few kernels as can be. `hash:K/N` deals cells by their names: a cell stays where
//! it was when others come and go. `kernel:ID` narrows either to one kernel's cells; alone it is all of them.

use std::{fmt, ops::Range, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{cell::CellId, event::PlannedCell};

/// More machines than a plan has cells are of no use; this is far beyond, and keeps products within bounds.
pub const MOST_SHARES: u32 = 10_000;

/// Which cells of a plan are performed: `slice:1/4`, `hash:1/4`, `kernel:6.12`, `kernel:6.12,slice:1/4`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Partition {
    /// Only this kernel's cells are shared out; all of them when none is named.
    pub kernel: Option<String>,
    /// How the cells are dealt out.
    pub way: Way,
    /// Which share, from 1 to `count`.
    pub index: u32,
    /// Number of shares, from 1 to [`MOST_SHARES`].
    pub count: u32,
}

/// A share together with the plan that it is a share of, so that whoever puts shares together knows what is missing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Which share.
    pub partition: Partition,
    /// All cells, as planned before anything was known of the kernels: the same for every share.
    pub plan: Vec<PlannedCell>,
}

/// How cells are dealt out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Way {
    /// By their place in the plan: stretches of equal length.
    Slice,
    /// By their names.
    Hash,
}

impl Way {
    /// The word on command lines.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Slice => "slice",
            Self::Hash => "hash",
        }
    }
}

/// The text names no share of a plan.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum PartitionError {
    /// Not of the form.
    #[error(
        "`{text}` names no share of a plan; expected slice:K/N, hash:K/N, kernel:ID, or kernel:ID,slice:K/N"
    )]
    Form {
        /// As given.
        text: String,
    },
    /// Counted from 0, or beyond the last one.
    #[error("`{text}`: shares are counted from 1 to their number, which is at most {MOST_SHARES}")]
    Range {
        /// As given.
        text: String,
    },
}

impl Partition {
    /// Whether the kernel's cells are among those that are shared out.
    #[must_use]
    pub fn concerns(&self, kernel: &str) -> bool {
        self.kernel.as_deref().is_none_or(|own| own == kernel)
    }

    /// The cells of this share, in the order of the plan.
    #[must_use]
    pub fn select<'a>(&self, plan: &'a [PlannedCell]) -> Vec<&'a PlannedCell> {
        let shared: Vec<_> = plan.iter().filter(|planned| self.concerns(&planned.cell.kernel)).collect();
        let stretch = self.stretch(shared.len());
        let of_share = |(at, planned): &(usize, &'a PlannedCell)| match self.way {
            Way::Slice => stretch.contains(at),
            Way::Hash => self.is_dealt(&planned.cell),
        };
        shared.into_iter().enumerate().filter(of_share).map(|(_, planned)| planned).collect()
    }

    /// Places of this share among `length` cells. Lengths differ by one at most, because each border is the rounded share.
    fn stretch(&self, length: usize) -> Range<usize> {
        let border = |share: u32| {
            let place = length as u128 * u128::from(share) / u128::from(self.count.max(1));
            // No more than `length`, since a share is no more than the count.
            usize::try_from(place).unwrap_or(length)
        };
        border(self.index.saturating_sub(1))..border(self.index)
    }

    fn is_dealt(&self, cell: &CellId) -> bool {
        crc32fast::hash(cell.to_string().as_bytes()) % self.count.max(1) == self.index.saturating_sub(1)
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kernel, way, index, count } = self;
        match kernel {
            Some(kernel) if *count == 1 && *way == Way::Slice => write!(formatter, "kernel:{kernel}"),
            Some(kernel) => write!(formatter, "kernel:{kernel},{}:{index}/{count}", way.word()),
            None => write!(formatter, "{}:{index}/{count}", way.word()),
        }
    }
}

impl FromStr for Partition {
    type Err = PartitionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let form = || PartitionError::Form { text: text.to_owned() };
        let (kernel, share) = match text.strip_prefix("kernel:") {
            None => (None, Some(text)),
            Some(rest) => match rest.split_once(',') {
                None => (Some(rest), None),
                Some((kernel, share)) => (Some(kernel), Some(share)),
            },
        };
        if kernel.is_some_and(str::is_empty) {
            return Err(form());
        }
        let kernel = kernel.map(str::to_owned);
        let Some(share) = share else {
            return Ok(Self { kernel, way: Way::Slice, index: 1, count: 1 });
        };
        let (word, numbers) = share.split_once(':').ok_or_else(form)?;
        let way = [Way::Slice, Way::Hash].into_iter().find(|way| way.word() == word).ok_or_else(form)?;
        let (index, count) = numbers.split_once('/').ok_or_else(form)?;
        let number = |digits: &str| digits.parse::<u32>().map_err(|_| form());
        let (index, count) = (number(index)?, number(count)?);
        if index == 0 || index > count || count > MOST_SHARES {
            return Err(PartitionError::Range { text: text.to_owned() });
        }
        Ok(Self { kernel, way, index, count })
    }
}

impl From<Partition> for String {
    fn from(partition: Partition) -> Self {
        partition.to_string()
    }
}

impl TryFrom<String> for Partition {
    type Error = PartitionError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

#[cfg(test)]
#[path = "partition_tests.rs"]
mod tests;
