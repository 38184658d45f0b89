//! The operators, each with its name and what it negates.

macro_rules! operators {
    ($($(#[$doc:meta])* $name:ident = $text:literal $(not $positive:ident)?,)*) => {
        /// Operators of filters. With several values, the positive ones mean "any of" and the negative ones "none of".
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Operator {
            $($(#[$doc])* $name,)*
        }

        impl Operator {
            /// Every operator.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its preferred name in a policy.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The operator of which this one is the negation.
            #[must_use]
            pub const fn positive(self) -> Option<Self> {
                match self {
                    $($(Self::$name => Some(Self::$positive),)?)*
                    _ => None,
                }
            }
        }
    };
}

operators! {
    /// Equal to any value.
    Equal = "Equal",
    /// Equal to no value.
    NotEqual = "NotEqual" not Equal,
    /// Member of the set; the same as Equal.
    In = "In",
    /// Not a member of the set.
    NotIn = "NotIn" not In,
    /// Starts with any value.
    Prefix = "Prefix",
    /// Starts with no value.
    NotPrefix = "NotPrefix" not Prefix,
    /// Ends with any value.
    Postfix = "Postfix",
    /// Ends with no value.
    NotPostfix = "NotPostfix" not Postfix,
    /// Contains any value.
    SubString = "SubString",
    /// Contains any value, ASCII letters of either case.
    SubStringIgnCase = "SubStringIgnCase",
    /// Greater than the value.
    Gt = "GT",
    /// Less than the value.
    Lt = "LT",
    /// In any of the ranges or numbers.
    InMap = "InMap",
    /// In none of them.
    NotInMap = "NotInMap" not InMap,
    /// In any of the ranges.
    InRange = "InRange",
    /// In none of the ranges.
    NotInRange = "NotInRange" not InRange,
    /// Has a bit of any value.
    Mask = "Mask",
    /// The source address is in any network.
    SAddr = "SAddr",
    /// The source address is in no network.
    NotSAddr = "NotSAddr" not SAddr,
    /// The destination address is in any network.
    DAddr = "DAddr",
    /// The destination address is in no network.
    NotDAddr = "NotDAddr" not DAddr,
    /// The source port is in any range.
    SPort = "SPort",
    /// The source port is in no range.
    NotSPort = "NotSPort" not SPort,
    /// The destination port is in any range.
    DPort = "DPort",
    /// The destination port is in no range.
    NotDPort = "NotDPort" not DPort,
    /// The source port is below 1024.
    SPortPriv = "SPortPriv",
    /// The source port is 1024 or above.
    NotSPortPriv = "NotSPortPriv" not SPortPriv,
    /// The destination port is below 1024.
    DPortPriv = "DPortPriv",
    /// The destination port is 1024 or above.
    NotDPortPriv = "NotDPortPriv" not DPortPriv,
    /// The transport protocol is any of these.
    Protocol = "Protocol",
    /// The address family is any of these.
    Family = "Family",
    /// The state of the connection is any of these.
    State = "State",
    /// A second argument has a capability that this one lacks.
    CapabilitiesGained = "CapabilitiesGained",
    /// The file is of any of these types.
    FileType = "FileType",
    /// The file is of none of these types.
    NotFileType = "NotFileType" not FileType,
}
