//! Inputs that nobody meant: files of the corpus, changed at random up to 1 MiB, for everything that reads a file.
//!
//! Nothing may panic, and nothing may take long or much memory, whatever it is given. A stable toolchain has no coverage
//! to follow, so the corpus is chosen to reach everything, and the changes are those that parsers fear.

use std::cell::RefCell;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use quell::kernel::tracepoint::Format;
use quell::model::context_file;
use quell::policy::{Source, parse};
use quell::selector::document::Document;
use quell_wire::read;

use crate::dice::Dice;

/// Bytes of one input at most.
const MOST_BYTES: usize = 1 << 20;
/// Longest that one input may take, with a debug build on a busy machine in mind.
const LONGEST: Duration = Duration::from_secs(20);
/// Memory of this process at most, in KiB: the largest policies take a tenth of it.
const MOST_KIB: u64 = 3 << 20;

/// Words that mean something to a reader of YAML or JSON.
const WORDS: [&[u8]; 26] = [
    b"&a ",
    b"*a",
    b"<<: *a\n",
    b"[",
    b"]",
    b"{",
    b"}",
    b"- ",
    b": ",
    b"? ",
    b"|\n",
    b">-\n",
    b"---\n",
    b"...\n",
    b"!!binary ",
    b"!!str ",
    b"\"",
    b"'",
    b"\\u0000",
    b"\xef\xbb\xbf",
    b"\xff",
    b"\0",
    b"18446744073709551616",
    b"-9223372036854775809",
    b"#",
    b"\t",
];

/// What reads an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A policy file.
    Policy,
    /// An encoded policy.
    Document,
    /// A context.
    Context,
    /// Selector bytes.
    Bytes,
    /// The format of a tracepoint.
    Format,
}

impl Target {
    const ALL: [Self; 5] = [Self::Policy, Self::Document, Self::Context, Self::Bytes, Self::Format];

    const fn folder(self) -> &'static str {
        match self {
            Self::Policy => "policies",
            Self::Document | Self::Bytes => "documents",
            Self::Context => "contexts",
            Self::Format => "formats",
        }
    }

    /// Gives the input to its reader. The answer does not matter, as long as there is one.
    fn read(self, input: &[u8]) {
        match self {
            Self::Policy => {
                if let Ok(source) = Source::from_bytes("fuzz", input) {
                    let _ = parse(&source).map_err(|found| found.to_string());
                }
            }
            Self::Document => {
                if let Ok(document) = Document::from_json(input) {
                    let _ = document.policy().map_err(|error| error.to_string());
                    let _ = document.listing().map_err(|error| error.to_string());
                }
            }
            Self::Context => {
                if let Ok(text) = std::str::from_utf8(input) {
                    let _ = context_file::read(text).map_err(|error| error.to_string());
                }
            }
            Self::Format => {
                if let Ok(text) = std::str::from_utf8(input) {
                    let _ = Format::parse(text).map_err(|error| error.to_string());
                }
            }
            Self::Bytes => {
                let _ = read::selectors(input).map_err(|error| error.to_string());
            }
        }
    }
}

/// What a run came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fuzzed {
    /// Inputs.
    pub inputs: u64,
    /// Bytes of all of them.
    pub bytes: u64,
    /// The longest that one took.
    pub longest: Duration,
    /// Largest memory of this process so far, in KiB; 0 where procfs does not say.
    pub memory_kib: u64,
    /// Inputs that took too long, each in a file.
    pub slow: Vec<PathBuf>,
}

impl Fuzzed {
    /// Whether every input was answered within its bounds.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.slow.is_empty() && self.memory_kib <= MOST_KIB
    }
}

