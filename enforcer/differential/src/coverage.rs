//! What a comparison has seen: agreement on nothing would be worth nothing.
//!
//! Every operator on every type that it applies to, and every kind of entry of the other sections, must have decided calls
//! both ways, alone in a policy, so that nothing else can have decided them.

use std::collections::BTreeMap;

use quell::model::Verdict;
use quell::policy::ast::{ArgType, CapabilitySet, Hook, Namespace, Operator, Selector, TypeClass};
use quell::policy::typing::{BINARY_OPERATORS, applies};

/// Verdicts on one kind of entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verdicts {
    /// The entry held.
    pub matched: u64,
    /// It did not.
    pub not_matched: u64,
    /// Nothing was decided, and an enforcing selector took that for a match.
    pub failed_closed: u64,
    /// Nothing was decided.
    pub unreadable: u64,
}

impl Verdicts {
    fn count(&mut self, verdict: &Verdict) {
        match verdict {
            Verdict::Matched { failed_closed: true, .. } => self.failed_closed += 1,
            Verdict::Matched { .. } => self.matched += 1,
            Verdict::NotMatched => self.not_matched += 1,
            Verdict::Unreadable => self.unreadable += 1,
        }
    }

    fn add(&mut self, other: &Self) {
        self.matched += other.matched;
        self.not_matched += other.not_matched;
        self.failed_closed += other.failed_closed;
        self.unreadable += other.unreadable;
    }

    const fn both_ways(&self) -> bool {
        self.matched > 0 && self.not_matched > 0
    }
}

/// A kind of entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// matchArgs.
    Arg(Operator, ArgType),
    /// matchArgs with so many values that they are a set in a map.
    Set(Operator, TypeGroup),
    /// matchPIDs: isNamespacePID, followForks, negated.
    Pid(bool, bool, bool),
    /// matchBinaries: followChildren.
    Binary(Operator, bool),
    /// matchParentBinaries.
    ParentBinary(Operator),
    /// matchNamespaces: negated.
    Namespace(Namespace, bool),
    /// matchNamespaceChanges: negated.
    NamespaceChange(bool),
    /// matchCapabilities: negated, isNamespaceCapability.
    Capability(CapabilitySet, bool, bool),
    /// matchCapabilityChanges: negated, isNamespaceCapability.
    CapabilityChange(CapabilitySet, bool, bool),
}

/// Types whose sets are in the same kind of map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TypeGroup {
    /// Numbers.
    Numbers,
    /// Texts.
    Texts,
    /// Paths.
    Paths,
    /// Sockets.
    Connections,
}

impl TypeGroup {
    /// The type that stands for all of them.
    pub(crate) const fn example(self) -> ArgType {
        match self {
            Self::Numbers => ArgType::Int64,
            Self::Texts => ArgType::String,
            Self::Paths => ArgType::File,
            Self::Connections => ArgType::Sock,
        }
    }
}

const BOTH: [bool; 2] = [false, true];
/// From how many values on an entry counts as a set.
pub(crate) const SET_VALUES: usize = 65;

