//! What is said of a difference: one line, and the two files with which `quell eval` says it again.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use quell::model::{Context, Verdict, context_file};

use crate::answer::{Answer, Disagreement};

/// Both answers in one line.
#[must_use]
pub fn summary(difference: &Disagreement) -> String {
    let model = match &difference.model {
        Verdict::Matched { selector, actions, failed_closed } => {
            let closed = if *failed_closed { ", failed closed" } else { "" };
            format!("selector {} matches{closed}, {actions:?}", selector.unwrap_or(0))
        }
        Verdict::NotMatched => "no selector matches".to_owned(),
        Verdict::Unreadable => "no selector matches, and one is undecided".to_owned(),
    };
    let evaluator = match difference.evaluator {
        Answer::Matched { selector, failed_closed } => {
            let closed = if failed_closed { ", failed closed" } else { "" };
            let actions = difference
                .actions
                .as_ref()
                .map_or("unknown actions".to_owned(), |actions| format!("{actions:?}"));
            format!("selector {selector} matches{closed}, {actions}")
        }
        Answer::No => "no selector matches".to_owned(),
        Answer::Unreadable => "no selector matches, and one is undecided".to_owned(),
        Answer::Malformed => "the bytes are no selectors".to_owned(),
        Answer::Aborted => "it came to no answer".to_owned(),
    };
    format!("the model says: {model}; the evaluator says: {evaluator}")
}

/// The call as a file.
#[must_use]
pub fn context_text(context: &Context) -> String {
    context_file::write(context).unwrap_or_else(|error| format!("# this context can't be written: {error}\n"))
}

/// Writes a policy and a call; the paths of both.
///
/// # Errors
/// When a file can't be written.
pub fn write(out: &Path, policy: &str, context: &str) -> io::Result<(PathBuf, PathBuf)> {
    fs::create_dir_all(out)?;
    let (policy_file, context_file) = (out.join("policy.yaml"), out.join("context.json"));
    fs::write(&policy_file, policy)?;
    fs::write(&context_file, context)?;
    Ok((policy_file, context_file))
}
