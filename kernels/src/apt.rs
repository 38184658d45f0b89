//! Drives apt in a private state directory: its downloads and signature checks are better tested
//! than any we could write, and the machine's own lists and packages stay untouched.
//!
//! The machine's configuration is still read first (proxies, time-outs, credentials); ours follows
//! by `-c` and wins where the two meet.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::catalogue::Suite;
use crate::mirrors;
use crate::stanza::{self, Package};

/// Debian's archive keys as the package debian-archive-keyring installs them. Nothing else is trusted.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// How often a running download is looked at.
const POLL: Duration = Duration::from_millis(150);

/// Why apt did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum AptError {
    /// The program is not there at all.
    #[error("failed to run {program}: {source}; kernels come as Debian packages, so apt and dpkg are needed")]
    Run {
        /// The program.
        program: &'static str,
        /// What the operating system says.
        source: io::Error,
    },
    /// The keys that kernels are checked with are not installed.
    #[error("Debian's archive keys aren't at {KEYRING}; install the package debian-archive-keyring")]
    NoKeyring,
    /// The private state directory could not be prepared.
    #[error("failed to prepare apt's private directory {}: {source}", .path.display())]
    State {
        /// The path.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// apt's configuration language has no escape for a quote.
    #[error("apt can't work in {}: the path holds a double quote, a line break or isn't UTF-8; set QUELL_CACHE elsewhere", .path.display())]
    Path {
        /// The path.
        path: PathBuf,
    },
    /// No answer from the mirror.
    #[error("the mirror can't be reached: {message}")]
    Unreachable {
        /// apt's own words.
        message: String,
    },
    /// The signature of an index doesn't hold. Never worked around.
    #[error("the signature of {suite} doesn't check out against Debian's archive keys: {message}")]
    Untrusted {
        /// The suite.
        suite: String,
        /// apt's own words.
        message: String,
    },
    /// Anything else apt refused.
    #[error("apt failed to {what}: {message}")]
    Failed {
        /// The task.
        what: String,
        /// apt's own words.
        message: String,
    },
    /// apt answered, but not what was asked.
    #[error("apt's answer for {spec} has no usable `{field}`")]
    Answer {
        /// The package asked for.
        spec: String,
        /// The field.
        field: &'static str,
    },
}

/// apt with its own lists, for one suite of one mirror.
#[derive(Debug)]
pub(crate) struct Apt {
    config: PathBuf,
    name: String,
}

impl Apt {
    /// Prepares `dir` for one suite of one mirror.
    pub(crate) fn for_suite(dir: &Path, suite: &Suite, mirror: &str) -> Result<Self, AptError> {
        if !Path::new(KEYRING).exists() {
            return Err(AptError::NoKeyring);
        }
        let parts = dir.join("sources");
        let state = |source| AptError::State { path: parts.clone(), source };
        std::fs::create_dir_all(&parts).map_err(state)?;
        std::fs::write(parts.join("quell.sources"), sources(suite, mirror)).map_err(state)?;
        let only_ours = format!(
            "Dir::Etc::sourcelist \"/dev/null\";\nDir::Etc::sourceparts {};\n\
             Dir::Etc::trusted \"/dev/null\";\nDir::Etc::trustedparts \"/dev/null\";\n",
            quoted(&parts)?
        );
        Self::prepare(dir, &suite.name, &only_ours)
    }

    /// Prepares `dir` for the machine's own sources and keys, to learn which mirrors it uses when its
    /// lists are missing or incomplete.
    pub(crate) fn for_machine_sources(dir: &Path) -> Result<Self, AptError> {
        Self::prepare(dir, "the machine's own sources", "")
    }

    fn prepare(dir: &Path, name: &str, extra: &str) -> Result<Self, AptError> {
        let state = |source| AptError::State { path: dir.to_owned(), source };
        for sub in ["state/lists/partial", "cache/archives/partial"] {
            std::fs::create_dir_all(dir.join(sub)).map_err(state)?;
        }
        std::fs::write(dir.join("status"), "").map_err(state)?;
        let config = dir.join("apt.conf");
        let text = format!(
            "Dir::State {};\nDir::State::status {};\nDir::Cache {};\n{PRIVATE}{extra}",
            quoted(&dir.join("state"))?,
            quoted(&dir.join("status"))?,
            quoted(&dir.join("cache"))?,
        );
        std::fs::write(&config, text).map_err(state)?;
        Ok(Self { config, name: name.to_owned() })
    }