thread_local! {
    /// What is being read, for the panic hook.
    static CURRENT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Gives so many changed inputs to every reader. A panic leaves its input in `out` and goes on as panics do.
///
/// # Errors
/// When the corpus can't be read, or a file can't be written.
pub fn run(corpus: &Path, out: &Path, inputs: u64, seed: u64) -> io::Result<Fuzzed> {
    fs::create_dir_all(out)?;
    keep_input_of_panics(out.join("panicked"));
    let mut fuzzed = Fuzzed::default();
    for target in Target::ALL {
        let files = files(&corpus.join(target.folder()))?;
        if files.is_empty() {
            return Err(io::Error::other(format!("no corpus in {}", corpus.join(target.folder()).display())));
        }
        for number in 0..inputs {
            let mut dice = Dice::new(seed ^ number << 8 ^ target as u64);
            // The files themselves come first.
            let input = match files.get(usize::try_from(number).unwrap_or(usize::MAX)) {
                Some(file) => file.clone(),
                None => changed(&mut dice, &files),
            };
            one(target, input, out, &mut fuzzed)?;
        }
    }
    fuzzed.memory_kib = largest_memory_kib();
    Ok(fuzzed)
}

fn one(target: Target, input: Vec<u8>, out: &Path, fuzzed: &mut Fuzzed) -> io::Result<()> {
    fuzzed.inputs += 1;
    fuzzed.bytes += input.len() as u64;
    let begun = Instant::now();
    CURRENT.with_borrow_mut(|current| current.clone_from(&input));
    target.read(&input);
    let took = begun.elapsed();
    fuzzed.longest = fuzzed.longest.max(took);
    if took > LONGEST {
        let path = out.join(format!("slow-{}", fuzzed.inputs));
        fs::write(&path, input)?;
        fuzzed.slow.push(path);
    }
    Ok(())
}

fn keep_input_of_panics(path: PathBuf) {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        CURRENT.with_borrow(|input| {
            // The panic itself is told in any case.
            let _ = fs::write(&path, input);
        });
        eprintln!("the input is in {}", path.display());
        before(info);
    }));
}

fn files(folder: &Path) -> io::Result<Vec<Vec<u8>>> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    paths.sort();
    paths.iter().map(fs::read).collect()
}

/// A file of the corpus with a few changes.
fn changed(dice: &mut Dice, files: &[Vec<u8>]) -> Vec<u8> {
    let mut input = dice.pick(files);
    for _ in 0..1 + dice.below(6) {
        let length = input.len();
        let at = dice.below(length + 1);
        let to = (at + dice.below(64)).min(length);
        match dice.below(12) {
            0 => drop(input.drain(at..to)),
            1 if at < length => input[at] ^= 1 << dice.below(8),
            2 | 3 => drop(input.splice(at..at, dice.pick(&WORDS).iter().copied())),
            4 => drop(input.splice(at..to, dice.pick(&WORDS).iter().copied())),
            5 => {
                let part = input[at..to].to_vec();
                input.splice(at..at, part);
            }
            6 => {
                let other = dice.pick(files);
                let from = dice.below(other.len() + 1);
                let part: Vec<u8> = other[from..].iter().take(400).copied().collect();
                input.splice(at..at, part);
            }
            7 => input.truncate(at),
            8 => swap_lines(dice, &mut input),
            // A part very often: nesting, long scalars, many entries.
            9 if dice.one_in(4) && at < to => {
                let room = (MOST_BYTES.saturating_sub(input.len())) / (to - at);
                let times = dice.pick(&[2_usize, 10, 100, 1000, room]).min(room);
                let part = input[at..to].repeat(times);
                input.splice(at..at, part);
            }
            10 => {
                let times = dice.pick(&[1_usize, 10, 200, 5000]);
                let part = dice.pick(&WORDS).repeat(times);
                input.splice(at..at, part);
            }
            _ => input.insert(at, dice.byte()),
        }
        input.truncate(MOST_BYTES);
    }
    input
}

fn swap_lines(dice: &mut Dice, input: &mut Vec<u8>) {
    let mut lines: Vec<&[u8]> = input.split_inclusive(|byte| *byte == b'\n').collect();
    if lines.len() > 1 {
        let (one, other) = (dice.below(lines.len()), dice.below(lines.len()));
        lines.swap(one, other);
    }
    *input = lines.concat();
}

fn largest_memory_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_stay_within_a_mebibyte_and_some_come_near_it() {
        let files = vec![b"a: [1, 2]\n".repeat(40)];
        let lengths: Vec<usize> = (0..3000).map(|seed| changed(&mut Dice::new(seed), &files).len()).collect();
        let longest = lengths.iter().max().copied().unwrap_or(0);
        assert!(longest <= MOST_BYTES && longest > MOST_BYTES / 2, "{longest}");
    }
}
