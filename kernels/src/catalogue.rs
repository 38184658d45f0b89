//! The matrix of kernels as data, read once and checked, so that a mistake in the table is a typed
//! error at start and not a strange download later.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::build::{Build, BuildError};
use crate::variant::{Tier, Variant, VariantError};

/// Version of the catalogue format that this crate reads.
const FORMAT: u32 = 1;

/// Suites whose packages change under the lab's feet; a verdict on them could not be repeated.
const MOVING_SUITES: [&str; 6] = ["forky", "sid", "unstable", "testing", "experimental", "rc-buggy"];

/// Every kernel the lab knows, in the order in which reports list them (oldest first).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalogue {
    kernels: Vec<Kernel>,
    variants: Vec<Variant>,
}

/// One kernel of the matrix: what to boot, where to look for it, and why it is worth the time.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kernel {
    /// Name in reports and on command lines, e.g. `6.12`.
    pub id: String,
    /// Upstream series that the package version must belong to, e.g. `6.12` for `6.12.117-1`.
    pub series: String,
    /// Meta package whose exact dependencies lead to the image.
    pub package: String,
    /// Why this kernel is in the matrix.
    pub reason: String,
    /// Suites that offer it, in order of preference.
    pub suites: Vec<Suite>,
    /// Globs over the scenarios that are run on it; none means all.
    #[serde(default)]
    pub scenarios: Vec<String>,
    /// In which run it is.
    #[serde(default)]
    pub tier: Tier,
    /// How it is built, when `package` holds sources and not an image.
    #[serde(default)]
    pub build: Option<Build>,
}

/// One suite of a Debian archive.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suite {
    /// Code name, e.g. `trixie-security`.
    pub name: String,
    /// Which of the machine's mirrors serves it.
    pub archive: Archive,
    /// True when the suite's signed index is no longer renewed. Only then may it be past its
    /// expiry date; its signature is checked all the same.
    #[serde(default)]
    pub frozen: bool,
}

/// The two archives that Debian kernels come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Archive {
    /// The main archive: releases, their updates and backports.
    Main,
    /// The security archive.
    Security,
}

impl Archive {
    /// The word for messages.
    #[must_use]
    pub fn noun(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::Security => "security",
        }
    }
}

/// Why a catalogue can't be used.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// Not TOML, or not of this shape.
    #[error("failed to parse the kernel catalogue: {0}")]
    Parse(#[from] toml::de::Error),
    /// Written for another version of this crate.
    #[error("the kernel catalogue has format version {found}, this build reads version {FORMAT}")]
    Format {
        /// The version in the file.
        found: u32,
    },
    /// A catalogue without kernels would make every run green.
    #[error("the kernel catalogue lists no kernel")]
    Empty,
    /// Two kernels with one id could not be told apart in a report.
    #[error("kernel {id} is listed twice in the kernel catalogue; give each its own id")]
    Duplicate {
        /// The id.
        id: String,
    },
    /// A field that must say something is empty.
    #[error("kernel {id:?} has an empty `{field}` in the kernel catalogue")]
    Missing {
        /// The id of the kernel.
        id: String,
        /// The empty field.
        field: &'static str,
    },
    /// The id becomes a file name in the cache and a part of cell names.
    #[error(
        "kernel id {id:?} may hold only lower-case letters, digits, '.', '-' and '_', and starts with none of '.-'"
    )]
    Id {
        /// The id.
        id: String,
    },
    /// A suite name or package name with other characters would be written into apt's configuration.
    #[error("kernel {id}: {name:?} isn't the name of a suite or package")]
    Name {
        /// The id of the kernel.
        id: String,
        /// The offending name.
        name: String,
    },
    /// It can't be built as written.
    #[error("kernel {id}: {source}")]
    Build {
        /// The id of the kernel.
        id: String,
        /// What is wrong.
        source: Box<BuildError>,
    },
    /// A variant that is one of nothing, or differs from it in nothing.
    #[error(transparent)]
    Variant(#[from] VariantError),
    /// A suite whose content changes from day to day.
    #[error(
        "kernel {id}: suite {suite} is moving and can't be used; choose a stable release, its security suite or its backports"
    )]
    MovingSuite {
        /// The id of the kernel.
        id: String,
        /// The suite.
        suite: String,
    },
}

/// A kernel was asked for that the catalogue doesn't know.
#[derive(Debug, thiserror::Error)]
#[error("no kernel {wanted:?} in the catalogue; known: {known}")]
pub struct SelectError {
    /// The id asked for.
    pub wanted: String,
    /// The ids there are, separated by commas.
    pub known: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    #[serde(default)]
    kernel: Vec<Kernel>,
    #[serde(default)]
    variant: Vec<Variant>,
}

