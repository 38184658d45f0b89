//! Formatting.

use crate::step::Step;

/// rustfmt over every crate.
pub(crate) fn step() -> Step {
    Step::cargo(&["fmt", "--all", "--check"])
}
