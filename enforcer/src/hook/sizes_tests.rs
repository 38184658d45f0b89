//! Where the size of a buffer or address is, and how wide.

use quell_wire::hook::NO_SIZE_ARG;

use super::*;

#[rstest]
#[case(Parameter::Number(32), 2)]
#[case(Parameter::Pointer(None), NO_SIZE_ARG)]
fn what_stands_behind_a_socket_address_is_its_length_only_where_it_is_a_number(
    #[case] behind: Parameter,
    #[case] expected: u32,
) {
    let text = "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {name: t}\nspec:\n  kprobes:\n  \
                - call: connect_to\n    syscall: false\n    args: [{index: 1, type: sockaddr_un}]\n";
    let mut facts = with_prototypes();
    facts.functions.names.extend(["connect_to".to_owned()]);
    let pointer = |target: &str| Parameter::Pointer(Some(target.to_owned()));
    let parameters = vec![pointer("socket"), pointer("sockaddr"), behind];
    facts.prototypes.as_mut().unwrap().insert("connect_to".into(), parameters.into());
    let plan = planned(&Source::new("p.yaml", text), &facts).unwrap();
    assert_eq!(plan.hooks[0].compiled.config.arg_size[0], expected);
}

/// `import_iovec(int, const struct iovec *, unsigned, …)` with a size in its third argument, which `listed` lists or not.
fn buffers(call: &str, listed: &str) -> Source {
    let syscall = call.starts_with("__x64_sys_");
    Source::new(
        "p.yaml",
        format!(
            "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {{name: t}}\nspec:\n  kprobes:\n  \
             - call: {call}\n    syscall: {syscall}\n    args: [{{index: 1, type: char_iovec, sizeArgIndex: 3}}{listed}]\n    \
             selectors:\n    - matchArgs: [{{args: [0], operator: Prefix, values: [secret]}}]\n      \
             matchActions: [{{action: Sigkill}}]\n"
        ),
    )
}

fn with_import_iovec(size: Parameter) -> KernelFacts {
    let mut facts = with_prototypes();
    facts.functions.names.extend(["import_iovec".to_owned()]);
    let iovec = Parameter::Pointer(Some("iovec".to_owned()));
    let parameters = vec![Parameter::Number(32), iovec, size];
    facts.prototypes.as_mut().unwrap().insert("import_iovec".to_owned(), parameters.into());
    facts
}

fn remarks_on_sizes(plan: &Plan) -> usize {
    plan.remarks.as_slice().iter().filter(|found| found.message.contains("with all 64 bits")).count()
}

#[rstest]
#[case(Parameter::Number(32), "", 32)]
#[case(Parameter::Number(64), "", 64)]
#[case::the_function_knows_best(Parameter::Number(64), ", {index: 2, type: uint32}", 64)]
fn a_size_is_as_wide_as_the_function_has_it(
    #[case] size: Parameter,
    #[case] listed: &str,
    #[case] bits: u32,
) {
    let plan = planned(&buffers("import_iovec", listed), &with_import_iovec(size)).unwrap();
    let config = &plan.hooks[0].compiled.config;
    assert_eq!((config.arg_size[0], config.arg_size_bits[0]), (2, bits));
    assert_eq!(remarks_on_sizes(&plan), 0, "{}", plan.remarks);
}

#[rstest]
#[case::not_listed("", 64, 1)]
#[case::listed(", {index: 2, type: int}", 32, 0)]
fn an_unlisted_size_at_a_system_call_is_partial(
    #[case] listed: &str,
    #[case] bits: u32,
    #[case] remarks: usize,
) {
    let source = buffers("__x64_sys_write", listed);
    let plan = planned(&source, &with_prototypes()).unwrap();
    assert_eq!(plan.hooks[0].compiled.config.arg_size_bits[0], bits);
    assert_eq!(remarks_on_sizes(&plan), remarks, "{}", plan.remarks);
    let told = plan.hooks[0].to_string().contains("with all 64 bits");
    assert_eq!(told, remarks > 0, "{}", plan.hooks[0]);
}

#[test]
fn an_unlisted_size_at_a_function_is_partial_only_where_the_kernel_does_not_describe_it() {
    let source = buffers("import_iovec", "");
    let mut facts = with_import_iovec(Parameter::Number(32));
    facts.prototypes = None;
    assert_eq!(remarks_on_sizes(&planned(&source, &facts).unwrap()), 1);
    let anywhere = findings_for_any_kernel(&parsed(&source));
    assert!(anywhere.iter().all(|found| !found.message.contains("with all 64 bits")), "{anywhere:?}");
}