impl Catalogue {
    /// The catalogue that this crate was built with (`kernels/catalogue.toml`).
    ///
    /// # Panics
    /// Never in a build whose tests passed: the built-in text is read by a test.
    #[must_use]
    pub fn builtin() -> Self {
        Self::parse(include_str!("../catalogue.toml"))
            .expect("the built-in kernel catalogue is checked by a test")
    }

    /// Reads and checks a catalogue.
    ///
    /// # Errors
    /// The first mistake found, naming the kernel it belongs to.
    pub fn parse(text: &str) -> Result<Self, CatalogueError> {
        let file: File = toml::from_str(text)?;
        if file.version != FORMAT {
            return Err(CatalogueError::Format { found: file.version });
        }
        if file.kernel.is_empty() {
            return Err(CatalogueError::Empty);
        }
        let mut seen = BTreeSet::new();
        for kernel in &file.kernel {
            kernel.check()?;
            if !seen.insert(kernel.id.as_str()) {
                return Err(CatalogueError::Duplicate { id: kernel.id.clone() });
            }
        }
        for variant in &file.variant {
            variant.check(&file.kernel)?;
            if !seen.insert(variant.id.as_str()) {
                return Err(CatalogueError::Duplicate { id: variant.id.clone() });
            }
        }
        drop(seen);
        Ok(Self { kernels: file.kernel, variants: file.variant })
    }

    /// Every kernel, in catalogue order.
    #[must_use]
    pub fn kernels(&self) -> &[Kernel] {
        &self.kernels
    }

    /// Every variant, in catalogue order.
    #[must_use]
    pub fn variants(&self) -> &[Variant] {
        &self.variants
    }

    /// The kernel with this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Kernel> {
        self.kernels.iter().find(|kernel| kernel.id == id)
    }

    /// The kernels with these exact ids, in catalogue order and each once; all of them for an empty
    /// list. Globs are the caller's business.
    ///
    /// # Errors
    /// [`SelectError`] for the first id that the catalogue doesn't know.
    pub fn select<S: AsRef<str>>(&self, ids: &[S]) -> Result<Vec<&Kernel>, SelectError> {
        for id in ids {
            if self.get(id.as_ref()).is_none() {
                let known: Vec<&str> = self.kernels.iter().map(|kernel| kernel.id.as_str()).collect();
                return Err(SelectError { wanted: id.as_ref().to_owned(), known: known.join(", ") });
            }
        }
        Ok(self
            .kernels
            .iter()
            .filter(|kernel| ids.is_empty() || ids.iter().any(|id| id.as_ref() == kernel.id))
            .collect())
    }
}

impl Kernel {
    /// What tells builds of it apart; `None` for a kernel that comes built. Checked when the catalogue is read.
    pub(crate) fn recipe(&self) -> Option<String> {
        self.build.as_ref().and_then(|build| build.recipe().ok())
    }

    /// Whether a package version is of this kernel's series (`6.1.192-1` is of `6.1`, not of `6.19`).
    #[must_use]
    pub fn is_of_series(&self, package_version: &str) -> bool {
        package_version
            .strip_prefix(&self.series)
            .is_some_and(|rest| rest.starts_with(['.', '-', '~', '+']) || rest.is_empty())
    }

    fn check(&self) -> Result<(), CatalogueError> {
        for (field, text) in
            [("id", &self.id), ("series", &self.series), ("package", &self.package), ("reason", &self.reason)]
        {
            if text.trim().is_empty() {
                return Err(CatalogueError::Missing { id: self.id.clone(), field });
            }
        }
        if self.suites.is_empty() {
            return Err(CatalogueError::Missing { id: self.id.clone(), field: "suites" });
        }
        if let Some(build) = &self.build {
            build
                .recipe()
                .map_err(|source| CatalogueError::Build { id: self.id.clone(), source: Box::new(source) })?;
        }
        if !is_plain_name(&self.id) {
            return Err(CatalogueError::Id { id: self.id.clone() });
        }
        let names = self.suites.iter().map(|suite| &suite.name).chain([&self.package, &self.series]);
        if let Some(name) = names.into_iter().find(|name| !is_plain_name(name)) {
            return Err(CatalogueError::Name { id: self.id.clone(), name: name.clone() });
        }
        for suite in &self.suites {
            // `forky-backports` moves no less than `forky`.
            let release = suite.name.split('-').next().unwrap_or_default();
            if MOVING_SUITES.contains(&release) || MOVING_SUITES.contains(&suite.name.as_str()) {
                return Err(CatalogueError::MovingSuite { id: self.id.clone(), suite: suite.name.clone() });
            }
        }
        Ok(())
    }
}

/// Lower-case letters, digits, `.`, `-`, `_`, `+`, not starting with a dot or dash: safe as a file
/// name, in a sources file and on a command line.
pub(crate) fn is_plain_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-_+".contains(c))
}

#[cfg(test)]
#[path = "catalogue_tests.rs"]
mod tests;
