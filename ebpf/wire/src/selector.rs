//! The selector bytes: the value of `filter_map`, [`crate::limits::FILTER_BYTES`] long.
//!
//! ```text
//! filter   := FilterHead selector…                       several selectors are ORed, the first match acts
//! selector := SelectorHead section×8                     in the order of [`Section`]; all sections must hold
//! section  := SectionHead entry…                         an empty section is its head alone
//! pid      := PidEntry u32×values (padded to 8)          entries are ANDed
//! arg      := ArgEntry value…                            entries are ANDed, values ORed
//! value    := u64                                        for numbers
//!           | StringHead bytes (padded to 8)             for strings
//! action   := ActionEntry                                performed in this order
//! ```
//!
//! Every `length` counts its own record and everything inside it, and is a multiple of 8: a reader skips what it does not
//! need by length alone, and every word of the 4096 bytes can be reached by an aligned load.

use crate::schema::{codes, numbers, record};

codes! {
    /// The sections of a selector, in their order.
    pub enum Section {
        /// matchPIDs.
        Pids = 0 as "QUELL_SECTION_PIDS",
        /// matchBinaries.
        Binaries = 1 as "QUELL_SECTION_BINARIES",
        /// matchArgs.
        Args = 2 as "QUELL_SECTION_ARGS",
        /// matchNamespaces.
        Namespaces = 3 as "QUELL_SECTION_NAMESPACES",
        /// matchCapabilities.
        Capabilities = 4 as "QUELL_SECTION_CAPABILITIES",
        /// matchNamespaceChanges.
        NamespaceChanges = 5 as "QUELL_SECTION_NAMESPACE_CHANGES",
        /// matchCapabilityChanges.
        CapabilityChanges = 6 as "QUELL_SECTION_CAPABILITY_CHANGES",
        /// matchActions.
        Actions = 7 as "QUELL_SECTION_ACTIONS",
    }
}

numbers! { FLAGS, "The rows for the C header.";
    /// Selector flag: an action of this selector stops the process, so that what cannot be decided counts as a match.
    pub const SELECTOR_ENFORCES = 1;
    /// matchPIDs flag: ids are those of the process's own PID namespace; 0 in the initial one.
    pub const PID_NAMESPACE = 1;
    /// matchPIDs flag: the ids of ancestors count too.
    pub const PID_FOLLOW_FORKS = 2;
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
    }
}

record! {
    /// Head of a section.
    pub struct SectionHead as "quell_section_head" {
        /// Bytes of the section, this head included.
        pub length: u32,
        /// Entries that follow.
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
    /// One entry of matchArgs; `values` values follow.
    pub struct ArgEntry as "quell_arg_entry" {
        /// Bytes of the entry, this head included.
        pub length: u32,
        /// Operator.
        pub op: u32,
        /// Position of the argument among the hook's arguments, from 0.
        pub arg: u32,
        /// Argument type.
        pub arg_type: u32,
        /// Values that follow.
        pub values: u32,
        /// Zero.
        pub reserved: u32,
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
    /// One action.
    pub struct ActionEntry as "quell_action_entry" {
        /// Bytes of the entry.
        pub length: u32,
        /// Action.
        pub action: u32,
        /// Parameters of the action; zero when it has none.
        pub param: [u32; 2],
    }
}
