//! Compares what was said of policies in two places, and what was said with what was done. Pure.

use std::fmt;

use serde_json::Value;

/// What of a file's answer has to be the same wherever it is given.
const OF_FILE: [&str; 5] = ["policies", "accepted", "verdict", "plan", "diagnostics"];
/// What of a hook's answer the report of a run has to repeat.
const OF_HOOK: [&str; 4] = ["call", "mechanism", "targets", "rules"];

/// Two answers that should be one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Difference {
    policy: String,
    field: String,
    said: String,
    found: String,
}

impl Difference {
    /// In `field` of `policy`, this was said and that was found.
    pub(super) fn of(policy: &str, field: &str, said: &str, found: &str) -> Self {
        Self { policy: policy.into(), field: field.into(), said: said.into(), found: found.into() }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: said {}, found {}", self.policy, self.field, self.said, self.found)
    }
}

/// What became of a policy that was run.
#[derive(Clone, Debug, Default)]
pub(super) struct Ran {
    pub(super) name: String,
    pub(super) in_force: bool,
    pub(super) status: String,
    pub(super) report: Value,
    pub(super) errors: String,
}

/// The name of a file without its folder: that differs between host and guest.
pub(super) fn name(file: &Value) -> String {
    let path = file["file"].as_str().unwrap_or_default();
    path.rsplit('/').next().unwrap_or_default().to_owned()
}

/// What makes two plans be of one kind: verdict, and mechanism and targets of every hook. Selectors do not count.
pub(super) fn kind(file: &Value) -> String {
    let hooks = hooks(file).map(|hook| format!("{} {}", hook["mechanism"], hook["targets"]));
    format!("{} {}", file["verdict"], hooks.collect::<Vec<_>>().join(" "))
}

fn hooks(file: &Value) -> impl Iterator<Item = &Value> {
    let policies = file["kernels"].as_array().into_iter().flatten();
    policies.flat_map(|policy| policy["hooks"].as_array().into_iter().flatten())
}

fn file<'a>(answer: &'a Value, wanted: &str) -> Option<&'a Value> {
    answer["files"].as_array()?.iter().find(|file| name(file) == wanted)
}

/// The differences between what was said from recorded facts and in the kernel itself.
pub(super) fn checks(recorded: &Value, running: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    for said in recorded["files"].as_array().into_iter().flatten() {
        let policy = name(said);
        let Some(here) = file(running, &policy) else {
            found.push(Difference::of(&policy, "file", "something", "nothing"));
            continue;
        };
        // Updates of a distribution change the release and should not change anything else.
        let releases = (release(said), release(here));
        for field in OF_FILE.into_iter().chain(["kernels"]) {
            let said = without(&said[field], releases.0.as_deref());
            let here = without(&here[field], releases.1.as_deref());
            if said != here {
                found.push(first_difference(&policy, field, &said, &here));
            }
        }
    }
    found
}

/// The release that an answer is about.
fn release(file: &Value) -> Option<String> {
    file["kernels"].as_array()?.first()?["kernel"].as_str().map(str::to_owned)
}

/// The same value with every mention of a release replaced.
fn without(value: &Value, release: Option<&str>) -> Value {
    match value {
        Value::String(text) => {
            Value::String(release.map_or(text.clone(), |release| text.replace(release, "RELEASE")))
        }
        Value::Array(values) => values.iter().map(|value| without(value, release)).collect(),
        Value::Object(fields) => {
            Value::Object(fields.iter().map(|(key, value)| (key.clone(), without(value, release))).collect())
        }
        other => other.clone(),
    }
}

/// The innermost place where two values differ.
fn first_difference(policy: &str, place: &str, said: &Value, found: &Value) -> Difference {
    match (said, found) {
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            let mut pairs = left.iter().zip(right).enumerate();
            if let Some((index, (left, right))) = pairs.find(|(_, (left, right))| left != right) {
                return first_difference(policy, &format!("{place}[{index}]"), left, right);
            }
        }
        (Value::Object(left), Value::Object(right)) => {
            for (key, left) in left {
                let right = right.get(key).unwrap_or(&Value::Null);
                if left != right {
                    return first_difference(policy, &format!("{place}.{key}"), left, right);
                }
            }
        }
        _ => {}
    }
    Difference::of(policy, place, &said.to_string(), &found.to_string())
}

/// The differences between what was said in the kernel and what was done there.
pub(super) fn run(checked: &Value, ran: &Ran) -> Vec<Difference> {
    let Some(said) = file(checked, &ran.name) else {
        return vec![Difference::of(&ran.name, "file", "nothing", "a run")];
    };
    let accepted = said["accepted"] == Value::Bool(true);
    if accepted != ran.in_force {
        let said = if accepted { "accepted" } else { "refused" };
        let errors = ran.errors.trim();
        let found =
            if ran.in_force { "in force".into() } else { format!("not in force ({}): {errors}", ran.status) };
        return vec![Difference::of(&ran.name, "verdict", said, &found)];
    }
    if !accepted {
        return Vec::new();
    }
    let policies = ran.report["policies"].as_array().into_iter().flatten();
    let done: Vec<&Value> =
        policies.flat_map(|policy| policy["hooks"].as_array().into_iter().flatten()).collect();
    let promised: Vec<&Value> = hooks(said).collect();
    let mut found = Vec::new();
    let mut rest = done.as_slice();
    for (index, said) in promised.iter().enumerate() {
        let (loads, behind) = rest.split_at(loads_of(said, rest));
        rest = behind;
        let targets: Value = loads.iter().flat_map(|done| targets(done)).cloned().collect();
        for field in OF_HOOK {
            let place = format!("hooks[{index}].{field} of the run");
            let differing = match (field, loads) {
                (_, []) => Some(&Value::Null),
                ("targets", _) => Some(&targets).filter(|targets| said[field] != **targets),
                // A load for one function of several is called by that function.
                ("call", [_, _, ..]) => None,
                _ => loads.iter().map(|done| &done[field]).find(|done| said[field] != **done),
            };
            found.extend(differing.map(|done| first_difference(&ran.name, &place, &said[field], done)));
        }
    }
    if promised.is_empty() || !rest.is_empty() {
        let (said, done) = (promised.len().to_string(), done.len().to_string());
        found.push(Difference::of(&ran.name, "number of hooks", &said, &done));
    }
    found
}

