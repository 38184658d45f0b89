//! Runs one cell: control → attach → act → observe → bystander → detach → control again.
//!
//! Between attach and detach nothing asks the agent or the kernel's maps anything: a map system call would switch
//! probes off on its CPU for a moment. Everything that the policy could see of the runner itself (preparing files,
//! cleaning up) happens while nothing is attached; in between the runner only reads.

mod agent;
mod ears;
mod error;
mod gate;
mod output;
mod performance;
mod prepare;
mod wait;

use serde::{Deserialize, Serialize};

use self::agent::Agent;
pub use self::error::RunError;
use self::performance::Stage;
use self::prepare::Prepared;
use crate::lab::LabPaths;
use crate::record::{Performance, Record};
use crate::scenario::{FileSystem, Scenario};

/// How many events a record keeps; all of them are counted.
pub(crate) const SHOWN_EVENTS: usize = 32;

/// Where a run is, for progress displays and for saying where it hung.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The act without the policy.
    ControlBefore,
    /// From starting the agent to its readiness.
    Attach,
    /// The act under the policy.
    Act,
    /// Looking for the effect, from outside of the acting process.
    Observe,
    /// The same program on a target that the policy does not mean.
    Bystander,
    /// SIGTERM to the agent, its end, its report and events.
    Detach,
    /// The act without the policy, once more.
    ControlAfter,
}

/// How often a cell is performed at most. The kernel skips a program now and then where the same program was preempted
/// or other BPF work is in its way: nothing can be said of such a performance, and the next one is seldom hit again.
pub const PERFORMANCES: usize = 3;

/// Runs `scenario` on one of its file systems, again when the kernel skipped programs meanwhile; the record says how
/// often. The caller must not reap children meanwhile.
///
/// # Errors
/// [`RunError`] says what kept the run from being completed. No error is a verdict about the scenario.
pub fn run(
    scenario: &Scenario,
    filesystem: FileSystem,
    lab: &LabPaths,
    progress: &mut dyn FnMut(Phase),
) -> Result<Record, RunError> {
    let mut thrown_away = Vec::new();
    loop {
        let record = perform(scenario, filesystem, lab, progress)?;
        match record.recursion_misses {
            Some(misses) if misses > 0 && thrown_away.len() + 1 < PERFORMANCES => thrown_away.push(misses),
            _ => return Ok(Record { thrown_away, ..record }),
        }
    }
}

/// One performance, from the first control to the last.
fn perform(
    scenario: &Scenario,
    filesystem: FileSystem,
    lab: &LabPaths,
    progress: &mut dyn FnMut(Phase),
) -> Result<Record, RunError> {
    if !scenario.filesystems.contains(&filesystem) {
        return Err(RunError::NotOnThisFileSystem { id: scenario.id.clone(), filesystem });
    }
    prepare::fresh_dir(&lab.scratch)?;
    let act = Stage::new(scenario, filesystem, lab, &scenario.target.act, &scenario.steps);
    let other = if scenario.bystander_steps.is_empty() { &scenario.steps } else { &scenario.bystander_steps };
    let bystander = Stage::new(scenario, filesystem, lab, &scenario.target.bystander, other);
    let mut prepared = Prepared::new(scenario, filesystem, lab)?;

    progress(Phase::ControlBefore);
    prepared.refresh()?;
    let (control_before, _) = act.perform_and_observe(&prepared)?;

    prepared.refresh()?;
    progress(Phase::Attach);
    let mut agent = match Agent::attach(scenario, lab) {
        Ok(agent) => agent,
        // Not a broken cell where it is what the scenario is about.
        Err(RunError::AgentNeverReady { stderr_tail, .. }) if !scenario.expect.unsupported.is_empty() => {
            let performances = (&act, &bystander);
            return without_agent(performances, &mut prepared, control_before, stderr_tail, progress);
        }
        Err(error) => return Err(error),
    };

    progress(Phase::Act);
    let acted = act.perform()?;
    progress(Phase::Observe);
    let enforced = act.observe(&acted, &prepared)?;

    progress(Phase::Bystander);
    // The act may have changed what it touches; the bystander is compared with its own files only.
    let (bystander, _) = bystander.perform_and_observe(&prepared)?;

    progress(Phase::Detach);
    agent.check_alive()?;
    let attach_ms = agent.attach_ms();
    let output = agent.detach()?;
    let totals = output.report.totals();
    let events = output.events_of(acted.pid);

    progress(Phase::ControlAfter);
    prepared.refresh()?;
    let (control_after, _) = act.perform_and_observe(&prepared)?;
    prepared.restore()?;

    Ok(Record {
        control_before,
        enforced,
        bystander,
        control_after,
        calls: totals.calls,
        accounted: totals.accounted,
        aborted: totals.aborted,
        matched: totals.matched,
        decided: totals.decided,
        reported: totals.reported,
        rate_limited: totals.rate_limited,
        not_posted: totals.not_posted,
        signalled: totals.signalled,
        signal_failed: totals.signal_failed,
        refused: totals.refused,
        refuse_failed: totals.refuse_failed,
        unsupported: None,
        killed: totals.killed,
        kill_failed: totals.kill_failed,
        faults: output.report.faults().to_vec(),
        recursion_misses: totals.recursion_misses,
        thrown_away: Vec::new(),
        lost_events: totals.lost,
        events: u64::try_from(events.len()).unwrap_or(u64::MAX),
        shown_events: events.into_iter().take(SHOWN_EVENTS).cloned().collect(),
        attach_ms,
    })
}

/// The rest of a run whose policy the agent refused: act and bystander all the same, because nothing may be attached.
fn without_agent(
    (act, bystander): (&Stage<'_>, &Stage<'_>),
    prepared: &mut Prepared,
    control_before: Performance,
    said: String,
    progress: &mut dyn FnMut(Phase),
) -> Result<Record, RunError> {
    progress(Phase::Act);
    let (enforced, _) = act.perform_and_observe(prepared)?;
    progress(Phase::Bystander);
    let (bystander, _) = bystander.perform_and_observe(prepared)?;
    progress(Phase::ControlAfter);
    prepared.refresh()?;
    let (control_after, _) = act.perform_and_observe(prepared)?;
    prepared.restore()?;
    Ok(Record::unsupported([control_before, enforced, bystander, control_after], said))
}
