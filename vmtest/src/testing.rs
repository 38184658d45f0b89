//! Values that unit tests of several modules need. Only compiled for tests.

use quell_scenarios::{
    effect::Effect,
    record::{Performance, ProcessFate, Record},
    scenario::{
        Expectation, ExpectedEffect, ExpectedProcess, FileSystem, Policy, Position, Scenario, Target,
    },
};

/// A scenario whose act is killed and prevented.
pub(crate) fn scenario(id: &str, filesystems: &[FileSystem]) -> Scenario {
    Scenario {
        id: id.to_owned(),
        title: format!("claim of {id}"),
        claims: vec!["C-01".to_owned()],
        policy: Policy { file: "policies/p.yaml".to_owned(), text: "p".to_owned() },
        filesystems: filesystems.to_vec(),
        position: Position::Host,
        target: Target { act: "a".to_owned(), bystander: "b".to_owned() },
        files: Vec::new(),
        steps: Vec::new(),
        effect: Vec::<Effect>::new(),
        expect: killed_and_prevented(),
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
    }
}

/// A record that fulfils it.
pub(crate) fn good_record() -> Record {
    let free = Performance {
        fate: ProcessFate::Exited(0),
        effect_happened: true,
        untouched: false,
        stderr: String::new(),
    };
    let killed = Performance {
        fate: ProcessFate::Signalled(9),
        effect_happened: false,
        untouched: true,
        stderr: String::new(),
    };
    Record {
        control_before: free.clone(),
        enforced: killed,
        bystander: free.clone(),
        control_after: free,
        calls: 2,
        matched: 1,
        killed: 1,
        kill_failed: 0,
        recursion_misses: Some(0),
        lost_events: 0,
        events: 1,
        attach_ms: 900,
    }
}
