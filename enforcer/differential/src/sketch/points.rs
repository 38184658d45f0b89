//! Which arguments a hook can have, by the kind of hook.

use quell::policy::ast::{ArgType, TypeClass};

use super::{ArgSketch, Point};
use crate::dice::Dice;

/// Whether a system call or a program can be given such an argument: nobody hands kernel objects to one.
fn of_callers(ty: ArgType) -> bool {
    matches!(ty.class(), TypeClass::Integer { .. })
        || matches!(ty, ArgType::Fd | ArgType::String | ArgType::CharBuf | ArgType::CharIovec | ArgType::Nop)
}

/// Arguments of a hook: of `first` at least one, unless the hook has none of that type.
pub(super) fn args(dice: &mut Dice, point: Point, first: Option<ArgType>) -> Vec<ArgSketch> {
    let mut listed = dice.pick(&[1_u8, 1, 3, 3, 7, 15, 31]);
    if dice.one_in(6) {
        listed = dice.byte() & 31;
    }
    let usable = |ty: &ArgType| !point.is_given_user_memory() || of_callers(*ty);
    let types: Vec<ArgType> = ArgType::ALL.into_iter().filter(usable).collect();
    let mut indices: Vec<usize> = (0..5).filter(|index| listed & (1 << index) != 0).collect();
    if first.is_some() && indices.is_empty() {
        indices.push(0);
    }
    let mut drawn: Vec<(usize, ArgType)> = indices.iter().map(|index| (*index, dice.pick(&types))).collect();
    if let Some(wanted) = first.filter(usable) {
        let at = dice.below(drawn.len());
        drawn[at].1 = wanted;
        // What compares two capability sets needs a second one.
        if wanted.class() == TypeClass::Capabilities && drawn.len() > 1 {
            let other = (at + 1) % drawn.len();
            drawn[other].1 = ArgType::KernelCap;
        }
    }
    let is_integer = |index: usize| {
        drawn.iter().any(|(listed, ty)| *listed == index && matches!(ty.class(), TypeClass::Integer { .. }))
    };
    let arg = |(index, ty): &(usize, ArgType)| {
        if !matches!(ty, ArgType::CharBuf | ArgType::CharIovec) {
            return ArgSketch { index: *index, ty: *ty, size: None };
        }
        // A size is an integer, or an argument that is not listed.
        let size = (0..5).find(|at| at != index && (!indices.contains(at) || is_integer(*at)));
        match size {
            Some(_) => ArgSketch { index: *index, ty: *ty, size },
            None => ArgSketch { index: *index, ty: ArgType::String, size: None },
        }
    };
    drawn.iter().map(arg).collect()
}
