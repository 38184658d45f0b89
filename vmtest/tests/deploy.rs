//! The scripts of ci/deploy, run as the cluster and the CI systems run them: what their jobs leave is one whole run. In place of
//! booting guests, each job is given events that were written down before; everything else is the real thing.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use quell_kernels::Catalogue;
use quell_scenarios::load::load_dir;
use serde_json::Value;
use tempfile::TempDir;
use vmtest::{
    ci_config::{Deployment, KEPT_SLICES},
    event::{EVENTS_VERSION, EventLine, PlannedCell, RunEvent, write_line},
    exit, kernels,
    matrix::{Filter, MatrixKernel, plan},
    out::read_events,
    outcome::Outcome,
    partition::{Part, Partition},
    report::view::RunView,
};

/// Stands where the release program stands: takes the events of a share for the run of it, and leaves all else to the real one.
const PROGRAM: &str = r#"#!/usr/bin/env bash
set -euo pipefail
[ "$1" = run ] || exec "$REAL_VMTEST" "$@"
while [ $# -gt 0 ]; do
    case $1 in
    --partition) share=$2 ;;
    --out) out=$2 ;;
    esac
    shift
done
mkdir -p "$out"
cp "$EVENTS/${share//\//_}" "$out/events.jsonl"
head -c 200000 /dev/urandom > "$out/initramfs.cpio"
exit "${RUN_CODE:-0}"
"#;

/// Answers what `ci/deploy/collect` asks of a cluster whose pods left their logs in a folder.
const KUBECTL: &str = r#"#!/usr/bin/env bash
set -euo pipefail
case "$1 $2" in
"get job")
    case "$*" in
    *spec.completions*) cat "$LOGS/completions" ;;
    *) ;;
    esac ;;
"get pods")
    index=${4##*job-completion-index=}
    if [ -e "$LOGS/$index" ]; then echo "pod/$index"; fi ;;
"logs "*) cat "$LOGS/${2#pod/}" ;;
*) exit 1 ;;
esac
"#;

/// A folder as a job finds it: a checkout with the programs in it, and events to be taken for runs.
struct Checkout {
    root: TempDir,
    plan: Vec<PlannedCell>,
}

impl Checkout {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        for folder in ["ci", "bin", "programs", "events", "logs"] {
            fs::create_dir(root.path().join(folder)).unwrap();
        }
        script(&root.path().join("programs/vmtest"), PROGRAM);
        script(&root.path().join("bin/kubectl"), KUBECTL);
        script(&root.path().join("ci/install.sh"), "#!/bin/sh\n");
        let checkout = Self { root, plan: small_plan() };
        for share in Deployment::of(&Catalogue::builtin(), false, KEPT_SLICES).shares() {
            checkout.write_events(&share);
        }
        checkout
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// Events of a share whose cells all passed.
    fn write_events(&self, share: &str) {
        let partition: Partition = share.parse().unwrap();
        let cells: Vec<PlannedCell> = partition.select(&self.plan).into_iter().cloned().collect();
        let passed = cells.iter().map(|planned| RunEvent::CellFinished {
            cell: planned.cell.clone(),
            outcome: Outcome::Passed,
            record: None,
            took_ms: 1,
        });
        let mut kernels: Vec<String> = cells.iter().map(|planned| planned.cell.kernel.clone()).collect();
        kernels.dedup();
        let mut events = vec![RunEvent::RunStarted {
            qemu: "7.2".to_owned(),
            kernels,
            cells: cells.clone(),
            jobs: 2,
            digests: BTreeMap::new(),
            part: Some(Part { partition, plan: self.plan.clone() }),
        }];
        events.extend(passed);
        events.push(RunEvent::RunFinished { interrupted: false });
        let mut file = fs::File::create(self.path("events").join(share.replace('/', "_"))).unwrap();
        for event in events {
            write_line(&mut file, &EventLine { version: EVENTS_VERSION, at_ms: 0, event }).unwrap();
        }
    }

