//! What `quell check` says: every file with its findings, as text or as JSON. Pure; the command line reads the files.

use serde::Serialize;

use crate::hook::plan;
use crate::kernel::facts::KernelFacts;
use crate::policy::render::{self, JsonDiagnostic};
use crate::policy::{Diagnostic, Diagnostics, Policy, Source, Style, parse};

/// Output of `quell check`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text(Style),
    /// For programs: one document with all files.
    Json,
}

/// One file, as far as it was understood.
#[derive(Debug, Clone)]
pub struct Checked {
    /// The policy, if its text is valid; later stages may still refuse it.
    pub policy: Option<Policy>,
    findings: Diagnostics,
    /// Per hook, how a kernel will serve it.
    plan: Vec<String>,
}

impl Checked {
    /// Reads and validates the bytes of a file. Names are shown as given.
    #[must_use]
    pub fn new(name: &str, bytes: &[u8]) -> Self {
        let source = match Source::from_bytes(name, bytes) {
            Ok(source) => source,
            Err(findings) => return Self { policy: None, findings, plan: Vec::new() },
        };
        match parse(&source) {
            Ok(policy) => Self {
                policy: Some(policy),
                findings: Diagnostics::new(source, Vec::new()),
                plan: Vec::new(),
            },
            Err(findings) => Self { policy: None, findings, plan: Vec::new() },
        }
    }

    /// Adds what a later stage found (encoding, kernel).
    pub fn extend(&mut self, more: impl IntoIterator<Item = Diagnostic>) {
        self.findings.extend(more);
    }

    /// Adds what is found about encoding, and about a kernel when its facts are given.
    pub fn plan(&mut self, facts: Option<&KernelFacts>) {
        let Some(policy) = &self.policy else { return };
        let Some(facts) = facts else {
            let found = plan::findings_for_any_kernel(policy);
            return self.extend(found);
        };
        match plan::plan(policy, self.findings.source(), facts, 0) {
            Ok(plan) => {
                self.plan = plan.hooks.iter().map(|hook| format!("{}: {hook}", facts.release)).collect();
                self.extend(plan.remarks.as_slice().to_vec());
            }
            Err(found) => self.extend(found.as_slice().to_vec()),
        }
    }

    /// Everything found so far.
    #[must_use]
    pub fn findings(&self) -> &Diagnostics {
        &self.findings
    }

    /// Whether nothing refuses the policy; warnings do not.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        self.policy.is_some() && !self.findings.has_errors()
    }
}

/// The whole answer. Ends with a newline.
#[must_use]
pub fn render(files: &[Checked], format: Format) -> String {
    match format {
        Format::Text(style) => files.iter().map(|file| text(file, style)).collect(),
        Format::Json => json(files),
    }
}

fn text(file: &Checked, style: Style) -> String {
    let mut out = render::text(&file.findings, style);
    if let (true, Some(policy)) = (file.is_accepted(), &file.policy) {
        let hooks = policy.hooks.len();
        let selectors: usize = policy.hooks.iter().map(|hook| hook.selectors.len()).sum();
        out.push_str(&format!(
            "{}: policy `{}` is valid: {}, {}\n",
            file.findings.source().name(),
            policy.name.value,
            counted(hooks, "hook"),
            counted(selectors, "selector"),
        ));
        for line in &file.plan {
            out.push_str(&format!("  {line}\n"));
        }
    }
    out
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

#[derive(Serialize)]
struct JsonReport<'a> {
    version: u32,
    accepted: bool,
    files: Vec<JsonFile<'a>>,
}

#[derive(Serialize)]
struct JsonFile<'a> {
    file: &'a str,
    policy: Option<&'a str>,
    accepted: bool,
    plan: &'a [String],
    diagnostics: Vec<JsonDiagnostic>,
}

fn json(files: &[Checked]) -> String {
    let report = JsonReport {
        version: 1,
        accepted: files.iter().all(Checked::is_accepted),
        files: files
            .iter()
            .map(|file| JsonFile {
                file: file.findings.source().name(),
                policy: file.policy.as_ref().map(|policy| policy.name.value.as_str()),
                accepted: file.is_accepted(),
                plan: &file.plan,
                diagnostics: render::json(&file.findings),
            })
            .collect(),
    };
    // Pretty JSON of strings, numbers and lists; `{:#}` of a Value cannot fail, unlike a writer.
    let value = serde_json::json!(report);
    format!("{value:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Code, Span};

    const VALID: &str = "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata:\n  name: one\nspec:\n  kprobes:\n  \
                         - call: __x64_sys_write\n";

    #[test]
    fn a_valid_file_is_summed_up_in_one_line() {
        let files = [Checked::new("one.yaml", VALID.as_bytes())];
        assert!(files[0].is_accepted());
        let text = render(&files, Format::Text(Style::Plain));
        assert_eq!(text, "one.yaml: policy `one` is valid: 1 hook, 0 selectors\n");
    }

    #[test]
    fn json_has_every_finding_with_its_place() {
        let broken = VALID.replace("call", "calls");
        let files = [Checked::new("one.yaml", VALID.as_bytes()), Checked::new("two.yaml", broken.as_bytes())];
        let report: serde_json::Value = serde_json::from_str(&render(&files, Format::Json)).unwrap();
        assert_eq!(report["accepted"], false);
        assert_eq!(report["files"][0]["policy"], "one");
        assert_eq!(report["files"][0]["accepted"], true);
        assert_eq!(report["files"][1]["policy"], serde_json::Value::Null);
        let found = report["files"][1]["diagnostics"].as_array().unwrap();
        let brief: Vec<_> = found
            .iter()
            .map(|found| {
                format!("{} {}:{}-{}", found["code"], found["line"], found["column"], found["end_column"])
            })
            .collect();
        assert_eq!(brief, ["\"P005\" 7:5-10", "\"P008\" 7:5-10"]);
        assert_eq!(found[0]["help"], "did you mean `call`?");
    }

    #[test]
    fn findings_of_later_stages_refuse_a_valid_text() {
        let mut file = Checked::new("one.yaml", VALID.as_bytes());
        let call = file.policy.as_ref().unwrap().hooks[0].call.span;
        file.extend([Diagnostic::warning(Code::EffectHappens, call, "the effect happens")]);
        assert!(file.is_accepted());
        file.extend([Diagnostic::new(Code::UnknownFunction, Span::new(0, 3), "no such function")]);
        assert!(!file.is_accepted());
        let text = render(&[file], Format::Text(Style::Plain));
        assert!(text.contains("error[K001]") && text.contains("warning[K007]"), "{text}");
        assert!(text.ends_with("one.yaml: 1 error, 1 warning; nothing is attached\n"), "{text}");
    }
}
