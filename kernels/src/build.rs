//! Kernels that no distribution builds: from a Debian source package and the fragments in `kernels/config`, by the machine's
//! own compiler. A symbol that does not stick is an error: the lab would else prove something about another kernel.

use std::io;
use std::path::{Path, PathBuf};

use duct::{Expression, cmd};
use serde::Deserialize;

use crate::digest;

/// Configuration fragments by name.
const FRAGMENTS: &[(&str, &str)] = &[
    ("guest", include_str!("../config/guest.config")),
    ("override", include_str!("../config/override.config")),
    ("bare", include_str!("../config/bare.config")),
];

/// Lines of a compiler's or configurator's complaint that an error shows.
const SHOWN_LINES: usize = 15;

/// How a kernel of the catalogue is built.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Build {
    /// Fragments on top of `tinyconfig`, by the names of the files in `kernels/config`; a later one wins.
    pub config: Vec<String>,
    /// Whether the kernel's type information is written to a file beside it, for a kernel that has none in itself.
    #[serde(default)]
    pub detached_btf: bool,
}

/// Why a kernel could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// There is no such fragment.
    #[error("no configuration fragment {name:?}; there are {}", FRAGMENTS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", "))]
    Fragment {
        /// The name.
        name: String,
    },
    /// A program is missing.
    #[error("failed to run {program}: {source}; `ci/install.sh` installs what building a kernel takes")]
    Run {
        /// The program.
        program: &'static str,
        /// What the operating system says.
        source: io::Error,
    },
    /// A program refused.
    #[error("failed to {what}:\n{output}")]
    Refused {
        /// What was being done.
        what: &'static str,
        /// The end of what it printed.
        output: String,
    },
    /// The source package does not hold the sources.
    #[error("the package {} holds no usr/src/*.tar.xz", .deb.display())]
    NoSource {
        /// The package.
        deb: PathBuf,
    },
    /// The kernel's own rules changed what a fragment asks for.
    #[error("these symbols did not stick in the configuration: {}", .symbols.join(", "))]
    DidNotStick {
        /// `wanted (got …)` each.
        symbols: Vec<String>,
    },
    /// A file could not be handled.
    #[error("failed to {action} {}: {source}", .path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
}

/// Where a build is while it lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Sources are unpacked and configured.
    Configure,
    /// The compiler runs.
    Compile,
}

impl Build {
    /// The fragments' text, in their order.
    pub(crate) fn fragments(&self) -> Result<String, BuildError> {
        let text = |name: &String| {
            let found = FRAGMENTS.iter().find(|(known, _)| known == name);
            found.map(|(_, text)| *text).ok_or_else(|| BuildError::Fragment { name: name.clone() })
        };
        self.config.iter().map(text).collect()
    }

    /// What tells two builds from one source package apart: SHA-256 in hex over everything that the build is given beside it.
    pub(crate) fn recipe(&self) -> Result<String, BuildError> {
        Ok(digest::of_text(&format!("{}detached_btf={}\n", self.fragments()?, self.detached_btf)))
    }

    /// Builds into `artefact`: `vmlinux`, `config`, and `btf` when it is asked for. Gives the release.
    pub(crate) fn build(
        &self,
        id: &str,
        deb: &Path,
        work: &Path,
        artefact: &Path,
        stage: &mut dyn FnMut(Stage),
    ) -> Result<String, BuildError> {
        stage(Stage::Configure);
        let fragments = self.fragments()?;
        let tree = unpack(deb, work)?;
        make(&tree, &["tinyconfig"], "begin a configuration")?;
        let config = tree.join(".config");
        let begun = read(&config)?;
        let local = id.split_once('-').map_or(id, |(_, rest)| rest);
        let text = format!("{begun}{fragments}CONFIG_LOCALVERSION=\"-{local}\"\n");
        std::fs::write(&config, text).map_err(io_error("write", &config))?;
        make(&tree, &["olddefconfig"], "complete the configuration")?;
        let symbols = differing(&fragments, &read(&config)?);
        if !symbols.is_empty() {
            return Err(BuildError::DidNotStick { symbols });
        }
        stage(Stage::Compile);
        let jobs = std::thread::available_parallelism().map_or(1, usize::from);
        make(&tree, &[&format!("-j{jobs}"), "vmlinux"], "compile the kernel")?;
        let release = make(&tree, &["kernelrelease"], "ask for the release")?.trim().to_owned();
        let built = tree.join("vmlinux");
        if self.detached_btf {
            let to = artefact.join("btf");
            let encode = cmd!("pahole", "--btf_encode_detached", &to, &built);
            output("pahole", &encode, "describe the kernel's types")?;
        }
        let strip = cmd!("objcopy", "--strip-debug", &built, artefact.join("vmlinux"));
        output("objcopy", &strip, "strip the kernel")?;
        let to = artefact.join("config");
        std::fs::copy(&config, &to).map_err(io_error("write", &to))?;
        Ok(release)
    }
}

