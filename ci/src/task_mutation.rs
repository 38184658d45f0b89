//! Plants bugs, one at a time, in a copy of the sources, and looks whether the comparison of model and evaluator turns red.
//!
//! Each bug is one that an encoder or an evaluator of this language could have, and that byte-exact tests would not show
//! (ci/mutations.toml says what it does to users). A comparison that stays green with one of them planted is worth nothing.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use crate::root;

/// The table that `--bless` writes.
const TABLE: &str = "docs/mutations.md";
/// Exit code of the comparison when it found a difference.
const DIFFERENCE: i32 = 1;
const DAY_S: u64 = 86_400;

/// `cargo xtask mutation`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only the bug with this number (from 1) or name.
    #[arg(long, value_name = "N", conflicts_with = "rotating")]
    bug: Option<String>,
    /// Only one bug, another one every day.
    #[arg(long)]
    rotating: bool,
    /// Write the result into docs/mutations.md.
    #[arg(long, conflicts_with_all = ["bug", "rotating"])]
    bless: bool,
    /// Generated calls per bug.
    #[arg(long, value_name = "N", default_value_t = 200_000)]
    cases: u64,
}

/// What ci/mutations.toml holds.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bugs {
    bug: Vec<Bug>,
}

/// One bug: a text in a file, and what stands there instead.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bug {
    name: String,
    effect: String,
    file: PathBuf,
    find: String,
    replace: String,
}

/// What the comparison said of one bug.
struct Outcome {
    caught: bool,
    /// The first difference, or why there is none.
    said: String,
    seconds: u64,
}

/// Plants, builds, compares.
pub(crate) fn run(args: &Args) -> Result<bool> {
    let bugs = read()?;
    for bug in &bugs {
        bug.planted(&root())?;
    }
    let chosen = choose(&bugs, args)?;
    let place = target_directory()?.join("mutation");
    let tree = place.join("tree");
    // Once: the work tree may change meanwhile, and all bugs are to be planted in the same sources.
    copy_tree(&tree)?;
    let mut results = Vec::new();
    if chosen.len() > 1 {
        let outcome = compare(&place, args.cases)?;
        ensure!(!outcome.caught, "the comparison is red without any bug: {}", outcome.said);
        println!("no bug: no difference in {} cases, {} s", args.cases, outcome.seconds);
    }
    for (number, bug) in chosen {
        let path = tree.join(&bug.file);
        let right =
            fs::read_to_string(&path).with_context(|| format!("failed to read {}", path.display()))?;
        let wrong = bug.planted(&tree)?;
        fs::write(&path, wrong).with_context(|| format!("failed to plant {}", bug.name))?;
        let outcome = compare(&place, args.cases);
        fs::write(&path, right).with_context(|| format!("failed to take out {}", bug.name))?;
        // The others can still be tried.
        let outcome = outcome.unwrap_or_else(|error| Outcome {
            caught: false,
            said: format!("it could not be tried: {error:#}"),
            seconds: 0,
        });
        let word = if outcome.caught { "caught" } else { "NOT CAUGHT" };
        println!("{number:>2} {}: {word}, {} s: {}", bug.name, outcome.seconds, outcome.said);
        results.push((number, bug, outcome));
    }
    let caught = results.iter().filter(|(_, _, outcome)| outcome.caught).count();
    if args.bless {
        fs::write(root().join(TABLE), table(&results)?)
            .with_context(|| format!("failed to write {TABLE}"))?;
        println!("{TABLE}: written");
    }
    let names: Vec<&str> = results.iter().map(|(_, bug, _)| bug.name.as_str()).collect();
    println!("compared: mutation: {caught} of {} planted bugs caught ({})", results.len(), names.join(", "));
    println!("{caught} passed, {} failed, 0 skipped", results.len() - caught);
    Ok(caught == results.len())
}

