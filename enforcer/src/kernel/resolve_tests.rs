//! Paths through types that are compiled into the objects: they are the same on every machine.

use rstest::rstest;

use super::*;
use crate::policy::ast::{ArgType, Policy};
use crate::policy::source::Source;

/// A policy with one argument of the calling task, or of the registers.
fn policy(source: &str, ty: &str, path: &str) -> Policy {
    let text = format!(
        "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {{name: p}}\nspec:\n  kprobes:\n  - call: \
         generic_kprobe_event\n    syscall: false\n    data:\n    - {{source: {source}, type: {ty}, resolve: '{path}'}}\n"
    );
    let mut documents = crate::policy::parse(&Source::new("p.yaml", text)).expect("the policy is one");
    documents.remove(0)
}

fn resolved(source: &str, ty: &str, path: &str) -> Result<(Vec<u32>, u32), ResolveError> {
    let object = quell_bpf::Family::Kprobe.object();
    let btf = Btf::from_raw("kprobe", object).expect("the object is one").expect("it has types");
    let mut config = HookConfig::default();
    resolve(&btf, &policy(source, ty, path).hooks[0], &mut config)?;
    let steps = usize::try_from(config.arg_steps[0]).expect("a few");
    Ok((config.arg_step[..steps].to_vec(), config.arg_width[0]))
}

#[test]
fn registers_are_read_where_the_hook_keeps_them() {
    assert_eq!(resolved("pt_regs", "uint64", "ax").map_err(|error| error.to_string()), Ok((vec![80], 8)));
    assert_eq!(resolved("pt_regs", "uint64", "di").map_err(|error| error.to_string()), Ok((vec![112], 8)));
}

#[test]
fn a_pointer_on_the_way_is_followed_and_what_is_embedded_is_not() {
    let (to_mm, _) = resolved("current_task", "uint64", "mm").expect("a pointer is a number");
    let (steps, width) = resolved("current_task", "file", "mm.exe_file").expect("it is a file");
    assert_eq!((steps.len(), width), (2, 8));
    assert_eq!(steps.first(), to_mm.first());
    let (steps, width) = resolved("current_task", "path", "mm.exe_file.f_path").expect("it is a path");
    assert_eq!((steps.len(), width), (3, 0), "the address of what is embedded is the argument");
    let (steps, width) = resolved("current_task", "dentry", "mm.exe_file.f_path.dentry").expect("it is one");
    assert_eq!((steps.len(), width), (3, 8));
}

#[test]
fn text_is_read_where_it_is() {
    let (steps, width) = resolved("current_task", "string", "comm").expect("it is text");
    assert_eq!((steps.len(), width), (1, 0));
}

#[rstest]
#[case("current_task", "uint64", "nm", "struct task_struct has no member `nm`")]
#[case("current_task", "uint64", "mm.exe_file.f_path.nothing", "behind `mm.exe_file.f_path`")]
#[case("current_task", "file", "mm", "is a pointer to struct mm_struct, not of type file")]
#[case("current_task", "int8", "tgid", "is a signed number of 32 bits, not of type int8")]
#[case("current_task", "uint64", "tgid.x", "a signed number of 32 bits has no member `x`")]
#[case("current_task", "uint8", "comm[16]", "`comm` has 16 elements, none with index 16")]
fn what_the_kernel_does_not_have_is_named(
    #[case] source: &str,
    #[case] ty: &str,
    #[case] path: &str,
    #[case] message: &str,
) {
    let error = resolved(source, ty, path).expect_err("there is no such thing");
    assert!(error.to_string().contains(message), "{error}");
    assert!(!error.advice().is_empty());
}

#[test]
fn the_nearest_members_are_proposed() {
    let error = resolved("current_task", "uint64", "nm").expect_err("there is none");
    assert!(error.advice().contains("`mm`"), "{}", error.advice());
}

#[test]
fn a_wider_number_takes_a_narrower_one_without_a_sign() {
    let (_, width) =
        resolved("current_task", "uint64", "mm.exe_file.f_path.dentry.d_inode.i_mode").expect("16 bits");
    assert_eq!(width, 2);
    assert_eq!(ArgType::Uint64.name(), "uint64");
}
