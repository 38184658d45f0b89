//! Recorded facts per kernel, and whether a booted kernel still agrees with them.
//!
//! `quell check --kernel ID` answers from these files without that kernel. They are worth something only as long as the
//! enforcer, asked in a guest, says the same.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::Args;
use quell_kernels::Catalogue;

use crate::{
    accel,
    boot::{self, BootPlan},
    cli,
    event::RunEvent,
    exit, image, kernels,
    limits::Limits,
    link::Loss,
    machine,
    matrix::Filter,
    out::Out,
    programs::{self, Named},
    qemu::{Accel, Clock},
    run::BootImage,
    session::Session,
};

/// How many differing lines are shown per kernel.
const SHOWN_LINES: usize = 20;

/// Arguments of `vmtest facts`.
#[derive(Debug, Args)]
pub struct FactsArgs {
    /// Kernels, as a glob over catalogue ids (`6.*`).
    #[arg(long, value_name = "GLOB")]
    kernel: Option<String>,
    /// Where the recorded facts are.
    #[arg(long, value_name = "DIR", default_value = "kernels/facts")]
    facts: PathBuf,
    /// Record what is found instead of comparing.
    #[arg(long)]
    bless: bool,
    /// Where traces go.
    #[arg(long, value_name = "DIR", default_value = "out/facts")]
    out: PathBuf,
}

/// Compares or records; the result is the exit code.
///
/// # Errors
/// A kernel can't be obtained, which is said after the others were asked; a kernel can't be booted, or a file can't be
/// read or written.
pub fn main(args: &FactsArgs) -> anyhow::Result<u8> {
    let filter = Filter::new(args.kernel.as_deref(), None)?;
    let catalogue = Catalogue::builtin();
    let wanted = kernels::wanted(&catalogue, args.kernel.is_some(), |id| filter.wants_kernel(id));
    if wanted.is_empty() {
        eprintln!("vmtest: no kernel of the catalogue is selected");
        return Ok(exit::NOTHING_SELECTED);
    }
    let programs = programs::find(Named { guest: None, quell: None, subject: None })?;
    let out = Out::create(&args.out, wanted.iter().map(|kernel| kernel.id.as_str()))?;
    let kernels = kernels::obtain(&wanted)?;
    let mut plan = BootPlan {
        accel: Accel::Tcg,
        clock: Clock::Host,
        version: machine::installed_version()?,
        initramfs: out.write_initramfs(&image::build(&programs)?)?,
        kernel_parameters: Vec::new(),
        interrupted: cli::stop_flag().context("failed to watch for signals")?,
    };
    let mut chosen = false;
    let mut agree = true;
    let mut not_had = Vec::new();
    for (_, kernel) in kernels {
        let image = match kernel.image {
            Ok(image) => image,
            // The others can still be asked; this one is reported at the end.
            Err(reason) => {
                not_had.push(format!("kernel {}: {reason}", kernel.id));
                continue;
            }
        };
        if !chosen {
            let trial = out.path().join("trial");
            plan.accel = accel::choose(accel::Wanted::Auto, &plan, &image.vmlinux, &trial).accel;
            chosen = true;
        }
        let (_, initramfs) = kernels::with_ext4(&kernel.id, &image, &plan.initramfs, out.path())?;
        let plan = BootPlan { initramfs, ..plan.clone() };
        let found = ask(&plan, &kernel.id, &image, &out.path().join(&kernel.id))?;
        agree &= settle(args, &kernel.id, &found)?;
    }
    if !not_had.is_empty() {
        anyhow::bail!("failed to obtain every kernel: {}", not_had.join("; "));
    }
    Ok(if agree { exit::ALL_GREEN } else { exit::FACTS_DISAGREE })
}

fn ask(plan: &BootPlan, id: &str, image: &BootImage, traces: &Path) -> anyhow::Result<String> {
    let booted = boot::start(plan, &image.vmlinux, &BTreeSet::new(), traces, 1)?;
    let (guest, _directory) = booted.into_parts();
    let mut remark = |event: RunEvent| {
        if let RunEvent::Remark { kernel, text } = event {
            eprintln!("{kernel}: {text}");
        }
    };
    let session = Session::new(guest, Limits::of(plan.accel), id, 1, &mut remark);
    session.expecting(image.release.as_deref()).kernel_facts().map_err(|loss| match loss {
        Loss::Silent { waited } => anyhow::anyhow!("kernel {id}: the guest did not answer: {waited}"),
        Loss::Broken(cause) => anyhow::anyhow!("kernel {id}: {cause}"),
        Loss::Interrupted => anyhow::anyhow!("interrupted"),
    })
}

/// Compares with the record, or replaces it. Says whether they agree.
fn settle(args: &FactsArgs, id: &str, found: &str) -> anyhow::Result<bool> {
    let path = args.facts.join(format!("{id}.toml"));
    if args.bless {
        fs::write(&path, found).with_context(|| format!("failed to write {}", path.display()))?;
        println!("{id}: recorded in {}", path.display());
        return Ok(true);
    }
    let recorded = fs::read_to_string(&path).with_context(|| format!("failed to read {}", path.display()))?;
    let differences = differences(&recorded, found);
    if differences.is_empty() {
        println!("{id}: the booted kernel agrees with {}", path.display());
        return Ok(true);
    }
    println!(
        "{id}: the booted kernel disagrees with {} (`vmtest facts --bless` records it anew)",
        path.display()
    );
    for line in differences.iter().take(SHOWN_LINES) {
        println!("  {line}");
    }
    if differences.len() > SHOWN_LINES {
        println!("  … {} more", differences.len() - SHOWN_LINES);
    }
    Ok(false)
}

/// Lines that only one of them has. The release may differ: a distribution updates its kernels, and what counts is
/// whether they still offer the same.
fn differences(recorded: &str, found: &str) -> Vec<String> {
    let lines = |text: &str| -> Vec<String> {
        text.lines().filter(|line| !line.starts_with("release = ")).map(str::to_owned).collect()
    };
    let (recorded, found) = (lines(recorded), lines(found));
    let gone = recorded.iter().filter(|line| !found.contains(line)).map(|line| format!("- {line}"));
    let new = found.iter().filter(|line| !recorded.contains(line)).map(|line| format!("+ {line}"));
    gone.chain(new).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORDED: &str =
        "version = 1\nrelease = \"6.12.117\"\nbtf = \"present\"\nnames = [\n  \"a\",\n  \"b\",\n]\n";

    #[test]
    fn an_updated_release_with_the_same_features_agrees() {
        assert!(differences(RECORDED, &RECORDED.replace("117", "118")).is_empty());
    }

    #[test]
    fn a_lost_function_and_a_lost_feature_are_named() {
        let found = RECORDED.replace("  \"b\",\n", "").replace("present", "absent");
        assert_eq!(
            differences(RECORDED, &found),
            ["- btf = \"present\"", "-   \"b\",", "+ btf = \"absent\""]
        );
    }
}