fn targets(hook: &Value) -> impl Iterator<Item = &Value> {
    hook["targets"].as_array().into_iter().flatten()
}

/// How many of these hooks of a run are the loads of one that was promised: at least one, and more where one program does not
/// serve several functions.
fn loads_of(said: &Value, done: &[&Value]) -> usize {
    let wanted = targets(said).count();
    let mut had = 0;
    let loads = done.iter().take_while(|done| {
        let more = had < wanted;
        had += targets(done).count();
        more
    });
    loads.count().max(usize::from(!done.is_empty()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(folder: &str, release: &str, mechanism: &str) -> Value {
        let hook = json!({"call": "f", "mechanism": mechanism, "targets": [{"symbol": "f"}], "rules": []});
        json!({"files": [{
            "file": format!("{folder}/p.yaml"), "policies": ["p"], "accepted": true, "verdict": "ok",
            "plan": [format!("{release}: f")], "diagnostics": [],
            "kernels": [{"policy": "p", "kernel": release, "accepted": true, "hooks": [hook]}],
        }]})
    }

    fn ran(mechanism: &str) -> Ran {
        let hook = json!({"call": "f", "mechanism": mechanism, "targets": [{"symbol": "f"}], "rules": [], "counters": {}});
        Ran {
            name: "p.yaml".into(),
            in_force: true,
            report: json!({"policies": [{"name": "p", "hooks": [hook]}]}),
            ..Ran::default()
        }
    }

    fn shown(found: &[Difference]) -> Vec<String> {
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_same_answer_in_another_folder_about_an_updated_release_is_the_same() {
        assert_eq!(checks(&answer("a", "6.12.1", "lsm"), &answer("b", "6.12.2", "lsm")), []);
    }

    #[test]
    fn another_mechanism_is_named_by_policy_and_field() {
        let found = checks(&answer("a", "6.12.1", "lsm"), &answer("a", "6.12.1", "fmod_ret"));
        assert_eq!(
            shown(&found),
            ["p.yaml: kernels[0].hooks[0].mechanism: said \"lsm\", found \"fmod_ret\""]
        );
    }

    #[test]
    fn a_file_that_was_not_answered_is_a_difference() {
        assert_eq!(shown(&checks(&answer("a", "6", "lsm"), &json!({"files": []}))).len(), 1);
    }

    #[test]
    fn a_run_that_does_what_was_said_agrees_and_one_that_does_not_is_named() {
        let said = answer("a", "6", "lsm");
        assert_eq!(run(&said, &ran("lsm")), []);
        assert_eq!(
            shown(&run(&said, &ran("kprobe"))),
            ["p.yaml: hooks[0].mechanism of the run: said \"lsm\", found \"kprobe\""]
        );
        let silent =
            Ran { in_force: false, status: "exit status: 4".into(), errors: "why\n".into(), ..ran("lsm") };
        assert_eq!(
            shown(&run(&said, &silent)),
            ["p.yaml: verdict: said accepted, found not in force (exit status: 4): why"]
        );
        let empty = Ran { report: Value::Null, ..ran("lsm") };
        assert_eq!(
            shown(&run(&said, &empty)).first().unwrap(),
            "p.yaml: hooks[0].call of the run: said \"f\", found null"
        );
        let mut twice = ran("lsm");
        let again = twice.report["policies"][0]["hooks"][0].clone();
        twice.report["policies"][0]["hooks"].as_array_mut().unwrap().push(again);
        assert_eq!(shown(&run(&said, &twice)), ["p.yaml: number of hooks: said 1, found 2"]);
    }

    #[test]
    fn several_loads_of_one_hook_are_compared_together() {
        let mut said = answer("a", "6", "fentry");
        said["files"][0]["kernels"][0]["hooks"][0]["targets"] = json!([{"symbol": "f"}, {"symbol": "g"}]);
        let load = |symbol: &str| json!({"call": symbol, "mechanism": "fentry", "targets": [{"symbol": symbol}], "rules": []});
        let both = |second: &str| Ran {
            report: json!({"policies": [{"name": "p", "hooks": [load("f"), load(second)]}]}),
            ..ran("fentry")
        };
        assert_eq!(run(&said, &both("g")), []);
        assert_eq!(
            shown(&run(&said, &both("h"))),
            ["p.yaml: hooks[0].targets of the run[1].symbol: said \"g\", found \"h\""]
        );
    }

    #[test]
    fn a_refused_policy_that_comes_into_force_is_a_difference() {
        let mut said = answer("a", "6", "lsm");
        said["files"][0]["accepted"] = Value::Bool(false);
        assert_eq!(shown(&run(&said, &ran("lsm"))), ["p.yaml: verdict: said refused, found in force"]);
        assert_eq!(run(&said, &Ran { in_force: false, ..ran("lsm") }), []);
    }
}
