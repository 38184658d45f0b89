//! What parts make together against what one run makes, and what is no part of it.

use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::{
    cell::CellId,
    event::{PlannedCell, RunEvent},
    exit,
    matrix::Decision,
    outcome::{BrokenCause, Outcome},
    partition::Partition,
    report::{junit, summary, table},
    testing::{RunScript, good_record, plan_of},
};

const CELLS: [&str; 7] = [
    "5.10/file/a@tmpfs",
    "5.10/file/a@ext4",
    "5.10/pipe/b@none",
    "6.12/file/a@tmpfs",
    "6.12/file/a@ext4",
    "6.12/pipe/b@none",
    "7.3/file/a@tmpfs",
];

/// What becomes of a cell wherever it is performed.
fn outcome(cell: &CellId) -> Outcome {
    match crc32fast::hash(cell.to_string().as_bytes()) % 4 {
        0 => Outcome::Failed(vec![format!("{cell} survived")]),
        1 => Outcome::Broken(BrokenCause::QemuEnded { how: format!("at {cell}") }),
        _ => Outcome::Passed,
    }
}

/// Performs all cells of the script, a boot per kernel.
fn perform(mut script: RunScript) -> RunScript {
    let cells = script.view().cells;
    let mut booted = String::new();
    for PlannedCell { cell, decision, .. } in cells.into_iter().map(|cell| cell.planned) {
        if booted != cell.kernel {
            booted.clone_from(&cell.kernel);
            script.boot(&cell.kernel, 3000);
        }
        if decision == Decision::Run {
            let (name, outcome) = (cell.to_string(), outcome(&cell));
            match outcome {
                Outcome::Broken(_) => script.finish(&name, outcome),
                _ => script.record(&name, outcome, good_record()),
            };
        }
    }
    script
}

fn part(share: &str, plan: &[PlannedCell]) -> Given {
    let mut script = perform(RunScript::of_part(share, plan));
    Given { name: format!("out/{share}"), lines: script.end().lines().to_vec() }
}

fn parts(shares: &[&str]) -> Vec<Given> {
    shares.iter().map(|share| part(share, &plan_of(&CELLS))).collect()
}

/// The view without what two runs of the same cells need not have in common: times, and how often something was booted.
fn timeless(lines: &[EventLine]) -> RunView {
    let mut view = RunView::of(lines);
    view.wall_ms = 0;
    for kernel in &mut view.kernels {
        kernel.boots_ms.dedup();
        kernel.boot = None;
    }
    for cell in &mut view.cells {
        cell.boot = cell.boot.map(|_| 1);
        cell.decided_ms = cell.decided_ms.map(|_| 0);
        cell.phases.iter_mut().for_each(|phase| phase.at_ms = 0);
    }
    view
}

fn reports(view: &RunView) -> [String; 4] {
    let table = table::render(view, table::Style::default());
    [table, summary::findings(view), summary::closing_line(view), junit::render(view).unwrap()]
}

fn differences(given: &[Given]) -> Vec<String> {
    match merge(given) {
        Err(MergeError::Differ(differences)) => differences,
        other => panic!("{other:?}"),
    }
}

/// Changes the first event of a part.
fn with_start(mut given: Given, change: impl FnOnce(&mut RunEvent)) -> Given {
    change(&mut given.lines[0].event);
    given
}

fn any_share() -> impl Strategy<Value = Vec<String>> {
    let of_all = (prop_oneof![Just("slice"), Just("hash")], 1_u32..12)
        .prop_map(|(way, count)| (1..=count).map(|index| format!("{way}:{index}/{count}")).collect());
    let of_kernels = (1_u32..5, 1_u32..5, 1_u32..5).prop_map(|(one, two, three)| {
        [("5.10", one), ("6.12", two), ("7.3", three)]
            .into_iter()
            .flat_map(|(kernel, count)| {
                (1..=count).map(move |index| format!("kernel:{kernel},slice:{index}/{count}"))
            })
            .collect()
    });
    prop_oneof![of_all, of_kernels]
}

