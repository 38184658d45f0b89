//! `vmtest ci-config`: how a cluster and two CI systems share the lab out, made from the catalogue: a job for each kernel and
//! slice of its cells, and one that puts the parts together. Rendering is pure; only `main` writes.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use minijinja::{Environment, UndefinedBehavior, context, syntax::SyntaxConfig};
use quell_kernels::Catalogue;

use crate::{exit, kernels};

/// Slices for each kernel in the files that are kept in `ci/deploy`.
pub const KEPT_SLICES: u32 = 2;

/// `vmtest ci-config`
#[derive(Debug, Args)]
pub(crate) struct CiConfigArgs {
    /// Which file; without it, all of them (then --write says where to).
    #[arg(long, value_enum, required_unless_present = "write")]
    format: Option<Format>,
    /// Into how many jobs each kernel's cells are cut.
    #[arg(long, value_name = "N", default_value_t = KEPT_SLICES, value_parser = clap::value_parser!(u32).range(1..=100))]
    slices: u32,
    /// Kernels and variants of the full tier as well.
    #[arg(long)]
    full: bool,
    /// Write the files into this directory instead of printing one [default: ci/deploy].
    #[arg(long, value_name = "DIR", num_args = 0..=1, default_missing_value = "ci/deploy")]
    write: Option<PathBuf>,
}

/// Who shares the lab out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// An Indexed Job.
    Kubernetes,
    /// A workflow with a matrix, for GitHub Actions.
    Github,
    /// A pipeline with a parallel job, for GitLab.
    Gitlab,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Kubernetes, Self::Github, Self::Gitlab];

    /// The word on command lines.
    fn word(self) -> &'static str {
        match self {
            Self::Kubernetes => "kubernetes",
            Self::Github => "github",
            Self::Gitlab => "gitlab",
        }
    }

    /// The file in `ci/deploy`.
    #[must_use]
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Kubernetes => "kubernetes.yaml",
            Self::Github => "github.yaml",
            Self::Gitlab => "gitlab.yaml",
        }
    }

    fn template(self) -> &'static str {
        match self {
            Self::Kubernetes => include_str!("ci_config/kubernetes.yaml.j2"),
            Self::Github => include_str!("ci_config/github.yaml.j2"),
            Self::Gitlab => include_str!("ci_config/gitlab.yaml.j2"),
        }
    }
}

/// What is shared out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployment {
    /// Catalogue ids of kernels and variants, in matrix order. The catalogue lets only letters, digits, `.`, `-` and `_` through, so
    /// that they need no care in YAML beyond quotes, nor in a shell.
    pub kernels: Vec<String>,
    /// Jobs for each.
    pub slices: u32,
    /// Whether variants of the full tier are among the kernels: the plan of each job has to have them too.
    pub full: bool,
}

impl Deployment {
    /// Every kernel of the catalogue's tier.
    #[must_use]
    pub fn of(catalogue: &Catalogue, full: bool, slices: u32) -> Self {
        let columns = kernels::wanted_with_variants(catalogue, full, |_| true);
        Self { kernels: columns.into_iter().map(|column| column.id).collect(), slices, full }
    }

    /// What each job performs, as `--partition` takes it.
    #[must_use]
    pub fn shares(&self) -> Vec<String> {
        let slices = self.slices;
        self.kernels
            .iter()
            .flat_map(|kernel| {
                (1..=slices).map(move |index| format!("kernel:{kernel},slice:{index}/{slices}"))
            })
            .collect()
    }
}

/// Renders one file.
///
/// # Errors
/// A template is broken, which a test rules out.
pub fn render(format: Format, deployment: &Deployment) -> Result<String, minijinja::Error> {
    let Deployment { kernels, slices, full } = deployment;
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    // Of the files' own languages, `{{` belongs to expressions of GitHub's, and `{#` to shells.
    let syntax = SyntaxConfig::builder()
        .variable_delimiters("[[", "]]")
        .comment_delimiters("[#", "#]")
        .trim_blocks(true)
        .lstrip_blocks(true)
        .keep_trailing_newline(true)
        .build()?;
    environment.set_syntax(syntax);
    let tier = if *full { " --full" } else { "" };
    environment.render_str(
        format.template(),
        context! {
            command => format!("vmtest ci-config --format {} --slices {slices}{tier}", format.word()),
            kernels,
            slices => (1..=*slices).map(|index| format!("{index}/{slices}")).collect::<Vec<_>>(),
            shares => deployment.shares(),
            tier,
            version => env!("CARGO_PKG_VERSION"),
            rust => env!("CARGO_PKG_RUST_VERSION"),
        },
    )
}

pub(crate) fn main(args: &CiConfigArgs) -> anyhow::Result<u8> {
    let deployment = Deployment::of(&Catalogue::builtin(), args.full, args.slices);
    let formats = args.format.map_or_else(|| Format::ALL.to_vec(), |format| vec![format]);
    for format in formats {
        let text = render(format, &deployment)
            .with_context(|| format!("failed to render {}", format.file_name()))?;
        match &args.write {
            None => print!("{text}"),
            Some(directory) => write(&directory.join(format.file_name()), &text)?,
        }
    }
    Ok(exit::ALL_GREEN)
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let is_same = fs::read_to_string(path).is_ok_and(|kept| kept == text);
    if !is_same {
        fs::write(path, text).with_context(|| format!("failed to write {}", path.display()))?;
    }
    println!("{}: {}", path.display(), if is_same { "as it was" } else { "written" });
    Ok(())
}

#[cfg(test)]
mod tests;
