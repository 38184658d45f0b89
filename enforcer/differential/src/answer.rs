//! What the evaluator says of a call, and whether the model says the same.

use quell::model::{Context, Verdict, evaluate};

use crate::actions::action;
use crate::prepare::Prepared;

/// The evaluator's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// No selector matches.
    No,
    /// This one does.
    Matched {
        /// Its number, from 0.
        selector: usize,
        /// Whether only because nothing was decided and it enforces.
        failed_closed: bool,
    },
    /// No selector matches, and one could not be decided.
    Unreadable,
    /// The bytes are not selectors that the constants describe.
    Malformed,
    /// It came to no answer.
    Aborted,
}

/// Two answers to one question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disagreement {
    /// The reference model's.
    pub model: Verdict,
    /// The evaluator's.
    pub evaluator: Answer,
    /// What the bytes say that its selector does; `None` when no selector matched, or the bytes are unknown actions.
    pub actions: Option<Vec<quell::policy::ast::Action>>,
}

/// The model's verdict when the evaluator agrees.
///
/// # Errors
/// Both, when it does not.
pub fn compare(
    prepared: &Prepared,
    context: &Context,
    evaluator: Answer,
) -> Result<Verdict, Box<Disagreement>> {
    let model = evaluate(prepared.hook(), context);
    let actions = match evaluator {
        Answer::Matched { selector, .. } => prepared
            .trees
            .get(selector)
            .and_then(|tree| tree.actions.iter().map(action).collect::<Option<Vec<_>>>()),
        _ => None,
    };
    let same = match (&model, evaluator) {
        (Verdict::NotMatched, Answer::No) | (Verdict::Unreadable, Answer::Unreadable) => true,
        (
            Verdict::Matched { selector, actions: meant, failed_closed },
            Answer::Matched { selector: found, failed_closed: closed },
        ) => {
            // A hook without selectors is compiled to one that matches every call.
            selector.unwrap_or(0) == found && *failed_closed == closed && actions.as_ref() == Some(meant)
        }
        _ => false,
    };
    if same { Ok(model) } else { Err(Box::new(Disagreement { model, evaluator, actions })) }
}
