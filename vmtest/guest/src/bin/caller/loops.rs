//! What is done once per call of each loop.

use std::{
    fs::File,
    net::UdpSocket,
    os::fd::{AsFd, AsRawFd, OwnedFd},
    path::Path,
    process::Command,
};

use anyhow::Context as _;
use nix::{
    fcntl::{OFlag, open},
    sys::{
        socket::{SockaddrIn, connect},
        stat::{Mode, stat},
        wait::WaitStatus,
    },
    unistd::{Pid, getpid, pipe, read, write},
};
use vmtest_proto::{BenchCall, CallCost};

use crate::{NOTHING, counter::batches, place::Place, raw};

/// Measures one of them.
pub(crate) fn measure(call: BenchCall, place: &Place) -> anyhow::Result<CallCost> {
    match call {
        BenchCall::Getpid => batches(call, || {
            anyhow::ensure!(getpid() != Pid::from_raw(0), "no process has the id 0");
            Ok(())
        }),
        BenchCall::Read => {
            let file = File::open(&place.readable)?;
            batches(call, || one_byte(read(&file, &mut [0])))
        }
        BenchCall::Write => writes(call, &place.shallow),
        BenchCall::WriteDeep => writes(call, &place.deep),
        BenchCall::WriteDeepest => writes(call, &place.deepest),
        BenchCall::OpenClose => batches(call, || {
            open(&place.shallow, OFlag::O_RDONLY, Mode::empty()).map(drop).map_err(Into::into)
        }),
        BenchCall::Stat => batches(call, || {
            anyhow::ensure!(stat(&place.shallow)?.st_nlink == 1, "the file has another name");
            Ok(())
        }),
        BenchCall::Rename => {
            let [mut from, mut to] = place.names.each_ref();
            batches(call, || {
                std::fs::rename(from, to)?;
                std::mem::swap(&mut from, &mut to);
                Ok(())
            })
        }
        BenchCall::Connect => {
            let socket = UdpSocket::bind("127.0.0.1:0")?;
            let std::net::SocketAddr::V4(address) = place.address else {
                anyhow::bail!("the address is no IPv4 address")
            };
            let address = SockaddrIn::from(address);
            batches(call, || Ok(connect(socket.as_raw_fd(), &address)?))
        }
        BenchCall::Execve => {
            let own = std::env::current_exe().context("failed to find this program")?;
            batches(call, || {
                let status = Command::new(&own).arg(NOTHING).status()?;
                anyhow::ensure!(status.success(), "the executed program ended with {status}");
                Ok(())
            })
        }
        BenchCall::Fork => batches(call, || match raw::fork_and_wait()? {
            WaitStatus::Exited(_, 0) => Ok(()),
            other => anyhow::bail!("the child ended with {other:?}"),
        }),
        BenchCall::PingPong => ping_pong(call),
    }
}

fn writes(call: BenchCall, path: &Path) -> anyhow::Result<CallCost> {
    let file = File::options().write(true).open(path)?;
    batches(call, || one_byte(write(&file, b"x")))
}

fn one_byte(outcome: nix::Result<usize>) -> anyhow::Result<()> {
    anyhow::ensure!(outcome? == 1, "not one byte was read or written");
    Ok(())
}

fn ping_pong(call: BenchCall) -> anyhow::Result<CallCost> {
    let (child_reads, we_write) = pipe()?;
    let (we_read, child_writes) = pipe()?;
    let pid = raw::in_child(|| echo(&child_reads, &child_writes))?;
    let cost = batches(call, || {
        one_byte(write(we_write.as_fd(), b"x"))?;
        one_byte(read(&we_read, &mut [0]))
    });
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL)?;
    nix::sys::wait::waitpid(pid, None)?;
    cost
}

fn echo(from: &OwnedFd, to: &OwnedFd) {
    // Until it is killed.
    while one_byte(read(from, &mut [0])).and_then(|()| one_byte(write(to, b"x"))).is_ok() {}
}
