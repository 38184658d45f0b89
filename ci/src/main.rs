//! `cargo xtask VERB`: what developers and CI run, one file per task. It runs the other crates and links none of them,
//! so that it still works when one of them does not compile.

mod browser;
mod count;
mod page;
mod stage;
mod step;
mod summary;
mod task_bless;
mod task_clippy;
mod task_fmt;
mod task_mutation;
mod task_page;
mod task_prepush;
mod task_test;
mod task_tidy;
mod tidy;
mod tiers;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Developer verbs of Quell.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Every check with its time budget; `ci/test` installs what is missing and calls this.
    Test(task_test::Args),
    /// The cheap checks, before a push: fmt, tidy, codegen, clippy.
    Prepush,
    /// Is everything formatted?
    Fmt,
    /// Does clippy have nothing to say, with all features and all targets?
    Clippy,
    /// The rules of the house that no compiler checks.
    Tidy,
    /// Does the comparison notice bugs that are planted on purpose?
    Mutation(task_mutation::Args),
    /// Does the page of a lab run work in a browser? Leaves screenshots.
    Page(task_page::Args),
    /// Writes generated files and golden texts anew.
    Bless(task_bless::Args),
}

fn main() -> ExitCode {
    let done = match Cli::parse().verb {
        Verb::Test(args) => task_test::run(&args),
        Verb::Prepush => task_prepush::run(),
        Verb::Fmt => task_fmt::step().run(),
        Verb::Clippy => task_clippy::step().run(),
        Verb::Tidy => task_tidy::run(),
        Verb::Mutation(args) => task_mutation::run(&args),
        Verb::Page(args) => task_page::run(&args),
        Verb::Bless(args) => task_bless::run(&args),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Where the workspace is.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new(".")).to_owned()
}
