//! Loads every program of policies twice into the running kernel, by the agent's loader and by a second one, and attaches none.

use std::path::PathBuf;

use nix::sys::utsname::uname;
use quell::hook::family::{self, Programs};
use quell::hook::fill;
use quell::hook::plan::PlannedHook;
use quell::kernel::probe;
use quell::kernel::view::View;
use quell::process::tracker;
use quell::run::RunError;
use quell::verifier::{self, Prepared};
use quell_bpf::{PROCESS_MAP, PROCESS_PROGRAMS};
use serde::Serialize;

pub use super::second_loader::SecondError;
use super::second_loader::{self, Outcome, Wanted};
use super::{excerpts, second_opinion};

/// Names of the loaders.
const FIRST: &str = "libbpf";
const SECOND: &str = "aya";

/// How the table of processes is called among families.
const TABLE: &str = "process";

/// Why nothing was loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadersError {
    /// The policies can't be planned.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The kernel can't be asked.
    #[error(transparent)]
    Probe(#[from] probe::ProbeError),
    /// The second loader can't be asked.
    #[error(transparent)]
    Second(#[from] SecondError),
}

/// One program and one loader.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Which one.
    pub loader: &'static str,
    /// The policy, and its hook.
    pub policy: String,
    /// The hook.
    pub call: String,
    /// The family of its object.
    pub family: &'static str,
    /// The program; `*` stands for all when the object as a whole was not taken.
    pub program: String,
    /// Instructions that the verifier walked, where the kernel says so.
    pub instructions: Option<u64>,
    /// Why it was not loaded.
    pub error: Option<String>,
    /// The words in which the loader has just refused a kind of programs that it does not know.
    pub unknown: Option<String>,
}

/// What came of all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The kernel.
    pub release: String,
    /// Policies that were planned.
    pub policies: usize,
    /// Why this kernel can't enforce the others.
    pub refused: Vec<String>,
    /// Programs that the agent's loader loaded, and the second one.
    pub first: usize,
    /// Those of the second one.
    pub second: usize,
    /// Objects of kinds that the second one does not know.
    pub unknown: usize,
    /// Programs or objects that were not loaded and should have been.
    pub failed: usize,
    /// Features of the kernel that libbpf was asked about as well.
    pub probes: usize,
    /// Those of which it says something else than the agent, in words.
    pub disagreements: Vec<String>,
}

/// Loads; every row is told at once.
///
/// # Errors
/// Nothing could be loaded by one of the two.
pub fn load(policies: &[PathBuf], view: &View, tell: &mut dyn FnMut(&Row)) -> Result<Report, LoadersError> {
    let (facts, answers) = (probe::running_kernel(view)?, second_opinion::of_libbpf());
    let disagreements = second_opinion::disagreements(&facts, &answers);
    let mut prepared = verifier::prepare(policies, view)?;
    let types = second_loader::types(prepared.opening().btf.as_deref())?;
    // What the user gives is not excerpted.
    let excerpts = if prepared.opening().btf.is_none() { excerpts::differences(&types) } else { Vec::new() };
    let mut report = Report {
        release: uname().map(|name| name.release().to_string_lossy().into_owned()).unwrap_or_default(),
        policies: prepared.plans.len(),
        refused: prepared.refused.iter().map(ToString::to_string).collect(),
        probes: answers.len(),
        disagreements: disagreements.iter().map(ToString::to_string).chain(excerpts).collect(),
        ..Report::default()
    };
    let mut count = |row: Row| {
        match (&row.error, &row.unknown, row.loader) {
            (Some(_), ..) => report.failed += 1,
            (None, Some(_), _) => report.unknown += 1,
            (None, None, FIRST) => report.first += 1,
            (None, None, _) => report.second += 1,
        }
        tell(&row);
    };
    let plans = prepared.plans.clone();
    for (number, plan) in plans.iter().enumerate() {
        for hook in &plan.hooks {
            let row =
                Named { policy: &plan.policy, call: &hook.call, family: family::of(hook.mechanism).name() };
            first(&mut prepared, number, hook, &row).into_iter().for_each(&mut count);
            second(&prepared, &types, hook, &row).into_iter().for_each(&mut count);
        }
    }
    table(&prepared, &types).into_iter().for_each(&mut count);
    Ok(report)
}

