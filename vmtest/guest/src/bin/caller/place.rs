//! The files that the calls are made on. Nothing is written while they are prepared: a hook of writes sees the measured calls and
//! the one line at the end.

use std::{
    fs::{self, File},
    net::{SocketAddr, UdpSocket},
    path::{Path, PathBuf},
};

use anyhow::Context as _;

/// On a file system of its own, as most files of a system are: a walk from a file to the root crosses a mount.
const FOLDER: &str = "/tmp/bench";
/// Folders between that and the deep file, whose path has seven components, and the deepest one, whose has twenty.
const DEPTH: usize = 4;
const MOST_DEPTH: usize = 17;
/// Long enough that reading never ends.
const READABLE_BYTES: u64 = 1 << 20;

/// Files and addresses.
#[derive(Debug)]
pub(crate) struct Place {
    /// A path of two components.
    pub(crate) shallow: PathBuf,
    /// One of seven.
    pub(crate) deep: PathBuf,
    /// One of twenty.
    pub(crate) deepest: PathBuf,
    /// Read from; two components.
    pub(crate) readable: PathBuf,
    /// The two names of the file that is renamed.
    pub(crate) names: [PathBuf; 2],
    /// Something to connect to.
    pub(crate) address: SocketAddr,
    /// Keeps the address taken.
    _listener: UdpSocket,
}

impl Place {
    pub(crate) fn prepare() -> anyhow::Result<Self> {
        let folder = Path::new(FOLDER);
        let below = |depth: usize| {
            let levels = (1..=depth).map(|level| format!("level-{level}"));
            levels.fold(folder.to_owned(), |path, level| path.join(level))
        };
        let deepest_folder = below(MOST_DEPTH);
        fs::create_dir_all(&deepest_folder)
            .with_context(|| format!("failed to create {}", deepest_folder.display()))?;
        let shallow = Path::new("/tmp/shallow").to_owned();
        let readable = Path::new("/tmp/readable").to_owned();
        let names = ["one-name", "another-name"].map(|name| folder.join(name));
        let (deep, deepest) = (below(DEPTH).join("deep"), deepest_folder.join("deepest"));
        for path in [&shallow, &deep, &deepest, &readable, &names[0]] {
            File::create(path).with_context(|| format!("failed to create {}", path.display()))?;
        }
        let file = File::options().write(true).open(&readable).context("failed to open the readable file")?;
        file.set_len(READABLE_BYTES).context("failed to lengthen the readable file")?;
        let listener = UdpSocket::bind("127.0.0.1:0").context("failed to bind a socket of the loopback")?;
        let address = listener.local_addr().context("failed to read an address")?;
        Ok(Self { shallow, deep, deepest, readable, names, address, _listener: listener })
    }
}
