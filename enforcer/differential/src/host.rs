//! The evaluator built for this machine, asked about very many calls by several threads.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use quell::model::{Context, Verdict, evaluate_return};
use quell_bpf::host::{Arg, Call, Decision, Filter, Members, Process};
use quell_wire::WireRecord;
use quell_wire::code::Match;
use quell_wire::selector::{FilterHead, SELECTOR_ENFORCES};

use crate::actions::action;
use crate::answer::{Answer, Disagreement, compare};
use crate::calls;
use crate::coverage::Coverage;
use crate::dice::Dice;
use crate::minimise::{Case, minimise};
use crate::observe::{Observation, observe};
use crate::prepare::{Prepared, Unprepared, prepare};
use crate::roundtrip;
use crate::sketch::{Shape, Sketch, draw};

/// Calls per policy.
const CALLS: u64 = 40;

/// One processor's memory: it keeps what earlier calls left in it.
#[derive(Debug, Default)]
pub struct Processor {
    call: Call,
}

/// A hook's bytes and sets, as the evaluator reads them.
#[derive(Debug)]
pub struct Loaded<'a> {
    prepared: &'a Prepared,
    filter: Filter,
    members: Members,
}

impl<'a> Loaded<'a> {
    /// What the kernel would be given.
    #[must_use]
    pub fn new(prepared: &'a Prepared) -> Self {
        let filter = Filter(*prepared.compiled.filter);
        Self { prepared, filter, members: Members::new(&prepared.compiled.sets) }
    }

    /// The policy that it was made of.
    #[must_use]
    pub const fn prepared(&self) -> &'a Prepared {
        self.prepared
    }
}

impl Processor {
    fn put(&mut self, seen: &Observation) {
        self.call.put_process(&Process { global: seen.global, namespace: seen.namespace });
        for subject in &seen.subjects {
            let (status, number, mode) = (subject.status, subject.number, subject.mode);
            let arg = Arg { status, number, mode, bytes: &subject.bytes, at_end: subject.at_end };
            self.call.put(subject.subject, &arg);
        }
    }

    /// The evaluator's answer to one call.
    pub fn decide(&mut self, loaded: &Loaded<'_>, seen: &Observation) -> Answer {
        self.put(seen);
        match self.call.evaluate(&loaded.filter, &loaded.prepared.compiled.config, &loaded.members) {
            Err(_) => Answer::Malformed,
            Ok(Decision::NotMatched) => Answer::No,
            Ok(Decision::Unreadable) => Answer::Unreadable,
            Ok(Decision::Matched { selector, failed_closed }) => {
                Answer::Matched { selector: usize::try_from(selector).unwrap_or(usize::MAX), failed_closed }
            }
        }
    }

    /// Whether both say the same of one call.
    ///
    /// # Errors
    /// What they say, when it is not the same.
    pub fn compare(&mut self, loaded: &Loaded<'_>, context: &Context) -> Result<Verdict, Box<Disagreement>> {
        let prepared = loaded.prepared;
        let answer = self.decide(loaded, &observe(prepared.hook(), &prepared.compiled, context));
        compare(prepared, context, answer)
    }

    /// The same of the return from a call that a selector had matched.
    ///
    /// # Errors
    /// What they say, when it is not the same.
    pub fn compare_return(
        &mut self,
        loaded: &Loaded<'_>,
        selector: usize,
        context: &Context,
    ) -> Result<(), Box<Disagreement>> {
        let prepared = loaded.prepared;
        let Some(model) = evaluate_return(prepared.hook(), selector, context) else { return Ok(()) };
        let mut at = u32::try_from(FilterHead::SIZE).unwrap_or_default();
        for _ in 0..selector {
            at = loaded.filter.skip(at);
        }
        self.put(&observe(prepared.hook(), &prepared.compiled, context));
        let config = &prepared.compiled.config;
        let enforces = loaded.filter.number(at + 4) & SELECTOR_ENFORCES != 0;
        let evaluator = match self.call.returned(&loaded.filter, at, config, &loaded.members) {
            Ok(Match::Yes) => Answer::Matched { selector, failed_closed: false },
            Ok(Match::Undecided) if enforces => Answer::Matched { selector, failed_closed: true },
            Ok(Match::Undecided | Match::Unreadable) => Answer::Unreadable,
            Ok(Match::No) => Answer::No,
            _ => Answer::Malformed,
        };
        let tree = prepared.trees.get(selector);
        let actions =
            tree.and_then(|tree| tree.return_actions.iter().map(action).collect::<Option<Vec<_>>>());
        let same = match (&model, evaluator) {
            (Verdict::NotMatched, Answer::No) | (Verdict::Unreadable, Answer::Unreadable) => true,
            (
                Verdict::Matched { actions: meant, failed_closed, .. },
                Answer::Matched { failed_closed: closed, .. },
            ) => *failed_closed == closed && actions.as_ref() == Some(meant),
            _ => false,
        };
        if same { Ok(()) } else { Err(Box::new(Disagreement { model, evaluator, actions })) }
    }
}

/// What happens after the first difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// Differences are counted, the first one is shown.
    Count,
    /// Every one is made small and printed in one line.
    ShowEvery,
    /// Nothing more is compared.
    Stop,
}