impl Kind {
    /// Every kind that has to be seen.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for op in Operator::ALL {
            all.extend(ArgType::ALL.into_iter().filter(|ty| applies(*op, *ty)).map(|ty| Self::Arg(*op, ty)));
            for group in [TypeGroup::Numbers, TypeGroup::Texts, TypeGroup::Paths, TypeGroup::Connections] {
                if applies(*op, group.example()) && can_be_a_set(*op) {
                    all.push(Self::Set(*op, group));
                }
            }
        }
        for negated in BOTH {
            all.push(Self::NamespaceChange(negated));
            all.extend(Namespace::ALL.map(|namespace| Self::Namespace(namespace, negated)));
            for (one, other) in [(false, false), (false, true), (true, false), (true, true)] {
                all.push(Self::Pid(one, other, negated));
            }
            for namespaced in BOTH {
                all.extend(CapabilitySet::ALL.map(|set| Self::Capability(set, negated, namespaced)));
                all.extend(CapabilitySet::ALL.map(|set| Self::CapabilityChange(set, negated, namespaced)));
            }
        }
        for op in BINARY_OPERATORS {
            all.push(Self::ParentBinary(*op));
            all.push(Self::Binary(*op, false));
            if matches!(op, Operator::In | Operator::NotIn) {
                all.push(Self::Binary(*op, true));
            }
        }
        all
    }

    /// The kinds of a hook with one entry in one selector; none of any other hook.
    fn alone(hook: &Hook) -> Vec<Self> {
        let [selector] = hook.selectors.as_slice() else { return Vec::new() };
        Self::only(hook, selector)
    }

    /// The kinds of one selector of a [battery](crate::sketch::battery), its guard left out; none when more is left than
    /// one entry.
    pub(crate) fn guarded(hook: &Hook, selector: usize) -> Vec<Self> {
        let Some(mut selector) = hook.selectors.get(selector).cloned() else { return Vec::new() };
        selector.args.retain(|filter| filter.arg + 1 != hook.args.len());
        Self::only(hook, &selector)
    }

    fn only(hook: &Hook, selector: &Selector) -> Vec<Self> {
        let entries = selector.pids.len()
            + selector.binaries.len()
            + selector.parent_binaries.len()
            + selector.args.len()
            + selector.namespaces.len()
            + selector.namespace_changes.len()
            + selector.capabilities.len()
            + selector.capability_changes.len();
        if entries == 1 { Self::of(hook, selector) } else { Vec::new() }
    }

    fn of(hook: &Hook, selector: &Selector) -> Vec<Self> {
        if let [filter] = selector.args.as_slice() {
            let ty = hook.args[filter.arg].ty;
            let mut kinds = vec![Self::Arg(filter.op, ty)];
            if filter.values.len() >= SET_VALUES && can_be_a_set(filter.op) {
                kinds.extend(group(ty).map(|group| Self::Set(filter.op, group)));
            }
            return kinds;
        }
        let pids = selector.pids.iter();
        let pids = pids.map(|filter| Self::Pid(filter.namespace, filter.follow_forks, filter.negated));
        let binaries = selector.binaries.iter().map(|filter| Self::Binary(filter.op, filter.follow_children));
        let parents = selector.parent_binaries.iter().map(|filter| Self::ParentBinary(filter.op));
        let namespaces =
            selector.namespaces.iter().map(|filter| Self::Namespace(filter.namespace, filter.negated));
        let changes = selector.namespace_changes.iter().map(|filter| Self::NamespaceChange(filter.negated));
        let capabilities = selector.capabilities.iter();
        let capabilities =
            capabilities.map(|filter| Self::Capability(filter.set, filter.negated, filter.namespaced));
        let capability_changes = selector.capability_changes.iter();
        let capability_changes = capability_changes
            .map(|filter| Self::CapabilityChange(filter.set, filter.negated, filter.namespaced));
        pids.chain(binaries)
            .chain(parents)
            .chain(namespaces)
            .chain(changes)
            .chain(capabilities)
            .chain(capability_changes)
            .collect()
    }
}

fn can_be_a_set(op: Operator) -> bool {
    !matches!(
        op,
        Operator::Gt
            | Operator::Lt
            | Operator::Mask
            | Operator::SubString
            | Operator::SubStringIgnCase
            | Operator::SPortPriv
            | Operator::NotSPortPriv
            | Operator::DPortPriv
            | Operator::NotDPortPriv
            | Operator::Protocol
            | Operator::Family
            | Operator::State
            | Operator::CapabilitiesGained
            | Operator::FileType
            | Operator::NotFileType
    )
}

fn group(ty: ArgType) -> Option<TypeGroup> {
    match ty.class() {
        TypeClass::Integer { .. } => Some(TypeGroup::Numbers),
        TypeClass::Text => Some(TypeGroup::Texts),
        TypeClass::Path => Some(TypeGroup::Paths),
        TypeClass::Connection | TypeClass::Address => Some(TypeGroup::Connections),
        TypeClass::Capabilities | TypeClass::Nothing => None,
    }
}

