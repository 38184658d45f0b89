//! A descriptor that another process opened and sent (`SCM_RIGHTS`).

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, UnixAddr, recvmsg,
    sendmsg, socketpair,
};

use super::steps::plain_open;
use crate::raw::fork;
use crate::step::OpenFlag;

/// Has a child open the file and takes over what it sends.
pub(super) fn receive(path: &str, flags: &[OpenFlag]) -> nix::Result<OwnedFd> {
    let (ours, theirs) = socketpair(AddressFamily::Unix, SockType::Datagram, None, SockFlag::SOCK_CLOEXEC)?;
    fork::in_child(|| {
        // A child that can't open sends nothing but the number of the error.
        let (number, file) = match plain_open(path, flags) {
            Ok(file) => (0, Some(file)),
            Err(errno) => (errno as i32, None),
        };
        // The receiver learns of a failure by the closed socket.
        let _ = send(&theirs, number, file.as_ref());
    })?;
    drop(theirs);
    take(&ours)
}

fn send(socket: &OwnedFd, number: i32, file: Option<&OwnedFd>) -> nix::Result<usize> {
    let rights: Vec<i32> = file.iter().map(|file| file.as_raw_fd()).collect();
    let control = [ControlMessage::ScmRights(&rights)];
    let control = if file.is_some() { &control[..] } else { &[] };
    sendmsg::<UnixAddr>(
        socket.as_raw_fd(),
        &[IoSlice::new(&number.to_le_bytes())],
        control,
        MsgFlags::empty(),
        None,
    )
}

fn take(socket: &OwnedFd) -> nix::Result<OwnedFd> {
    let mut number = [0; 4];
    let mut space = nix::cmsg_space!(i32);
    let received = {
        let mut parts = [IoSliceMut::new(&mut number)];
        let message = recvmsg::<UnixAddr>(
            socket.as_raw_fd(),
            &mut parts,
            Some(&mut space),
            MsgFlags::MSG_CMSG_CLOEXEC,
        )?;
        message.cmsgs()?.find_map(|control| match control {
            ControlMessageOwned::ScmRights(files) => files.first().copied(),
            _ => None,
        })
    };
    match received {
        Some(file) => crate::raw::own(file),
        None => Err(Errno::from_raw(i32::from_le_bytes(number))),
    }
}
