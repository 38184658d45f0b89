//! What can be said of a filter: three shades of "perhaps" besides yes and no, and how they combine.

use std::fmt;

/// What one filter, or all filters of a selector, say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Answer {
    /// It does not hold.
    No,
    /// It holds.
    Yes,
    /// What was read does not decide it.
    Undecided,
    /// Memory of the caller was not there: an ordinary program may do that, so nothing is concluded from it.
    Unreadable,
}

impl Answer {
    /// Yes or no.
    #[must_use]
    pub const fn decided(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }

    /// What all filters say together: one "no" settles it, and a guess about the caller's memory outweighs a gap in what the
    /// kernel showed.
    #[must_use]
    pub fn all(answers: &[Self]) -> Self {
        let heaviest = [Self::No, Self::Unreadable, Self::Undecided];
        heaviest.into_iter().find(|answer| answers.contains(answer)).unwrap_or(Self::Yes)
    }

    /// What the values of a positive operator say together: one that holds settles it.
    #[must_use]
    pub fn any(answers: impl IntoIterator<Item = Self>) -> Self {
        let mut seen = Self::No;
        for answer in answers {
            match answer {
                Self::Yes => return Self::Yes,
                Self::No => {}
                perhaps => seen = perhaps,
            }
        }
        seen
    }

    /// The answer of the negated filter. What is unknown stays unknown.
    #[must_use]
    pub const fn negated(self) -> Self {
        match self {
            Self::No => Self::Yes,
            Self::Yes => Self::No,
            perhaps => perhaps,
        }
    }

    /// The answer, or its negation.
    #[must_use]
    pub const fn negated_if(self, negated: bool) -> Self {
        if negated { self.negated() } else { self }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::No => "no",
            Self::Yes => "yes",
            Self::Undecided => "undecided",
            Self::Unreadable => "unreadable",
        })
    }
}
