//! Why a hook cannot be encoded: always a size, with what to do about it.

use std::fmt;

use quell_wire::limits::{
    MAX_AFFIX_SET_BYTES, MAX_FILTERS, MAX_FOLLOWED, MAX_INLINE_WORDS, MAX_SEARCHES, MAX_SET_MEMBERS,
    MAX_SETS, MAX_VALUES, SEARCH_WORDS,
};
use quell_wire::selector::Section;
use quell_wire::write::TooLarge;

/// An entry of a selector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Position of the selector in the hook, from 0.
    pub selector: usize,
    /// The section; matchArgs stands for matchData too.
    pub section: Section,
    /// Position of the entry in the section's encoding, from 0.
    pub entry: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} entry {} of selector {}", section_key(self.section), self.entry, self.selector)
    }
}

/// The section's key in a policy.
#[must_use]
pub const fn section_key(section: Section) -> &'static str {
    match section {
        Section::Pids => "matchPIDs",
        Section::Binaries => "matchBinaries",
        Section::Args => "matchArgs",
        Section::Namespaces => "matchNamespaces",
        Section::Capabilities => "matchCapabilities",
        Section::NamespaceChanges => "matchNamespaceChanges",
        Section::CapabilityChanges => "matchCapabilityChanges",
        Section::Actions => "matchActions",
        Section::ParentBinaries => "matchParentBinaries",
        Section::ReturnArgs => "matchReturnArgs",
        Section::ReturnActions => "matchReturnActions",
    }
}

/// What is too large.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    /// The selector bytes.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    /// Values that can only stand in the selector bytes.
    #[error("{place} has {values} values, its operator takes at most {MAX_VALUES}")]
    TooManyValues {
        /// The entry.
        place: Place,
        /// Its values.
        values: usize,
        /// Whether the operator is a negation.
        negative: bool,
    },
    /// Ranges that neither stand in the selector bytes nor can be listed number by number.
    #[error(
        "{place} has {ranges} ranges with {members} numbers; at most {MAX_VALUES} ranges, or ranges with at most \
         {listed} numbers together, are possible"
    )]
    TooManyRanges {
        /// The entry.
        place: Place,
        /// Its ranges, after merging those that touch.
        ranges: usize,
        /// Numbers in them.
        members: u128,
        /// Numbers that can be listed.
        listed: u64,
        /// Whether the operator is a negation.
        negative: bool,
    },
    /// A prefix or postfix that is too long for a set, among too many to do without one.
    #[error(
        "{place} has {values} values and one of {length} bytes; among more than {MAX_VALUES} prefixes or postfixes, one \
         may have at most {MAX_AFFIX_SET_BYTES}"
    )]
    AffixTooLong {
        /// The entry.
        place: Place,
        /// Its values.
        values: usize,
        /// Bytes of the longest one.
        length: usize,
        /// Whether the operator is a negation.
        negative: bool,
    },
    /// Strings to compare one by one that cannot move to a set.
    #[error(
        "comparing string by string takes {words} words, at most {MAX_INLINE_WORDS} are possible, and prefixes or \
         postfixes of more than {MAX_AFFIX_SET_BYTES} bytes cannot be put into a set"
    )]
    TooManyComparisons {
        /// Entries times values times words of the largest ones.
        words: u64,
    },
    /// Entries of one section, those included that `isNamespaceCapability` adds.
    #[error(
        "{} of selector {selector} takes {entries} entries, at most {MAX_FILTERS} are possible; isNamespaceCapability takes \
         one more each",
        section_key(*.section)
    )]
    TooManyEntries {
        /// Position of the selector.
        selector: usize,
        /// The section.
        section: Section,
        /// Entries it would take.
        entries: usize,
    },
    /// Sets of the hook.
    #[error("the hook needs {needed} sets of values, {MAX_SETS} are available")]
    TooManySets {
        /// Sets it would take.
        needed: usize,
    },
    /// Sets of executables whose descendants are followed.
    #[error("the hook follows {needed} different lists of programs, at most {MAX_FOLLOWED} are possible")]
    TooManyFollowed {
        /// Lists it would take.
        needed: usize,
    },
    /// Members of sets of one kind.
    #[error("the hook's sets of {kind} have {members} members, at most {MAX_SET_MEMBERS} are possible")]
    TooManyMembers {
        /// What they are.
        kind: &'static str,
        /// How many.
        members: usize,
    },
    /// SubString entries of the hook.
    #[error("the hook has {searches} different SubString searches, at most {MAX_SEARCHES} are possible")]
    TooManySearches {
        /// How many.
        searches: usize,
    },
    /// The values of one SubString entry.
    #[error(
        "the {bytes} bytes that {place} searches for do not fit {SEARCH_WORDS} words of 64 bytes, of which no value may \
         cross into the next"
    )]
    SearchTooLarge {
        /// The entry.
        place: Place,
        /// Bytes of its values together.
        bytes: usize,
    },
    /// Values of a kind that the operator does not compare with: the policy did not come from `parse`.
    #[error("{place} has an operator, a type and values that do not belong together")]
    Mismatch {
        /// The entry.
        place: Place,
    },
}

impl CompileError {
    /// What the author can do about it.
    #[must_use]
    pub const fn advice(&self) -> &'static str {
        match self {
            Self::TooLarge(_) => {
                "move selectors to another hook of the same function, in another policy: the selectors of one hook share \
                 these bytes"
            }
            // Entries of a selector all have to hold, and of the selectors one: that is "none of these and none of those" for a
            // negation, and "one of these or one of those" for the others. The other way round would be another policy.
            Self::TooManyValues { negative: true, .. } => {
                "split the values over several entries of the same selector: all of them have to hold"
            }
            Self::TooManyRanges { negative: true, .. } => {
                "split the ranges over several entries of the same selector, all of which have to hold, or make them coarser"
            }
            Self::AffixTooLong { negative: true, .. } => {
                "give the long values an entry of their own in the same selector: both have to hold"
            }
            Self::TooManyValues { .. } => {
                "split the values over two selectors, which are alike in everything else, or use In"
            }
            Self::TooManyRanges { .. } => {
                "split the ranges over two selectors, which are alike in everything else, or make them coarser"
            }
            Self::AffixTooLong { .. } => {
                "give the long values a second selector, which is alike in everything else"
            }
            Self::TooManyComparisons { .. } => {
                "move the selector with the long values to another hook of the same function, in another policy"
            }
            Self::TooManyEntries { .. } => {
                "write the capabilities of NotIn entries of one set into one entry: all entries of a selector have to hold, so \
                 they cannot be divided"
            }
            Self::TooManySets { .. } | Self::TooManyMembers { .. } => {
                "move selectors to another hook of the same function, in another policy: the sets of one hook share a map"
            }
            Self::TooManyFollowed { .. } => {
                "move selectors with followChildren to another hook of the same function, in another policy; entries with the \
                 same values share a list"
            }
            Self::TooManySearches { .. } => {
                "move selectors with SubString entries to another hook of the same function, in another policy"
            }
            Self::SearchTooLarge { .. } => {
                "split the values over two selectors, which are alike in everything else"
            }
            Self::Mismatch { .. } => "parse the policy from its text",
        }
    }
}
