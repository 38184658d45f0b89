//! Every operator with every class of types that it applies to, decided both ways and left open.

use std::net::IpAddr;

use rstest::rstest;

use super::answer::Answer;
use super::context::{Argument, Connection, Context, Value};
use super::eval::tests::{cut, hook, of, whole};
use super::eval::trace;

/// What a filter says, written as operator and list of values.
fn answer(ty: &str, filter: &str, context: &Context) -> Answer {
    let (op, values) = match filter.split_once(' ') {
        Some((op, values)) => (op, format!(", values: {values}")),
        None => (filter, String::new()),
    };
    let hook = hook(ty, &format!("{{matchArgs: [{{index: 0, operator: {op}{values}}}]}}"));
    trace(&hook, context).selectors[0].answer
}

#[rstest]
#[case("int", "GT [-2]", -1, true)]
#[case("int", "GT [-2]", -2, false)]
#[case("int", "LT [5]", -1, true)]
#[case("uint64", "LT [5]", -1, false)]
#[case("uint64", "GT [5]", -1, true)]
#[case("int8", "InRange ['-3:3']", -3, true)]
#[case("int8", "InRange ['-3:3']", 3, true)]
#[case("int8", "InRange ['-3:3']", 4, false)]
#[case("int64", "NotInRange ['-3:3', '7:9']", 7, false)]
#[case("int64", "NotInRange ['-3:3', '7:9']", 6, true)]
#[case("uint32", "InMap [5, '7:9']", 5, true)]
#[case("uint32", "InMap [5, '7:9']", 6, false)]
#[case("size_t", "NotInMap [5, '7:9']", 8, false)]
#[case("uint16", "Mask [6]", 2, true)]
#[case("uint16", "Mask [6]", 9, false)]
#[case("uint16", "Mask [4, 8]", 9, true)]
#[case("capability", "Equal [CAP_SYS_ADMIN]", 21, true)]
#[case("syscall64", "InMap ['0:3']", 4, false)]
#[case("kernel_cap_t", "Mask [CAP_SYS_ADMIN]", 1 << 21, true)]
#[case("cap_effective", "Equal [CAP_SYS_ADMIN]", 3 << 21, false)]
fn numbers_are_compared_by_the_sign_of_their_type(
    #[case] ty: &str,
    #[case] filter: &str,
    #[case] number: i64,
    #[case] holds: bool,
) {
    let context = of(Value::Integer(number.cast_unsigned()));
    assert_eq!(answer(ty, filter, &context), Answer::decided(holds));
    assert_eq!(answer(ty, filter, &of(Value::KernelFault)), Answer::Undecided);
}

#[rstest]
#[case("SubString [b, zz]", "abc", Answer::Yes)]
#[case("SubString [B]", "abc", Answer::No)]
#[case("SubStringIgnCase [BC]", "aBc", Answer::Yes)]
#[case("SubStringIgnCase [bcd]", "aBc", Answer::No)]
#[case("NotPrefix [a, b]", "cab", Answer::Yes)]
#[case("NotPrefix [a, b]", "bca", Answer::No)]
#[case("NotPostfix [a, b]", "abc", Answer::Yes)]
#[case("NotPostfix [a, b]", "cab", Answer::No)]
fn strings_are_searched_and_their_ends_compared(
    #[case] filter: &str,
    #[case] text: &str,
    #[case] expected: Answer,
    #[values("string", "net_device", "char_iovec")] ty: &str,
) {
    assert_eq!(answer(ty, filter, &of(whole(text))), expected);
}

#[rstest]
#[case::found("SubString [b]", "abc", Answer::Yes)]
#[case::not_found("SubString [z]", "abc", Answer::Undecided)]
#[case::either_case("SubStringIgnCase [BC]", "abc", Answer::Yes)]
fn what_a_cut_string_shows_is_found_and_what_it_does_not_show_is_open(
    #[case] filter: &str,
    #[case] seen: &str,
    #[case] expected: Answer,
    #[values("string", "file")] ty: &str,
) {
    assert_eq!(answer(ty, filter, &of(cut(seen))), expected);
}

