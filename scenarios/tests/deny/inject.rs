//! A kernel that was built to have errors injected refuses the system call itself, so that is what is tried there.

use super::row::{Except, Fate, REFUSED, Row, Then, Way};

/// The kernel of the catalogue with `CONFIG_BPF_KPROBE_OVERRIDE`.
const INJECTING: &str = "6.12-override";

/// Wherever an operation is refused where the kernel asks, and has a system call that is seen: on that kernel it is refused there.
pub(crate) fn at_the_system_call(row: &mut Row) {
    let seen = row.forms.iter().find(|form| form.way == Way::Kill && form.outcome.fate != Fate::Unseen);
    let Some(hook) = seen.map(|form| form.hook.clone()) else { return };
    for form in row.forms.iter_mut().filter(|form| form.way == Way::Refuse) {
        let except = Except {
            kernels: vec![INJECTING],
            filesystems: Vec::new(),
            why: "built with errors to inject: the system call itself is refused",
            hook: Some(hook.clone()),
            then: Then::Outcome(REFUSED),
        };
        form.except.insert(0, except);
    }
}
