//! What a policy names, by what it is compared with.

use quell::policy::ast::{
    ArgFilter, BinaryFilter, CapabilityFilter, Hook, NamespaceId, Network, Operator, Selector, Values,
};

/// Everything that a hook's selectors name.
#[derive(Debug, Default)]
pub(super) struct Near {
    pub(super) pids: Vec<u32>,
    pub(super) namespaces: Vec<u32>,
    pub(super) masks: Vec<u64>,
    pub(super) executables: Vec<Vec<u8>>,
    pub(super) parent_executables: Vec<Vec<u8>>,
    pub(super) followed: Vec<Vec<u8>>,
    pub(super) args: Vec<OfArgument>,
    pub(super) returned: OfArgument,
}

/// What filters of one argument name.
#[derive(Clone, Debug, Default)]
pub(super) struct OfArgument {
    pub(super) numbers: Vec<u64>,
    pub(super) ranges: Vec<(u64, u64)>,
    pub(super) strings: Vec<Vec<u8>>,
    pub(super) networks: Vec<Network>,
}

impl Near {
    pub(super) fn of(hook: &Hook) -> Self {
        let mut near = Self { args: vec![OfArgument::default(); hook.args.len()], ..Self::default() };
        for selector in &hook.selectors {
            near.add(selector);
        }
        near.pids.extend([0, 1, 2, 3, 100, 7000]);
        near.namespaces.extend([1, 2, 4_026_531_836, u32::MAX]);
        near
    }

    fn add(&mut self, selector: &Selector) {
        self.pids.extend(selector.pids.iter().flat_map(|filter| filter.values.iter().copied()));
        for filter in &selector.namespaces {
            let numbers = filter.values.iter().filter_map(|value| match value {
                NamespaceId::Number(number) => Some(*number),
                NamespaceId::Host => None,
            });
            self.namespaces.extend(numbers);
        }
        let masks =
            |filters: &[CapabilityFilter]| filters.iter().map(|filter| filter.mask).collect::<Vec<_>>();
        self.masks.extend(masks(&selector.capabilities));
        self.masks.extend(masks(&selector.capability_changes));
        let (following, own): (Vec<&BinaryFilter>, Vec<&BinaryFilter>) =
            selector.binaries.iter().partition(|filter| filter.follow_children);
        for filter in &following {
            some(&mut self.followed, &filter.values);
        }
        for filter in own.iter().chain(&following) {
            some(&mut self.executables, &filter.values);
        }
        for filter in &selector.parent_binaries {
            some(&mut self.parent_executables, &filter.values);
        }
        for filter in &selector.args {
            if let Some(of) = self.args.get_mut(filter.arg) {
                of.add(filter);
            }
        }
        for filter in &selector.return_args {
            self.returned.add(filter);
        }
    }
}

/// The first and the last of very many are as good as all of them.
fn some<T: Clone>(into: &mut Vec<T>, from: &[T]) {
    const KEPT: usize = 40;
    if from.len() <= 2 * KEPT {
        into.extend_from_slice(from);
    } else {
        into.extend_from_slice(&from[..KEPT]);
        into.extend_from_slice(&from[from.len() - KEPT..]);
    }
}

impl OfArgument {
    fn add(&mut self, filter: &ArgFilter) {
        match &filter.values {
            Values::None | Values::Other(_) => {}
            Values::Integers(numbers) => some(&mut self.numbers, numbers),
            Values::Strings(strings) => some(&mut self.strings, strings),
            Values::Networks(networks) => some(&mut self.networks, networks),
            Values::Ranges(ranges) => {
                some(&mut self.ranges, ranges);
                let ends: Vec<u64> = ranges.iter().flat_map(|(low, high)| [*low, *high]).collect();
                // Ports are no numbers of the argument.
                let of_number = matches!(
                    filter.op,
                    Operator::InMap | Operator::NotInMap | Operator::InRange | Operator::NotInRange
                );
                if of_number {
                    some(&mut self.numbers, &ends);
                }
            }
        }
    }
}
