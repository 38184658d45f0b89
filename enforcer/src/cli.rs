//! The command line: what can be asked, and the answer to each.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use clap::{Parser, Subcommand, ValueEnum};

use crate::codec;
use quell::check::{self, Checked, Format};
use quell::exit;
use quell::files::{self, Found};
use quell::hook::asked;
use quell::hook::buffer::EventBuffer;
use quell::kernel::facts::{Answer, Feature, KernelFacts};
use quell::kernel::mask::Without;
use quell::kernel::view::View;
use quell::kernel::{probe, recorded};
use quell::policy::{Diagnostics, Style, render};
use quell::run::{self, Options, Output, Progress, RunError};
use quell::selector::{compile, explain};
use quell::taken::Names;
use quell::verifier::{self, Measured, VerifierError};

/// Stops processes inside the Linux kernel according to a policy, and says what that really prevents.
#[derive(Debug, Parser)]
#[command(version, about)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say whether policies can be enforced, and what they leave open; needs no root unless --this-kernel
    Check {
        /// Policy files, or folders: all *.yaml and *.yml below them, but nothing that begins with a dot
        #[arg(required = true)]
        policies: Vec<PathBuf>,
        /// For a kernel of the catalogue, such as 6.12
        #[arg(long, value_name = "ID", conflicts_with_all = ["facts", "this_kernel"])]
        kernel: Option<String>,
        /// For a kernel whose facts `quell probe --format toml` wrote
        #[arg(long, value_name = "FILE", conflicts_with = "this_kernel")]
        facts: Option<PathBuf>,
        /// For the running kernel
        #[arg(long)]
        this_kernel: bool,
        #[command(flatten)]
        view: ViewArgs,
        /// Form of the answer
        #[arg(long, value_enum, default_value_t = CheckFormat::Text)]
        format: CheckFormat,
    },
    /// Show the compiled selectors as the kernel will read them
    Explain {
        /// Policy file
        policy: PathBuf,
    },
    /// Write what the kernel gets of a policy: constants, selector bytes, sets and search tables
    Encode(codec::Encode),
    /// Show what is in a file that `quell encode` wrote
    Decode(codec::Decode),
    /// Say what a policy does with a call, by the reference model, and why
    Eval(codec::Eval),
    /// Show what the running kernel offers
    Probe {
        /// Form of the answer; toml is what --facts reads
        #[arg(long, value_enum, default_value_t = ProbeFormat::Text)]
        format: ProbeFormat,
        #[command(flatten)]
        view: ViewArgs,
    },
    /// Load policies, attach nothing, and say what each program takes of the verifier
    #[command(hide = true)]
    Verifier {
        /// Policy files
        #[arg(required = true)]
        policies: Vec<PathBuf>,
        #[command(flatten)]
        view: ViewArgs,
        /// Form of the answer
        #[arg(long, value_enum, default_value_t = CheckFormat::Text)]
        format: CheckFormat,
    },
    /// Enforce policies until SIGTERM or SIGINT
    Run {
        /// Policy file; may be given several times
        #[arg(long, value_name = "FILE", required_unless_present = "policy_dir")]
        policy: Vec<PathBuf>,
        /// Folder of policies: all *.yaml and *.yml below it, but nothing that begins with a dot
        #[arg(long, value_name = "DIR")]
        policy_dir: Option<PathBuf>,
        /// Form of the events on standard output
        #[arg(long, value_enum, default_value_t = EventFormat::Compact)]
        output: EventFormat,
        /// Post matches without sending signals
        #[arg(long, value_enum, default_value_t = Mode::Enforce)]
        mode: Mode,
        /// Where to write the counters at the end, as JSON
        #[arg(long, value_name = "FILE")]
        report: Option<PathBuf>,
        /// Tell of every execution and every end of a process, too
        #[arg(long)]
        process_events: bool,
        #[command(flatten)]
        view: ViewArgs,
        /// What carries events from the kernel, whatever it offers
        #[arg(long, value_enum, hide = true)]
        event_buffer: Option<Buffer>,
    },
}

/// What of the kernel may be used.
#[derive(Debug, clap::Args)]
struct ViewArgs {
    /// Type information (BTF) of the running kernel, where it has no /sys/kernel/btf/vmlinux
    #[arg(long, value_name = "FILE")]
    btf: Option<PathBuf>,
    /// Do without parts of the kernel, as if it had them not: ringbuf, trampoline, lsm, … (a wrong one lists all)
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    without: Vec<Without>,
}

