//! Opens a compiled object with its constants, as the running kernel needs it: where its types are, and whether its verifier
//! looks into frozen maps.

use std::path::PathBuf;

use libbpf_rs::{ObjectBuilder, OpenObject};

use super::constants::{self, ObjectError};
use super::{fitting, verifier_log};

/// How objects are opened on the running kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opening {
    /// Type information of a kernel that has none itself.
    pub btf: Option<PathBuf>,
    /// The verifier does not know what is in a frozen map (before Linux 5.5): constants must be in the instructions.
    pub constants_in_code: bool,
}

/// Why an object could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The loader does not take it.
    #[error("{source}\n{log}")]
    Loader {
        /// Why.
        source: libbpf_rs::Error,
        /// What it said.
        log: String,
    },
    /// The constants could not be put into the programs.
    #[error("failed to put constants into its programs")]
    Object(#[from] ObjectError),
    /// The object has no room for the constants.
    #[error("it has no room for {0} bytes of constants")]
    NoRoom(usize),
}

impl Opening {
    /// Opens an object whose global `config` shall hold `constants`. Of the programs that are `wanted`, by their names, it has what
    /// the constants leave of them.
    ///
    /// # Errors
    /// When it is none, or has no such global.
    pub fn open(
        &self,
        object: &[u8],
        constants: &[u8],
        wanted: &dyn Fn(&str) -> bool,
    ) -> Result<OpenObject, OpenError> {
        let pruned = constants::prune(object, constants, wanted)?;
        if !self.constants_in_code {
            return self.open_with(object, &pruned, constants);
        }
        let rewritten = constants::rewrite(&pruned, constants)?;
        self.open_with(object, &rewritten.object, &rewritten.constants)
    }

    /// The kernel's types are those that the object as it was compiled names: they are the same for every hook.
    fn open_with(&self, compiled: &[u8], object: &[u8], constants: &[u8]) -> Result<OpenObject, OpenError> {
        let (opened, log) = verifier_log::with_log(|| {
            let mut builder = ObjectBuilder::default();
            if let Some(btf) = self.btf.clone().or_else(|| fitting::file(compiled)) {
                builder.btf_custom_path(btf)?;
            }
            builder.open_memory(object)
        });
        let mut open = opened
            .map_err(|source| OpenError::Loader { source, log: verifier_log::summary(&log, usize::MAX) })?;
        set(&mut open, constants).ok_or(OpenError::NoRoom(constants.len()))?;
        Ok(open)
    }
}

/// Writes the constants into `.rodata`, from which a verifier since Linux 5.5 takes them for granted.
fn set(open: &mut OpenObject, constants: &[u8]) -> Option<()> {
    let mut maps = open.maps_mut();
    let mut section = maps.find(|map| map.name().to_string_lossy().ends_with(".rodata"))?;
    section.initial_value_mut()?.get_mut(..constants.len())?.copy_from_slice(constants);
    Some(())
}

#[cfg(test)]
mod tests {
    use quell_wire::WireRecord;
    use quell_wire::hook::HookConfig;

    use super::*;

    #[test]
    fn an_opened_object_has_of_the_wanted_programs_what_their_constants_leave() {
        let mut constants = Vec::new();
        HookConfig { args: 1, selectors: 1, targets: 1, ..HookConfig::default() }.write(&mut constants);
        let sizes = |wanted: &dyn Fn(&str) -> bool| -> Vec<usize> {
            let open = Opening::default().open(&quell_bpf::KPROBE_OBJECT, &constants, wanted).unwrap();
            open.progs().map(|program| program.insn_cnt()).collect()
        };
        let (whole, pruned) = (sizes(&|_| false), sizes(&|_| true));
        assert_eq!(whole.len(), pruned.len());
        assert!(whole.iter().zip(&pruned).all(|(whole, pruned)| pruned <= whole), "{whole:?} {pruned:?}");
        assert!(pruned.iter().sum::<usize>() * 2 < whole.iter().sum(), "{whole:?} {pruned:?}");
    }
}