    /// Fetches and checks the signed index. Any part that can't be had is an error.
    pub(crate) fn update(&self) -> Result<(), AptError> {
        let what = || format!("read the package index of {}", self.name);
        let out = self.run("apt-get", &["--quiet", "update", "-o", "APT::Update::Error-Mode=any"], None)?;
        if out.success { Ok(()) } else { Err(self.refusal(what(), &out.stderr)) }
    }

    /// Fetches what can be had of the machine's sources. An error tells that something could not be
    /// had; what could is there all the same, for a third-party repository may well be down.
    pub(crate) fn update_leniently(&self) -> Result<(), AptError> {
        let out = self.run("apt-get", &["--quiet", "update"], None)?;
        if out.success && !out.stderr.contains("Failed to fetch") {
            return Ok(());
        }
        Err(self.refusal(format!("read {}", self.name), &out.stderr))
    }

    /// Answer of `indextargets` in this private state.
    pub(crate) fn index_targets(&self) -> Result<String, AptError> {
        let out = self.run("apt-get", &["indextargets", "--format", mirrors::FORMAT], None)?;
        if out.success {
            Ok(out.stdout)
        } else {
            Err(self.refusal("list its index targets".to_owned(), &out.stderr))
        }
    }

    /// The newest version of a package in this suite, or the given one; `None` if it isn't offered.
    pub(crate) fn show(&self, name: &str, version: Option<&str>) -> Result<Option<Package>, AptError> {
        let spec = version.map_or_else(|| name.to_owned(), |version| format!("{name}={version}"));
        let out = self.run("apt-cache", &["show", "--no-all-versions", &spec], None)?;
        if !out.success {
            // Exit 100 with "No packages found" is an answer, anything else is a failure.
            return if out.stderr.contains("No packages found") || out.stderr.contains("was not found") {
                Ok(None)
            } else {
                Err(self.refusal(format!("look up {spec} in {}", self.name), &out.stderr))
            };
        }
        let Some(first) = stanza::parse(&out.stdout).into_iter().next() else { return Ok(None) };
        first.package().map(Some).map_err(|field| AptError::Answer { spec, field })
    }

    /// The names of the suite's packages that begin so.
    pub(crate) fn names(&self, prefix: &str) -> Result<Vec<String>, AptError> {
        let out = self.run("apt-cache", &["pkgnames", prefix], None)?;
        if !out.success {
            return Err(self.refusal(format!("list the packages of {}", self.name), &out.stderr));
        }
        let mut names: Vec<String> = out.stdout.lines().map(|line| line.trim().to_owned()).collect();
        names.sort();
        Ok(names)
    }

    /// Downloads packages into `into`; apt compares each with the digest in the signed index.
    /// `on_bytes` hears how much has arrived.
    pub(crate) fn download(
        &self,
        packages: &[Package],
        into: &Path,
        on_bytes: &mut dyn FnMut(u64),
    ) -> Result<(), AptError> {
        let specs: Vec<String> = packages.iter().map(|p| format!("{}={}", p.name, p.version)).collect();
        let mut args = vec!["--quiet", "download"];
        args.extend(specs.iter().map(String::as_str));
        let out = self.run("apt-get", &args, Some((into, on_bytes)))?;
        if out.success {
            Ok(())
        } else {
            Err(self.refusal("download the kernel's packages".to_owned(), &out.stderr))
        }
    }

    fn run(
        &self,
        program: &'static str,
        args: &[&str],
        watched: Option<(&Path, &mut dyn FnMut(u64))>,
    ) -> Result<Output, AptError> {
        let mut all = vec!["-c".as_ref(), self.config.as_os_str()];
        all.extend(args.iter().map(std::ffi::OsStr::new));
        run(program, &all, watched)
    }

    fn refusal(&self, what: String, stderr: &str) -> AptError {
        classify(&self.name, what, stderr)
    }
}

/// Answer of `indextargets` with the machine's own state; needs no network.
pub(crate) fn machine_index_targets() -> Result<String, AptError> {
    let args = ["indextargets", "--format", mirrors::FORMAT].map(std::ffi::OsStr::new);
    let out = run("apt-get", &args, None)?;
    if out.success {
        Ok(out.stdout)
    } else {
        Err(classify("this machine", "list its index targets".to_owned(), &out.stderr))
    }
}

