//! The closed list of steps that a subject can be told to do: one step is one system call, with one errno.

mod kind;
mod strings;

use serde::{Deserialize, Serialize};

pub use self::kind::{NamespaceKind, OpenFlag, RingWay, SocketKind};

/// One step. In a scenario file strings may contain `$target`; paths are relative to the work directory of the cell
/// or absolute. A subject only ever sees them filled in and absolute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Step {
    /// `openat(AT_FDCWD, path, flags, 0600)`; later writes go to this file.
    Open {
        /// Which file.
        path: String,
        /// How to open it; exactly these flags reach the kernel.
        flags: Vec<OpenFlag>,
        /// Pass the name in memory that was never touched: the kernel brings the page in when it copies the name, but
        /// a program that looks at it before finds nothing there.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        untouched_name: bool,
    },
    /// `write` to the opened file.
    Write {
        /// What to write.
        data: String,
    },
    /// `pwrite64` to the opened file.
    WriteAt {
        /// What to write.
        data: String,
        /// Where, in bytes from the start of the file.
        offset: u32,
    },
    /// `write` to standard output, a pipe whose other end the runner holds.
    WritePipe {
        /// What to write.
        data: String,
    },
    /// `unlink`.
    Unlink {
        /// Which name.
        path: String,
    },
    /// `rename`.
    Rename {
        /// Present name.
        from: String,
        /// New name.
        to: String,
    },
    /// `execve` of an image that performs further steps. Nothing after it is performed by the old image.
    Execve {
        /// Which image; prepare it with `link_to_subject`.
        path: String,
        /// Execute a copy of it in memory (`memfd_create`, `execveat`), which has no path.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        in_memory: bool,
        /// What the new image does.
        then: Vec<Step>,
    },
    /// `clock_nanosleep`, so that another process can act in between.
    Pause {
        /// How long, in milliseconds.
        ms: u32,
    },
    /// `writev` to the opened file.
    WriteParts {
        /// One buffer each.
        parts: Vec<String>,
        /// By the 32-bit system call, with a vector of 32-bit addresses and lengths.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        short: bool,
    },
    /// `mknodat` of a pipe with a name.
    Mkfifo {
        /// Which name.
        path: String,
    },
    /// `faccessat(AT_FDCWD, path, F_OK)`; that the name is absent is no failure.
    Look {
        /// Which name.
        path: String,
    },
    /// `execve` of a file that is no program, which the kernel refuses (ENOEXEC) after all its checks.
    ExecveRefused {
        /// Which file; prepare it with `executable`.
        path: String,
    },
    /// `prctl(PR_GET_DUMPABLE, value, case, 0, 0)`: the kernel looks at neither, so that both can be anything.
    Number {
        /// Second argument: decimal, -2^63 to 2^63-1.
        value: String,
        /// Third argument.
        case: u32,
    },
    /// The same, with the address of a NUL-terminated text as second argument.
    Text {
        /// Second argument.
        text: String,
        /// Third argument.
        case: u32,
    },
    /// `capset` of the process itself; bit N is capability N.
    Capset {
        /// What it has.
        effective: u64,
        /// What it may make effective; a subset of what it was.
        permitted: u64,
        /// What a program that it executes may keep.
        inheritable: u64,
    },
    /// `unshare`.
    Unshare {
        /// Which namespaces become new ones.
        namespaces: Vec<NamespaceKind>,
    },
    /// `ioctl(SIOCSIFNAME)` on a socket made before: gives a network device another name.
    RenameDevice {
        /// Present name.
        from: String,
        /// New name.
        to: String,
    },
    /// `socket`; later socket steps use this one. Earlier ones stay open.
    Socket {
        /// Which.
        kind: SocketKind,
    },
    /// `bind` to an address and port (`127.0.0.1:80`, `[::1]:80`).
    Bind {
        /// Which.
        to: String,
        /// Say AF_UNSPEC instead of the family, which Linux takes for IPv4 when the address is 0.0.0.0.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        without_family: bool,
    },
    /// `listen`.
    Listen {},
    /// `connect` to an address and port.
    Connect {
        /// Which.
        to: String,
        /// The length of the address that the kernel is told, if not the real one: 28 to 128. It takes more than it needs,
        /// and functions that are given it can be told apart by it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        length: Option<u32>,
        /// Nobody listens there: ECONNREFUSED is what has to come.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        refused: bool,
    },
    /// `connect` to the name of a socket at which nobody listens: ENOENT is what has to come.
    ConnectNobody {
        /// Which name.
        path: String,
    },
    /// `sendto` without flags.
    SendTo {
        /// To which address and port.
        to: String,
        /// What.
        data: String,
    },
    /// `pwrite64` of 4096 aligned bytes, the text and then dots, to the start of the opened file.
    WriteBlock {
        /// What stands at its start.
        text: String,
        /// The memory is shared with a child until the call is over, as after any `fork`: direct input and output then goes
        /// another way through the kernel.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        shared: bool,
    },
    /// `io_submit` of one write to the opened file.
    SubmitWrite {
        /// What to write.
        data: String,
    },
    /// A write to the opened file by io_uring.
    RingWrite {
        /// What to write.
        data: String,
        /// Who performs it.
        way: RingWay,
    },
    /// `openat` with `O_CREAT` by io_uring.
    RingCreate {
        /// Which name.
        path: String,
    },
    /// `ftruncate` of the opened file.
    Resize {
        /// To how many bytes.
        length: u32,
    },
    /// `truncate`.
    Truncate {
        /// Which file.
        path: String,
        /// To how many bytes.
        length: u32,
    },
    /// `fallocate` of the opened file, from its start.
    Allocate {
        /// How many bytes.
        length: u32,
    },
    /// `mmap` of the opened file, shared and writable, then stores to it.
    StoreMapped {
        /// What to store at its start.
        data: String,
    },
    /// `splice` from a pipe that holds the data to the opened file.
    SpliceIn {
        /// What goes through.
        data: String,
    },
    /// `splice` from the opened file to standard output, a pipe that the runner reads.
    SpliceOut {
        /// How many bytes.
        length: u32,
    },
    /// `sendfile` from another file to the opened one.
    SendFileFrom {
        /// Which file is read.
        path: String,
        /// How many bytes.
        length: u32,
    },
    /// `sendfile` from the opened file to standard output, a pipe that the runner reads.
    SendFileOut {
        /// How many bytes.
        length: u32,
    },
    /// `copy_file_range` from another file to the opened one.
    CopyRangeFrom {
        /// Which file is read.
        path: String,
        /// How many bytes.
        length: u32,
    },
    /// `vmsplice` to standard output, a pipe that the runner reads.
    VmsplicePipe {
        /// What.
        data: String,
    },
    /// `linkat`.
    Link {
        /// Present name.
        from: String,
        /// Further name.
        to: String,
    },
    /// `symlink`.
    Symlink {
        /// What the link says.
        text: String,
        /// Its name.
        path: String,
    },
    /// `mkdir`.
    Mkdir {
        /// Which name.
        path: String,
    },
    /// `rmdir`.
    Rmdir {
        /// Which directory; prepare it with `directory`.
        path: String,
    },
    /// `fchmodat`.
    Chmod {
        /// Which file.
        path: String,
        /// Its new permissions, in decimal: 384 is 0600.
        mode: u32,
    },
    /// `chown`, to the same group.
    Chown {
        /// Which file.
        path: String,
        /// Its new owner.
        uid: u32,
    },
    /// `setxattr`.
    SetAttribute {
        /// Which file.
        path: String,
        /// Name of the attribute.
        name: String,
        /// Its value.
        value: String,
    },
    /// `sendto` without an address on a connected socket.
    Send {
        /// What.
        data: String,
    },
    /// `write` to a connected socket.
    WriteSocket {
        /// What.
        data: String,
    },
    /// `bind` of a Unix socket to a name in the file system, which makes the name.
    BindName {
        /// Which name.
        path: String,
    },
    /// `bind`; a child that has the socket as well makes the file `proof` when the subject is gone and the socket has its port.
    BindPort {
        /// Address and port.
        to: String,
        /// As for `connect`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        length: Option<u32>,
        /// The file that the child makes.
        proof: String,
    },
    /// `kill` of a child; the child makes the file `proof` when the subject is gone and the signal has come.
    KillOther {
        /// Which signal: the number of one that can be blocked.
        signal: String,
        /// The file that the child makes.
        proof: String,
    },
    /// `mount(MS_BIND)` of a file over another in a namespace of its own; a child in it makes the file `proof` when the subject is
    /// gone and the mount is there.
    MountOver {
        /// What is mounted.
        from: String,
        /// Over which file.
        to: String,
        /// The file that the child makes.
        proof: String,
    },
    /// `sethostname` in a namespace of its own; a child in it makes the file `proof` when the subject is gone and the host
    /// has the name.
    HostName {
        /// Which name.
        name: String,
        /// The file that the child makes.
        proof: String,
    },
    /// `process_vm_writev` into a child, which makes the file `proof` when the subject is gone and the text is in its memory.
    WriteMemory {
        /// What to write.
        data: String,
        /// The file that the child makes.
        proof: String,
    },
    /// `clone`; the new process makes the file `proof` and ends.
    Fork {
        /// The flags: the signal at its end, and such as change nothing that matters here. Decimal.
        flags: String,
        /// The file that the new process makes.
        proof: String,
    },
    /// `write` to the opened file as a 32-bit program calls it.
    ShortWrite {
        /// What to write.
        data: String,
    },
    /// `unlink` as a 32-bit program calls it.
    ShortUnlink {
        /// Which name.
        path: String,
    },
    /// `read` from the opened file; the end of the file may come before.
    Read {
        /// How many bytes, at most 4096.
        length: u32,
    },
    /// `dup` of the opened file; later writes go to the new descriptor, and the old one is closed.
    Duplicate {},
    /// A child opens the file and sends the descriptor (`SCM_RIGHTS`); later writes go to what is received.
    Receive {
        /// Which file.
        path: String,
        /// How the child opens it.
        flags: Vec<OpenFlag>,
    },
    /// `fork` twice: the grandchild waits until its parent is gone, and performs these steps; the subject waits for its end.
    Orphan {
        /// What the grandchild does.
        then: Vec<Step>,
    },
    /// A second thread performs these steps, and the subject waits for its end. An `execve` in it takes over the whole process.
    Thread {
        /// What the thread does; what was opened before stays with the first one.
        then: Vec<Step>,
    },
    /// Calls a function of the subject, `quell_subject_marker(number, text)`, which returns number + 1: for probes in user programs.
    Marker {
        /// Its first argument, decimal and not negative.
        number: String,
        /// Its second argument.
        text: String,
    },
}