/// The source tree out of the package, below `work`.
fn unpack(deb: &Path, work: &Path) -> Result<PathBuf, BuildError> {
    let package = work.join("package");
    let tree = work.join("tree");
    for dir in [&package, &tree] {
        std::fs::create_dir_all(dir).map_err(io_error("create", dir))?;
    }
    output("dpkg-deb", &cmd!("dpkg-deb", "-x", deb, &package), "unpack the source package")?;
    let sources = package.join("usr/src");
    let entries = std::fs::read_dir(&sources).map_err(io_error("list", &sources))?;
    let tar = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .find(|path| path.to_string_lossy().ends_with(".tar.xz"))
        .ok_or_else(|| BuildError::NoSource { deb: deb.to_owned() })?;
    let expression = cmd!("tar", "-C", &tree, "--strip-components=1", "-xf", &tar);
    output("tar", &expression, "unpack the sources")?;
    Ok(tree)
}

fn make(tree: &Path, targets: &[&str], what: &'static str) -> Result<String, BuildError> {
    let mut words = vec!["-s".to_owned(), "-C".to_owned(), tree.display().to_string()];
    words.extend(targets.iter().map(|target| (*target).to_owned()));
    // Two builds of one source and one recipe shall be the same bytes.
    let expression = cmd("make", words)
        .env("KBUILD_BUILD_TIMESTAMP", "1970-01-01")
        .env("KBUILD_BUILD_USER", "lab")
        .env("KBUILD_BUILD_HOST", "lab")
        .env_remove("MAKEFLAGS");
    output("make", &expression, what)
}

fn output(program: &'static str, expression: &Expression, what: &'static str) -> Result<String, BuildError> {
    let run = expression.stdout_capture().stderr_capture().unchecked().run();
    let run = run.map_err(|source| BuildError::Run { program, source })?;
    if run.status.success() {
        return Ok(String::from_utf8_lossy(&run.stdout).into_owned());
    }
    let all = [run.stdout, run.stderr].concat();
    let text = String::from_utf8_lossy(&all);
    let lines: Vec<&str> = text.lines().collect();
    let end = lines.len().saturating_sub(SHOWN_LINES);
    Err(BuildError::Refused { what, output: lines.get(end..).unwrap_or_default().join("\n") })
}

fn read(path: &Path) -> Result<String, BuildError> {
    std::fs::read_to_string(path).map_err(io_error("read", path))
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> BuildError + use<> {
    let path = path.to_owned();
    move |source| BuildError::Io { action, path, source }
}

/// Every symbol that the fragments settle, by its last line: the text after it, or `None` for "is not set".
fn settled(text: &str) -> Vec<(&str, Option<&str>)> {
    let mut symbols: Vec<(&str, Option<&str>)> = Vec::new();
    for line in text.lines() {
        let (symbol, value) = match line.strip_prefix("# ").and_then(|rest| rest.strip_suffix(" is not set"))
        {
            Some(symbol) => (symbol, None),
            None => match line.split_once('=') {
                Some((symbol, value)) if symbol.starts_with("CONFIG_") => (symbol, Some(value)),
                _ => continue,
            },
        };
        symbols.retain(|(known, _)| *known != symbol);
        symbols.push((symbol, value));
    }
    symbols
}

/// What the fragments ask for and the configuration has not.
fn differing(fragments: &str, config: &str) -> Vec<String> {
    let got = settled(config);
    let shown =
        |value: Option<&str>| value.map_or_else(|| "is not set".to_owned(), |value| format!("={value}"));
    let differs = |(symbol, wanted): &(&str, Option<&str>)| {
        // A symbol that the configuration does not mention at all is not set.
        let found = got.iter().find(|(known, _)| known == symbol).and_then(|(_, value)| *value);
        (found != *wanted).then(|| format!("{symbol} {} (got {})", shown(*wanted), shown(found)))
    };
    settled(fragments).iter().filter_map(differs).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::kept("CONFIG_BPF=y\n", "CONFIG_BPF=y\n", &[])]
    #[case::dropped("CONFIG_BPF_KPROBE_OVERRIDE=y\n", "CONFIG_BPF=y\n", &["CONFIG_BPF_KPROBE_OVERRIDE =y (got is not set)"])]
    #[case::forced("# CONFIG_SECURITY is not set\n", "CONFIG_SECURITY=y\n", &["CONFIG_SECURITY is not set (got =y)"])]
    #[case::unmentioned_is_not_set("# CONFIG_BPF_LSM is not set\n", "", &[])]
    #[case::the_last_line_counts("CONFIG_BPF_LSM=y\n# CONFIG_BPF_LSM is not set\n", "", &[])]
    #[case::another_value("CONFIG_NR_CPUS=4\n", "CONFIG_NR_CPUS=64\n", &["CONFIG_NR_CPUS =4 (got =64)"])]
    fn a_symbol_that_does_not_stick_is_named(
        #[case] wanted: &str,
        #[case] got: &str,
        #[case] named: &[&str],
    ) {
        assert_eq!(differing(wanted, got), named);
    }

    #[test]
    fn another_fragment_is_another_recipe() {
        let recipe = |config: &[&str], detached_btf| {
            Build { config: config.iter().map(|name| (*name).to_owned()).collect(), detached_btf }
                .recipe()
                .unwrap()
        };
        assert_ne!(recipe(&["guest"], false), recipe(&["guest", "bare"], false));
        assert_ne!(recipe(&["guest"], false), recipe(&["guest"], true));
        assert_eq!(recipe(&["guest", "override"], false).len(), 64);
    }

    #[test]
    fn an_unknown_fragment_lists_the_known_ones() {
        let build = Build { config: vec!["gest".to_owned()], detached_btf: false };
        let error = build.recipe().unwrap_err().to_string();
        assert!(error.contains("gest") && error.contains("guest"), "{error}");
    }
}
