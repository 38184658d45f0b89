//! What `quell check` says: every file with its findings, as text or as JSON. Pure; the command line reads the files.

use serde::Serialize;

use crate::hook::assessment::{AssessedHook, Assessment};
use crate::hook::mechanism::{Rule, Status};
use crate::hook::plan;
use crate::kernel::facts::KernelFacts;
use crate::policy::escape::Escaped;
use crate::policy::render::{self, JsonDiagnostic};
use crate::policy::{Diagnostic, Diagnostics, Policy, Source, Style, parse};
use crate::taken::Names;

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
    /// The policies, if the text is valid; later stages may still refuse them.
    pub policies: Vec<Policy>,
    findings: Diagnostics,
    /// Why there is no text to look at.
    unreadable: Option<String>,
    /// Per hook, how a kernel will serve it.
    plan: Vec<String>,
    /// Per policy, what becomes of its rules on a kernel.
    assessed: Vec<Assessment>,
}

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing to say.
    Ok,
    /// Enforced, with warnings.
    Partial,
    /// Not enforced at all.
    Refused,
}

impl Verdict {
    /// One word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Partial => "partial",
            Self::Refused => "refused",
        }
    }
}

impl Checked {
    /// Reads and validates the bytes of a file. Names are shown as given.
    #[must_use]
    pub fn new(name: &str, bytes: &[u8]) -> Self {
        let read = Source::from_bytes(name, bytes).and_then(|source| Ok((parse(&source)?, source)));
        let (policies, findings) = match read {
            Ok((policies, source)) => (policies, Diagnostics::new(source, Vec::new())),
            Err(findings) => (Vec::new(), findings),
        };
        Self { policies, findings, unreadable: None, plan: Vec::new(), assessed: Vec::new() }
    }

    /// A file of a folder that cannot be read; it is refused, and the others are checked.
    #[must_use]
    pub fn unreadable(name: &str, problem: &str) -> Self {
        let findings = Diagnostics::new(Source::new(name, ""), Vec::new());
        Self {
            policies: Vec::new(),
            findings,
            unreadable: Some(problem.to_owned()),
            plan: Vec::new(),
            assessed: Vec::new(),
        }
    }

    /// Adds what a later stage found (encoding, kernel).
    pub fn extend(&mut self, more: impl IntoIterator<Item = Diagnostic>) {
        self.findings.extend(more);
    }

    /// Adds which of its policies have a name that is taken, by another one of those that are checked together.
    pub fn claim(&mut self, names: &mut Names) {
        let source = self.findings.source();
        let taken: Vec<_> = self.policies.iter().filter_map(|policy| names.claim(policy, source)).collect();
        self.extend(taken);
    }

