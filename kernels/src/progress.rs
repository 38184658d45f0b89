//! Tells a waiting reader what happens to a kernel: bars on a terminal, plain lines in a log. The
//! store reports steps and bytes and knows nothing about how they are shown.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{HumanBytes, MultiProgress, ProgressBar, ProgressStyle};

/// What is being done for a kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// Another process is writing the cache.
    WaitForCache,
    /// Digests of cached files are compared.
    Verify,
    /// The machine's apt configuration is read for its mirrors.
    FindMirrors,
    /// The signed index of a suite is read.
    ReadIndex {
        /// The suite.
        suite: String,
    },
    /// Packages are downloaded.
    Download {
        /// Sum of the sizes in the index, in bytes.
        total_bytes: u64,
    },
    /// Image and configuration are taken out of the packages.
    Unpack,
    /// The kernel is decompressed for direct boot.
    Decompress,
    /// Modules are taken out of the kernel's package.
    Modules,
    /// Sources are unpacked and configured.
    Configure,
    /// The kernel is compiled, which takes minutes.
    Compile,
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::WaitForCache => f.write_str("waiting for another run that uses the kernel cache"),
            Self::Verify => f.write_str("verifying the cached files"),
            Self::FindMirrors => f.write_str("reading this machine's apt configuration"),
            Self::ReadIndex { suite } => write!(f, "reading the package index of {suite}"),
            Self::Download { total_bytes } => write!(f, "downloading {}", HumanBytes(*total_bytes)),
            Self::Unpack => f.write_str("unpacking"),
            Self::Decompress => f.write_str("decompressing for direct boot"),
            Self::Modules => f.write_str("taking modules out of its package"),
            Self::Configure => f.write_str("unpacking and configuring the sources"),
            Self::Compile => f.write_str("compiling, which takes minutes"),
        }
    }
}

/// Hears how obtaining a kernel goes. All methods may be called from any thread.
pub trait Progress: Send + Sync {
    /// A new step began.
    fn step(&self, kernel: &str, step: &Step);
    /// Bytes of the current download that have arrived.
    fn bytes(&self, kernel: &str, done_bytes: u64);
    /// Something that the reader has to know, such as a suite passed over or a damaged cache entry.
    fn note(&self, kernel: &str, text: &str);
    /// The kernel is ready.
    fn done(&self, kernel: &str, summary: &str);
}

/// Says nothing; for tests and for callers that show their own progress.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn step(&self, _: &str, _: &Step) {}
    fn bytes(&self, _: &str, _: u64) {}
    fn note(&self, _: &str, _: &str) {}
    fn done(&self, _: &str, _: &str) {}
}

/// One line per step on stderr; for logs.
#[derive(Debug, Clone, Copy, Default)]
pub struct Lines;

impl Progress for Lines {
    fn step(&self, kernel: &str, step: &Step) {
        // Verification takes a blink and happens in every run; a log needn't say so.
        if *step != Step::Verify {
            eprintln!("kernel {kernel}: {step}");
        }
    }
    fn bytes(&self, _: &str, _: u64) {}
    fn note(&self, kernel: &str, text: &str) {
        eprintln!("kernel {kernel}: note: {text}");
    }
    fn done(&self, kernel: &str, summary: &str) {
        eprintln!("kernel {kernel}: {summary}");
    }
}

/// A bar per kernel on stderr; for terminals.
#[derive(Debug, Default)]
pub struct Bars {
    all: MultiProgress,
    bars: Mutex<HashMap<String, ProgressBar>>,
}

impl Bars {
    fn bars(&self) -> MutexGuard<'_, HashMap<String, ProgressBar>> {
        self.bars.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn bar(&self, kernel: &str) -> ProgressBar {
        let fresh = || {
            let bar = self.all.add(ProgressBar::new_spinner()).with_prefix(kernel.to_owned());
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        };
        self.bars().entry(kernel.to_owned()).or_insert_with(fresh).clone()
    }
}

impl Progress for Bars {
    fn step(&self, kernel: &str, step: &Step) {
        let bar = self.bar(kernel);
        if let Step::Download { total_bytes } = step {
            bar.set_style(style("kernel {prefix:>5} {bar:24} {bytes}/{total_bytes} {bytes_per_sec} {msg}"));
            bar.set_length(*total_bytes);
            bar.set_position(0);
            bar.set_message("");
        } else {
            bar.set_style(style("kernel {prefix:>5} {spinner} {msg}"));
            bar.set_message(step.to_string());
        }
    }
    fn bytes(&self, kernel: &str, done_bytes: u64) {
        self.bar(kernel).set_position(done_bytes);
    }
    fn note(&self, kernel: &str, text: &str) {
        self.bar(kernel).println(format!("kernel {kernel}: note: {text}"));
    }
    fn done(&self, kernel: &str, summary: &str) {
        let bar = self.bar(kernel);
        bar.set_style(style("kernel {prefix:>5} {msg}"));
        bar.finish_with_message(summary.to_owned());
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        for bar in self.bars().values().filter(|bar| !bar.is_finished()) {
            bar.abandon();
        }
    }
}

/// The templates are constants, so a malformed one shows in the test below; the default bar stands in.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// Bars if stderr is a terminal, lines otherwise.
#[must_use]
pub fn for_stderr() -> Box<dyn Progress> {
    if std::io::stderr().is_terminal() { Box::new(Bars::default()) } else { Box::new(Lines) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_of_the_bars_are_well_formed() {
        for template in [
            "kernel {prefix:>5} {bar:24} {bytes}/{total_bytes} {bytes_per_sec} {msg}",
            "kernel {prefix:>5} {spinner} {msg}",
            "kernel {prefix:>5} {msg}",
        ] {
            ProgressStyle::with_template(template).unwrap();
        }
    }

    #[test]
    fn download_step_tells_its_size_for_humans() {
        assert_eq!(Step::Download { total_bytes: 34_671_208 }.to_string(), "downloading 33.07 MiB");
    }
}
