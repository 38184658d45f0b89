//! What is printed reads back as the same policy.

use proptest::prelude::*;

use super::*;
use crate::policy::{Source, parse_one};

fn read(text: &str) -> Policy {
    parse_one(&Source::new("p.yaml", text)).unwrap_or_else(|found| panic!("{found}\n{text}")).without_spans()
}

const EVERYTHING: &str = r#"
apiVersion: cilium.io/v1alpha1
kind: TracingPolicyNamespaced
metadata: {name: everything, namespace: prod, labels: {a: b}}
spec:
  options:
  - {name: policy-mode, value: monitor}
  - {name: override-method, value: fmod-ret}
  - {name: disable-kprobe-multi, value: "1"}
  enforcers:
  - calls: [sys_write, security_file_open]
  lists:
  - {name: calls, type: syscalls, values: [sys_read, sys_write]}
  - {name: numbers, values: [1, "5:9", 0x20]}
  - {name: "by \"name\"", type: generated_ftrace, pattern: '^vfs_\w+"$'}
  selectorsMacros:
    mine:
      matchPIDs:
      - {operator: NotIn, followForks: true, isNamespacePID: true, values: [0, 1]}
  kprobes:
  - call: "list:calls"
    return: true
    message: "a \"message\" of two\nlines"
    tags: [one, "ö\u2028"]
    ignore: {callNotFound: true}
    args:
    - {index: 0, type: fd, label: where}
    - {index: 1, type: char_buf, sizeArgIndex: 3, returnCopy: true, maxData: true}
    - {index: 2, type: size_t}
    data:
    - {type: uint32, source: current_task, resolve: "cred.uid[0].val"}
    - {type: uint64, source: pt_regs, resolve: rsp}
    returnArg: {index: 0, type: int64}
    returnArgAction: Post
    selectors:
    - label: first
      required: true
      macros: [mine]
      matchBinaries:
      - {operator: In, followChildren: true, values: [/usr/bin/tar]}
      - {operator: NotPostfix, values: [".so"]}
      matchParentBinaries:
      - {operator: NotPrefix, values: [/opt/]}
      matchArgs:
      - {index: 0, operator: FileType, values: [reg, lnk]}
      - {index: 1, operator: Postfix, values: [!!binary "//7+", "x\ty"]}
      - {index: 2, operator: InMap, values: ["list:numbers", "4096:8192"]}
      - {args: [2], operator: gt, values: [7]}
      matchData:
      - {index: 0, operator: NotEqual, values: [0]}
      - {args: [1], operator: Mask, values: [0xffffffffffffffff]}
      matchReturnArgs:
      - {index: 0, operator: InRange, values: ["-EIO:-1"]}
      matchNamespaces:
      - {namespace: Mnt, operator: NotIn, values: [host_ns, "4026531841"]}
      matchNamespaceChanges:
      - {operator: In, values: [Uts, net]}
      matchCapabilities:
      - {type: Permitted, operator: In, isNamespaceCapability: true, values: [CAP_SYS_ADMIN, "63"]}
      matchCapabilityChanges:
      - {operator: NotIn, values: [CAP_KILL]}
      matchActions:
      - {action: Post, rateLimit: 5m, rateLimitScope: global, kernelStackTrace: true, userStackTrace: true}
      - {action: Signal, argSig: SIGTERM}
      - {action: FollowFD, argFd: 0, argName: 1}
      - {action: Override, argError: -1}
      - {action: NotifyEnforcer, argError: EPERM, argSig: 9}
      - {action: Set, argIndex: 2, argValue: 0}
      matchReturnActions:
      - {action: NoPost}
    - {}
  - {call: i386/sys_chown}
  - {call: x64/sys_chown}
  - {call: __ia32_compat_sys_openat}
  - {call: 'list:by "name"', syscall: false, return: true}
  - {call: 'list:by "name"', syscall: false}
  tracepoints:
  - subsystem: raw_syscalls
    event: sys_enter
    args: [{index: 4, type: syscall64}]
    selectors: [{matchArgs: [{index: 4, operator: InMap, values: [sys_bpf, "i386/sys_write", "list:calls"]}]}]
  - {subsystem: sched, event: sched_switch, raw: true}
  lsmhooks:
  - hook: socket_connect
    args: [{index: 0, type: socket}, {index: 1, type: sockaddr}]
    selectors:
    - matchArgs:
      - {index: 0, operator: NotDAddr, values: [10.0.0.0/8, "::1", "::ffff:192.168.0.0/112"]}
      - {index: 0, operator: SPort, values: [22, "1024:65535"]}
      - {index: 0, operator: DPortPriv}
      - {index: 0, operator: Protocol, values: [IPPROTO_TCP, udp]}
      - {index: 1, operator: Family, values: [AF_INET6, inet]}
      - {index: 0, operator: State, values: [TCP_SYN_SENT, 1]}
      matchActions: [{action: TrackSock, argSock: 0}]
  fentries:
  - call: sys_capset
    args: [{index: 0, type: uint64}]
  - call: security_capset
    syscall: false
    args: [{index: 2, type: cap_effective}, {index: 3, type: cap_inheritable}]
    selectors:
    - matchArgs:
      - {args: [0, 1], operator: CapabilitiesGained}
      - {args: [0], operator: Mask, values: ["CAP_SYS_ADMIN,CAP_KILL", 1]}
  uprobes:
  - path: "/usr/bin/a \"b\""
    symbols: [_ZN3fooEv, main]
    return: true
    returnArg: {type: int64, label: result}
    args: [{index: 4, type: string}]
    selectors:
    - {matchArgs: [{args: [0], operator: Prefix, values: [a]}]}
  - {path: /lib/libc.so.6, offsets: [0, 0xffffffffffffffff], tags: [libc]}
  - {path: /lib/libc.so.6, addrs: [0x1139]}
  usdts:
  - path: /usr/bin/python3
    provider: python
    name: function__entry
    args: [{index: 0, type: string}, {index: 1, type: char_buf, sizeArgIndex: 3}]
