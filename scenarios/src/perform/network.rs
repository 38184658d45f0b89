//! Steps on sockets, each one system call.

use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, Backlog, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn, SockaddrIn6,
    SockaddrLike, UnixAddr, bind, connect, listen, send, sendto, socket,
};
use nix::unistd::write;

use super::PerformError;
use super::steps::Place;
use crate::raw;
use crate::step::{SocketKind, Step};

/// Sockets that the subject has made; the last one is used. All stay open until its end.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    made: Vec<OwnedFd>,
}

impl Sockets {
    /// Performs a step of this file.
    pub(super) fn perform(&mut self, step: &Step, place: &Place<'_>) -> Result<(), PerformError> {
        let failed = |errno| place.failed(errno);
        let address = |text: &str| text.parse::<SocketAddr>().map_err(|_| place.bad_argument());
        if let Step::Socket { kind } = step {
            self.made.push(make(*kind).map_err(failed)?);
            return Ok(());
        }
        let socket = self.made.last().ok_or_else(|| place.nothing_open())?;
        match step {
            Step::Bind { to, without_family: true } => {
                raw::bind_without_family(socket, address(to)?).map_err(failed)
            }
            Step::Bind { to, .. } => bind(socket.as_raw_fd(), &*sockaddr(address(to)?)).map_err(failed),
            Step::Listen {} => listen(socket, Backlog::MAXALLOWABLE).map_err(failed),
            Step::Connect { to, length, refused } => {
                let to = address(to)?;
                let outcome = match length {
                    None => connect(socket.as_raw_fd(), &*sockaddr(to)),
                    Some(length) => raw::connect(socket, to, *length),
                };
                if *refused { place.refused(&outcome, Errno::ECONNREFUSED) } else { outcome.map_err(failed) }
            }
            Step::ConnectNobody { path } => {
                let name = UnixAddr::new(path.as_str()).map_err(failed)?;
                place.refused(&connect(socket.as_raw_fd(), &name), Errno::ENOENT)
            }
            Step::SendTo { to, data } => {
                let to = sockaddr(address(to)?);
                let sent =
                    sendto(socket.as_raw_fd(), data.as_bytes(), &*to, MsgFlags::empty()).map_err(failed)?;
                place.whole(sent, data.len())
            }
            Step::Send { data } => {
                let sent = send(socket.as_raw_fd(), data.as_bytes(), MsgFlags::empty()).map_err(failed)?;
                place.whole(sent, data.len())
            }
            Step::WriteSocket { data } => {
                place.whole(write(socket, data.as_bytes()).map_err(failed)?, data.len())
            }
            Step::BindName { path } => {
                bind(socket.as_raw_fd(), &UnixAddr::new(path.as_str()).map_err(failed)?).map_err(failed)
            }
            Step::RenameDevice { from, to } => raw::rename_device(socket, from, to).map_err(failed),
            // Every other step is performed where files are.
            _ => Err(place.bad_argument()),
        }
    }
}

fn sockaddr(address: SocketAddr) -> Box<dyn SockaddrLike> {
    match address {
        SocketAddr::V4(address) => Box::new(SockaddrIn::from(address)),
        SocketAddr::V6(address) => Box::new(SockaddrIn6::from(address)),
    }
}

fn make(kind: SocketKind) -> nix::Result<OwnedFd> {
    let (family, kind, protocol) = match kind {
        SocketKind::Tcp4 => (AddressFamily::Inet, SockType::Stream, None),
        SocketKind::Tcp6 => (AddressFamily::Inet6, SockType::Stream, None),
        SocketKind::Udp4 => (AddressFamily::Inet, SockType::Datagram, None),
        SocketKind::Udp6 => (AddressFamily::Inet6, SockType::Datagram, None),
        SocketKind::Icmp4 => (AddressFamily::Inet, SockType::Raw, Some(SockProtocol::Icmp)),
        SocketKind::Unix => (AddressFamily::Unix, SockType::Stream, None),
    };
    socket(family, kind, SockFlag::SOCK_CLOEXEC, protocol)
}