fn read() -> Result<Vec<Bug>> {
    let path = root().join("ci/mutations.toml");
    let text = fs::read_to_string(&path).with_context(|| format!("failed to read {}", path.display()))?;
    let bugs: Bugs = toml::from_str(&text).context("failed to understand ci/mutations.toml")?;
    Ok(bugs.bug)
}

/// The bugs that are asked for, each with its number.
fn choose<'a>(bugs: &'a [Bug], args: &Args) -> Result<Vec<(usize, &'a Bug)>> {
    let numbered = || bugs.iter().enumerate().map(|(at, bug)| (at + 1, bug));
    if args.rotating {
        let day = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock is before 1970")?.as_secs()
            / DAY_S;
        let today = usize::try_from(day % bugs.len().max(1) as u64)?;
        return Ok(numbered().skip(today).take(1).collect());
    }
    let Some(wanted) = &args.bug else { return Ok(numbered().collect()) };
    let found: Vec<_> =
        numbered().filter(|(number, bug)| number.to_string() == *wanted || bug.name == *wanted).collect();
    if found.is_empty() {
        let names: Vec<&str> = bugs.iter().map(|bug| bug.name.as_str()).collect();
        bail!("there is no bug `{wanted}`; there are {}", names.join(", "));
    }
    Ok(found)
}

impl Bug {
    /// The file of this tree with the bug in it.
    fn planted(&self, tree: &Path) -> Result<String> {
        let path = tree.join(&self.file);
        let text = fs::read_to_string(&path).with_context(|| format!("failed to read {}", path.display()))?;
        let places = text.matches(&self.find).count();
        ensure!(
            places == 1,
            "bug {}: {} has its place {places} times; write in ci/mutations.toml what stands there now",
            self.name,
            self.file.display()
        );
        Ok(text.replace(&self.find, &self.replace))
    }
}

fn target_directory() -> Result<PathBuf> {
    let metadata = cargo_metadata::MetadataCommand::new()
        .current_dir(root())
        .no_deps()
        .other_options(["--locked".to_owned(), "--offline".to_owned()])
        .exec()
        .context("failed to ask cargo where it builds")?;
    Ok(metadata.target_directory.into_std_path_buf())
}

