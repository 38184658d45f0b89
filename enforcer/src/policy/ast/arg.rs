//! What a hook reads: arguments, their types, and what the types have to compare.

use crate::policy::source::Span;

/// One thing to read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Arg {
    /// Where it comes from.
    pub source: ArgSource,
    /// How to read it.
    pub ty: ArgType,
    /// Position **from 0** of the argument with the size in bytes, or the count of buffers (`sizeArgIndex`, which counts from 1,
    /// minus one). Set only for [`ArgType::CharBuf`] and [`ArgType::CharIovec`], and always unless `return_copy`: then the size may
    /// be what the call returns. The argument need not be listed in `args`.
    pub size_arg: Option<u8>,
    /// `resolve`: members and indexes to follow from there by the kernel's type information; empty: the value itself.
    pub resolve: Vec<Step>,
    /// `returnCopy`: read again when the function returns, because the function fills it.
    pub return_copy: bool,
    /// `maxData`: more of a buffer than fits an event may be posted in several.
    pub max_data: bool,
    /// Name for the event.
    pub label: Option<String>,
    /// The entry in the file.
    pub span: Span,
}

/// Where something to read comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ArgSource {
    /// An argument of the function (or a field of the tracepoint): its position, from 0.
    Argument(u8),
    /// The returned value.
    Returned,
    /// `data` with `source: current_task`.
    CurrentTask,
    /// `data` with `source: pt_regs`.
    Registers,
}

/// One step of `resolve`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Step {
    /// `.name`
    Member(String),
    /// `[3]`
    Index(u32),
}

/// How an argument is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ArgType {
    /// `int8`, `sint8`
    Int8,
    /// `uint8`
    Uint8,
    /// `int16`, `sint16`
    Int16,
    /// `uint16`
    Uint16,
    /// `int`, `int32`, `sint32`
    Int32,
    /// `uint32`
    Uint32,
    /// `int64`, `sint64`, `long`
    Int64,
    /// `uint64`, `ulong`
    Uint64,
    /// `size_t`, 64 bits
    Size,
    /// A file descriptor of the caller; matched by the path of its file.
    Fd,
    /// `struct file *`; matched by its path.
    File,
    /// `struct path *`; matched by its path.
    Path,
    /// NUL-terminated string of the caller.
    String,
    /// NUL-terminated file name of the caller, as it was passed: not resolved, possibly relative.
    Filename,
    /// Bytes of the caller, as many as the size argument says.
    CharBuf,
    /// Bytes of the caller in several buffers (`struct iovec *`), as many buffers as the size argument says.
    CharIovec,
    /// `struct sk_buff *`; matched by addresses, ports, protocol.
    Skb,
    /// `struct sock *`; the same, and state.
    Sock,
    /// `struct socket *`: its sock.
    Socket,
    /// `struct sockaddr *`: family, source address and port.
    Sockaddr,
    /// `struct sockaddr_un *`: its path, of an abstract one with the leading NUL.
    SockaddrUn,
    /// `struct dentry *`; matched by its path below its mount.
    Dentry,
    /// `struct linux_binprm *`; matched by the path of the file that is executed.
    LinuxBinprm,
    /// `struct kiocb *`; matched by the path of its file.
    Kiocb,
    /// `struct net_device *`; matched by its name.
    NetDevice,
    /// A capability number.
    Capability,
    /// `kernel_cap_t *`: 64 capability bits.
    KernelCap,
    /// `kernel_cap_t *` of inheritable capabilities.
    CapInheritable,
    /// `kernel_cap_t *` of permitted capabilities.
    CapPermitted,
    /// `kernel_cap_t *` of effective capabilities.
    CapEffective,
    /// A system call number; bit 31 set for the 32-bit ABI.
    Syscall64,
    /// Nothing: keeps a position.
    Nop,
}

