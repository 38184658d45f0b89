//! `kernels.lock`: the exact packages that each kernel of the catalogue was last tried with, so that two machines boot the same
//! bytes, and so that a mirror that moves on changes the lab only when somebody says so.

use serde::{Deserialize, Serialize};

use crate::catalogue::Kernel;
use crate::digest;
use crate::record::Record;
use crate::stanza::Package;

/// Version of the lock file's format.
const FORMAT: u32 = 1;

const HEAD: &str = "\
# The exact packages of every kernel of catalogue.toml. Written by `vmtest kernels update`, read when the crate is built.
";

/// What is pinned, by the ids of kernels.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pins {
    pins: Vec<Pin>,
}

/// One kernel as it is pinned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// Id in the catalogue.
    pub id: String,
    /// Suite that offered it.
    pub suite: String,
    /// Package from which exact dependencies lead to all others, e.g. `linux-image-6.12.117+deb13-cloud-amd64`.
    pub package: String,
    /// Its version.
    pub version: String,
    /// Every package that holds a part of the kernel.
    pub part: Vec<Part>,
}

/// A package that is downloaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Name of the package.
    pub package: String,
    /// SHA-256 of the archive, as in the signed index.
    pub sha256: String,
}

/// Why a lock file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum PinsError {
    /// Not TOML, or not of this shape.
    #[error("failed to parse kernels.lock: {0}; `vmtest kernels update` writes it anew")]
    Parse(#[from] toml::de::Error),
    /// Written for another version of this crate.
    #[error("kernels.lock has format version {found}, this build reads version {FORMAT}")]
    Format {
        /// The version in the file.
        found: u32,
    },
    /// Two pins of one kernel could not both hold.
    #[error("kernels.lock pins kernel {id} twice")]
    Duplicate {
        /// The kernel.
        id: String,
    },
    /// A pin that names no package could be met by anything.
    #[error("kernels.lock names no package of kernel {id} with a digest")]
    Empty {
        /// The kernel.
        id: String,
    },
    /// It can't be put into its format; a mistake of this crate.
    #[error("failed to write kernels.lock: {0}")]
    Encode(#[from] toml::ser::Error),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    #[serde(default)]
    kernel: Vec<Pin>,
}

impl Pins {
    /// The pins that this crate was built with (`kernels/kernels.lock`).
    ///
    /// # Panics
    /// Never in a build whose tests passed: the built-in text is read by a test.
    #[must_use]
    pub fn builtin() -> Self {
        Self::parse(include_str!("../kernels.lock")).expect("the built-in kernels.lock is checked by a test")
    }

    /// Reads and checks a lock file.
    ///
    /// # Errors
    /// The first mistake found.
    pub fn parse(text: &str) -> Result<Self, PinsError> {
        let file: File = toml::from_str(text)?;
        if file.version != FORMAT {
            return Err(PinsError::Format { found: file.version });
        }
        for (at, pin) in file.kernel.iter().enumerate() {
            if file.kernel[..at].iter().any(|other| other.id == pin.id) {
                return Err(PinsError::Duplicate { id: pin.id.clone() });
            }
            if pin.part.is_empty() || pin.part.iter().any(|part| part.sha256.len() != 64) {
                return Err(PinsError::Empty { id: pin.id.clone() });
            }
        }
        Ok(Self { pins: file.kernel })
    }

    /// The text of the lock file.
    ///
    /// # Errors
    /// A mistake of this crate.
    pub fn render(&self) -> Result<String, PinsError> {
        let file = File { version: FORMAT, kernel: self.pins.clone() };
        Ok(format!("{HEAD}{}", toml::to_string(&file)?))
    }

    /// What a kernel is pinned to, if it is.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Pin> {
        self.pins.iter().find(|pin| pin.id == id)
    }

    /// Pins a kernel, or pins it anew. `order` gives the place of an id, so that a lock file is in the order of the catalogue
    /// whatever order its kernels were asked in.
    pub fn set(&mut self, pin: Pin, order: impl Fn(&str) -> usize) {
        self.pins.retain(|other| other.id != pin.id);
        self.pins.push(pin);
        self.pins.sort_by_key(|pin| order(&pin.id));
    }
}

impl Pin {
    /// A pin of these packages, of which the first leads to the others.
    pub(crate) fn of(kernel: &Kernel, suite: &str, start: &Package, parts: &[Package]) -> Self {
        let part = |package: &Package| Part { package: package.name.clone(), sha256: package.sha256.clone() };
        Self {
            id: kernel.id.clone(),
            suite: suite.to_owned(),
            package: start.name.clone(),
            version: start.version.clone(),
            part: parts.iter().map(part).collect(),
        }
    }

