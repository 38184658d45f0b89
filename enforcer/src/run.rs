//! Joins the stages: policies to attached programs to events to a report. The only file that does.

use std::cell::{Cell, RefCell};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sd_notify::NotifyState;
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::event::clock::WallClock;
use crate::event::json::Origin;
use crate::event::record::Event;
use crate::event::{compact, json};
use crate::exit;
use crate::hook::attach::{self, AttachError};
use crate::hook::buffer::{EventBuffer, Reader};
use crate::hook::load::Settings;
use crate::hook::plan::{self, Plan, PlannedHook};
use crate::kernel::namespaces::{self, HostNamespaceError};
use crate::kernel::probe::{self, ProbeError};
use crate::kernel::symbols::Symbols;
use crate::policy::ast::{Namespace, Policy};
use crate::policy::{self, Diagnostics, Source};
use crate::report::{self, Report};
use crate::taken::Names;

/// How long one wait for events lasts at most; a signal ends it at once.
const POLL: Duration = Duration::from_millis(200);

/// How events are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// One JSON object per line.
    Json,
    /// One line for people.
    Compact,
}

/// What to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Policy files.
    pub policies: Vec<PathBuf>,
    /// Form of the events.
    pub output: Output,
    /// Where the report goes at the end.
    pub report: Option<PathBuf>,
    /// Post matches and send no signal.
    pub monitor: bool,
    /// What carries events, whatever the kernel has; `None`: the best that it has.
    pub event_buffer: Option<EventBuffer>,
}

