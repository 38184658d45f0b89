//! The functions whose return value a trampoline program may replace, as far as the kernel was asked.
//!
//! Which ones they are differs between kernels (`security_*` everywhere; entries of system calls on some) and no list in
//! the kernel says so: each answer is that of a test load.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::facts::Answer;

/// Answers by function.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Modifiable {
    /// Beginnings of names of which every function was asked about.
    #[serde(default)]
    pub families: Vec<String>,
    /// Functions that may be modified.
    #[serde(default)]
    pub yes: BTreeSet<String>,
    /// Functions of no listed family that may not.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub no: BTreeSet<String>,
}

impl Modifiable {
    /// The answer for one function.
    #[must_use]
    pub fn answer(&self, function: &str) -> Answer {
        if self.yes.contains(function) {
            Answer::Present
        } else if self.no.contains(function)
            || self.families.iter().any(|of| function.starts_with(of.as_str()))
        {
            Answer::Absent
        } else {
            Answer::Unknown(format!("nobody asked whether `{function}` may be modified"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_asked_is_answered() {
        let of = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let known = Modifiable {
            families: vec!["security_".into()],
            yes: of(&["security_file_open", "__x64_sys_write"]),
            no: of(&["vfs_open"]),
        };
        for function in ["security_file_open", "__x64_sys_write"] {
            assert_eq!(known.answer(function), Answer::Present, "{function}");
        }
        for function in ["security_bprm_committed_creds", "vfs_open"] {
            assert_eq!(known.answer(function), Answer::Absent, "{function}");
        }
        assert!(matches!(known.answer("__x64_sys_read"), Answer::Unknown(_)));
    }
}
