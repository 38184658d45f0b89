//! What the enforcer says that it will do with policies in this kernel, and what it then does: `quell check` once for all of
//! them, and `quell run` for each that the host wants to see in force, up to the moment when it is.

use std::{
    fs,
    io::Read as _,
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use quell_scenarios::lab::LabPaths;
use vmtest_proto::{PlanRequest, ToHost};

/// Where the image has the policies.
const POLICIES: &str = "/lab/policies";
/// Where an enforcer leaves its report and says that it is ready.
const FOLDER: &str = "/tmp/plans";
/// How long one policy may take until it is in force; emulated kernels verify slowly.
const PATIENCE: Duration = Duration::from_secs(240);
/// How often a starting enforcer is looked at.
const GLANCE: Duration = Duration::from_millis(50);

/// Asks, and says every answer at once: a guest that is silent for long would be given up.
pub(crate) fn ask(
    policies: &[PlanRequest],
    without: &[String],
    say: &mut dyn FnMut(ToHost) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let quell = LabPaths::guest().quell;
    let mask: Vec<String> = match without {
        [] => Vec::new(),
        words => vec!["--without".to_owned(), words.join(",")],
    };
    fs::create_dir_all(FOLDER).with_context(|| format!("failed to create {FOLDER}"))?;
    let files: Vec<PathBuf> = policies.iter().map(|policy| Path::new(POLICIES).join(&policy.name)).collect();
    let output = Command::new(&quell)
        .args(["check", "--this-kernel", "--format", "json"])
        .args(&mask)
        .args(&files)
        .output()
        .with_context(|| format!("failed to start {}", quell.display()))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout)
        .with_context(|| format!("quell check ended with {} and printed no JSON: {errors}", output.status))?;
    // One by one: a frame does not carry the answers about hundreds of policies.
    for file in answer["files"].as_array().context("quell check says nothing of files")? {
        say(ToHost::PlansChecked { file: file.clone() })?;
    }
    for (policy, file) in policies.iter().zip(&files).filter(|(policy, _)| policy.run) {
        let Ran { in_force, status, report, errors } = run(&quell, file, &mask)?;
        say(ToHost::PlanRan { name: policy.name.clone(), in_force, status, report, errors })?;
    }
    say(ToHost::PlansDone)
}

struct Ran {
    in_force: bool,
    status: String,
    report: serde_json::Value,
    errors: String,
}

/// Runs one policy in monitor mode, because most of them would stop the machinery of the guest itself or the enforcer's
/// neighbours; what is attached is the same.
fn run(quell: &Path, policy: &Path, mask: &[String]) -> anyhow::Result<Ran> {
    let report = PathBuf::from(FOLDER).join("report.json");
    let socket = PathBuf::from(FOLDER).join("ready");
    for old in [&report, &socket] {
        if old.exists() {
            fs::remove_file(old).with_context(|| format!("failed to remove {}", old.display()))?;
        }
    }
    let ready = UnixDatagram::bind(&socket).context("failed to bind the socket of readiness")?;
    ready.set_read_timeout(Some(GLANCE)).context("failed to set up the socket of readiness")?;
    let mut child = Command::new(quell)
        .args(["run", "--mode", "monitor", "--output", "json"])
        .args(mask)
        .arg("--policy")
        .arg(policy)
        .arg("--report")
        .arg(&report)
        .env("NOTIFY_SOCKET", &socket)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("failed to start {}", quell.display()))?;
    let mut stderr = child.stderr.take().context("no standard error")?;
    let errors = thread::spawn(move || {
        let mut bytes = Vec::new();
        // What can't be read is not said; how the program ended is said in any case.
        let _ = stderr.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    });
    let in_force = wait_until_ready(&mut child, &ready)?;
    let pid = Pid::from_raw(i32::try_from(child.id()).context("no process id")?);
    if in_force {
        kill(pid, Signal::SIGTERM).context("failed to stop the enforcer")?;
    }
    let status = child.wait().context("failed to wait for the enforcer")?;
    let report = match fs::read_to_string(&report) {
        Ok(text) => serde_json::from_str(&text).context("failed to read the enforcer's report")?,
        Err(_) => serde_json::Value::Null,
    };
    Ok(Ran { in_force, status: status.to_string(), report, errors: errors.join().unwrap_or_default() })
}

/// Whether it says that it enforces, before it ends. One that does neither is ended.
fn wait_until_ready(child: &mut Child, ready: &UnixDatagram) -> anyhow::Result<bool> {
    let until = Instant::now() + PATIENCE;
    let mut message = [0; 256];
    while Instant::now() < until {
        if let Ok(length) = ready.recv(&mut message)
            && message[..length].starts_with(b"READY=1")
        {
            return Ok(true);
        }
        if child.try_wait().context("failed to look at the enforcer")?.is_some() {
            return Ok(false);
        }
    }
    child.kill().context("failed to end an enforcer that does not get ready")?;
    Ok(false)
}
