//! The numbers of the language: operators, argument types, actions, argument statuses.
//!
//! Where Tetragon's published encoding has a number for a name, ours is the same, so that byte listings read alike.

use crate::schema::codes;

codes! {
    /// How a filter compares. Several values: the positive operators hold when any value does, the negative ones when
    /// none does.
    pub enum Operator {
        /// The same number, or the same bytes.
        Equal = 3 as "QUELL_OP_EQUAL",
        /// Not `Equal` to any value.
        NotEqual = 4 as "QUELL_OP_NOT_EQUAL",
        /// Member of the set.
        In = 5 as "QUELL_OP_IN",
        /// Not a member of the set.
        NotIn = 6 as "QUELL_OP_NOT_IN",
        /// Starts with a value.
        Prefix = 8 as "QUELL_OP_PREFIX",
        /// Ends with a value.
        Postfix = 9 as "QUELL_OP_POSTFIX",
    }
}

codes! {
    /// What a hook argument is, hence how it is read and compared. Integers are compared as 64 bits, extended from their
    /// own width by their own sign.
    pub enum ArgType {
        /// `int`.
        Int = 1 as "QUELL_TYPE_INT",
        /// Buffer with its size in another argument.
        CharBuf = 2 as "QUELL_TYPE_CHAR_BUF",
        /// `size_t`.
        SizeT = 4 as "QUELL_TYPE_SIZE_T",
        /// NUL-terminated string.
        String = 6 as "QUELL_TYPE_STRING",
        /// Signed 64 bits.
        S64 = 10 as "QUELL_TYPE_S64",
        /// Unsigned 64 bits.
        U64 = 11 as "QUELL_TYPE_U64",
        /// Signed 32 bits.
        S32 = 12 as "QUELL_TYPE_S32",
        /// Unsigned 32 bits.
        U32 = 13 as "QUELL_TYPE_U32",
        /// `struct filename *`.
        Filename = 14 as "QUELL_TYPE_FILENAME",
        /// `struct path *`.
        Path = 15 as "QUELL_TYPE_PATH",
        /// `struct file *`.
        File = 16 as "QUELL_TYPE_FILE",
        /// File descriptor, resolved in the calling task's own table.
        Fd = 17 as "QUELL_TYPE_FD",
        /// Signed 16 bits.
        S16 = 29 as "QUELL_TYPE_S16",
        /// Unsigned 16 bits.
        U16 = 30 as "QUELL_TYPE_U16",
        /// Signed 8 bits.
        S8 = 31 as "QUELL_TYPE_S8",
        /// Unsigned 8 bits.
        U8 = 32 as "QUELL_TYPE_U8",
    }
}

impl ArgType {
    /// Whether the argument is a string of bytes (else a number).
    #[must_use]
    pub const fn is_bytes(self) -> bool {
        matches!(self, Self::CharBuf | Self::String | Self::Filename | Self::Path | Self::File | Self::Fd)
    }

    /// Whether the string is a path found by walking directory entries, whose *end* is known when it had to be cut.
    #[must_use]
    pub const fn is_path(self) -> bool {
        matches!(self, Self::Path | Self::File | Self::Fd)
    }
}

codes! {
    /// What a matching selector does.
    pub enum Action {
        /// Posts an event.
        Post = 0 as "QUELL_ACTION_POST",
        /// Sends SIGKILL to the calling process (`bpf_send_signal`, Linux 5.3), and posts an event.
        Sigkill = 2 as "QUELL_ACTION_SIGKILL",
    }
}

codes! {
    /// How reading an argument went. Everything but `Ok` and `Truncated` leaves no bytes to compare.
    pub enum ArgStatus {
        /// Not read: the hook has no such argument, or a cheaper filter had already decided.
        Absent = 0 as "QUELL_ARG_ABSENT",
        /// Read whole.
        Ok = 1 as "QUELL_ARG_OK",
        /// Longer than is kept: of a path the end is known, of everything else the beginning.
        Truncated = 2 as "QUELL_ARG_TRUNCATED",
        /// User memory that is not there yet; an ordinary program may pass it, so nothing is concluded.
        UserFault = 3 as "QUELL_ARG_USER_FAULT",
        /// Kernel memory that could not be read; an enforcing selector takes it for a match.
        KernelFault = 4 as "QUELL_ARG_KERNEL_FAULT",
        /// A path whose walk does not end at the root of a mount namespace; an enforcing selector takes it for a match.
        Disconnected = 5 as "QUELL_ARG_DISCONNECTED",
        /// A pipe, socket or anonymous inode: no path, hence no match, whatever the operator.
        NoPath = 6 as "QUELL_ARG_NO_PATH",
        /// Not an open descriptor: no match, whatever the operator.
        BadFd = 7 as "QUELL_ARG_BAD_FD",
    }
}

codes! {
    /// What a filter, or a whole selector, says of one call.
    pub enum Match {
        /// It does not match.
        No = 0 as "QUELL_MATCH_NO",
        /// It matches.
        Yes = 1 as "QUELL_MATCH_YES",
        /// What was read does not decide it (truncated, disconnected, kernel fault).
        Undecided = 2 as "QUELL_MATCH_UNDECIDED",
        /// User memory could not be read.
        Unreadable = 3 as "QUELL_MATCH_UNREADABLE",
        /// The bytes are not selectors that this hook's constants describe.
        Malformed = 4 as "QUELL_MATCH_MALFORMED",
    }
}
