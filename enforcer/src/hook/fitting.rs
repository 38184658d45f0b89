//! Which types of the running kernel an object is fitted to when it is loaded, in a file for the loader.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::constants::{self, ObjectError};
use crate::kernel::once;
use crate::kernel::raw_types::{Kind, RawTypes};

/// The last question about a field (`BPF_CORE_FIELD_RSHIFT_U64`): where it is, how large, whether it is there.
const LAST_OF_A_FIELD: u32 = 5;
/// How large a type is (`BPF_CORE_TYPE_SIZE`).
const SIZE_OF_A_TYPE: u32 = 9;

/// A file with the types of the running kernel that an object names, for as long as [`once`] keeps it. `None`: the loader has
/// to look through all of the kernel's itself, which takes longer and comes to the same.
pub(super) fn file(object: &[u8]) -> Option<PathBuf> {
    let (_, structures) = named(object).ok()??;
    once::excerpt(&structures)
}

/// The types of an object, and the names of the structures of the kernel that it names.
pub type Named<'a> = (&'a [u8], BTreeSet<Vec<u8>>);

/// What an object names of the kernel's types; `None` where it names something else than structures, or asks for more than an
/// excerpt can say.
///
/// # Errors
/// When the bytes are no object that was compiled here.
pub fn named(object: &[u8]) -> Result<Option<Named<'_>>, ObjectError> {
    let (bytes, fitted) = constants::fitted(object)?;
    let Ok(types) = RawTypes::new(bytes.to_vec()) else { return Ok(None) };
    let answered = |asks: u32| asks <= LAST_OF_A_FIELD || asks == SIZE_OF_A_TYPE;
    if !fitted.iter().all(|one| answered(one.asks)) {
        return Ok(None);
    }
    let named: BTreeSet<u32> = fitted.iter().map(|one| one.ty).collect();
    let name = |number: &u32| {
        let found = types.get(*number).filter(|found| found.kind == Kind::Struct)?;
        Some(types.string(found.name_at).to_vec()).filter(|name| !name.is_empty())
    };
    let names: Option<BTreeSet<Vec<u8>>> = named.iter().map(name).collect();
    Ok(names.map(|names| (bytes, names)))
}

#[cfg(test)]
mod tests {
    use quell_bpf::Family;

    use super::*;
    use crate::hook::open::Opening;

    #[test]
    fn every_object_names_structures_alone_and_asks_for_what_an_excerpt_says() {
        let families = Family::ALL.iter().flat_map(|family| [Some(family.object()), family.perf_object()]);
        let others: [&[u8]; 2] = [&quell_bpf::PROCESS_OBJECT, &quell_bpf::PROCESS_PERF_OBJECT];
        let mut seen = 0;
        for object in families.flatten().chain(others) {
            let (_, structures) = named(object).unwrap().unwrap();
            assert!(structures.contains(&b"task_struct"[..]) && structures.len() > 10, "{structures:?}");
            seen += 1;
        }
        assert!(seen > 10, "{seen}");
    }

    #[test]
    fn what_is_no_object_is_left_to_the_loader() {
        assert_eq!(file(b"nothing"), None);
        assert!(Opening::default().open(b"nothing", &[], &|_| true).is_err());
    }
}