    /// How the packages of an index differ from the pinned parts by name and digest, if they do.
    pub(crate) fn differs(&self, packages: &[Package]) -> Option<String> {
        let offered = |part: &&Part| packages.iter().any(|package| package.name == part.package);
        if let Some(gone) = self.part.iter().find(|part| !offered(part)) {
            return Some(format!("its {} is gone", gone.package));
        }
        let pinned = |package: &&Package| {
            self.part.iter().any(|part| part.package == package.name && part.sha256 == package.sha256)
        };
        let stranger = packages.iter().find(|package| !pinned(package))?;
        Some(format!("its {} has the digest {}, which is not pinned", stranger.name, stranger.sha256))
    }

    /// Whether a cached artefact was made of the pinned packages.
    pub(crate) fn is_of(&self, record: &Record) -> bool {
        self.part.iter().any(|part| match &record.recipe {
            None => record.sha256 == part.sha256,
            Some(recipe) => record.sha256 == built_identity(&part.sha256, recipe),
        })
    }
}

/// What names the artefact that a recipe makes of a source package: one package serves several builds.
pub(crate) fn built_identity(source_sha256: &str, recipe: &str) -> String {
    digest::of_text(&format!("{source_sha256} {recipe}"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::catalogue::Catalogue;

    fn pin(id: &str) -> Pin {
        let part = Part { package: format!("linux-image-{id}"), sha256: "a".repeat(64) };
        Pin {
            id: id.into(),
            suite: "s".into(),
            package: format!("linux-image-{id}"),
            version: "1".into(),
            part: vec![part],
        }
    }

    #[test]
    fn every_kernel_of_the_catalogue_is_pinned_to_its_own_series_and_suite() {
        let pins = Pins::builtin();
        for kernel in Catalogue::builtin().kernels() {
            let pin = pins.get(&kernel.id).unwrap_or_else(|| panic!("{} is not pinned", kernel.id));
            assert!(kernel.is_of_series(&pin.version), "{pin:?}");
            assert!(kernel.suites.iter().any(|suite| suite.name == pin.suite), "{pin:?}");
        }
    }

    #[test]
    fn a_lock_file_is_read_back_as_it_was_written_and_is_in_the_order_of_the_catalogue() {
        let order = |id: &str| ["5.10", "6.1", "6.12"].iter().position(|known| *known == id).unwrap();
        let mut pins = Pins::default();
        for id in ["6.12", "5.10", "6.1"] {
            pins.set(pin(id), order);
        }
        pins.set(Pin { version: "2".into(), ..pin("6.1") }, order);
        let text = pins.render().unwrap();
        assert_eq!(Pins::parse(&text).unwrap(), pins);
        let ids: Vec<&str> = pins.pins.iter().map(|pin| pin.id.as_str()).collect();
        assert_eq!(ids, ["5.10", "6.1", "6.12"]);
        assert_eq!(pins.get("6.1").unwrap().version, "2");
    }

    #[rstest]
    #[case::twice(&["6.1", "6.1"], "twice")]
    #[case::without_packages(&["6.1"], "no package")]
    fn a_pin_that_could_be_met_by_anything_is_refused(#[case] ids: &[&str], #[case] says: &str) {
        let mut file = File { version: FORMAT, kernel: ids.iter().map(|id| pin(id)).collect() };
        if ids.len() == 1 {
            file.kernel[0].part.clear();
        }
        let error = Pins::parse(&toml::to_string(&file).unwrap()).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }

    #[rstest]
    #[case::the_same("linux-image-6.1", "a", None)]
    #[case::another_digest("linux-image-6.1", "b", Some("digest"))]
    #[case::gone("linux-image-6.2", "a", Some("linux-image-6.1 is gone"))]
    fn an_index_that_offers_other_bytes_under_the_pinned_name_does_not_meet_the_pin(
        #[case] name: &str,
        #[case] digit: &str,
        #[case] says: Option<&str>,
    ) {
        let package = Package {
            name: name.into(),
            version: "1".into(),
            sha256: digit.repeat(64),
            size_bytes: 1,
            installed_kib: 100,
            exact_depends: Vec::new(),
        };
        match (pin("6.1").differs(&[package]), says) {
            (None, None) => {}
            (Some(found), Some(says)) => assert!(found.contains(says), "{found}"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn another_format_is_refused() {
        assert!(matches!(Pins::parse("version = 2\n"), Err(PinsError::Format { found: 2 })));
    }
}