/// Why a run did not start, or did not end well.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A file cannot be read or written.
    #[error("failed to {what} {path}")]
    File {
        /// What was tried.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Policies with errors; nothing was attached. One entry per file.
    #[error("{} policy files have errors", .0.len())]
    Policies(Vec<Diagnostics>),
    /// The kernel's facts cannot be read.
    #[error(transparent)]
    Probe(#[from] ProbeError),
    /// It is not known what `host_ns` stands for; nothing was attached.
    #[error(transparent)]
    HostNamespaces(#[from] HostNamespaceError),
    /// The kernel refused; nothing stays attached.
    #[error(transparent)]
    Attach(#[from] AttachError),
    /// Signals, clocks, ring buffer.
    #[error("failed to {what}: {reason}")]
    Environment {
        /// What was tried.
        what: &'static str,
        /// Why.
        reason: String,
    },
}

/// What a run tells whoever started it.
#[derive(Debug)]
pub enum Progress<'a> {
    /// What an author should know; once per policy that has remarks, before anything is attached.
    Remarks(&'a Diagnostics),
    /// The agent is not in the initial PID namespace, so that the programs cannot tell its own calls from others: a policy
    /// that matches its output will stop it.
    SubjectToItself,
    /// Every hook of every policy is in force.
    Enforcing(&'a [Plan]),
}

/// Runs until SIGTERM or SIGINT.
///
/// # Errors
/// Whatever kept it from enforcing every policy as written, or from reporting at the end.
pub fn run(options: &Options, progress: &mut dyn FnMut(Progress<'_>)) -> Result<Report, RunError> {
    let stop = stop_flag()?;
    let mut plans = plan_all(&options.policies)?;
    for plan in plans.iter().filter(|plan| !plan.remarks.is_empty()) {
        progress(Progress::Remarks(&plan.remarks));
    }
    if let Some(buffer) = options.event_buffer {
        plans.iter_mut().flat_map(|plan| &mut plan.hooks).for_each(|hook| hook.event_buffer = buffer);
    }
    let hooks: Vec<PlannedHook> = plans.iter().flat_map(|plan| plan.hooks.clone()).collect();
    let event_buffer = hooks.first().map(|hook| hook.event_buffer).unwrap_or_default();
    let agent_tgid = probe::own_tgid();
    if agent_tgid.is_none() {
        progress(Progress::SubjectToItself);
    }
    let named: Vec<Namespace> = hooks.iter().flat_map(|hook| hook.host_namespaces.iter().copied()).collect();
    let host_namespaces = namespaces::of_host(&named, agent_tgid.is_some())?;
    let settings = Settings { monitor: options.monitor, agent_tgid, host_namespaces };
    let mut attached = attach::attach(&hooks, settings)?;

    let environment = |what, reason: String| RunError::Environment { what, reason };
    let printer = Printer::new(&plans, options.output)?;
    let events = attached
        .shared()
        .events()
        .ok_or_else(|| environment("find the buffer of events", "no hook is loaded".into()))?;
    let draining = Cell::new(false);
    let reader = Reader::open(event_buffer, events, |bytes| {
        printer.print(bytes);
        // A flood would keep the reader here for ever: libbpf goes on as long as there is something to read.
        !stop.load(Ordering::Relaxed) || draining.get()
    })
    .map_err(|error| environment("open the buffer of events", error.to_string()))?;

    sd_notify::notify(&[NotifyState::Ready])
        .map_err(|error| environment("say that enforcement began", error.to_string()))?;
    progress(Progress::Enforcing(&plans));
    let mut failure = None;
    while failure.is_none() && !stop.load(Ordering::Relaxed) {
        // Without a reader nobody would know what happens; what was counted so far is still reported.
        failure = reader.poll(POLL).err().map(|error| environment("wait for events", error.to_string()));
    }
    attached.detach();
    draining.set(true);
    reader.drain().map_err(|error| environment("read the last events", error.to_string()))?;
    let results = attached.results().map_err(|error| environment("read the counters", error.to_string()))?;
    let report = report::report(&plans, &results, printer.undecodable.get(), printer.unwritten.get());
    if let Some(path) = &options.report {
        write_report(path, &report)?;
    }
    match failure {
        Some(error) => Err(error),
        None => Ok(report),
    }
}

fn stop_flag() -> Result<Arc<AtomicBool>, RunError> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        // A second signal ends the process at once: the first one waits for a reader of the events that may be gone.
        let conditional =
            signal_hook::flag::register_conditional_shutdown(signal, exit::FAILED.into(), Arc::clone(&stop));
        conditional
            .map_err(|error| RunError::Environment { what: "handle signals", reason: error.to_string() })?;
        signal_hook::flag::register(signal, Arc::clone(&stop))
            .map_err(|error| RunError::Environment { what: "handle signals", reason: error.to_string() })?;
    }
    Ok(stop)
}

/// Parses every file and plans it for the running kernel; all errors of all files at once.
fn plan_all(paths: &[PathBuf]) -> Result<Vec<Plan>, RunError> {
    let mut policies: Vec<(Policy, Source)> = Vec::new();
    let mut wrong = Vec::new();
    let mut names = Names::default();
    for path in paths {
        match source(path)?.and_then(|source| Ok((policy::parse(&source)?, source))) {
            Ok((documents, source)) => {
                for policy in documents {
                    match names.claim(&policy, &source) {
                        Some(taken) => wrong.push(Diagnostics::new(source.clone(), vec![taken])),
                        None => policies.push((policy, source.clone())),
                    }
                }
            }
            Err(diagnostics) => wrong.push(diagnostics),
        }
    }
    let mut facts = probe::running_kernel()?;
    let parsed: Vec<_> = policies.iter().map(|(policy, _)| policy).collect();
    probe::add_prototypes(&mut facts, &parsed).map_err(|error| RunError::Environment {
        what: "read the kernel's type information",
        reason: error.to_string(),
    })?;
    let mut plans: Vec<Plan> = Vec::new();
    for (policy, source) in &policies {
        let first_hook = plans.iter().map(|plan| plan.hooks.len()).sum::<usize>();
        match plan::plan(policy, source, &facts, u32::try_from(first_hook).unwrap_or(u32::MAX)) {
            Ok(plan) => plans.push(plan),
            Err(diagnostics) => wrong.push(diagnostics),
        }
    }
    if wrong.is_empty() { Ok(plans) } else { Err(RunError::Policies(wrong)) }
}

/// Reads a policy file.
///
/// # Errors
/// When the file cannot be read; the inner error is a file that is not text.
pub fn source(path: &Path) -> Result<Result<Source, Diagnostics>, RunError> {
    let bytes = std::fs::read(path).map_err(|source| RunError::File {
        what: "read policy",
        path: path.to_owned(),
        source,
    })?;
    Ok(Source::from_bytes(path.display().to_string(), &bytes))
}

fn write_report(path: &Path, report: &Report) -> Result<(), RunError> {
    let file = |source| RunError::File { what: "write report", path: path.to_owned(), source };
    let text = serde_json::to_string(report).map_err(|error| file(error.into()))?;
    std::fs::write(path, text + "\n").map_err(file)
}

/// Prints events, and counts what it could not print: enforcement goes on without a reader.
struct Printer<'a> {
    hooks: Vec<(&'a Plan, &'a PlannedHook)>,
    output: Output,
    node: String,
    clock: WallClock,
    symbols: Option<Symbols>,
    out: RefCell<std::io::StdoutLock<'static>>,
    undecodable: Cell<u64>,
    unwritten: Cell<u64>,
}

impl<'a> Printer<'a> {
    fn new(plans: &'a [Plan], output: Output) -> Result<Self, RunError> {
        let clock = WallClock::now()
            .map_err(|error| RunError::Environment { what: "read the clocks", reason: error.to_string() })?;
        let node = nix::unistd::gethostname()
            .map_err(|error| RunError::Environment { what: "read the host name", reason: error.to_string() })?
            .to_string_lossy()
            .into_owned();
        let wanted = plans.iter().flat_map(|plan| &plan.hooks).any(|hook| hook.kernel_stacks);
        let symbols = wanted.then(Symbols::of_running_kernel).transpose().map_err(|error| {
            RunError::Environment { what: "read the names of kernel addresses", reason: error.to_string() }
        })?;
        Ok(Self {
            hooks: plans.iter().flat_map(|plan| plan.hooks.iter().map(move |hook| (plan, hook))).collect(),
            output,
            node,
            clock,
            symbols,
            out: RefCell::new(std::io::stdout().lock()),
            undecodable: Cell::new(0),
            unwritten: Cell::new(0),
        })
    }

    fn print(&self, bytes: &[u8]) {
        let event = match Event::read(bytes) {
            Ok(event) => event,
            Err(error) => return self.complain(&error.to_string()),
        };
        let Some((plan, hook)) = self.hooks.get(event.head.hook as usize) else {
            return self.complain(&format!("event names hook {}, which is not ours", event.head.hook));
        };
        let origin = Origin {
            node: &self.node,
            policy: &plan.policy,
            call: &hook.call,
            message: hook.message.as_deref(),
            tags: &hook.tags,
            labels: &hook.labels,
            selector_labels: &hook.selector_labels,
            symbols: self.symbols.as_ref(),
            mechanism: hook.mechanism.name(),
        };
        let line = match self.output {
            Output::Json => {
                // A clock that was readable at the start and no longer is keeps its last offset.
                let clock = WallClock::now().unwrap_or(self.clock);
                json::value(&event, origin, &clock).to_string()
            }
            Output::Compact => compact::line(&event, origin),
        };
        let mut out = self.out.borrow_mut();
        if let Err(error) = writeln!(out, "{line}").and_then(|()| out.flush()) {
            if self.unwritten.get() == 0 {
                eprintln!(
                    "quell: events can no longer be written ({error}); enforcement goes on, the report counts them"
                );
            }
            self.unwritten.set(self.unwritten.get() + 1);
        }
    }

    fn complain(&self, error: &str) {
        if self.undecodable.get() == 0 {
            eprintln!("quell: {error}; the report counts such records");
        }
        self.undecodable.set(self.undecodable.get() + 1);
    }
}
