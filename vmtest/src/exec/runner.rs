//! The door for cargo and nextest: `CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER="vmtest runner --kernel 6.12"`. Cargo puts the test's path and
//! arguments behind that, and takes output and exit status as if it had run the test itself.

use std::{env, os::unix::process::CommandExt as _, process::Command};

use anyhow::Context as _;
use clap::Args;

use super::{Call, Common, environment, job::Reads, payload::Copied, perform, settle};
use crate::exit;

/// Arguments of `vmtest runner`. What cargo gives no place for comes from the environment.
#[derive(Debug, Args)]
pub struct RunnerArgs {
    /// The kernel: an id of the catalogue.
    #[arg(long, env = "VMTEST_KERNEL", value_name = "ID")]
    kernel: String,
    #[command(flatten)]
    common: Common,
    /// What goes along, as for `exec --copy`; several are separated by spaces.
    #[arg(long = "copy", env = "VMTEST_COPY", value_name = "FILE[:GUEST_PATH]", value_delimiter = ' ')]
    copies: Vec<String>,
    /// Variables that go along beside those of cargo, nextest and Rust; several are separated by spaces.
    #[arg(long = "env", env = "VMTEST_ENV", value_name = "NAME[=VALUE]", value_delimiter = ' ')]
    environment: Vec<String>,
    /// 1: the package's folder goes along, without `target` and `.git`.
    #[arg(long, env = "VMTEST_COPY_CWD", value_name = "0|1", default_value = "0", value_parser = ["0", "1"])]
    copy_cwd: String,
    /// Where a test is asked which tests it has: on this machine, because that runs none of them, or in the guest.
    #[arg(long, env = "VMTEST_LIST", value_name = "host|guest", default_value = "host", value_parser = ["host", "guest"])]
    list: String,
    /// The test and its arguments; cargo fills them in.
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "TEST")]
    command: Vec<String>,
}

/// Runs a test; the result is the exit code.
///
/// # Errors
/// Something of this machine kept it from being run.
pub fn main(args: &RunnerArgs) -> anyhow::Result<u8> {
    if args.kernel.contains(['*', '?', '[', '{', ',']) {
        eprintln!(
            "vmtest: a runner runs in one kernel, and `{}` names several; cargo takes one result per test",
            args.kernel
        );
        return Ok(exit::USAGE);
    }
    if args.list == "host" && only_lists(&args.command) {
        return on_this_machine(&args.command);
    }
    let not_empty =
        |words: &[String]| -> Vec<String> { words.iter().filter(|word| !word.is_empty()).cloned().collect() };
    let added = not_empty(&args.environment);
    let mut variables = match environment::with(&added, |name| env::var(name).ok()) {
        Ok(variables) => variables,
        Err(error) => {
            eprintln!("vmtest: {error}");
            return Ok(exit::USAGE);
        }
    };
    for (name, value) in env::vars_os() {
        if let (Some(name), Some(value)) = (name.to_str(), value.to_str())
            && environment::is_of_cargo(name)
            && !added.iter().any(|one| one.split('=').next() == Some(name))
        {
            environment::set(&mut variables, name, value.to_owned());
        }
    }
    let call = Call {
        kernel: args.kernel.clone(),
        command: args.command.clone(),
        tools: Vec::new(),
        copies: not_empty(&args.copies).iter().map(|copied| Copied::read(copied)).collect(),
        environment: variables,
        directory: None,
        with_directory: args.copy_cwd == "1",
        // A test reads nothing; cargo's own input is the user's terminal.
        reads: Reads::Nothing,
        jobs: 1,
    };
    Ok(settle(perform(call, &args.common)))
}

/// Whether the test is only asked for names, as nextest does several times for each.
fn only_lists(command: &[String]) -> bool {
    command.iter().skip(1).any(|word| word == "--list")
}

fn on_this_machine(command: &[String]) -> anyhow::Result<u8> {
    let (test, arguments) = command.split_first().context("no test is named")?;
    let error = Command::new(test).args(arguments).exec();
    Err(error).with_context(|| format!("failed to start {test}"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(&["t", "--list", "--format", "terse"], true)]
    #[case(&["t", "--list", "--format", "terse", "--ignored"], true)]
    #[case(&["t", "--exact", "lists", "--nocapture"], false)]
    #[case(&["--list"], false)]
    fn a_question_for_names_is_told_from_a_run(#[case] command: &[&str], #[case] expected: bool) {
        let command: Vec<String> = command.iter().map(|word| (*word).to_owned()).collect();
        assert_eq!(only_lists(&command), expected);
    }
}
