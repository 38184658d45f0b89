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
fn a_portable_name_leaves_the_entries_of_other_abis_open_where_the_kernel_has_them() {
    let text = "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {name: t}\nspec:\n  kprobes:\n  \
                - call: sys_getpid\n";
    let source = Source::new("p.yaml", text);
    let plan = planned(&source, &complete()).unwrap();
    assert_eq!(plan.hooks[0].enforcement, Enforcement::Full, "this kernel has no other entries");
    let mut facts = complete();
    facts.functions.names.insert("__ia32_sys_getpid".into());
    let plan = planned(&source, &facts).unwrap();
    assert!(matches!(plan.hooks[0].enforcement, Enforcement::Partial(_)));
    assert_eq!(found(&plan.remarks), ["warning[K008] 6:11"]);
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