#[rstest]
#[case("FileType [reg, lnk]", Some(0o100_644), Value::NoPath, Answer::Yes)]
#[case("FileType [reg, lnk]", Some(0o040_755), Value::Disconnected, Answer::No)]
#[case("NotFileType [fifo]", Some(0o010_000), Value::NoPath, Answer::No)]
#[case("NotFileType [fifo]", Some(0o140_000), Value::KernelFault, Answer::Yes)]
#[case("NotFileType [fifo]", None, Value::NoPath, Answer::No)]
#[case("NotFileType [fifo]", None, Value::BadFd, Answer::No)]
#[case("FileType [fifo]", None, Value::KernelFault, Answer::Undecided)]
#[case("FileType [fifo]", None, Value::Disconnected, Answer::Undecided)]
#[case("NotFileType [fifo]", None, Value::UserFault, Answer::Unreadable)]
#[case("FileType [reg]", None, Value::Whole(b"/a".to_vec()), Answer::Undecided)]
fn the_type_of_a_file_decides_whatever_its_path_is(
    #[case] filter: &str,
    #[case] file_type: Option<u32>,
    #[case] value: Value,
    #[case] expected: Answer,
) {
    let context = Context { args: vec![Argument { value, file_type }], ..of(Value::NoPath) };
    assert_eq!(answer("file", filter, &context), expected);
}

fn connected(source: &str, destination: &str) -> Connection {
    let end = |text: &str| {
        let (address, port) = text.rsplit_once('|').unwrap();
        (address.parse::<IpAddr>().ok(), port.parse().ok())
    };
    let ((source, source_port), (destination, destination_port)) = (end(source), end(destination));
    Connection { family: 10, protocol: 6, state: 2, source, destination, source_port, destination_port }
}

#[rstest]
#[case("SAddr [10.0.0.0/8]", true)]
#[case("SAddr [10.1.2.4/32]", false)]
#[case("SAddr [0.0.0.0/0]", true)]
#[case("SAddr ['::/0']", false)]
#[case("NotSAddr ['::/0']", true)]
#[case("NotSAddr [10.0.0.0/8, 11.0.0.0/8]", false)]
#[case("DAddr ['fd00::/8']", true)]
#[case("DAddr ['fd00::2']", false)]
#[case("DAddr ['fd00::1']", true)]
#[case("NotDAddr ['fe80::/10']", true)]
#[case("SPort [40000]", true)]
#[case("SPort ['39990:39999']", false)]
#[case("NotSPort ['1:2', '40000:40001']", false)]
#[case("DPort ['1:443']", true)]
#[case("NotDPort [80]", true)]
#[case("SPortPriv", false)]
#[case("NotSPortPriv", true)]
#[case("DPortPriv", true)]
#[case("NotDPortPriv", false)]
#[case("Protocol [IPPROTO_UDP, IPPROTO_TCP]", true)]
#[case("Protocol [IPPROTO_UDP]", false)]
#[case("Family [AF_INET]", false)]
#[case("Family [AF_INET6]", true)]
#[case("State [TCP_SYN_SENT]", true)]
#[case("State [TCP_LISTEN]", false)]
fn both_ends_of_a_connection_are_compared(#[case] filter: &str, #[case] holds: bool) {
    let context = of(Value::Connection(connected("10.1.2.3|40000", "fd00::1|443")));
    assert_eq!(answer("sock", filter, &context), Answer::decided(holds));
    assert_eq!(answer("sock", filter, &of(Value::KernelFault)), Answer::Undecided);
}

#[rstest]
fn an_end_without_address_is_neither_in_nor_outside_of_anything(
    #[values(
        "SAddr [0.0.0.0/0]",
        "NotSAddr [10.0.0.0/8]",
        "SPort ['0:65535']",
        "NotSPort [1]",
        "SPortPriv",
        "NotSPortPriv"
    )]
    filter: &str,
) {
    let context = of(Value::Connection(connected("-|0", "10.0.0.1|80")));
    assert_eq!(answer("sock", filter, &context), Answer::No);
}

