//! Whether `quell check --kernel ID` can be trusted: what it says of a policy on this machine, what the enforcer says in the
//! booted kernel, and what it then does there have to be the same, field by field.

mod compare;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use quell_kernels::Catalogue;
use quell_scenarios::scenario::FileSystem;
use serde_json::Value;
use vmtest_proto::PlanRequest;

use crate::{
    accel,
    boot::{self, BootPlan},
    cli, disk,
    event::RunEvent,
    exit, image, kernels,
    limits::Limits,
    link::Loss,
    machine,
    matrix::Filter,
    out::Out,
    programs::{self, Named},
    qemu::{Accel, Clock},
    run::{BootImage, RunKernel},
    session::{PlanAnswer, Session},
};
use compare::{Difference, Ran};

/// How long all policies of one kernel may take.
const PATIENCE: Duration = Duration::from_secs(1800);

/// Arguments of `vmtest agree`.
#[derive(Debug, Args)]
pub struct AgreeArgs {
    /// Kernels, as a glob over catalogue ids (`6.*`).
    #[arg(long, value_name = "GLOB")]
    kernel: Option<String>,
    /// Where the policies are.
    #[arg(long, value_name = "DIR", default_value = "scenarios/policies")]
    policies: PathBuf,
    /// Which policies are put in force, beside being checked.
    #[arg(long, value_enum, default_value_t = Force::Kinds)]
    run: Force,
    /// Where traces go.
    #[arg(long, value_name = "DIR", default_value = "out/agree")]
    out: PathBuf,
}

/// Which policies are put in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Force {
    /// None of them
    None,
    /// The first one of each kind of plan
    Kinds,
    /// All of them
    All,
}

/// Compares; the result is the exit code.
///
/// # Errors
/// A kernel can't be obtained or booted, a file can't be read, or the enforcer can't be asked on this machine.
pub fn main(args: &AgreeArgs) -> anyhow::Result<u8> {
    let filter = Filter::new(args.kernel.as_deref(), None)?;
    let catalogue = Catalogue::builtin();
    let wanted = kernels::wanted(&catalogue, args.kernel.is_some(), |id| filter.wants_kernel(id));
    let policies = policies(&args.policies)?;
    if wanted.is_empty() || policies.is_empty() {
        eprintln!("vmtest: no kernel of the catalogue is selected, or there are no policies");
        return Ok(exit::NOTHING_SELECTED);
    }
    let programs = programs::find(Named { guest: None, quell: None, subject: None })?;
    let out = Out::create(&args.out, wanted.iter().map(|kernel| kernel.id.as_str()))?;
    let mut plan = BootPlan {
        accel: Accel::Tcg,
        clock: Clock::Host,
        version: machine::installed_version()?,
        initramfs: out.write_initramfs(&image::build_with_policies(&programs, &policies)?)?,
        kernel_parameters: Vec::new(),
        interrupted: cli::stop_flag().context("failed to watch for signals")?,
    };
    let mut chosen = false;
    let mut differences = 0;
    for (_, kernel) in kernels::obtain(&wanted)? {
        let image =
            kernel.image.as_ref().map_err(|reason| anyhow::anyhow!("kernel {}: {reason}", kernel.id))?;
        if !chosen {
            let trial = out.path().join("trial");
            plan.accel = accel::choose(accel::Wanted::Auto, &plan, &image.vmlinux, &trial).accel;
            chosen = true;
        }
        let recorded = recorded(&programs.quell, &kernel.id, &policies)?;
        let requests = requests(&recorded, args.run);
        let asked = requests.iter().filter(|request| request.run).count();
        let traces = out.path().join(&kernel.id);
        let (disk, initramfs) = kernels::with_ext4(&kernel.id, image, &plan.initramfs, out.path())?;
        let plan = BootPlan { initramfs, ..plan.clone() };
        let found = ask(&plan, &kernel, (image, &disk), &traces, requests)?.differences(&recorded);
        println!(
            "{}: {} policies checked, {asked} of them run: {} differences",
            kernel.id,
            policies.len(),
            found.len()
        );
        for difference in &found {
            println!("  {difference}");
        }
        differences += found.len();
    }
    Ok(if differences == 0 { exit::ALL_GREEN } else { exit::PLANS_DIFFER })
}

