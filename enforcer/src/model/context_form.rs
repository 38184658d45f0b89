//! The keys of a context file, and what each stands for.

use std::fmt;
use std::net::IpAddr;

use serde::de::{self, IntoDeserializer as _, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::context::{Argument, Capabilities, Connection, PidNamespace, Process, Value};
use super::context_file::ContextFileError;
use crate::bytes::TextOrBytes;

/// The namespaces of an ordinary process, in the order of the language: the numbers that the kernel has for its first ones,
/// and for the mount and network namespaces, which have none of their own, usual ones.
pub(super) const INITIAL: [u32; 10] = [
    0xEFFF_FFFE,
    0xEFFF_FFFF,
    0xF000_0001,
    0xEFFF_FFFC,
    0xEFFF_FFFC,
    0xF000_0000,
    0xEFFF_FFFA,
    0xEFFF_FFFA,
    0xEFFF_FFFB,
    0xEFFF_FFFD,
];

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    #[serde(default = "ordinary_process")]
    pub(super) process: ProcessFile,
    #[serde(default)]
    pub(super) ancestors: Vec<ProcessFile>,
    #[serde(default = "nothing")]
    pub(super) executable: ValueFile,
    #[serde(default = "nothing")]
    pub(super) parent_executable: ValueFile,
    #[serde(default)]
    pub(super) followed: Vec<TextOrBytes>,
    #[serde(default)]
    pub(super) host_namespaces: NamespacesFile,
    #[serde(default)]
    pub(super) namespaces: NamespacesFile,
    #[serde(default)]
    pub(super) namespaces_at_exec: NamespacesFile,
    #[serde(default)]
    pub(super) capabilities: CapabilitiesFile,
    #[serde(default)]
    pub(super) capabilities_at_exec: Option<CapabilitiesFile>,
    #[serde(default)]
    pub(super) at_exec_unknown: bool,
    #[serde(default)]
    pub(super) args: Vec<ValueFile>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) returned: Option<ValueFile>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProcessFile {
    pub(super) tgid: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) pid_namespace: Option<PidNamespaceFile>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PidNamespaceFile {
    pub(super) id: u64,
    pub(super) tgid: u32,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ValueFile {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) integer: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) whole: Option<TextOrBytes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cut: Option<TextOrBytes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) connection: Option<ConnectionFile>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<Status>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) file_type: Option<FileType>,
}

/// A number of either sign.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(untagged)]
pub(super) enum Number {
    Unsigned(u64),
    Signed(i64),
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberVisitor)
    }
}

struct NumberVisitor;

impl Visitor<'_> for NumberVisitor {
    type Value = Number;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number from {} to {}", i64::MIN, u64::MAX)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Number, E> {
        Ok(Number::Unsigned(number))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Number, E> {
        Ok(Number::Signed(number))
    }
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    UserFault,
    KernelFault,
    Disconnected,
    NoPath,
    BadFd,
}

/// A type of file: by its name in a policy, or by the bits of another mode.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(untagged)]
pub(super) enum FileType {
    Named(FileTypeName),
    Mode(u32),
}

impl<'de> Deserialize<'de> for FileType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FileTypeVisitor)
    }
}

struct FileTypeVisitor;

