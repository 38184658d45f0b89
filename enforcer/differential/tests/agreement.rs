//! The comparison itself, in the size of a unit test: the large one is a stage of its own.

use quell_bpf::host::{Call, Filter, Members, Process};
use quell_differential::calls;
use quell_differential::dice::Dice;
use quell_differential::host::{self, After};
use quell_differential::prepare::{Unprepared, prepare};
use quell_differential::sketch::{Shape, draw};
use quell_wire::hook::HookConfig;
use quell_wire::limits::{FILTER_BYTES, MAX_SELECTORS};

#[test]
fn model_and_evaluator_agree_on_a_few_thousand_calls() {
    let outcome = host::run(4000, 7, 2, After::Count, &|_| {});
    assert!(outcome.first.is_none(), "{:?}", outcome.first);
    assert!(outcome.coverage.cases >= 4000 && outcome.round_trips > 50);
    let seen = outcome.coverage.verdicts();
    assert!(
        seen.matched > 0 && seen.not_matched > 0 && seen.failed_closed > 0 && seen.unreadable > 0,
        "{seen:?}"
    );
}

#[test]
fn a_run_is_named_by_its_seed() {
    let one = host::run(400, 11, 1, After::Count, &|_| {});
    let again = host::run(400, 11, 1, After::Count, &|_| {});
    assert_eq!(one.coverage, again.coverage);
}

#[test]
fn every_drawn_policy_is_one_that_the_front_end_takes() {
    for number in 0..600 {
        let mut dice = Dice::new(number);
        let sketch = draw(&mut dice, Shape::Everything, number);
        let host = calls::host_namespaces(&mut dice);
        match prepare(&sketch.text(), &host) {
            Ok(_) | Err(Unprepared::TooLarge(_)) => {}
            Err(error) => panic!("{error}\n{}", sketch.text()),
        }
    }
}

#[test]
fn any_bytes_under_any_constants_get_an_answer() {
    // Small numbers, so that counts and lengths are often ones that the evaluator follows.
    let words = [0_u32, 1, 2, 3, 8, 9, 16, 24, 64, 255, 4096, u32::MAX];
    let mut dice = Dice::new(3);
    let mut call = Call::default();
    call.put_process(&Process::default());
    for _ in 0..2000 {
        let mut filter = Filter([0; FILTER_BYTES as usize]);
        for bytes in filter.0.chunks_exact_mut(4) {
            bytes.copy_from_slice(&dice.pick(&words).to_le_bytes());
        }
        let mut word = || dice.pick(&words);
        let config = HookConfig {
            operators: u64::from(word()) << 32 | u64::from(word()),
            types: u64::from(word()) << 32 | u64::from(word()),
            flags: word(),
            selectors: word().min(MAX_SELECTORS),
            sections: word(),
            pid_entries: word(),
            pids: word(),
            filters: word(),
            values: word(),
            string_words: word(),
            filtered: word(),
            set_kinds: word(),
            ..HookConfig::default()
        };
        // An answer, or that the bytes are malformed: both are one.
        let _ = call.evaluate(&filter, &config, &Members::default());
    }
}
