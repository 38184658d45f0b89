//! Brings up `lo`, which a kernel starts down.
//!
//! One netlink request instead of the classic ioctl: it needs no unsafe code, and the kernel's answer carries the error.

use std::os::fd::AsRawFd;

use anyhow::Context as _;
use nix::{
    errno::Errno,
    sys::socket::{
        AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, socket,
    },
};

// Numbers of linux/netlink.h, linux/rtnetlink.h and linux/if.h.
const RTM_NEWLINK: u16 = 16;
const NLM_F_REQUEST_ACK: u16 = 0x1 | 0x4;
const NLMSG_ERROR: u16 = 2;
const IFF_UP: u32 = 1;
/// The loopback device of a network namespace always has this index.
const LOOPBACK_INDEX: i32 = 1;
/// `struct nlmsghdr` and `struct ifinfomsg`, 16 bytes each.
const REQUEST_BYTES: u32 = 32;

/// Sets `lo` up.
pub(crate) fn up() -> anyhow::Result<()> {
    let socket =
        socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkRoute)
            .context("failed to open a route socket")?;
    sendto(socket.as_raw_fd(), &request(), &NetlinkAddr::new(0, 0), MsgFlags::empty())
        .context("failed to send the request")?;
    let mut answer = [0; 512];
    let count =
        recv(socket.as_raw_fd(), &mut answer, MsgFlags::empty()).context("failed to read the answer")?;
    match acknowledged(&answer[..count])? {
        0 => Ok(()),
        errno => Err(Errno::from_raw(errno)).context("the kernel refused"),
    }
}

fn request() -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(REQUEST_BYTES.to_ne_bytes());
    bytes.extend(RTM_NEWLINK.to_ne_bytes());
    bytes.extend(NLM_F_REQUEST_ACK.to_ne_bytes());
    bytes.extend(1_u32.to_ne_bytes()); // sequence
    bytes.extend(0_u32.to_ne_bytes()); // port: the kernel fills it in
    bytes.extend([0; 4]); // family and device type: any
    bytes.extend(LOOPBACK_INDEX.to_ne_bytes());
    bytes.extend(IFF_UP.to_ne_bytes()); // flags
    bytes.extend(IFF_UP.to_ne_bytes()); // which flags change
    bytes
}

/// Errno of the answer, 0 when the kernel did it.
fn acknowledged(answer: &[u8]) -> anyhow::Result<i32> {
    let kind = answer.get(4..6).and_then(|bytes| Some(u16::from_ne_bytes(bytes.try_into().ok()?)));
    let error = answer.get(16..20).and_then(|bytes| Some(i32::from_ne_bytes(bytes.try_into().ok()?)));
    match (kind, error) {
        (Some(NLMSG_ERROR), Some(error)) => Ok(-error),
        _ => anyhow::bail!("the kernel's answer of {} bytes is no acknowledgement", answer.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_is_as_long_as_it_says() {
        assert_eq!(request().len(), REQUEST_BYTES as usize);
    }

    #[test]
    fn a_refusal_carries_its_errno() {
        let mut answer = vec![0; 20];
        answer[4..6].copy_from_slice(&NLMSG_ERROR.to_ne_bytes());
        answer[16..20].copy_from_slice(&(-1_i32).to_ne_bytes());
        assert_eq!(acknowledged(&answer).unwrap(), 1);
        assert!(acknowledged(&answer[..10]).is_err());
    }
}