/// What a comparison came to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What was seen.
    pub coverage: Coverage,
    /// Policies that were decoded, written as YAML and compiled again.
    pub round_trips: u64,
    /// Differences.
    pub disagreements: u64,
    /// The first one, made small.
    pub first: Option<First>,
    /// Make every difference small and print it, instead of the first one only.
    every: bool,
}

impl Outcome {
    fn differs(&mut self, first: impl FnOnce() -> First) {
        self.disagreements += 1;
        if self.every {
            let first = first();
            println!("every: {}", first.summary);
            self.first.get_or_insert(first);
        } else {
            self.first.get_or_insert_with(first);
        }
    }
}

/// A difference, ready to be shown.
#[derive(Clone, Debug)]
pub struct First {
    /// What differs, in one line.
    pub summary: String,
    /// The policy.
    pub policy: String,
    /// The call; `None` when the policy alone shows it.
    pub context: Option<Context>,
}

/// Compares so many calls on so many threads. The result depends on the seed and the number of cases alone.
#[must_use]
pub fn run(cases: u64, seed: u64, threads: usize, after: After, progress: &(dyn Fn(u64) + Sync)) -> Outcome {
    let (next, done) = (AtomicU64::new(0), AtomicU64::new(0));
    let whole = Mutex::new(Outcome::default());
    thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                let mut processor = Processor::default();
                let mut own = Outcome { every: after == After::ShowEvery, ..Outcome::default() };
                while done.load(Ordering::Relaxed) < cases {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let before = own.coverage.cases;
                    one(&mut processor, seed, number, &mut own);
                    let stop = after == After::Stop && own.disagreements > 0;
                    let counted = if stop { cases } else { own.coverage.cases - before };
                    let all = done.fetch_add(counted, Ordering::Relaxed);
                    progress(all);
                }
                if let Ok(mut whole) = whole.lock() {
                    whole.coverage.add(&own.coverage);
                    whole.round_trips += own.round_trips;
                    whole.disagreements += own.disagreements;
                    whole.first = whole.first.take().or(own.first);
                }
            });
        }
    });
    whole.into_inner().unwrap_or_default()
}

/// One policy with its calls.
fn one(processor: &mut Processor, seed: u64, number: u64, outcome: &mut Outcome) {
    let mut dice = Dice::new(seed.rotate_left(32) ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    // Hooks that no kernel program is attached to yet have an encoding all the same.
    let shape = if dice.one_in(16) { Shape::Everything } else { Shape::Calls };
    let sketch = draw(&mut dice, shape, number);
    let text = sketch.text();
    let host = calls::host_namespaces(&mut dice);
    let prepared = match prepare(&text, &host) {
        Ok(prepared) => prepared,
        Err(Unprepared::TooLarge(_)) => {
            outcome.coverage.too_large += 1;
            return;
        }
        Err(error) => {
            outcome.differs(|| First { summary: error.to_string(), policy: text, context: None });
            return;
        }
    };
    match roundtrip::check(&prepared.policy) {
        Ok(()) => outcome.round_trips += 1,
        Err(summary) => {
            outcome.differs(|| First { summary, policy: text, context: None });
            return;
        }
    }
    let loaded = Loaded::new(&prepared);
    let mut verdicts = Vec::new();
    for _ in 0..CALLS {
        let context = calls::draw(&mut dice, prepared.hook(), host);
        let found = processor.compare(&loaded, &context);
        let returned = match &found {
            Ok(Verdict::Matched { selector: Some(selector), .. }) if context.returned.is_some() => {
                outcome.coverage.returns += 1;
                processor.compare_return(&loaded, *selector, &context)
            }
            _ => Ok(()),
        };
        match (found, returned) {
            (Ok(verdict), Ok(())) => verdicts.push(verdict),
            (Err(_), _) | (_, Err(_)) => outcome.differs(|| smallest(&sketch, context, &host)),
        }
    }
    outcome.coverage.count(prepared.hook(), verdicts.iter());
}

/// What differs in one case; `None` when nothing does, or it is no case.
fn difference(sketch: &Sketch, context: &Context, host: &[u32; 10]) -> Option<Box<Disagreement>> {
    let prepared = prepare(&sketch.text(), host).ok()?;
    if prepared.hook().args.len() != context.args.len() {
        return None;
    }
    let loaded = Loaded::new(&prepared);
    let mut processor = Processor::default();
    match processor.compare(&loaded, context) {
        Err(difference) => Some(difference),
        Ok(Verdict::Matched { selector: Some(selector), .. }) if context.returned.is_some() => {
            processor.compare_return(&loaded, selector, context).err()
        }
        Ok(_) => None,
    }
}

fn smallest(sketch: &Sketch, context: Context, host: &[u32; 10]) -> First {
    let case = Case { sketch: sketch.clone(), context };
    let case = minimise(case, |case| difference(&case.sketch, &case.context, host).is_some());
    let summary = difference(&case.sketch, &case.context, host).map_or_else(
        || "it differs only behind the calls before it".to_owned(),
        |difference| crate::report::summary(&difference),
    );
    First { summary, policy: case.sketch.text(), context: Some(case.context) }
}
