//! The reference model against the kernel's evaluator: random policies, random calls, one verdict.
//!
//! Neither reads what the other reads: the model has the AST, the evaluator has the bytes and the constants that the
//! encoder made of it. A difference is a mistake in one of the three. `PROPTEST_RNG_SEED=N` draws other policies,
//! `PROPTEST_CASES=N` more of them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod calls;
mod compare;
mod coverage;
mod kernel;
mod mutation;
mod sketch;

use std::cell::RefCell;

use proptest::prelude::{any, prop, prop_assert};
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner};
use quell::selector::compile;
use quell_bpf::host::{Filter, Process, Slots};
use quell_wire::hook::HookConfig;
use quell_wire::limits::FILTER_BYTES;
use quell_wire::read;

use calls::Calls;
use compare::{compare, policy};
use coverage::Coverage;
use kernel::Cpu;

/// Policies, and calls of each; together more than a hundred thousand.
const POLICIES: u32 = 4000;
const CALLS: usize = 40;

/// The same policies every time, unless another seed or number is asked for.
pub(crate) fn runner(policies: u32) -> TestRunner {
    let mut config = Config { failure_persistence: None, max_shrink_iters: 4000, ..Config::default() };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = policies;
    }
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(20_261_123);
    }
    TestRunner::new(config)
}

#[test]
fn model_and_kernel_evaluator_give_the_same_verdict() {
    let coverage = RefCell::new(Coverage::default());
    let cpu = RefCell::new(Cpu::default());
    let inputs = (sketch::sketches(), any::<u64>());
    let outcome = runner(POLICIES).run(&inputs, |(sketch, seed)| {
        let text = sketch.text();
        let policy = policy(&text);
        let hook = &policy.hooks[0];
        let Ok(compiled) = compile::hook(hook, 0) else {
            coverage.borrow_mut().too_large += 1;
            return Ok(());
        };
        let mut calls = Calls::new(seed);
        for _ in 0..CALLS {
            let call = calls.draw(hook);
            match compare(&mut cpu.borrow_mut(), hook, &compiled, &call) {
                Ok(verdict) => coverage.borrow_mut().count(hook, &verdict),
                Err((model, kernel)) => {
                    let report =
                        format!("model: {model:?}\nkernel: {kernel:?}\npolicy:\n{text}\ncall: {call:#?}");
                    return Err(TestCaseError::fail(report));
                }
            }
        }
        Ok(())
    });
    if let Err(TestError::Fail(reason, _)) = outcome {
        panic!("{}", reason.message());
    }
    outcome.unwrap();
    coverage.borrow().check(100_000);
}

#[test]
fn what_is_compiled_reads_back_as_it_was_meant() {
    let outcome = runner(400).run(&sketch::sketches(), |sketch| {
        let policy = policy(&sketch.text());
        let hook = &policy.hooks[0];
        match compile::hook(hook, 3) {
            Ok(compiled) => {
                let read = read::selectors(&*compiled.filter)
                    .map_err(|error| TestCaseError::fail(error.to_string()))?;
                proptest::prop_assert_eq!(read, compile::selectors(hook));
                proptest::prop_assert_eq!(compiled.config.hook, 3);
            }
            Err(error) => prop_assert!(error.needed > FILTER_BYTES as usize),
        }
        Ok(())
    });
    outcome.unwrap();
}

#[test]
fn any_bytes_under_any_constants_get_an_answer() {
    // Small numbers, so that counts and lengths are often ones that the evaluator follows.
    let word = || prop::sample::select(vec![0_u32, 1, 2, 3, 8, 9, 16, 24, 64, 255, 4096, u32::MAX]);
    let words = prop::collection::vec(word(), FILTER_BYTES as usize / 4);
    let constants = prop::collection::vec(word(), 6);
    let outcome = runner(500).run(&(words, constants, word()), |(words, constants, at)| {
        let mut filter = Filter([0; FILTER_BYTES as usize]);
        for (bytes, word) in filter.0.chunks_exact_mut(4).zip(words) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        let config = HookConfig {
            flags: constants[0],
            pid_entries: constants[1],
            pids: constants[2],
            arg_filters: constants[3],
            values: constants[4],
            string_words: constants[5],
            ..HookConfig::default()
        };
        prop_assert!(filter.match_pids(at, &Process::default(), &config).is_ok());
        prop_assert!(filter.match_args(at, &Slots::default(), &config).is_ok());
        Ok(())
    });
    outcome.unwrap();
}
