//! What a scenario must hold to prove anything. Pure.

use std::collections::BTreeSet;

use super::ScenarioFile;
use super::expectation::{exceptions, expectation};
use crate::effect::Effect;
use crate::scenario::TARGET;
use crate::step::{OpenFlag, Step};

/// Everything that is wrong, each as a sentence that says what to do.
pub(super) fn complaints(file: &ScenarioFile) -> Vec<String> {
    let mut found = Vec::new();
    title_and_claims(file, &mut found);
    places(file, &mut found);
    targets(file, &mut found);
    steps(&file.steps, "steps", &mut found);
    if !file.bystander_steps.is_empty() {
        steps(&file.bystander_steps, "bystander_steps", &mut found);
    }
    arguments(file, &mut found);
    paths(file, &mut found);
    effect(file, &mut found);
    expectation(&file.expect, acts_elsewhere(file), &mut found);
    exceptions(file, &mut found);
    found
}

/// Whether another process than the subject acts, which may then die while the subject lives.
pub(super) fn acts_elsewhere(file: &ScenarioFile) -> bool {
    file.steps.iter().any(|step| matches!(step, Step::Orphan { .. }))
}

fn title_and_claims(file: &ScenarioFile, found: &mut Vec<String>) {
    if file.title.trim().is_empty() {
        found.push("`title` is empty: say what is claimed, in one sentence".into());
    }
    if file.claims.is_empty() {
        found.push("`claims` is empty: name the claims that this scenario proves".into());
    }
    for claim in &file.claims {
        let number = claim.strip_prefix("C-").unwrap_or("");
        if number.len() < 2 || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            found.push(format!("claim `{claim}` is not of the form C-07"));
        }
    }
}

fn places(file: &ScenarioFile, found: &mut Vec<String>) {
    if file.filesystems.is_empty() {
        found.push(
            "`filesystems` is empty: no cell would ever run; use [none] if the act touches no file".into(),
        );
    }
    let distinct: BTreeSet<_> = file.filesystems.iter().collect();
    if distinct.len() != file.filesystems.len() {
        found.push("`filesystems` names one twice".into());
    }
    let policy = &file.policy;
    let inside =
        policy.strip_prefix("policies/").is_some_and(|name| !name.contains('/') && name.ends_with(".yaml"));
    if !inside {
        found.push(format!("`policy` is `{policy}`, but policies are policies/<name>.yaml"));
    }
}

fn targets(file: &ScenarioFile, found: &mut Vec<String>) {
    let (act, bystander) = (&file.target.act, &file.target.bystander);
    if act.is_empty() || bystander.is_empty() {
        found.push("`target` needs a text for both act and bystander".into());
    }
    if act == bystander {
        found.push("`target.act` and `target.bystander` are the same: the bystander would be an act".into());
    }
    for target in [act, bystander] {
        if target.contains(TARGET) || target.contains('\0') {
            found.push(format!("target `{}` holds {TARGET} or a NUL byte", target.escape_debug()));
        }
    }
    if !file.steps.iter().flat_map(Step::texts).any(|text| text.contains(TARGET)) {
        found.push(format!("no step mentions {TARGET}: act and bystander would do the same"));
    }
}

/// Numbers and addresses, with either target filled in: what a subject could not read it must not be told.
fn arguments(file: &ScenarioFile, found: &mut Vec<String>) {
    for (steps, target) in [
        (&file.steps, &file.target.act),
        (&file.steps, &file.target.bystander),
        (&file.bystander_steps, &file.target.bystander),
    ] {
        for step in steps {
            match step {
                Step::Number { value, .. } => {
                    let value = value.replace(TARGET, target);
                    if value.parse::<i64>().is_err() {
                        found.push(format!("`{value}` is no number from -2^63 to 2^63-1"));
                    }
                }
                Step::Bind { to, .. }
                | Step::BindPort { to, .. }
                | Step::Connect { to, .. }
                | Step::SendTo { to, .. } => {
                    let to = to.replace(TARGET, target);
                    if to.parse::<std::net::SocketAddr>().is_err() {
                        found.push(format!(
                            "`{to}` is no address with a port: write 127.0.0.1:80 or [::1]:80"
                        ));
                    }
                }
                _ => {}
            }
            if let Step::Connect { length: Some(length), .. } | Step::BindPort { length: Some(length), .. } =
                step
                && !(28..=128).contains(length)
            {
                found.push(format!("the length {length} of an address is not from 28 to 128"));
            }
        }
    }
}

