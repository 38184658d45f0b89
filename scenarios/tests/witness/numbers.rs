//! Whole numbers: passed in a register that nobody else looks at, with bits above their width that must not count.

use quell::policy::ast::{ArgType, Operator, TypeClass};
use quell_scenarios::scenario::FileSystem;
use quell_scenarios::step::Step;
use serde_json::{Value, json};

use super::case::{Case, Hook, Witness, filter, only};

/// Above the width of the type.
const GARBAGE: u64 = 0x5a5a_5a5a_5a5a_5a5a;

pub(crate) fn witness(ty: ArgType, operators: &[Operator]) -> Witness {
    let cases = operators.iter().zip(1..).map(|(operator, case): (_, u32)| {
        let (values, hit, miss) = values(*operator, ty);
        let step = |value| vec![Step::Number { value: register(ty, value).to_string(), case }];
        Case {
            operator: *operator,
            filters: vec![filter(1, *operator, &values), only(2, Operator::Equal, &case)],
            other_filters: None,
            hit: step(hit),
            miss: step(miss),
            args: vec![json!({}), shown(ty, hit), json!({"int_arg": case})],
        }
    });
    Witness {
        ty,
        hook: Hook::new("__x64_sys_prctl", &[ArgType::Int32, ty, ArgType::Int32]),
        filesystem: FileSystem::None,
        files: vec![],
        before: vec![],
        cases: cases.collect(),
    }
}

fn width(ty: ArgType) -> (bool, u8) {
    match ty.class() {
        TypeClass::Integer { signed, bits } => (signed, bits),
        other => panic!("{other:?} is no number"),
    }
}

/// A number at which comparing with the wrong sign or width goes wrong; where the type means something, one that does.
fn edge(ty: ArgType) -> i128 {
    match (ty, width(ty)) {
        (ArgType::Capability, _) => 20,
        (ArgType::Syscall64, _) => 300,
        (_, (true, _)) => -5,
        (_, (false, bits)) => (1_i128 << bits) - 5,
    }
}

/// Values, a number for which the operator holds, and one for which it does not.
fn values(operator: Operator, ty: ArgType) -> (Vec<String>, i128, i128) {
    let edge = edge(ty);
    let negative = edge < 0;
    let list = |values: &[i128]| values.iter().map(ToString::to_string).collect();
    let range = |from: i128, to: i128| format!("{from}:{to}");
    let sets = if negative {
        vec![range(edge - 1, 2), "40".into()]
    } else {
        vec![range(edge - 1, edge + 2), "40".into()]
    };
    let (inside, outside) = if negative { (0, 3) } else { (edge, 3) };
    match operator {
        Operator::Equal => (list(&[edge]), edge, edge + 1),
        Operator::NotEqual => (list(&[edge, 7]), edge + 1, 7),
        Operator::In => (list(&[edge, 9]), 9, 8),
        Operator::NotIn => (list(&[edge, 9]), 8, edge),
        Operator::Gt if negative => (list(&[edge]), 3, edge - 1),
        Operator::Gt => (list(&[edge]), edge + 1, 3),
        Operator::Lt if negative => (list(&[4]), edge, 5),
        Operator::Lt => (list(&[4]), 3, edge),
        Operator::InMap => (sets, inside, outside),
        Operator::NotInMap => (sets, outside, inside),
        Operator::InRange => (vec![range(edge - 1, edge + 1)], edge + 1, edge + 2),
        Operator::NotInRange => (vec![range(edge - 1, edge + 1)], edge + 2, edge - 1),
        Operator::Mask => (list(&[0x12]), 0x10, 0x0d),
        other => panic!("no values for {other:?} on numbers"),
    }
}

/// The register, as a signed number.
fn register(ty: ArgType, value: i128) -> i64 {
    let (_, bits) = width(ty);
    let low = u64::try_from(value & i128::from(u64::MAX)).unwrap();
    if bits == 64 {
        return low.cast_signed();
    }
    let mask = (1_u64 << bits) - 1;
    ((low & mask) | (GARBAGE & !mask)).cast_signed()
}

fn shown(ty: ArgType, value: i128) -> Value {
    match ty {
        ArgType::Int64 => json!({"long_arg": value.to_string()}),
        ArgType::Uint64 | ArgType::Size => json!({"size_arg": value.to_string()}),
        ArgType::Capability => json!({"capability_arg": {"value": i64::try_from(value).unwrap()}}),
        ArgType::Syscall64 => json!({"syscall_id": {"id": u64::try_from(value).unwrap(), "abi": "x64"}}),
        _ if width(ty).0 => json!({"int_arg": i64::try_from(value).unwrap()}),
        _ => json!({"uint_arg": u64::try_from(value).unwrap()}),
    }
}
