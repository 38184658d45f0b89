//! System calls whose arguments no safe wrapper takes as they are: values without a meaning, lengths that are not the real
//! ones, sets of capabilities.
#![expect(unsafe_code, reason = "these arguments are exactly what safe wrappers are there to rule out")]

pub(crate) mod aio;
pub(crate) mod fork;
pub(crate) mod memory;
pub(crate) mod ring;
pub(crate) mod short;

use std::ffi::CStr;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use nix::errno::Errno;
use nix::libc;

/// A descriptor that the kernel has just made for us.
pub(crate) fn own(number: i32) -> nix::Result<OwnedFd> {
    if number < 0 {
        return Err(Errno::EBADF);
    }
    // SAFETY: the caller got the number from a system call that made it, and gives it to nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// `prctl(PR_GET_DUMPABLE, value, case, 0, 0)`. The kernel looks at no argument behind the first.
pub(crate) fn prctl_number(value: i64, case: u32) -> nix::Result<()> {
    // SAFETY: this operation uses none of the other arguments, hence no memory.
    let outcome = unsafe {
        libc::syscall(libc::SYS_prctl, libc::PR_GET_DUMPABLE, value, libc::c_ulong::from(case), 0_u64, 0_u64)
    };
    Errno::result(outcome).map(drop)
}

/// The same with the address of a text.
pub(crate) fn prctl_text(text: &CStr, case: u32) -> nix::Result<()> {
    // SAFETY: this operation uses none of the other arguments, hence no memory.
    let outcome = unsafe {
        libc::syscall(
            libc::SYS_prctl,
            libc::PR_GET_DUMPABLE,
            text.as_ptr(),
            libc::c_ulong::from(case),
            0_u64,
            0_u64,
        )
    };
    Errno::result(outcome).map(drop)
}

/// Longest address that the kernel takes: `struct sockaddr_storage`.
const ADDRESS_BYTES: usize = 128;

/// `connect` with a length of the address that need not be the real one.
pub(crate) fn connect(socket: &OwnedFd, to: SocketAddr, length: u32) -> nix::Result<()> {
    with_address(libc::SYS_connect, socket, to, length)
}

/// `bind`, likewise.
pub(crate) fn bind(socket: &OwnedFd, to: SocketAddr, length: u32) -> nix::Result<()> {
    with_address(libc::SYS_bind, socket, to, length)
}

fn with_address(call: libc::c_long, socket: &OwnedFd, to: SocketAddr, length: u32) -> nix::Result<()> {
    let address = address(to);
    if usize::try_from(length).map_or(true, |length| length > address.len()) {
        return Err(Errno::EINVAL);
    }
    // SAFETY: the buffer has at least as many bytes as the kernel is told, and the kernel only reads them.
    let outcome =
        unsafe { libc::syscall(call, socket.as_raw_fd(), address.as_ptr(), libc::c_ulong::from(length)) };
    Errno::result(outcome).map(drop)
}

/// `bind` to an address that says nothing of its family (AF_UNSPEC).
pub(crate) fn bind_without_family(socket: &OwnedFd, to: SocketAddr) -> nix::Result<()> {
    let mut address = address(to);
    address[..2].copy_from_slice(&[0, 0]);
    // SAFETY: the kernel reads as many bytes as the buffer has, and nothing else.
    let outcome =
        unsafe { libc::syscall(libc::SYS_bind, socket.as_raw_fd(), address.as_ptr(), address.len()) };
    Errno::result(outcome).map(drop)
}

/// `struct sockaddr_in` or `sockaddr_in6`, and zeros.
fn address(to: SocketAddr) -> [u8; ADDRESS_BYTES] {
    let (family, tail): (i32, Vec<u8>) = match to {
        SocketAddr::V4(to) => (libc::AF_INET, to.ip().octets().to_vec()),
        SocketAddr::V6(to) => (libc::AF_INET6, [&[0; 4], to.ip().octets().as_slice()].concat()),
    };
    let family = u16::try_from(family).unwrap_or_default();
    let mut bytes = [0; ADDRESS_BYTES];
    bytes[..2].copy_from_slice(&family.to_ne_bytes());
    bytes[2..4].copy_from_slice(&to.port().to_be_bytes());
    bytes[4..4 + tail.len()].copy_from_slice(&tail);
    bytes
}

/// `struct __user_cap_header_struct`.
#[repr(C)]
struct CapabilityHead {
    version: u32,
    pid: i32,
}

/// `struct __user_cap_data_struct`: 32 capabilities.
#[repr(C)]
struct CapabilityData {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// `_LINUX_CAPABILITY_VERSION_3`: two records, the low capabilities first.
const CAPABILITY_VERSION: u32 = 0x2008_0522;

/// `capset` of this process; bit N is capability N.
pub(crate) fn capset(effective: u64, permitted: u64, inheritable: u64) -> nix::Result<()> {
    let head = CapabilityHead { version: CAPABILITY_VERSION, pid: 0 };
    let half =
        |bits: u64, shift: u32| u32::try_from((bits >> shift) & u64::from(u32::MAX)).unwrap_or_default();
    let data = [0, 32].map(|shift| CapabilityData {
        effective: half(effective, shift),
        permitted: half(permitted, shift),
        inheritable: half(inheritable, shift),
    });
    // SAFETY: both pointers are to what this version of the call reads: one head and two records.
    let outcome = unsafe { libc::syscall(libc::SYS_capset, &raw const head, data.as_ptr()) };
    Errno::result(outcome).map(drop)
}

/// `ioctl(SIOCSIFNAME)`: another name for a network device.
pub(crate) fn rename_device(socket: &OwnedFd, from: &str, to: &str) -> nix::Result<()> {
    // `struct ifreq`: the present name, then the new one in the place of a union of 24 bytes.
    let mut request = [0_u8; 40];
    for (name, at) in [(from, 0), (to, libc::IFNAMSIZ)] {
        if name.len() >= libc::IFNAMSIZ {
            return Err(Errno::ENAMETOOLONG);
        }
        request[at..at + name.len()].copy_from_slice(name.as_bytes());
    }
    // SAFETY: the buffer is as long as `struct ifreq`, and this operation reads it.
    let outcome =
        unsafe { libc::syscall(libc::SYS_ioctl, socket.as_raw_fd(), libc::SIOCSIFNAME, request.as_ptr()) };
    Errno::result(outcome).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_does_not_look_at_what_a_number_step_passes() {
        for value in [0, -1, i64::MIN, i64::MAX] {
            prctl_number(value, 7).unwrap();
        }
        prctl_text(c"any text", 7).unwrap();
    }

    #[test]
    fn an_address_lies_as_the_kernel_reads_it() {
        let four = address("1.2.3.4:258".parse().unwrap());
        assert_eq!(four[..9], [2, 0, 1, 2, 1, 2, 3, 4, 0]);
        let six = address("[::5]:258".parse().unwrap());
        assert_eq!((six[0], six[2..8].to_vec(), six[23], six[24]), (10, vec![1, 2, 0, 0, 0, 0], 5, 0));
    }

    #[test]
    fn a_length_behind_the_end_of_the_address_is_refused() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let to = socket.local_addr().unwrap();
        let socket = OwnedFd::from(socket);
        assert_eq!(connect(&socket, to, 129), Err(Errno::EINVAL));
        connect(&socket, to, 128).unwrap();
    }

    #[test]
    fn a_device_that_is_not_there_has_no_name_to_change() {
        let socket = OwnedFd::from(std::net::UdpSocket::bind("127.0.0.1:0").unwrap());
        assert_eq!(rename_device(&socket, "nowhere0", "other0"), Err(Errno::ENODEV));
        assert_eq!(rename_device(&socket, "a name of 16 byt", "x"), Err(Errno::ENAMETOOLONG));
    }
}