impl ViewArgs {
    fn view(&self) -> View {
        View { btf: self.btf.clone(), without: self.without.clone() }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum CheckFormat {
    Text,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ProbeFormat {
    Text,
    Json,
    Toml,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum EventFormat {
    Json,
    Compact,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Buffer {
    Ring,
    Perf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Mode {
    Enforce,
    Monitor,
}

/// Does what was asked; the result is the exit code.
///
/// # Errors
/// What no exit code of its own names.
pub(crate) fn main(cli: &Cli) -> Result<u8> {
    match &cli.command {
        Command::Check { policies, kernel, facts, this_kernel, view, format } => {
            let view = view.view();
            if view.btf.is_some() && !this_kernel {
                return Err(anyhow!("--btf is about the running kernel; give --this-kernel with it"));
            }
            let facts = facts_for(kernel.as_deref(), facts.as_deref(), *this_kernel, &view)?;
            check(policies, facts, this_kernel.then_some(&view), *format)
        }
        Command::Explain { policy } => explain(policy),
        Command::Encode(options) => codec::encode(options, complain),
        Command::Decode(options) => codec::decode(options),
        Command::Eval(options) => codec::eval(options, complain),
        Command::Probe { format, view } => probe_kernel(*format, &view.view()),
        Command::Verifier { policies, view, format } => verifier(policies, &view.view(), *format),
        Command::Run { policy, policy_dir, output, mode, report, process_events, view, event_buffer } => {
            let mut policies = policy.clone();
            if let Some(dir) = policy_dir {
                policies.extend(policy_dir_files(dir)?);
            }
            run(&Options {
                policies,
                output: if *output == EventFormat::Json { Output::Json } else { Output::Compact },
                report: report.clone(),
                monitor: *mode == Mode::Monitor,
                view: view.view(),
                process_events: *process_events,
                event_buffer: event_buffer.map(|buffer| match buffer {
                    Buffer::Ring => EventBuffer::Ring,
                    Buffer::Perf => EventBuffer::Perf,
                }),
            })
        }
    }
}

/// The facts to check against, if any.
///
/// # Errors
/// When they cannot be had, or a mask has nothing to hide.
fn facts_for(
    kernel: Option<&str>,
    file: Option<&Path>,
    running: bool,
    view: &View,
) -> Result<Option<KernelFacts>> {
    Ok(match (kernel, file) {
        (Some(id), _) => Some(recorded::of_kernel(id)?.without(&view.without)),
        (None, Some(file)) => Some(recorded::of_file(file)?.without(&view.without)),
        (None, None) if running => Some(probe::running_kernel(view)?),
        (None, None) if !view.without.is_empty() => {
            return Err(anyhow!(
                "--without hides parts of a kernel; say which one: --kernel, --facts or --this-kernel"
            ));
        }
        (None, None) => None,
    })
}

/// The policies of a folder; enforcing the others alone would leave open what cannot be read.
fn policy_dir_files(dir: &Path) -> Result<Vec<PathBuf>> {
    let paths = files::policies(dir)?.into_iter().map(|file| match file.problem {
        None => Ok(file.path),
        Some(problem) => Err(anyhow!("failed to read policy {}: {problem}", file.path.display())),
    });
    paths.collect()
}

fn style(terminal: bool) -> Style {
    if terminal { Style::Fancy } else { Style::Plain }
}

fn check(
    paths: &[PathBuf],
    mut facts: Option<KernelFacts>,
    running: Option<&View>,
    format: CheckFormat,
) -> Result<u8> {
    let mut checked = Vec::new();
    let mut folders = false;
    for path in paths {
        folders |= path.is_dir();
        for Found { path: file, problem } in files::policies(path)? {
            let name = file.display().to_string();
            checked.push(match (problem, std::fs::read(&file)) {
                (Some(problem), _) => Checked::unreadable(&name, &problem),
                (None, Ok(bytes)) => Checked::new(&name, &bytes),
                // One of many is for the summary; what was named and is not there is a mistake of the command.
                (None, Err(error)) if file != *path => Checked::unreadable(&name, &error.to_string()),
                (None, Err(error)) => {
                    return Err(error).with_context(|| format!("failed to read policy {name}"));
                }
            });
        }
    }
    if let Some(facts) = facts.as_mut() {
        let policies: Vec<_> = checked.iter().flat_map(|one| &one.policies).collect();
        match running {
            // Of the running kernel, only what the policies name is worth asking.
            Some(view) => asked::add(facts, &policies, view)?,
            None => asked::crowd(facts, &policies),
        }
    }
    let mut names = Names::default();
    for one in &mut checked {
        one.claim(&mut names);
        one.plan(facts.as_ref());
    }
    let stdout = std::io::stdout();
    let format = match format {
        CheckFormat::Text => Format::Text(style(stdout.is_terminal())),
        CheckFormat::Json => Format::Json,
    };
    let mut answer = check::render(&checked, format);
    if format != Format::Json && (folders || checked.len() > 1) {
        answer.push_str(&check::summary(&checked));
    }
    stdout.lock().write_all(answer.as_bytes())?;
    Ok(if checked.iter().all(Checked::is_accepted) { exit::OK } else { exit::POLICY })
}

fn complain(diagnostics: &Diagnostics) {
    eprint!("{}", render::text(diagnostics, style(std::io::stderr().is_terminal())));
}

fn explain(path: &Path) -> Result<u8> {
    let policies = match run::source(path)?.and_then(|source| quell::policy::parse(&source)) {
        Ok(policies) => policies,
        Err(diagnostics) => {
            complain(&diagnostics);
            return Ok(exit::POLICY);
        }
    };
    let mut out = String::new();
    let mut number = 0;
    for policy in &policies {
        let monitored = policy.options.monitor == Some(true);
        out.push_str(&explain::heading(&policy.name.value, policies.len() > 1, monitored));
        for hook in &policy.hooks {
            let compiled = compile::hook(hook, number).map_err(|error| {
                let (target, advice) = (hook.point.target(), error.advice());
                anyhow::Error::new(error)
                    .context(format!("failed to encode the selectors of {target}; {advice}"))
            })?;
            out.push_str(&explain::listing(&hook.point, &compiled, monitored)?);
            number += 1;
        }
    }
    std::io::stdout().lock().write_all(out.as_bytes())?;
    Ok(exit::OK)
}

fn probe_kernel(format: ProbeFormat, view: &View) -> Result<u8> {
    let mut facts = probe::running_kernel(view)?;
    if format != ProbeFormat::Text {
        probe::add_for_record(&mut facts, view)?;
    }
    let text = match format {
        ProbeFormat::Json => serde_json::to_string_pretty(&facts)? + "\n",
        // One name per line: recorded facts are compared line by line.
        ProbeFormat::Toml => toml::to_string_pretty(&facts)?,
        ProbeFormat::Text => {
            let mut out = format!("kernel {}\n", facts.release);
            for feature in Feature::ALL {
                let answer = match facts.feature(*feature) {
                    Answer::Present => "yes".to_owned(),
                    Answer::Absent => format!("no (needs {})", feature.origin()),
                    Answer::Unknown(reason) => format!("unknown: {reason}"),
                };
                out.push_str(&format!("  {:<40} {answer}\n", feature.label()));
            }
            let set_up = &facts.state;
            let switch =
                |on: Option<bool>| on.map_or("unknown", |on| if on { "on" } else { "off" }).to_owned();
            let rows = [
                ("functions", facts.functions.names.len().to_string()),
                (
                    "active security modules",
                    set_up.security_modules.as_ref().map_or("unknown".into(), |all| all.join(", ")),
                ),
                ("lockdown", set_up.lockdown.clone().unwrap_or_else(|| "unknown".into())),
                ("kprobes", switch(set_up.kprobes_armed)),
                ("function tracer", switch(set_up.ftrace_enabled)),
            ];
            for (what, found) in rows {
                out.push_str(&format!("  {what:<40} {found}\n"));
            }
            out
        }
    };
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(exit::OK)
}

fn verifier(policies: &[PathBuf], view: &View, format: CheckFormat) -> Result<u8> {
    let measured = match verifier::measure(policies, view) {
        Ok(measured) => measured,
        Err(VerifierError::Run(RunError::Policies(files))) => {
            files.iter().for_each(complain);
            return Ok(exit::POLICY);
        }
        Err(error @ VerifierError::Load(_)) => {
            eprintln!("quell: {:#}", anyhow::Error::from(error));
            return Ok(exit::KERNEL);
        }
        Err(error) => return Err(error.into()),
    };
    let text = match format {
        CheckFormat::Json => serde_json::to_string_pretty(&measured)? + "\n",
        CheckFormat::Text => measured.iter().fold(String::new(), |text, one| {
            let Measured { policy, call, mechanism, program, verified_instructions, bytes, jited_bytes } = one;
            text + &format!(
                "{policy}: {call}: {mechanism}: {program}: {verified_instructions} instructions walked, {bytes} bytes, {jited_bytes} of machine code\n"
            )
        }),
    };
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(exit::OK)
}

fn run(options: &Options) -> Result<u8> {
    let mode = if options.monitor { "watching" } else { "enforcing" };
    let mut tell = |progress: Progress<'_>| match progress {
        Progress::Remarks(remarks) => complain(remarks),
        Progress::SubjectToItself => eprintln!(
            "quell: not in the initial PID namespace: its own calls are not let through, a policy that matches its \
             output will stop it"
        ),
        Progress::Enforcing(plans) => {
            // In one call: what is enforced by now sees the agent's own writes as well.
            let lines = plans.iter().flat_map(|plan| plan.hooks.iter().map(move |hook| (plan, hook)));
            let text = lines.fold(String::new(), |text, (plan, hook)| {
                text + &format!("quell: {mode} {}: {hook}\n", plan.policy)
            });
            eprint!("{text}");
        }
    };
    match run::run(options, &mut tell) {
        Ok(report) => {
            eprint!("{report}");
            Ok(exit::OK)
        }
        Err(RunError::Policies(files)) => {
            files.iter().for_each(complain);
            eprintln!("quell: nothing was attached");
            Ok(exit::POLICY)
        }
        Err(error @ (RunError::Attach(_) | RunError::Tracker(_) | RunError::Followed(_))) => {
            eprintln!("quell: {:#}", anyhow::Error::from(error));
            eprintln!("quell: nothing stays attached");
            Ok(exit::KERNEL)
        }
        Err(error) => Err(error.into()),
    }
}
