//! One kept case, asked again: the model and the evaluator built for this machine, side by side.
//!
//! `quell eval` asks the model alone; what a difference looked like, and whether it is still there, is said here.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use quell::model::context_file::{self, ContextFileError};
use quell::model::{Context, Verdict, evaluate, evaluate_return};

use crate::answer::{Answer, Disagreement};
use crate::host::{Loaded, Processor};
use crate::observe::observe;
use crate::prepare::{Unprepared, prepare};
use crate::report;

/// Why a case can't be asked again.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// A file can't be read.
    #[error("failed to read {path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The context is none, or none of this policy.
    #[error("{path} is no call of this policy: {source}")]
    Context {
        /// Which.
        path: PathBuf,
        /// Why.
        source: ContextFileError,
    },
    /// The policy is refused, or has several hooks.
    #[error(transparent)]
    Unprepared(#[from] Unprepared),
}

/// What both say of one case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replay {
    /// The model, of the call.
    pub model: Verdict,
    /// The evaluator, of the call.
    pub evaluator: Answer,
    /// What differs at the call.
    pub call: Option<Box<Disagreement>>,
    /// The model, of the return; `None` when the selector that matched asks nothing of it.
    pub returned: Option<Verdict>,
    /// What differs at the return.
    pub at_return: Option<Box<Disagreement>>,
}

impl Replay {
    /// Whether the two say different things anywhere.
    #[must_use]
    pub fn differs(&self) -> bool {
        self.call.is_some() || self.at_return.is_some()
    }
}

impl fmt::Display for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "model:     {:?}", self.model)?;
        writeln!(f, "evaluator: {:?}", self.evaluator)?;
        if let Some(returned) = &self.returned {
            writeln!(f, "model, of the return: {returned:?}")?;
        }
        for difference in self.call.iter().chain(&self.at_return) {
            writeln!(f, "they differ: {}", report::summary(difference))?;
        }
        if !self.differs() {
            writeln!(f, "they agree")?;
        }
        Ok(())
    }
}

/// Asks both about the case in two files.
///
/// # Errors
/// When a file can't be read, the policy is refused, or the context is not one of its hook.
pub fn files(policy: &Path, context: &Path) -> Result<Replay, ReplayError> {
    let read = |path: &Path| {
        fs::read_to_string(path).map_err(|source| ReplayError::File { path: path.to_owned(), source })
    };
    let no_call = |source| ReplayError::Context { path: context.to_owned(), source };
    let text = read(policy)?;
    let call = context_file::read(&read(context)?).map_err(no_call)?;
    let prepared = prepare(&text, &call.host_namespaces)?;
    context_file::check(&call, prepared.hook()).map_err(no_call)?;
    Ok(of(&Loaded::new(&prepared), &call))
}

/// Asks both about one call.
#[must_use]
pub fn of(loaded: &Loaded<'_>, call: &Context) -> Replay {
    let prepared = loaded.prepared();
    let hook = prepared.hook();
    let mut processor = Processor::default();
    let model = evaluate(hook, call);
    let evaluator = processor.decide(loaded, &observe(hook, &prepared.compiled, call));
    let difference = processor.compare(loaded, call).err();
    let (mut returned, mut at_return) = (None, None);
    if let (Verdict::Matched { selector: Some(selector), .. }, true) = (&model, call.returned.is_some()) {
        returned = evaluate_return(hook, *selector, call);
        at_return = processor.compare_return(loaded, *selector, call).err();
    }
    Replay { model, evaluator, call: difference, returned, at_return }
}
