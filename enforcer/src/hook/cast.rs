//! With what programs cast a pointer to a type that the verifier knows, so that plain loads read through it (`ebpf/c/cast.h`).

use quell_wire::code::ArgType;
use quell_wire::hook::{HookConfig, Quick};

use super::types::{KernelTypes, TypesError};
use crate::kernel::raw_types::{RawTypes, Type};

/// What gives the calling task with its type (Linux 5.11, commit 3ca1032ab7ab): every kernel with casts has it, too.
const TASK: &str = "bpf_get_current_task_btf";
/// The kernel's function for it (Linux 6.2, commit a35b9af4ec2c).
const FUNCTION: &str = "bpf_rdonly_cast";

/// Puts the numbers of the kernel's function and types among a hook's constants, where its early look has a use for them and the
/// kernel has all of them.
///
/// # Errors
/// When there is no type information.
pub fn put(types: &KernelTypes, config: &mut HookConfig) -> Result<(), TypesError> {
    if config.quick == Quick::Nothing.number() {
        return Ok(());
    }
    if let Some(types) = types.own()? {
        *config = with(&types, config).unwrap_or_else(|| without(&types, config));
    }
    Ok(())
}

fn with(types: &RawTypes, config: &HookConfig) -> Option<HookConfig> {
    let cast = types.function(FUNCTION)?.0;
    let number = |name: &str| only(types, name).map(|(number, _)| number);
    Some(HookConfig {
        cast,
        cast_registers: number("pt_regs")?,
        cast_task: number("task_struct")?,
        cast_mount: number("mount")?,
        cast_argument: structure(config.quick_type).map_or(Some(0), number)?,
        cast_pointer: beginning(types, "kiocb", "ki_filp")?,
        cast_bytes: beginning(types, "timespec64", "tv_sec")?,
        ..*config
    })
}

fn without(types: &RawTypes, config: &HookConfig) -> HookConfig {
    HookConfig { typed_task: u32::from(types.function(TASK).is_some()), ..*config }
}

/// The structure that an argument of this type points to, where the early look is at one.
pub(super) fn structure(quick_type: u32) -> Option<&'static str> {
    match ArgType::from_number(quick_type) {
        Some(ArgType::File) => Some("file"),
        Some(ArgType::Path) => Some("path"),
        Some(ArgType::LinuxBinprm) => Some("linux_binprm"),
        Some(ArgType::Kiocb) => Some("kiocb"),
        _ => None,
    }
}

/// The structure of this name, if it is the only one.
fn only<'a>(types: &'a RawTypes, name: &str) -> Option<(u32, Type<'a>)> {
    let mut all = types.structures().filter(|(_, found)| types.is_string(found.name_at, name.as_bytes()));
    all.next().filter(|_| all.next().is_none())
}

/// The number of a structure that begins with this member.
fn beginning(types: &RawTypes, name: &str, member: &str) -> Option<u32> {
    let (number, found) = only(types, name)?;
    let [at, _, place] = found.members().next()?;
    (place == 0 && types.is_string(at, member.as_bytes())).then_some(number)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::kernel::raw_types::Kind;
    use crate::kernel::raw_types::tests::encoded;

    /// A kernel with a function of this name and structures of these, each of which has a member of the name behind it at its begin.
    fn kernel(function: &str, structures: &[(&str, &str)]) -> RawTypes {
        let mut strings = String::from("\0");
        let mut string = |text: &str| {
            let at = u32::try_from(strings.len()).unwrap();
            strings.push_str(text);
            strings.push('\0');
            at
        };
        let of = |kind: Kind, members: u32| (kind as u32) << 24 | members;
        let mut types = vec![
            vec![string("int"), of(Kind::Int, 0), 8, 64],
            vec![0, of(Kind::FuncProto, 0), 0],
            vec![string(function), of(Kind::Func, 0), 2],
        ];
        for (name, member) in structures {
            types.push(vec![string(name), of(Kind::Struct, 1), 8, string(member), 1, 0]);
        }
        let types: Vec<&[u32]> = types.iter().map(Vec::as_slice).collect();
        RawTypes::new(encoded(&types, &strings)).unwrap()
    }

    const ALL: [(&str, &str); 6] = [
        ("pt_regs", "r15"),
        ("task_struct", "state"),
        ("mount", "mnt"),
        ("kiocb", "ki_filp"),
        ("timespec64", "tv_sec"),
        ("file", "f_path"),
    ];

    #[test]
    fn a_kernel_with_the_function_and_all_types_has_pointers_cast() {
        let config = HookConfig { quick_type: ArgType::File.number(), args: 3, ..HookConfig::default() };
        let with = with(&kernel(FUNCTION, &ALL), &config).unwrap();
        let numbers =
            [with.cast_registers, with.cast_task, with.cast_mount, with.cast_pointer, with.cast_bytes];
        assert_eq!((with.cast, numbers, with.cast_argument, with.args), (3, [4, 5, 6, 7, 8], 9, 3));
    }

    #[rstest]
    #[case::without_the_function("bpf_other", &ALL)]
    #[case::without_a_type(FUNCTION, &ALL[1..])]
    #[case::with_two_of_a_name(FUNCTION, &[ALL.as_slice(), &[("mount", "mnt")]].concat())]
    #[case::with_another_begin(FUNCTION, &[&ALL[..3], &[("kiocb", "ki_pos")], &ALL[4..]].concat())]
    fn no_pointer_is_cast_on_a_kernel(#[case] function: &str, #[case] structures: &[(&str, &str)]) {
        let config = HookConfig { quick_type: ArgType::File.number(), ..HookConfig::default() };
        assert_eq!(with(&kernel(function, structures), &config), None);
        assert_eq!(without(&kernel(function, structures), &config), config);
    }

    #[test]
    fn a_kernel_without_casts_may_give_the_task_with_its_type() {
        let config = HookConfig { quick_type: ArgType::Fd.number(), ..HookConfig::default() };
        assert_eq!(without(&kernel(TASK, &[]), &config), HookConfig { typed_task: 1, ..config });
    }
}
