//! Facts of kernels that are not running here: from a file, or of the catalogue's kernels, recorded by the lab.

use std::path::{Path, PathBuf};

use super::facts::{FACTS_VERSION, KernelFacts};

/// Facts of the catalogue's kernels, as the lab recorded them in booted guests: every `kernels/facts/ID.toml`, packed.
const RECORDED: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/recorded_facts.rs"));

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
        Some((_, packed)) => parse(&unpacked(packed, id)?, id),
        None => Err(FactsError::UnknownKernel {
            id: id.to_owned(),
            known: RECORDED.iter().map(|(id, _)| *id).collect::<Vec<_>>().join(", "),
        }),
    }
}

fn unpacked(packed: &[u8], id: &str) -> Result<String, FactsError> {
    let error = |reason: String| FactsError::Parse { origin: id.to_owned(), reason };
    let bytes = miniz_oxide::inflate::decompress_to_vec_zlib(packed)
        .map_err(|reason| error(format!("what this program carries is damaged: {reason}")))?;
    String::from_utf8(bytes).map_err(|reason| error(reason.to_string()))
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
    use rstest::rstest;

    use super::*;
    use crate::kernel::facts::{Answer, Feature, PrototypeAnswer};
    use crate::kernel::functions::FunctionAnswer;

    #[rstest]
    #[case("5.10", &[Feature::ActiveBpfLsm, Feature::KprobeMulti, Feature::AttachCookies, Feature::MemcgAccounting])]
    #[case("6.1", &[Feature::KprobeMulti])]
    #[case("6.12", &[])]
    #[case("6.12-generic", &[])]
    #[case("6.12-rt", &[Feature::Unpreempted])]
    #[case("6.16", &[Feature::Unpreempted])]
    #[case("6.17", &[Feature::Unpreempted])]
    #[case("6.18", &[Feature::Unpreempted])]
    #[case("6.19", &[Feature::Unpreempted])]
    #[case("7.0", &[Feature::Unpreempted])]
    #[case("7.1", &[Feature::Unpreempted])]
    #[case("7.2", &[Feature::Unpreempted])]
    #[case("7.3", &[Feature::Unpreempted])]
    #[case("6.12-override", &[])]
    fn every_recorded_kernel_lacks_what_the_lab_found_it_to_lack(
        #[case] id: &str,
        #[case] lacking: &[Feature],
    ) {
        let facts = of_kernel(id).unwrap();
        let (series, built) = id.split_once('-').unwrap_or((id, ""));
        assert!(facts.release.starts_with(series), "{id}: {}", facts.release);
        for feature in Feature::ALL {
            // No kernel of the distribution is built with it.
            let injects = built == "override";
            let lacks = *feature == Feature::KprobeOverride && !injects || lacking.contains(feature);
            let expected = if lacks { Answer::Absent } else { Answer::Present };
            assert_eq!(facts.feature(*feature), expected, "{id} {feature:?}");
        }
        for function in
            ["__x64_sys_write", "security_file_permission", "bpf_lsm_file_permission", "tcp_connect"]
        {
            assert_eq!(facts.functions.answer(function), FunctionAnswer::Present, "{id} {function}");
        }
    }

    #[test]
    fn a_kernel_that_was_built_with_little_lacks_what_needs_it() {
        let facts = of_kernel("5.10-bare").unwrap();
        for feature in [Feature::Btf, Feature::Trampolines, Feature::ModifyReturn, Feature::BpfLsm] {
            assert_eq!(facts.feature(feature), Answer::Absent, "{feature:?}");
        }
        // There is no file that would say so.
        assert!(matches!(facts.feature(Feature::ActiveBpfLsm), Answer::Unknown(_)));
        assert_eq!(facts.functions.answer("security_file_permission"), FunctionAnswer::Absent);
        assert_eq!(facts.functions.answer("__x64_sys_write"), FunctionAnswer::Present);
    }

    #[rstest]
    #[case("5.10", Answer::Absent)]
    #[case("6.1", Answer::Absent)]
    #[case("6.12", Answer::Absent)]
    #[case("7.0", Answer::Absent)]
    #[case("7.1", Answer::Present)]
    #[case("7.3", Answer::Present)]
    fn security_functions_may_be_modified_everywhere_and_entries_of_system_calls_where_the_kernel_says_so(
        #[case] id: &str,
        #[case] entries: Answer,
    ) {
        let facts = of_kernel(id).unwrap();
        assert_eq!(facts.modifiable("security_file_permission"), Answer::Present);
        assert_eq!(facts.modifiable("vfs_open"), Answer::Absent);
        assert_eq!(facts.modifiable("__x64_sys_write"), entries);
        assert!(matches!(facts.modifiable("some_function"), Answer::Unknown(_)));
    }

    #[test]
    fn prototypes_of_security_functions_are_recorded_and_those_of_entries_are_not() {
        let mut described = 0;
        for (id, _) in RECORDED {
            let facts = of_kernel(id).unwrap();
            // Built without type information, a kernel describes nothing.
            if facts.feature(Feature::Btf) == Answer::Absent {
                continue;
            }
            described += 1;
            for function in ["security_file_permission", "bpf_lsm_file_permission"] {
                let PrototypeAnswer::Known(prototype) = facts.prototype(function) else {
                    panic!("{id} {function}")
                };
                assert_eq!(prototype.to_string(), "32(*file, 32)", "{id} {function}");
            }
            assert_eq!(facts.prototype("some_function"), PrototypeAnswer::NotAsked, "{id}");
            assert_eq!(facts.prototype("security_nothing"), PrototypeAnswer::NotDescribed, "{id}");
        }
        assert!(described >= 12, "{described}");
    }

    #[test]
    fn all_facts_together_take_no_more_of_the_agent_than_four_kernels_took_unpacked() {
        let bytes: usize = RECORDED.iter().map(|(_, packed)| packed.len()).sum();
        assert!(RECORDED.len() > 4 && bytes < 400 << 10, "{} kernels take {bytes} bytes", RECORDED.len());
    }

    #[test]
    fn an_unknown_kernel_is_an_error_that_lists_the_known_ones() {
        let error = of_kernel("4.19").unwrap_err().to_string();
        assert!(error.contains("4.19") && error.contains("6.12"), "{error}");
    }
}
