//! Where a cell's traces lie, and how it is performed again: names and commands only, nothing is looked up.

use crate::{
    disk,
    report::view::{CellView, KernelView},
};

/// Ids of kernels that are the user's own files begin like this.
const OWN_KERNEL: &str = "own-";

/// Traces that each boot leaves in the folder of its kernel.
const TRACES: &[(&str, &str, &str)] = &[
    ("console-", ".log", "what the kernel printed"),
    ("control-", ".jsonl", "every message between host and guest"),
    ("qemu-", ".sh", "the same machine again, by hand"),
    ("qemu-", ".log", "QEMU's own messages"),
];

/// The command that performs this cell again, from the folder of the sources. `kernel` tells of the user's own kernels which
/// file they were.
#[must_use]
pub fn command(cell: &CellView, kernel: Option<&KernelView>) -> String {
    let id = &cell.planned.cell.kernel;
    let kernel = match id.starts_with(OWN_KERNEL) {
        true => {
            let file = kernel.and_then(|kernel| kernel.package.as_deref()).unwrap_or("FILE");
            format!("--kernel-image {}", quoted(file))
        }
        false => format!("--kernel {}", quoted(&literal(id))),
    };
    format!("./ci/lab {kernel} --scenario {}", quoted(&literal(&cell.planned.cell.row())))
}

/// The command that enters the cell's guest at the point where its policy is in force; none where no guest is saved there: a kernel of
/// the user's own has no name, and no disk that is plugged in can be part of a snapshot.
#[must_use]
pub fn enter(cell: &CellView) -> Option<String> {
    let cell = &cell.planned.cell;
    let is_saved = !cell.kernel.starts_with(OWN_KERNEL)
        && (!cell.file_system.is_on_disk() || cell.file_system == disk::ON_RAM);
    is_saved.then(|| format!("vmtest shell --cell {}", quoted(&cell.to_string())))
}

/// The traces of a guest, each as its path within the run's folder and what is in it.
#[must_use]
pub fn traces(folder: &str, number: u32) -> Vec<(String, &'static str)> {
    let path = |(prefix, suffix, what): &(&str, &str, &'static str)| {
        (format!("{folder}/{prefix}{number}{suffix}"), *what)
    };
    TRACES.iter().map(path).collect()
}

/// The options take globs; this one means itself.
fn literal(text: &str) -> String {
    let mut glob = String::new();
    for c in text.chars() {
        match c {
            '*' | '?' | '[' | ']' | '{' | '}' => glob.extend(['[', c, ']']),
            c => glob.push(c),
        }
    }
    glob
}

/// A word for a POSIX shell.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./-_".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{matrix::Filter, testing::RunScript};

    fn command_of(cell: &str) -> String {
        let view = RunScript::new(&[cell]).view();
        let kernel = KernelView { package: Some("it's/bzImage".into()), ..KernelView::default() };
        command(&view.cells[0], Some(&kernel))
    }

    #[test]
    fn a_cell_is_named_so_that_a_shell_takes_it_as_it_is() {
        let plain = "./ci/lab --kernel 6.12 --scenario file/kill-write@ext4";
        assert_eq!(command_of("6.12/file/kill-write@ext4"), plain);
        let strange = "./ci/lab --kernel 6.12 --scenario 'file/it'\\''s $(x)@ext4'";
        assert_eq!(command_of("6.12/file/it's $(x)@ext4"), strange);
    }

    #[test]
    fn a_name_with_the_characters_of_globs_selects_itself() {
        let filter = Filter::new(None, Some(&literal("file/a[1]*@none"))).unwrap();
        let none = quell_scenarios::scenario::FileSystem::None;
        assert!(filter.wants_row("file/a[1]*", none));
        assert!(!filter.wants_row("file/a1x", none));
    }

    #[test]
    fn a_kernel_of_the_users_own_is_named_by_its_file() {
        let expected = r"./ci/lab --kernel-image 'it'\''s/bzImage' --scenario file/a@none";
        assert_eq!(command_of("own-bzimage/file/a@none"), expected);
    }

    #[test]
    fn a_cell_can_be_entered_where_its_guest_can_be_saved() {
        let of = |cell: &str| enter(&RunScript::new(&[cell]).view().cells[0]);
        let expected = "vmtest shell --cell 6.12/file/kill-write@ext4";
        assert_eq!(of("6.12/file/kill-write@ext4").as_deref(), Some(expected));
        assert_eq!(of("6.12/file/kill-write@xfs"), None);
        assert_eq!(of("own-bzimage/file/a@none"), None);
    }

    #[test]
    fn traces_are_named_as_the_boot_names_them() {
        let paths: Vec<String> = traces("6.12", 3).into_iter().map(|(path, _)| path).collect();
        assert_eq!(
            paths,
            ["6.12/console-3.log", "6.12/control-3.jsonl", "6.12/qemu-3.sh", "6.12/qemu-3.log"]
        );
    }
}