    /// Runs a job's script in the checkout.
    fn bash(&self, script: &str, environment: &[(&str, &str)]) -> Output {
        let path = std::env::var("PATH").unwrap();
        Command::new("bash")
            .args(["-euo", "pipefail", "-c", script])
            .current_dir(self.root.path())
            .env("PATH", format!("{}:{path}", self.path("bin").display()))
            .env("REAL_VMTEST", env!("CARGO_BIN_EXE_vmtest"))
            .env("EVENTS", self.path("events"))
            .env("LOGS", self.path("logs"))
            .env("QUELL_CACHE", self.path("scratch/cache"))
            .env("TMPDIR", self.path("scratch/tmp"))
            .envs(environment.iter().copied())
            .output()
            .unwrap()
    }

    /// Runs all pods of the Indexed Job; their logs are what they printed.
    fn run_pods(&self) -> usize {
        let job = kept("kubernetes.yaml");
        let spec = &job["spec"];
        let completions = usize::try_from(spec["completions"].as_u64().unwrap()).unwrap();
        let script = spec["template"]["spec"]["containers"][0]["args"][0].as_str().unwrap();
        for index in 0..completions {
            let output = self.bash(script, &[("JOB_COMPLETION_INDEX", &index.to_string())]);
            assert!(output.status.success(), "{output:?}");
            fs::remove_dir_all(self.path("scratch")).unwrap();
            fs::write(self.path("logs").join(index.to_string()), output.stdout).unwrap();
        }
        fs::write(self.path("logs/completions"), completions.to_string()).unwrap();
        completions
    }

    fn collect(&self) -> Output {
        let collect = deploy().join("collect");
        let line = format!("'{}' --vmtest \"$REAL_VMTEST\" collected", collect.display());
        self.bash(&line, &[])
    }

    /// Asserts that the folder holds the whole run, all of it passed.
    #[track_caller]
    fn is_whole(&self, folder: &str) {
        let view = RunView::of(&read_events(&self.path(folder)).unwrap());
        let cells: Vec<_> = view.cells.iter().map(|cell| &cell.planned).collect();
        assert_eq!(cells, self.plan.iter().collect::<Vec<_>>());
        assert_eq!(exit::code(&view), exit::ALL_GREEN);
        assert!(view.part.is_none());
        let junit = fs::read_to_string(self.path(folder).join("junit.xml")).unwrap();
        let head = format!("tests=\"{}\" skipped=\"0\" failures=\"0\" errors=\"0\"", self.plan.len());
        assert!(junit.contains(&head), "{junit}");
    }
}

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("ci/deploy")
}

fn kept(file: &str) -> Value {
    serde_saphyr::from_str(&fs::read_to_string(deploy().join(file)).unwrap()).unwrap()
}

fn script(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A few cells on every kernel that the kept files name.
fn small_plan() -> Vec<PlannedCell> {
    let catalogue = Catalogue::builtin();
    let columns = kernels::wanted_with_variants(&catalogue, false, |_| true);
    let matrix: Vec<MatrixKernel> = columns.iter().map(kernels::Column::planned).collect();
    let scenarios = load_dir(&deploy().join("../../scenarios")).unwrap();
    let cells = plan(&matrix, &scenarios, &Filter::new(None, Some("{exec,pipe,process}/*")).unwrap());
    assert!(cells.len() >= 3 * matrix.len(), "{}", cells.len());
    cells
}

fn lines(value: &Value) -> String {
    value.as_array().unwrap().iter().map(|line| format!("{}\n", line.as_str().unwrap())).collect()
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect()
}

/// The script of the step of this name.
fn step<'a>(job: &'a Value, name: &str) -> &'a str {
    let steps = job["steps"].as_array().unwrap();
    steps.iter().find(|step| step["name"] == name).unwrap()["run"].as_str().unwrap()
}

