//! What plans leave open: user memory, and the entries of other ABIs.

use super::*;

fn missing(plan: &Plan) -> Vec<String> {
    match &plan.hooks[0].enforcement {
        Enforcement::Full => Vec::new(),
        Enforcement::Partial(missing) => missing.clone(),
    }
}

#[rstest]
fn a_kill_by_what_may_be_user_memory_is_partial_at_kernel_functions_too(
    #[values("string", "char_buf", "char_iovec")] ty: &str,
) {
    let plan = planned(&source("security_file_permission", ty, "Sigkill"), &complete()).unwrap();
    assert!(found(&plan.remarks).contains(&"warning[K008] 11:9".to_owned()), "{}", plan.remarks);
    let missing = missing(&plan);
    assert_eq!(missing.len(), 1, "{missing:?}");
    for part in ["where the function is given such a pointer", "bytes before are not compared", "not killed"]
    {
        assert!(missing[0].contains(part), "{missing:?}");
    }
    let posted = planned(&source("security_file_permission", ty, "Post"), &complete()).unwrap();
    assert_eq!(posted.hooks[0].enforcement, Enforcement::Full);
}

#[test]
fn a_portable_name_covers_the_entries_of_other_abis_where_the_kernel_has_them() {
    let text = "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {name: t}\nspec:\n  kprobes:\n  \
                - call: sys_getpid\n";
    let source = Source::new("p.yaml", text);
    let plan = planned(&source, &complete()).unwrap();
    assert_eq!((plan.hooks[0].targets.len(), plan.hooks[0].compiled.config.targets), (1, 1));
    let mut facts = complete();
    facts.functions.names.extend(["__ia32_sys_getpid".to_owned()]);
    let plan = planned(&source, &facts).unwrap();
    let hook = &plan.hooks[0];
    assert_eq!(hook.enforcement, Enforcement::Full);
    assert_eq!(
        hook.to_string(),
        "__x64_sys_getpid: kprobe at __x64_sys_getpid and __ia32_sys_getpid, events only: full"
    );
    assert_eq!(hook.compiled.config.targets, 2);
    assert_eq!(hook.compiled.config.target_convention[..2], [1, 2], "64-bit and 32-bit system call");
    assert!(plan.remarks.is_empty(), "{}", plan.remarks);
}

#[test]
fn a_way_in_with_other_arguments_stays_open_and_is_named() {
    let text = "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {name: t}\nspec:\n  kprobes:\n  \
                - {call: sys_connect, args: [{index: 0, type: fd}]}\n";
    let mut facts = complete();
    let names = ["__x64_sys_connect", "__ia32_sys_connect", "__ia32_compat_sys_socketcall"];
    facts.functions.names.extend(names.map(str::to_owned));
    let plan = planned(&Source::new("p.yaml", text), &facts).unwrap();
    assert_eq!(missing(&plan), ["32-bit programs enter through __ia32_compat_sys_socketcall, not hooked"]);
    assert_eq!(found(&plan.remarks), ["warning[K008] 6:12"]);
}

#[rstest]
#[case::both_may_be_there(&["__ia32_sys_getpid", "__ia32_compat_sys_getpid"], "through __ia32_sys_getpid or __ia32_compat_sys_getpid,")]
#[case::one(&["__ia32_sys_getpid"], "through __ia32_sys_getpid,")]
fn a_kill_at_one_entry_leaves_those_of_32_bit_programs_open(
    #[case] entries: &[&str],
    #[case] expected: &str,
) {
    let text = "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {name: t}\nspec:\n  kprobes:\n  \
                - {call: __x64_sys_getpid, selectors: [{matchActions: [{action: Sigkill}]}]}\n";
    let at = |text: &str| Source::new("p.yaml", text);
    let mut facts = complete();
    assert_eq!(missing(&planned(&at(text), &facts).unwrap()), [""; 0]);
    facts.functions.names.extend(entries.iter().map(|entry| (*entry).to_owned()));
    let plan = planned(&at(text), &facts).unwrap();
    let open = missing(&plan);
    assert!(open.len() == 1 && open[0].contains(expected), "{open:?}");
    assert!(found(&plan.remarks).contains(&"warning[K008] 6:12".to_owned()), "{}", plan.remarks);

    let posted = planned(&at(&text.replace("Sigkill", "Post")), &facts).unwrap();
    assert_eq!(missing(&posted), [""; 0], "who only watches one entry named it");
    let unknown = findings_for_any_kernel(&parsed(&at(text)));
    assert!(unknown.iter().any(|found| found.code == Code::PartialEnforcement), "{unknown:?}");
}

#[rstest]
#[case::counted_apart(Some(true), 0)]
#[case::counted_like_any(Some(false), 1)]
#[case::not_recorded(None, 1)]
fn a_security_hook_whose_program_the_kernel_may_skip_says_so(
    #[case] apart: Option<bool>,
    #[case] remarks: usize,
) {
    let text = "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {name: t}\nspec:\n  lsmhooks:\n  \
                - {hook: file_open, selectors: [{matchActions: [{action: Sigkill}]}]}\n";
    let mut facts = complete();
    facts.functions.names.extend(["bpf_lsm_file_open", "security_file_open"].map(str::to_owned));
    match apart {
        Some(true) => facts.functions.names.extend([crate::hook::risk::COUNTS_APART.to_owned()]),
        Some(false) => {}
        None => facts.functions.families = ["bpf_lsm_", "security_"].map(str::to_owned).to_vec(),
    }
    let plan = planned(&Source::new("p.yaml", text), &facts).unwrap();
    assert_eq!(plan.hooks[0].mechanism, Mechanism::Lsm);
    let skipped =
        plan.hooks[0].rules[0].risks.iter().filter(|risk| risk.contains("same one was interrupted"));
    assert_eq!(skipped.count(), remarks, "{:?}", plan.hooks[0].rules);
}
