//! What a run asks the kernel for more than once, kept between the questions: its functions, its types, and those of them that objects
//! name.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::rc::Rc;

use libbpf_rs::btf::Btf;
use nix::sys::memfd::{MFdFlags, memfd_create};

use super::excerpt;
use super::raw_types::{RawTypes, RawTypesError};
use super::running::RunningFunctions;

/// What was asked for, and the file, when there is one.
type Excerpt = (BTreeSet<Vec<u8>>, Option<File>);

thread_local! {
    static FUNCTIONS: RefCell<Option<Rc<RunningFunctions>>> = const { RefCell::new(None) };
    static RAW_TYPES: RefCell<Option<Rc<RawTypes>>> = const { RefCell::new(None) };
    static TYPES: RefCell<Option<Rc<Btf<'static>>>> = const { RefCell::new(None) };
    static EXCERPTS: RefCell<Vec<Excerpt>> = const { RefCell::new(Vec::new()) };
}

/// The running kernel's functions, as they were when they were first asked about.
///
/// # Errors
/// When its symbols cannot be read.
pub fn functions() -> io::Result<Rc<RunningFunctions>> {
    kept(&FUNCTIONS, || RunningFunctions::new().map(Rc::new))
}

/// The running kernel's own types, as they stand in its file.
///
/// # Errors
/// When it has none, or they are broken.
pub fn raw_types() -> Result<Rc<RawTypes>, RawTypesError> {
    kept(&RAW_TYPES, || RawTypes::of_running_kernel().map(Rc::new))
}

/// A file with the running kernel's [excerpt](excerpt::of) for structures of these names, until all is [forgotten](forget).
/// `None`: there is no such excerpt, or no file in memory to put it into.
#[must_use]
pub fn excerpt(structures: &BTreeSet<Vec<u8>>) -> Option<PathBuf> {
    let path = |file: &File| PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
    EXCERPTS.with_borrow_mut(|known| {
        if let Some((_, file)) = known.iter().find(|(of, _)| of == structures) {
            return file.as_ref().map(path);
        }
        let file = in_memory(structures).filter(|file| path(file).exists());
        let found = file.as_ref().map(path);
        known.push((structures.clone(), file));
        found
    })
}

fn in_memory(structures: &BTreeSet<Vec<u8>>) -> Option<File> {
    let bytes = excerpt::of(&*raw_types().ok()?, structures)?;
    let file = memfd_create(c"quell_types", MFdFlags::MFD_CLOEXEC).ok()?;
    let mut file = File::from(file);
    file.write_all(&bytes).ok()?;
    Some(file)
}

/// The running kernel's own types, as the loader reads them.
///
/// # Errors
/// When it has none.
pub fn types() -> libbpf_rs::Result<Rc<Btf<'static>>> {
    kept(&TYPES, || Btf::from_vmlinux().map(Rc::new))
}

/// Lets go of what nobody else holds.
pub fn forget() {
    FUNCTIONS.take();
    RAW_TYPES.take();
    EXCERPTS.take();
    TYPES.take();
}

fn kept<T, E>(
    place: &'static std::thread::LocalKey<RefCell<Option<Rc<T>>>>,
    read: impl FnOnce() -> Result<Rc<T>, E>,
) -> Result<Rc<T>, E> {
    if let Some(there) = place.with_borrow(Clone::clone) {
        return Ok(there);
    }
    let new = read()?;
    place.set(Some(Rc::clone(&new)));
    Ok(new)
}