#[test]
fn the_pods_of_the_indexed_job_make_one_whole_run() {
    let checkout = Checkout::new();
    let pods = checkout.run_pods();
    assert!(pods > 1);
    let output = checkout.collect();
    assert!(output.status.success(), "{output:?}");
    checkout.is_whole("collected/lab");
    assert!(!checkout.path("collected/parts/0/initramfs.cpio").exists());
}

#[test]
fn a_pod_whose_log_is_cut_is_missing_from_the_run() {
    let checkout = Checkout::new();
    checkout.run_pods();
    let log = checkout.path("logs/1");
    let text = fs::read(&log).unwrap();
    fs::write(&log, &text[..text.len() / 2]).unwrap();
    let output = checkout.collect();
    assert_eq!(output.status.code(), Some(i32::from(exit::LAB_BROKEN)), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("collect: pod 1 left no whole part"), "{said}");
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("cells were not run"), "{said}");
}

#[test]
fn a_red_pod_is_red_and_its_part_comes_back_all_the_same() {
    let checkout = Checkout::new();
    let job = kept("kubernetes.yaml");
    let script = job["spec"]["template"]["spec"]["containers"][0]["args"][0].as_str().unwrap();
    let output = checkout.bash(script, &[("JOB_COMPLETION_INDEX", "0"), ("RUN_CODE", "10")]);
    assert_eq!(output.status.code(), Some(10));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.trim_end().ends_with("-----END PART 0-----"), "{said}");
}

#[test]
fn the_jobs_of_the_gitlab_pipeline_make_one_whole_run() {
    let checkout = Checkout::new();
    let pipeline = kept("gitlab.yaml");
    let matrix = &pipeline["lab"]["parallel"]["matrix"][0];
    for kernel in strings(&matrix["KERNEL"]) {
        for slice in strings(&matrix["SLICE"]) {
            let job = lines(&pipeline["lab"]["script"]);
            let output = checkout.bash(&job, &[("KERNEL", &kernel), ("SLICE", &slice)]);
            assert!(output.status.success(), "{output:?}");
        }
    }
    let output = checkout.bash(&lines(&pipeline["merge"]["script"]), &[]);
    assert!(output.status.success(), "{output:?}");
    checkout.is_whole("lab");
}

#[test]
fn the_jobs_of_the_github_workflow_make_one_whole_run() {
    let checkout = Checkout::new();
    let packed = checkout.bash("tar -C programs -cf programs.tar vmtest && rm -r programs", &[]);
    assert!(packed.status.success(), "{packed:?}");
    let jobs = &kept("github.yaml")["jobs"];
    let matrix = &jobs["lab"]["strategy"]["matrix"];
    fs::create_dir(checkout.path("parts")).unwrap();
    for kernel in strings(&matrix["kernel"]) {
        for slice in strings(&matrix["slice"]) {
            // What the workflow's env says of it.
            let share = format!("kernel:{kernel},slice:{slice}");
            let output = checkout.bash(step(&jobs["lab"], "Perform the cells"), &[("SHARE", &share)]);
            assert!(output.status.success(), "{output:?}");
            let name = format!("parts/part-{}", share.replace('/', "_"));
            fs::rename(checkout.path("part"), checkout.path(&name)).unwrap();
        }
    }
    let output = checkout.bash(step(&jobs["merge"], "Put the parts together"), &[]);
    assert!(output.status.success(), "{output:?}");
    checkout.is_whole("lab");
    let summary = checkout.path("summary");
    let shown = checkout.bash(
        step(&jobs["merge"], "Show the table"),
        &[("GITHUB_STEP_SUMMARY", &summary.display().to_string())],
    );
    assert!(shown.status.success(), "{shown:?}");
    let summary = fs::read_to_string(summary).unwrap();
    assert!(summary.contains(&format!("{} passed, 0 failed, 0 skipped", checkout.plan.len())), "{summary}");
}
