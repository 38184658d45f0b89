//! The normal form of many ranges: what a set of numbers keeps of them.
//!
//! More than [`INLINE_RANGES`] ranges may become a set, which knows its members and not how they were written. So they are
//! sorted, and those that touch are merged, before anything else; fewer ranges stay as written.

use crate::policy::ast::{ArgFilter, Policy, TypeClass, Values};

/// Ranges of one entry that stay as they were written.
pub const INLINE_RANGES: usize = 16;

/// The ranges as an entry keeps them: as written when they are few, else sorted by the sign of the type and merged.
#[must_use]
pub fn ranges(written: &[(u64, u64)], signed: bool) -> Vec<(u64, u64)> {
    if written.len() <= INLINE_RANGES { written.to_vec() } else { merged(written, signed) }
}

/// The ranges sorted by the sign of the type, those that overlap or touch as one.
pub(super) fn merged(written: &[(u64, u64)], signed: bool) -> Vec<(u64, u64)> {
    // Flipping the highest bit orders signed numbers as unsigned ones.
    let flip = if signed { 1 << 63 } else { 0 };
    let mut sorted: Vec<_> =
        written.iter().map(|(least, greatest)| (least ^ flip, greatest ^ flip)).collect();
    sorted.sort_unstable();
    let mut merged: Vec<(u64, u64)> = Vec::new();
    for (least, greatest) in sorted {
        match merged.last_mut() {
            Some(last) if last.1 == u64::MAX || least <= last.1 + 1 => last.1 = last.1.max(greatest),
            _ => merged.push((least, greatest)),
        }
    }
    merged.into_iter().map(|(least, greatest)| (least ^ flip, greatest ^ flip)).collect()
}

/// Numbers in ranges that do not overlap.
#[must_use]
pub(super) fn members(ranges: &[(u64, u64)]) -> u128 {
    // Wrapping, because the bounds of a signed range are two's complement.
    ranges.iter().map(|(least, greatest)| u128::from(greatest.wrapping_sub(*least)) + 1).sum()
}

/// The policy with the ranges of every entry in this form: what decoding its encoding gives.
#[must_use]
pub fn policy(policy: &Policy) -> Policy {
    let mut policy = policy.clone();
    for hook in &mut policy.hooks {
        let signed: Vec<_> = hook.args.iter().map(|arg| is_signed(arg.ty.class())).collect();
        let returned = hook.returned.as_ref().is_some_and(|arg| is_signed(arg.ty.class()));
        for selector in &mut hook.selectors {
            for filter in &mut selector.args {
                let signed = signed.get(filter.arg).copied().unwrap_or_default();
                normalize(filter, signed);
            }
            selector.return_args.iter_mut().for_each(|filter| normalize(filter, returned));
        }
    }
    policy
}

const fn is_signed(class: TypeClass) -> bool {
    matches!(class, TypeClass::Integer { signed: true, .. })
}

fn normalize(filter: &mut ArgFilter, signed: bool) {
    if let Values::Ranges(written) = &mut filter.values {
        *written = ranges(written, signed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_ranges_stay_as_written_and_many_are_sorted_and_merged() {
        let few = [(7, 9), (1, 2), (3, 4)];
        assert_eq!(ranges(&few, false), few);
        let mut many: Vec<_> =
            (0..INLINE_RANGES as u64).map(|number| (1000 - 10 * number, 1004 - 10 * number)).collect();
        many.push((845, 900));
        let merged = ranges(&many, false);
        assert_eq!(merged.first(), Some(&(845, 904)));
        assert_eq!(merged.len(), INLINE_RANGES - 5);
        assert_eq!(members(&merged), 60 + 5 * (INLINE_RANGES as u128 - 6));
    }

    #[test]
    fn signed_ranges_are_sorted_by_their_sign_and_may_reach_both_ends() {
        let mut many = vec![(0, 5), (u64::MAX - 1, u64::MAX), (1 << 63, (1 << 63) + 1), (10, (1 << 63) - 1)];
        many.extend((0..INLINE_RANGES as u64).map(|number| (number, number)));
        let low = 1 << 63;
        assert_eq!(ranges(&many, true), [(low, low + 1), (u64::MAX - 1, low - 1)]);
        assert_eq!(members(&[(u64::MAX, 1)]), 3);
        let unsigned = ranges(&many, false);
        assert_eq!(unsigned, [(0, low + 1), (u64::MAX - 1, u64::MAX)]);
    }
}