    /// Adds what is found about encoding, and about a kernel when its facts are given.
    pub fn plan(&mut self, facts: Option<&KernelFacts>) {
        let source = self.findings.source().clone();
        let mut first_hook = 0;
        for policy in std::mem::take(&mut self.policies) {
            match facts {
                None => self.extend(plan::findings_for_any_kernel(&policy)),
                Some(facts) => {
                    let assessment = plan::assess(&policy, &source, facts, first_hook);
                    match &assessment.plan {
                        Ok(plan) => {
                            first_hook = first_hook
                                .saturating_add(u32::try_from(plan.hooks.len()).unwrap_or(u32::MAX));
                            for hook in &plan.hooks {
                                self.plan.push(format!("{}: {hook}", facts.release));
                                self.plan.extend(hook.rules.iter().filter_map(risks));
                            }
                            self.extend(plan.remarks.as_slice().to_vec());
                        }
                        Err(found) => self.extend(found.as_slice().to_vec()),
                    }
                    self.assessed.push(assessment);
                }
            }
            self.policies.push(policy);
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
        !self.policies.is_empty() && !self.findings.has_errors()
    }

    /// Its name as a terminal may show it.
    fn shown_name(&self) -> String {
        Escaped::line(self.findings.source().name())
    }

    /// How much it is, as far as it was understood.
    fn size(&self) -> String {
        if let Some(problem) = &self.unreadable {
            return format!("cannot be read: {}", Escaped::line(problem));
        }
        // None of a refused text was counted.
        if self.policies.is_empty() {
            return "not understood".to_owned();
        }
        let policies = match self.policies.len() {
            1 => "1 policy".to_owned(),
            several => format!("{several} policies"),
        };
        let hooks = || self.policies.iter().flat_map(|policy| &policy.hooks);
        let selectors = hooks().map(|hook| hook.selectors.len()).sum();
        format!("{policies}, {}, {}", counted(hooks().count(), "hook"), counted(selectors, "selector"))
    }

    /// What became of it.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match (self.is_accepted(), self.findings.is_empty()) {
            (true, true) => Verdict::Ok,
            (true, false) => Verdict::Partial,
            (false, _) => Verdict::Refused,
        }
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

/// One line per file and one for all: what became of it, how much it is, and the codes of its findings.
#[must_use]
pub fn summary(files: &[Checked]) -> String {
    let mut out = String::new();
    for file in files {
        let mut codes: Vec<_> = file.findings.as_slice().iter().map(|found| found.code.as_str()).collect();
        codes.sort_unstable();
        codes.dedup();
        let codes = if codes.is_empty() { String::new() } else { format!(" [{}]", codes.join(" ")) };
        out.push_str(&format!(
            "{:<8}{}: {}{codes}\n",
            file.verdict().as_str(),
            file.shown_name(),
            file.size(),
        ));
    }
    let count = |verdict| files.iter().filter(|file| file.verdict() == verdict).count();
    let (ok, partial, refused) = (count(Verdict::Ok), count(Verdict::Partial), count(Verdict::Refused));
    out.push_str(&format!(
        "{}: {ok} ok, {partial} partial, {refused} refused\n",
        counted(files.len(), "file")
    ));
    out
}

fn text(file: &Checked, style: Style) -> String {
    let mut out = render::text(&file.findings, style);
    if let Some(problem) = &file.unreadable {
        out.push_str(&format!("{}: cannot be read: {}\n", file.shown_name(), Escaped::line(problem)));
    }
    if file.is_accepted() {
        for policy in &file.policies {
            let hooks = policy.hooks.len();
            let selectors: usize = policy.hooks.iter().map(|hook| hook.selectors.len()).sum();
            let only = if policy.options.monitor == Some(true) { ", monitored only" } else { "" };
            out.push_str(&format!(
                "{}: policy `{}` is valid: {}, {}{only}\n",
                file.shown_name(),
                policy.name.value,
                counted(hooks, "hook"),
                counted(selectors, "selector"),
            ));
        }
        for line in &file.plan {
            out.push_str(&format!("  {line}\n"));
        }
    }
    out
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// What may happen although a rule is enforced as written; `None`: nothing that is known.
fn risks(rule: &Rule) -> Option<String> {
    if rule.risks.is_empty() {
        return None;
    }
    let name = match &rule.label {
        Some(label) => format!("`{label}`"),
        None => (rule.selector + 1).to_string(),
    };
    let status = match &rule.status {
        Status::Full => "full",
        Status::Partial(_) => "partial",
        Status::Refused(_) => "refused",
    };
    Some(format!("  rule {name}: {status}; {}", rule.risks.join("; ")))
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
    policies: Vec<&'a str>,
    accepted: bool,
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    unreadable: Option<&'a str>,
    plan: &'a [String],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    kernels: Vec<JsonAssessment<'a>>,
    diagnostics: Vec<JsonDiagnostic>,
}

/// What becomes of one policy's rules on one kernel.
#[derive(Serialize)]
struct JsonAssessment<'a> {
    policy: &'a str,
    kernel: &'a str,
    accepted: bool,
    hooks: &'a [AssessedHook],
}

fn assessments(file: &Checked) -> Vec<JsonAssessment<'_>> {
    fn one(assessment: &Assessment) -> JsonAssessment<'_> {
        JsonAssessment {
            policy: &assessment.policy,
            kernel: &assessment.kernel,
            accepted: assessment.plan.is_ok(),
            hooks: &assessment.hooks,
        }
    }
    file.assessed.iter().map(one).collect()
}

