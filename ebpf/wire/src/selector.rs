//! The selector bytes: the value of `filter_map`, [`crate::limits::FILTER_BYTES`] long, and the sets beside them.
//!
//! ```text
//! filter   := FilterHead selector…                       several selectors are ORed, the first match acts
//! selector := SelectorHead section…                      present sections in the order of [`Section`]; all must hold
//! section  := SectionHead entry…                         never empty: an absent section takes no bytes
//! pid      := PidEntry u32×values (padded to 8)          entries are ANDed
//! entry    := Entry value…                               every other match section; entries are ANDed, values ORed
//! value    := u64                                        numbers
//!           | u64 u64                                    ranges: least and greatest, both included
//!           | StringHead bytes (padded to 8)             strings
//!           | Network                                    networks
//! action   := ActionEntry                                performed in this order
//! ```
//!
//! Every `length` counts its own record and everything inside it, and is a multiple of 8: every word of the 4096 bytes can
//! be reached by an aligned load. A selector's head says where each of its sections starts.
//!
//! An entry whose values are many has a set number instead of values. The members are in the maps of the hook, each kind of
//! set in one map, whose keys begin with the set's number: [`NumberKey`], [`StringKey`], [`AffixKey`], [`NetworkKey`].
//! A SubString entry keeps its values and has the number of its search table, [`SearchTable`].

use crate::limits::{MAX_STRING_VALUE_BYTES, SEARCH_WORDS};
use crate::schema::{codes, numbers, record};

const SECTION_SLOTS: usize = SECTIONS as usize;
const STRING: usize = MAX_STRING_VALUE_BYTES as usize;
const AFFIX: usize = crate::limits::MAX_AFFIX_SET_BYTES as usize;
const WORDS: usize = SEARCH_WORDS as usize;
const MASKS: usize = 256 * WORDS;

codes! {
    /// The sections of a selector, in their order.
    pub enum Section {
        /// matchPIDs: [`PidEntry`].
        Pids = 0 as "QUELL_SECTION_PIDS",
        /// matchBinaries.
        Binaries = 1 as "QUELL_SECTION_BINARIES",
        /// matchArgs and matchData.
        Args = 2 as "QUELL_SECTION_ARGS",
        /// matchNamespaces.
        Namespaces = 3 as "QUELL_SECTION_NAMESPACES",
        /// matchCapabilities.
        Capabilities = 4 as "QUELL_SECTION_CAPABILITIES",
        /// matchNamespaceChanges.
        NamespaceChanges = 5 as "QUELL_SECTION_NAMESPACE_CHANGES",
        /// matchCapabilityChanges.
        CapabilityChanges = 6 as "QUELL_SECTION_CAPABILITY_CHANGES",
        /// matchActions: [`ActionEntry`].
        Actions = 7 as "QUELL_SECTION_ACTIONS",
        /// matchParentBinaries.
        ParentBinaries = 8 as "QUELL_SECTION_PARENT_BINARIES",
        /// matchReturnArgs; looked at when the function returns.
        ReturnArgs = 9 as "QUELL_SECTION_RETURN_ARGS",
        /// matchReturnActions: [`ActionEntry`].
        ReturnActions = 10 as "QUELL_SECTION_RETURN_ACTIONS",
    }
}

impl Section {
    /// The sections of [`Entry`]s that are looked at when the function is entered.
    pub const ENTERED: &[Self] = &[
        Self::Binaries,
        Self::ParentBinaries,
        Self::Namespaces,
        Self::Capabilities,
        Self::NamespaceChanges,
        Self::CapabilityChanges,
        Self::Args,
    ];
}

numbers! { FLAGS, "The rows for the C header.";
    /// Slots for section offsets in a selector's head.
    pub const SECTIONS = 12;
    /// Selector flag: an action of this selector stops the process or the call, so that what cannot be decided counts as a
    /// match.
    pub const SELECTOR_ENFORCES = 1;
    /// matchPIDs flag: ids are those of the process's own PID namespace; 0 in the initial one.
    pub const PID_NAMESPACE = 1;
    /// matchPIDs flag: the ids of ancestors count too.
    pub const PID_FOLLOW_FORKS = 2;
    /// Value of a namespace that stands for the host's, until the agent puts the number of this machine in its place.
    pub const HOST_NAMESPACE = 0;
    /// Inode number of the initial user namespace (PROC_USER_INIT_INO, include/linux/proc_ns.h).
    pub const INITIAL_USER_NAMESPACE = 0xEFFF_FFFD;
    /// Family tag of an IPv4 address in a network, also of one that an IPv6 socket sees as ::ffff:a.b.c.d.
    pub const FAMILY_4 = 4;
    /// Family tag of an IPv6 address.
    pub const FAMILY_6 = 6;
    /// In place of a port where an end of a connection has none: of a protocol without ports, of a later fragment, of a socket
    /// that is not bound or not connected. No range of ports holds it.
    pub const NO_PORT = 65536;
    /// Bits of an affix key before the string: the set and the zero behind it.
    pub const AFFIX_PREFIX_BITS = 64;
    /// Bits of a network key before the address: set and family.
    pub const NETWORK_PREFIX_BITS = 64;
}

record! {
    /// Head of the whole encoding.
    pub struct FilterHead as "quell_filter_head" {
        /// Bytes in use, this head included.
        pub length: u32,
        /// Selectors that follow.
        pub selectors: u32,
    }
}

record! {
    /// Head of a selector.
    pub struct SelectorHead as "quell_selector_head" {
        /// Bytes of the selector, this head included.
        pub length: u32,
        /// SELECTOR_* bits.
        pub flags: u32,
        /// Per section: bytes from the start of the selector to it; 0 when it is absent.
        pub section: [u32; SECTION_SLOTS],
    }
}

