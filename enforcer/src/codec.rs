//! `quell encode`, `quell decode` and `quell eval`: a policy to bytes, bytes to a policy, and what a policy means.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use clap::{Args, ValueEnum};

use quell::exit;
use quell::model::context_file;
use quell::model::show::Explanation;
use quell::policy::ast::{Hook, Policy};
use quell::policy::{Diagnostics, parse_one, yaml};
use quell::run;
use quell::selector::document::{self, Document};

#[derive(Debug, Args)]
pub(crate) struct Encode {
    /// Policy file with one policy
    policy: PathBuf,
    /// Where to write the document; standard output when not given
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Decode {
    /// What `quell encode` wrote
    document: PathBuf,
    /// What to show: a listing of the bytes and sets, or the policy
    #[arg(long, value_enum, default_value_t = DecodeFormat::Text)]
    format: DecodeFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum DecodeFormat {
    /// A listing of the bytes and sets
    Text,
    /// The policy as YAML
    Yaml,
    /// The policy as JSON
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct Eval {
    /// Policy file with one policy
    policy: PathBuf,
    /// Number (from 0) or name of the hook; needed when the policy has several
    #[arg(long, value_name = "HOOK")]
    hook: Option<String>,
    /// What the hook sees: YAML or JSON, see docs/context-file.md
    #[arg(long, value_name = "FILE")]
    context: PathBuf,
    /// Form of the answer
    #[arg(long, value_enum, default_value_t = EvalFormat::Text)]
    format: EvalFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum EvalFormat {
    Text,
    Json,
}

fn print(text: &str) -> Result<u8> {
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(exit::OK)
}

/// The only policy of a file, or what is wrong with it, which has been said.
fn policy(path: &Path, complain: impl Fn(&Diagnostics)) -> Result<Option<Policy>> {
    match run::source(path)?.and_then(|source| parse_one(&source)) {
        Ok(policy) => Ok(Some(policy)),
        Err(diagnostics) => {
            complain(&diagnostics);
            Ok(None)
        }
    }
}

/// Writes what the kernel would get of a policy.
///
/// # Errors
/// When a file cannot be read or written, or the policy does not fit.
pub(crate) fn encode(options: &Encode, complain: impl Fn(&Diagnostics)) -> Result<u8> {
    let Some(policy) = policy(&options.policy, complain)? else { return Ok(exit::POLICY) };
    let json = document::encode(&policy)?.to_json()?;
    match &options.output {
        Some(file) => {
            std::fs::write(file, json).with_context(|| format!("failed to write {}", file.display()))?;
            Ok(exit::OK)
        }
        None => print(&json),
    }
}

/// Shows what is in a document.
///
/// # Errors
/// When the file cannot be read or is not a document.
pub(crate) fn decode(options: &Decode) -> Result<u8> {
    let file = options.document.display();
    let bytes = read(&options.document)?;
    let document = Document::from_json(&bytes).with_context(|| format!("failed to read {file}"))?;
    let failed = || format!("failed to decode {file}");
    match options.format {
        DecodeFormat::Text => print(&document.listing().with_context(failed)?),
        DecodeFormat::Yaml => print(&yaml::print(&document.policy().with_context(failed)?)),
        DecodeFormat::Json => {
            let policy = yaml::print(&document.policy().with_context(failed)?);
            let value: serde_json::Value = serde_saphyr::from_str(&policy)
                .map_err(|error| anyhow!("{error}"))
                .context("the policy has bytes that JSON cannot show; use --format yaml")?;
            print(&(serde_json::to_string_pretty(&value)? + "\n"))
        }
    }
}

/// Reads a file that may be a document, and no more of it than a document can have.
fn read(path: &Path) -> Result<Vec<u8>> {
    use std::io::Read as _;
    let failed = || format!("failed to read {}", path.display());
    let file = std::fs::File::open(path).with_context(failed)?;
    let mut bytes = Vec::new();
    file.take(document::MAX_BYTES as u64 + 1).read_to_end(&mut bytes).with_context(failed)?;
    Ok(bytes)
}

/// Shows what the reference model says of one hook and one context.
///
/// # Errors
/// When a file cannot be read, or the context is not one of the hook.
pub(crate) fn eval(options: &Eval, complain: impl Fn(&Diagnostics)) -> Result<u8> {
    let Some(policy) = policy(&options.policy, complain)? else { return Ok(exit::POLICY) };
    let hook = hook(&policy, options.hook.as_deref())?;
    let file = options.context.display();
    let text = std::fs::read_to_string(&options.context).with_context(|| format!("failed to read {file}"))?;
    let context = context_file::read(&text).with_context(|| format!("failed to read {file}"))?;
    context_file::check(&context, hook)
        .with_context(|| format!("{file} does not fit {}", hook.name.value))?;
    let explanation = Explanation::new(hook, &context, policy.options.monitor == Some(true));
    match options.format {
        EvalFormat::Text => print(&explanation.to_string()),
        EvalFormat::Json => print(&(serde_json::to_string_pretty(&explanation)? + "\n")),
    }
}

/// The hook that was asked for: by number, by name, or the only one.
fn hook<'a>(policy: &'a Policy, asked: Option<&str>) -> Result<&'a Hook> {
    let Some(asked) = asked else {
        let [only] = policy.hooks.as_slice() else {
            bail!(
                "the policy has {} hooks, say which one with --hook: {}",
                policy.hooks.len(),
                names(policy)
            );
        };
        return Ok(only);
    };
    let by_number = asked.parse().ok().and_then(|number: usize| policy.hooks.get(number));
    let mut by_name =
        policy.hooks.iter().filter(|hook| hook.name.value == asked || hook.point.target() == asked);
    match (by_number, by_name.next(), by_name.next()) {
        (Some(hook), ..) | (None, Some(hook), None) => Ok(hook),
        (None, None, _) => bail!("the policy has no hook `{asked}`; it has {}", names(policy)),
        (None, Some(_), Some(_)) => {
            bail!("the policy has several hooks `{asked}`; give the number: {}", names(policy))
        }
    }
}

fn names(policy: &Policy) -> String {
    let named: Vec<_> =
        (0..).zip(&policy.hooks).map(|(number, hook)| format!("{number} {}", hook.name.value)).collect();
    named.join(", ")
}
