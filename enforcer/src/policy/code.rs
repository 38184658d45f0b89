//! The stable codes of diagnostics: one list, written once here and explained in `docs/diagnostics.md`.
//!
//! A code never changes its meaning and a number is never used again, so that a code in a log, a ticket or a CI gate keeps
//! meaning what it meant.

use std::fmt;

/// The stage that finds a mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// The text alone is wrong, whatever the kernel.
    Policy,
    /// The policy is valid and cannot be encoded.
    Encoding,
    /// The policy is valid and this kernel cannot enforce it as written.
    Kernel,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal $stage:ident $title:literal,)*) => {
        /// What is wrong, stably numbered: `P…` for the text, `S…` for the encoding, `K…` for the kernel.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code {
            $($(#[$doc])* $name,)*
        }

        impl Code {
            /// Every code, in numeric order.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The number as it is printed.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// A short title: the heading in `docs/diagnostics.md`.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }

            /// Who finds it.
            #[must_use]
            pub const fn stage(self) -> Stage {
                match self { $(Self::$name => Stage::$stage,)* }
            }
        }
    };
}

codes! {
    /// The bytes are not UTF-8.
    NotUtf8 = "P001" Policy "not UTF-8 text",
    /// The text is not YAML.
    Syntax = "P002" Policy "not readable as YAML",
    /// Larger, deeper or more repetitive than a policy can reasonably be.
    Budget = "P003" Policy "too large, too deep or too many aliases",
    /// More than one YAML document where one policy is wanted.
    SeveralDocuments = "P004" Policy "several documents in one file",
    /// A key that no policy language version has here.
    UnknownKey = "P005" Policy "unknown key",
    /// A key twice in one mapping.
    DuplicateKey = "P006" Policy "key given twice",
    /// A key of the language that this version does not implement.
    UnsupportedKey = "P007" Policy "key known, not supported here",
    /// A required key is absent.
    MissingKey = "P008" Policy "required key missing",
    /// A mapping where a list belongs, a string where a boolean belongs, …
    WrongKind = "P009" Policy "wrong kind of value",
    /// Not `cilium.io/v1alpha1`.
    ApiVersion = "P010" Policy "unknown apiVersion",
    /// A kind that nobody knows.
    UnknownKind = "P011" Policy "unknown kind",
    /// A kind of the language that this version does not implement.
    UnsupportedKind = "P012" Policy "kind known, not supported here",
    /// `metadata.name` cannot be used as a name.
    PolicyName = "P013" Policy "unusable policy name",
    /// A list that must have an entry has none.
    EmptyList = "P014" Policy "empty list",
    /// A list is longer than its limit.
    ListTooLong = "P015" Policy "too many entries",
    /// `call` is not a function name.
    CallName = "P016" Policy "not a function name",
    /// A way of naming functions that this version does not implement.
    UnsupportedCall = "P017" Policy "call known, not supported here",
    /// `syscall` and `call` contradict each other, so the arguments would be read from the wrong place.
    SyscallFlag = "P018" Policy "syscall does not fit the function",
    /// An argument position that cannot be read.
    ArgIndex = "P019" Policy "argument position out of range",
    /// The same argument twice.
    DuplicateArg = "P020" Policy "argument listed twice",
    /// A type that nobody knows.
    UnknownType = "P021" Policy "unknown argument type",
    /// A type of the language that this version does not implement.
    UnsupportedType = "P022" Policy "argument type known, not supported here",
    /// `sizeArgIndex` is missing, out of range, or given for a type without a size.
    SizeArg = "P023" Policy "sizeArgIndex does not fit the argument",
    /// matchArgs names an argument that `args` does not list.
    FilterIndex = "P024" Policy "filter on an argument that is not read",
    /// matchArgs names a position that means two different arguments.
    AmbiguousIndex = "P025" Policy "filter index has two meanings",
    /// An operator that nobody knows.
    UnknownOperator = "P026" Policy "unknown operator",
    /// An operator of the language that this version does not implement.
    UnsupportedOperator = "P027" Policy "operator known, not supported here",
    /// An operator that does not apply to this type.
    OperatorType = "P028" Policy "operator does not apply to the type",
    /// Not a number.
    NotAnInteger = "P029" Policy "not an integer",
    /// A number that its type cannot have.
    IntegerRange = "P030" Policy "number out of range",
    /// An unquoted number, boolean or null where text belongs.
    NotText = "P031" Policy "text must be quoted",
    /// A string value that is empty.
    EmptyText = "P032" Policy "empty text",
    /// A string value that is too long.
    TextTooLong = "P033" Policy "text too long",
    /// A string value with a NUL byte.
    NulInText = "P034" Policy "NUL in text",
    /// A relative path where only an absolute one can match.
    RelativePath = "P035" Policy "path is not absolute",
    /// A path that no open file ever has.
    PathNeverSeen = "P036" Policy "path that no file has",
    /// The same value twice.
    DuplicateValue = "P037" Policy "value given twice",
    /// An action that nobody knows.
    UnknownAction = "P038" Policy "unknown action",
    /// An action of the language that this version does not implement.
    UnsupportedAction = "P039" Policy "action known, not supported here",
    /// The same action twice.
    DuplicateAction = "P040" Policy "action given twice",

    /// A type that only a kernel function can be given, at a system call or in a program.
    TypeAtSyscall = "P041" Policy "argument type that no system call or program has",
    /// More mistakes than are worth listing.
    TooManyFindings = "P042" Policy "further mistakes not listed",
    /// A part of the processes that only a cluster can tell from the others.
    NeedsCluster = "P043" Policy "needs a cluster",
    /// An option that nobody knows.
    UnknownOption = "P044" Policy "unknown option",
    /// An option of the language that this version does not implement.
    UnsupportedOption = "P045" Policy "option known, not supported here",
    /// An option cannot have this value, or is given twice.
    OptionValue = "P046" Policy "value does not fit the option",
    /// A kind of list that nobody knows.
    UnknownListType = "P047" Policy "unknown kind of list",
    /// A list with keys of another kind, or used where its kind has no meaning.
    UnsupportedListType = "P048" Policy "kind of list known, not supported here",
    /// A list that `lists` does not define.
    UnknownList = "P049" Policy "list that is not defined",
    /// A macro that `selectorsMacros` does not define.
    UnknownMacro = "P050" Policy "macro that is not defined",
    /// A section in a macro and in the selector, or in two macros.
    MacroConflict = "P051" Policy "section given by a macro and again",
    /// Not a range, or its bounds are the wrong way round.
    NotARange = "P052" Policy "not a range",
    /// Not an address or network.
    NotANetwork = "P053" Policy "not a network",
    /// An IPv4 address in the form of IPv6 whose prefix ends before it.
    HostBits = "P054" Policy "address bits behind the prefix",
    /// A name that is none of the values there can be.
    UnknownName = "P055" Policy "unknown name of a value",
    /// An argument of an action that is missing, too much or of no use.
    ActionArgument = "P056" Policy "argument does not fit the action",
    /// A name of a policy, list or label of an argument that is taken.
    DuplicateName = "P057" Policy "name is taken",
    /// Keys about the return that do not fit together.
    ReturnKeys = "P058" Policy "keys about the return do not fit together",
    /// Not the name of a tracepoint or of a hook of the security modules.
    HookName = "P059" Policy "not the name of a hook",
    /// A path of members that cannot be read.
    Resolve = "P060" Policy "resolve cannot be followed",
    /// A source of data that nobody knows.
    DataSource = "P061" Policy "unknown source of data",
    /// Values of SubString that are too long or too many.
    SearchTooLong = "P062" Policy "too much to search for",
    /// A namespace where there is none, or a name that cannot be one.
    PolicyNamespace = "P063" Policy "namespace does not fit the policy",
    /// followChildren with an operator other than In and NotIn.
    FollowChildren = "P064" Policy "followChildren does not fit the operator",
    /// Arguments or values that the operator does not take.
    OperatorArguments = "P065" Policy "arguments or values do not fit the operator",
    /// Enforcers and NotifyEnforcer do not fit together.
    Enforcers = "P066" Policy "enforcers do not fit the actions",
    /// A binary value that is not base64.
    NotBase64 = "P067" Policy "not base64",
    /// A key of an argument that does not fit its type.
    ArgKey = "P068" Policy "key does not fit the argument's type",
    /// A filter that no argument fits.
    NeverMatches = "P069" Policy "filter that can never match",
    /// A selector behind one that matches every call.
    NeverReached = "P070" Policy "selector that is never reached",
    /// An event is wanted and not wanted.
    PostAndNoPost = "P071" Policy "Post and NoPost together",
    /// None or several of `symbols`, `offsets` and `addrs`, or a path or place that cannot be one.
    ProgramPlace = "P072" Policy "not a place in a program",
    /// A pattern of functions that cannot be read.
    ListPattern = "P073" Policy "pattern that cannot be read",
    /// The selectors of a hook need more than `FILTER_BYTES`.
    EncodingTooLarge = "S001" Encoding "selectors too large",

    /// The kernel has no such function.
    UnknownFunction = "K001" Kernel "unknown kernel function",
    /// The kernel has several functions of that name.
    AmbiguousFunction = "K002" Kernel "several kernel functions of that name",
    /// The kernel has the function and refuses probes on it.
    NotTraceable = "K003" Kernel "function cannot be probed",
    /// The kernel lacks something that the policy needs.
    MissingFeature = "K004" Kernel "kernel feature missing",
    /// The function has other arguments than the policy says.
    Prototype = "K005" Kernel "argument does not fit the function",
    /// Whether the kernel can do it could not be found out.
    UnknownFeature = "K006" Kernel "kernel feature unknown",
    /// The action does not prevent the effect of the call at this hook.
    EffectHappens = "K007" Kernel "the effect happens before the kill",
    /// Enforced, but with a named hole.
    PartialEnforcement = "K008" Kernel "enforced in part",
    /// A place to hook that this version does not attach to.
    UnsupportedHook = "K009" Kernel "hook known, not supported here",
    /// An action that this version does not perform.
    UnsupportedMechanism = "K010" Kernel "action not performed here",
    /// A filter that needs what this version does not keep track of.
    UnsupportedFilter = "K011" Kernel "filter known, not supported here",
    /// A way of reading that this version does not have.
    UnsupportedReading = "K012" Kernel "way of reading known, not supported here",
    /// A policy for a part of the processes that this version cannot tell from the others.
    UnsupportedScope = "K013" Kernel "scope known, not supported here",
    /// Nothing that the kernel offers makes the call return an error here.
    CannotRefuse = "K014" Kernel "call cannot be refused here",
    /// The kernel has nothing that serves the hook.
    HookNotServed = "K015" Kernel "hook not served by this kernel",
    /// A rule that must be enforced in full would be enforced in part.
    RequiredRule = "K016" Kernel "required rule enforced in part",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_unique_and_in_order() {
        for stage in ['P', 'S', 'K'] {
            let numbers: Vec<_> =
                Code::ALL.iter().map(|code| code.as_str()).filter(|text| text.starts_with(stage)).collect();
            let expected: Vec<_> = (1..=numbers.len()).map(|n| format!("{stage}{n:03}")).collect();
            assert_eq!(numbers, expected);
        }
    }

    #[test]
    fn the_first_letter_says_the_stage() {
        for code in Code::ALL {
            let letter = match code.stage() {
                Stage::Policy => 'P',
                Stage::Encoding => 'S',
                Stage::Kernel => 'K',
            };
            assert!(code.as_str().starts_with(letter), "{code:?}");
        }
    }
}
