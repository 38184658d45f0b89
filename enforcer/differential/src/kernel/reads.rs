//! Arguments that the running kernel reads out of this process, against what stands there.

use std::ptr;

use quell_wire::WireRecord;
use quell_wire::code::{ArgStatus, ArgType};
use quell_wire::selector::{Connection, FAMILY_4, FAMILY_6, NO_PORT};

use super::evaluator::{Evaluator, KernelError};

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadReport {
    /// Arguments.
    pub reads: u64,
    /// Those that were read as something else, each described.
    pub disagreements: Vec<String>,
}

/// Reads arguments of the types whose readers take more than copying.
///
/// # Errors
/// When the kernel can't be asked.
pub fn read_arguments() -> Result<ReadReport, KernelError> {
    let mut report = ReadReport::default();
    addresses(&mut report)?;
    syscalls(&mut report)?;
    vectors(&mut report)?;
    Ok(report)
}

fn address_of<T: ?Sized>(of: &T) -> u64 {
    ptr::from_ref(of).cast::<u8>().addr() as u64
}

impl ReadReport {
    fn compare(
        &mut self,
        what: &str,
        found: &(ArgStatus, Vec<u8>, u64),
        expected: &(ArgStatus, Vec<u8>, u64),
    ) {
        self.reads += 1;
        if found != expected {
            self.disagreements.push(format!("{what}: read {found:?} instead of {expected:?}"));
        }
    }
}

/// Of no family as well: bind and sendto take that for IPv4.
fn addresses(report: &mut ReadReport) -> Result<(), KernelError> {
    let reader = Evaluator::load_reader(ArgType::Sockaddr)?;
    for (family, tag, at) in [(0_u16, FAMILY_4, 4), (2, FAMILY_4, 4), (10, FAMILY_6, 8), (16, 0, 0)] {
        let mut given = [0_u8; 28];
        given[..2].copy_from_slice(&family.to_ne_bytes());
        given[2..4].copy_from_slice(&7001_u16.to_be_bytes());
        given[4..8].copy_from_slice(&[127, 0, 0, 1]);
        given[8..24].copy_from_slice(&[0xfd; 16]);
        let mut expected = Connection {
            family: family.into(),
            source_family: tag,
            source_port: NO_PORT,
            destination_port: NO_PORT,
            ..Connection::default()
        };
        if tag != 0 {
            let length = if tag == FAMILY_4 { 4 } else { 16 };
            expected.source_port = 7001;
            expected.source_address[..length].copy_from_slice(&given[at..at + length]);
        }
        let mut bytes = Vec::new();
        expected.write(&mut bytes);
        let found = reader.read(address_of(&given), 0)?;
        report.compare(&format!("a sockaddr of family {family}"), &found, &(ArgStatus::Ok, bytes, 0));
    }
    Ok(())
}

/// Whatever a parameter is declared as, a number has 32 bits, and this process makes none of the 32-bit calls.
fn syscalls(report: &mut ReadReport) -> Result<(), KernelError> {
    let reader = Evaluator::load_reader(ArgType::Syscall64)?;
    for (value, number) in [(59, 59), (0xffff_ffff_0000_003b, 59), (1 << 31, 1 << 31)] {
        let found = reader.read(value, 0)?;
        report.compare(&format!("system call {value:#x}"), &found, &(ArgStatus::Ok, Vec::new(), number));
    }
    Ok(())
}

/// Buffers one behind the other.
fn vectors(report: &mut ReadReport) -> Result<(), KernelError> {
    let reader = Evaluator::load_reader(ArgType::CharIovec)?;
    let (first, last) = (*b"first ", *b"last");
    let vector = [address_of(&first), 6, address_of(&first), 0, address_of(&last), 4];
    let found = reader.read(address_of(&vector), 3)?;
    report.compare("three buffers", &found, &(ArgStatus::Ok, b"first last".to_vec(), 10));
    let found = reader.read(address_of(&vector), 2)?;
    report.compare("two of them", &found, &(ArgStatus::Ok, b"first ".to_vec(), 6));
    Ok(())
}