impl Visitor<'_> for FileTypeVisitor {
    type Value = FileType;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("one of reg, dir, lnk, chr, blk, fifo and sock, or S_IF* bits as a number")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<FileType, E> {
        let named = FileTypeName::deserialize(name.into_deserializer());
        named.map(FileType::Named).map_err(|_: E| E::invalid_value(Unexpected::Str(name), &self))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<FileType, E> {
        let mode = u32::try_from(number).map_err(|_| E::invalid_value(Unexpected::Unsigned(number), &self));
        mode.map(FileType::Mode)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<FileType, E> {
        let mode = u32::try_from(number).map_err(|_| E::invalid_value(Unexpected::Signed(number), &self));
        mode.map(FileType::Mode)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum FileTypeName {
    Reg,
    Dir,
    Lnk,
    Chr,
    Blk,
    Fifo,
    Sock,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConnectionFile {
    pub(super) family: u32,
    #[serde(default)]
    pub(super) protocol: u32,
    #[serde(default)]
    pub(super) state: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) source: Option<IpAddr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) source_port: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) destination: Option<IpAddr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) destination_port: Option<u16>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct CapabilitiesFile {
    pub(super) permitted: u64,
    pub(super) effective: u64,
    pub(super) inheritable: u64,
}

/// Namespaces by their names in a policy.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "PascalCase")]
pub(super) struct NamespacesFile {
    pub(super) uts: Option<u32>,
    pub(super) ipc: Option<u32>,
    pub(super) mnt: Option<u32>,
    pub(super) pid: Option<u32>,
    pub(super) pid_for_children: Option<u32>,
    pub(super) net: Option<u32>,
    pub(super) time: Option<u32>,
    pub(super) time_for_children: Option<u32>,
    pub(super) cgroup: Option<u32>,
    pub(super) user: Option<u32>,
}

fn ordinary_process() -> ProcessFile {
    ProcessFile { tgid: 1000, pid_namespace: None }
}

fn nothing() -> ValueFile {
    ValueFile { status: Some(Status::NoPath), ..ValueFile::default() }
}

impl ProcessFile {
    pub(super) fn process(&self) -> Process {
        let namespace = match &self.pid_namespace {
            None => PidNamespace::Initial,
            Some(own) => PidNamespace::Child { id: own.id, tgid: own.tgid },
        };
        Process { tgid: self.tgid, namespace }
    }

    pub(super) fn of(process: Process) -> Self {
        let pid_namespace = match process.namespace {
            PidNamespace::Initial => None,
            PidNamespace::Child { id, tgid } => Some(PidNamespaceFile { id, tgid }),
        };
        Self { tgid: process.tgid, pid_namespace }
    }
}

impl ValueFile {
    pub(super) fn argument(self, place: &str) -> Result<Argument, ContextFileError> {
        let values = [
            self.integer.map(|number| match number {
                Number::Unsigned(number) => Value::Integer(number),
                Number::Signed(number) => Value::Integer(number.cast_unsigned()),
            }),
            self.whole.map(|bytes| Value::Whole(bytes.0)),
            self.cut.map(|bytes| Value::Cut(bytes.0)),
            self.connection.map(|connection| Value::Connection(connection.connection())),
            self.status.map(|status| match status {
                Status::UserFault => Value::UserFault,
                Status::KernelFault => Value::KernelFault,
                Status::Disconnected => Value::Disconnected,
                Status::NoPath => Value::NoPath,
                Status::BadFd => Value::BadFd,
            }),
        ];
        let mut given = values.into_iter().flatten();
        match (given.next(), given.next()) {
            (Some(value), None) => Ok(Argument { value, file_type: self.file_type.map(FileType::mode) }),
            _ => Err(ContextFileError::Value { place: place.to_owned() }),
        }
    }

    pub(super) fn of(argument: &Argument) -> Self {
        let status = |status| Self { status: Some(status), ..Self::default() };
        let mut file = match &argument.value {
            Value::Integer(number) => Self { integer: Some(Number::Unsigned(*number)), ..Self::default() },
            Value::Whole(bytes) => Self { whole: Some(TextOrBytes(bytes.clone())), ..Self::default() },
            Value::Cut(bytes) => Self { cut: Some(TextOrBytes(bytes.clone())), ..Self::default() },
            Value::Connection(connection) => {
                Self { connection: Some(ConnectionFile::of(connection)), ..Self::default() }
            }
            Value::UserFault => status(Status::UserFault),
            Value::KernelFault => status(Status::KernelFault),
            Value::Disconnected => status(Status::Disconnected),
            Value::NoPath => status(Status::NoPath),
            Value::BadFd => status(Status::BadFd),
        };
        file.file_type = argument.file_type.map(FileType::of);
        file
    }
}

/// The names, and the S_IF* bits that they stand for.
const FILE_TYPES: [(FileTypeName, u32); 7] = [
    (FileTypeName::Reg, 0o100_000),
    (FileTypeName::Dir, 0o040_000),
    (FileTypeName::Lnk, 0o120_000),
    (FileTypeName::Chr, 0o020_000),
    (FileTypeName::Blk, 0o060_000),
    (FileTypeName::Fifo, 0o010_000),
    (FileTypeName::Sock, 0o140_000),
];

impl FileType {
    fn mode(self) -> u32 {
        match self {
            Self::Mode(mode) => mode,
            Self::Named(name) => FILE_TYPES.iter().find(|(own, _)| *own == name).map_or(0, |(_, mode)| *mode),
        }
    }

    fn of(mode: u32) -> Self {
        let named = FILE_TYPES.iter().find(|(_, own)| *own == mode);
        named.map_or(Self::Mode(mode), |(name, _)| Self::Named(*name))
    }
}

impl ConnectionFile {
    fn connection(&self) -> Connection {
        Connection {
            family: self.family,
            protocol: self.protocol,
            state: self.state,
            // A socket's ::ffff:a.b.c.d is the IPv4 address that it stands for.
            source: self.source.map(|address| address.to_canonical()),
            destination: self.destination.map(|address| address.to_canonical()),
            source_port: self.source_port,
            destination_port: self.destination_port,
        }
    }

    const fn of(connection: &Connection) -> Self {
        Self {
            family: connection.family,
            protocol: connection.protocol,
            state: connection.state,
            source: connection.source,
            source_port: connection.source_port,
            destination: connection.destination,
            destination_port: connection.destination_port,
        }
    }
}

impl CapabilitiesFile {
    pub(super) const fn bits(&self) -> Capabilities {
        Capabilities { permitted: self.permitted, effective: self.effective, inheritable: self.inheritable }
    }

    pub(super) const fn of(bits: Capabilities) -> Self {
        Self { permitted: bits.permitted, effective: bits.effective, inheritable: bits.inheritable }
    }
}

impl NamespacesFile {
    /// The numbers in the order of the language; `default` for those that are not given.
    pub(super) fn numbers(&self, default: [u32; 10]) -> [u32; 10] {
        let given = [
            self.uts,
            self.ipc,
            self.mnt,
            self.pid,
            self.pid_for_children,
            self.net,
            self.time,
            self.time_for_children,
            self.cgroup,
            self.user,
        ];
        let mut numbers = default;
        for (number, given) in numbers.iter_mut().zip(given) {
            *number = given.unwrap_or(*number);
        }
        numbers
    }

    pub(super) const fn of(numbers: [u32; 10]) -> Self {
        let [uts, ipc, mnt, pid, pid_for_children, net, time, time_for_children, cgroup, user] = numbers;
        Self {
            uts: Some(uts),
            ipc: Some(ipc),
            mnt: Some(mnt),
            pid: Some(pid),
            pid_for_children: Some(pid_for_children),
            net: Some(net),
            time: Some(time),
            time_for_children: Some(time_for_children),
            cgroup: Some(cgroup),
            user: Some(user),
        }
    }
}
