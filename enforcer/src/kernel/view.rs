//! What of the running kernel may be used: all of it, unless the user gives a mask or another file of type information.

use std::path::PathBuf;
use std::rc::Rc;

use super::mask::Without;
use super::once;
use super::raw_types::{RawTypes, RawTypesError};

/// A restricted look at the running kernel. The default one sees everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// Type information of this kernel, for one that has none in `/sys/kernel/btf`.
    pub btf: Option<PathBuf>,
    /// What to do without.
    pub without: Vec<Without>,
}

impl View {
    /// The kernel's type information.
    ///
    /// # Errors
    /// When there is none, or the file is none.
    pub fn types(&self) -> Result<Rc<RawTypes>, RawTypesError> {
        match &self.btf {
            Some(file) => RawTypes::of_file(file).map(Rc::new),
            None => once::raw_types(),
        }
    }
}