proptest! {
    #[test]
    fn parts_in_any_order_make_what_one_run_makes(shares in any_share().prop_shuffle()) {
        let plan = plan_of(&CELLS);
        let given: Vec<Given> = shares.iter().map(|share| part(share, &plan)).collect();
        let merged = timeless(&merge(&given).unwrap().lines);
        let mut whole = perform(RunScript::new(&CELLS));
        let whole = timeless(whole.end().lines());
        prop_assert_eq!(reports(&merged), reports(&whole));
        prop_assert_eq!(merged, whole);
    }

    #[test]
    fn the_order_of_the_parts_changes_no_event(shares in any_share().prop_shuffle()) {
        let plan = plan_of(&CELLS);
        let mut given: Vec<Given> = shares.iter().map(|share| part(share, &plan)).collect();
        let shuffled = merge(&given).unwrap().lines;
        given.sort_by_key(|part| part.name.clone());
        prop_assert_eq!(shuffled, merge(&given).unwrap().lines);
    }

    #[test]
    fn without_one_of_its_parts_no_run_is_green(shares in any_share(), lost in any::<prop::sample::Index>()) {
        let plan = plan_of(&CELLS);
        let lost = lost.index(shares.len());
        let share: Partition = shares[lost].parse().unwrap();
        let cells = share.select(&plan);
        prop_assume!(shares.len() > 1 && !cells.is_empty());
        let given: Vec<Given> =
            shares.iter().enumerate().filter(|(at, _)| *at != lost).map(|(_, share)| part(share, &plan)).collect();
        let view = RunView::of(&merge(&given).unwrap().lines);
        for cell in &view.cells {
            let is_lost = cells.iter().any(|planned| planned.cell == cell.planned.cell);
            prop_assert_eq!(cell.outcome == Outcome::NotRun, is_lost);
        }
        prop_assert_eq!(exit::code(&view), exit::LAB_BROKEN);
        prop_assert!(summary::findings(&view).contains("is missing: "), "{}", summary::findings(&view));
    }
}

#[test]
fn boots_of_a_kernel_are_counted_on_from_part_to_part() {
    let merged = merge(&parts(&["slice:3/3", "slice:1/3", "slice:2/3"])).unwrap();
    let boots: Vec<(&str, u32)> = merged
        .lines
        .iter()
        .filter_map(|line| match &line.event {
            RunEvent::GuestReady { kernel, boot, .. } => Some((kernel.as_str(), *boot)),
            _ => None,
        })
        .collect();
    assert_eq!(boots, [("5.10", 1), ("5.10", 2), ("6.12", 1), ("6.12", 2), ("7.3", 1)]);
    let traces =
        |given: usize, kernel: &str, boots_before| Traces { given, kernel: kernel.into(), boots_before };
    assert_eq!(
        merged.traces,
        [
            traces(1, "5.10", 0),
            traces(2, "5.10", 1),
            traces(2, "6.12", 0),
            traces(0, "6.12", 1),
            traces(0, "7.3", 0)
        ]
    );
}

#[test]
fn what_a_kernel_lacks_is_known_from_its_own_part() {
    let mut given = parts(&["slice:1/2", "slice:2/2"]);
    let skip = Decision::Skip("no ext4".into());
    given[0] = with_start(given[0].clone(), |event| {
        let RunEvent::RunStarted { cells, .. } = event else { panic!("{event:?}") };
        cells[1].decision = skip.clone();
    });
    given[0].lines.retain(
        |line| !matches!(&line.event, RunEvent::CellFinished { cell, .. } if cell.to_string() == CELLS[1]),
    );
    let view = RunView::of(&merge(&given).unwrap().lines);
    assert_eq!(view.cells[1].outcome, Outcome::Skipped("no ext4".into()));
}

#[test]
fn a_part_that_died_keeps_the_whole_from_ending() {
    let mut given = parts(&["slice:1/2", "slice:2/2"]);
    given[1].lines.pop();
    let view = RunView::of(&merge(&given).unwrap().lines);
    assert!(!view.finished);
    assert_eq!(exit::code(&view), exit::LAB_BROKEN);
    assert!(summary::findings(&view).contains("6.12: part slice:2/2 did not come to its end"));
}

#[test]
fn a_missing_part_without_cells_is_named_and_changes_no_verdict() {
    let plan = plan_of(&["6.12/file/x@tmpfs"]);
    let given: Vec<Given> = [1, 3]
        .map(|index| {
            let mut script = RunScript::of_part(&format!("slice:{index}/3"), &plan);
            if index == 3 {
                script.boot("6.12", 1).finish("6.12/file/x@tmpfs", Outcome::Passed);
            }
            Given { name: index.to_string(), lines: script.end().lines().to_vec() }
        })
        .into();
    let view = RunView::of(&merge(&given).unwrap().lines);
    assert_eq!(exit::code(&view), exit::ALL_GREEN);
    assert_eq!(summary::findings(&view), "note    6.12: part slice:2/3 is missing; it has no cell\n");
}

#[test]
fn a_part_on_another_accelerator_is_remarked() {
    let mut given = parts(&["kernel:5.10", "kernel:6.12", "kernel:7.3"]);
    for (at, accel) in [(0, crate::qemu::Accel::Tcg), (1, crate::qemu::Accel::Kvm)] {
        let event = RunEvent::AccelChosen { accel, reason: "r".into(), trial_ms: 1 };
        given[at].lines.insert(1, EventLine { version: crate::event::EVENTS_VERSION, at_ms: 0, event });
    }
    let findings = summary::findings(&RunView::of(&merge(&given).unwrap().lines));
    assert!(findings.contains("6.12: part kernel:6.12 ran with kvm, another one with tcg"), "{findings}");
}

