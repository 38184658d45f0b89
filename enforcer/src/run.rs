//! Joins the stages: policies to attached programs to events to a report. The only file that does.

use std::cell::{Cell, RefCell};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use quell_wire::event::EventKind;
use quell_wire::hook::HOOK_TRACKED;
use sd_notify::NotifyState;
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::descriptors;
use crate::event::clock::WallClock;
use crate::event::json::Origin;
use crate::event::process::ProcessEvent;
use crate::event::record::Event;
use crate::event::{compact, json};
use crate::exit;
use crate::heap;
use crate::hook::asked;
use crate::hook::attach::{self, AttachError, SharedMaps};
use crate::hook::buffer::{EventBuffer, Reader};
use crate::hook::hidden;
use crate::hook::load::Settings;
use crate::hook::open::Opening;
use crate::hook::plan::{self, Plan, PlannedHook};
use crate::kernel::facts::{Answer, Feature, KernelFacts};
use crate::kernel::namespaces::{self, HostNamespaceError};
use crate::kernel::once;
use crate::kernel::probe::{self, ProbeError};
use crate::kernel::symbols::Symbols;
use crate::kernel::view::View;
use crate::policy::ast::{Namespace, Policy};
use crate::policy::{self, Diagnostics, Source};
use crate::process::followed::{FollowedPaths, TooManyFollowed};
use crate::process::tracker::{Tracker, TrackerError, TrackerSettings};
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
    /// What of the kernel may be used.
    pub view: View,
    /// Tell of every execution and every end of a process.
    pub process_events: bool,
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
    /// More programs are followed than can be told apart.
    #[error(transparent)]
    Followed(#[from] TooManyFollowed),
    /// The table of processes could not be kept; nothing stays attached.
    #[error(transparent)]
    Tracker(#[from] TrackerError),
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
    descriptors::allow_most().map_err(|error| RunError::Environment {
        what: "raise the limit of open files",
        reason: error.to_string(),
    })?;
    let stop = stop_flag()?;
    let (mut plans, facts) = plan_all(&options.policies, &options.view)?;
    for plan in plans.iter().filter(|plan| !plan.remarks.is_empty()) {
        progress(Progress::Remarks(&plan.remarks));
    }
    if let Some(buffer) = options.event_buffer {
        plans.iter_mut().flat_map(|plan| &mut plan.hooks).for_each(|hook| hook.event_buffer = buffer);
    }
    let hooks = || plans.iter().flat_map(|plan| &plan.hooks);
    let event_buffer = hooks().next().map(|hook| hook.event_buffer).unwrap_or_default();
    let agent_tgid = probe::own_tgid();
    if agent_tgid.is_none() {
        progress(Progress::SubjectToItself);
    }
    let named: Vec<Namespace> = hooks().flat_map(|hook| hook.host_namespaces.iter().copied()).collect();
    let host_namespaces = namespaces::of_host(&named, agent_tgid.is_some())?;
    let opening = opening(&options.view, &facts);
    drop(facts);
    let followed = follow(&mut plans)?;
    let environment = |what, reason: String| RunError::Environment { what, reason };
    let mut shared = SharedMaps::with_events(event_buffer)
        .map_err(|error| environment("make the buffer of events", error.to_string()))?;
    let printer = Printer::new(&plans, options.output)?;
    let draining = Cell::new(false);
    // It reads before anything is attached: a perf buffer loses what comes before its reader.
    let reader = {
        let events = shared.events();
        let events =
            events.ok_or_else(|| environment("find the buffer of events", "there is none".into()))?;
        Reader::open(event_buffer, events, |bytes| {
            printer.print(bytes);
            // A flood would keep the reader here for ever: libbpf goes on as long as there is something to read.
            !stop.load(Ordering::Relaxed) || draining.get()
        })
        .map_err(|error| environment("open the buffer of events", error.to_string()))?
    };
    let mut tracker = track(options, &plans, &opening, &followed, &mut shared)?;
    let settings = Settings {
        monitor: options.monitor,
        agent_tgid,
        host_namespaces,
        initial_mounts: namespaces::initial_mounts(agent_tgid.is_some()),
        opening,
        measured: false,
    };
    let mut attached = attach::attach(&plans, &settings, shared)?;
    once::forget();
    heap::trim();

    sd_notify::notify(&[NotifyState::Ready])
        .map_err(|error| environment("say that enforcement began", error.to_string()))?;
    progress(Progress::Enforcing(&plans));
    let mut failure = None;
    while failure.is_none() && !stop.load(Ordering::Relaxed) {
        // Without a reader nobody would know what happens; what was counted so far is still reported.
        failure = reader.poll(POLL).err().map(|error| environment("wait for events", error.to_string()));
    }
    attached.detach();
    if let Some(tracker) = &mut tracker {
        tracker.detach();
    }
    draining.set(true);
    reader.drain().map_err(|error| environment("read the last events", error.to_string()))?;
    let results = attached.results().map_err(|error| environment("read the counters", error.to_string()))?;
    let processes = tracker.map(|tracker| Ok((tracker.scanned(), tracker.statistics()?))).transpose();
    let processes = processes.map_err(|error: libbpf_rs::Error| {
        environment("read the counters of the table of processes", error.to_string())
    })?;
    let report =
        report::report(&plans, &results, processes, printer.undecodable.get(), printer.unwritten.get());
    if let Some(path) = &options.report {
        write_report(path, &report)?;
    }
    match failure {
        Some(error) => Err(error),
        None => Ok(report),
    }
}

/// How objects are opened on a kernel.
pub(crate) fn opening(view: &View, facts: &KernelFacts) -> Opening {
    Opening {
        btf: view.btf.clone(),
        // Harmless where the verifier would know them anyway.
        constants_in_code: facts.feature(Feature::FrozenConstants) != Answer::Present,
    }
}

/// Gives every set of followed programs its bit.
pub(crate) fn follow(plans: &mut [Plan]) -> Result<FollowedPaths, TooManyFollowed> {
    let hooks = plans.iter_mut().flat_map(|plan| &mut plan.hooks);
    FollowedPaths::allocate(hooks.map(|hook| (&mut hook.compiled.config, &hook.compiled.sets)))
}

/// Begins to keep the table of processes, where a hook asks it or its events are wanted.
fn track(
    options: &Options,
    plans: &[Plan],
    opening: &Opening,
    followed: &FollowedPaths,
    shared: &mut SharedMaps,
) -> Result<Option<Tracker>, TrackerError> {
    let hooks = || plans.iter().flat_map(|plan| &plan.hooks);
    let asked = hooks().any(|hook| hook.compiled.config.flags & HOOK_TRACKED != 0);
    if !asked && !options.process_events {
        return Ok(None);
    }
    let settings = TrackerSettings {
        event_buffer: hooks().next().map(|hook| hook.event_buffer).unwrap_or_default(),
        events: options.process_events,
        scan: probe::own_tgid().is_some(),
        opening: opening.clone(),
        ..TrackerSettings::default()
    };
    let tracker = Tracker::start(&settings, followed, shared)?;
    for (name, map) in tracker.shared_maps()? {
        shared.add(&name, map);
    }
    Ok(Some(tracker))
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

/// Parses every file and plans it for the running kernel; all errors of all files at once. Gives the kernel's facts, too.
pub(crate) fn plan_all(paths: &[PathBuf], view: &View) -> Result<(Vec<Plan>, KernelFacts), RunError> {
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
    let mut facts = probe::running_kernel_to_plan(view)?;
    let parsed: Vec<_> = policies.iter().map(|(policy, _)| policy).collect();
    asked::add(&mut facts, &parsed, view)?;
    let mut plans: Vec<Plan> = Vec::new();
    for (policy, source) in &policies {
        let first_hook = plans.iter().map(|plan| plan.hooks.len()).sum::<usize>();
        match plan::plan(policy, source, &facts, u32::try_from(first_hook).unwrap_or(u32::MAX)) {
            Ok(plan) => plans.push(plan),
            Err(diagnostics) => wrong.push(diagnostics),
        }
    }
    hidden::across(&mut plans);
    if wrong.is_empty() { Ok((plans, facts)) } else { Err(RunError::Policies(wrong)) }
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
        if event.head.kind != EventKind::Call.number() {
            return self.print_process(&event);
        }
        let Some((plan, hook)) = self.hooks.get(event.head.hook as usize) else {
            return self.complain(&format!("event names hook {}, which is not ours", event.head.hook));
        };
        let origin = Origin {
            node: &self.node,
            policy: &plan.policy,
            point: &hook.hook.point,
            call: &hook.call,
            message: hook.message.as_deref(),
            tags: &hook.tags,
            labels: &hook.labels,
            selector_labels: &hook.selector_labels,
            symbols: self.symbols.as_ref(),
            mechanism: hook.mechanism.name(),
            targets: &hook.targets,
            return_label: hook.return_label.as_deref(),
        };
        let line = match self.output {
            Output::Json => {
                // A clock that was readable at the start and no longer is keeps its last offset.
                let clock = WallClock::now().unwrap_or(self.clock);
                json::value(&event, origin, &clock).to_string()
            }
            Output::Compact => compact::line(&event, origin),
        };
        self.write(&line);
    }

    fn print_process(&self, event: &Event) {
        let process = match ProcessEvent::read(event) {
            Ok(process) => process,
            Err(error) => return self.complain(&error.to_string()),
        };
        let line = match self.output {
            Output::Json => process.json(&self.node, &WallClock::now().unwrap_or(self.clock)).to_string(),
            Output::Compact => process.line(),
        };
        self.write(&line);
    }

    fn write(&self, line: &str) {
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
