//! What becomes of every rule of a policy on a kernel, whether or not the policy as a whole can be enforced there.

use serde::Serialize;

use super::mechanism::{Mechanism, Rule, Status, Target};
use super::plan::Plan;
use crate::policy::Diagnostics;
use crate::policy::ast::Hook;

/// One hook on a kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AssessedHook {
    /// What the policy calls it.
    pub call: String,
    /// How it would be served; `None`: in no way.
    pub mechanism: Option<Mechanism>,
    /// What it would be attached to.
    pub targets: Vec<Target>,
    /// Its rules, in their order; one for a hook without selectors.
    pub rules: Vec<Rule>,
}

/// One policy on a kernel.
#[derive(Clone, Debug)]
pub struct Assessment {
    /// `metadata.name`.
    pub policy: String,
    /// `uname -r` of the kernel.
    pub kernel: String,
    /// Its hooks, and then its enforcers.
    pub hooks: Vec<AssessedHook>,
    /// All of it ready to load, or everything that keeps this kernel from enforcing it as written.
    pub plan: Result<Plan, Diagnostics>,
}

impl AssessedHook {
    /// A hook that nothing was found out about yet: its rules as they would be if all of it were in force.
    pub(super) fn new(hook: &Hook) -> Self {
        let rule = |(selector, label)| Rule { selector, label, status: Status::Full, risks: Vec::new() };
        let labels: Vec<_> = match hook.selectors.as_slice() {
            [] => vec![None],
            selectors => selectors.iter().map(|selector| selector.label.clone()).collect(),
        };
        Self {
            call: hook.point.target(),
            mechanism: None,
            targets: Vec::new(),
            rules: labels.into_iter().enumerate().map(rule).collect(),
        }
    }

    /// Nothing of the hook is enforced, for these reasons.
    pub(super) fn refuse(&mut self, reasons: &[String]) {
        if reasons.is_empty() {
            return;
        }
        for rule in &mut self.rules {
            match &mut rule.status {
                Status::Refused(known) => known
                    .extend(reasons.iter().filter(|new| !known.contains(new)).cloned().collect::<Vec<_>>()),
                status => *status = Status::Refused(reasons.to_vec()),
            }
        }
    }
}