"#;

#[test]
fn everything_of_the_language_reads_back() {
    let policy = read(EVERYTHING);
    let printed = print(&policy);
    assert_eq!(read(&printed), policy, "{printed}");
    assert_eq!(print(&read(&printed)), printed);
    let functions: Vec<_> = policy.hooks.iter().map(|hook| hook.point.target()).collect();
    assert_eq!(
        functions,
        [
            "__x64_sys_read",
            "__x64_sys_write",
            "__ia32_sys_chown16",
            "__x64_sys_chown",
            "__ia32_compat_sys_openat",
            "/^vfs_\\w+\"$/",
            "/^vfs_\\w+\"$/",
            "raw_syscalls/sys_enter",
            "sched/sched_switch",
            "socket_connect",
            "__x64_sys_capset",
            "security_capset",
            "/usr/bin/a \"b\":_ZN3fooEv",
            "/usr/bin/a \"b\":main",
            "/lib/libc.so.6+0x0",
            "/lib/libc.so.6+0xffffffffffffffff",
            "/lib/libc.so.6@0x1139",
            "/usr/bin/python3:python:function__entry",
        ]
    );
}

#[test]
fn every_number_of_a_set_of_capabilities_keeps_its_bit() {
    for mask in [1, 1 << 63, u64::MAX, 1 << 40 | 1 << 41] {
        let mut policy = read(EVERYTHING);
        policy.hooks[0].selectors[0].capabilities[0].mask = mask;
        assert_eq!(read(&print(&policy)), policy);
    }
}

proptest! {
    #[test]
    fn any_text_and_any_bytes_are_quoted_so_that_they_read_back(
        message in "\\PC{1,40}|[\\x01-\\x20\"\\\\:#\u{85}\u{feff}\u{2028}\u{10ffff}']{1,20}",
        value in prop::collection::vec(1u8.., 1..64),
    ) {
        let mut policy = read(EVERYTHING);
        policy.hooks[0].message = Some(message);
        policy.hooks[0].selectors[0].args[1].values = Values::Strings(vec![value]);
        prop_assert_eq!(read(&print(&policy)), policy);
    }
}
