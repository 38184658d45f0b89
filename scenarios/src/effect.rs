//! Effect predicates: what another process can see afterwards. Content is compared, never time stamps, because a
//! prevented write may still have changed the modification time.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// One predicate; the effect of a scenario is the conjunction of its list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Effect {
    /// The file has exactly this content.
    FileEquals {
        /// Which file.
        path: String,
        /// Its whole content.
        text: String,
    },
    /// The file contains this text somewhere.
    FileContains {
        /// Which file.
        path: String,
        /// The text.
        text: String,
    },
    /// The file exists and has no byte.
    FileIsEmpty {
        /// Which file.
        path: String,
    },
    /// The name exists (symbolic links are not followed).
    Exists {
        /// Which name.
        path: String,
    },
    /// The name does not exist.
    NotExists {
        /// Which name.
        path: String,
    },
    /// The file has these permissions.
    ModeIs {
        /// Which file.
        path: String,
        /// In decimal: 384 is 0600.
        mode: u32,
    },
    /// The file belongs to this user.
    OwnerIs {
        /// Which file.
        path: String,
        /// Which user.
        uid: u32,
    },
    /// The file has this extended attribute with this value.
    AttributeIs {
        /// Which file.
        path: String,
        /// Name of the attribute.
        name: String,
        /// Its value.
        value: String,
    },
    /// The runner's end of the pipe received exactly this.
    PipeReceived {
        /// Everything that came.
        data: String,
    },
    /// The runner, bound to this address and port during the performance, received exactly this one datagram.
    DatagramReceived {
        /// Where.
        at: String,
        /// The whole datagram.
        data: String,
    },
    /// The runner, listening at this address and port during the performance, got one connection.
    ConnectionMade {
        /// Where.
        at: String,
    },
    /// The same, and exactly these bytes came over it.
    StreamReceived {
        /// Where.
        at: String,
        /// Everything that came.
        data: String,
    },
}

/// What came to the runner during one performance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arrived {
    /// Out of the pipe.
    pub pipe: Vec<u8>,
    /// Datagrams, each with the address as the predicate has it.
    pub datagrams: Vec<(String, Vec<u8>)>,
    /// Connections, likewise, each with the bytes that came over it.
    pub connections: Vec<(String, Vec<u8>)>,
}

impl Arrived {
    /// Whether nothing came.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pipe.is_empty() && self.datagrams.is_empty() && self.connections.is_empty()
    }
}

impl Effect {
    /// The same predicate with paths changed by `path` and content changed by `data`.
    #[must_use]
    pub fn map(&self, path: &dyn Fn(&str) -> String, data: &dyn Fn(&str) -> String) -> Self {
        match self {
            Self::FileEquals { path: name, text } => Self::FileEquals { path: path(name), text: data(text) },
            Self::FileContains { path: name, text } => {
                Self::FileContains { path: path(name), text: data(text) }
            }
            Self::FileIsEmpty { path: name } => Self::FileIsEmpty { path: path(name) },
            Self::Exists { path: name } => Self::Exists { path: path(name) },
            Self::NotExists { path: name } => Self::NotExists { path: path(name) },
            Self::ModeIs { path: name, mode } => Self::ModeIs { path: path(name), mode: *mode },
            Self::OwnerIs { path: name, uid } => Self::OwnerIs { path: path(name), uid: *uid },
            Self::AttributeIs { path: file, name, value } => {
                Self::AttributeIs { path: path(file), name: data(name), value: data(value) }
            }
            Self::PipeReceived { data: text } => Self::PipeReceived { data: data(text) },
            Self::DatagramReceived { at, data: text } => {
                Self::DatagramReceived { at: data(at), data: data(text) }
            }
            Self::ConnectionMade { at } => Self::ConnectionMade { at: data(at) },
            Self::StreamReceived { at, data: text } => {
                Self::StreamReceived { at: data(at), data: data(text) }
            }
        }
    }

    /// The path that the predicate looks at.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        match self {
            Self::FileEquals { path, .. }
            | Self::FileContains { path, .. }
            | Self::FileIsEmpty { path }
            | Self::Exists { path }
            | Self::NotExists { path }
            | Self::ModeIs { path, .. }
            | Self::OwnerIs { path, .. }
            | Self::AttributeIs { path, .. } => Some(path),
            Self::PipeReceived { .. }
            | Self::DatagramReceived { .. }
            | Self::ConnectionMade { .. }
            | Self::StreamReceived { .. } => None,
        }
    }

    /// Whether the predicate holds now. `arrived` is what came to the runner.
    ///
    /// # Errors
    /// A file that exists and can't be read. A file that is absent is no error: its content predicates are false.
    pub fn holds(&self, arrived: &Arrived) -> io::Result<bool> {
        Ok(match self {
            Self::FileEquals { path, text } => content(path)?.is_some_and(|bytes| bytes == text.as_bytes()),
            Self::FileContains { path, text } => content(path)?
                .is_some_and(|bytes| bytes.windows(text.len()).any(|part| part == text.as_bytes())),
            Self::FileIsEmpty { path } => content(path)?.is_some_and(|bytes| bytes.is_empty()),
            Self::Exists { path } => name_exists(Path::new(path))?,
            Self::NotExists { path } => !name_exists(Path::new(path))?,
            Self::PipeReceived { data } => arrived.pipe == data.as_bytes(),
            Self::DatagramReceived { at, data } => {
                let mut here = arrived.datagrams.iter().filter(|(place, _)| place == at);
                here.next().is_some_and(|(_, bytes)| bytes == data.as_bytes()) && here.next().is_none()
            }
            Self::ConnectionMade { at } => {
                arrived.connections.iter().filter(|(place, _)| place == at).count() == 1
            }
            Self::StreamReceived { at, data } => {
                let mut here = arrived.connections.iter().filter(|(place, _)| place == at);
                here.next().is_some_and(|(_, bytes)| bytes == data.as_bytes()) && here.next().is_none()
            }
            Self::ModeIs { path, mode } => {
                metadata(Path::new(path))?.is_some_and(|now| now.mode() & PERMISSIONS == *mode)
            }
            Self::OwnerIs { path, uid } => metadata(Path::new(path))?.is_some_and(|now| now.uid() == *uid),
            Self::AttributeIs { path, name, value } => {
                attribute(path, name)?.is_some_and(|now| now == value.as_bytes())
            }
        })
    }
}