fn steps(steps: &[Step], place: &str, found: &mut Vec<String>) {
    if steps.is_empty() {
        found.push(format!("`{place}` is empty: nothing would be done"));
    }
    let mut open = false;
    let mut socket = false;
    for (index, step) in steps.iter().enumerate() {
        match step {
            Step::Open { flags, .. } => {
                open = true;
                if flags.iter().filter(|flag| flag.is_access_mode()).count() != 1 {
                    found.push(format!("`{place}` {index}: give exactly one of rdonly, wronly, rdwr"));
                }
                let distinct: std::collections::HashSet<&OpenFlag> = flags.iter().collect();
                if distinct.len() != flags.len() {
                    found.push(format!("`{place}` {index}: a flag is given twice"));
                }
            }
            Step::RingCreate { .. } | Step::Receive { .. } => open = true,
            step if uses_file(step) && !open => {
                found.push(format!("`{place}` {index}: open a file before using it"));
            }
            Step::Socket { .. } => socket = true,
            Step::Bind { .. }
            | Step::Listen {}
            | Step::Connect { .. }
            | Step::ConnectNobody { .. }
            | Step::SendTo { .. }
            | Step::Send { .. }
            | Step::WriteSocket { .. }
            | Step::BindName { .. }
            | Step::RenameDevice { .. }
                if !socket =>
            {
                found.push(format!("`{place}` {index}: make a socket before"));
            }
            Step::Execve { then, .. } => {
                if index + 1 != steps.len() {
                    found.push(format!("`{place}` {index}: nothing can follow an execve; use its `then`"));
                }
                self::steps(then, "then", found);
            }
            Step::Orphan { then } => self::steps(then, "then", found),
            Step::Thread { then } => {
                if !then.iter().all(needs_no_child) {
                    found.push(format!("`{place}` {index}: a thread can only open, write and execve"));
                }
                self::steps(then, "then", found);
            }
            _ => {}
        }
        if step.texts().iter().any(|text| text.contains('\0')) {
            found.push(format!("`{place}` {index}: a NUL byte can't be given to the kernel"));
        }
    }
}

/// Steps that make no other process: a child of a process with several threads may do next to nothing.
const fn needs_no_child(step: &Step) -> bool {
    matches!(step, Step::Open { .. } | Step::Write { .. } | Step::WriteAt { .. } | Step::Execve { .. })
}

/// Steps on the opened file.
fn uses_file(step: &Step) -> bool {
    matches!(
        step,
        Step::Write { .. }
            | Step::WriteAt { .. }
            | Step::WriteParts { .. }
            | Step::WriteBlock { .. }
            | Step::SubmitWrite { .. }
            | Step::RingWrite { .. }
            | Step::ShortWrite { .. }
            | Step::StoreMapped { .. }
            | Step::Resize { .. }
            | Step::Allocate { .. }
            | Step::SpliceIn { .. }
            | Step::SpliceOut { .. }
            | Step::SendFileFrom { .. }
            | Step::SendFileOut { .. }
            | Step::CopyRangeFrom { .. }
            | Step::Read { .. }
            | Step::Duplicate {}
    )
}

fn paths(file: &ScenarioFile, found: &mut Vec<String>) {
    let of_files = || file.files.iter().map(|prepared| prepared.path.clone());
    let of_steps = file.steps.iter().chain(&file.bystander_steps).flat_map(Step::paths);
    let of_effect = file.effect.iter().filter_map(Effect::path).map(str::to_owned);
    for target in [&file.target.act, &file.target.bystander] {
        let filled = |path: String| path.replace(TARGET, target);
        let prepared: Vec<String> = of_files().map(filled).collect();
        let distinct: BTreeSet<&String> = prepared.iter().collect();
        if distinct.len() != prepared.len() {
            found.push(format!("`files` prepares one path twice (target `{target}`)"));
        }
        for path in of_files().chain(of_steps.clone()).chain(of_effect.clone()).map(filled) {
            let plain = |name: &str| !matches!(name, "" | "." | "..");
            let good = match path.strip_prefix('/') {
                Some(rest) => rest.split('/').all(plain),
                None => plain(&path) && !path.contains('/'),
            };
            if !good {
                found.push(format!(
                    "path `{path}` is neither a plain name in the work directory nor a plain absolute path"
                ));
            }
            // What a run changes outside of its work directory it must be able to put back.
            if path.starts_with('/') && !prepared.contains(&path) {
                found.push(format!(
                    "path `{path}` is absolute: list it under `files`, so that it is put back"
                ));
            }
        }
    }
    for prepared in &file.files {
        if prepared.directory && (!prepared.content.is_empty() || prepared.path.starts_with('/')) {
            found.push(format!("`files` {}: a directory is empty and in the work directory", prepared.path));
        }
        if prepared.link_to_subject && !prepared.content.is_empty() {
            found.push(format!("`files` {}: a link to the subject has no content", prepared.path));
        }
    }
}

fn effect(file: &ScenarioFile, found: &mut Vec<String>) {
    if file.effect.is_empty() {
        found.push("`effect` is empty: without something to see nothing is proven".into());
    }
    for effect in &file.effect {
        let text = match effect {
            Effect::PipeReceived { data } => data,
            Effect::DatagramReceived { at, .. }
            | Effect::ConnectionMade { at }
            | Effect::StreamReceived { at, .. } => at,
            Effect::FileEquals { path, .. }
            | Effect::FileContains { path, .. }
            | Effect::FileIsEmpty { path }
            | Effect::Exists { path }
            | Effect::NotExists { path }
            | Effect::ModeIs { path, .. }
            | Effect::OwnerIs { path, .. }
            | Effect::AttributeIs { path, .. } => path,
        };
        if !text.contains(TARGET) {
            found.push(format!(
                "`effect` {effect:?} does not mention {TARGET}: the act's effect would be taken for the bystander's"
            ));
        }
        if let Effect::DatagramReceived { at, .. }
        | Effect::ConnectionMade { at }
        | Effect::StreamReceived { at, .. } = effect
        {
            for target in [&file.target.act, &file.target.bystander] {
                let at = at.replace(TARGET, target);
                if at.parse::<std::net::SocketAddr>().is_err() {
                    found.push(format!("`{at}` is no address with a port: write 127.0.0.1:80 or [::1]:80"));
                }
            }
        }
        if matches!(effect, Effect::FileContains { text, .. } if text.is_empty()) {
            found.push("`file_contains` with an empty text holds always".into());
        }
    }
}