/// Settings that keep apt inside the private directory. Hooks are cleared because the machine's may
/// clean its own package cache. The sandbox user could not enter a cache below a private home.
const PRIVATE: &str = "\
Dir::Etc::preferences \"/dev/null\";
Dir::Etc::preferencesparts \"/dev/null\";
APT::Architecture \"amd64\";
#clear APT::Architectures;
APT::Architectures { \"amd64\"; };
APT::Sandbox::User \"root\";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
Acquire::Languages \"none\";
";

fn sources(suite: &Suite, mirror: &str) -> String {
    let expiry = if suite.frozen { "Check-Valid-Until: no\n" } else { "" };
    format!(
        "Types: deb\nURIs: {mirror}\nSuites: {}\nComponents: main\nArchitectures: amd64\nTargets: Packages\n\
         Signed-By: {KEYRING}\n{expiry}",
        suite.name
    )
}

fn quoted(path: &Path) -> Result<String, AptError> {
    match path.to_str() {
        Some(text) if !text.contains(['"', '\n']) => Ok(format!("\"{text}\"")),
        _ => Err(AptError::Path { path: path.to_owned() }),
    }
}

struct Output {
    success: bool,
    stdout: String,
    stderr: String,
}

fn run(
    program: &'static str,
    args: &[&std::ffi::OsStr],
    watched: Option<(&Path, &mut dyn FnMut(u64))>,
) -> Result<Output, AptError> {
    let failed = |source| AptError::Run { program, source };
    let mut command = duct::cmd(program, args)
        // apt's words are matched below, so they must not be translated.
        .env("LC_ALL", "C")
        .stdin_null()
        .stdout_capture()
        .stderr_capture()
        .unchecked();
    if let Some((dir, _)) = &watched {
        command = command.dir(dir);
    }
    let handle = command.start().map_err(failed)?;
    let output = match watched {
        None => handle.wait().map_err(failed)?,
        Some((dir, on_bytes)) => loop {
            match handle.wait_timeout(POLL).map_err(failed)? {
                Some(output) => break output,
                None => on_bytes(bytes_in(dir)),
            }
        },
    };
    Ok(Output {
        success: output.status.success(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// Bytes of the files in a directory; files that vanish meanwhile count as nothing.
fn bytes_in(dir: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(dir) else { return 0 };
    entries.flatten().filter_map(|entry| entry.metadata().ok()).map(|meta| meta.len()).sum()
}

/// Sorts apt's complaints: a broken signature stops everything, silence of the network is the
/// reader's own problem, the rest is reported as it is.
fn classify(suite: &str, what: String, stderr: &str) -> AptError {
    const SIGNATURE: [&str; 6] = [
        "GPG error",
        "NO_PUBKEY",
        "BADSIG",
        "EXPKEYSIG",
        "is not signed",
        "OpenPGP signature verification failed",
    ];
    const NETWORK: [&str; 7] = [
        "Could not resolve",
        "Temporary failure resolving",
        "Could not connect",
        "Unable to connect",
        "Connection failed",
        "Connection timed out",
        "Network is unreachable",
    ];
    let message = complaints(stderr);
    if SIGNATURE.iter().any(|words| stderr.contains(words)) {
        AptError::Untrusted { suite: suite.to_owned(), message }
    } else if NETWORK.iter().any(|words| stderr.contains(words)) {
        AptError::Unreachable { message }
    } else {
        AptError::Failed { what, message }
    }
}

/// The lines that say what went wrong, without apt's progress.
fn complaints(stderr: &str) -> String {
    let mut lines: Vec<&str> = Vec::new();
    for line in stderr.lines().map(str::trim) {
        let Some(text) = line.strip_prefix("E: ").or_else(|| line.strip_prefix("W: ")) else { continue };
        if !text.starts_with("Some index files failed to download") && !lines.contains(&text) {
            lines.push(text);
        }
    }
    if lines.is_empty() { "it gave no reason".to_owned() } else { lines.join("; ") }
}

#[cfg(test)]
#[path = "apt_tests.rs"]
mod tests;
