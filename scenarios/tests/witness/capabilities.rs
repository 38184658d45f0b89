//! Sets of capabilities: a process changes its own, and the inheritable ones number the case.

use quell::policy::ast::{ArgType, Operator};
use quell_scenarios::scenario::FileSystem;
use quell_scenarios::step::Step;
use serde_json::{Value, json};

use super::case::{Case, Hook, Witness, filter, only};

/// All that the subject keeps: the lowest eight.
const PERMITTED: u64 = 0xff;

/// Positions among the arguments of `security_capset`.
const EFFECTIVE: usize = 2;
const INHERITABLE: usize = 3;
const PERMITTED_AT: usize = 4;

pub(crate) fn witness(ty: ArgType, operators: &[Operator]) -> Witness {
    let cases = operators.iter().zip(1..).map(|(operator, number): (_, u64)| {
        let list =
            |values: &[&str]| -> Vec<String> { values.iter().map(|value| (*value).to_owned()).collect() };
        let (rule, hit, miss) = match operator {
            Operator::Equal => (filter(EFFECTIVE, *operator, &list(&["0x30"])), 0x30, 0x31),
            Operator::NotEqual => (filter(EFFECTIVE, *operator, &list(&["0x30", "0x0f"])), 0x31, 0x0f),
            Operator::In => {
                (filter(EFFECTIVE, *operator, &list(&["0x30", "CAP_CHOWN,CAP_DAC_OVERRIDE"])), 0x03, 0x02)
            }
            Operator::NotIn => (filter(EFFECTIVE, *operator, &list(&["0x30", "0x03"])), 0x02, 0x30),
            Operator::Mask => (filter(EFFECTIVE, *operator, &list(&["0x44"])), 0x40, 0x3b),
            Operator::CapabilitiesGained => {
                (json!({"args": [EFFECTIVE, PERMITTED_AT], "operator": operator.name()}), 0x7f, PERMITTED)
            }
            other => panic!("no values for {other:?} on capabilities"),
        };
        let step = |effective| vec![Step::Capset { effective, permitted: PERMITTED, inheritable: number }];
        Case {
            operator: *operator,
            filters: vec![rule, only(INHERITABLE, Operator::Equal, &number)],
            other_filters: None,
            hit: step(hit),
            miss: step(miss),
            args: vec![json!({}), json!({}), shown(ty, hit), shown(ArgType::KernelCap, number), json!({})],
        }
    });
    let other = ArgType::KernelCap;
    Witness {
        ty,
        hook: Hook::new("security_capset", &[ArgType::Nop, ArgType::Nop, ty, other, other]),
        filesystem: FileSystem::None,
        files: vec![],
        before: vec![],
        cases: cases.collect(),
    }
}

fn shown(ty: ArgType, bits: u64) -> Value {
    let bits = format!("{bits:016x}");
    match ty {
        ArgType::KernelCap => json!({"kernel_cap_t_arg": bits}),
        ArgType::CapInheritable => json!({"cap_inheritable_arg": bits}),
        ArgType::CapPermitted => json!({"cap_permitted_arg": bits}),
        ArgType::CapEffective => json!({"cap_effective_arg": bits}),
        other => panic!("{other:?} is no set of capabilities"),
    }
}