/// Counts over all calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Calls.
    pub cases: u64,
    /// Policies.
    pub policies: u64,
    /// Policies that do not fit, each refused with a typed error.
    pub too_large: u64,
    /// Returns of functions.
    pub returns: u64,
    all: Verdicts,
    /// By the number of the selector that matched.
    selectors: [u64; 16],
    kinds: BTreeMap<Kind, Verdicts>,
}

impl Coverage {
    /// Counts the calls of one hook, of which both sides gave these verdicts.
    pub fn count<'a>(&mut self, hook: &Hook, verdicts: impl Iterator<Item = &'a Verdict>) {
        self.policies += 1;
        let mut of_hook = Verdicts::default();
        for verdict in verdicts {
            self.cases += 1;
            of_hook.count(verdict);
            if let Verdict::Matched { selector: Some(selector), .. } = verdict {
                self.selectors[selector % 16] += 1;
            }
        }
        self.all.add(&of_hook);
        for kind in Kind::alone(hook) {
            self.kinds.entry(kind).or_default().add(&of_hook);
        }
    }

    /// Counts one call of a [battery](crate::sketch::battery), which this selector has decided: no other one has the
    /// call's guard.
    pub fn count_guarded(&mut self, hook: &Hook, selector: usize, verdict: &Verdict) {
        self.cases += 1;
        self.all.count(verdict);
        if let Verdict::Matched { selector: Some(selector), .. } = verdict {
            self.selectors[selector % 16] += 1;
        }
        for kind in Kind::guarded(hook, selector) {
            self.kinds.entry(kind).or_default().count(verdict);
        }
    }

    /// Adds what another thread has seen.
    pub fn add(&mut self, other: &Self) {
        self.cases += other.cases;
        self.policies += other.policies;
        self.too_large += other.too_large;
        self.returns += other.returns;
        self.all.add(&other.all);
        for (own, other) in self.selectors.iter_mut().zip(other.selectors) {
            *own += other;
        }
        for (kind, verdicts) in &other.kinds {
            self.kinds.entry(*kind).or_default().add(verdicts);
        }
    }

    /// How many kinds were decided both ways, and those that were not.
    #[must_use]
    pub fn decided(&self) -> (usize, Vec<(Kind, Verdicts)>) {
        let all = Kind::all();
        let of = |kind: &Kind| self.kinds.get(kind).copied().unwrap_or_default();
        let missing: Vec<_> =
            all.iter().map(|kind| (*kind, of(kind))).filter(|(_, seen)| !seen.both_ways()).collect();
        (all.len() - missing.len(), missing)
    }

    /// What else a comparison of this size has to have seen and has not; empty when nothing is missing.
    #[must_use]
    pub fn gaps(&self) -> Vec<String> {
        let mut gaps: Vec<String> = self
            .decided()
            .1
            .iter()
            .map(|(kind, seen)| format!("{kind:?} was not decided both ways: {seen:?}"))
            .collect();
        for (selector, matched) in self.selectors.iter().enumerate().filter(|(_, matched)| **matched == 0) {
            gaps.push(format!("selector {selector} matched {matched} times"));
        }
        let all = self.all;
        for (what, count) in [
            ("failed closed", all.failed_closed),
            ("was unreadable", all.unreadable),
            ("was too large", self.too_large),
            ("returned", self.returns),
        ] {
            if count == 0 {
                gaps.push(format!("nothing {what}"));
            }
        }
        gaps
    }

    /// The verdicts over all calls.
    #[must_use]
    pub const fn verdicts(&self) -> Verdicts {
        self.all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_of_the_typing_table_has_to_be_seen() {
        let all = Kind::all();
        let pairs =
            ArgType::ALL.iter().flat_map(|ty| Operator::ALL.iter().filter(|op| applies(**op, *ty))).count();
        assert_eq!(all.iter().filter(|kind| matches!(kind, Kind::Arg(..))).count(), pairs);
        assert!(pairs > 200, "{pairs}");
    }

    #[test]
    fn nothing_seen_is_nothing_covered() {
        let empty = Coverage::default();
        assert_eq!(empty.decided().0, 0);
        assert!(empty.gaps().len() > Kind::all().len());
    }
}
