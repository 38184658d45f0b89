//! One example per operator and per section of a selector, each with a call that matches and one that does not.

use crate::policy::ast::Operator;

/// An example: a hook with one selector.
#[derive(Debug, Clone, Copy)]
pub struct Example {
    /// The operator of `matchArgs` that it shows; `None` when it shows the first section of its selector.
    pub operator: Option<Operator>,
    /// What the hook reads, as the value of `args`.
    pub args: &'static str,
    /// The selector's match section, as its value.
    pub selector: &'static str,
    /// What matches, in words.
    pub matches: &'static str,
    /// A context that matches, in YAML.
    pub yes: &'static str,
    /// One that does not.
    pub no: &'static str,
}

impl Example {
    /// Both contexts as files of YAML, and whether they match.
    #[must_use]
    pub fn contexts(&self) -> [(String, bool); 2] {
        // Without the marker, a brace would begin a file of JSON.
        [(format!("--- {}\n", self.yes), true), (format!("--- {}\n", self.no), false)]
    }

    /// A whole policy with it.
    #[must_use]
    pub fn policy(&self) -> String {
        let Self { args, selector, .. } = self;
        format!(
            "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata:\n  name: example\nspec:\n  kprobes:\n  - call: \
             security_example\n    syscall: false\n    args: [{args}]\n    selectors:\n    - {{{selector}}}\n"
        )
    }
}

const fn section(
    selector: &'static str,
    matches: &'static str,
    yes: &'static str,
    no: &'static str,
) -> Example {
    Example { operator: None, args: "", selector, matches, yes, no }
}

const fn of(
    operator: Operator,
    args: &'static str,
    selector: &'static str,
    matches: &'static str,
    yes: &'static str,
    no: &'static str,
) -> Example {
    Example { operator: Some(operator), args, selector, matches, yes, no }
}

const FILE: &str = "{index: 0, type: file}";
const INT: &str = "{index: 0, type: int}";
const TEXT: &str = "{index: 0, type: string}";
const SOCK: &str = "{index: 0, type: sock}";

