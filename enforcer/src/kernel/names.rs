//! A set of names of functions: listed one by one, as facts are recorded, or those of the running kernel.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::running::RunningFunctions;
use super::traced::Traced;

/// Names of functions.
#[derive(Clone, Debug)]
pub enum Names {
    /// These.
    Listed(BTreeSet<String>),
    /// Those that exist once in the running kernel.
    Running(Rc<RunningFunctions>),
    /// Those of them that the function tracer cannot take.
    Untraced(Rc<RunningFunctions>, Rc<Traced>),
}

impl Default for Names {
    fn default() -> Self {
        Self::Listed(BTreeSet::new())
    }
}

impl Names {
    /// Whether this name is one of them.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        match self {
            Self::Listed(names) => names.contains(name),
            Self::Running(running) => running.count(name) == 1,
            Self::Untraced(running, traced) => running.count(name) == 1 && traced.lacks(name, running),
        }
    }

    /// How many functions share this name, where that is known.
    #[must_use]
    pub fn sharing(&self, name: &str) -> Option<u32> {
        match self {
            Self::Running(running) => u32::try_from(running.count(name)).ok().filter(|count| *count > 1),
            Self::Listed(_) | Self::Untraced(..) => None,
        }
    }

    /// Whether it could not be found out which they are.
    #[must_use]
    pub fn are_unreadable(&self) -> bool {
        match self {
            Self::Running(running) | Self::Untraced(running, _) => running.is_unreadable(),
            Self::Listed(_) => false,
        }
    }

    /// The names that several functions share, with their number, where that is known.
    #[must_use]
    pub fn shared(&self) -> BTreeMap<String, u32> {
        match self {
            Self::Running(running) => running.index().several().clone(),
            Self::Listed(_) | Self::Untraced(..) => BTreeMap::new(),
        }
    }

    /// All of them, in no order.
    #[must_use]
    pub fn iter(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        match self {
            Self::Listed(names) => Box::new(names.iter().map(String::as_str)),
            Self::Running(running) => Box::new(running.index().names()),
            Self::Untraced(running, traced) => {
                Box::new(running.index().names().filter(|name| traced.lacks(name, running)))
            }
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Listed(names) => names.len(),
            Self::Running(running) => running.index().len(),
            Self::Untraced(..) => self.iter().count(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// All of them, in their order.
    #[must_use]
    pub fn listed(&self) -> BTreeSet<String> {
        match self {
            Self::Listed(names) => names.clone(),
            _ => self.iter().map(str::to_owned).collect(),
        }
    }

    /// Adds names.
    pub fn extend(&mut self, names: impl IntoIterator<Item = String>) {
        let mut listed = self.listed();
        listed.extend(names);
        *self = Self::Listed(listed);
    }
}

impl FromIterator<String> for Names {
    fn from_iter<T: IntoIterator<Item = String>>(names: T) -> Self {
        Self::Listed(names.into_iter().collect())
    }
}

impl PartialEq for Names {
    fn eq(&self, other: &Self) -> bool {
        self.listed() == other.listed()
    }
}

impl Eq for Names {}

impl Serialize for Names {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Listed(names) => names.serialize(serializer),
            _ => self.listed().serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        BTreeSet::deserialize(deserializer).map(Self::Listed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::index::Index;

    const KALLSYMS: &str = "00000000000000f0 T first\n00000000000000f1 t second\n00000000000000f2 D third\n";

    #[test]
    fn names_of_the_running_kernel_are_the_same_as_listed_ones() {
        let index = Rc::new(RunningFunctions::of(Index::new(KALLSYMS)));
        let listed: Names = ["second", "first"].map(str::to_owned).into_iter().collect();
        let running = Names::Running(index);
        assert_eq!(running, listed);
        assert_eq!((running.len(), running.is_empty()), (2, false));
    }

    #[test]
    fn an_added_name_is_one_of_them_with_all_that_were_there() {
        let mut names = Names::Running(Rc::new(RunningFunctions::of(Index::new(KALLSYMS))));
        names.extend(["fourth".to_owned()]);
        assert!(["first", "second", "fourth"].iter().all(|name| names.contains(name)));
        assert!(!names.contains("third"));
    }
}
