//! The instruction counter, a loop whose instructions are known, and a bare fork.
#![expect(unsafe_code, reason = "instructions are counted by instructions; a bare fork")]

use std::arch::asm;

use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork};

/// The processor's time stamp. Under `-icount shift=0` an emulated processor counts instructions in it, since an instruction is a
/// nanosecond there and its time stamp counts nanoseconds.
pub(crate) fn counter() -> u64 {
    // SAFETY: the instruction is there on every x86-64 and reads nothing but the counter.
    unsafe { std::arch::x86_64::_rdtsc() }
}

/// Two instructions, so often.
pub(crate) fn two_instructions(times: u64) {
    if times == 0 {
        return;
    }
    // SAFETY: touches the one register that it is given.
    unsafe {
        asm!("2:", "dec {count}", "jnz 2b", count = inout(reg) times => _, options(nomem, nostack));
    }
}

/// A new process that ends at once, and is waited for.
pub(crate) fn fork_and_wait() -> nix::Result<WaitStatus> {
    waitpid(in_child(|| {})?, None)
}

/// `child` in a new process, which then ends without a word.
pub(crate) fn in_child(child: impl FnOnce()) -> nix::Result<Pid> {
    // SAFETY: this program has one thread, so that no lock is left held in the child.
    match unsafe { fork()? } {
        ForkResult::Parent { child } => Ok(child),
        ForkResult::Child => {
            child();
            // SAFETY: ends the process; nothing that runs at its end belongs to the child.
            unsafe { nix::libc::_exit(0) }
        }
    }
}
