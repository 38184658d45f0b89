//! From a machine specification to QEMU's command line: pure, so that it can be shown, kept and compared.

use std::{ffi::OsString, fmt, path::PathBuf, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The program, found on PATH.
pub const PROGRAM: &str = "qemu-system-x86_64";

/// What runs the guest's instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Accel {
    /// The processor, through `/dev/kvm`.
    Kvm,
    /// QEMU's translator, ten to fifty times slower.
    Tcg,
}

impl fmt::Display for Accel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Kvm => "kvm",
            Self::Tcg => "tcg",
        })
    }
}

/// Version of QEMU, as far as decisions depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// Major version.
    pub major: u32,
    /// Minor version.
    pub minor: u32,
}

/// The text is not what `qemu-system-x86_64 --version` prints.
#[derive(Debug, Error)]
#[error("`{text}` is no version line of QEMU; expected `QEMU emulator version X.Y…`")]
pub struct VersionError {
    text: String,
}

impl FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let number = text.lines().next()?.strip_prefix("QEMU emulator version ")?;
            let mut parts = number.split(|char: char| !char.is_ascii_digit());
            Some(Self { major: parts.next()?.parse().ok()?, minor: parts.next()?.parse().ok()? })
        };
        parse().ok_or_else(|| VersionError { text: text.lines().next().unwrap_or_default().to_owned() })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.major, self.minor)
    }
}

/// Where the guest's second serial line ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ControlEnd {
    /// QEMU connects to the host's listening socket: nothing that the guest says can be lost.
    Connect(PathBuf),
    /// QEMU listens; for running a kept command line again by hand.
    Serve(PathBuf),
}

/// A machine, as data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// What runs it.
    pub accel: Accel,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// Processors.
    pub processors: u32,
    /// Uncompressed kernel with a PVH entry.
    pub kernel: PathBuf,
    /// Root file system.
    pub initramfs: PathBuf,
    /// Raw image of an ext4 file system; none for a kernel that can't use it without modules.
    pub disk: Option<PathBuf>,
    /// Receives what the kernel prints.
    pub console: PathBuf,
    /// The control port.
    pub control: ControlEnd,
    /// More words for the kernel's command line.
    pub kernel_parameters: Vec<String>,
}

/// A machine that must not be started.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum MachineError {
    /// Several processors under an emulator that crashes such guests.
    #[error(
        "refused to emulate {processors} processors on QEMU {version}: before 10.0 its threads lose updates of \
         kernel text, which is what attaching a program does; use one processor or a newer QEMU"
    )]
    ProcessorsBeforeTen {
        /// Asked for.
        processors: u32,
        /// Found.
        version: Version,
    },
}

/// Words that make a stock kernel boot fast and end when it is lost. Every one was measured or is explained here.
const KERNEL_PARAMETERS: &[&str] = &[
    "console=ttyS0",
    "quiet",
    // A lost guest ends instead of hanging: a panic resets at once, an oops is a panic, and a reset is a triple fault,
    // which together with -no-reboot ends QEMU on every machine type.
    "panic=-1",
    "oops=panic",
    "reboot=t",
    // Emulated timers are not exact enough for these two checks; the second fails whole boots on a busy host.
    "tsc=nowatchdog",
    "no_timer_check",
    // An emulated guest on a starved host may stand still for half a minute; a kernel that was not run must not be
    // called stalled. The second is the largest that the kernel takes: a soft lockup is twice as long.
    "rcupdate.rcu_cpu_stall_timeout=120",
    "watchdog_thresh=60",
    // Devices that do not exist and self-tests that do not belong here: together about 0.8 s of every boot.
    "i8042.noaux",
    "i8042.nokbd",
    "cryptomgr.notests",
    "random.trust_cpu=on",
    "audit=0",
    // PID 1 of the lab refuses to touch a machine without it.
    "quell.guest=1",
];

impl Machine {
    /// Whether this QEMU may run this machine.
    ///
    /// # Errors
    /// Several processors are emulated by a QEMU before 10.
    pub fn check(&self, version: Version) -> Result<(), MachineError> {
        if self.accel == Accel::Tcg && self.processors > 1 && version.major < 10 {
            return Err(MachineError::ProcessorsBeforeTen { processors: self.processors, version });
        }
        Ok(())
    }

    /// The kernel's command line.
    #[must_use]
    pub fn kernel_command_line(&self) -> String {
        let own = KERNEL_PARAMETERS.iter().map(|word| (*word).to_owned());
        own.chain(self.kernel_parameters.iter().cloned()).collect::<Vec<_>>().join(" ")
    }

