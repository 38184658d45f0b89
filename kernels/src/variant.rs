//! A kernel of the catalogue, booted otherwise or used as if it could less: another column of the table without another image.

use serde::Deserialize;

use crate::catalogue::{Kernel, is_plain_name};

/// One column beside that of a kernel.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// Name in reports and on command lines, e.g. `6.12-nolsm`.
    pub id: String,
    /// Id of the kernel that is booted.
    pub of: String,
    /// Words added to the kernel's command line.
    #[serde(default)]
    pub parameters: Vec<String>,
    /// What the enforcer is told to do without, as on a kernel that lacks it (`--without`).
    #[serde(default)]
    pub without: Vec<String>,
    /// Globs over the scenarios that are run; those where the difference can show.
    pub scenarios: Vec<String>,
    /// In which run it is.
    #[serde(default)]
    pub tier: Tier,
    /// What it shows that the kernel itself does not.
    pub reason: String,
}

/// How often something is run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tier {
    /// Before every change is taken over.
    #[default]
    Gate,
    /// Now and then.
    Full,
}

/// A variant that can't be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum VariantError {
    /// No such kernel.
    #[error("variant {id} is of kernel {of:?}, which the catalogue does not list")]
    OfNothing {
        /// The variant.
        id: String,
        /// What it says that it is of.
        of: String,
    },
    /// The same kernel again would cost time and show nothing.
    #[error("variant {id} has neither `parameters` nor `without`: it would be the kernel itself")]
    NoDifference {
        /// The variant.
        id: String,
    },
    /// A field that must say something is empty.
    #[error("variant {id:?} has an empty `{field}` in the kernel catalogue")]
    Missing {
        /// The variant.
        id: String,
        /// The empty field.
        field: &'static str,
    },
    /// The id becomes a directory and a part of cell names.
    #[error("variant id {id:?} may hold only lower-case letters, digits, '.', '-' and '_'")]
    Id {
        /// The variant.
        id: String,
    },
}

impl Variant {
    pub(crate) fn check(&self, kernels: &[Kernel]) -> Result<(), VariantError> {
        let id = || self.id.clone();
        if !is_plain_name(&self.id) {
            return Err(VariantError::Id { id: id() });
        }
        if !kernels.iter().any(|kernel| kernel.id == self.of) {
            return Err(VariantError::OfNothing { id: id(), of: self.of.clone() });
        }
        if self.parameters.is_empty() && self.without.is_empty() {
            return Err(VariantError::NoDifference { id: id() });
        }
        if self.scenarios.is_empty() {
            return Err(VariantError::Missing { id: id(), field: "scenarios" });
        }
        if self.reason.trim().is_empty() {
            return Err(VariantError::Missing { id: id(), field: "reason" });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::catalogue::{Catalogue, CatalogueError};

    const KERNEL: &str = "version = 1\n[[kernel]]\nid = \"6.1\"\nseries = \"6.1\"\npackage = \"p\"\nreason = \"r\"\n\
                          suites = [{ name = \"s\", archive = \"main\" }]\n";

    fn parse(variant: &str) -> Result<Catalogue, CatalogueError> {
        Catalogue::parse(&format!("{KERNEL}[[variant]]\n{variant}"))
    }

    #[test]
    fn a_variant_is_read_and_belongs_to_the_gate_unless_it_says_otherwise() {
        let text =
            "id = \"6.1-x\"\nof = \"6.1\"\nparameters = [\"lsm=bpf\"]\nscenarios = [\"*\"]\nreason = \"r\"\n";
        let catalogue = parse(text).unwrap();
        let [variant] = catalogue.variants() else { panic!("{catalogue:?}") };
        assert_eq!((variant.of.as_str(), variant.tier), ("6.1", Tier::Gate));
    }

    #[rstest]
    #[case::of_nothing(
        "id = \"a\"\nof = \"6.2\"\nparameters = [\"x\"]\nscenarios = [\"*\"]\nreason = \"r\"",
        "6.2"
    )]
    #[case::no_difference("id = \"a\"\nof = \"6.1\"\nscenarios = [\"*\"]\nreason = \"r\"", "neither")]
    #[case::no_scenarios(
        "id = \"a\"\nof = \"6.1\"\nwithout = [\"x\"]\nscenarios = []\nreason = \"r\"",
        "`scenarios`"
    )]
    #[case::no_reason(
        "id = \"a\"\nof = \"6.1\"\nwithout = [\"x\"]\nscenarios = [\"*\"]\nreason = \"\"",
        "`reason`"
    )]
    #[case::id("id = \"a/b\"\nof = \"6.1\"\nwithout = [\"x\"]\nscenarios = [\"*\"]\nreason = \"r\"", "a/b")]
    #[case::twice(
        "id = \"6.1\"\nof = \"6.1\"\nwithout = [\"x\"]\nscenarios = [\"*\"]\nreason = \"r\"",
        "twice"
    )]
    fn a_variant_that_shows_nothing_is_refused(#[case] variant: &str, #[case] says: &str) {
        let error = parse(variant).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}
