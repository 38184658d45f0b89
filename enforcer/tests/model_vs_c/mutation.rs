//! The comparison notices wrong encodings: each of these was made on purpose, and each must give a difference.

use std::cell::Cell;

use proptest::prelude::*;
use quell::selector::compile::{self, CompiledHook};
use quell_wire::code::Operator;
use quell_wire::hook::{HOOK_FOLLOW_FORKS, HookConfig};
use quell_wire::selector::{PID_NAMESPACE, SELECTOR_ENFORCES};
use quell_wire::tree::{SelectorTree, ValueTree};
use quell_wire::write;
use rstest::rstest;

use super::calls::Calls;
use super::compare::{compare, policy};
use super::kernel::Cpu;
use super::{CALLS, runner, sketch};

/// Policies that a mutation is tried on.
const POLICIES: u32 = 200;

/// What the encoder made, before it is written.
struct Encoding {
    selectors: Vec<SelectorTree>,
    config: HookConfig,
}

/// How many policies a wrong encoding changed, and of how many of those the comparison noticed.
fn noticed(mistake: impl Fn(&mut Encoding)) -> (u32, u32) {
    let (changed, found) = (Cell::new(0), Cell::new(0));
    let inputs = (sketch::sketches(), any::<u64>());
    runner(POLICIES)
        .run(&inputs, |(sketch, seed)| {
            let policy = policy(&sketch.text());
            let hook = &policy.hooks[0];
            let Ok(right) = compile::hook(hook, 0) else { return Ok(()) };
            let mut wrong = Encoding { selectors: compile::selectors(hook), config: right.config };
            mistake(&mut wrong);
            let filter = write::selectors(&wrong.selectors).unwrap();
            let compiled = CompiledHook { config: wrong.config, filter };
            if compiled == right {
                return Ok(());
            }
            changed.set(changed.get() + 1);
            let (mut cpu, mut calls) = (Cpu::default(), Calls::new(seed));
            let differs = (0..CALLS).any(|_| compare(&mut cpu, hook, &compiled, &calls.draw(hook)).is_err());
            found.set(found.get() + u32::from(differs));
            Ok(())
        })
        .unwrap();
    (changed.get(), found.get())
}

fn operator(wrong: &mut Encoding, from: Operator, to: Operator) {
    for arg in wrong.selectors.iter_mut().flat_map(|tree| &mut tree.args).filter(|arg| arg.op == from) {
        arg.op = to;
    }
}

fn not_equal_becomes_equal(wrong: &mut Encoding) {
    operator(wrong, Operator::NotEqual, Operator::Equal);
}

fn prefix_becomes_equal(wrong: &mut Encoding) {
    operator(wrong, Operator::Prefix, Operator::Equal);
}

fn postfix_becomes_prefix(wrong: &mut Encoding) {
    operator(wrong, Operator::Postfix, Operator::Prefix);
}

fn last_value_is_dropped(wrong: &mut Encoding) {
    for arg in wrong.selectors.iter_mut().flat_map(|tree| &mut tree.args) {
        match &mut arg.values {
            ValueTree::Numbers(numbers) if numbers.len() > 1 => drop(numbers.pop()),
            ValueTree::Strings(strings) if strings.len() > 1 => drop(strings.pop()),
            _ => {}
        }
    }
}

fn last_byte_is_dropped(wrong: &mut Encoding) {
    for arg in wrong.selectors.iter_mut().flat_map(|tree| &mut tree.args) {
        if let ValueTree::Strings(strings) = &mut arg.values {
            strings.iter_mut().for_each(|string| string.truncate((string.len() - 1).max(1)));
        }
    }
}

fn numbers_lose_their_upper_half(wrong: &mut Encoding) {
    for arg in wrong.selectors.iter_mut().flat_map(|tree| &mut tree.args) {
        if let ValueTree::Numbers(numbers) = &mut arg.values {
            numbers.iter_mut().for_each(|number| *number &= 0xffff_ffff);
        }
    }
}

fn second_pid_entry_is_lost(wrong: &mut Encoding) {
    wrong.selectors.iter_mut().for_each(|tree| tree.pids.truncate(1));
}

fn second_pid_is_lost(wrong: &mut Encoding) {
    wrong.selectors.iter_mut().flat_map(|tree| &mut tree.pids).for_each(|pid| pid.values.truncate(1));
}

fn namespace_flag_is_lost(wrong: &mut Encoding) {
    wrong.selectors.iter_mut().flat_map(|tree| &mut tree.pids).for_each(|pid| pid.flags &= !PID_NAMESPACE);
}

fn enforcing_flag_is_lost(wrong: &mut Encoding) {
    wrong.selectors.iter_mut().for_each(|tree| tree.flags &= !SELECTOR_ENFORCES);
}

fn last_filter_is_lost(wrong: &mut Encoding) {
    wrong.selectors.iter_mut().filter(|tree| tree.args.len() > 1).for_each(|tree| drop(tree.args.pop()));
}

fn last_selector_is_lost(wrong: &mut Encoding) {
    if wrong.selectors.len() > 1 {
        wrong.selectors.pop();
        wrong.config.selectors -= 1;
    }
}

fn actions_are_swapped(wrong: &mut Encoding) {
    wrong.selectors.iter_mut().for_each(|tree| tree.actions.reverse());
}

fn ancestors_are_never_read(wrong: &mut Encoding) {
    wrong.config.flags &= !HOOK_FOLLOW_FORKS;
}

fn constants_count_one_word_too_few(wrong: &mut Encoding) {
    wrong.config.string_words = wrong.config.string_words.saturating_sub(1);
}

fn constants_count_one_value_too_few(wrong: &mut Encoding) {
    wrong.config.values = wrong.config.values.saturating_sub(1);
}

#[rstest]
#[case(not_equal_becomes_equal)]
#[case(prefix_becomes_equal)]
#[case(postfix_becomes_prefix)]
#[case(last_value_is_dropped)]
#[case(last_byte_is_dropped)]
#[case(numbers_lose_their_upper_half)]
#[case(second_pid_entry_is_lost)]
#[case(second_pid_is_lost)]
#[case(namespace_flag_is_lost)]
#[case(enforcing_flag_is_lost)]
#[case(last_filter_is_lost)]
#[case(last_selector_is_lost)]
#[case(actions_are_swapped)]
#[case(ancestors_are_never_read)]
#[case(constants_count_one_word_too_few)]
#[case(constants_count_one_value_too_few)]
fn a_wrong_encoding_is_noticed(#[case] mistake: fn(&mut Encoding)) {
    let (changed, found) = noticed(mistake);
    println!("{found} of {changed}");
    // Some changes mean nothing (a value that another one covers, a filter behind one that decides); many must not pass.
    assert!(changed >= 5, "only {changed} of {POLICIES} policies were changed");
    assert!(found * 5 >= changed, "noticed in {found} of {changed} policies");
}

#[test]
fn the_right_encoding_gives_no_difference() {
    assert_eq!(noticed(|_| {}), (0, 0));
}
