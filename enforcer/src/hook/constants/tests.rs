//! Rewritten programs do what they did: generated ones, one by one, and the constants of a real object.

use std::collections::BTreeMap;

use proptest::prelude::*;
use quell_wire::WireRecord;
use quell_wire::hook::HookConfig;
use rstest::rstest;

use super::*;

/// Where a machine of these tests has its constants and its stack.
const CONSTANTS_AT: u64 = 0xffff_8000_1000_0000;
const STACK_AT: u64 = 0xffff_9000_2000_0000;

fn config() -> Vec<u8> {
    let mut bytes = Vec::new();
    let config = HookConfig {
        operators: 1 << 40 | 3,
        types: 1 << 63 | 1,
        hook: 7,
        flags: 0x8000_0001,
        args: 2,
        selectors: 3,
        targets: 1,
        ..HookConfig::default()
    };
    config.write(&mut bytes);
    bytes
}

fn code(code: u8, to: u8, from: u8, offset: i16, number: i32) -> Instruction {
    let mut bytes = [code, from << 4 | to, 0, 0, 0, 0, 0, 0];
    bytes[2..4].copy_from_slice(&offset.to_le_bytes());
    bytes[4..].copy_from_slice(&number.to_le_bytes());
    Instruction::read(bytes)
}

/// Replaces in one program, where wide loads without a number are of the constants' address.
fn replaced(program: &[Instruction], constants: &[u8]) -> (Vec<Instruction>, Outcome) {
    let mut replaced = program.to_vec();
    let addresses = program
        .iter()
        .enumerate()
        .filter(|(_, one)| one.kind() == instruction::Kind::LoadWide)
        .map(|(at, _)| (at, 0))
        .collect::<BTreeMap<_, _>>();
    let mut outcome = Outcome::default();
    let mut section = Section {
        code: &mut replaced,
        entries: &[0].into(),
        addresses: &addresses,
        relocated: &BTreeSet::new(),
        foreign: &BTreeSet::new(),
    };
    flow::replace(&mut section, constants, &mut outcome);
    (replaced, outcome)
}

/// Prunes the programs of a section that begin at `wanted`; all begin at one of `[0]` and those.
fn pruned(program: &[Instruction], wanted: &BTreeSet<usize>, constants: &[u8]) -> prune::Pruned {
    let mut code = program.to_vec();
    let wide = program.iter().enumerate().filter(|(_, one)| one.kind() == instruction::Kind::LoadWide);
    let section = Section {
        code: &mut code,
        entries: &wanted.iter().copied().chain([0]).collect(),
        addresses: &wide.map(|(at, _)| (at, 0)).collect(),
        relocated: &BTreeSet::new(),
        foreign: &BTreeSet::new(),
    };
    prune::prune(&section, wanted, constants).unwrap()
}

/// What a helper leaves in the memory that it is given the address of.
const WRITTEN: u8 = 0x5a;

