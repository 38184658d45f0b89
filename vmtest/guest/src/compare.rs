//! Has `quell-differential` compare the reference model with the evaluator in this kernel, line by line: a comparison takes
//! minutes under emulation, and a guest that says nothing for that long would be given up. Or has it load policies by two loaders.

use std::{
    ffi::OsString,
    fs,
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Command, Stdio},
    thread,
};

use anyhow::Context as _;

/// Where the image has it.
const PROGRAM: &str = "/lab/quell-differential";
/// Where the image has policies to load.
const POLICIES: &str = "/lab/policies";

/// Runs it; whether it found no difference, and what it said beside its lines.
pub(crate) fn run(
    cases: u64,
    seed: u64,
    heard: &mut dyn FnMut(serde_json::Value) -> anyhow::Result<()>,
) -> anyhow::Result<(bool, String)> {
    let words = ["kernel", "--format", "json", "--cases", &cases.to_string(), "--seed", &seed.to_string()];
    ask(words.map(OsString::from), heard)
}

/// Has every policy of the image loaded by two loaders.
pub(crate) fn load(
    heard: &mut dyn FnMut(serde_json::Value) -> anyhow::Result<()>,
) -> anyhow::Result<(bool, String)> {
    let mut policies = Vec::new();
    for entry in fs::read_dir(POLICIES).with_context(|| format!("failed to read {POLICIES}"))? {
        policies.push(entry.with_context(|| format!("failed to read {POLICIES}"))?.path().into_os_string());
    }
    policies.sort();
    ask(["load", "--format", "json"].map(OsString::from).into_iter().chain(policies), heard)
}

fn ask(
    words: impl IntoIterator<Item = OsString>,
    heard: &mut dyn FnMut(serde_json::Value) -> anyhow::Result<()>,
) -> anyhow::Result<(bool, String)> {
    if !Path::new(PROGRAM).exists() {
        return Ok((false, format!("{PROGRAM} is not in this image")));
    }
    let mut child = Command::new(PROGRAM)
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("failed to start {PROGRAM}"))?;
    let mut stderr = child.stderr.take().context("no standard error")?;
    let errors = thread::spawn(move || {
        let mut bytes = Vec::new();
        // What can't be read is not said; how the program ended is said in any case.
        let _ = stderr.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    });
    let stdout = BufReader::new(child.stdout.take().context("no standard output")?);
    for line in stdout.lines() {
        let line = line.with_context(|| format!("failed to read what {PROGRAM} prints"))?;
        heard(serde_json::from_str(&line).unwrap_or(serde_json::Value::String(line)))?;
    }
    let status = child.wait().with_context(|| format!("failed to wait for {PROGRAM}"))?;
    let said = errors.join().unwrap_or_default();
    let errors = if status.success() { said } else { format!("{status}: {said}") };
    Ok((status.success(), errors.trim_end().to_owned()))
}