/// Every example, in the order of the page.
pub const EXAMPLES: &[Example] = &[
    section(
        "matchPIDs: [{operator: NotIn, followForks: true, values: [1, 812]}]",
        "processes that are neither 1 nor 812 and have no such ancestor among the nearest nine",
        "{process: {tgid: 4711}, ancestors: [{tgid: 4000}]}",
        "{process: {tgid: 4711}, ancestors: [{tgid: 812}]}",
    ),
    section(
        "matchBinaries: [{operator: In, values: [/usr/bin/tar, /usr/bin/cpio]}]",
        "the two programs, by the path of the file that is executed",
        "{executable: {whole: /usr/bin/cpio}}",
        "{executable: {whole: /usr/bin/cp}}",
    ),
    section(
        "matchParentBinaries: [{operator: Prefix, values: [/opt/agent/]}]",
        "children of programs below /opt/agent",
        "{parent_executable: {whole: /opt/agent/bin/worker}}",
        "{parent_executable: {whole: /opt/agents}}",
    ),
    section(
        "matchNamespaces: [{namespace: Mnt, operator: NotIn, values: [host_ns]}]",
        "processes in another mount namespace than the host's",
        "{namespaces: {Mnt: 4026532500}}",
        "{}",
    ),
    section(
        "matchNamespaceChanges: [{operator: In, values: [Mnt, Pid]}]",
        "processes whose mount or PID namespace is not the one that they executed their program in",
        "{namespaces: {Mnt: 4026532500}, namespaces_at_exec: {Mnt: 4026532499}}",
        "{namespaces: {Net: 4026532500}, namespaces_at_exec: {Net: 4026532499}}",
    ),
    section(
        "matchCapabilities: [{type: Effective, operator: In, values: [CAP_SYS_ADMIN, CAP_SYS_PTRACE]}]",
        "processes with one of the two",
        "{capabilities: {effective: 0x200000}}",
        "{capabilities: {effective: 0x100000, permitted: 0x200000}}",
    ),
    section(
        "matchCapabilityChanges: [{type: Permitted, operator: In, values: [CAP_SYS_ADMIN]}]",
        "processes that gained or lost it since they executed their program",
        "{capabilities: {permitted: 0x200000}, capabilities_at_exec: {}}",
        "{capabilities: {permitted: 0x200000}, capabilities_at_exec: {permitted: 0x200001}}",
    ),
    of(
        Operator::Equal,
        FILE,
        "matchArgs: [{index: 0, operator: Equal, values: [/etc/passwd, /etc/shadow]}]",
        "the two files",
        "{args: [{whole: /etc/shadow}]}",
        "{args: [{whole: /etc/shadow-}]}",
    ),
    of(
        Operator::NotEqual,
        INT,
        "matchArgs: [{index: 0, operator: NotEqual, values: [-1, 0]}]",
        "every number but the two",
        "{args: [{integer: 1}]}",
        "{args: [{integer: -1}]}",
    ),
    of(
        Operator::In,
        "{index: 0, type: capability}",
        "matchArgs: [{index: 0, operator: In, values: [CAP_SYS_MODULE, CAP_SYS_BOOT]}]",
        "the two capabilities; as Equal",
        "{args: [{integer: 22}]}",
        "{args: [{integer: 21}]}",
    ),
    of(
        Operator::NotIn,
        TEXT,
        "matchArgs: [{index: 0, operator: NotIn, values: [one, two]}]",
        "every text but the two; as NotEqual",
        "{args: [{whole: three}]}",
        "{args: [{whole: two}]}",
    ),
    of(
        Operator::Prefix,
        FILE,
        "matchArgs: [{index: 0, operator: Prefix, values: [/etc/]}]",
        "everything below /etc",
        "{args: [{whole: /etc/ssh/sshd_config}]}",
        "{args: [{whole: /usr/etc/x}]}",
    ),
    of(
        Operator::NotPrefix,
        FILE,
        "matchArgs: [{index: 0, operator: NotPrefix, values: [/usr/, /lib/]}]",
        "every path that is below neither of the two; a pipe or socket has none and does not match",
        "{args: [{whole: /tmp/x}]}",
        "{args: [{whole: /lib/x}]}",
    ),
    of(
        Operator::Postfix,
        FILE,
        "matchArgs: [{index: 0, operator: Postfix, values: [/authorized_keys]}]",
        "files of this name",
        "{args: [{whole: /srv/keys/authorized_keys}]}",
        "{args: [{whole: /srv/keys/authorized_keys2}]}",
    ),
    of(
        Operator::NotPostfix,
        FILE,
        "matchArgs: [{index: 0, operator: NotPostfix, values: [.log, .tmp]}]",
        "files with neither end; a pipe or socket has no path and does not match",
        "{args: [{whole: /var/a.log.1}]}",
        "{args: [{whole: /var/a.tmp}]}",
    ),
    of(
        Operator::SubString,
        TEXT,
        "matchArgs: [{index: 0, operator: SubString, values: [secret, token]}]",
        "texts with one of the words anywhere in them",
        "{args: [{whole: my token is}]}",
        "{args: [{whole: my Token is}]}",
    ),
    of(
        Operator::SubStringIgnCase,
        TEXT,
        "matchArgs: [{index: 0, operator: SubStringIgnCase, values: [secret]}]",
        "the same, ASCII letters in either case",
        "{args: [{whole: a SeCrEt b}]}",
        "{args: [{whole: secre}]}",
    ),
    of(
        Operator::Gt,
        INT,
        "matchArgs: [{index: 0, operator: GT, values: [-2]}]",
        "numbers above -2",
        "{args: [{integer: -1}]}",
        "{args: [{integer: -2}]}",
    ),
    of(
        Operator::Lt,
        "{index: 0, type: uint64}",
        "matchArgs: [{index: 0, operator: LT, values: [0x1000]}]",
        "numbers below 4096",
        "{args: [{integer: 4095}]}",
        "{args: [{integer: 4096}]}",
    ),
    of(
        Operator::InMap,
        "{index: 0, type: syscall64}",
        "matchArgs: [{index: 0, operator: InMap, values: [\"0:9\", sys_bpf, i386/sys_bpf]}]",
        "system calls 0 to 9, and bpf of both ABIs",
        "{args: [{integer: 2147484005}]}",
        "{args: [{integer: 10}]}",
    ),
    of(
        Operator::NotInMap,
        INT,
        "matchArgs: [{index: 0, operator: NotInMap, values: [\"-5:5\", 100]}]",
        "numbers outside of -5 to 5 that are not 100",
        "{args: [{integer: -6}]}",
        "{args: [{integer: -5}]}",
    ),
    of(
        Operator::InRange,
        "{index: 0, type: int64}",
        "matchArgs: [{index: 0, operator: InRange, values: [\"-4095:-1\"]}]",
        "every error that a call returns",
        "{args: [{integer: -13}]}",
        "{args: [{integer: 0}]}",
    ),
    of(
        Operator::NotInRange,
        "{index: 0, type: uint16}",
        "matchArgs: [{index: 0, operator: NotInRange, values: [\"1024:65535\"]}]",
        "numbers below 1024",
        "{args: [{integer: 1023}]}",
        "{args: [{integer: 1024}]}",
    ),
    of(
        Operator::Mask,
        INT,
        "matchArgs: [{index: 0, operator: Mask, values: [2, 0x8000]}]",
        "numbers with one of the bits",
        "{args: [{integer: 3}]}",
        "{args: [{integer: 1}]}",
    ),
    of(
        Operator::SAddr,
        "{index: 0, type: sockaddr}",
        "matchArgs: [{index: 0, operator: SAddr, values: [127.0.0.0/8, \"::1\"]}]",
        "the addresses of the loopback device",
        "{args: [{connection: {family: 10, source: \"::1\"}}]}",
        "{args: [{connection: {family: 2, source: 10.0.0.1}}]}",
    ),
    of(
        Operator::NotSAddr,
        SOCK,
        "matchArgs: [{index: 0, operator: NotSAddr, values: [10.0.0.0/8]}]",
        "connections from an address elsewhere; an end without an address does not match",
        "{args: [{connection: {family: 2, source: 192.168.0.1}}]}",
        "{args: [{connection: {family: 2, source: 10.255.0.1}}]}",
    ),
    of(
        Operator::DAddr,
        SOCK,
        "matchArgs: [{index: 0, operator: DAddr, values: [169.254.169.254]}]",
        "connections to this address, also from a socket of IPv6",
        "{args: [{connection: {family: 2, destination: 169.254.169.254}}]}",
        "{args: [{connection: {family: 2, source: 169.254.169.254, destination: 10.0.0.1}}]}",
    ),
    of(
        Operator::NotDAddr,
        SOCK,
        "matchArgs: [{index: 0, operator: NotDAddr, values: [10.0.0.0/8, \"fd00::/8\"]}]",
        "connections to an address outside the two networks; an end without an address does not match",
        "{args: [{connection: {family: 10, destination: \"2001:db8::1\"}}]}",
        "{args: [{connection: {family: 10, destination: \"fd12::1\"}}]}",
    ),
    of(
        Operator::SPort,
        SOCK,
        "matchArgs: [{index: 0, operator: SPort, values: [22, \"8000:8999\"]}]",
        "connections from these ports",
        "{args: [{connection: {family: 2, source: 10.0.0.1, source_port: 8080}}]}",
        "{args: [{connection: {family: 2, source: 10.0.0.1, source_port: 9000}}]}",
    ),
    of(
        Operator::NotSPort,
        SOCK,
        "matchArgs: [{index: 0, operator: NotSPort, values: [\"32768:60999\"]}]",
        "connections from other ports; an end without an address has no port and does not match",
        "{args: [{connection: {family: 2, source: 10.0.0.1, source_port: 53}}]}",
        "{args: [{connection: {family: 2, source: 10.0.0.1, source_port: 40000}}]}",
    ),
    of(
        Operator::DPort,
        "{index: 0, type: skb}",
        "matchArgs: [{index: 0, operator: DPort, values: [25, 465, 587]}]",
        "packets to a mail server's ports",
        "{args: [{connection: {family: 2, destination: 10.0.0.1, destination_port: 465}}]}",
        "{args: [{connection: {family: 2, destination: 10.0.0.1, destination_port: 443}}]}",
    ),
    of(
        Operator::NotDPort,
        SOCK,
        "matchArgs: [{index: 0, operator: NotDPort, values: [443]}]",
        "connections to other ports; an end without an address has no port and does not match",
        "{args: [{connection: {family: 2, destination: 10.0.0.1, destination_port: 80}}]}",
        "{args: [{connection: {family: 2, destination: 10.0.0.1, destination_port: 443}}]}",
    ),
    of(
        Operator::SPortPriv,
        SOCK,
        "matchArgs: [{index: 0, operator: SPortPriv}]",
        "connections from a port below 1024",
        "{args: [{connection: {family: 2, source: 10.0.0.1, source_port: 1023}}]}",
        "{args: [{connection: {family: 2, source: 10.0.0.1, source_port: 1024}}]}",
    ),
    of(
        Operator::NotSPortPriv,
        SOCK,
        "matchArgs: [{index: 0, operator: NotSPortPriv}]",
        "connections from port 1024 or above; an end without an address has no port and does not match",
        "{args: [{connection: {family: 2, source: 10.0.0.1, source_port: 1024}}]}",
        "{args: [{connection: {family: 2, source: 10.0.0.1, source_port: 1023}}]}",
    ),
    of(
        Operator::DPortPriv,
        SOCK,
        "matchArgs: [{index: 0, operator: DPortPriv}]",
        "connections to a port below 1024",
        "{args: [{connection: {family: 2, destination: 10.0.0.1, destination_port: 80}}]}",
        "{args: [{connection: {family: 2, destination: 10.0.0.1, destination_port: 8080}}]}",
    ),
    of(
        Operator::NotDPortPriv,
        SOCK,
        "matchArgs: [{index: 0, operator: NotDPortPriv}]",
        "connections to port 1024 or above; an end without an address has no port and does not match",
        "{args: [{connection: {family: 2, destination: 10.0.0.1, destination_port: 8080}}]}",
        "{args: [{connection: {family: 2, destination: 10.0.0.1, destination_port: 80}}]}",
    ),
    of(
        Operator::Protocol,
        SOCK,
        "matchArgs: [{index: 0, operator: Protocol, values: [IPPROTO_TCP, sctp]}]",
        "connections of TCP and SCTP",
        "{args: [{connection: {family: 2, protocol: 132}}]}",
        "{args: [{connection: {family: 2, protocol: 17}}]}",
    ),
    of(
        Operator::Family,
        "{index: 0, type: socket}",
        "matchArgs: [{index: 0, operator: Family, values: [AF_INET, inet6]}]",
        "sockets of the Internet",
        "{args: [{connection: {family: 10}}]}",
        "{args: [{connection: {family: 1}}]}",
    ),
    of(
        Operator::State,
        SOCK,
        "matchArgs: [{index: 0, operator: State, values: [TCP_LISTEN]}]",
        "sockets that wait for connections",
        "{args: [{connection: {family: 2, state: 10}}]}",
        "{args: [{connection: {family: 2, state: 1}}]}",
    ),
    of(
        Operator::CapabilitiesGained,
        "{index: 0, type: cap_permitted}, {index: 1, type: cap_permitted}",
        "matchArgs: [{args: [0, 1], operator: CapabilitiesGained}]",
        "calls after which there is a capability that there was not before",
        "{args: [{integer: 0x3}, {integer: 0x6}]}",
        "{args: [{integer: 0x7}, {integer: 0x6}]}",
    ),
    of(
        Operator::FileType,
        FILE,
        "matchArgs: [{index: 0, operator: FileType, values: [blk, chr]}]",
        "devices",
        "{args: [{whole: /dev/sda, file_type: blk}]}",
        "{args: [{whole: /etc/passwd, file_type: reg}]}",
    ),
    of(
        Operator::NotFileType,
        FILE,
        "matchArgs: [{index: 0, operator: NotFileType, values: [reg, dir, lnk]}]",
        "what is neither a file, a directory nor a link: pipes and sockets too, which have a type without having a path",
        "{args: [{status: no_path, file_type: sock}]}",
        "{args: [{whole: /etc, file_type: dir}]}",
    ),
];