/// The policies of a folder, by name.
fn policies(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("failed to read {}", folder.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.with_context(|| format!("failed to read {}", folder.display()))?.path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// What the enforcer says from recorded facts.
fn recorded(quell: &Path, kernel: &str, policies: &[PathBuf]) -> anyhow::Result<Value> {
    let output = Command::new(quell)
        .args(["check", "--kernel", kernel, "--format", "json"])
        .args(policies)
        .output()
        .with_context(|| format!("failed to start {}", quell.display()))?;
    serde_json::from_slice(&output.stdout).with_context(|| {
        let errors = String::from_utf8_lossy(&output.stderr);
        format!("quell check --kernel {kernel} ended with {} and printed no JSON: {errors}", output.status)
    })
}

/// Every policy is checked. Of each kind of plan only the first one is put in force, refused ones included: emulated, one
/// policy takes half a minute, and a second one of the same kind teaches little.
fn requests(recorded: &Value, force: Force) -> Vec<PlanRequest> {
    let mut seen = BTreeSet::new();
    let files = recorded["files"].as_array().into_iter().flatten();
    files
        .map(|file| {
            let name = compare::name(file);
            let first = seen.insert(compare::kind(file));
            let run = match force {
                Force::None => false,
                Force::Kinds => first,
                Force::All => true,
            };
            PlanRequest { name, run }
        })
        .collect()
}

/// Everything that was heard from one guest.
#[derive(Debug, Default)]
struct Heard {
    files: Vec<Value>,
    ran: Vec<Ran>,
    complaints: Vec<String>,
}

impl Heard {
    fn differences(&self, recorded: &Value) -> Vec<Difference> {
        let checked = serde_json::json!({ "files": self.files });
        let mut found = compare::checks(recorded, &checked);
        found.extend(self.ran.iter().flat_map(|ran| compare::run(&checked, ran)));
        found.extend(self.complaints.iter().map(|text| Difference::of("the kernel", "complaint", "", text)));
        found
    }
}

fn ask(
    plan: &BootPlan,
    kernel: &RunKernel,
    (image, disk): (&BootImage, &BTreeSet<FileSystem>),
    traces: &Path,
    requests: Vec<PlanRequest>,
) -> anyhow::Result<Heard> {
    let booted = boot::start(plan, &image.vmlinux, disk, traces, 1)?;
    let (guest, _directory) = booted.into_parts();
    let id = kernel.id.as_str();
    let mut remark = |event: RunEvent| {
        if let RunEvent::Remark { kernel, text } = event {
            eprintln!("{kernel}: {text}");
        }
    };
    let mut heard = Heard::default();
    let session =
        Session::new(guest, Limits::of(plan.accel), id, 1, &mut remark).mounting(disk::mounted(disk));
    let answered = session.expecting(image.release.as_deref()).plans(
        requests,
        kernel.without.clone(),
        PATIENCE,
        &mut |answer| match answer {
            PlanAnswer::Checked(file) => heard.files.push(file),
            PlanAnswer::Ran { name, in_force, status, report, errors } => {
                heard.ran.push(Ran { name, in_force, status, report, errors });
            }
            PlanAnswer::Complaint(text) => heard.complaints.push(text),
        },
    );
    answered.map(|()| heard).map_err(|loss| match loss {
        Loss::Silent { waited } => anyhow::anyhow!("kernel {id}: the guest did not answer: {waited}"),
        Loss::Broken(cause) => anyhow::anyhow!("kernel {id}: {cause}"),
        Loss::Interrupted => anyhow::anyhow!("interrupted"),
    })
}
