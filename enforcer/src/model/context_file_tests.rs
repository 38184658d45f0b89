//! Context files: their keys, what is left out, and that what is written is read.

use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::model::context::{Capabilities, Connection, PidNamespace, Process};

#[test]
fn the_documented_example_is_read_as_it_is_explained() {
    let page = include_str!("../../../docs/context-file.md");
    let example = page.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let context = read(example).unwrap();
    assert_eq!(context.process, Process { tgid: 4711, namespace: PidNamespace::Child { id: 9, tgid: 2 } });
    assert_eq!(context.ancestors.len(), 2);
    assert_eq!(context.executable.value, Value::Whole(b"/usr/bin/cat".to_vec()));
    assert_eq!(context.followed, [b"/usr/bin/bash".to_vec(), b"/opt/\xff".to_vec()]);
    assert_eq!((context.namespaces[3], context.host_namespaces[3]), (4_026_532_000, 0xEFFF_FFFC));
    assert_eq!(context.namespaces_at_exec, context.namespaces);
    assert_eq!(context.capabilities.effective, 0x20_0000);
    assert_eq!(context.capabilities_at_exec, Capabilities::default());
    assert_eq!(context.args[0], Argument { value: Value::Cut(b"d/e".to_vec()), file_type: Some(0o100_000) });
    assert_eq!(context.args[1].value, Value::Integer(u64::MAX));
    let Value::Connection(connection) = context.args[2].value else { panic!("{context:?}") };
    assert_eq!(connection.destination, Some("10.1.2.3".parse().unwrap()));
    assert_eq!(context.args[3].value, Value::UserFault);
    assert_eq!(context.returned, Some(Argument { value: Value::Integer(0), file_type: None }));
    for key in
        ["parent_executable", "status", "bad_fd", "namespaces_at_exec", "whole", "inheritable", "state"]
    {
        assert!(page.contains(&format!("`{key}`")), "{key} is not explained");
    }
}

#[test]
fn an_empty_context_is_an_ordinary_process_of_the_host() {
    let context = read("{}").unwrap();
    assert_eq!(context.process, Process { tgid: 1000, namespace: PidNamespace::Initial });
    assert_eq!(context.namespaces, context.host_namespaces);
    assert_eq!(context.namespaces[9], 0xEFFF_FFFD);
    assert_eq!(context.executable.value, Value::NoPath);
}

#[rstest]
#[case("proces: {tgid: 1}", "proces")]
#[case("args: [{whole: a, cut: b}]", "argument 0 needs exactly one")]
#[case("args: [{integer: 1}, {file_type: reg}]", "argument 1 needs exactly one")]
#[case("args: [{status: lost}]", "lost")]
#[case("namespaces: {Foo: 1}", "Foo")]
#[case("{\"more\": 1}", "not one that `quell eval` reads")]
#[case("{args: [{integer: 5}], proces: 1}", "there is no key `proces` here; there is process, ancestors, ")]
#[case("args: []\nargs: []", "the key `args` is given twice")]
#[case(
    "args: [{file_type: 1.5}]",
    "`file_type` is one of reg, dir, lnk, chr, blk, fifo and sock, or S_IF* bits"
)]
#[case("args: [{file_type: file}]", "`file_type` is one of reg, dir, ")]
#[case(
    "args: [{integer: x}]",
    "`integer` is a whole number from -9223372036854775808 to 18446744073709551615"
)]
#[case("args: [{whole: 5}]", "`whole` is text (a number in quotes) or `{base64: …}`")]
#[case("args:\n- status: lost", "`status` cannot be `lost`; it is one of user_fault, ")]
#[case("{\"process\": {\"tgid\": -1}}", "`tgid` is a whole number from 0 to 4294967295")]
#[case("args: 5", "`args` is a list")]
#[case("process: {}", "the key `tgid` is missing")]
fn what_is_not_a_context_is_refused(#[case] text: &str, #[case] message: &str) {
    let error = read(text).unwrap_err().to_string();
    assert!(error.contains(message), "{error}");
    for internal in ["untagged", "DuplicateKeyPolicy", "u32", "sequence start", "variant"] {
        assert!(!error.contains(internal), "{error}");
    }
}

#[test]
fn a_mapping_in_braces_is_a_context_though_it_is_no_json() {
    let context = read("{args: [{integer: 5}], # five\n process: {tgid: 7}}").unwrap();
    assert_eq!((context.args[0].value.clone(), context.process.tgid), (Value::Integer(5), 7));
}

