//! Random calls of a hook, close to what its policy names: the interesting ones differ from a value by one byte.

use proptest::prelude::RngExt;
use proptest::test_runner::{RngAlgorithm, TestRng};
use quell::model::{Argument, Context, PidNamespace, Process};
use quell::policy::{Arg, ArgType, Kprobe, TypeClass, Values};
use quell_wire::limits::MAX_STRING_BYTES;

const LONGEST: usize = MAX_STRING_BYTES as usize;

/// Draws calls; the same seed draws the same ones.
pub(crate) struct Calls {
    rng: TestRng,
}

impl Calls {
    pub(crate) fn new(seed: u64) -> Self {
        let seed = [seed.to_le_bytes(), (!seed).to_le_bytes()].concat();
        Self { rng: TestRng::from_seed(RngAlgorithm::XorShift, &seed) }
    }

    fn below(&mut self, bound: usize) -> usize {
        self.rng.random_range(0..bound)
    }

    fn one_in(&mut self, bound: usize) -> bool {
        self.below(bound) == 0
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// One call of the hook.
    pub(crate) fn draw(&mut self, hook: &Kprobe) -> Context {
        let mut ids: Vec<u32> = hook
            .selectors
            .iter()
            .flat_map(|selector| &selector.pids)
            .flat_map(|filter| filter.values.iter().copied())
            .collect();
        ids.extend([0, 1, 2, 3, 100, 7000]);
        let process = self.process(&ids, None);
        let generations = self.pick(&[0, 1, 1, 2, 3, 8, 9, 10, 12]);
        let ancestors = (0..generations).map(|_| self.process(&ids, Some(process.namespace))).collect();
        let args = (0..hook.args.len()).map(|position| self.argument(hook, position)).collect();
        Context { process, ancestors, args }
    }

    /// A relative is mostly in the same PID namespace.
    fn process(&mut self, ids: &[u32], relative: Option<PidNamespace>) -> Process {
        let id = match relative {
            Some(PidNamespace::Child { id, .. }) if !self.one_in(8) => id,
            Some(PidNamespace::Initial) if !self.one_in(8) => 0,
            _ => self.pick(&[0, 0, 1, 2]),
        };
        let tgid = self.pick(ids);
        let namespace = match id {
            0 => PidNamespace::Initial,
            id => PidNamespace::Child { id, tgid: self.pick(ids) },
        };
        Process { tgid, namespace }
    }

    fn argument(&mut self, hook: &Kprobe, position: usize) -> Argument {
        let filters = || {
            let all = hook.selectors.iter().flat_map(|selector| &selector.args);
            all.filter(move |filter| filter.arg == position)
        };
        let arg = &hook.args[position];
        if let TypeClass::Integer { signed, bits } = arg.ty.class() {
            let numbers: Vec<u64> = filters()
                .flat_map(|filter| match &filter.values {
                    Values::Integers(numbers) => numbers.clone(),
                    Values::Strings(_) => Vec::new(),
                })
                .collect();
            return Argument::Integer(self.number(&numbers, signed, bits));
        }
        let strings: Vec<&[u8]> = filters()
            .flat_map(|filter| match &filter.values {
                Values::Strings(strings) => strings.iter().map(Vec::as_slice).collect(),
                Values::Integers(_) => Vec::new(),
            })
            .collect();
        self.bytes(&strings, arg)
    }

    /// A number that the type can have.
    fn number(&mut self, near: &[u64], signed: bool, bits: u8) -> u64 {
        let anything = self.rng.random::<u64>();
        let base = if near.is_empty() { anything } else { self.pick(near) };
        let number = match self.below(8) {
            0..=2 => base,
            3 => base.wrapping_add(1),
            4 => base.wrapping_sub(1),
            5 => base ^ (1 << self.below(64)),
            6 => base.wrapping_neg(),
            _ => anything,
        };
        let spare = 64 - u32::from(bits);
        if signed {
            (number.cast_signed() << spare >> spare).cast_unsigned()
        } else {
            number << spare >> spare
        }
    }

    fn bytes(&mut self, near: &[&[u8]], arg: &Arg) -> Argument {
        let is_path = arg.ty.class() == TypeClass::Path;
        match self.below(24) {
            0 => return Argument::KernelFault,
            1 if is_path => return Argument::Disconnected,
            2 if is_path => return Argument::NoPath,
            3 if arg.ty == ArgType::Fd => return Argument::BadFd,
            1 | 2 if !is_path => return Argument::UserFault,
            4..=6 if is_path => return Argument::Cut(self.end_of_path(near)),
            4..=6 => return Argument::Cut(self.beginning_of_text(near)),
            _ => {}
        }
        let mut bytes = self.near_miss(near);
        bytes.truncate(LONGEST);
        Argument::Whole(bytes)
    }

    fn near_miss(&mut self, near: &[&[u8]]) -> Vec<u8> {
        let length = self.pick(&[0_usize, 1, 7, 8, 9, 255, 256, 257, LONGEST]);
        let mut bytes = if near.is_empty() { vec![b'a'; length] } else { self.pick(near).to_vec() };
        let before = self.pick(&[1_usize, 7, 8, 9, 300]);
        match self.below(16) {
            0..=3 => {}
            4 => bytes.push(b'a'),
            5 => bytes.push(0),
            6 => bytes = [vec![b'a'; before], bytes].concat(),
            7 => bytes.extend(vec![b'b'; before]),
            8 => bytes = bytes.split_off(1.min(bytes.len())),
            9 => drop(bytes.pop()),
            10 => bytes = vec![b'a'; length],
            11 => bytes = [vec![b'x'; LONGEST.saturating_sub(bytes.len())], bytes].concat(),
            12 => bytes.resize(LONGEST, b'y'),
            _ if bytes.is_empty() => {}
            _ => {
                // At the edges of words as often as elsewhere.
                let last = bytes.len() - 1;
                let anywhere = self.below(bytes.len());
                let at = self.pick(&[0, last, anywhere, anywhere / 8 * 8, (anywhere | 7).min(last)]);
                bytes[at] ^= 1 << self.below(8);
            }
        }
        bytes
    }

    /// What the walk saw of a path before it gave up: whole components from some depth on.
    fn end_of_path(&mut self, near: &[&[u8]]) -> Vec<u8> {
        let bytes = self.near_miss(near);
        let kept = match self.below(4) {
            0 => self.below(bytes.len() + 1),
            1 => bytes.len().min(self.pick(&[1, 7, 8, 9])),
            _ => bytes.len().min(LONGEST),
        };
        bytes[bytes.len() - kept..].to_vec()
    }

    fn beginning_of_text(&mut self, near: &[&[u8]]) -> Vec<u8> {
        let mut bytes = self.near_miss(near);
        bytes.resize(LONGEST, b'a');
        bytes
    }
}
