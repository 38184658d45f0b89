//! Which functions the function tracer can take, from its own list: `/sys/kernel/tracing/available_filter_functions`.

use std::cell::OnceCell;

use super::running::RunningFunctions;

/// The list: one name per line, of a module with it in brackets. Of functions with several names it has one, so that a name that is not
/// there is told by its address.
#[derive(Debug)]
pub struct Traced {
    list: String,
    /// Where the listed functions begin, sorted; the list of all symbols has to be read for it.
    addresses: OnceCell<Box<[u64]>>,
}

impl Traced {
    /// Of this list. `None`: it is empty, as where the tracer is not there or not ready, which says of no function that it cannot be
    /// traced.
    #[must_use]
    pub fn new(list: String) -> Option<Self> {
        (!list.trim().is_empty()).then(|| Self { list, addresses: OnceCell::new() })
    }

    /// Whether the tracer cannot take any function of this name.
    #[must_use]
    pub fn lacks(&self, name: &str, running: &RunningFunctions) -> bool {
        // Of a few names, before the list of all symbols is read.
        if !running.is_read() && self.names().any(|listed| listed == name) {
            return false;
        }
        let addresses = self.addresses(running);
        // One address for all functions is what a process is shown that may not know them: that tells none from another.
        addresses.len() > 1
            && running.addresses(name).iter().all(|address| addresses.binary_search(address).is_err())
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.list.lines().filter_map(|line| line.split_ascii_whitespace().next())
    }

    fn addresses(&self, running: &RunningFunctions) -> &[u64] {
        self.addresses.get_or_init(|| {
            let mut addresses: Vec<u64> =
                self.names().flat_map(|name| running.index().addresses(name)).collect();
            addresses.sort_unstable();
            addresses.dedup();
            addresses.into()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::index::Index;

    const PLACES: &str =
        "f0 T __x64_sys_write\nf0 T __ia32_sys_write\nf1 t in_module\t[ext4]\nf2 T notify_die\n";

    #[test]
    fn what_is_listed_under_another_name_of_its_can_be_traced() {
        let running = RunningFunctions::of(Index::new(PLACES));
        let traced = Traced::new("__ia32_sys_write\nin_module [ext4]\n".to_owned()).unwrap();
        let lacks = |name: &str| traced.lacks(name, &running);
        assert_eq!(["__x64_sys_write", "__ia32_sys_write", "in_module"].map(lacks), [false; 3]);
        assert!(lacks("notify_die"));
    }

    #[test]
    fn an_empty_list_and_hidden_addresses_say_of_nothing_that_it_cannot_be_traced() {
        assert!(Traced::new("\n".to_owned()).is_none());
        let hidden = RunningFunctions::of(Index::new("0 T __x64_sys_write\n0 T notify_die\n"));
        let traced = Traced::new("__x64_sys_write\n".to_owned()).unwrap();
        assert!(!traced.lacks("notify_die", &hidden));
    }
}
