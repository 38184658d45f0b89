//! How large the programs of a hook are once the kernel has taken them, and what its verifier walked for them: part of the cost.

use std::collections::BTreeMap;
use std::os::fd::AsFd as _;

use libbpf_rs::Program;
use libbpf_rs::query::{ProgInfoIter, ProgInfoQueryOptions};
use serde::Serialize;

/// One program in the kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ProgramSize {
    /// Bytes as the kernel rewrote it.
    pub bytes: usize,
    /// Bytes of machine code; 0 where the kernel interprets programs.
    pub jited_bytes: usize,
    /// Instructions that the verifier walked, each time it walked them; absent before Linux 5.16, which does not keep them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified_instructions: Option<u32>,
}

/// Sizes by the names of the programs.
///
/// # Errors
/// When the kernel does not show one of them.
pub(super) fn of<'a>(
    programs: impl Iterator<Item = Program<'a>>,
) -> libbpf_rs::Result<BTreeMap<String, ProgramSize>> {
    let mut names = BTreeMap::new();
    for program in programs {
        let name = program.name().to_string_lossy().into_owned();
        names.insert(Program::id_from_fd(program.as_fd())?, name);
    }
    let mut sizes = BTreeMap::new();
    let whole =
        ProgInfoQueryOptions::default().include_xlated_prog_insns(true).include_jited_prog_insns(true);
    for info in ProgInfoIter::with_query_opts(whole) {
        if let Some(name) = names.remove(&info.id) {
            let size = ProgramSize {
                bytes: info.xlated_prog_insns.len(),
                jited_bytes: info.jited_prog_insns.len(),
                verified_instructions: Some(info.verified_insns).filter(|walked| *walked > 0),
            };
            sizes.insert(name, size);
        }
    }
    match names.into_values().next() {
        None => Ok(sizes),
        Some(name) => Err(std::io::Error::other(format!("the program {name} is gone")).into()),
    }
}
