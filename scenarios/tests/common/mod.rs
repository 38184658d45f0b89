//! A lab in a temporary folder, with an agent that only pretends.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use quell_scenarios::effect::Effect;
use quell_scenarios::lab::{Deadlines, LabPaths};
use quell_scenarios::scenario::{
    Expectation, ExpectedEffect, ExpectedProcess, FileSystem, Mode, Policy, Position, PreparedFile, Scenario,
    Target, Tier,
};
use quell_scenarios::step::{OpenFlag, Step};

/// What stands in the `/etc/passwd` of such a lab.
pub(crate) const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\n";

/// A lab whose agent behaves as `agent` says; it vanishes with the folder.
pub(crate) fn lab(dir: &Path, agent: &str) -> LabPaths {
    for name in FileSystem::ALL.map(FileSystem::name).into_iter().chain(["root/etc", "root/proc/sys/kernel"])
    {
        std::fs::create_dir_all(dir.join(name)).unwrap();
    }
    for setting in ["core_pattern", "domainname"] {
        std::fs::write(dir.join("root/proc/sys/kernel").join(setting), "before\n").unwrap();
    }
    std::fs::write(dir.join("root/etc/passwd"), PASSWD).unwrap();
    let quell = dir.join(agent);
    symlink(env!("CARGO_BIN_EXE_pretend-enforcer"), &quell).unwrap();
    LabPaths {
        quell,
        subject: env!("CARGO_BIN_EXE_subject").into(),
        work: dir.to_owned(),
        rootfs: dir.join("root"),
        scratch: dir.join("scratch"),
        deadlines: Deadlines {
            attach: Duration::from_secs(20),
            act: Duration::from_secs(20),
            detach: Duration::from_secs(20),
        },
    }
}

/// A write that waits a moment first, so that a pretended enforcer can be in time.
pub(crate) fn slow_write(pause_ms: u32) -> Scenario {
    Scenario {
        id: "test/slow-write".into(),
        title: "A write".into(),
        claims: vec!["C-99".into()],
        policy: Policy { file: "policies/none.yaml".into(), text: "read by nobody".into() },
        filesystems: vec![FileSystem::Tmpfs],
        tier: Tier::Gate,
        position: Position::Host,
        mode: Mode::Enforce,
        target: Target { act: "target".into(), bystander: "neighbour".into() },
        files: vec![PreparedFile {
            path: "$target".into(),
            content: "before\n".into(),
            link_to_subject: false,
            directory: false,
            executable: false,
        }],
        steps: vec![
            Step::Pause { ms: pause_ms },
            Step::Open { path: "$target".into(), flags: vec![OpenFlag::Wronly], untouched_name: false },
            Step::Write { data: "after!\n".into() },
        ],
        bystander_steps: Vec::new(),
        effect: vec![Effect::FileEquals { path: "$target".into(), text: "after!\n".into() }],
        expect: Expectation {
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
        },
        except: Vec::new(),
        without: Vec::new(),
        btf: None,
    }
}
