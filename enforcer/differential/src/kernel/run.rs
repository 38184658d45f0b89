//! A whole comparison in the running kernel: policies loaded one after the other, many calls each, and the path walk.

use std::collections::VecDeque;
use std::time::Instant;

use quell::model::context::Value;
use quell::model::{Context, Verdict, evaluate};
use serde::Serialize;

use super::evaluator::{Evaluator, KernelError};
use super::paths::{WalkError, walk_paths};
use super::reads::read_arguments;
use crate::answer::compare;
use crate::calls;
use crate::coverage::{Coverage, Kind};
use crate::dice::Dice;
use crate::observe::observe;
use crate::prepare::{Prepared, Unprepared, prepare};
use crate::report::{context_text, summary};
use crate::sketch::{Shape, battery, draw};

/// Calls per policy: loading one costs as much as many calls.
const CALLS: u64 = 100;
/// Draws until a call is one that a selector decides as wanted; some can't be found by chance.
const DRAWS: usize = 60;
/// From how many calls on every kind of entry must have been decided both ways.
pub const ENOUGH: u64 = 10_000;
/// Nested files that are walked to.
const PATHS: usize = 200;
/// Wrong paths that are shown.
const PATHS_SHOWN: usize = 3;

/// What a comparison came to.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// `uname -r`.
    pub release: String,
    /// Policies that were loaded.
    pub policies: u64,
    /// Policies that do not fit, which is no disagreement.
    pub too_large: u64,
    /// Calls.
    pub cases: u64,
    /// Kinds of entries that there are: every operator on every type that it applies to, and those of the other sections.
    pub kinds: usize,
    /// Those that decided calls both ways in this kernel, with nothing else to decide them.
    pub decided: usize,
    /// The others.
    pub missing: Vec<String>,
    /// Calls of which model and kernel say different things.
    pub disagreements: u64,
    /// Descriptors whose path was walked.
    pub paths: u64,
    /// Those of which the walk says something else than procfs.
    pub path_disagreements: u64,
    /// Arguments that were read out of this process.
    pub reads: u64,
    /// Those that were read as something else.
    pub read_disagreements: u64,
    /// Wall time.
    pub seconds: f64,
    /// The first difference.
    pub first: Option<Case>,
}

impl Report {
    /// Whether anything differs.
    #[must_use]
    pub const fn differs(&self) -> bool {
        self.disagreements + self.path_disagreements + self.read_disagreements > 0
    }
}

/// One differing case, as `quell eval` takes it.
#[derive(Clone, Debug, Serialize)]
pub struct Case {
    /// What both said.
    pub summary: String,
    /// The policy.
    pub policy: String,
    /// The call.
    pub context: String,
}