impl ArgType {
    /// Every type.
    pub const ALL: [Self; 32] = [
        Self::Int8,
        Self::Uint8,
        Self::Int16,
        Self::Uint16,
        Self::Int32,
        Self::Uint32,
        Self::Int64,
        Self::Uint64,
        Self::Size,
        Self::Fd,
        Self::File,
        Self::Path,
        Self::String,
        Self::Filename,
        Self::CharBuf,
        Self::CharIovec,
        Self::Skb,
        Self::Sock,
        Self::Socket,
        Self::Sockaddr,
        Self::SockaddrUn,
        Self::Dentry,
        Self::LinuxBinprm,
        Self::Kiocb,
        Self::NetDevice,
        Self::Capability,
        Self::KernelCap,
        Self::CapInheritable,
        Self::CapPermitted,
        Self::CapEffective,
        Self::Syscall64,
        Self::Nop,
    ];

    /// What its filter values are, and how they compare.
    #[must_use]
    pub const fn class(self) -> TypeClass {
        match self {
            Self::Int8 => TypeClass::Integer { signed: true, bits: 8 },
            Self::Uint8 => TypeClass::Integer { signed: false, bits: 8 },
            Self::Int16 => TypeClass::Integer { signed: true, bits: 16 },
            Self::Uint16 => TypeClass::Integer { signed: false, bits: 16 },
            Self::Int32 => TypeClass::Integer { signed: true, bits: 32 },
            Self::Uint32 => TypeClass::Integer { signed: false, bits: 32 },
            Self::Int64 => TypeClass::Integer { signed: true, bits: 64 },
            Self::Uint64 | Self::Size | Self::Syscall64 => TypeClass::Integer { signed: false, bits: 64 },
            Self::Capability => TypeClass::Integer { signed: true, bits: 32 },
            Self::Fd | Self::File | Self::Path | Self::Dentry | Self::LinuxBinprm | Self::Kiocb => {
                TypeClass::Path
            }
            Self::String
            | Self::Filename
            | Self::CharBuf
            | Self::CharIovec
            | Self::NetDevice
            | Self::SockaddrUn => TypeClass::Text,
            Self::KernelCap | Self::CapInheritable | Self::CapPermitted | Self::CapEffective => {
                TypeClass::Capabilities
            }
            Self::Sock | Self::Skb | Self::Socket => TypeClass::Connection,
            Self::Sockaddr => TypeClass::Address,
            Self::Nop => TypeClass::Nothing,
        }
    }

    /// The preferred name in a policy; aliases are in [`typing`](crate::policy::typing).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Int8 => "int8",
            Self::Uint8 => "uint8",
            Self::Int16 => "int16",
            Self::Uint16 => "uint16",
            Self::Int32 => "int",
            Self::Uint32 => "uint32",
            Self::Int64 => "int64",
            Self::Uint64 => "uint64",
            Self::Size => "size_t",
            Self::Fd => "fd",
            Self::File => "file",
            Self::Path => "path",
            Self::String => "string",
            Self::Filename => "filename",
            Self::CharBuf => "char_buf",
            Self::CharIovec => "char_iovec",
            Self::Skb => "skb",
            Self::Sock => "sock",
            Self::Socket => "socket",
            Self::Sockaddr => "sockaddr",
            Self::SockaddrUn => "sockaddr_un",
            Self::Dentry => "dentry",
            Self::LinuxBinprm => "linux_binprm",
            Self::Kiocb => "kiocb",
            Self::NetDevice => "net_device",
            Self::Capability => "capability",
            Self::KernelCap => "kernel_cap_t",
            Self::CapInheritable => "cap_inheritable",
            Self::CapPermitted => "cap_permitted",
            Self::CapEffective => "cap_effective",
            Self::Syscall64 => "syscall64",
            Self::Nop => "nop",
        }
    }
}

/// What the values of a filter are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TypeClass {
    /// A number of this width.
    Integer {
        /// Two's complement.
        signed: bool,
        /// 8, 16, 32 or 64.
        bits: u8,
    },
    /// Bytes read from the caller, from their start.
    Text,
    /// The absolute path of an open file, assembled from its end; and the file's type.
    Path,
    /// A set of capabilities: 64 bits.
    Capabilities,
    /// Family, protocol, state, and address and port of both ends.
    Connection,
    /// Family, address and port of one end, as the source.
    Address,
    /// Nothing to compare.
    Nothing,
}
