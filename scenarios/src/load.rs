//! Reads a folder of scenario files into self-contained values, and refuses what is not a scenario.

mod expectation;
mod problem;
mod validate;

use std::path::{Path, PathBuf};

use serde::Deserialize;
use walkdir::WalkDir;

pub use self::problem::{LoadError, Problem};
use crate::effect::Effect;
use crate::scenario::{
    Exception, Expectation, FileSystem, Mode, Policy, Position, PreparedFile, Scenario, Target, Tier,
};
use crate::step::Step;

/// The folder of the policies, beside those of the scenarios.
const POLICIES: &str = "policies";

/// A scenario file as written: the id comes from its path, the policy text from the file that it names.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ScenarioFile {
    title: String,
    claims: Vec<String>,
    policy: String,
    filesystems: Vec<FileSystem>,
    #[serde(default)]
    tier: Tier,
    #[serde(default)]
    position: Position,
    #[serde(default)]
    mode: Mode,
    target: Target,
    #[serde(default)]
    files: Vec<PreparedFile>,
    steps: Vec<Step>,
    #[serde(default)]
    bystander_steps: Vec<Step>,
    effect: Vec<Effect>,
    expect: Expectation,
    #[serde(default)]
    except: Vec<ExceptionEntry>,
}

/// An exception as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExceptionEntry {
    kernels: Vec<String>,
    #[serde(default)]
    filesystems: Vec<FileSystem>,
    why: String,
    policy: Option<String>,
    expect: Expectation,
}

/// Reads every `<area>/<name>.yaml` under `dir` and the policies that they name, sorted by id.
///
/// # Errors
/// Every problem of every file at once. A folder without any scenario is an error too.
pub fn load_dir(dir: &Path) -> Result<Vec<Scenario>, LoadError> {
    let mut problems = Vec::new();
    let mut scenarios = Vec::new();
    for entry in WalkDir::new(dir).sort_by_file_name() {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                let path = error.path().unwrap_or(dir).to_owned();
                problems.push(Problem::Unreadable { path, source: error.into() });
                continue;
            }
        };
        let Ok(relative) = entry.path().strip_prefix(dir) else { continue };
        if entry.file_type().is_dir() || relative.starts_with(POLICIES) {
            continue;
        }
        match relative.extension().and_then(std::ffi::OsStr::to_str) {
            Some("yaml") => match load_file(dir, relative) {
                Ok(scenario) => scenarios.push(scenario),
                Err(found) => problems.extend(found),
            },
            // Would otherwise be a scenario that nobody ever runs.
            Some("yml") => problems.push(Problem::Misnamed { path: entry.path().to_owned() }),
            _ => {}
        }
    }
    if scenarios.is_empty() && problems.is_empty() {
        problems.push(Problem::NoScenario { dir: dir.to_owned() });
    }
    if problems.is_empty() { Ok(scenarios) } else { Err(LoadError { problems }) }
}

fn load_file(dir: &Path, relative: &Path) -> Result<Scenario, Vec<Problem>> {
    let path = dir.join(relative);
    let id = id_of(relative).ok_or_else(|| vec![Problem::Misnamed { path: path.clone() }])?;
    let text = std::fs::read_to_string(&path)
        .map_err(|source| vec![Problem::Unreadable { path: path.clone(), source }])?;
    let file: ScenarioFile = serde_saphyr::from_str(&text)
        .map_err(|error| vec![Problem::NotAScenario { path: path.clone(), source: Box::new(error) }])?;
    let mut problems: Vec<Problem> = validate::complaints(&file)
        .into_iter()
        .map(|what| Problem::Invalid { path: path.clone(), what })
        .collect();
    let policy = match read_policy(dir, &file.policy) {
        Ok(policy) => policy,
        Err(error) => {
            let what = format!("policy `{}` can't be read: {error}", file.policy);
            problems.push(Problem::Invalid { path, what });
            return Err(problems);
        }
    };
    let mut except = Vec::new();
    for entry in &file.except {
        let policy = entry.policy.as_ref().map(|name| (name, read_policy(dir, name)));
        let policy = match policy {
            Some((name, Err(error))) => {
                let what = format!("policy `{name}` can't be read: {error}");
                problems.push(Problem::Invalid { path: path.clone(), what });
                None
            }
            Some((_, Ok(policy))) => Some(policy),
            None => None,
        };
        let ExceptionEntry { kernels, filesystems, why, expect, .. } = entry;
        except.push(Exception {
            kernels: kernels.clone(),
            filesystems: filesystems.clone(),
            why: why.clone(),
            policy,
            expect: expect.clone(),
        });
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let ScenarioFile {
        title,
        claims,
        policy: _,
        filesystems,
        tier,
        position,
        mode,
        target,
        files,
        steps,
        bystander_steps,
        effect,
        expect,
        except: _,
    } = file;
    Ok(Scenario {
        id,
        title,
        claims,
        policy,
        filesystems,
        tier,
        position,
        mode,
        target,
        files,
        steps,
        bystander_steps,
        effect,
        expect,
        except,
        without: Vec::new(),
        btf: None,
    })
}

fn read_policy(dir: &Path, file: &str) -> std::io::Result<Policy> {
    Ok(Policy { file: file.to_owned(), text: std::fs::read_to_string(dir.join(file))? })
}

/// `area/name` from `area/name.yaml`: two parts of lower-case words, so that it can stand in a cell's name, in a
/// glob and in a file name.
fn id_of(relative: &Path) -> Option<String> {
    let without: PathBuf = relative.with_extension("");
    let parts: Vec<&str> = without.iter().map(std::ffi::OsStr::to_str).collect::<Option<_>>()?;
    let word = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_'))
    };
    (parts.len() == 2 && parts.iter().all(|part| word(part))).then(|| parts.join("/"))
}