#[test]
fn what_was_never_planned_stays_visible() {
    let mut given = parts(&["slice:1/2", "slice:2/2"]);
    let event = RunEvent::CellFinished {
        cell: "4.19/file/a@tmpfs".parse().unwrap(),
        outcome: Outcome::Passed,
        record: None,
        took_ms: 1,
    };
    given[0].lines.insert(1, EventLine { version: crate::event::EVENTS_VERSION, at_ms: 0, event });
    let view = RunView::of(&merge(&given).unwrap().lines);
    assert_eq!(view.unplanned, ["4.19/file/a@tmpfs was not planned and is passed"]);
}

#[rstest]
#[case::twice(&["slice:1/2", "slice:2/2", "slice:2/2"], "slice:2/2 was given twice: out/slice:2/2 and out/slice:2/2")]
#[case::numbers(&["slice:1/2", "slice:2/3"], "some parts are shares by slice of 2, others by slice of 3")]
#[case::ways(&["slice:1/2", "hash:2/2"], "some parts are shares by slice of 2, others by hash of 2")]
#[case::kernels(&["kernel:6.12", "slice:1/2"], "some parts are shares of one kernel's cells, others of all")]
fn shares_of_different_deals_are_refused(#[case] shares: &[&str], #[case] says: &str) {
    assert_eq!(differences(&parts(shares)), [says]);
}

fn set(event: &mut RunEvent, what: &str) {
    let RunEvent::RunStarted { qemu, digests, part, .. } = event else { panic!("{event:?}") };
    let Some(part) = part else { panic!("a part") };
    match what {
        "qemu" => *qemu = "8.0".into(),
        "quell" => drop(digests.insert("quell".into(), "bb".into())),
        "no digest" => digests.clear(),
        "expectation" => part.plan[6].expect.killed = 7,
        _ => drop(part.plan.remove(0)),
    }
}

#[rstest]
#[case("qemu", "QEMU's version is 7.2 in out/slice:2/2 and 8.0 in out/slice:1/2")]
#[case("quell", "the digest of quell is aa in out/slice:2/2 and bb in out/slice:1/2")]
#[case("no digest", "the digest of quell is unknown in out/slice:1/2 and aa in out/slice:2/2")]
#[case(
    "expectation",
    "the plans of out/slice:1/2 and out/slice:2/2 expect something else of 7.3/file/a@tmpfs"
)]
#[case("cell", "the plan of out/slice:2/2 has 5.10/file/a@tmpfs, that of out/slice:1/2 does not")]
fn parts_of_different_runs_are_refused_by_name(#[case] what: &str, #[case] says: &str) {
    let mut given = parts(&["slice:1/2", "slice:2/2"]);
    given[0] = with_start(given[0].clone(), |event| set(event, what));
    let found = differences(&given);
    assert!(found.iter().any(|difference| difference == says), "{found:?}");
}

#[test]
fn another_package_of_the_same_kernel_is_refused() {
    let mut given = parts(&["slice:1/3", "slice:2/3", "slice:3/3"]);
    for line in &mut given[1].lines {
        if let RunEvent::KernelObtained { package, .. } = &mut line.event {
            *package = "2-1".into();
        }
    }
    let expected = [
        "the package of kernel 5.10 is 1-1 in out/slice:1/3 and 2-1 in out/slice:2/3",
        "the package of kernel 6.12 is 1-1 in out/slice:3/3 and 2-1 in out/slice:2/3",
    ];
    assert_eq!(differences(&given), expected);
}

#[test]
fn a_part_with_other_cells_than_its_share_is_refused() {
    let mut given = parts(&["slice:1/2", "slice:2/2"]);
    given[0] = with_start(given[0].clone(), |event| {
        let RunEvent::RunStarted { cells, .. } = event else { panic!("{event:?}") };
        cells.pop();
    });
    assert_eq!(differences(&given), ["the cells of out/slice:1/2 are not those of slice:1/2"]);
}

#[test]
fn a_whole_run_and_an_empty_file_are_no_parts() {
    let no_part = |lines: &[EventLine]| {
        merge(&[Given { name: "out/a".into(), lines: lines.to_vec() }]).unwrap_err().to_string()
    };
    let whole = RunScript::new(&CELLS);
    assert_eq!(no_part(whole.lines()), "out/a is no part: it is a whole run, performed without --partition");
    assert_eq!(no_part(&[]), "out/a is no part: it holds no event");
    assert_eq!(merge(&[]), Err(MergeError::Nothing));
}
