//! Other people's programs: `vmtest exec` runs one in chosen kernels, `vmtest runner` does so for cargo and nextest, `vmtest shell` gives it
//! the user's terminal.

pub mod elf;
pub mod environment;
pub mod input;
pub mod job;
pub mod layout;
pub mod libraries;
pub mod output;
pub mod payload;
pub mod reenter;
pub mod runner;
pub mod shell;
pub mod terminal;
pub mod verdict;

use std::{
    env,
    io::{self, IsTerminal as _},
    path::PathBuf,
    time::Duration,
};

use clap::Args;

use crate::{accel, exit};
use job::{Job, Outcome, Reads};
use payload::{Copied, Payload, PayloadError, Wanted};

/// How long a program may take unless something else is said: an hour, because emulated programs are slow.
const USUAL_TIMEOUT_S: u64 = 3600;

/// Arguments of `vmtest exec`.
#[derive(Debug, Args)]
pub struct ExecArgs {
    /// Kernels, as a glob over catalogue ids (`6.12`, `6.*`).
    #[arg(long, value_name = "GLOB")]
    kernel: String,
    #[command(flatten)]
    common: Common,
    /// What goes along beside the program: a file, a folder with all that is in it, or a pattern (`'tests/*.o'`); to the same path,
    /// or to another one behind a colon. Programs among it bring their libraries.
    #[arg(long = "copy", value_name = "FILE[:GUEST_PATH]")]
    copies: Vec<String>,
    /// A variable for the program's environment; a name alone takes over the value here.
    #[arg(long = "env", value_name = "NAME[=VALUE]")]
    environment: Vec<String>,
    /// Where the program starts [default: the current folder, with nothing in it but what was copied].
    #[arg(long, value_name = "DIR")]
    cwd: Option<PathBuf>,
    /// Guests at a time. An emulated guest keeps one processor busy.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=64))]
    jobs: u16,
    /// Give the program no standard input. With several kernels it has none anyway.
    #[arg(long, short = 'n')]
    no_stdin: bool,
    /// The program, by path or by name in PATH, and its arguments.
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "CMD")]
    command: Vec<String>,
}

/// What `exec`, `runner` and `shell` have in common.
#[derive(Clone, Debug, Args)]
pub struct Common {
    /// Seconds that the program may take.
    #[arg(long, env = "VMTEST_TIMEOUT_S", value_name = "N", default_value_t = USUAL_TIMEOUT_S)]
    timeout_s: u64,
    /// Memory of a guest in MiB [default: by the size of what goes along, at least 1024].
    #[arg(long, env = "VMTEST_MEMORY_MIB", value_name = "N", value_parser = clap::value_parser!(u32).range(256..))]
    memory_mib: Option<u32>,
    /// What runs the guests.
    #[arg(long, env = "VMTEST_ACCEL", value_enum, default_value_t)]
    accel: accel::Wanted,
    /// PID 1 of the guests [default: `vmtest-guest` beside this program].
    #[arg(long, env = "VMTEST_GUEST", value_name = "PATH")]
    guest: Option<PathBuf>,
    /// Where traces go [default: a folder that is kept only when the lab itself failed].
    #[arg(long, env = "VMTEST_OUT", value_name = "DIR")]
    out: Option<PathBuf>,
    /// Adds a word to the kernels' command line.
    #[arg(long = "kernel-parameter", value_name = "WORD")]
    kernel_parameters: Vec<String>,
}

/// A program and its surroundings, before anything was looked up.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) kernel: String,
    pub(crate) command: Vec<String>,
    pub(crate) tools: Vec<PathBuf>,
    pub(crate) copies: Vec<Copied>,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) directory: Option<PathBuf>,
    pub(crate) with_directory: bool,
    pub(crate) reads: Reads,
    pub(crate) jobs: usize,
}

/// Runs a program; the result is the exit code.
///
/// # Errors
/// Something of this machine kept it from being run.
pub fn main(args: &ExecArgs) -> anyhow::Result<u8> {
    let environment = match environment::with(&args.environment, |name| env::var(name).ok()) {
        Ok(environment) => environment,
        Err(error) => {
            eprintln!("vmtest: {error}");
            return Ok(exit::USAGE);
        }
    };
    let reads = if args.no_stdin || io::stdin().is_terminal() { Reads::Nothing } else { Reads::Stdin };
    let call = Call {
        kernel: args.kernel.clone(),
        command: args.command.clone(),
        tools: Vec::new(),
        copies: args.copies.iter().map(|copied| Copied::read(copied)).collect(),
        environment,
        directory: args.cwd.clone(),
        with_directory: false,
        reads,
        jobs: args.jobs.into(),
    };
    Ok(settle(perform(call, &args.common)))
}