/// Runs a program; gives registers 0 to 9 at its end, and whether it came there: it is ended at the twentieth backward jump. A call is of a
/// helper that fills up to 23 bytes at register 1.
fn run(program: &[Instruction], constants: &[u8]) -> ([u64; 10], bool) {
    use instruction::{Kind, Operation};

    let mut registers = [0_u64; 11];
    registers[10] = STACK_AT + 512;
    let mut stack = [0_u8; 512];
    let (mut at, mut back) = (0_usize, 0);
    while let Some(one) = program.get(at).copied() {
        let (to, from, raw) = (one.to(), one.from(), one.bytes());
        let wide = i64::from(one.number).cast_unsigned();
        let operand = if raw[0] & 8 != 0 { registers[from] } else { wide };
        let mut next = at + 1;
        match one.kind() {
            Kind::LoadWide => {
                registers[to] = CONSTANTS_AT;
                next += 1;
            }
            Kind::Load { bytes } => {
                let address = registers[from].wrapping_add_signed(one.offset.into());
                let read = |memory: &[u8], base: u64| {
                    let start = usize::try_from(address.wrapping_sub(base)).ok()?;
                    let mut value = [0; 8];
                    let source = memory.get(start..start.checked_add(bytes as usize)?)?;
                    value[..bytes as usize].copy_from_slice(source);
                    Some(u64::from_le_bytes(value))
                };
                // What lies nowhere reads as a number of its own, which no program may depend on.
                registers[to] =
                    read(constants, CONSTANTS_AT).or_else(|| read(&stack, STACK_AT)).unwrap_or(77);
            }
            Kind::Store { bytes, register, replaces } => {
                let address = registers[to].wrapping_add_signed(one.offset.into());
                let value = if register { registers[from] } else { wide };
                let start = usize::try_from(address.wrapping_sub(STACK_AT)).unwrap_or(usize::MAX);
                let end = start.saturating_add(bytes as usize);
                if let Some(place) = stack.get_mut(start..end).filter(|_| replaces) {
                    place.copy_from_slice(&value.to_le_bytes()[..bytes as usize]);
                }
            }
            Kind::Compute { operation, wide, .. } if operation != Operation::Other => {
                registers[to] = operation.result(wide, registers[to], operand).unwrap_or(5);
            }
            Kind::Compute { .. } => registers[to] = 13,
            Kind::Call => {
                let start = usize::try_from(registers[1].wrapping_sub(STACK_AT)).unwrap_or(usize::MAX);
                let length = usize::try_from(registers[2] % 24).unwrap();
                if let Some(place) = stack.get_mut(start..) {
                    let end = length.min(place.len());
                    place[..end].fill(WRITTEN);
                }
                registers[..6].copy_from_slice(&[3, 4, 6, 8, 9, 10]);
            }
            Kind::Branch => {
                if registers[to] == operand {
                    next = at.checked_add_signed(isize::from(one.offset) + 1).unwrap();
                }
            }
            Kind::Jump => next = at.checked_add_signed(isize::from(one.offset) + 1).unwrap(),
            _ => break,
        }
        // No verifier lets a program run for ever.
        back += usize::from(next <= at);
        if back == 20 {
            return (registers[..10].try_into().unwrap(), false);
        }
        at = next;
    }
    (registers[..10].try_into().unwrap(), true)
}

/// What a program returns, if it comes to its end.
fn returned(program: &[Instruction], constants: &[u8]) -> Option<u64> {
    let ([returned, ..], ended) = run(program, constants);
    ended.then_some(returned)
}

/// One or two instructions, the second of a wide load being empty.
fn instructions() -> impl Strategy<Value = Vec<Instruction>> {
    let register = 0..4_u8;
    let spill = prop::sample::select(vec![-8_i16, -16, -12]);
    prop_oneof![
        3 => register.clone().prop_map(|to| vec![code(0x18, to, 0, 0, 0), code(0, 0, 0, 0, 0)]),
        6 => (register.clone(), register.clone(), 0..40_i16, prop::sample::select(vec![0x61_u8, 0x69, 0x71, 0x79]))
            .prop_map(|(to, from, offset, load)| vec![code(load, to, from, offset, 0)]),
        2 => (register.clone(), spill.clone(), any::<bool>()).prop_map(|(to, at, wide)| {
            vec![code(if wide { 0x79 } else { 0x61 }, to, 10, at, 0)]
        }),
        2 => (register.clone(), spill, any::<bool>()).prop_map(|(from, at, wide)| {
            vec![code(if wide { 0x7b } else { 0x63 }, 10, from, at, 0)]
        }),
        4 => (register.clone(), register.clone(), 0..13_u8, any::<bool>(), any::<bool>(), -40..40_i32).prop_map(
            |(to, from, operation, wide, other, number)| {
                let class = if wide { 7 } else { 4 };
                vec![code(operation << 4 | if other { 8 } else { 0 } | class, to, from, 0, number)]
            }
        ),
        2 => (register.clone(), -20..1_i32).prop_map(|(to, offset)| {
            vec![code(0xbf, to, 10, 0, 0), code(0x07, to, 0, 0, offset)]
        }),
        // No verifier lets a register go to a place of the stack that it does not know: only numbers.
        2 => (register.clone(), prop::sample::select(vec![-8_i16, -4, 0]), any::<bool>(), -9..9_i32).prop_map(
            |(to, at, wide, number)| vec![code(if wide { 0x7a } else { 0x62 }, to, 0, at, number)]
        ),
        1 => Just(vec![code(0x85, 0, 0, 0, 4)]),
        1 => (-20..0_i32, 0..24_i32).prop_map(|(at, bytes)| {
            let place = [code(0xbf, 1, 10, 0, 0), code(0x07, 1, 0, 0, at)];
            place.into_iter().chain([code(0xb7, 2, 0, 0, bytes), code(0x85, 0, 0, 0, 4)]).collect()
        }),
        2 => (register.clone(), register, -9..9_i16, 0..4_i32).prop_map(|(to, from, offset, number)| {
            vec![code(if number == 0 { 0x1d } else { 0x15 }, to, from, offset, number)]
        }),
    ]
}

