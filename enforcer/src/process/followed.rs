//! Which programs are followed: the sets of `followChildren` of every hook of every policy, and a bit for each in the table of
//! processes.

use std::collections::{BTreeMap, BTreeSet};

use quell_wire::hook::HookConfig;
use quell_wire::limits::MAX_STRING_VALUE_BYTES;
use quell_wire::selector::StringKey;
use quell_wire::sets::Sets;

/// Sets of followed programs that one agent can have: a bit each.
pub const MAX_FOLLOWED_SETS: usize = u64::BITS as usize;

/// The policies follow more sets of programs than a process has bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the policies follow the children of {needed} different sets of programs, and {MAX_FOLLOWED_SETS} can be told apart; \
     entries of followChildren with the same values in the same order are one set"
)]
pub struct TooManyFollowed {
    /// How many they are.
    pub needed: usize,
}

/// Every followed program with the bits of the sets that it is in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FollowedPaths {
    bits: BTreeMap<Vec<u8>, u64>,
    sets: Vec<BTreeSet<Vec<u8>>>,
}

impl FollowedPaths {
    /// Gives every followed set of these hooks its bit, and writes it into the hook's constants. Sets with the same members
    /// are one, whatever hook or policy they are of.
    ///
    /// # Errors
    /// When there are more than [`MAX_FOLLOWED_SETS`].
    pub fn allocate<'a>(
        hooks: impl IntoIterator<Item = (&'a mut HookConfig, &'a Sets)>,
    ) -> Result<Self, TooManyFollowed> {
        let mut followed = Self::default();
        for (config, sets) in hooks {
            let used = usize::try_from(config.followed).unwrap_or(usize::MAX);
            let slots = config.followed_set.iter().zip(&mut config.followed_bit).take(used);
            for (set, bit) in slots {
                *bit = followed.bit(members(sets, *set));
            }
        }
        if followed.sets.len() > MAX_FOLLOWED_SETS {
            return Err(TooManyFollowed { needed: followed.sets.len() });
        }
        for (set, bit) in followed.sets.iter().zip(0_u32..) {
            for path in set {
                *followed.bits.entry(path.clone()).or_default() |= 1 << bit;
            }
        }
        Ok(followed)
    }

    /// Sets that have a bit.
    #[must_use]
    pub fn count(&self) -> u32 {
        u32::try_from(self.sets.len()).unwrap_or(u32::MAX)
    }

    /// The bits of the sets that a program is in.
    #[must_use]
    pub fn bits_of(&self, path: &[u8]) -> u64 {
        self.bits.get(path).copied().unwrap_or(0)
    }

    /// Every program as the kernel side looks for it.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = (StringKey, u64)> + '_ {
        self.bits.iter().map(|(path, bits)| (key(path), *bits))
    }

    fn bit(&mut self, members: BTreeSet<Vec<u8>>) -> u32 {
        let position = self.sets.iter().position(|set| *set == members).unwrap_or_else(|| {
            self.sets.push(members);
            self.sets.len() - 1
        });
        u32::try_from(position).unwrap_or(u32::MAX)
    }
}

fn members(sets: &Sets, number: u32) -> BTreeSet<Vec<u8>> {
    let own = sets.strings.iter().filter(|key| key.set == number);
    own.filter_map(|key| key.bytes.get(..usize::try_from(key.length).ok()?).map(<[u8]>::to_vec)).collect()
}

/// No member of a set is longer than the key has room for.
fn key(path: &[u8]) -> StringKey {
    let mut key = StringKey { length: u32::try_from(path.len()).unwrap_or(u32::MAX), ..StringKey::default() };
    for (to, from) in key.bytes.iter_mut().zip(path) {
        *to = *from;
    }
    key
}

const _: () = assert!(MAX_STRING_VALUE_BYTES as usize == size_of::<[u8; 256]>());

#[cfg(test)]
mod tests {
    use super::*;

    fn hook(sets: &[(u32, &[&str])]) -> (HookConfig, Sets) {
        let mut config = HookConfig { followed: u32::try_from(sets.len()).unwrap(), ..HookConfig::default() };
        let mut members = Sets::default();
        for (slot, (number, paths)) in sets.iter().enumerate() {
            config.followed_set[slot] = *number;
            members
                .strings
                .extend(paths.iter().map(|path| StringKey { set: *number, ..key(path.as_bytes()) }));
        }
        (config, members)
    }

    fn allocate(hooks: &mut [(HookConfig, Sets)]) -> Result<FollowedPaths, TooManyFollowed> {
        FollowedPaths::allocate(hooks.iter_mut().map(|(config, sets)| (config, &*sets)))
    }

    #[test]
    fn every_set_of_every_hook_has_a_bit_of_its_own() {
        let mut hooks = [hook(&[(1, &["/bin/a", "/bin/b"]), (3, &["/bin/a"])]), hook(&[(2, &["/bin/c"])])];
        let followed = allocate(&mut hooks).unwrap();
        assert_eq!(followed.count(), 3);
        assert_eq!(followed.bits_of(b"/bin/a"), 0b011);
        assert_eq!(followed.bits_of(b"/bin/b"), 0b001);
        assert_eq!(followed.bits_of(b"/bin/c"), 0b100);
        assert_eq!(followed.bits_of(b"/bin/d"), 0);
        assert_eq!(hooks[0].0.followed_bit[..2], [0, 1]);
        assert_eq!(hooks[1].0.followed_bit[0], 2);
    }

    #[test]
    fn hooks_that_follow_the_same_programs_share_a_bit() {
        let mut hooks = [hook(&[(1, &["/bin/a", "/bin/b"])]), hook(&[(5, &["/bin/b", "/bin/a"])])];
        let followed = allocate(&mut hooks).unwrap();
        assert_eq!(followed.count(), 1);
        assert_eq!(hooks[1].0.followed_bit[0], 0);
    }

    #[test]
    fn a_set_of_the_hook_that_is_not_followed_gives_no_bit() {
        let (config, mut sets) = hook(&[(1, &["/bin/a"])]);
        sets.strings.push(StringKey { set: 2, ..key(b"/etc/shadow") });
        let mut hooks = [(config, sets)];
        let followed = allocate(&mut hooks).unwrap();
        assert_eq!(followed.keys().count(), 1);
        assert_eq!(followed.bits_of(b"/etc/shadow"), 0);
    }

    #[test]
    fn sixty_five_sets_are_one_too_many() {
        let mut hooks: Vec<_> = (0..65).map(|set| hook(&[(1, &[format!("/bin/{set}").as_str()])])).collect();
        assert_eq!(allocate(&mut hooks[..64]).unwrap().count(), 64);
        assert_eq!(allocate(&mut hooks), Err(TooManyFollowed { needed: 65 }));
    }
}