/// Why a comparison did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A policy could not be prepared.
    #[error(transparent)]
    Unprepared(#[from] Unprepared),
    /// The kernel could not be asked about a policy.
    #[error("{source}\nwith the policy\n{policy}")]
    Kernel {
        /// What failed.
        source: KernelError,
        /// The policy.
        policy: String,
    },
    /// The kernel could not be asked to read arguments.
    #[error(transparent)]
    Read(#[from] KernelError),
    /// The paths could not be walked.
    #[error(transparent)]
    Walk(#[from] WalkError),
}

/// Compares so many calls; `progress` hears how many are done.
///
/// # Errors
/// When the kernel refuses a policy or does not let itself be asked. A difference is no error.
pub fn run(cases: u64, seed: u64, progress: &mut dyn FnMut(u64)) -> Result<Report, RunError> {
    let begun = Instant::now();
    let release = nix::sys::utsname::uname().map(|name| name.release().to_string_lossy().into_owned());
    let mut report = Report { release: release.unwrap_or_default(), ..Report::default() };
    let mut coverage = Coverage::default();
    let mut batteries = VecDeque::new();
    let mut number = 0_u64;
    while report.cases < cases {
        let mut dice = Dice::new(seed.wrapping_mul(0x9e37_79b9).wrapping_add(number));
        // Every other policy is a battery, so that all kinds have their turn however few policies there are.
        let dense = number.is_multiple_of(2);
        number += 1;
        let sketch = if dense {
            battery::draw(&mut dice, next(&mut batteries, &coverage))
        } else {
            draw(&mut dice, Shape::Small, number.wrapping_mul(37))
        };
        let text = sketch.text();
        let host = calls::host_namespaces(&mut dice);
        let prepared = match prepare(&text, &host) {
            Ok(prepared) => prepared,
            // A battery is drawn again.
            Err(Unprepared::TooLarge(_)) => {
                report.too_large += 1;
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        if dense {
            batteries.pop_front();
        }
        let mut asked = Asked { prepared: &prepared, text: &text, host, dense };
        asked
            .ask(CALLS.min(cases - report.cases), &mut dice, &mut report, &mut coverage)
            .map_err(|source| RunError::Kernel { source, policy: text.clone() })?;
        progress(report.cases);
    }
    let (decided, missing) = coverage.decided();
    report.kinds = decided + missing.len();
    report.decided = decided;
    report.missing = missing.iter().map(|(kind, _)| format!("{kind:?}")).collect();
    let walked = walk_paths(&mut Dice::new(seed), &std::env::temp_dir(), PATHS)?;
    report.paths = walked.paths;
    report.path_disagreements = walked.disagreements.len() as u64;
    let read = read_arguments()?;
    report.reads = read.reads;
    report.read_disagreements = read.disagreements.len() as u64;
    for line in walked.disagreements.iter().take(PATHS_SHOWN).chain(&read.disagreements) {
        eprintln!("{line}");
    }
    report.seconds = begun.elapsed().as_secs_f64();
    Ok(report)
}

/// The next battery. When all had their turn, those have another one of which some values left only one way to decide;
/// when there are none, all have.
fn next<'a>(batteries: &'a mut VecDeque<Vec<Kind>>, coverage: &Coverage) -> &'a [Kind] {
    if batteries.is_empty() {
        let missing: Vec<Kind> = coverage.decided().1.into_iter().map(|(kind, _)| kind).collect();
        let kinds = if missing.is_empty() { Kind::all() } else { missing };
        batteries.extend(battery::batteries(kinds));
    }
    batteries.front().map_or(&[], Vec::as_slice)
}

/// One policy, and how its calls are drawn.
struct Asked<'a> {
    prepared: &'a Prepared,
    text: &'a str,
    host: [u32; 10],
    dense: bool,
}

impl Asked<'_> {
    fn ask(
        &mut self,
        cases: u64,
        dice: &mut Dice,
        report: &mut Report,
        coverage: &mut Coverage,
    ) -> Result<(), KernelError> {
        let prepared = self.prepared;
        let hook = prepared.hook();
        let mut evaluator = Evaluator::load(&prepared.compiled)?;
        report.policies += 1;
        let mut verdicts = Vec::new();
        for number in 0..usize::try_from(cases).unwrap_or(usize::MAX) {
            let selectors = hook.selectors.len().max(1);
            let (selector, round) = (number % selectors, number / selectors);
            let context = if self.dense {
                self.guarded(dice, selector, round)
            } else {
                calls::draw(dice, hook, self.host)
            };
            let answer = evaluator.decide(&observe(hook, &prepared.compiled, &context))?;
            report.cases += 1;
            match compare(prepared, &context, answer) {
                Ok(verdict) if self.dense => coverage.count_guarded(hook, selector, &verdict),
                Ok(verdict) => verdicts.push(verdict),
                Err(difference) => {
                    report.disagreements += 1;
                    report.first.get_or_insert_with(|| Case {
                        summary: summary(&difference),
                        policy: self.text.to_owned(),
                        context: context_text(&context),
                    });
                }
            }
        }
        if !self.dense {
            coverage.count(hook, verdicts.iter());
        }
        Ok(())
    }

    /// A call that this selector decides: in the first round one that the model says it matches, in the second one that it
    /// does not, in the third whatever comes. What the kernel says is compared in all of them.
    fn guarded(&self, dice: &mut Dice, selector: usize, round: usize) -> Context {
        let hook = self.prepared.hook();
        let mut draw = || {
            let mut context = calls::draw(dice, hook, self.host);
            if let Some(last) = context.args.last_mut() {
                last.value = Value::Integer(battery::guard(selector));
            }
            context
        };
        let mut context = draw();
        for _ in 1..DRAWS {
            let as_wanted = match (round % 3, evaluate(hook, &context)) {
                (0, verdict) => matches!(verdict, Verdict::Matched { failed_closed: false, .. }),
                (1, verdict) => verdict == Verdict::NotMatched,
                _ => true,
            };
            if as_wanted {
                break;
            }
            context = draw();
        }
        context
    }
}