record! {
    /// Head of a section.
    pub struct SectionHead as "quell_section_head" {
        /// Bytes of the section, this head included.
        pub length: u32,
        /// Entries that follow, at least one.
        pub entries: u32,
    }
}

record! {
    /// One entry of matchPIDs; `values` u32 process ids follow.
    pub struct PidEntry as "quell_pid_entry" {
        /// Bytes of the entry, this head and the padding included.
        pub length: u32,
        /// In or NotIn.
        pub op: u32,
        /// PID_* bits.
        pub flags: u32,
        /// Process ids that follow.
        pub values: u32,
    }
}

record! {
    /// One entry of a match section; `values` values follow.
    pub struct Entry as "quell_entry" {
        /// Bytes of the entry, this head included.
        pub length: u32,
        /// Operator.
        pub op: u32,
        /// What is compared: a Subject.
        pub subject: u32,
        /// Its type.
        pub arg_type: u32,
        /// Values that follow; 0 when they are a set.
        pub values: u32,
        /// Number of the set that holds the values, from 1; 0: they follow.
        pub set: u32,
        /// Number of the search table, from 1; 0 for all but SubString and SubStringIgnCase.
        pub search: u32,
        /// Of a set of strings: bytes of the longest one, because a cut path that shows no more than that decides nothing; else
        /// 0.
        pub longest: u32,
    }
}

record! {
    /// Head of a string value; the bytes follow, padded with zeros to a multiple of 8.
    pub struct StringHead as "quell_string_head" {
        /// Bytes of the string.
        pub length: u32,
        /// Zero.
        pub reserved: u32,
    }
}

record! {
    /// One network.
    pub struct Network as "quell_network" {
        /// FAMILY_4 or FAMILY_6.
        pub family: u32,
        /// Leading bits of the address that count: 0 to 32, or 0 to 128.
        pub bits: u32,
        /// The address, network byte order, an IPv4 one in the first four bytes; bits behind the prefix are zero.
        pub address: [u8; 16],
    }
}

record! {
    /// One action.
    pub struct ActionEntry as "quell_action_entry" {
        /// Bytes of the entry.
        pub length: u32,
        /// Action.
        pub action: u32,
        /// Parameters of the action; zero where it has none.
        pub param: [u32; 6],
    }
}

record! {
    /// Key of a member of a set of numbers (a hash table).
    pub struct NumberKey as "quell_number_key" {
        /// The set.
        pub set: u32,
        /// Zero.
        pub reserved: u32,
        /// The number.
        pub number: u64,
    }
}

record! {
    /// Key of a member of a set of whole strings (a hash table).
    pub struct StringKey as "quell_string_key" {
        /// The set.
        pub set: u32,
        /// Bytes of the string.
        pub length: u32,
        /// The string, padded with zeros.
        pub bytes: [u8; STRING],
    }
}

record! {
    /// Key of a member of a set of prefixes, or of postfixes, which stand reversed (an LPM trie).
    pub struct AffixKey as "quell_affix_key" {
        /// AFFIX_PREFIX_BITS and 8 per byte of the string.
        pub bits: u32,
        /// The set.
        pub set: u32,
        /// Zero.
        pub reserved: u32,
        /// The string, padded with zeros.
        pub bytes: [u8; AFFIX],
    }
}

record! {
    /// Key of a member of a set of networks (an LPM trie).
    pub struct NetworkKey as "quell_network_key" {
        /// NETWORK_PREFIX_BITS and the bits of the network.
        pub bits: u32,
        /// The set.
        pub set: u32,
        /// FAMILY_4 or FAMILY_6.
        pub family: u32,
        /// As in a Network.
        pub address: [u8; 16],
    }
}

record! {
    /// What a SubString entry searches for: a bit per pattern byte, in SEARCH_WORDS words that are searched side by side
    /// (shift-and). Word w of byte b is `mask[b * SEARCH_WORDS + w]`.
    pub struct SearchTable as "quell_search_table" {
        /// The subject whose bytes are searched.
        pub subject: u32,
        /// Words in use.
        pub words: u32,
        /// Per word: the bits of the first bytes of its patterns.
        pub first: [u64; WORDS],
        /// Per word: the bits of the last bytes of its patterns.
        pub last: [u64; WORDS],
        /// Per byte and word: the pattern bytes that it equals.
        pub mask: [u64; MASKS],
    }
}

record! {
    /// What is read of a socket: of `sock`, `socket`, `skb` and `sockaddr` arguments. It stands in the argument's slot.
    pub struct Connection as "quell_connection" {
        /// AF_* number; of an IPv6 socket AF_INET6, also when its addresses are IPv4 ones.
        pub family: u32,
        /// SOCK_* number; 0 where it is not known.
        pub socket_type: u32,
        /// IPPROTO_* number; 0 for a sockaddr.
        pub protocol: u32,
        /// TCP_* state; 0 where there is none.
        pub state: u32,
        /// Source port, host byte order, or NO_PORT.
        pub source_port: u32,
        /// Destination port, host byte order, or NO_PORT.
        pub destination_port: u32,
        /// FAMILY_4 or FAMILY_6; 0 when there is no address.
        pub source_family: u32,
        /// Of the destination.
        pub destination_family: u32,
        /// As in a Network.
        pub source_address: [u8; 16],
        /// As in a Network.
        pub destination_address: [u8; 16],
        /// The kernel's cookie for the socket, to tell two apart; 0 when it has none yet.
        pub cookie: u64,
    }
}
