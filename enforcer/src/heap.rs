//! Gives memory back that was needed only for a start.
#![expect(unsafe_code, reason = "the C library's allocator is asked by a C function")]

/// Returns pages of the heap that nothing uses to the kernel. By itself the C library keeps them: what a start reads is most of
/// what the agent would weigh as long as it runs.
pub(crate) fn trim() {
    // SAFETY: it takes no pointer, and waits for the locks of the allocator itself.
    #[cfg(target_env = "gnu")]
    unsafe {
        nix::libc::malloc_trim(0);
    }
}
