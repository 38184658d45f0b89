//! A verdict and its reasons, for people and for programs: what `quell eval` prints.

use std::fmt;

use serde::Serialize;

use super::context::Context;
use super::eval::{self, Trace, Verdict};
use crate::policy::ast::{Action, Hook};

/// What a hook does with a context, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The hook's name.
    pub hook: String,
    /// What happens when its function is called.
    pub entered: Outcome,
    /// What happens when the function returns, if the context says what it returned and the selector looks at it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub returned: Option<Outcome>,
    /// Whether the policy's own mode keeps the actions from doing anything to processes.
    pub monitored_only: bool,
    /// Every selector up to the one that matches.
    pub selectors: Vec<SelectorReasons>,
}

/// A verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum Outcome {
    /// A selector matches.
    Matched {
        /// Which one, from 0; absent for a hook without selectors.
        #[serde(skip_serializing_if = "Option::is_none")]
        selector: Option<usize>,
        /// Its actions, in their order.
        actions: Vec<String>,
        /// Whether it matches only because it enforces and nothing was decided.
        failed_closed: bool,
        /// Whether an action does more than report.
        enforces: bool,
    },
    /// None matches, and one might have.
    Unreadable,
    /// None matches.
    NotMatched,
}

/// What one selector says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SelectorReasons {
    /// All entries together.
    pub answer: String,
    /// Each entry.
    pub entries: Vec<Reason>,
}

/// What one entry says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// Its key in the policy.
    pub key: &'static str,
    /// Its position there, from 0; matchData entries count behind those of matchArgs.
    pub entry: usize,
    /// What it says.
    pub answer: String,
}

impl Explanation {
    /// Evaluates the hook.
    #[must_use]
    pub fn new(hook: &Hook, context: &Context, monitored_only: bool) -> Self {
        let Trace { verdict, selectors } = eval::trace(hook, context);
        let returned = match verdict {
            Verdict::Matched { selector: Some(selector), .. } if context.returned.is_some() => hook
                .selectors
                .get(selector)
                .filter(|own| !own.return_args.is_empty() || !own.return_actions.is_empty())
                .and_then(|_| eval::evaluate_return(hook, selector, context)),
            _ => None,
        };
        let reason = |(part, entry, answer): &(eval::Part, usize, super::Answer)| Reason {
            key: part.key(),
            entry: *entry,
            answer: answer.to_string(),
        };
        let selectors = selectors.iter().map(|judged| SelectorReasons {
            answer: judged.answer.to_string(),
            entries: judged.entries.iter().map(reason).collect(),
        });
        Self {
            hook: hook.name.value.clone(),
            entered: Outcome::new(verdict),
            returned: returned.map(Outcome::new),
            monitored_only,
            selectors: selectors.collect(),
        }
    }
}

impl Outcome {
    const fn enforces(&self) -> bool {
        matches!(self, Self::Matched { enforces: true, .. })
    }

    fn new(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Matched { selector, actions, failed_closed } => Self::Matched {
                selector,
                enforces: actions.iter().any(Action::enforces),
                actions: actions.iter().map(Action::name).map(str::to_owned).collect(),
                failed_closed,
            },
            Verdict::Unreadable => Self::Unreadable,
            Verdict::NotMatched => Self::NotMatched,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Matched { selector, actions, failed_closed, .. } => {
                match selector {
                    Some(selector) => write!(f, "selector {selector} matches")?,
                    None => f.write_str("every call matches")?,
                }
                if *failed_closed {
                    f.write_str(" (failed closed: not decided, and the selector enforces)")?;
                }
                if actions.is_empty() {
                    f.write_str(", without actions")
                } else {
                    write!(f, ", then {}", actions.join(", "))
                }
            }
            Self::Unreadable => f.write_str("unreadable: no selector matches, and one might have"),
            Self::NotMatched => f.write_str("no selector matches"),
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let only = |outcome: &Outcome| match self.monitored_only && outcome.enforces() {
            true => " (monitored only, by the policy-mode)",
            false => "",
        };
        writeln!(f, "{}: {}{}", self.hook, self.entered, only(&self.entered))?;
        if let Some(returned) = &self.returned {
            writeln!(f, "{} returns: {returned}{}", self.hook, only(returned))?;
        }
        for (number, selector) in self.selectors.iter().enumerate() {
            writeln!(f, "  selector {number}: {}", selector.answer)?;
            for Reason { key, entry, answer } in &selector.entries {
                writeln!(f, "    {key} {entry}: {answer}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::eval::tests::{cut, hook, of, whole};

    #[test]
    fn an_explanation_names_every_entry_up_to_the_match() {
        let hook = hook(
            "file",
            "{matchPIDs: [{operator: In, values: [500]}], matchArgs: [{index: 0, operator: Equal, values: [/a]}]}, \
             {matchArgs: [{index: 0, operator: Prefix, values: [/a]}], matchActions: [{action: Sigkill}]}, \
             {matchArgs: [{index: 0, operator: Prefix, values: [/b]}]}",
        );
        let shown = Explanation::new(&hook, &of(cut("b/c")), false);
        let expected =
            "f: selector 1 matches (failed closed: not decided, and the selector enforces), then Sigkill
  selector 0: no
    matchPIDs 0: yes
    matchArgs 0: no
  selector 1: undecided
    matchArgs 0: undecided
";
        assert_eq!(shown.to_string(), expected);
        let json = serde_json::to_value(&shown).unwrap();
        assert_eq!(json["entered"]["result"], "matched");
        assert_eq!(json["selectors"][1]["entries"][0]["answer"], "undecided");
        assert_eq!(json["monitored_only"], false);
        let watched = Explanation::new(&hook, &of(cut("b/c")), true);
        let first = watched.to_string().lines().next().map(str::to_owned).unwrap();
        assert!(first.ends_with(", then Sigkill (monitored only, by the policy-mode)"), "{first}");
        for other in ["/c", "/b"] {
            let other = Explanation::new(&hook, &of(whole(other)), true).to_string();
            assert!(!other.contains("monitored"), "{other}");
        }
    }
}