#[rstest]
#[case(
    "int",
    "integer: 4294967295",
    "argument 0 cannot be 4294967295: a number of type int is from -2147483648 to 2147483647"
)]
#[case("int", "integer: 2147483647", "")]
#[case("int", "integer: 2147483648", "argument 0 cannot be 2147483648")]
#[case("int", "integer: -2147483648", "")]
#[case("int", "integer: -2147483649", "argument 0 cannot be -2147483649")]
#[case("int", "integer: 18446744073709551615", "")]
#[case("uint32", "integer: -1", "argument 0 cannot be -1: a number of type uint32 is from 0 to 4294967295")]
#[case("uint32", "integer: 4294967295", "")]
#[case("uint32", "integer: 4294967296", "argument 0 cannot be 4294967296")]
#[case("uint8", "integer: 256", "argument 0 cannot be 256: a number of type uint8 is from 0 to 255")]
#[case("int8", "integer: -128", "")]
#[case("uint64", "integer: 18446744073709551615", "")]
#[case("int64", "integer: -9223372036854775808", "")]
#[case(
    "sock",
    "connection: {family: 65536}",
    "argument 0 cannot be 65536: an address family is from 0 to 65535"
)]
#[case("sock", "connection: {family: 2, protocol: 262, state: 12}", "")]
#[case(
    "sock",
    "connection: {family: 2, state: 256}",
    "argument 0 cannot be 256: a connection state is from 0 to 255"
)]
#[case("file", "whole: /a, file_type: 0o100644", "the file_type of argument 0 cannot be 0o100644")]
#[case("file", "whole: /a, file_type: 0o100000", "")]
#[case(
    "string",
    "whole: a, file_type: reg",
    "argument 0 is not something that is read of an argument of type string"
)]
fn a_number_that_the_type_cannot_have_is_refused_with_those_that_it_has(
    #[case] ty: &str,
    #[case] value: &str,
    #[case] message: &str,
) {
    let hook = crate::model::eval::tests::hook(ty, "{}");
    let context = read(&format!("args: [{{{value}}}]")).unwrap();
    let found = check(&context, &hook).map_or_else(|error| error.to_string(), |()| String::new());
    assert!(found.starts_with(message) && found.is_empty() == message.is_empty(), "{found}");
}

#[test]
fn an_executable_is_a_path() {
    let hook = crate::model::eval::tests::hook("string", "{}");
    let context = read("{parent_executable: {integer: 1}, args: [{whole: a}]}").unwrap();
    let found = check(&context, &hook).unwrap_err().to_string();
    assert_eq!(found, "parent_executable is no path: it needs `whole`, `cut` or `status`");
}

#[rstest]
#[case("args: []", "the context has 0 arguments, the hook reads 1")]
#[case("args: [{integer: 1}]", "argument 0 is not something that is read of an argument of type string")]
#[case("args: [{status: no_path}]", "argument 0 is not something that is read")]
#[case("args: [{whole: text}]", "")]
#[case("args: [{status: user_fault}]", "")]
fn a_context_fits_its_hook(#[case] text: &str, #[case] message: &str) {
    let hook = crate::model::eval::tests::hook("string", "{}");
    let found = check(&read(text).unwrap(), &hook).map_or_else(|error| error.to_string(), |()| String::new());
    assert!(found.starts_with(message) && found.is_empty() == message.is_empty(), "{found}");
}

fn value() -> impl Strategy<Value = Argument> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..40);
    let address = || prop::option::of(any::<[u8; 4]>().prop_map(std::net::IpAddr::from));
    let connection = (any::<(u32, u32, u32, Option<u16>, Option<u16>)>(), address(), address()).prop_map(
        |(numbers, source, destination)| {
            let (family, protocol, state, source_port, destination_port) = numbers;
            Value::Connection(Connection {
                family,
                protocol,
                state,
                source,
                destination,
                source_port,
                destination_port,
            })
        },
    );
    let value = prop_oneof![
        any::<u64>().prop_map(Value::Integer),
        bytes().prop_map(Value::Whole),
        bytes().prop_map(Value::Cut),
        connection,
        prop::sample::select(vec![
            Value::UserFault,
            Value::KernelFault,
            Value::Disconnected,
            Value::NoPath,
            Value::BadFd
        ]),
    ];
    (value, prop::option::of(prop_oneof![Just(0o100_000), any::<u32>()]))
        .prop_map(|(value, file_type)| Argument { value, file_type })
}

fn process() -> impl Strategy<Value = Process> {
    let namespace = prop_oneof![
        Just(PidNamespace::Initial),
        any::<(u64, u32)>().prop_map(|(id, tgid)| PidNamespace::Child { id, tgid }),
    ];
    (any::<u32>(), namespace).prop_map(|(tgid, namespace)| Process { tgid, namespace })
}

fn context() -> impl Strategy<Value = Context> {
    let capabilities = || {
        any::<[u64; 3]>().prop_map(|[permitted, effective, inheritable]| Capabilities {
            permitted,
            effective,
            inheritable,
        })
    };
    let processes = (process(), prop::collection::vec(process(), 0..4));
    let paths = (value(), value(), prop::collection::vec(prop::collection::vec(any::<u8>(), 1..9), 0..3));
    let args = (prop::collection::vec(value(), 0..5), prop::option::of(value()));
    (processes, paths, any::<[[u32; 10]; 3]>(), (capabilities(), capabilities(), any::<bool>()), args)
        .prop_map(
            |(processes, paths, [namespaces, host_namespaces, namespaces_at_exec], capabilities, args)| {
                Context {
                    process: processes.0,
                    ancestors: processes.1,
                    executable: paths.0,
                    parent_executable: paths.1,
                    followed: paths.2,
                    namespaces,
                    host_namespaces,
                    namespaces_at_exec,
                    capabilities: capabilities.0,
                    capabilities_at_exec: capabilities.1,
                    at_exec_unknown: capabilities.2,
                    args: args.0,
                    returned: args.1,
                }
            },
        )
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(context in context()) {
        prop_assert_eq!(read(&write(&context).unwrap()).unwrap(), context);
    }
}
