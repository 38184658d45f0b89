//! The keys of every mapping of the language: those read here, and those that are known and not supported here.
//!
//! A key of the second list is a policy for another version, not a typing mistake, and is reported as such.

/// One kind of mapping.
#[derive(Debug)]
pub struct Schema {
    /// What it is called in messages, with article.
    pub what: &'static str,
    /// Keys that are read.
    pub keys: &'static [&'static str],
    /// Keys of the language that are refused as not supported.
    pub unsupported: &'static [&'static str],
}

const fn of(
    what: &'static str,
    keys: &'static [&'static str],
    unsupported: &'static [&'static str],
) -> Schema {
    Schema { what, keys, unsupported }
}

pub(super) const DOCUMENT: Schema = of("a policy", &["apiVersion", "kind", "metadata", "spec"], &["status"]);

pub(super) const METADATA: Schema = of(
    "metadata",
    &["name", "namespace", "labels", "annotations"],
    &[
        "generateName",
        "finalizers",
        "ownerReferences",
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "managedFields",
    ],
);

pub(super) const SPEC: Schema = of(
    "spec",
    &[
        "kprobes",
        "tracepoints",
        "lsmhooks",
        "fentries",
        "uprobes",
        "usdts",
        "lists",
        "enforcers",
        "options",
        "selectorsMacros",
        "podSelector",
        "containerSelector",
        "hostSelector",
        "nodeSelector",
    ],
    &["loader"],
);

pub(super) const KPROBE: Schema = of(
    "a kprobes entry",
    &[
        "call",
        "syscall",
        "return",
        "args",
        "data",
        "returnArg",
        "returnArgAction",
        "selectors",
        "message",
        "tags",
        "ignore",
    ],
    &[],
);

pub(super) const FENTRY: Schema = of("a fentries entry", KPROBE.keys, &[]);

pub(super) const TRACEPOINT: Schema = of(
    "a tracepoints entry",
    &["subsystem", "event", "raw", "args", "data", "selectors", "message", "tags"],
    &[],
);

pub(super) const LSM: Schema =
    of("a lsmhooks entry", &["hook", "args", "data", "selectors", "message", "tags"], &[]);

pub(super) const UPROBE: Schema = of(
    "a uprobes entry",
    &[
        "path",
        "symbols",
        "offsets",
        "addrs",
        "return",
        "args",
        "data",
        "returnArg",
        "returnArgAction",
        "selectors",
        "message",
        "tags",
    ],
    &["btfPath", "refCtrOffsets", "binaryDigests", "ignore"],
);

pub(super) const USDT: Schema = of(
    "a usdts entry",
    &["path", "provider", "name", "args", "data", "selectors", "message", "tags"],
    &["btfPath"],
);

pub(super) const IGNORE: Schema = of("ignore", &["callNotFound"], &[]);

pub(super) const ARG: Schema = of(
    "an args entry",
    &["index", "type", "sizeArgIndex", "returnCopy", "maxData", "resolve", "label"],
    &["source", "btfType", "btfTypeModule"],
);

pub(super) const DATA: Schema =
    of("a data entry", &["index", "type", "source", "resolve", "label"], &["btfType", "btfTypeModule"]);

pub(super) const RETURN_ARG: Schema =
    of("returnArg", &["index", "type", "label"], &["resolve", "sizeArgIndex", "btfType", "btfTypeModule"]);

pub(super) const SELECTOR: Schema = of(
    "a selector",
    &[
        "label",
        "required",
        "matchPIDs",
        "matchBinaries",
        "matchParentBinaries",
        "matchArgs",
        "matchData",
        "matchReturnArgs",
        "matchNamespaces",
        "matchNamespaceChanges",
        "matchCapabilities",
        "matchCapabilityChanges",
        "matchWorkloads",
        "macros",
        "matchActions",
        "matchReturnActions",
    ],
    &["matchCmdArgs"],
);

