//! New processes of the subject: children that stay behind and look, and the one that a `fork` step makes.
#![expect(unsafe_code, reason = "what a child may do after a fork is for its caller to know")]

use nix::errno::Errno;
use nix::libc;
use nix::unistd::{ForkResult, Pid, fork};

/// Runs `child` in a new process, which then ends; returns its pid.
///
/// The subject has one thread, so that the child may do whatever its parent may.
pub(crate) fn in_child(child: impl FnOnce()) -> nix::Result<Pid> {
    // SAFETY: no other thread exists whose locks the child could inherit.
    match unsafe { fork()? } {
        ForkResult::Parent { child } => Ok(child),
        ForkResult::Child => {
            child();
            std::process::exit(0)
        }
    }
}

/// The same by the system call itself, with these flags.
pub(crate) fn clone_with(flags: u64, child: impl FnOnce()) -> nix::Result<()> {
    // SAFETY: without CLONE_VM the child has its own memory and, with no stack given, goes on here; nothing is written
    // to the addresses that are null. No other thread exists whose locks it could inherit.
    let outcome = unsafe { libc::syscall(libc::SYS_clone, flags, 0_u64, 0_u64, 0_u64, 0_u64) };
    if Errno::result(outcome)? == 0 {
        child();
        std::process::exit(0)
    }
    Ok(())
}
