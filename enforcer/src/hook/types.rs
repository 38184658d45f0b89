//! What loading asks of the running kernel's types and symbols, read once per run and only when it is needed.

use std::cell::OnceCell;
use std::path::PathBuf;
use std::rc::Rc;

use libbpf_rs::btf::Btf;

use crate::kernel::once;
use crate::kernel::raw_types::{Kind, RawTypes, RawTypesError};

/// Why the kernel's own description did not help.
#[derive(Debug, thiserror::Error)]
pub enum TypesError {
    /// There is no type information.
    #[error(
        "failed to read the kernel's type information{from}; a kernel without /sys/kernel/btf/vmlinux needs --btf FILE"
    )]
    Btf {
        /// The file, if one was given.
        from: String,
        /// Why.
        source: RawTypesError,
    },
    /// There is some, which the loader does not take.
    #[error("failed to read the kernel's type information{from} as the loader does")]
    Loader {
        /// The file, if one was given.
        from: String,
        /// Why.
        source: libbpf_rs::Error,
    },
    /// It does not describe a function.
    #[error(
        "the kernel's type information has no function `{0}`; functions of modules, and inlined ones, are not in it"
    )]
    NotDescribed(String),
    /// A parameter is more than a word.
    #[error("parameter {parameter} of `{function}` is passed in a way that programs can't read")]
    Parameter {
        /// The function.
        function: String,
        /// Which one, from 1.
        parameter: usize,
    },
    /// The symbols cannot be read.
    #[error("failed to read /proc/kallsyms")]
    Symbols(#[source] std::io::Error),
    /// A function's address is hidden or there is none.
    #[error(
        "the kernel does not say where `{0}` is: it has no such function, or /proc/sys/kernel/kptr_restrict hides it"
    )]
    NoAddress(String),
    /// Several functions have this name.
    #[error("the kernel has {count} functions `{function}`, which a program can't tell apart")]
    Ambiguous {
        /// The name.
        function: String,
        /// How many.
        count: usize,
    },
}

/// Bytes of a word of a context.
const WORD: u32 = 8;

/// Which skipped runs of programs a kernel counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Those of kprobe programs. The counter itself is older (5.12), but kprobe programs are counted only since 6.7, whose
    /// kprobe links also say how many calls they missed: the type information shows that.
    pub kprobes: bool,
    /// Those of trampolines, which is when the kernel has the counter at all (Linux 5.12).
    pub trampolines: bool,
}

/// Types and symbols of the running kernel.
#[derive(Debug, Default)]
pub struct KernelTypes {
    file: Option<PathBuf>,
    btf: OnceCell<Rc<Btf<'static>>>,
    counted: OnceCell<Counted>,
}

impl KernelTypes {
    /// Those of the running kernel; types from `file` where it describes none itself.
    #[must_use]
    pub fn new(file: Option<PathBuf>) -> Self {
        Self { file, ..Self::default() }
    }