/// The bits of a mode that `chmod` changes.
pub(crate) const PERMISSIONS: u32 = 0o7777;
/// Longest value that a scenario sets.
const ATTRIBUTE_BYTES: usize = 256;

fn metadata(path: &Path) -> io::Result<Option<Metadata>> {
    match std::fs::symlink_metadata(path) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn attribute(path: &str, name: &str) -> io::Result<Option<Vec<u8>>> {
    let mut value = [0_u8; ATTRIBUTE_BYTES];
    match rustix::fs::lgetxattr(path, name, &mut value) {
        Ok(length) => Ok(value.get(..length).map(<[u8]>::to_vec)),
        Err(rustix::io::Errno::NODATA | rustix::io::Errno::NOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn content(path: &str) -> io::Result<Option<Vec<u8>>> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether a name exists, without following a symbolic link.
pub(crate) fn name_exists(path: &Path) -> io::Result<bool> {
    Ok(metadata(path)?.is_some())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::equals(Effect::FileEquals { path: "/file".into(), text: "one\ntwo\n".into() }, true)]
    #[case::equals_is_whole(Effect::FileEquals { path: "/file".into(), text: "one\n".into() }, false)]
    #[case::contains(Effect::FileContains { path: "/file".into(), text: "e\ntw".into() }, true)]
    #[case::contains_not(Effect::FileContains { path: "/file".into(), text: "three".into() }, false)]
    #[case::absent_contains_nothing(Effect::FileContains { path: "/absent".into(), text: "x".into() }, false)]
    #[case::not_empty(Effect::FileIsEmpty { path: "/file".into() }, false)]
    #[case::empty(Effect::FileIsEmpty { path: "/empty".into() }, true)]
    #[case::absent_is_not_empty(Effect::FileIsEmpty { path: "/absent".into() }, false)]
    #[case::exists(Effect::Exists { path: "/file".into() }, true)]
    #[case::dangling_link_exists(Effect::Exists { path: "/link".into() }, true)]
    #[case::exists_not(Effect::Exists { path: "/absent".into() }, false)]
    #[case::not_exists(Effect::NotExists { path: "/absent".into() }, true)]
    #[case::not_exists_not(Effect::NotExists { path: "/file".into() }, false)]
    #[case::pipe(Effect::PipeReceived { data: "came".into() }, true)]
    #[case::datagram(Effect::DatagramReceived { at: "there".into(), data: "word".into() }, true)]
    #[case::datagram_whole(Effect::DatagramReceived { at: "there".into(), data: "wor".into() }, false)]
    #[case::datagram_elsewhere(Effect::DatagramReceived { at: "here".into(), data: "word".into() }, false)]
    #[case::connection(Effect::ConnectionMade { at: "there".into() }, true)]
    #[case::connection_elsewhere(Effect::ConnectionMade { at: "here".into() }, false)]
    #[case::stream(Effect::StreamReceived { at: "there".into(), data: "byte".into() }, true)]
    #[case::stream_whole(Effect::StreamReceived { at: "there".into(), data: "byt".into() }, false)]
    #[case::mode(Effect::ModeIs { path: "/file".into(), mode: 0o640 }, true)]
    #[case::other_mode(Effect::ModeIs { path: "/file".into(), mode: 0o600 }, false)]
    #[case::absent_has_no_mode(Effect::ModeIs { path: "/absent".into(), mode: 0o640 }, false)]
    #[case::other_owner(Effect::OwnerIs { path: "/file".into(), uid: 4242 }, false)]
    #[case::no_attribute(
        Effect::AttributeIs { path: "/file".into(), name: "user.x".into(), value: String::new() }, false
    )]
    #[case::pipe_whole(Effect::PipeReceived { data: "ca".into() }, false)]
    fn predicate_holds_exactly_when_the_file_system_says_so(#[case] effect: Effect, #[case] expected: bool) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("file"), "one\ntwo\n").unwrap();
        std::fs::set_permissions(dir.path().join("file"), PermissionsExt::from_mode(0o640)).unwrap();
        std::fs::write(dir.path().join("empty"), "").unwrap();
        std::os::unix::fs::symlink("nowhere", dir.path().join("link")).unwrap();
        let root = dir.path().to_str().unwrap().to_owned();
        let resolved = effect.map(&|path| format!("{root}{path}"), &|data| data.to_owned());
        let arrived = Arrived {
            pipe: b"came".to_vec(),
            datagrams: vec![("there".into(), b"word".to_vec())],
            connections: vec![("there".into(), b"byte".to_vec())],
        };
        assert_eq!(resolved.holds(&arrived).unwrap(), expected);
    }

    #[test]
    fn unreadable_file_is_an_error_not_an_absent_effect() {
        let dir = tempfile::tempdir().unwrap();
        let effect =
            Effect::FileEquals { path: dir.path().to_str().unwrap().to_owned(), text: String::new() };
        effect.holds(&Arrived::default()).unwrap_err();
    }
}
