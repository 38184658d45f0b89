//! A witness as the two files that a scenario is: its policy and itself. Entries of lists are one line of JSON each, which
//! is YAML as well.

use std::fmt::Write as _;

use quell_scenarios::step::{OpenFlag, Step};
use serde_json::{Value, json};

use super::case::{Case, Witness};

/// The line that says where the files come from.
const GENERATED: &str = "# Generated from scenarios/tests/witness; to renew it: QUELL_BLESS=1 cargo test -p quell-scenarios --test witness\n";

impl Witness {
    /// Name of the files, without folder and ending.
    pub(crate) fn name(&self) -> String {
        self.ty.name().replace('_', "-")
    }

    /// Text of the policy.
    pub(crate) fn policy(&self) -> String {
        let mut out = GENERATED.to_owned();
        out.push_str("apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata:\n");
        let syscall = self.hook.call.starts_with("__x64_sys_");
        write!(
            out,
            "  name: witness-{}\nspec:\n  kprobes:\n  - call: {}\n    syscall: {syscall}\n    args:\n",
            self.name(),
            self.hook.call,
        )
        .unwrap();
        lines(&mut out, "    ", self.hook.args.iter().cloned());
        out.push_str("    selectors:\n");
        for case in &self.cases {
            if let Some(filters) = &case.other_filters {
                selector(&mut out, &format!("not {}", case.operator.name()), filters);
            }
            selector(&mut out, case.operator.name(), &case.filters);
        }
        out
    }

    /// Text of the scenario.
    pub(crate) fn scenario(&self) -> String {
        let mut out = GENERATED.to_owned();
        let matched = self.cases.len();
        let missed = self.cases.iter().filter(|case| !case.miss.is_empty()).count();
        write!(
            out,
            "title: Every operator of type {} holds for one real call at {}, and does not for another\n\
             claims: [C-50]\npolicy: policies/witness-{}.yaml\nfilesystems: [{}]\ntarget: {{ act: hit, bystander: miss }}\n",
            self.ty.name(),
            self.hook.call,
            self.name(),
            self.filesystem,
        )
        .unwrap();
        if !self.files.is_empty() {
            out.push_str("files:\n");
            lines(
                &mut out,
                "  ",
                self.files.iter().map(
                    |file| json!({"path": file.path, "content": file.content, "executable": file.executable}),
                ),
            );
        }
        for (key, way) in [("steps", hit as fn(&Case) -> &[Step]), ("bystander_steps", miss)] {
            writeln!(out, "{key}:").unwrap();
            let last = Step::Open {
                path: "$target".into(),
                flags: vec![OpenFlag::Wronly, OpenFlag::Creat],
                untouched_name: false,
            };
            let steps = self.before.iter().chain(self.cases.iter().flat_map(way)).chain([&last]);
            lines(&mut out, "  ", steps.map(|step| serde_json::to_value(step).unwrap()));
        }
        write!(
            out,
            "effect:\n  - exists: {{ path: $target }}\nexpect:\n  process: survives\n  effect: happens\n  \
             matched: {matched}\n  killed: 0\n  events: {matched}\n  least_calls: {}\n  seen:\n",
            matched + missed,
        )
        .unwrap();
        lines(
            &mut out,
            "    ",
            self.cases.iter().map(|case| {
                json!({
                    "process_kprobe": {"function_name": self.hook.call, "args": case.args},
                    "quell": {"selector_label": case.operator.name()},
                })
            }),
        );
        out
    }
}

fn hit(case: &Case) -> &[Step] {
    &case.hit
}

fn miss(case: &Case) -> &[Step] {
    &case.miss
}

fn selector(out: &mut String, label: &str, filters: &[Value]) {
    writeln!(out, "    - label: {label}\n      matchArgs:").unwrap();
    lines(out, "      ", filters.iter().cloned());
    out.push_str("      matchActions:\n      - {\"action\":\"Post\"}\n");
}

fn lines(out: &mut String, indent: &str, values: impl Iterator<Item = Value>) {
    for value in values {
        writeln!(out, "{indent}- {value}").unwrap();
    }
}
