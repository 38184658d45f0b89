//! Values that unit tests of several modules need. Only compiled for tests.

use std::collections::BTreeMap;

use quell_scenarios::{
    effect::Effect,
    record::{Performance, ProcessFate, Record},
    scenario::{
        Expectation, ExpectedEffect, ExpectedProcess, FileSystem, Mode, Policy, Position, Scenario, Target,
        Tier,
    },
};
use vmtest_proto::GuestFacts;

use crate::{
    event::{EVENTS_VERSION, EventLine, PlannedCell, RunEvent},
    matrix::Decision,
    outcome::Outcome,
    partition::Part,
    report::view::RunView,
};

/// A scenario whose act is killed and prevented.
pub(crate) fn scenario(id: &str, filesystems: &[FileSystem]) -> Scenario {
    Scenario {
        id: id.to_owned(),
        title: format!("claim of {id}"),
        claims: vec!["C-01".to_owned()],
        policy: Policy { file: "policies/p.yaml".to_owned(), text: "p".to_owned() },
        filesystems: filesystems.to_vec(),
        tier: Tier::Gate,
        position: Position::Host,
        mode: Mode::Enforce,
        target: Target { act: "a".to_owned(), bystander: "b".to_owned() },
        files: Vec::new(),
        steps: Vec::new(),
        bystander_steps: Vec::new(),
        effect: Vec::<Effect>::new(),
        expect: killed_and_prevented(),
        except: Vec::new(),
        without: Vec::new(),
        btf: None,
    }
}

/// What such a scenario expects.
pub(crate) fn killed_and_prevented() -> Expectation {
    Expectation {
        process: ExpectedProcess::Killed,
        effect: ExpectedEffect::Prevented,
        matched: 1,
        killed: 1,
        events: 1,
        signalled: 0,
        rate_limited: 0,
        not_posted: 0,
        least_calls: 1,
        seen: Vec::new(),
        refused: 0,
        unsupported: Vec::new(),
        faults: Vec::new(),
    }
}

/// A record that fulfils it.
pub(crate) fn good_record() -> Record {
    let free = Performance {
        fate: ProcessFate::Exited(0),
        effect_happened: true,
        untouched: false,
        failure: None,
        stderr: String::new(),
    };
    let killed = Performance {
        fate: ProcessFate::Signalled(9),
        effect_happened: false,
        untouched: true,
        failure: None,
        stderr: String::new(),
    };
    Record {
        control_before: free.clone(),
        enforced: killed,
        bystander: free.clone(),
        control_after: free,
        calls: 2,
        accounted: 2,
        aborted: 0,
        matched: 1,
        decided: 1,
        reported: 1,
        rate_limited: 0,
        not_posted: 0,
        signalled: 0,
        signal_failed: 0,
        killed: 1,
        kill_failed: 0,
        refused: 0,
        refuse_failed: 0,
        unsupported: None,
        faults: Vec::new(),
        recursion_misses: Some(0),
        thrown_away: Vec::new(),
        lost_events: 0,
        events: 1,
        shown_events: Vec::new(),
        attach_ms: 900,
    }
}

/// A plan of these cells, all to be performed.
pub(crate) fn plan_of(cells: &[&str]) -> Vec<PlannedCell> {
    let planned = |cell: &&str| PlannedCell {
        cell: cell.parse().unwrap(),
        title: "title".to_owned(),
        claims: vec!["C-01".to_owned()],
        expect: killed_and_prevented(),
        decision: Decision::Run,
    };
    cells.iter().map(planned).collect()
}

/// Events of a run, written by hand.
pub(crate) struct RunScript {
    lines: Vec<EventLine>,
}

impl RunScript {
    /// A run that planned these cells.
    pub(crate) fn new(cells: &[&str]) -> Self {
        Self::started(plan_of(cells), None)
    }

    /// The run of a share of a plan.
    pub(crate) fn of_part(partition: &str, plan: &[PlannedCell]) -> Self {
        let part = Part { partition: partition.parse().unwrap(), plan: plan.to_vec() };
        Self::started(part.partition.select(plan).into_iter().cloned().collect(), Some(part))
    }

    fn started(cells: Vec<PlannedCell>, part: Option<Part>) -> Self {
        let mut kernels: Vec<String> = cells.iter().map(|planned| planned.cell.kernel.clone()).collect();
        kernels.dedup();
        let (qemu, digests) = ("7.2".to_owned(), BTreeMap::from([("quell".to_owned(), "aa".to_owned())]));
        let mut script = Self { lines: Vec::new() };
        script.push(RunEvent::RunStarted { qemu, kernels, cells, jobs: 2, digests, part });
        script
    }

    /// The kernel came up.
    pub(crate) fn boot(&mut self, kernel: &str, boot_ms: u64) -> &mut Self {
        let facts = GuestFacts { release: format!("{kernel}.0-cloud"), ..GuestFacts::default() };
        let (release, package) = (facts.release.clone(), "1-1".to_owned());
        self.push(RunEvent::KernelObtained { kernel: kernel.to_owned(), release, package });
        self.push(RunEvent::GuestReady { kernel: kernel.to_owned(), boot: 1, boot_ms, facts })
    }

    /// A cell was decided without a record.
    pub(crate) fn finish(&mut self, cell: &str, outcome: Outcome) -> &mut Self {
        let cell = cell.parse().unwrap();
        self.push(RunEvent::CellFinished { cell, outcome, record: None, took_ms: 5 })
    }

    /// A cell was decided with a record.
    pub(crate) fn record(&mut self, cell: &str, outcome: Outcome, record: Record) -> &mut Self {
        let (cell, record) = (cell.parse().unwrap(), Some(Box::new(record)));
        self.push(RunEvent::CellFinished { cell, outcome, record, took_ms: 5 })
    }

    /// A cell passed after so long.
    pub(crate) fn took(&mut self, cell: &str, took_ms: u64) -> &mut Self {
        let (cell, record) = (cell.parse().unwrap(), Some(Box::new(good_record())));
        self.push(RunEvent::CellFinished { cell, outcome: Outcome::Passed, record, took_ms })
    }

    /// The run came to its end.
    pub(crate) fn end(&mut self) -> &mut Self {
        self.push(RunEvent::RunFinished { interrupted: false })
    }

    /// Any other event.
    pub(crate) fn push(&mut self, event: RunEvent) -> &mut Self {
        let at_ms = self.lines.len() as u64 * 1000;
        self.lines.push(EventLine { version: EVENTS_VERSION, at_ms, event });
        self
    }

    /// As written.
    pub(crate) fn lines(&self) -> &[EventLine] {
        &self.lines
    }

    /// Folded.
    pub(crate) fn view(&self) -> RunView {
        RunView::of(&self.lines)
    }
}