    /// The type information, as the loader reads it.
    ///
    /// # Errors
    /// When there is none.
    pub fn btf(&self) -> Result<&Btf<'static>, TypesError> {
        if let Some(btf) = self.btf.get() {
            return Ok(btf);
        }
        let read = match &self.file {
            Some(file) => Btf::from_path(file).map(Rc::new),
            None => once::types(),
        };
        let btf = read.map_err(|source| TypesError::Loader { from: self.from(), source })?;
        Ok(self.btf.get_or_init(|| btf))
    }

    /// Lets go of the type information, which is read anew when somebody asks.
    pub fn forget(&mut self) {
        self.btf.take();
    }

    /// The type information as it stands in its file.
    fn raw(&self) -> Result<Rc<RawTypes>, TypesError> {
        let raw = match &self.file {
            Some(file) => RawTypes::of_file(file).map(Rc::new),
            None => once::raw_types(),
        };
        raw.map_err(|source| TypesError::Btf { from: self.from(), source })
    }

    fn from(&self) -> String {
        self.file.as_ref().map(|file| format!(" from {}", file.display())).unwrap_or_default()
    }

    /// How many words of a trampoline's context hold the arguments of a function: one each. Structures by value of up to a word
    /// are passed since Linux 6.1; a kernel before that refuses the program, and the plan does not choose it.
    ///
    /// # Errors
    /// When the function is not described, or takes something that is more than a word.
    pub fn words(&self, function: &str) -> Result<u32, TypesError> {
        let types = self.raw()?;
        let missing = || TypesError::NotDescribed(function.to_owned());
        let (_, prototype) = types.function(function).ok_or_else(missing)?;
        let prototype = types.get(prototype).ok_or_else(missing)?;
        let mut words = 0;
        for (position, parameter) in prototype.parameters().enumerate() {
            let is_one_word = types.behind(parameter).is_some_and(|(_, ty)| match ty.kind {
                Kind::Ptr | Kind::Int | Kind::Enum | Kind::Enum64 => true,
                // A longer one takes as many words as registers, and moves those behind it.
                Kind::Struct | Kind::Union => (1..=WORD).contains(&ty.size_or_type),
                _ => false,
            });
            if !is_one_word {
                return Err(TypesError::Parameter { function: function.to_owned(), parameter: position + 1 });
            }
            words += 1;
        }
        Ok(words)
    }

    /// The struct that a parameter of a function points to, by its position from 0; `None` when it points to none, or there is no
    /// such parameter.
    ///
    /// # Errors
    /// When the function is not described.
    pub fn pointed_to(&self, function: &str, position: usize) -> Result<Option<String>, TypesError> {
        let types = self.raw()?;
        let missing = || TypesError::NotDescribed(function.to_owned());
        let (_, prototype) = types.function(function).ok_or_else(missing)?;
        let prototype = types.get(prototype).ok_or_else(missing)?;
        let of_kind = |number: u32, kind: Kind| types.behind(number).filter(|(_, found)| found.kind == kind);
        let parameter = prototype.parameters().nth(position);
        let pointer = parameter.and_then(|parameter| of_kind(parameter, Kind::Ptr));
        let behind = pointer.and_then(|(_, pointer)| of_kind(pointer.size_or_type, Kind::Struct));
        Ok(behind.map(|(_, found)| String::from_utf8_lossy(types.string(found.name_at)).into_owned()))
    }

    /// What of the skipped runs of programs the kernel counts; read once.
    ///
    /// # Errors
    /// When there is no type information.
    pub fn counted(&self) -> Result<Counted, TypesError> {
        if let Some(known) = self.counted.get() {
            return Ok(*known);
        }
        let types = self.raw()?;
        let mut counted = Counted::default();
        for (_, found) in types.structures() {
            if found.name_at == 0 {
                counted.kprobes |= types.has_member(found, "func_name") && types.has_member(found, "missed");
            } else if types.is_string(found.name_at, b"bpf_prog_info") {
                counted.trampolines = types.has_member(found, "recursion_misses");
            }
        }
        Ok(*self.counted.get_or_init(|| counted))
    }

    /// The type information as it stands in the kernel, by whose numbers the kernel itself knows its types; `None` where it describes
    /// itself in a file alone.
    ///
    /// # Errors
    /// When there is no type information.
    pub fn own(&self) -> Result<Option<Rc<RawTypes>>, TypesError> {
        if self.file.is_some() { Ok(None) } else { self.raw().map(Some) }
    }

    /// Where a function begins.
    ///
    /// # Errors
    /// When the kernel does not say, or has several.
    pub fn address(&self, function: &str) -> Result<u64, TypesError> {
        let addresses = once::functions().map_err(TypesError::Symbols)?.addresses(function);
        match *addresses.as_slice() {
            [address] => Ok(address),
            [] => Err(TypesError::NoAddress(function.to_owned())),
            _ => Err(TypesError::Ambiguous { function: function.to_owned(), count: addresses.len() }),
        }
    }
}