#[rstest]
fn an_address_without_a_port_is_neither_at_nor_beside_any_port(
    #[values(
        "SPort ['0:65535']",
        "NotSPort [443]",
        "SPortPriv",
        "NotSPortPriv",
        "DPort [0]",
        "NotDPort [443]",
        "DPortPriv",
        "NotDPortPriv"
    )]
    filter: &str,
) {
    let context = of(Value::Connection(connected("10.1.2.3|-", "10.0.0.1|-")));
    assert_eq!(answer("sock", filter, &context), Answer::No);
    assert_eq!(answer("sock", "SAddr [10.1.2.3]", &context), Answer::Yes);
    let zero = of(Value::Connection(connected("10.1.2.3|0", "10.0.0.1|0")));
    assert_eq!(
        answer("sock", filter, &zero),
        Answer::decided(!filter.contains("PortPriv") || !filter.starts_with("Not"))
    );
}

/// The answer of a selector with these sections, for a process in namespace 7 of every kind with one capability.
fn process(sections: &str, change: impl FnOnce(&mut Context)) -> Answer {
    let mut context = of(whole("x"));
    context.capabilities.effective = 1 << 21;
    change(&mut context);
    trace(&hook("string", &format!("{{{sections}}}")), &context).selectors[0].answer
}

#[rstest]
#[case("{operator: In, values: [/usr/bin/cat]}", "/usr/bin/cat", true)]
#[case("{operator: In, values: [/usr/bin/cat]}", "/usr/bin/tac", false)]
#[case("{operator: NotIn, values: [/usr/bin/cat]}", "/usr/bin/tac", true)]
#[case("{operator: Prefix, values: [/usr/]}", "/usr/bin/tac", true)]
#[case("{operator: NotPrefix, values: [/usr/]}", "/usr/bin/tac", false)]
#[case("{operator: Postfix, values: [tac]}", "/usr/bin/tac", true)]
#[case("{operator: NotPostfix, values: [/tac, /cat]}", "/usr/bin/cat", false)]
#[case("{operator: Prefix, values: [/usr/]}, {operator: NotPostfix, values: [/cat]}", "/usr/bin/cat", false)]
fn executables_are_paths(#[case] entries: &str, #[case] path: &str, #[case] holds: bool) {
    let own = |context: &mut Context| context.executable.value = whole(path);
    assert_eq!(process(&format!("matchBinaries: [{entries}]"), own), Answer::decided(holds));
}

#[test]
fn a_kernel_thread_has_no_executable_that_could_match() {
    let none = |context: &mut Context| context.executable.value = Value::NoPath;
    assert_eq!(process("matchBinaries: [{operator: NotIn, values: [/a]}]", none), Answer::No);
    let cut_off = |context: &mut Context| context.executable.value = cut("bin/cat");
    assert_eq!(
        process("matchBinaries: [{operator: In, values: [/usr/bin/cat]}]", cut_off),
        Answer::Undecided
    );
}

#[rstest]
#[case("In", &["/usr/bin/bash"], true)]
#[case("NotIn", &["/usr/bin/bash"], false)]
#[case("In", &["/usr/bin/cat"], false)]
#[case("NotIn", &[], true)]
fn descendants_of_a_followed_executable_count(#[case] op: &str, #[case] ran: &[&str], #[case] holds: bool) {
    let sections =
        format!("matchBinaries: [{{operator: {op}, followChildren: true, values: [/usr/bin/bash]}}]");
    let found = process(&sections, |context| {
        context.followed = ran.iter().map(|path| path.as_bytes().to_vec()).collect();
    });
    assert_eq!(found, Answer::decided(holds));
}

#[rstest]
#[case("{namespace: Pid, operator: In, values: [host_ns]}", 7, true)]
#[case("{namespace: Pid, operator: NotIn, values: [host_ns]}", 8, true)]
#[case("{namespace: Pid, operator: In, values: [host_ns, 8]}", 8, true)]
#[case("{namespace: Pid, operator: NotIn, values: [9, 8]}", 8, false)]
#[case("{namespace: Net, operator: In, values: [8]}", 8, false)]
fn namespaces_are_compared_by_kind(#[case] entry: &str, #[case] pid_namespace: u32, #[case] holds: bool) {
    let found =
        process(&format!("matchNamespaces: [{entry}]"), |context| context.namespaces[3] = pid_namespace);
    assert_eq!(found, Answer::decided(holds));
}

