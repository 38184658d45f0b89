//! The functions of the running kernel by name, with as little reading as an answer takes.
//!
//! A policy names a handful. Those whose names nothing else can have are looked up one by one; for any other name it has to be known
//! whether it is the only one, which only the list of all symbols says. That is read when it is first needed.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::rc::Rc;
use std::sync::LazyLock;

use super::begin::Begins;
use super::index::Index;
use super::lookup::Lookup;
use crate::policy::entry;

const SYMBOLS: &str = "/proc/kallsyms";
/// The functions behind the hooks of the security modules, each defined by the name of its hook.
const HOOKS: &str = "bpf_lsm_";
/// What counts a program of a trampoline as under way (Linux 6.2); defined once for all of the kernel.
pub(crate) const ENTER_COUNTED: &str = "__bpf_prog_enter_recur";
/// The functions that ask the security modules; those that have a hook of their name are the kernel's interface to it.
const SECURITY: &str = "security_";

/// The functions of the running kernel.
#[derive(Debug, Default)]
pub struct RunningFunctions {
    lookup: Option<Lookup>,
    /// What was looked up, and what came of it.
    looked_up: RefCell<HashMap<String, Option<u64>>>,
    begins: OnceCell<Option<Begins>>,
    /// `None`: it could not be read.
    index: OnceCell<Option<Rc<Index>>>,
}

impl RunningFunctions {
    /// Those of this kernel.
    ///
    /// # Errors
    /// When its list of symbols cannot be opened, whether it will be needed or not.
    pub fn new() -> io::Result<Self> {
        File::open(SYMBOLS)?.read_exact(&mut [0])?;
        Ok(Self { lookup: Lookup::new(), ..Self::default() })
    }

    /// Those of a list.
    #[must_use]
    pub fn of(index: Index) -> Self {
        Self { index: OnceCell::from(Some(Rc::new(index))), ..Self::default() }
    }

    /// The list; nothing is in it when the kernel showed its beginning and does not show the rest, see [`Self::is_unreadable`].
    #[must_use]
    pub fn index(&self) -> &Index {
        static NOTHING: LazyLock<Index> = LazyLock::new(Index::default);
        let list =
            self.index.get_or_init(|| std::fs::read(SYMBOLS).ok().map(|text| Rc::new(Index::new(text))));
        list.as_deref().unwrap_or(&NOTHING)
    }

    /// Whether the list was needed and could not be read: then of no name but those that were looked up it is known whether it exists.
    #[must_use]
    pub fn is_unreadable(&self) -> bool {
        matches!(self.index.get(), Some(None))
    }

    /// Whether the list had to be read.
    #[must_use]
    pub fn is_read(&self) -> bool {
        matches!(self.index.get(), Some(Some(_)))
    }

    /// How many functions have this name.
    #[must_use]
    pub fn count(&self, name: &str) -> usize {
        match self.looked_up(name) {
            Some(found) => usize::from(found.is_some()),
            None => self.index().count(name),
        }
    }

    /// Whether the only function of this name is seen to have room for a call of the function tracer; no is no answer.
    #[must_use]
    pub fn is_seen_traceable(&self, name: &str) -> bool {
        let Some(begins) = self.begins.get_or_init(Begins::new) else { return false };
        matches!(*self.addresses(name), [address] if begins.has_room_at(address))
    }

    /// Where the functions of a name begin. Addresses that the kernel hides are left out.
    #[must_use]
    pub fn addresses(&self, name: &str) -> Vec<u64> {
        match self.looked_up(name) {
            Some(found) => found.into_iter().collect(),
            None => self.index().addresses(name).collect(),
        }
    }

    /// Where the only function of this name begins, or that there is none; `None`: the list has to be asked.
    fn looked_up(&self, name: &str) -> Option<Option<u64>> {
        if self.is_read() || !self.has_one_at_most(name) {
            return None;
        }
        self.ask(name)
    }

    fn ask(&self, name: &str) -> Option<Option<u64>> {
        if let Some(known) = self.looked_up.borrow().get(name) {
            return Some(*known);
        }
        let found = self.lookup.as_ref()?.address(name).ok()?;
        self.looked_up.borrow_mut().insert(name.to_owned(), found);
        Some(found)
    }

    /// Whether no two functions of a kernel can have this name: what is entered by a system call, and what the security modules are
    /// asked by, is defined once, by its name, for all of the kernel.
    fn has_one_at_most(&self, name: &str) -> bool {
        if let Some(hook) = name.strip_prefix(SECURITY) {
            return self.ask(&format!("{HOOKS}{hook}")).flatten().is_some();
        }
        entry::convention(name).is_some() || name.starts_with(HOOKS) || name == ENTER_COUNTED
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::functions::{FunctionAnswer, Functions};

    #[test]
    fn a_list_answers_for_every_name_and_nobody_is_asked() {
        let functions = RunningFunctions::of(Index::new("f0 T __x64_sys_write\nf1 t twice\nf2 t twice\n"));
        assert!(functions.is_read());
        assert_eq!(
            ["__x64_sys_write", "twice", "__x64_sys_wriet"].map(|name| functions.count(name)),
            [1, 2, 0]
        );
        assert_eq!(functions.addresses("twice").len(), 2);
    }

    #[test]
    fn of_a_list_that_cannot_be_read_nothing_is_known() {
        let unreadable = RunningFunctions { index: OnceCell::from(None), ..RunningFunctions::default() };
        let functions = Functions::of_running_kernel(&Rc::new(unreadable));
        assert_eq!(functions.answer("vfs_write"), FunctionAnswer::Unknown);
    }

    /// Needs root, as all tests of this crate that ask the kernel.
    #[test]
    fn what_is_looked_up_is_what_the_list_says() {
        let unique = [
            "__x64_sys_write",
            "__ia32_sys_write",
            "__ia32_compat_sys_writev",
            "__x64_sys_no_such_call",
            "security_file_permission",
            "security_no_such_hook",
            "bpf_lsm_file_permission",
            ENTER_COUNTED,
        ];
        let (asked, listed) = (RunningFunctions::new().unwrap(), RunningFunctions::new().unwrap());
        let index = listed.index();
        let same = |name: &str| {
            assert_eq!(asked.count(name), index.count(name), "{name}");
            assert_eq!(asked.addresses(name), index.addresses(name).collect::<Vec<_>>(), "{name}");
        };
        // There is no hook of this name, so that it is nobody's.
        let (nobodys, unique): (Vec<&str>, Vec<&str>) =
            unique.into_iter().partition(|name| *name == "security_no_such_hook");
        unique.iter().copied().for_each(same);
        assert!(
            !asked.is_read(),
            "this kernel (Linux 5.16 or later is needed) was not asked about single names"
        );
        // It has room for it on every kernel, and the other one does not exist.
        assert!(asked.is_seen_traceable("bpf_lsm_file_permission"));
        assert!(!asked.is_seen_traceable("__x64_sys_no_such_call"));
        nobodys.into_iter().chain(["vfs_write"]).for_each(same);
        assert!(asked.is_read());
        assert!(asked.is_seen_traceable("vfs_write"));
    }
}