/// Puts the payload together and runs the job; `Err` of the inner result is the exit code of a program that is not there.
pub(crate) fn perform(call: Call, common: &Common) -> anyhow::Result<Result<Outcome, u8>> {
    let job = match job(call, common) {
        Ok(job) => job,
        Err(error) => {
            eprintln!("vmtest: {error}");
            return Ok(Err(exit::EXEC_NO_PROGRAM));
        }
    };
    for remark in &job.payload.remarks {
        eprintln!("vmtest: will not run in the guest: {remark}");
    }
    job.run().map(Ok)
}

pub(crate) fn job(call: Call, common: &Common) -> Result<Job, PayloadError> {
    let here = env::current_dir().map_err(PayloadError::Here)?;
    let search = env::var("PATH").unwrap_or_default();
    let name = call.command.first().map(String::as_str).unwrap_or_default();
    let program = payload::find_program(name, &here, &search)?;
    let directory = match &call.directory {
        Some(directory) => payload::absolute(&here, directory),
        None => here.clone(),
    };
    let wanted = Wanted {
        program: program.clone(),
        tools: call.tools,
        copies: call.copies,
        directory: directory.clone(),
        with_directory: call.with_directory,
        library_path: environment::get(&call.environment, "LD_LIBRARY_PATH").map(str::to_owned),
    };
    let payload: Payload = payload::collect(&wanted, &here, &search)?;
    Ok(Job {
        kernel: call.kernel,
        program,
        arguments: call.command,
        environment: call.environment,
        directory,
        payload,
        reads: call.reads,
        within: Duration::from_secs(common.timeout_s),
        jobs: call.jobs,
        accel: common.accel,
        memory_mib: common.memory_mib,
        guest: common.guest.clone(),
        kernel_parameters: common.kernel_parameters.clone(),
        out: common.out.clone(),
    })
}

/// Says what became of the program, where its own output does not, and gives the exit code.
pub(crate) fn settle(outcome: anyhow::Result<Result<Outcome, u8>>) -> u8 {
    let outcome = match outcome {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(code)) => return code,
        Err(error) => {
            eprintln!("vmtest: {error:#}");
            return exit::EXEC_LAB_BROKEN;
        }
    };
    if outcome.verdicts.is_empty() {
        eprintln!("vmtest: no kernel of the catalogue is selected; `vmtest list` shows their ids");
    }
    if let [(id, verdict)] = outcome.verdicts.as_slice() {
        if !verdict.is_programs_own() {
            eprintln!("vmtest: {id}: {verdict}");
        }
    } else if !outcome.verdicts.is_empty() {
        eprint!("{}", table(&outcome));
    }
    for (id, verdict) in &outcome.verdicts {
        if let verdict::Verdict::Ended(report) = verdict
            && !report.leftovers.is_empty()
        {
            eprintln!(
                "vmtest: {id}: processes that the program left behind were ended: {}",
                report.leftovers.join(", ")
            );
        }
    }
    let failed = outcome.verdicts.iter().any(|(_, verdict)| !verdict.is_programs_own());
    if let Some(traces) = outcome.traces.as_ref().filter(|_| failed) {
        eprintln!("vmtest: traces: {}", traces.display());
    }
    let verdicts: Vec<_> = outcome.verdicts.into_iter().map(|(_, verdict)| verdict).collect();
    verdict::code(&verdicts)
}

/// One line per kernel.
fn table(outcome: &Outcome) -> String {
    let width = outcome.verdicts.iter().map(|(id, _)| id.len()).max().unwrap_or(0);
    let mut text = String::from("\n");
    for (id, verdict) in &outcome.verdicts {
        let time = match verdict {
            verdict::Verdict::Ended(report) => format!(", {:.1} s", seconds(report.run_ms)),
            _ => String::new(),
        };
        let mark = if verdict.is_programs_own() && verdict.code() == 0 { "ok" } else { "FAILED" };
        text.push_str(&format!("{id:width$}  {mark:6}  {verdict}{time}\n"));
    }
    text
}

#[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}
