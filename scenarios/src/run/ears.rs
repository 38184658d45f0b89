//! Sockets of the runner at which effects arrive: open during one performance, read when it is over.
//!
//! What is sent over the loopback device has arrived when the sending call returns, so that nobody has to wait.

use std::io::{self, ErrorKind, Read};
use std::net::{TcpListener, UdpSocket};

use super::error::RunError;
use crate::effect::{Arrived, Effect};

/// Longest datagram that a scenario sends, and more.
const DATAGRAM_BYTES: usize = 4096;

/// The sockets of one performance.
#[derive(Debug)]
pub(super) struct Ears {
    datagrams: Vec<(String, UdpSocket)>,
    connections: Vec<(String, TcpListener)>,
}

impl Ears {
    /// Opens a socket for each effect that needs one.
    pub(super) fn open(effects: &[Effect]) -> Result<Self, RunError> {
        let mut ears = Self { datagrams: Vec::new(), connections: Vec::new() };
        for effect in effects {
            match effect {
                Effect::DatagramReceived { at, .. } => {
                    let socket = UdpSocket::bind(at).and_then(|socket| {
                        socket.set_nonblocking(true)?;
                        Ok(socket)
                    });
                    ears.datagrams.push((at.clone(), socket.map_err(RunError::file("listen on", at))?));
                }
                Effect::ConnectionMade { at } | Effect::StreamReceived { at, .. } => {
                    let listener = TcpListener::bind(at).and_then(|listener| {
                        listener.set_nonblocking(true)?;
                        Ok(listener)
                    });
                    ears.connections.push((at.clone(), listener.map_err(RunError::file("listen on", at))?));
                }
                _ => {}
            }
        }
        Ok(ears)
    }

    /// Everything that came.
    pub(super) fn arrived(self) -> Result<Arrived, RunError> {
        let mut arrived = Arrived::default();
        for (at, socket) in self.datagrams {
            let mut buffer = [0; DATAGRAM_BYTES];
            while let Some(count) = ready(socket.recv(&mut buffer)).map_err(RunError::file("read", &at))? {
                arrived.datagrams.push((at.clone(), buffer[..count].to_vec()));
            }
        }
        for (at, listener) in self.connections {
            while let Some((mut stream, _)) =
                ready(listener.accept()).map_err(RunError::file("accept on", &at))?
            {
                let mut bytes = Vec::new();
                // Whoever connected is gone, so that this ends.
                match stream.read_to_end(&mut bytes) {
                    // It went without reading what nobody sent: what it sent has come all the same.
                    Err(error) if error.kind() != ErrorKind::ConnectionReset => {
                        return Err(RunError::file("read", &at)(error));
                    }
                    _ => arrived.connections.push((at.clone(), bytes)),
                }
            }
        }
        Ok(arrived)
    }
}

/// `None` when there is nothing more.
fn ready<T>(outcome: io::Result<T>) -> io::Result<Option<T>> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_arrives_is_heard_and_silence_is_not() {
        let free = |socket: std::net::SocketAddr| socket.to_string();
        let udp = free(UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
        let tcp = free(TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
        let effects = [
            Effect::DatagramReceived { at: udp.clone(), data: "word".into() },
            Effect::ConnectionMade { at: tcp.clone() },
        ];
        assert!(Ears::open(&effects).unwrap().arrived().unwrap().is_empty());
        let ears = Ears::open(&effects).unwrap();
        UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"word", &udp).unwrap();
        drop(std::net::TcpStream::connect(&tcp).unwrap());
        let arrived = ears.arrived().unwrap();
        assert!(effects.iter().all(|effect| effect.holds(&arrived).unwrap()), "{arrived:?}");
    }
}