pub(super) const PID_FILTER: Schema =
    of("a matchPIDs entry", &["operator", "followForks", "isNamespacePID", "values"], &[]);

pub(super) const BINARY_FILTER: Schema =
    of("a matchBinaries entry", &["operator", "followChildren", "values"], &[]);

pub(super) const NAMESPACE_FILTER: Schema =
    of("a matchNamespaces entry", &["namespace", "operator", "values"], &[]);

pub(super) const NAMESPACE_CHANGE_FILTER: Schema =
    of("a matchNamespaceChanges entry", &["operator", "values"], &[]);

pub(super) const CAPABILITY_FILTER: Schema =
    of("a matchCapabilities entry", &["type", "operator", "isNamespaceCapability", "values"], &[]);

pub(super) const WORKLOADS: Schema =
    of("matchWorkloads", &["podSelector", "containerSelector", "hostSelector"], &[]);

pub(super) const ARG_FILTER: Schema = of("a matchArgs entry", &["index", "args", "operator", "values"], &[]);

pub(super) const ACTION: Schema = of(
    "a matchActions entry",
    &[
        "action",
        "argError",
        "argSig",
        "argFd",
        "argName",
        "argSock",
        "argIndex",
        "argValue",
        "rateLimit",
        "rateLimitScope",
        "kernelStackTrace",
        "userStackTrace",
    ],
    &["argUrl", "argFqdn", "argRegs", "argNewSymbol", "argNewAddr", "argNewOffset", "imaHash"],
);

pub(super) const LIST: Schema = of("a lists entry", &["name", "type", "values", "pattern"], &["validated"]);

pub(super) const ENFORCER: Schema = of("an enforcers entry", &["calls"], &[]);

pub(super) const OPTION: Schema = of("an options entry", &["name", "value"], &[]);

/// Every mapping: to say where a misplaced key belongs, and for the language reference.
pub const ALL: &[&Schema] = &[
    &DOCUMENT,
    &METADATA,
    &SPEC,
    &KPROBE,
    &FENTRY,
    &TRACEPOINT,
    &LSM,
    &UPROBE,
    &USDT,
    &IGNORE,
    &ARG,
    &DATA,
    &RETURN_ARG,
    &SELECTOR,
    &PID_FILTER,
    &BINARY_FILTER,
    &ARG_FILTER,
    &NAMESPACE_FILTER,
    &NAMESPACE_CHANGE_FILTER,
    &CAPABILITY_FILTER,
    &WORKLOADS,
    &ACTION,
    &LIST,
    &ENFORCER,
    &OPTION,
];

/// `apiVersion` of every policy.
pub const API_VERSION: &str = "cilium.io/v1alpha1";
/// The kind of a policy for the whole machine.
pub const KIND: &str = "TracingPolicy";
/// The kind of a policy for one namespace.
pub const NAMESPACED_KIND: &str = "TracingPolicyNamespaced";
/// Kinds of the same API that are no policies for this agent.
pub const UNSUPPORTED_KINDS: &[&str] = &["PodInfo", "RuntimeSecurityPolicy"];
/// The namespace of a namespaced policy that names none.
pub const DEFAULT_NAMESPACE: &str = "default";

/// Most characters of a `message` or a `label`.
pub const MAX_MESSAGE_CHARS: usize = 256;
/// Most tags of a hook.
pub const MAX_TAGS: usize = 16;
/// Most characters of `metadata.name`.
pub const MAX_NAME_CHARS: usize = 63;
/// Most steps of a `resolve` path.
pub const MAX_RESOLVE_STEPS: usize = quell_wire::limits::MAX_STEPS as usize;
/// Most hooks of a policy, the functions of lists counted one by one.
pub const MAX_HOOKS: usize = 1024;
/// Most values that the hooks of a file may have together, where lists and macros repeat them.
pub const MAX_TOTAL_VALUES: usize = 1 << 20;
/// Most findings that are listed for one file.
pub const MAX_FINDINGS: usize = 100;
