//! Which functions the function tracer can take, from its own list: `/sys/kernel/tracing/available_filter_functions`.

use std::cell::OnceCell;

use super::running::RunningFunctions;

/// Where the list is; one of the folders may not be mounted.
const LISTS: [&str; 2] = [
    "/sys/kernel/tracing/available_filter_functions",
    "/sys/kernel/debug/tracing/available_filter_functions",
];

/// The list: one name per line, of a module with it in brackets. Of functions with several names it has one, so that a name that is not
/// there is told by its address. Empty where the tracer is not there or not ready, which says of no function that it cannot be
/// traced: attaching will say so then.
#[derive(Debug, Default)]
pub struct Traced {
    /// Read when it is first needed: the kernel writes it anew for every reader.
    list: OnceCell<String>,
    /// Where the listed functions begin, sorted; the list of all symbols has to be read for it.
    addresses: OnceCell<Box<[u64]>>,
}

impl Traced {
    /// Of this list.
    #[must_use]
    pub fn of(list: String) -> Self {
        Self { list: OnceCell::from(list), ..Self::default() }
    }

    /// Whether the tracer cannot take any function of this name.
    #[must_use]
    pub fn lacks(&self, name: &str, running: &RunningFunctions) -> bool {
        if self.list.get().is_none() && running.is_seen_traceable(name) {
            return false;
        }
        // Of a few names, before the list of all symbols is read.
        if !running.is_read() && self.names().any(|listed| listed == name) {
            return false;
        }
        if self.list().trim().is_empty() {
            return false;
        }
        let addresses = self.addresses(running);
        // One address for all functions is what a process is shown that may not know them: that tells none from another.
        addresses.len() > 1
            && running.addresses(name).iter().all(|address| addresses.binary_search(address).is_err())
    }

    fn list(&self) -> &str {
        self.list.get_or_init(|| {
            LISTS.iter().find_map(|path| std::fs::read_to_string(path).ok()).unwrap_or_default()
        })
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.list().lines().filter_map(|line| line.split_ascii_whitespace().next())
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
        let traced = Traced::of("__ia32_sys_write\nin_module [ext4]\n".to_owned());
        let lacks = |name: &str| traced.lacks(name, &running);
        assert_eq!(["__x64_sys_write", "__ia32_sys_write", "in_module"].map(lacks), [false; 3]);
        assert!(lacks("notify_die"));
    }

    #[test]
    fn an_empty_list_and_hidden_addresses_say_of_nothing_that_it_cannot_be_traced() {
        let running = RunningFunctions::of(Index::new(PLACES));
        assert!(!Traced::of("\n".to_owned()).lacks("notify_die", &running));
        let hidden = RunningFunctions::of(Index::new("0 T __x64_sys_write\n0 T notify_die\n"));
        let traced = Traced::of("__x64_sys_write\n".to_owned());
        assert!(!traced.lacks("notify_die", &hidden));
    }
}
