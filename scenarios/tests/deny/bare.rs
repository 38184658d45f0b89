//! A kernel without security modules has none of the functions that ask them: a policy on one is refused by name.

use super::row::{Except, Row, Then, Way};

/// The kernel of the catalogue without `CONFIG_SECURITY`.
const BARE: &str = "5.10-bare";

/// What hooks such a function can't be had there; what hooks the system call is the same.
pub(crate) fn without_security_functions(row: &mut Row) {
    for form in row.forms.iter_mut().filter(|form| form.hook.call.starts_with("security_")) {
        let says = if form.way == Way::Lsm { "cannot refuse calls at" } else { "not in this kernel" };
        let except = Except {
            kernels: vec![BARE],
            filesystems: Vec::new(),
            why: "built without security modules, and so without the functions that ask them",
            hook: None,
            then: Then::Unsupported(says),
        };
        form.except.insert(0, except);
    }
}
