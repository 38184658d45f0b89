//! The table of pairs, by itself and against what recorded kernels have.

use std::collections::BTreeSet;

use rstest::rstest;

use super::*;
use crate::kernel::recorded;

fn prototype(text: &str) -> Prototype {
    text.parse().unwrap()
}

#[test]
fn every_function_and_every_hook_stands_once() {
    let mut functions = BTreeSet::new();
    let mut hooks = BTreeSet::new();
    for pair in all() {
        assert!(functions.insert(pair.function), "{}", pair.function);
        assert!(hooks.insert(pair.hook), "{}", pair.hook);
        assert_eq!(of_function(pair.function), Some(pair));
        assert_eq!(of_hook(pair.hook), Some(pair));
    }
}

#[rstest]
#[case::before_linux_6_0("inode_setattr", "32(*dentry, *iattr)", "32(*dentry, *iattr)", &[Some(0), Some(1)])]
#[case::before_linux_6_9(
    "inode_setattr",
    "32(*user_namespace, *dentry, *iattr)",
    "32(*dentry, *iattr)",
    &[None, Some(0), Some(1)]
)]
#[case::since_linux_6_9(
    "inode_setattr",
    "32(*mnt_idmap, *dentry, *iattr)",
    "32(*mnt_idmap, *dentry, *iattr)",
    &[Some(0), Some(1), Some(2)]
)]
#[case("mmap_file", "32(*file, 64, 64)", "32(*file, 64, 64, 64)", &[Some(0), Some(1), Some(3)])]
#[case::before_linux_5_19(
    "path_rename",
    "32(*path, *dentry, *path, *dentry, 32)",
    "32(*path, *dentry, *path, *dentry)",
    &[Some(0), Some(1), Some(2), Some(3), None]
)]
#[case("bprm_check_security", "32(*linux_binprm)", "32(*linux_binprm)", &[Some(0)])]
fn arguments_of_a_pair_are_the_same_things(
    #[case] hook: &str,
    #[case] function_has: &str,
    #[case] hook_has: &str,
    #[case] expected: &[Option<u8>],
) {
    let pair = of_hook(hook).unwrap();
    let arguments = pair.compare(&prototype(function_has), &prototype(hook_has)).unwrap();
    assert_eq!(arguments, expected);
    for (index, there) in expected.iter().enumerate() {
        let back = there.map(|there| inverse(&arguments)[usize::from(there)]);
        assert_eq!(back, there.map(|_| u8::try_from(index).ok()), "there and back is the same argument");
    }
}

#[rstest]
#[case::another_number("file_open", "32(*file)", "32(*file, 32)")]
#[case::another_type("file_open", "32(*file)", "32(*inode)")]
#[case::nothing_returned("file_open", "32(*file)", "void(*file)")]
#[case::a_shape_that_no_kernel_had("mmap_file", "32(*file, 64)", "32(*file, 64, 64, 64)")]
fn a_pair_that_the_kernel_has_otherwise_is_not_used(
    #[case] hook: &str,
    #[case] function_has: &str,
    #[case] hook_has: &str,
) {
    let error = of_hook(hook).unwrap().compare(&prototype(function_has), &prototype(hook_has)).unwrap_err();
    let text = error.to_string();
    assert!(text.contains(function_has) && text.contains(hook_has), "{text}");
}

#[rstest]
#[case::v5_10("5.10")]
#[case::v6_1("6.1")]
#[case::v6_12("6.12")]
#[case::v7_3("7.3")]
fn every_pair_of_a_recorded_kernel_is_as_the_table_has_it(#[case] kernel: &str) {
    let facts = recorded::of_kernel(kernel).unwrap();
    let known = |name: &str| matches!(facts.prototype(name), PrototypeAnswer::Known(_));
    let mut compared = 0;
    for pair in all().filter(|pair| known(pair.function) && known(&pair.symbol())) {
        let found = pair.to_hook(&facts);
        assert!(found.is_ok(), "{kernel}: {}", found.unwrap_err());
        compared += 1;
    }
    assert!(compared > 110, "{kernel}: only {compared} pairs have recorded prototypes");
}
