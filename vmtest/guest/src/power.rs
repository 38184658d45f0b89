//! The end of a guest.

use std::{thread, time::Duration};

use nix::{
    sys::reboot::{RebootMode, reboot},
    unistd::sync,
};

/// Syncs and resets the machine. With `reboot=t` and QEMU's `-no-reboot` a reset ends QEMU on every machine type,
/// which a power-off does only where ACPI works.
pub(crate) fn off() -> ! {
    sync();
    let Err(error) = reboot(RebootMode::RB_AUTOBOOT);
    eprintln!("vmtest-guest: failed to reset the machine: {error}");
    // PID 1 must not return: the kernel would call that a crash. The host's time limit ends this guest.
    loop {
        thread::sleep(Duration::from_secs(3600));
    }
}