fn json(files: &[Checked]) -> String {
    let report = JsonReport {
        version: 3,
        accepted: files.iter().all(Checked::is_accepted),
        files: files
            .iter()
            .map(|file| JsonFile {
                file: file.findings.source().name(),
                policies: file.policies.iter().map(|policy| policy.name.value.as_str()).collect(),
                accepted: file.is_accepted(),
                verdict: file.verdict().as_str(),
                unreadable: file.unreadable.as_deref(),
                plan: &file.plan,
                kernels: assessments(file),
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
        assert_eq!(report["files"][0]["policies"], serde_json::json!(["one"]));
        assert_eq!(report["files"][0]["accepted"], true);
        assert_eq!(report["files"][1]["policies"], serde_json::json!([]));
        assert_eq!(report["files"][1]["verdict"], "refused");
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
    fn json_says_per_rule_how_a_kernel_serves_it_or_why_it_does_not() {
        let refusing = "kprobes:\n  - {call: CALL, syscall: false, selectors: [{label: no, matchActions: [{action: Override, argError: -1}]}]}\n";
        let policy = |call: &str| {
            let head = VALID.split_once("kprobes").map_or(VALID, |(head, _)| head);
            format!("{head}{}", refusing.replace("CALL", call))
        };
        let facts = crate::kernel::recorded::of_kernel("5.10").unwrap();
        let report = |call: &str| {
            let mut file = Checked::new("one.yaml", policy(call).as_bytes());
            file.plan(Some(&facts));
            serde_json::from_str::<serde_json::Value>(&render(&[file], Format::Json)).unwrap()
        };
        let served = &report("security_path_unlink")["files"][0]["kernels"][0];
        assert_eq!((&served["accepted"], &served["policy"]), (&true.into(), &"one".into()));
        let hook = &served["hooks"][0];
        assert_eq!(hook["mechanism"], "fmod_ret");
        assert_eq!(hook["targets"], serde_json::json!([{"symbol": "security_path_unlink"}]));
        assert_eq!((&hook["rules"][0]["label"], &hook["rules"][0]["status"]), (&"no".into(), &"full".into()));
        let refused = &report("vfs_open")["files"][0]["kernels"][0];
        assert_eq!(
            (&refused["accepted"], &refused["hooks"][0]["mechanism"]),
            (&false.into(), &serde_json::Value::Null)
        );
        let why = refused["hooks"][0]["rules"][0]["status"]["refused"][0].as_str().unwrap();
        assert!(why.contains("cannot refuse calls at `vfs_open`"), "{why}");
    }

    #[test]
    fn findings_of_later_stages_refuse_a_valid_text() {
        let mut file = Checked::new("one.yaml", VALID.as_bytes());
        let call = file.policies[0].hooks[0].name.span;
        file.extend([Diagnostic::warning(Code::EffectHappens, call, "the effect happens")]);
        assert!(file.is_accepted());
        file.extend([Diagnostic::new(Code::UnknownFunction, Span::new(0, 3), "no such function")]);
        assert!(!file.is_accepted());
        let text = render(&[file], Format::Text(Style::Plain));
        assert!(text.contains("error[K001]") && text.contains("warning[K007]"), "{text}");
        assert!(text.ends_with("one.yaml: 1 error, 1 warning; nothing is attached\n"), "{text}");
    }

    #[test]
    fn control_characters_of_file_names_are_escaped() {
        let files =
            [Checked::new("\u{1b}[2J.yaml", VALID.as_bytes()), Checked::unreadable("\n.yaml", "\u{7}")];
        let all = render(&files, Format::Text(Style::Plain)) + &summary(&files);
        assert!(!all.contains(|found: char| found.is_control() && found != '\n'), "{all:?}");
        let shown =
            ["\\u{1b}[2J.yaml: policy", "\\n.yaml: cannot be read: \\u{7}\nok ", "\nrefused \\n.yaml"];
        assert!(shown.iter().all(|shown| all.contains(shown)), "{all}");
    }

    #[test]
    fn every_file_has_its_line_in_the_summary() {
        let two = format!("{VALID}---\n{}", VALID.replace("name: one", "name: two"));
        let mut partial = Checked::new("partial.yaml", VALID.as_bytes());
        partial.extend([Diagnostic::warning(Code::EffectHappens, Span::new(0, 3), "the effect happens")]);
        let broken = VALID.replace("call", "calls");
        let files = [
            Checked::new("two.yaml", two.as_bytes()),
            partial,
            Checked::new("broken.yaml", broken.as_bytes()),
            Checked::new("binary.yaml", &[0xff, 0xfe, 0]),
        ];
        let expected = "ok      two.yaml: 2 policies, 2 hooks, 0 selectors\n\
            partial partial.yaml: 1 policy, 1 hook, 0 selectors [K007]\n\
            refused broken.yaml: not understood [P005 P008]\n\
            refused binary.yaml: not understood [P001]\n\
            4 files: 1 ok, 1 partial, 2 refused\n";
        assert_eq!(summary(&files), expected);
    }
}
