//! An excerpt of the kernel's types against all of them: an object has to come out the same, instruction by instruction, on every kernel
//! that is booted. Another loader fits it, to both.

use aya::Btf;
use aya_obj::Object;
use quell::hook::fitting;
use quell::kernel::{excerpt, once};
use quell_bpf::{Family, PROCESS_OBJECT, PROCESS_PERF_OBJECT};

use super::second_loader::is_unknown;

/// What an object is fitted to otherwise, in words.
pub(super) fn differences(types: &Btf) -> Vec<String> {
    let families = Family::ALL.iter().filter(|family| !is_unknown(**family));
    let objects = families.flat_map(|family| {
        let objects = [Some(family.object()), family.perf_object()];
        objects.into_iter().flatten().map(|object| (family.name(), object))
    });
    let table: [(&str, &[u8]); 2] = [("process", &PROCESS_OBJECT), ("process", &PROCESS_PERF_OBJECT)];
    let differ = |(name, object): (&str, &[u8])| {
        difference(object, types).err().map(|why| format!("{name}: an excerpt of the kernel's types: {why}"))
    };
    objects.chain(table).filter_map(differ).collect()
}

fn difference(object: &[u8], types: &Btf) -> Result<(), String> {
    let named = fitting::named(object).map_err(|error| error.to_string())?;
    let (_, structures) = named.ok_or("the object asks for more than there is in one")?;
    let all = once::raw_types().map_err(|error| error.to_string())?;
    // A module may have one of them: the agent's loader goes through all types then.
    let Some(excerpt) = excerpt::of(&all, &structures) else { return Ok(()) };
    let excerpt = Btf::parse(&excerpt, aya::Endianness::default()).map_err(|error| error.to_string())?;
    let (one, other) = (fitted(object, types)?, fitted(object, &excerpt)?);
    let same = one.iter().zip(&other).take_while(|(one, other)| one == other).count();
    match (one.get(same), other.get(same)) {
        (None, None) if same > 0 => Ok(()),
        (one, other) => Err(format!("instruction {same} is {other:?} and not {one:?}")),
    }
}

/// The instructions of an object, fitted to these types.
fn fitted(object: &[u8], types: &Btf) -> Result<Vec<String>, String> {
    let mut object = Object::parse(object).map_err(|error| error.to_string())?;
    object.relocate_btf(types).map_err(|error| error.to_string())?;
    let instructions = object.functions.values().flat_map(|function| &function.instructions);
    Ok(instructions.map(|instruction| format!("{instruction:?}")).collect())
}
