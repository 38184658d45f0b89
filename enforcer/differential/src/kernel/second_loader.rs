//! The same programs by another loader, which shares no code with the agent's: what only one of them takes leans on what that one
//! quietly does.
//!
//! It knows fewer kinds of programs. That it does not know one is not written down here but found out: it has to refuse the object.

use std::path::Path;

use aya::programs::{Program, ProgramError, ProgramInfo};
use aya::{Btf, Ebpf, EbpfError, EbpfLoader};
use quell::hook::constants::{self, ObjectError};
use quell_bpf::Family;

/// One object as the agent would load it.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    /// Whose it is; `None`: the table of processes.
    pub(super) family: Option<Family>,
    pub(super) object: &'a [u8],
    /// Bytes of its global `config`.
    pub(super) constants: &'a [u8],
    /// The verifier needs them in the instructions.
    pub(super) constants_in_code: bool,
    /// Entries of maps by name; maps that the object lacks may be among them.
    pub(super) sizes: Vec<(&'static str, u32)>,
    /// The function that its programs are bound to, where they are bound to one.
    pub(super) target: Option<&'a str>,
}

/// Why this loader takes no object at all.
#[derive(Debug, thiserror::Error)]
pub enum SecondError {
    /// It would load offsets that nobody adapted to the kernel, and say nothing.
    #[error("this loader adapts no object to a kernel without type information")]
    NoTypes(#[source] aya::BtfError),
    /// The constants could not be put into the instructions.
    #[error("failed to put constants into an object")]
    Constants(#[from] ObjectError),
    /// It refuses an object of a kind that it knows.
    #[error("the second loader does not take the object: {0}")]
    Refused(String),
    /// It takes an object of a kind that it did not know.
    #[error("the second loader knows {0} programs by now: have it load them")]
    KnowsMore(&'static str),
}

/// What it did with one program: instructions that the verifier walked (`None` before Linux 5.16), or why it was not loaded.
pub(super) type Answer = Result<Option<u64>, String>;

/// What it did with an object.
pub(super) enum Outcome {
    /// Programs by name.
    Loaded(Vec<(String, Answer)>),
    /// It does not know this kind; its words.
    Unknown(String),
}

/// Kinds of programs that this version does not know.
pub(super) const fn is_unknown(family: Family) -> bool {
    matches!(family, Family::Multi | Family::FmodRet | Family::Usdt)
}

/// The kernel's type information.
///
/// # Errors
/// When there is none: nothing may be loaded then.
pub(super) fn types(file: Option<&Path>) -> Result<Btf, SecondError> {
    let types = match file {
        Some(file) => Btf::parse_file(file, aya::Endianness::default()),
        None => Btf::from_sys_fs(),
    };
    types.map_err(SecondError::NoTypes)
}

/// Loads the programs of an object that are wanted.
///
/// # Errors
/// When it refuses an object of a known kind, or takes one of an unknown kind.
pub(super) fn load(
    wanted: &Wanted<'_>,
    types: &Btf,
    is_needed: impl Fn(&str) -> bool,
) -> Result<Outcome, SecondError> {
    let rewritten;
    let (object, constants) = if wanted.constants_in_code {
        rewritten = constants::rewrite(wanted.object, wanted.constants)?;
        (rewritten.object.as_slice(), rewritten.constants.as_slice())
    } else {
        (wanted.object, wanted.constants)
    };
    let mut loader = EbpfLoader::new();
    loader.btf(Some(types)).override_global("config", constants, true);
    for (name, size) in &wanted.sizes {
        loader.map_max_entries(name, *size);
    }
    let opened = loader.load(object);
    let unknown = wanted.family.filter(|family| is_unknown(*family));
    let mut opened = match (opened, unknown) {
        (Ok(_), Some(family)) => return Err(SecondError::KnowsMore(family.name())),
        (Ok(opened), None) => opened,
        // Only that it can't read the section's kind counts.
        (Err(EbpfError::ParseError(error)), Some(_)) => return Ok(Outcome::Unknown(error.to_string())),
        (Err(error), _) => return Err(SecondError::Refused(chain(&error))),
    };
    Ok(Outcome::Loaded(load_programs(&mut opened, wanted, types, is_needed)))
}

fn load_programs(
    opened: &mut Ebpf,
    wanted: &Wanted<'_>,
    types: &Btf,
    is_needed: impl Fn(&str) -> bool,
) -> Vec<(String, Answer)> {
    let needed = opened.programs_mut().filter(|(name, _)| is_needed(name));
    let loaded = needed.map(|(name, program)| {
        let target = wanted.target.unwrap_or_default();
        let loaded = load_program(program, target, types).map_err(|error| chain(&error));
        (name.to_owned(), loaded.map(|info| info.verified_instruction_count().map(u64::from)))
    });
    loaded.collect()
}

fn load_program(program: &mut Program, target: &str, types: &Btf) -> Result<ProgramInfo, ProgramError> {
    match program {
        Program::KProbe(program) => program.load(),
        Program::UProbe(program) => program.load(),
        Program::RawTracePoint(program) => program.load(),
        Program::TracePoint(program) => program.load(),
        Program::Lsm(program) => program.load(target, types),
        Program::FEntry(program) => program.load(target, types),
        Program::FExit(program) => program.load(target, types),
        _ => Err(ProgramError::UnexpectedProgramType),
    }?;
    program.info()
}

/// The end of a chain of errors holds the verifier's last words.
fn chain(error: &dyn std::error::Error) -> String {
    const END_BYTES: usize = 1500;
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text = format!("{text}: {source}");
        next = source.source();
    }
    let start = text.len().saturating_sub(END_BYTES);
    text.char_indices().filter(|(at, _)| *at >= start).map(|(_, letter)| letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_loaded_without_type_information() {
        let folder = tempfile::tempdir().expect("a folder");
        let missing = folder.path().join("btf");
        assert!(matches!(types(Some(&missing)), Err(SecondError::NoTypes(_))));
    }

    #[test]
    fn the_end_of_a_long_error_is_kept() {
        let text = chain(&std::io::Error::other("x".repeat(5000) + "é: the reason"));
        assert!(text.ends_with("é: the reason") && text.len() <= 1502, "{text}");
    }
}
