//! The keys of every mapping of the language: those read here, and those that are known and not supported here.
//!
//! A key of the second list is a policy for another version, not a typing mistake, and is reported as such.

/// One kind of mapping.
#[derive(Debug)]
pub(super) struct Schema {
    /// What it is called in messages, with article.
    pub(super) what: &'static str,
    /// Keys that are read.
    pub(super) keys: &'static [&'static str],
    /// Keys of the language that are refused as not supported.
    pub(super) unsupported: &'static [&'static str],
}

pub(super) const DOCUMENT: Schema =
    Schema { what: "a policy", keys: &["apiVersion", "kind", "metadata", "spec"], unsupported: &["status"] };

pub(super) const METADATA: Schema = Schema {
    what: "metadata",
    keys: &["name"],
    unsupported: &[
        "namespace",
        "labels",
        "annotations",
        "generateName",
        "finalizers",
        "ownerReferences",
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "managedFields",
    ],
};

pub(super) const SPEC: Schema = Schema {
    what: "spec",
    keys: &["kprobes"],
    unsupported: &[
        "tracepoints",
        "uprobes",
        "usdts",
        "lsmhooks",
        "fentries",
        "loader",
        "podSelector",
        "containerSelector",
        "hostSelector",
        "nodeSelector",
        "lists",
        "enforcers",
        "options",
        "selectorsMacros",
    ],
};

pub(super) const KPROBE: Schema = Schema {
    what: "a kprobes entry",
    keys: &["call", "syscall", "args", "selectors", "message"],
    unsupported: &["return", "returnArg", "returnArgAction", "data", "tags", "ignore"],
};

pub(super) const ARG: Schema = Schema {
    what: "an args entry",
    keys: &["index", "type", "sizeArgIndex", "label"],
    unsupported: &["returnCopy", "maxData", "resolve", "source", "btfType", "btfTypeModule"],
};

pub(super) const SELECTOR: Schema = Schema {
    what: "a selector",
    keys: &["matchPIDs", "matchArgs", "matchActions"],
    unsupported: &[
        "label",
        "matchBinaries",
        "matchParentBinaries",
        "matchCmdArgs",
        "matchData",
        "matchReturnArgs",
        "matchReturnActions",
        "matchNamespaces",
        "matchNamespaceChanges",
        "matchCapabilities",
        "matchCapabilityChanges",
        "matchWorkloads",
        "macros",
    ],
};

pub(super) const PID_FILTER: Schema = Schema {
    what: "a matchPIDs entry",
    keys: &["operator", "followForks", "isNamespacePID", "values"],
    unsupported: &[],
};

pub(super) const ARG_FILTER: Schema =
    Schema { what: "a matchArgs entry", keys: &["index", "operator", "values"], unsupported: &["args"] };

pub(super) const ACTION: Schema = Schema {
    what: "a matchActions entry",
    keys: &["action"],
    unsupported: &[
        "argError",
        "argSig",
        "argFd",
        "argName",
        "argUrl",
        "argFqdn",
        "argSock",
        "argIndex",
        "argValue",
        "argRegs",
        "argNewSymbol",
        "argNewAddr",
        "argNewOffset",
        "rateLimit",
        "rateLimitScope",
        "kernelStackTrace",
        "userStackTrace",
        "imaHash",
    ],
};

/// Every mapping, to say where a misplaced key belongs.
pub(super) const ALL: &[&Schema] =
    &[&DOCUMENT, &METADATA, &SPEC, &KPROBE, &ARG, &SELECTOR, &PID_FILTER, &ARG_FILTER, &ACTION];

/// `apiVersion` of every policy.
pub(super) const API_VERSION: &str = "cilium.io/v1alpha1";
/// The kind that is read.
pub(super) const KIND: &str = "TracingPolicy";
/// Kinds of the language that are refused as not supported.
pub(super) const UNSUPPORTED_KINDS: &[&str] = &["TracingPolicyNamespaced"];

/// Most characters of a `message` or a `label`.
pub(super) const MAX_MESSAGE_CHARS: usize = 256;
/// Most characters of `metadata.name`.
pub(super) const MAX_NAME_CHARS: usize = 63;
