//! A set of names of functions: listed one by one, as facts are recorded, or found in the index of the running kernel.

use std::collections::BTreeSet;
use std::rc::Rc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::index::Index;

/// Names of functions.
#[derive(Clone, Debug)]
pub enum Names {
    /// These.
    Listed(BTreeSet<String>),
    /// Those that exist once in the running kernel.
    Running(Rc<Index>),
    /// Those of them that lie at none of these addresses, which are sorted.
    Elsewhere(Rc<Index>, Rc<[u64]>),
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
            Self::Running(index) => index.has_one(name),
            Self::Elsewhere(index, addresses) => index.has_one(name) && is_elsewhere(index, addresses, name),
        }
    }

    /// All of them, in no order.
    #[must_use]
    pub fn iter(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        match self {
            Self::Listed(names) => Box::new(names.iter().map(String::as_str)),
            Self::Running(index) => Box::new(index.names()),
            Self::Elsewhere(index, addresses) => {
                Box::new(index.names().filter(|name| is_elsewhere(index, addresses, name)))
            }
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Listed(names) => names.len(),
            Self::Running(index) => index.len(),
            Self::Elsewhere(..) => self.iter().count(),
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

/// What hides where it is lies nowhere.
fn is_elsewhere(index: &Index, addresses: &[u64], name: &str) -> bool {
    index.addresses(name).all(|address| addresses.binary_search(&address).is_err())
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

    const KALLSYMS: &str = "00000000000000f0 T first\n00000000000000f1 t second\n00000000000000f2 D third\n";

    #[test]
    fn names_of_the_running_kernel_are_the_same_as_listed_ones() {
        let index = Rc::new(Index::new(KALLSYMS));
        let listed: Names = ["second", "first"].map(str::to_owned).into_iter().collect();
        let running = Names::Running(Rc::clone(&index));
        assert_eq!(running, listed);
        assert_eq!((running.len(), running.is_empty()), (2, false));
        let second: Names = ["second".to_owned()].into_iter().collect();
        assert_eq!(Names::Elsewhere(index, [0xf0].into()), second);
    }

    #[test]
    fn an_added_name_is_one_of_them_with_all_that_were_there() {
        let mut names = Names::Running(Rc::new(Index::new(KALLSYMS)));
        names.extend(["fourth".to_owned()]);
        assert!(["first", "second", "fourth"].iter().all(|name| names.contains(name)));
        assert!(!names.contains("third"));
    }
}
