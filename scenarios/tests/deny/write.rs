//! A form of a row as the files that a scenario is. Entries of lists are one line of JSON each, which is YAML as well.

use std::fmt::Write as _;

use quell_scenarios::scenario::FileSystem;
use serde::Serialize;
use serde_json::{Value, json};

use super::row::{Except, Fate, Form, Hook, Outcome, Row, Then, Way};

const GENERATED: &str = "# Generated from scenarios/tests/deny; to renew it: QUELL_BLESS=1 cargo test -p quell-scenarios --test deny\n";

/// The files of a form, by path below the folder of the scenarios.
pub(crate) fn files(row: &Row, form: &Form) -> Vec<(String, String)> {
    let name = format!("{}-{}", row.name, form.way.suffix());
    let mut files = vec![
        (format!("policies/deny-{name}.yaml"), policy(&format!("deny-{name}"), form.way, &form.hook)),
        (format!("deny/{name}.yaml"), scenario(row, form, &name)),
    ];
    for except in &form.except {
        if let Some(hook) = &except.hook {
            let name = other_policy(&name, hook);
            files.push((format!("policies/{name}.yaml"), policy(&name, form.way, hook)));
        }
    }
    files
}

fn other_policy(name: &str, hook: &Hook) -> String {
    let index = hook.args.first().and_then(|arg| arg.get("index")).and_then(Value::as_u64).unwrap_or(0);
    format!("deny-{name}-at-{}-{index}", hook.call.replace('_', "-"))
}

fn policy(name: &str, way: Way, hook: &Hook) -> String {
    let mut out = GENERATED.to_owned();
    let (kind, key, call) = match way {
        Way::Lsm => ("lsmhooks", "hook", hook.call.trim_start_matches("security_")),
        _ => ("kprobes", "call", hook.call.as_str()),
    };
    write!(out, "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata:\n  name: {name}\nspec:\n")
        .unwrap();
    let method = match way {
        Way::Modify => Some("fmod-ret"),
        // Of the ways to refuse a system call itself, the one that needs a kernel that was built for it.
        Way::Refuse if hook.syscall => Some("override-return"),
        _ => None,
    };
    if let Some(method) = method {
        writeln!(out, "  options:\n  - {}", json!({"name": "override-method", "value": method})).unwrap();
    }
    writeln!(out, "  {kind}:\n  - {key}: {call}").unwrap();
    if way != Way::Lsm {
        writeln!(out, "    syscall: {}", hook.syscall).unwrap();
    }
    out.push_str("    args:\n");
    lines(&mut out, "    ", &hook.args);
    out.push_str("    selectors:\n    - matchArgs:\n");
    lines(&mut out, "      ", &hook.filters);
    if hook.subject_only {
        out.push_str("      matchBinaries:\n      - {\"operator\":\"In\",\"values\":[\"/lab/subject\"]}\n");
    }
    out.push_str("      matchActions:\n");
    lines(&mut out, "      ", &way.actions());
    out
}

fn scenario(row: &Row, form: &Form, name: &str) -> String {
    let mut out = GENERATED.to_owned();
    let filesystems = form.filesystems.as_ref().unwrap_or(&row.filesystems);
    write!(
        out,
        "title: {}\nclaims: [{}]\npolicy: policies/deny-{name}.yaml\nfilesystems: {}\ntarget: {}\n",
        title(row, form),
        claim(form),
        one(filesystems),
        json!({"act": row.target.0, "bystander": row.target.1}),
    )
    .unwrap();
    list(&mut out, "files", &row.files);
    list(&mut out, "steps", &row.steps);
    list(&mut out, "bystander_steps", &row.bystander_steps);
    list(&mut out, "effect", &row.effect);
    writeln!(out, "expect: {}", expectation(form.way, form.outcome)).unwrap();
    let except: Vec<Value> =
        form.except.iter().map(|except| exception(except, form, name, filesystems)).collect();
    list(&mut out, "except", &except);
    out
}

/// The number in SPEC.md.
fn claim(form: &Form) -> &'static str {
    match (form.way, form.outcome) {
        (_, Outcome { fate: Fate::Unseen, .. }) => "C-92",
        (Way::Kill | Way::KillInside, Outcome { happens: true, .. }) => "C-90",
        (Way::Kill | Way::KillInside, _) => "C-91",
        (Way::RefuseAndKill, _) => "C-93",
        (Way::Lsm | Way::Modify, _) => "C-94",
        (Way::RefuseElsewhere, _) => "C-95",
        (Way::Refuse, _) => "C-46",
    }
}

fn title(row: &Row, form: &Form) -> String {
    let (noun, call) = (row.noun, &form.hook.call);
    match (form.way, form.outcome) {
        (_, Outcome { fate: Fate::Unseen, .. }) => format!("{noun} is not seen at {call}, and happens"),
        (Way::Kill | Way::KillInside, Outcome { happens: true, .. }) => {
            format!("{noun} whose caller is killed at {call} happens all the same")
        }
        (Way::Kill | Way::KillInside, _) => {
            format!("{noun} whose caller is killed at {call} does not happen")
        }
        (Way::RefuseAndKill, _) => {
            format!("{noun} that is refused at {call} does not happen, and its caller is killed")
        }
        (Way::Lsm, _) => {
            format!("{noun} that is refused by an entry of lsmhooks for {call} does not happen")
        }
        (Way::Modify, _) => format!("{noun} that is refused by another result of {call} does not happen"),
        (_, Outcome { happens: true, .. }) => format!("{noun} that is refused at {call} has happened before"),
        (Way::Refuse | Way::RefuseElsewhere, _) => {
            format!("{noun} that is refused at {call} does not happen, and its caller goes on")
        }
    }
}

fn expectation(way: Way, outcome: Outcome) -> Value {
    let matched = outcome.matched;
    let process = match outcome.fate {
        Fate::Killed => json!("killed"),
        Fate::Refused(errno) => json!({"refused": errno}),
        Fate::Unseen => json!("survives"),
    };
    let mut expect = json!({
        "process": process,
        "effect": if outcome.happens { "happens" } else { "prevented" },
        "matched": matched,
        "killed": if way.kills() { matched } else { 0 },
        "events": matched,
    });
    if way.refuses() && matched > 0 {
        expect["refused"] = json!(matched);
    }
    expect
}

fn exception(except: &Except, form: &Form, name: &str, all: &[FileSystem]) -> Value {
    let expect = match &except.then {
        Then::Outcome(outcome) => expectation(form.way, *outcome),
        Then::Unsupported(text) => {
            json!({"process": "survives", "effect": "happens", "matched": 0, "killed": 0, "events": 0, "unsupported": [text]})
        }
    };
    let mut value = json!({"kernels": except.kernels, "why": except.why, "expect": expect});
    let filesystems: Vec<FileSystem> =
        except.filesystems.iter().copied().filter(|filesystem| all.contains(filesystem)).collect();
    if !filesystems.is_empty() {
        value["filesystems"] = json!(filesystems);
    }
    if let Some(hook) = &except.hook {
        value["policy"] = json!(format!("policies/{}.yaml", other_policy(name, hook)));
    }
    value
}

fn one(value: impl Serialize) -> String {
    serde_json::to_string(&value).unwrap()
}

fn list(out: &mut String, key: &str, values: &[impl Serialize]) {
    if !values.is_empty() {
        writeln!(out, "{key}:").unwrap();
        lines(out, "  ", values);
    }
}

fn lines(out: &mut String, indent: &str, values: &[impl Serialize]) {
    for value in values {
        writeln!(out, "{indent}- {}", one(value)).unwrap();
    }
}