/// A program that ends, whose jumps stay in it and go past the second half of wide loads. What it returns is made of every register
/// and of its stack.
fn program() -> impl Strategy<Value = Vec<Instruction>> {
    prop::collection::vec(instructions(), 1..40).prop_map(|groups| {
        let mut starts = Vec::new();
        let mut flat: Vec<Instruction> = Vec::new();
        for group in groups {
            starts.push(flat.len());
            flat.extend(group);
        }
        starts.push(flat.len());
        for from in 1..4 {
            flat.extend([code(0x27, 0, 0, 0, 31), code(0x0f, 0, from, 0, 0)]);
        }
        for place in [-8, -16] {
            flat.extend([code(0x79, 1, 10, place, 0), code(0x27, 0, 0, 0, 31), code(0x0f, 0, 1, 0, 0)]);
        }
        flat.push(code(0x95, 0, 0, 0, 0));
        let branches = flat.iter_mut().enumerate().filter(|(_, one)| one.kind() == instruction::Kind::Branch);
        for (at, one) in branches {
            let place = starts.iter().position(|start| *start == at).unwrap_or(0);
            let target = place.saturating_add_signed(isize::from(one.offset)).min(starts.len() - 1);
            let distance = starts[target].cast_signed() - at.cast_signed() - 1;
            one.offset = i16::try_from(distance).unwrap();
        }
        flat
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn a_program_computes_the_same_with_its_constants_inside(program in program()) {
        let constants = config();
        let (replaced, outcome) = replaced(&program, &constants);
        prop_assert_eq!(run(&program, &constants), run(&replaced, &constants));
        // And it needs nothing of the constants but what it says.
        prop_assert_eq!(run(&program, &constants), run(&replaced, &still_read(&constants, &outcome)));
    }

    #[test]
    fn a_program_computes_the_same_without_what_its_constants_rule_out(program in program()) {
        let constants = config();
        let pruned = pruned(&program, &[0].into(), &constants).code;
        prop_assert_eq!(returned(&program, &constants), returned(&pruned, &constants));
        prop_assert!(pruned.len() <= program.len());
    }

    #[test]
    fn an_instruction_survives_being_taken_apart(bytes in any::<[u8; 8]>()) {
        prop_assert_eq!(Instruction::read(bytes).bytes(), bytes);
    }
}

#[test]
fn a_load_becomes_its_number_and_what_is_computed_from_it_too() {
    let (address, pad) = (code(0x18, 1, 0, 0, 0), code(0, 0, 0, 0, 0));
    let flags = code(0x61, 2, 1, 20, 0);
    let program = [address, pad, flags, code(0x57, 2, 0, 0, 6), code(0x95, 0, 0, 0, 0)];
    let (after, outcome) = replaced(&program, &config());
    assert_eq!(after[..2], program[..2]);
    // 0x80000001 has no sign: 32 bits wide.
    assert_eq!(after[2], code(0xb4, 2, 0, 0, i32::MIN + 1));
    assert_eq!(after[3], code(0xb7, 2, 0, 0, 0));
    assert_eq!((outcome.loads, outcome.computations, outcome.unseen), (1, 1, 0));
}

#[test]
fn a_number_that_no_instruction_holds_stays_where_it_is_and_what_is_masked_out_of_it_does_not() {
    let (address, pad) = (code(0x18, 1, 0, 0, 0), code(0, 0, 0, 0, 0));
    let program = [address, pad, code(0x79, 2, 1, 0, 0), code(0x57, 2, 0, 0, 2), code(0x95, 0, 0, 0, 0)];
    let (after, outcome) = replaced(&program, &config());
    assert_eq!(after[2], program[2]);
    assert_eq!(after[3], code(0xb7, 2, 0, 0, 2));
    assert_eq!(outcome.left, [(0, 8)].into());
    assert_eq!(still_read(&config(), &outcome)[..8], config()[..8]);
    assert!(still_read(&config(), &outcome)[8..].iter().all(|byte| *byte == 0));
}

#[test]
fn an_address_that_gets_out_of_sight_keeps_every_constant_readable() {
    let (address, pad) = (code(0x18, 1, 0, 0, 0), code(0, 0, 0, 0, 0));
    let unknown_index = code(0x0f, 1, 2, 0, 0);
    let program = [address, pad, unknown_index, code(0x61, 3, 1, 0, 0), code(0x95, 0, 0, 0, 0)];
    let (after, outcome) = replaced(&program, &config());
    assert_eq!(after, program);
    assert_eq!(outcome.unseen, 1);
    assert_eq!(still_read(&config(), &outcome), config());
}

/// `r2 = constants; r2 += far; r3 = *(u32 *)(r2 + 9)`
#[test]
fn an_address_as_far_away_as_numbers_go_is_followed_no_farther() {
    let (address, pad) = (code(0x18, 2, 0, 0, 0), code(0, 0, 0, 0, 0));
    let far = [code(0xb7, 1, 0, 0, -9), code(0x77, 1, 0, 0, 1), code(0x0f, 2, 1, 0, 0)];
    let program =
        [&[address, pad], far.as_slice(), &[code(0x61, 3, 2, 9, 0), code(0x95, 0, 0, 0, 0)]].concat();
    let (after, outcome) = replaced(&program, &config());
    assert_eq!((after, outcome.unseen), (program, 1));
}

#[test]
fn what_a_helper_writes_to_the_stack_is_no_longer_a_number() {
    let program = [
        code(0x7a, 10, 0, -8, 0),
        code(0xbf, 1, 10, 0, 0),
        code(0x07, 1, 0, 0, -8),
        code(0x18, 3, 0, 0, 0),
        code(0, 0, 0, 0, 0),
        code(0x61, 6, 3, 20, 0),
        code(0xb7, 2, 0, 0, 8),
        code(0x85, 0, 0, 0, 4),
        code(0x79, 0, 10, -8, 0),
        code(0x0f, 0, 6, 0, 0),
        code(0x95, 0, 0, 0, 0),
    ];
    let (after, outcome) = replaced(&program, &config());
    assert_eq!(after[9], program[9]);
    assert_eq!((outcome.loads, outcome.computations, outcome.unseen), (1, 0, 0));
}

/// `r2 = config.flags; if r2 & 2 goto +2; r0 = 1; exit; r0 = 2; exit`: bit 1 is not set.
fn branching() -> Vec<Instruction> {
    let exit = code(0x95, 0, 0, 0, 0);
    let head = [code(0x18, 1, 0, 0, 0), code(0, 0, 0, 0, 0), code(0x61, 2, 1, 20, 0), code(0x45, 2, 0, 2, 2)];
    [head.as_slice(), &[code(0xb7, 0, 0, 0, 1), exit, code(0xb7, 0, 0, 0, 2), exit]].concat()
}

#[test]
fn a_branch_that_the_constants_decide_is_gone_and_so_is_the_way_that_is_never_taken() {
    let program = branching();
    let left = pruned(&program, &[0].into(), &config());
    // Nor is the constant there that was looked at. The address stays, as the first instruction.
    assert_eq!(left.code, [&program[..2], &program[4..6]].concat());
    assert_eq!(left.places, [0, 1, 2, 2, 2, 3, 4, 4, 4]);
    assert_eq!(left.stays, [true, true, false, false, true, true, false, false]);
}

#[test]
fn what_nothing_uses_is_gone_and_what_a_call_a_store_or_a_branch_uses_is_not() {
    let program = [
        code(0xb7, 6, 0, 0, 1),
        // Used by nobody, and by the next one, which is used by nobody.
        code(0xb7, 7, 0, 0, 2),
        code(0x0f, 8, 7, 0, 0),
        // Given to a helper, written to the stack, compared.
        code(0xb7, 1, 0, 0, 3),
        code(0x85, 0, 0, 0, 4),
        code(0xb7, 2, 0, 0, 4),
        code(0x7b, 10, 2, -8, 0),
        code(0x15, 0, 0, 1, 5),
        code(0xb7, 9, 0, 0, 6),
        // Jumps to the next instruction.
        code(0x05, 0, 0, 0, 0),
        code(0xbf, 0, 6, 0, 0),
        code(0x95, 0, 0, 0, 0),
    ];
    let left = pruned(&program, &[0].into(), &config());
    let kept: Vec<usize> = (0..program.len()).filter(|at| left.stays[*at]).collect();
    assert_eq!(kept, [0, 3, 4, 5, 6, 7, 10, 11]);
    assert_eq!(returned(&left.code, &config()), Some(1));
}

#[test]
fn what_the_next_turn_of_a_loop_uses_stays() {
    let program = [
        code(0xb7, 6, 0, 0, 0),
        code(0xb7, 7, 0, 0, 0),
        code(0x0f, 6, 7, 0, 0),
        code(0xb7, 7, 0, 0, 9),
        code(0x85, 0, 0, 0, 4),
        code(0x15, 0, 0, -4, 4),
        code(0xbf, 0, 6, 0, 0),
        code(0x95, 0, 0, 0, 0),
    ];
    assert_eq!(pruned(&program, &[0].into(), &config()).code, program);
}

#[test]
fn what_an_addition_to_memory_gives_back_decides_no_branch() {
    let exit = code(0x95, 0, 0, 0, 0);
    let fetch = code(0xdb, 10, 2, -8, 1);
    let program = [
        code(0x7a, 10, 0, -8, 9),
        code(0xb7, 2, 0, 0, 0),
        fetch,
        code(0x15, 2, 0, 2, 0),
        code(0xb7, 0, 0, 0, 1),
        exit,
        code(0xb7, 0, 0, 0, 2),
        exit,
    ];
    assert_eq!(pruned(&program, &[0].into(), &config()).code, program);
}

#[rstest]
#[case::move_with_sign(code(0xbf, 2, 1, 8, 0))]
#[case::far_jump(code(0x06, 0, 0, 0, 0))]
fn a_section_with_an_instruction_that_is_not_followed_is_left_alone(#[case] unknown: Instruction) {
    let mut code_of = [unknown, code(0x95, 0, 0, 0, 0)];
    let section = Section {
        code: &mut code_of,
        entries: &[0].into(),
        addresses: &BTreeMap::new(),
        relocated: &BTreeSet::new(),
        foreign: &BTreeSet::new(),
    };
    assert_eq!(prune::prune(&section, &[0].into(), &config()), None);
}

#[test]
fn a_program_that_is_not_wanted_stays_as_it_is() {
    let program = [branching(), branching()].concat();
    let left = pruned(&program, &[8].into(), &config());
    assert_eq!(left.code[..8], program[..8]);
    assert_eq!(left.code.len(), 12);
}

#[rstest]
#[case::unsigned(0x25, 3, -1, false)]
#[case::signed(0x65, 3, -1, true)]
#[case::half_of_a_register(0x16, 1 << 32 | 7, 7, true)]
#[case::whole_register(0x15, 1 << 32 | 7, 7, false)]
#[case::signed_half(0xc6, 0xffff_ffff, 0, true)]
#[case::a_bit(0x45, 6, 2, true)]
#[case::no_bit(0x45, 4, 2, false)]
fn a_branch_goes_where_the_kernel_sends_it(
    #[case] branch: u8,
    #[case] left: u64,
    #[case] right: i32,
    #[case] taken: bool,
) {
    let right = i64::from(right).cast_unsigned();
    assert_eq!(code(branch, 1, 0, 5, 0).goes(left, right), Some(taken));
}

#[test]
fn pruned_objects_are_consistent_and_less_than_half_of_what_they_were() {
    let constants = config();
    let families =
        quell_bpf::Family::ALL.iter().flat_map(|family| [Some(family.object()), family.perf_object()]);
    let others: [&[u8]; 2] = [&quell_bpf::PROCESS_OBJECT, &quell_bpf::PROCESS_PERF_OBJECT];
    for object in families.flatten().chain(others) {
        let pruned = prune(object, &constants, &|_| true).unwrap();
        let sizes = |object: &[u8]| {
            let sections = object::sections(object).unwrap();
            sections.iter().map(|section| section.instructions).sum::<usize>()
        };
        assert!(sizes(&pruned) * 2 < sizes(object), "{} of {}", sizes(&pruned), sizes(object));
        let (before, after) = (object::sections(object).unwrap(), object::sections(&pruned).unwrap());
        for (before, after) in before.iter().zip(&after) {
            assert!(before.names.values().eq(after.names.values()));
            // What the loader changes is still where it says: loads of addresses, in two instructions.
            let code = super::instructions(&pruned, after).unwrap();
            for at in after.addresses.keys().chain(&after.foreign) {
                assert_eq!(code[*at].kind(), instruction::Kind::LoadWide, "{at}");
            }
            assert!(after.relocated.iter().all(|at| *at < code.len()));
        }
        // Nothing is left for a second time.
        assert!(prune(&pruned, &constants, &|_| true).unwrap() == pruned);
        // And the loader takes it.
        libbpf_rs::ObjectBuilder::default().open_memory(&pruned).unwrap();
    }
}

#[test]
fn what_is_no_object_is_refused() {
    assert!(matches!(prune(b"no object at all", &config(), &|_| true), Err(ObjectError::Elf(_))));
    assert!(matches!(rewrite(b"no object at all", &config()), Err(ObjectError::Elf(_))));
}

#[test]
fn the_compiled_programs_keep_no_load_of_a_constant_that_an_instruction_can_hold() {
    let constants = config();
    let rewritten = rewrite(&quell_bpf::KPROBE_OBJECT, &constants).unwrap();
    let outcome = &rewritten.outcome;
    assert_eq!(rewritten.object.len(), quell_bpf::KPROBE_OBJECT.len());
    assert_eq!(outcome.unseen, 0, "{outcome:?}");
    assert!(outcome.loads > 100, "{outcome:?}");
    assert!(outcome.left.iter().all(|(_, bytes)| *bytes == 8), "{outcome:?}");
    // Nothing is left for a second time.
    let again = rewrite(&rewritten.object, &constants).unwrap();
    assert_eq!((again.outcome.loads, again.object), (0, rewritten.object));
}