#[rstest]
#[case("In", "[Net, Pid]", true)]
#[case("In", "[Net]", false)]
#[case("NotIn", "[Pid]", false)]
#[case("NotIn", "[Uts, User]", true)]
fn a_changed_namespace_is_one_that_differs_from_exec(
    #[case] op: &str,
    #[case] values: &str,
    #[case] holds: bool,
) {
    let sections = format!("matchNamespaceChanges: [{{operator: {op}, values: {values}}}]");
    assert_eq!(process(&sections, |context| context.namespaces_at_exec[3] = 1), Answer::decided(holds));
}

#[rstest]
#[case("matchNamespaceChanges: [{operator: In, values: [Pid]}]", Answer::Undecided)]
#[case("matchNamespaceChanges: [{operator: NotIn, values: [Pid]}]", Answer::Undecided)]
#[case("matchCapabilityChanges: [{operator: NotIn, values: [CAP_BPF]}]", Answer::Undecided)]
#[case("matchCapabilityChanges: [{operator: In, values: [CAP_BPF]}]", Answer::Undecided)]
#[case("matchCapabilities: [{operator: NotIn, values: [CAP_BPF]}]", Answer::Yes)]
#[case("matchNamespaces: [{namespace: Pid, operator: In, values: [host_ns]}]", Answer::Yes)]
fn nothing_is_concluded_about_what_nobody_saw(#[case] sections: &str, #[case] expected: Answer) {
    assert_eq!(process(sections, |context| context.at_exec_unknown = true), expected);
}

const INITIAL_USER: u32 = 0xEFFF_FFFD;

#[rstest]
#[case("type: Effective, operator: In, values: [CAP_SYS_ADMIN, CAP_BPF]", 7, true)]
#[case("type: Effective, operator: NotIn, values: [CAP_SYS_ADMIN, CAP_BPF]", 7, false)]
#[case("type: Effective, operator: NotIn, values: [CAP_BPF]", 7, true)]
#[case("type: Permitted, operator: In, values: [CAP_SYS_ADMIN]", 7, false)]
#[case("type: Effective, operator: In, isNamespaceCapability: true, values: [CAP_SYS_ADMIN]", 7, true)]
#[case(
    "type: Effective, operator: In, isNamespaceCapability: true, values: [CAP_SYS_ADMIN]",
    INITIAL_USER,
    false
)]
#[case(
    "type: Effective, operator: NotIn, isNamespaceCapability: true, values: [CAP_BPF]",
    INITIAL_USER,
    false
)]
#[case("type: Effective, operator: NotIn, isNamespaceCapability: true, values: [CAP_BPF]", 7, true)]
fn capabilities_are_bits_and_may_count_outside_of_the_initial_user_namespace_only(
    #[case] entry: &str,
    #[case] user_namespace: u32,
    #[case] holds: bool,
) {
    let own = |context: &mut Context| context.namespaces[9] = user_namespace;
    assert_eq!(process(&format!("matchCapabilities: [{{{entry}}}]"), own), Answer::decided(holds));
    // It had none at exec, so what it has is what changed.
    assert_eq!(process(&format!("matchCapabilityChanges: [{{{entry}}}]"), own), Answer::decided(holds));
}

#[rstest]
#[case(0b0110, 0b0100, Answer::No)]
#[case(0b0110, 0b1100, Answer::Yes)]
fn a_capability_is_gained_when_the_second_set_has_one_more(
    #[case] old: u64,
    #[case] new: u64,
    #[case] expected: Answer,
) {
    let text = "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {name: t}\nspec:\n  kprobes:\n  - call: f\n    \
                syscall: false\n    args: [{index: 0, type: cap_effective}, {index: 1, type: cap_effective}]\n    \
                selectors: [{matchArgs: [{args: [0, 1], operator: CapabilitiesGained}]}]\n";
    let policy = crate::policy::parse_one(&crate::policy::Source::new("t", text)).unwrap();
    let sets = |old: Value, new: Value| {
        let args = [old, new].map(|value| Argument { value, file_type: None }).to_vec();
        trace(&policy.hooks[0], &Context { args, ..of(Value::NoPath) }).selectors[0].answer
    };
    assert_eq!(sets(Value::Integer(old), Value::Integer(new)), expected);
    assert_eq!(sets(Value::Integer(old), Value::KernelFault), Answer::Undecided);
    assert_eq!(sets(Value::KernelFault, Value::UserFault), Answer::Unreadable);
}