    /// QEMU's arguments, without the program.
    #[must_use]
    pub fn arguments(&self) -> Vec<OsString> {
        let mut arguments = Arguments::default();
        arguments.pair("-machine", "q35").pair("-accel", self.accel.to_string());
        arguments.pair(
            "-cpu",
            match self.accel {
                Accel::Kvm => "host",
                // The plainest 64-bit processor: newer models only add instructions to emulate.
                Accel::Tcg => "qemu64",
            },
        );
        arguments.pair("-m", format!("{}M", self.memory_mib)).pair("-smp", self.processors.to_string());
        // Only what is named here: no network, no VGA, no default serial line.
        arguments.flag("-nodefaults").pair("-display", "none");
        // A guest's reset, including the one after a panic, ends QEMU.
        arguments.flag("-no-reboot");
        // Starts an uncompressed kernel directly; SeaBIOS takes up to a second longer.
        arguments.pair("-bios", "qboot.rom");
        arguments.pair("-kernel", &self.kernel).pair("-initrd", &self.initramfs);
        arguments.joined("-chardev", "file,id=console,path=", &self.console, "");
        arguments.pair("-serial", "chardev:console");
        match &self.control {
            ControlEnd::Connect(path) => arguments.joined("-chardev", "socket,id=control,path=", path, ""),
            ControlEnd::Serve(path) => {
                arguments.joined("-chardev", "socket,id=control,path=", path, ",server=on,wait=off")
            }
        };
        arguments.pair("-serial", "chardev:control");
        if let Some(disk) = &self.disk {
            // NVMe is the one disk that every cloud kernel of the matrix drives without a module. What the guest
            // writes is thrown away, so no flush has to reach the host's disk.
            arguments.joined("-drive", "if=none,id=disk,format=raw,cache=unsafe,file=", disk, "");
            arguments.pair("-device", "nvme,drive=disk,serial=quell");
        }
        arguments.pair("-append", self.kernel_command_line());
        arguments.0
    }
}

#[derive(Default)]
struct Arguments(Vec<OsString>);

impl Arguments {
    fn flag(&mut self, name: &str) -> &mut Self {
        self.0.push(name.into());
        self
    }

    fn pair(&mut self, name: &str, value: impl Into<OsString>) -> &mut Self {
        self.0.extend([name.into(), value.into()]);
        self
    }

    /// An option list with a path in it; QEMU wants a comma inside a path doubled.
    fn joined(&mut self, name: &str, before: &str, path: &std::path::Path, after: &str) -> &mut Self {
        let escaped = path.to_string_lossy().replace(',', ",,");
        self.pair(name, format!("{before}{escaped}{after}"))
    }
}

/// A command line as a shell reads it, one option per line, for the kept `qemu.sh`.
#[must_use]
pub fn shell_text(arguments: &[OsString]) -> String {
    let mut text = PROGRAM.to_owned();
    for argument in arguments {
        let argument = argument.to_string_lossy();
        text.push_str(if argument.starts_with('-') { " \\\n    " } else { " " });
        let plain = |char: char| char.is_ascii_alphanumeric() || "-_=+.,:/@".contains(char);
        if !argument.is_empty() && argument.chars().all(plain) {
            text.push_str(&argument);
        } else {
            text.push_str(&format!("'{}'", argument.replace('\'', r"'\''")));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn machine() -> Machine {
        Machine {
            accel: Accel::Tcg,
            memory_mib: 1024,
            processors: 1,
            kernel: "/k/vmlinux".into(),
            initramfs: "/t/initramfs.cpio".into(),
            disk: Some("/t/disk,1.img".into()),
            console: "/o/console.log".into(),
            control: ControlEnd::Connect("/t/control".into()),
            kernel_parameters: vec!["quell.bad=silent".into()],
        }
    }

    #[test]
    fn the_command_line_is_the_measured_recipe() {
        insta::assert_snapshot!(shell_text(&machine().arguments()));
    }

    #[test]
    fn a_kept_command_line_serves_the_control_port_itself() {
        let machine = Machine { control: ControlEnd::Serve("/o/control".into()), ..machine() };
        let text = shell_text(&machine.arguments());
        assert!(text.contains("socket,id=control,path=/o/control,server=on,wait=off"), "{text}");
    }

    #[rstest]
    #[case("QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)\nCopyright", 7, 2)]
    #[case("QEMU emulator version 10.0.2", 10, 0)]
    #[case("QEMU emulator version 11.1-rc1", 11, 1)]
    fn the_version_line_is_read(#[case] text: &str, #[case] major: u32, #[case] minor: u32) {
        assert_eq!(text.parse::<Version>().unwrap(), Version { major, minor });
    }

    #[rstest]
    #[case("")]
    #[case("qemu-img version 7.2.22")]
    #[case("QEMU emulator version seven")]
    fn another_text_is_no_version(#[case] text: &str) {
        assert!(text.parse::<Version>().is_err());
    }

    #[rstest]
    #[case(Accel::Tcg, 2, 7, false)]
    #[case(Accel::Tcg, 1, 7, true)]
    #[case(Accel::Tcg, 2, 10, true)]
    #[case(Accel::Kvm, 2, 7, true)]
    fn two_processors_are_emulated_only_from_qemu_10(
        #[case] accel: Accel,
        #[case] processors: u32,
        #[case] major: u32,
        #[case] allowed: bool,
    ) {
        let machine = Machine { accel, processors, ..machine() };
        assert_eq!(machine.check(Version { major, minor: 0 }).is_ok(), allowed);
    }
}
