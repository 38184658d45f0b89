//! Facts of kernels that are not running here: from a file, or of the catalogue's kernels, recorded by the lab.

use std::path::{Path, PathBuf};

use super::facts::{FACTS_VERSION, KernelFacts};

/// Facts of the catalogue's kernels, as the lab recorded them in booted guests.
const RECORDED: &[(&str, &str)] = &[
    ("5.10", include_str!("../../../kernels/facts/5.10.toml")),
    ("6.1", include_str!("../../../kernels/facts/6.1.toml")),
    ("6.12", include_str!("../../../kernels/facts/6.12.toml")),
    ("7.3", include_str!("../../../kernels/facts/7.3.toml")),
];

/// Why facts could not be had.
#[derive(Debug, thiserror::Error)]
pub enum FactsError {
    /// No such kernel in the catalogue.
    #[error("no facts are recorded for kernel {id}; there are facts for {known}")]
    UnknownKernel {
        /// What was asked for.
        id: String,
        /// What there is.
        known: String,
    },
    /// The file cannot be read.
    #[error("failed to read facts from {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not facts.
    #[error("failed to understand facts from {origin}: {reason}")]
    Parse {
        /// File or kernel.
        origin: String,
        /// Why.
        reason: String,
    },
}

/// Facts of a kernel of the catalogue.
///
/// # Errors
/// When there are none.
pub fn of_kernel(id: &str) -> Result<KernelFacts, FactsError> {
    match RECORDED.iter().find(|(known, _)| *known == id) {
        Some((_, text)) => parse(text, id),
        None => Err(FactsError::UnknownKernel {
            id: id.to_owned(),
            known: RECORDED.iter().map(|(id, _)| *id).collect::<Vec<_>>().join(", "),
        }),
    }
}

/// Facts from a file that `quell probe --format toml` wrote.
///
/// # Errors
/// When it cannot be read or is of another version.
pub fn of_file(path: &Path) -> Result<KernelFacts, FactsError> {
    let text =
        std::fs::read_to_string(path).map_err(|source| FactsError::Read { path: path.to_owned(), source })?;
    parse(&text, &path.display().to_string())
}

fn parse(text: &str, origin: &str) -> Result<KernelFacts, FactsError> {
    let error = |reason: String| FactsError::Parse { origin: origin.to_owned(), reason };
    let facts: KernelFacts = toml::from_str(text).map_err(|reason| error(reason.to_string()))?;
    if facts.version == FACTS_VERSION {
        Ok(facts)
    } else {
        Err(error(format!("version {} instead of {FACTS_VERSION}", facts.version)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::facts::{Answer, Feature};
    use crate::kernel::functions::FunctionAnswer;

    #[test]
    fn every_recorded_kernel_has_what_the_lab_proves_on_it() {
        for (id, _) in RECORDED {
            let facts = of_kernel(id).unwrap();
            assert!(facts.release.starts_with(id), "{id}: {}", facts.release);
            for feature in Feature::ALL {
                assert_eq!(facts.feature(*feature), Answer::Present, "{id} {feature:?}");
            }
            for function in ["__x64_sys_write", "security_file_permission"] {
                assert_eq!(facts.functions.answer(function), FunctionAnswer::Present, "{id} {function}");
            }
        }
    }

    #[test]
    fn an_unknown_kernel_is_an_error_that_lists_the_known_ones() {
        let error = of_kernel("4.19").unwrap_err().to_string();
        assert!(error.contains("4.19") && error.contains("6.12"), "{error}");
    }
}
