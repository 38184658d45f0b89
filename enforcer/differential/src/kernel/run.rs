//! A whole comparison in the running kernel: policies loaded one after the other, many calls each, and the path walk.

use std::time::Instant;

use serde::Serialize;

use super::evaluator::{Evaluator, KernelError};
use super::paths::{WalkError, walk_paths};
use super::reads::read_arguments;
use crate::answer::compare;
use crate::calls;
use crate::dice::Dice;
use crate::observe::observe;
use crate::prepare::{Prepared, Unprepared, prepare};
use crate::report::{context_text, summary};
use crate::sketch::{Shape, draw};

/// Calls per policy: loading one costs as much as many calls.
const CALLS: u64 = 100;
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
    let mut number = 0;
    while report.cases < cases {
        let mut dice = Dice::new(seed.wrapping_mul(0x9e37_79b9).wrapping_add(number));
        // A prime step goes through all pairs of operator and type, however few policies there are.
        let sketch = draw(&mut dice, Shape::Small, number.wrapping_mul(37));
        number += 1;
        let text = sketch.text();
        let host = calls::host_namespaces(&mut dice);
        let prepared = match prepare(&text, &host) {
            Ok(prepared) => prepared,
            Err(Unprepared::TooLarge(_)) => {
                report.too_large += 1;
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let of = CALLS.min(cases - report.cases);
        ask(&prepared, &text, of, &mut dice, host, &mut report)
            .map_err(|source| RunError::Kernel { source, policy: text.clone() })?;
        progress(report.cases);
    }
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

fn ask(
    prepared: &Prepared,
    text: &str,
    cases: u64,
    dice: &mut Dice,
    host: [u32; 10],
    report: &mut Report,
) -> Result<(), KernelError> {
    let mut evaluator = Evaluator::load(&prepared.compiled)?;
    report.policies += 1;
    for _ in 0..cases {
        let context = calls::draw(dice, prepared.hook(), host);
        let answer = evaluator.decide(&observe(prepared.hook(), &prepared.compiled, &context))?;
        report.cases += 1;
        if let Err(difference) = compare(prepared, &context, answer) {
            report.disagreements += 1;
            if report.first.is_none() {
                let case = Case {
                    summary: summary(&difference),
                    policy: text.to_owned(),
                    context: context_text(&context),
                };
                report.first = Some(case);
            }
        }
    }
    Ok(())
}
