//! What the monitor is told to save a machine, to have one go on from there, and to plug in a disk.
//!
//! The memory is a file that QEMU maps, so only the rest of the machine travels: about a hundred KiB.

use std::{
    fs::File,
    io,
    os::fd::AsFd,
    os::unix::net::UnixListener,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde_json::{Value, json};
use thiserror::Error;

use crate::{
    qemu::SLOT,
    qmp::{Qmp, QmpError},
};

/// Why a machine could not be saved or restored.
#[derive(Debug, Error)]
pub enum MigrationError {
    /// The monitor.
    #[error(transparent)]
    Qmp(#[from] QmpError),
    /// QEMU says that it failed.
    #[error("QEMU failed to {verb} the machine: {reason}")]
    Failed {
        /// Save or restore.
        verb: &'static str,
        /// In its words, as far as it has any.
        reason: String,
    },
    /// The state can't be taken from QEMU or written.
    #[error("failed to write the machine's state to {path}: {source}")]
    Write {
        /// The file or socket.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
}

/// Stops the machine and writes its state to `state`; its memory is then complete in its file. `socket` is a path for the
/// transfer. The machine must be ended afterwards: it still has the file mapped.
///
/// # Errors
/// QEMU can't save this machine, or a file can't be written.
pub fn save(qmp: &mut Qmp, state: &Path, socket: &Path, deadline: Instant) -> Result<u64, MigrationError> {
    let write = |path: &Path| {
        let path = path.to_owned();
        move |source| MigrationError::Write { path, source }
    };
    qmp.execute("stop", &json!({}), deadline)?;
    share_memory(qmp, deadline)?;
    let listener = UnixListener::bind(socket).map_err(write(socket))?;
    let mut file = File::create(state).map_err(write(state))?;
    // Through a socket and not a command of a shell: a disk that is full is then told by its own error.
    qmp.execute("migrate", &json!({ "uri": format!("unix:{}", socket.display()) }), deadline)?;
    let patience = PollTimeout::try_from(deadline.saturating_duration_since(Instant::now()));
    let ready =
        poll(&mut [PollFd::new(listener.as_fd(), PollFlags::POLLIN)], patience.unwrap_or(PollTimeout::MAX));
    if ready.map_err(io::Error::from).map_err(write(socket))? == 0 {
        let reason = "it did not connect to take the state away".to_owned();
        return Err(MigrationError::Failed { verb: "save", reason });
    }
    let (mut stream, _) = listener.accept().map_err(write(socket))?;
    let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
    stream.set_read_timeout(Some(left)).map_err(write(socket))?;
    let bytes = io::copy(&mut stream, &mut file).map_err(write(state))?;
    completed(qmp, "save", deadline)?;
    file.sync_all().map_err(write(state))?;
    Ok(bytes)
}

/// Has a machine that waits for its state take it from its standard input. It does not run yet.
///
/// # Errors
/// The state is not one of this machine, or is damaged.
pub fn load(qmp: &mut Qmp, deadline: Instant) -> Result<(), MigrationError> {
    share_memory(qmp, deadline)?;
    qmp.execute("migrate-incoming", &json!({ "uri": "fd:0" }), deadline)?;
    completed(qmp, "restore", deadline)
}

/// Plugs a raw image into the empty slot; the guest knows it by the name of its file system.
///
/// # Errors
/// QEMU refuses the image or the device.
pub fn plug(qmp: &mut Qmp, kind: &str, image: &Path, deadline: Instant) -> Result<(), MigrationError> {
    let file = json!({ "driver": "file", "filename": image });
    // What the guest writes is thrown away, so no flush has to reach the host's disk.
    let cache = json!({ "direct": false, "no-flush": true });
    let node = json!({ "driver": "raw", "node-name": "disk", "cache": cache, "file": file });
    qmp.execute("blockdev-add", &node, deadline)?;
    let device = json!({ "driver": "nvme", "drive": "disk", "serial": kind, "id": "nvme0", "bus": SLOT });
    qmp.execute("device_add", &device, deadline)?;
    Ok(())
}

/// Lets the machine run.
///
/// # Errors
/// QEMU refuses.
pub fn resume(qmp: &mut Qmp, deadline: Instant) -> Result<(), MigrationError> {
    qmp.execute("cont", &json!({}), deadline)?;
    Ok(())
}

/// Memory that is a shared file stays where it is; and what becomes of the transfer is told by events.
fn share_memory(qmp: &mut Qmp, deadline: Instant) -> Result<(), QmpError> {
    let on = |capability: &str| json!({ "capability": capability, "state": true });
    let capabilities = json!({ "capabilities": [on("x-ignore-shared"), on("events")] });
    qmp.execute("migrate-set-capabilities", &capabilities, deadline)?;
    Ok(())
}

fn completed(qmp: &mut Qmp, verb: &'static str, deadline: Instant) -> Result<(), MigrationError> {
    loop {
        let data = qmp.event("MIGRATION", &format!("the attempt to {verb} the machine"), deadline)?;
        match data["status"].as_str() {
            Some("completed") => return Ok(()),
            Some("failed" | "cancelled") => {
                let status = qmp.execute("query-migrate", &json!({}), deadline)?;
                let reason = status["error-desc"].as_str().unwrap_or("it gives no reason").to_owned();
                return Err(MigrationError::Failed { verb, reason });
            }
            Some(_) => {}
            None => {
                let text = Value::to_string(&data);
                return Err(QmpError::Odd { during: verb.to_owned(), text }.into());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::qmp::tests::{greeted, scripted, soon};

    #[test]
    fn a_state_that_qemu_can_not_take_is_told_in_its_words() {
        let (stream, _played) = scripted(&[
            r#"{"return": {}}"#,
            r#"{"return": {}}"#,
            "{\"return\": {}}\n{\"event\": \"MIGRATION\", \"data\": {\"status\": \"active\"}}\n\
             {\"event\": \"MIGRATION\", \"data\": {\"status\": \"failed\"}}",
            r#"{"return": {"status": "failed", "error-desc": "Unknown savevm section"}}"#,
        ]);
        let error = load(&mut greeted(stream), soon()).unwrap_err();
        assert_eq!(error.to_string(), "QEMU failed to restore the machine: Unknown savevm section");
    }

    #[test]
    fn a_disk_goes_into_the_empty_slot() {
        let (stream, played) = scripted(&[r#"{"return": {}}"#, r#"{"return": {}}"#, r#"{"return": {}}"#]);
        plug(&mut greeted(stream), "xfs", Path::new("/t/disk.img"), soon()).unwrap();
        let asked = played.join().unwrap();
        assert_eq!(asked[1].pointer("/arguments/file/filename").unwrap(), "/t/disk.img");
        assert_eq!(asked[2].pointer("/arguments/bus").unwrap(), SLOT);
        assert_eq!(asked[2].pointer("/arguments/serial").unwrap(), "xfs");
        assert_eq!(asked[2].pointer("/arguments/drive"), asked[1].pointer("/arguments/node-name"));
    }
}