/// Makes the copy equal to the work tree. What is equal already keeps its time, so that only what changed is built anew.
fn copy_tree(to: &Path) -> Result<()> {
    let listed = duct::cmd!("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
        .dir(root())
        .read()
        .context("failed to list the files of the repository")?;
    let mut kept = Vec::new();
    for name in listed.split('\0').filter(|name| !name.is_empty()) {
        // Inside of the repository cargo finds its settings in any case, and would join both files.
        if name == ".cargo/config.toml" && to.starts_with(root()) {
            continue;
        }
        let (from, to) = (root().join(name), to.join(name));
        // A file that was deleted and is still in the index.
        let Ok(content) = fs::read(&from) else { continue };
        kept.push(to.clone());
        if fs::read(&to).is_ok_and(|there| there == content) {
            continue;
        }
        let parent = to.parent().context("a file without a directory")?;
        fs::create_dir_all(parent).with_context(|| format!("failed to create {}", parent.display()))?;
        fs::write(&to, content).with_context(|| format!("failed to write {}", to.display()))?;
    }
    for entry in walkdir::WalkDir::new(to).into_iter().filter_map(Result::ok) {
        if entry.file_type().is_file() && !kept.iter().any(|path| path == entry.path()) {
            fs::remove_file(entry.path())
                .with_context(|| format!("failed to remove {}", entry.path().display()))?;
        }
    }
    Ok(())
}

/// Builds the copy and compares model and evaluator in it.
fn compare(place: &Path, cases: u64) -> Result<Outcome> {
    let begun = Instant::now();
    let (tree, target) = (place.join("tree"), place.join("target"));
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = duct::cmd!(
        cargo,
        "build",
        "--quiet",
        "--locked",
        "--profile",
        "mutation",
        "--package",
        "quell-differential",
        "--target-dir",
        &target
    )
    .dir(&tree)
    .stderr_to_stdout()
    .stdout_capture()
    .unchecked()
    .run()
    .context("failed to start cargo")?;
    // A bug that does not compile is no bug that could be shipped.
    ensure!(built.status.success(), "it does not build:\n{}", String::from_utf8_lossy(&built.stdout));
    let program = target.join("x86_64-unknown-linux-gnu/mutation/quell-differential");
    let out = place.join("out");
    let compared = duct::cmd!(program, "host", "--stop", "--cases", cases.to_string(), "--out", &out)
        .dir(&tree)
        .stderr_to_stdout()
        .stdout_capture()
        .unchecked()
        .run()
        .context("failed to start the comparison")?;
    let output = String::from_utf8_lossy(&compared.stdout).into_owned();
    let first = output.lines().find(|line| line.starts_with("first: "));
    let seconds = begun.elapsed().as_secs();
    match compared.status.code() {
        Some(0) => Ok(Outcome { caught: false, said: "no difference".into(), seconds }),
        Some(DIFFERENCE) => {
            let said = first.context("it found a difference and did not say which")?;
            Ok(Outcome { caught: true, said: said.trim_start_matches("first: ").to_owned(), seconds })
        }
        _ => bail!("the comparison ended with {}:\n{output}", compared.status),
    }
}

fn table(results: &[(usize, &Bug, Outcome)]) -> Result<String> {
    let day = duct::cmd!("date", "--utc", "+%Y-%m-%d").read().context("failed to ask for the date")?;
    let caught = results.iter().filter(|(_, _, outcome)| outcome.caught).count();
    let mut text = format!(
        "# Planted bugs\n\n\
         Every bug below was planted by `cargo xtask mutation --bless` on {day} in a copy of the sources \
         (`ci/mutations.toml` has the places), and the comparison between the reference model and the kernel's evaluator \
         was run. {caught} of {} were caught. `./ci/test` plants one of them in every run, another one every day.\n\n\
         | # | bug | effect on a user | planted in | caught | the first difference |\n|---|---|---|---|---|---|\n",
        results.len()
    );
    for (number, bug, outcome) in results {
        let caught = if outcome.caught { "yes" } else { "**no**" };
        writeln!(
            text,
            "| {number} | {} | {} | `{}` | {caught} | {} |",
            bug.name,
            bug.effect,
            bug.file.display(),
            outcome.said.replace('|', "\\|")
        )
        .context("failed to write the table")?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn args(bug: Option<&str>, rotating: bool) -> Args {
        Args { bug: bug.map(str::to_owned), rotating, bless: false, cases: 1 }
    }

    #[test]
    fn every_bug_has_its_place_in_the_sources() {
        let bugs = read().unwrap();
        for bug in &bugs {
            let planted = bug.planted(&root()).unwrap();
            assert!(planted.contains(&bug.replace) && bug.find != bug.replace, "{}", bug.name);
        }
        let names: HashSet<&str> = bugs.iter().map(|bug| bug.name.as_str()).collect();
        assert!(bugs.len() >= 10 && names.len() == bugs.len());
    }

    #[test]
    fn bugs_are_chosen_by_number_name_or_day() {
        let bugs = read().unwrap();
        let numbers =
            |args: &Args| choose(&bugs, args).unwrap().iter().map(|(number, _)| *number).collect::<Vec<_>>();
        assert_eq!(numbers(&args(None, false)).len(), bugs.len());
        assert_eq!(numbers(&args(Some("2"), false)), [2]);
        assert_eq!(numbers(&args(Some(&bugs[2].name), false)), [3]);
        assert_eq!(numbers(&args(None, true)).len(), 1);
        assert!(choose(&bugs, &args(Some("none"), false)).is_err());
    }

    #[test]
    fn a_bug_whose_place_is_gone_is_refused() {
        let bug = Bug {
            name: "x".into(),
            effect: String::new(),
            file: "ci/tiers.toml".into(),
            find: "no such text".into(),
            replace: String::new(),
        };
        assert!(bug.planted(&root()).unwrap_err().to_string().contains("0 times"));
    }
}