/// What rows of one hook have in common.
struct Named<'a> {
    policy: &'a str,
    call: &'a str,
    family: &'static str,
}

impl Named<'_> {
    fn row(&self, loader: &'static str, program: &str, answer: Result<Option<u64>, String>) -> Row {
        let (instructions, error) = match answer {
            Ok(instructions) => (instructions, None),
            Err(error) => (None, Some(error)),
        };
        Row {
            loader,
            policy: self.policy.to_owned(),
            call: self.call.to_owned(),
            family: self.family,
            program: program.to_owned(),
            instructions,
            error,
            unknown: None,
        }
    }

    fn of_second(&self, outcome: Result<Outcome, SecondError>) -> Vec<Row> {
        match outcome {
            Ok(Outcome::Loaded(programs)) if programs.is_empty() => {
                vec![self.row(SECOND, "*", Err("it found none of the programs".into()))]
            }
            Ok(Outcome::Loaded(programs)) => {
                programs.into_iter().map(|(program, answer)| self.row(SECOND, &program, answer)).collect()
            }
            Ok(Outcome::Unknown(words)) => {
                vec![Row { unknown: Some(words), ..self.row(SECOND, "*", Ok(None)) }]
            }
            Err(error) => vec![self.row(SECOND, "*", Err(error.to_string()))],
        }
    }
}

fn first(prepared: &mut Prepared, number: usize, hook: &PlannedHook, named: &Named<'_>) -> Vec<Row> {
    match prepared.measure(number, hook) {
        Ok(measured) => measured
            .iter()
            .map(|one| named.row(FIRST, &one.program, Ok(Some(one.verified_instructions))))
            .collect(),
        Err(error) => vec![named.row(FIRST, "*", Err(text(&error)))],
    }
}

fn second(prepared: &Prepared, types: &aya::Btf, hook: &PlannedHook, named: &Named<'_>) -> Vec<Row> {
    let given = match prepared.given(hook) {
        Ok(given) => given,
        Err(error) => return vec![named.row(SECOND, "*", Err(text(&error)))],
    };
    let programs = Programs::of(hook, given.family);
    let wanted = Wanted {
        family: Some(given.family),
        object: &given.object,
        constants: &given.constants,
        constants_in_code: prepared.opening().constants_in_code,
        sizes: fill::sizes(hook),
        target: hook.targets.first().map(|target| target.symbol.as_str()),
    };
    named.of_second(second_loader::load(&wanted, types, |program| programs.have(program)))
}

/// The programs of the table of processes, which belong to no hook.
fn table(prepared: &Prepared, types: &aya::Btf) -> Vec<Row> {
    let settings = prepared.table();
    let named = Named { policy: "", call: "", family: TABLE };
    let mut rows: Vec<Row> = match tracker::measure(&settings, &prepared.followed) {
        Ok(walked) => walked
            .iter()
            .map(|(program, instructions)| named.row(FIRST, program, Ok(Some(*instructions))))
            .collect(),
        Err(error) => vec![named.row(FIRST, "*", Err(text(&error)))],
    };
    if rows.is_empty() {
        rows.push(named.row(FIRST, "*", Err("the verifier did not say what it walked".into())));
    }
    let (object, constants) = tracker::given(&settings, &prepared.followed);
    let wanted = Wanted {
        family: None,
        object,
        constants: &constants,
        constants_in_code: settings.opening.constants_in_code,
        sizes: vec![(PROCESS_MAP, 1)],
        target: None,
    };
    let is_needed = |name: &str| PROCESS_PROGRAMS.iter().any(|(_, program)| *program == name);
    rows.extend(named.of_second(second_loader::load(&wanted, types, is_needed)));
    rows
}

fn text(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
