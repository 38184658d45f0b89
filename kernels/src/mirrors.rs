//! Learns from the machine's own apt configuration where Debian's two archives are, so that no host
//! name is written in this repository and a company mirror or proxy is used without being told.

use crate::catalogue::Archive;

/// The fields asked of `apt-get indextargets`, in the order that [`Mirrors::parse`] expects.
pub(crate) const FORMAT: &str = "$(REPO_URI)|$(ORIGIN)|$(LABEL)|$(CODENAME)";

/// URIs of the mirrors that the machine uses, in the order of its sources.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Mirrors {
    main: Vec<String>,
    security: Vec<String>,
}

/// The machine's apt knows no mirror for an archive that a kernel comes from.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "apt on this machine has no source for Debian's {} archive, and no address is guessed: add one to \
     /etc/apt/sources.list.d (a suite such as {}, component main), run `apt-get update`, and look with \
     `apt-get indextargets` for Origin: Debian, Label: {}",
    .archive.noun(), example(*.archive), label(*.archive)
)]
pub struct NoMirror {
    /// The archive that is missing.
    pub archive: Archive,
}

fn label(archive: Archive) -> &'static str {
    match archive {
        Archive::Main => "Debian",
        Archive::Security => "Debian-Security",
    }
}

fn example(archive: Archive) -> &'static str {
    match archive {
        Archive::Main => "bookworm",
        Archive::Security => "bookworm-security",
    }
}

impl Mirrors {
    /// Reads the answer of `apt-get indextargets --format` ([`FORMAT`]). Repositories of others are
    /// skipped by the origin and label of their signed release files; a repository that lies about
    /// them gains nothing, since what it serves must still be signed by Debian's keys.
    pub(crate) fn parse(answer: &str) -> Self {
        let mut mirrors = Self::default();
        for line in answer.lines() {
            let fields: Vec<&str> = line.trim().split('|').collect();
            let [uri, origin, label, _codename] = fields[..] else { continue };
            if origin != "Debian" || !is_usable(uri) {
                continue;
            }
            let list = match label {
                "Debian" | "Debian Backports" => &mut mirrors.main,
                "Debian-Security" => &mut mirrors.security,
                _ => continue,
            };
            if !list.iter().any(|known| known == uri) {
                list.push(uri.to_owned());
            }
        }
        mirrors
    }

    /// This list, followed by what only `other` knows.
    pub(crate) fn or(mut self, other: Self) -> Self {
        for (mine, theirs) in [(&mut self.main, other.main), (&mut self.security, other.security)] {
            for uri in theirs {
                if !mine.contains(&uri) {
                    mine.push(uri);
                }
            }
        }
        self
    }

    /// The mirrors of an archive; never an empty list.
    pub(crate) fn of(&self, archive: Archive) -> Result<&[String], NoMirror> {
        let list = match archive {
            Archive::Main => &self.main,
            Archive::Security => &self.security,
        };
        if list.is_empty() { Err(NoMirror { archive }) } else { Ok(list) }
    }
}

/// A removable disc offers one release only, and white space would end the line of a sources file.
fn is_usable(uri: &str) -> bool {
    uri.contains(':')
        && !uri.starts_with("cdrom:")
        && !uri.starts_with("$(")
        && !uri.contains(|c: char| c.is_whitespace() || c.is_control())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    const ANSWER: &str = "http://mirror.test/debian/|Debian|Debian|bookworm\n\
        http://mirror.test/debian/|Debian|Debian|bookworm-updates\n\
        http://mirror.test/debian-security/|Debian|Debian-Security|bookworm-security\n\
        https://packages.test/node/|. nodistro|. nodistro|nodistro\n";

    #[test]
    fn each_archive_gets_its_mirror_once_and_strangers_are_ignored() {
        let mirrors = Mirrors::parse(ANSWER);
        assert_eq!(mirrors.of(Archive::Main).unwrap(), ["http://mirror.test/debian/"]);
        assert_eq!(mirrors.of(Archive::Security).unwrap(), ["http://mirror.test/debian-security/"]);
    }

    #[rstest]
    #[case::lists_not_fetched_yet("http://mirror.test/debian/|$(ORIGIN)|$(LABEL)|$(CODENAME)")]
    #[case::removable_disc("cdrom:[Debian GNU/Linux 12]/|Debian|Debian|bookworm")]
    #[case::debug_symbols("http://mirror.test/debian-debug/|Debian|Debian debug|bookworm-debug")]
    #[case::another_distribution("http://mirror.test/ubuntu/|Ubuntu|Ubuntu|noble")]
    #[case::too_few_fields("http://mirror.test/debian/|Debian")]
    #[case::empty("")]
    fn line_that_names_no_mirror_is_skipped(#[case] line: &str) {
        assert_eq!(Mirrors::parse(line), Mirrors::default());
    }

    #[test]
    fn missing_security_mirror_is_an_error_with_advice_and_is_not_derived_from_main() {
        let mirrors = Mirrors::parse("http://mirror.test/debian/|Debian|Debian|bookworm");
        assert!(mirrors.of(Archive::Main).is_ok());
        let message = mirrors.of(Archive::Security).unwrap_err().to_string();
        for part in ["security archive", "bookworm-security", "apt-get update", "Label: Debian-Security"] {
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn second_look_adds_only_what_the_first_did_not_know() {
        let first = Mirrors::parse("http://a.test/debian/|Debian|Debian|bookworm");
        let both = first.or(Mirrors::parse(ANSWER));
        assert_eq!(both.of(Archive::Main).unwrap(), ["http://a.test/debian/", "http://mirror.test/debian/"]);
        assert!(both.of(Archive::Security).is_ok());
    }

    proptest! {
        #[test]
        fn no_answer_puts_white_space_into_a_uri(answer in "(\\PC{0,30}\\|Debian\\|Debian(-Security)?\\|x\n){0,4}") {
            let mirrors = Mirrors::parse(&answer);
            for uri in mirrors.main.iter().chain(&mirrors.security) {
                prop_assert!(!uri.contains(char::is_whitespace));
            }
        }
    }
}
