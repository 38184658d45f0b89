//! The early look against the whole way: what it says no to must match nothing, of real files and many policies about them.

use std::os::fd::{AsRawFd, OwnedFd};

use quell::hook::types::KernelTypes;
use quell_wire::code::{ArgStatus, Subject};
use quell_wire::hook::Quick;

use super::evaluator::{Evaluator, KernelError};
use crate::answer::Answer;
use crate::host::{Loaded, Processor};
use crate::observe::{Observation, Subjected};
use crate::prepare::{Unprepared, prepare};

/// Files whose names the policies are made of: every policy is loaded, which takes longer than everything else.
const NAMED: usize = 3;
/// Policies that are asked once more with a table, and what the table has besides.
const TOLD: usize = 12;
const OTHERS: usize = 20;
/// Bytes of a path that is still a value with something behind it.
const VALUE_BYTES: usize = 200;

/// Why the early look could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum EarlyError {
    /// The kernel could not be asked.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// A policy could not be prepared.
    #[error(transparent)]
    Unprepared(#[from] Unprepared),
}

/// A file as the whole walk sees it.
struct Walked {
    descriptor: i32,
    status: ArgStatus,
    path: Vec<u8>,
    mode: u32,
}

/// Asks about every file under policies that are made of their paths; every disagreement is described.
///
/// # Errors
/// When the kernel can't be asked.
pub(super) fn look_at(walk: &Evaluator, files: &[OwnedFd]) -> Result<Vec<String>, EarlyError> {
    let mut all = Vec::new();
    for file in files {
        let descriptor = file.as_raw_fd();
        let (status, path, mode) = walk.walk(descriptor)?;
        all.push(Walked { descriptor, status, path, mode });
    }
    let mut wrong = Vec::new();
    let types = KernelTypes::new(None);
    let mut said = [false, true]
        .map(|table| [Quick::Last, Quick::First].map(|quick| Said { quick, table, nos: 0, others: 0 }));
    for (operator, value, others) in values(&all) {
        let prepared = prepare(&policy(operator, &value, others), &[0; 10])?;
        let told = (prepared.compiled.config.quick, !prepared.compiled.early.is_empty());
        let mut looks = said.iter_mut().flatten();
        let Some(look) = looks.find(|look| (look.quick.number(), look.table) == told) else { continue };
        let (early, loaded) = (Evaluator::load_early(&prepared.compiled, &types)?, Loaded::new(&prepared));
        let mut processor = Processor::default();
        for file in &all {
            let answer = processor.decide(&loaded, &observed(file));
            let no = early.look_early(u64::try_from(file.descriptor).unwrap_or(u64::MAX))?;
            *(if no { &mut look.nos } else { &mut look.others }) += 1;
            if !no && file.status == ArgStatus::NoPath {
                wrong.push(format!("{operator} {value:?}: a file without a path goes the whole way"));
            }
            if no && answer != Answer::No {
                wrong.push(format!(
                    "{operator} {value:?}: the early look says no to {:?} {:?}, and the evaluator says {answer:?}",
                    file.status,
                    String::from_utf8_lossy(&file.path),
                ));
            }
        }
    }
    // A look that never decides is no look, and one that always does looks at nothing.
    let undecided = said.iter().flatten().filter(|look| look.nos == 0 || look.others == 0);
    wrong.extend(undecided.map(|Said { quick, table, nos, others }| {
        let by = if *table { "a table" } else { "values" };
        format!("the early look ({quick:?}, by {by}) said no {nos} times, and left {others}")
    }));
    Ok(wrong)
}

/// What a kind of early look said.
struct Said {
    quick: Quick,
    table: bool,
    nos: usize,
    others: usize,
}

/// Operators with values that files have, nearly have, or share with others: whole paths, ends and beginnings of them. Those of the first
/// file once more among so many others that a table has to tell them.
fn values(files: &[Walked]) -> Vec<(&'static str, String, usize)> {
    let mut values = vec![
        ("Equal", "/etc/passwd".to_owned()),
        ("Prefix", "/etc/".to_owned()),
        ("Prefix", "/xyz".to_owned()),
    ];
    let paths = files.iter().filter_map(|file| std::str::from_utf8(&file.path).ok());
    let named =
        paths.filter_map(|path| Some((path, path.rsplit_once('/').filter(|(_, name)| name.len() > 3)?)));
    for (path, (above, name)) in named.filter(|(path, _)| path.len() <= VALUE_BYTES).take(NAMED) {
        values.extend([
            ("Equal", path.to_owned()),
            ("Equal", format!("/elsewhere/{name}")),
            ("Equal", format!("{path}x")),
            ("Equal", format!("{path} (deleted)")),
            ("Postfix", name.to_owned()),
            ("Postfix", format!("/{name}")),
            ("Postfix", name.chars().skip(2).collect()),
            ("Prefix", format!("{above}/")),
            ("Prefix", path.chars().take(3).collect()),
        ]);
    }
    values.retain(|(_, value)| !value.is_empty());
    let told = values.iter().take(TOLD).map(|(operator, value)| (*operator, value.clone(), OTHERS));
    let told: Vec<_> = told.collect();
    values.into_iter().map(|(operator, value)| (operator, value, 0)).chain(told).collect()
}

fn policy(operator: &str, value: &str, others: usize) -> String {
    let others = (0..others).map(|number| format!("/etc/another-{number}"));
    let values: Vec<_> = others.chain([value.to_owned()]).map(serde_json::Value::from).collect();
    let values = serde_json::Value::from(values);
    format!(
        "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {{name: early}}\nspec:\n  kprobes:\n  - call: fd_install\n    \
         syscall: false\n    args: [{{index: 0, type: fd}}]\n    selectors:\n    - matchArgs:\n      - {{index: 0, operator: \
         {operator}, values: {values}}}\n      matchActions: [{{action: Sigkill}}]\n"
    )
}

fn observed(file: &Walked) -> Observation {
    let subject = Subjected {
        subject: Subject::Arg0,
        status: file.status,
        number: u64::try_from(file.descriptor).unwrap_or(u64::MAX),
        mode: file.mode,
        bytes: file.path.clone(),
        at_end: true,
    };
    Observation { subjects: vec![subject], ..Observation::default() }
}
