//! The page of a lab run in a real browser: rendered by `vmtest replay` from a run that is kept in the repository, looked at in
//! both colours and at two sizes, worked with by keyboard, and once more with two thousand cells and hostile text.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use cargo_metadata::MetadataCommand;

use crate::browser::Browser;
use crate::page::{checks, many};
use crate::{root, step::Step};

/// A small real run with cells of every outcome.
const RUN: &str = "vmtest/tests/runs/mixed/events.jsonl";

/// `cargo xtask page`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where the page and its screenshots go.
    #[arg(long, value_name = "DIR", default_value = "out/page")]
    out: PathBuf,
    /// Look at the page of this run instead (its --out directory): screenshots only.
    #[arg(long, value_name = "DIR")]
    run: Option<PathBuf>,
    /// Render with this vmtest instead of building the release one.
    #[arg(long, value_name = "PATH")]
    vmtest: Option<PathBuf>,
}

/// Renders, looks and checks; its last line has the form of libtest's.
pub(crate) fn run(args: &Args) -> Result<bool> {
    let out = root().join(&args.out);
    fs::create_dir_all(&out).with_context(|| format!("failed to create {}", out.display()))?;
    let out = out.canonicalize().with_context(|| format!("failed to resolve {}", out.display()))?;
    if let Some(run) = &args.run {
        let page = run.join("report.html").canonicalize();
        let page = page.with_context(|| format!("failed to find report.html in {}", run.display()))?;
        let mut browser = Browser::start()?;
        checks::look(&mut browser, &page, &out)?;
        let complaints = browser.complaints();
        complaints.iter().for_each(|complaint| println!("the page complains: {complaint}"));
        return Ok(complaints.is_empty());
    }
    let vmtest = args.vmtest.clone().map_or_else(built_vmtest, Ok)?;
    let events = root().join(RUN);
    let events =
        fs::read_to_string(&events).with_context(|| format!("failed to read {}", events.display()))?;
    let mixed = rendered(&vmtest, &out.join("mixed"), &events)?;
    let many = rendered(&vmtest, &out.join("many"), &many::times(&events, many::LEAST_CELLS)?)?;
    let mut browser = Browser::start()?;
    let mut failed = 0;
    for (name, check) in checks::ALL {
        let result = check(&mut browser, &checks::Pages { mixed: &mixed, many: &many, out: &out });
        let complaints = browser.complaints();
        match (result, complaints.as_slice()) {
            (Ok(said), []) => {
                println!("test {name} ... ok{}", said.map(|said| format!(" ({said})")).unwrap_or_default());
            }
            (Ok(_), _) => {
                failed += 1;
                println!("the page complains: {}\ntest {name} ... FAILED", complaints.join("; "));
            }
            (Err(error), _) => {
                failed += 1;
                println!("{error:#}\n{}\ntest {name} ... FAILED", complaints.join("\n"));
            }
        }
    }
    let word = if failed == 0 { "ok" } else { "FAILED" };
    println!("screenshots: {}", out.display());
    println!("test result: {word}. {} passed; {failed} failed; 0 ignored;", checks::ALL.len() - failed);
    Ok(failed == 0)
}

/// The release program, built as `ci/lab` builds it, so that nothing is built twice.
fn built_vmtest() -> Result<PathBuf> {
    let packages = ["-p", "quell", "-p", "quell-scenarios", "-p", "vmtest-guest", "-p", "vmtest"];
    let step = Step::cargo(
        &[&["build", "--locked", "--release", "--quiet", "--bins"], packages.as_slice()].concat(),
    );
    ensure!(step.run()?, "`{}` failed", step.shown());
    let metadata = MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .no_deps()
        .exec()
        .context("failed to ask cargo where it builds")?;
    let target = metadata.target_directory.into_std_path_buf();
    Ok(target.join("x86_64-unknown-linux-gnu/release/vmtest"))
}

/// Puts the events into a folder of their own and has every report rendered from them.
fn rendered(vmtest: &Path, folder: &Path, events: &str) -> Result<PathBuf> {
    fs::create_dir_all(folder).with_context(|| format!("failed to create {}", folder.display()))?;
    let page = folder.join("report.html");
    if page.exists() {
        fs::remove_file(&page).with_context(|| format!("failed to remove {}", page.display()))?;
    }
    let path = folder.join("events.jsonl");
    fs::write(&path, events).with_context(|| format!("failed to write {}", path.display()))?;
    let begun = Instant::now();
    let output = duct::cmd!(vmtest, "replay", folder)
        .stdout_capture()
        .stderr_to_stdout()
        .unchecked()
        .run()
        .context("failed to start vmtest")?;
    // The exit code is that of the run, which has cells that failed; what counts here is the page.
    if !page.exists() {
        bail!("vmtest replay rendered no page: {}", String::from_utf8_lossy(&output.stdout));
    }
    println!("{}: rendered in {} ms", page.display(), begun.elapsed().as_millis());
    Ok(page)
}
