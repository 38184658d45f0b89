//! What an expectation must say to prove anything. Pure.

use super::ScenarioFile;
use super::validate::acts_elsewhere;
use crate::scenario::{Expectation, ExpectedEffect, ExpectedProcess};

/// What no record could ever show, or what would prove nothing. `acts_elsewhere`: who may be killed is not the subject.
pub(super) fn expectation(expect: &Expectation, acts_elsewhere: bool, found: &mut Vec<String>) {
    if matches!(expect.process, ExpectedProcess::Signalled(_))
        && (expect.signalled == 0 || expect.matched == 0)
    {
        found.push("a process that dies of a signal needs `matched` and `signalled` of at least 1".into());
    }
    if !expect.seen.is_empty() && u64::try_from(expect.seen.len()) != Ok(expect.events) {
        found.push("`seen` has to say something of every event, or of none".into());
    }
    if expect.seen.len() > crate::run::SHOWN_EVENTS {
        found.push(format!("`seen` is compared with the first {} events", crate::run::SHOWN_EVENTS));
    }
    if expect.rate_limited + expect.not_posted > expect.matched {
        found.push("`rate_limited` and `not_posted` are matches: they can't be more than `matched`".into());
    }
    if expect.process == ExpectedProcess::Killed && (expect.killed == 0 || expect.matched == 0) {
        found.push("a killed process needs `matched` and `killed` of at least 1".into());
    }
    if expect.process == ExpectedProcess::Survives && expect.killed > 0 && !acts_elsewhere {
        found.push("a surviving process can't go with `killed` above 0, unless an `orphan` acts".into());
    }
    if expect.killed > expect.matched {
        found.push("`killed` can't be above `matched`".into());
    }
    if matches!(expect.process, ExpectedProcess::Refused(errno) if errno <= 0 || expect.refused == 0) {
        found.push("a refused call needs its errno, above 0, and `refused` of at least 1".into());
    }
    if expect.refused > expect.matched {
        found.push("`refused` can't be above `matched`".into());
    }
    if !expect.unsupported.is_empty() && !nothing_attached(expect) {
        found.push("with `unsupported` nothing is attached: the process survives, its effect happens, every counter is 0".into());
    }
    if expect.unsupported.iter().any(String::is_empty) {
        found.push("an empty text in `unsupported` is in everything that an agent says".into());
    }
    if expect.effect == ExpectedEffect::Prevented && expect.matched == 0 {
        found.push("an effect can't be prevented without a match".into());
    }
}

fn nothing_attached(expect: &Expectation) -> bool {
    let counted = [expect.matched, expect.killed, expect.events, expect.signalled, expect.refused];
    expect.process == ExpectedProcess::Survives
        && expect.effect == ExpectedEffect::Happens
        && counted.iter().all(|count| *count == 0)
}

/// Other expectations on some kernels.
pub(super) fn exceptions(file: &ScenarioFile, found: &mut Vec<String>) {
    for exception in &file.except {
        if exception.kernels.is_empty() || exception.why.trim().is_empty() {
            found.push("an entry of `except` needs `kernels`, and in `why` what is different there".into());
        }
        if let Some(filesystem) = exception.filesystems.iter().find(|one| !file.filesystems.contains(one)) {
            found.push(format!("`except` names {filesystem}, on which the scenario does not run"));
        }
        if exception.expect == file.expect && exception.policy.is_none() {
            found.push("an entry of `except` expects what is expected everywhere".into());
        }
        expectation(&exception.expect, acts_elsewhere(file), found);
    }
}
