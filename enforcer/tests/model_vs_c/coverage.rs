//! What the comparison has seen: agreement on nothing would be worth nothing.

use std::collections::BTreeMap;

use quell::model::Verdict;
use quell::policy::typing::applies;
use quell::policy::{ArgType, Kprobe, Operator, TypeClass};

/// Verdicts of one kind of filter.
#[derive(Clone, Copy, Debug, Default)]
struct Verdicts {
    matched: u32,
    not_matched: u32,
    failed_closed: u32,
    unreadable: u32,
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
}

/// Counts over all calls.
#[derive(Debug, Default)]
pub(crate) struct Coverage {
    calls: u32,
    all: Verdicts,
    /// By the number of the selector that matched.
    selectors: [u32; 5],
    /// Filters that alone decided a call.
    alone: BTreeMap<(Operator, ArgType), Verdicts>,
    /// By isNamespacePID and followForks, of hooks with one selector that matches process ids only.
    pids: BTreeMap<(bool, bool), Verdicts>,
    /// Policies that do not fit into the bytes.
    pub(crate) too_large: u32,
}

impl Coverage {
    /// Counts one call of which both said `verdict`.
    pub(crate) fn count(&mut self, hook: &Kprobe, verdict: &Verdict) {
        self.calls += 1;
        self.all.count(verdict);
        if let Verdict::Matched { selector: Some(selector), .. } = verdict {
            self.selectors[*selector] += 1;
        }
        let [selector] = hook.selectors.as_slice() else { return };
        match (selector.pids.as_slice(), selector.args.as_slice()) {
            ([], [filter]) => {
                let pair = (filter.op, hook.args[filter.arg].ty);
                self.alone.entry(pair).or_default().count(verdict);
            }
            ([filter, ..], []) => {
                self.pids.entry((filter.namespace, filter.follow_forks)).or_default().count(verdict);
            }
            _ => {}
        }
    }

    /// Fails unless everything that can be written was decided both ways.
    pub(crate) fn check(&self, least_calls: u32) {
        println!("{self:?}");
        assert!(self.calls >= least_calls, "{} calls", self.calls);
        assert!(self.too_large > 0, "no policy was too large");
        assert!(self.selectors.iter().all(|count| *count > 0), "matches by selector: {:?}", self.selectors);
        for op in Operator::ALL {
            let mut of_paths = Verdicts::default();
            for ty in ArgType::ALL.into_iter().filter(|ty| applies(op, *ty)) {
                let seen = self.alone.get(&(op, ty)).copied().unwrap_or_default();
                assert!(seen.matched > 0 && seen.not_matched > 0, "{op:?} on {ty:?}: {seen:?}");
                if ty.class() == TypeClass::Path {
                    of_paths.failed_closed += seen.failed_closed;
                    of_paths.unreadable += seen.unreadable;
                }
            }
            assert!(of_paths.failed_closed > 0 && of_paths.unreadable > 0, "{op:?} on paths: {of_paths:?}");
        }
        for views in [(false, false), (false, true), (true, false), (true, true)] {
            let seen = self.pids.get(&views).copied().unwrap_or_default();
            assert!(
                seen.matched > 0 && seen.not_matched > 0,
                "isNamespacePID, followForks {views:?}: {seen:?}"
            );
        }
    }
}
