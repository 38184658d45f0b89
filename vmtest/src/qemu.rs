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

/// What a guest's clocks go by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// The host's time.
    #[default]
    Host,
    /// The instructions that the guest has executed: the same for every run on every host, however busy it is.
    Instructions {
        /// An instruction takes two to the power of this many nanoseconds.
        shift: u8,
    },
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

/// A disk of a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disk {
    /// The kernel's name for its file system; the guest finds the disk by it, because it is its serial number.
    pub kind: String,
    /// The raw image.
    pub image: PathBuf,
}

/// Where a machine's memory comes from, and with it where the machine begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Memory {
    /// Nowhere: the machine boots, and its memory is gone with it.
    Fresh,
    /// A file that keeps what the guest writes: the machine boots, and becomes a snapshot.
    Kept {
        /// The file; QEMU makes it.
        ram: PathBuf,
    },
    /// A snapshot's files: the machine goes on from there, and what it writes is its own.
    Restored {
        /// Memory of the machine that was saved.
        ram: PathBuf,
        /// Everything else of it. QEMU has it as its standard input.
        state: PathBuf,
    },
    /// A copy of a snapshot's memory: the machine goes on from there, and its file keeps what it writes, so that it can be saved
    /// once more.
    Branched {
        /// The copy.
        ram: PathBuf,
        /// As in [`Memory::Restored`].
        state: PathBuf,
    },
}

impl Memory {
    /// What the machine goes on from, if it does not boot.
    #[must_use]
    pub fn state(&self) -> Option<&PathBuf> {
        match self {
            Self::Restored { state, .. } | Self::Branched { state, .. } => Some(state),
            Self::Fresh | Self::Kept { .. } => None,
        }
    }
}

/// The empty slot of a machine that is saved or restored: no NVMe disk can be part of a snapshot, so it is plugged in
/// afterwards.
pub const SLOT: &str = "disk-slot";

/// A machine, as data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// What runs it.
    pub accel: Accel,
    /// What its clocks go by.
    pub clock: Clock,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// Where the memory comes from.
    pub memory: Memory,
    /// Processors.
    pub processors: u32,
    /// Uncompressed kernel with a PVH entry.
    pub kernel: PathBuf,
    /// Root file system.
    pub initramfs: PathBuf,
    /// Disks, each the raw image of a file system.
    pub disks: Vec<Disk>,
    /// Receives what the kernel prints.
    pub console: PathBuf,
    /// The control port.
    pub control: ControlEnd,
    /// The host's listening socket for QEMU's own monitor (QMP), where the machine is saved or restored.
    pub monitor: Option<PathBuf>,
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
    /// Hardware counts no instructions for QEMU.
    #[error(
        "refused to count instructions with {accel}; only an emulated processor's are counted: --accel tcg"
    )]
    CountedByHardware {
        /// Asked for.
        accel: Accel,
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

/// More words for a guest whose runs have to be alike: nothing lies at random addresses.
const ALIKE_PARAMETERS: &[&str] = &["nokaslr", "norandmaps"];

impl Machine {
    /// Whether this QEMU may run this machine.
    ///
    /// # Errors
    /// Several processors are emulated by a QEMU before 10, or instructions are to be counted and are not emulated.
    pub fn check(&self, version: Version) -> Result<(), MachineError> {
        if self.accel == Accel::Tcg && self.processors > 1 && version.major < 10 {
            return Err(MachineError::ProcessorsBeforeTen { processors: self.processors, version });
        }
        if self.clock != Clock::Host && self.accel != Accel::Tcg {
            return Err(MachineError::CountedByHardware { accel: self.accel });
        }
        Ok(())
    }

    /// The kernel's command line.
    #[must_use]
    pub fn kernel_command_line(&self) -> String {
        let alike = if self.clock == Clock::Host { &[] } else { ALIKE_PARAMETERS };
        let own = KERNEL_PARAMETERS.iter().chain(alike).map(|word| (*word).to_owned());
        own.chain(self.kernel_parameters.iter().cloned()).collect::<Vec<_>>().join(" ")
    }

    /// The arguments of this machine as one that becomes a snapshot, with names in place of all paths: equal for two
    /// machines exactly if a snapshot of one can be restored as the other, as far as arguments tell.
    #[must_use]
    pub fn identity(&self) -> String {
        let same = Self {
            memory: Memory::Kept { ram: "RAM".into() },
            kernel: "KERNEL".into(),
            initramfs: "INITRAMFS".into(),
            disks: Vec::new(),
            console: "CONSOLE".into(),
            control: ControlEnd::Connect("CONTROL".into()),
            monitor: Some("MONITOR".into()),
            ..self.clone()
        };
        shell_text(&same.arguments())
    }

    /// QEMU's arguments, without the program.
    #[must_use]
    pub fn arguments(&self) -> Vec<OsString> {
        let mut arguments = Arguments::default();
        let machine = if self.memory == Memory::Fresh { "q35" } else { "q35,memory-backend=ram" };
        arguments.pair("-machine", machine).pair("-accel", self.accel.to_string());
        arguments.pair(
            "-cpu",
            match self.accel {
                Accel::Kvm => "host",
                Accel::Tcg => match self.clock {
                    // An interrupt that comes just behind an emulated cmpxchg16b finds flags that are part of an address, the one
                    // for single steps among them (seen on QEMU 7.2: #DB and double faults in the kernel's allocator, in three of a
                    // hundred guests that attach programs). Kernels allocate without it where the processor has none.
                    Clock::Host => "qemu64,-cx16",
                    // The plainest 64-bit processor: newer models only add instructions to emulate. What a bench agreed on was
                    // counted with it, and a counted guest meets the same interrupts in every run.
                    Clock::Instructions { .. } => "qemu64",
                },
            },
        );
        arguments.pair("-m", format!("{}M", self.memory_mib)).pair("-smp", self.processors.to_string());
        if let Clock::Instructions { shift } = self.clock {
            // A guest that waits does not wait for the host: its clock jumps to what it waits for. The date and QEMU's own random
            // numbers are the same in every run, too.
            arguments.pair("-icount", format!("shift={shift},sleep=off"));
            arguments.pair("-rtc", "base=2026-01-01T00:00:00,clock=vm").pair("-seed", "1");
        }
        let size = format!("memory-backend-file,id=ram,size={}M,mem-path=", self.memory_mib);
        match &self.memory {
            Memory::Fresh => {}
            Memory::Kept { ram } | Memory::Branched { ram, .. } => {
                arguments.joined("-object", &size, ram, ",share=on");
            }
            Memory::Restored { ram, .. } => {
                arguments.joined("-object", &size, ram, ",share=off");
            }
        }
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
        for Disk { kind, image } in &self.disks {
            // NVMe is the one disk that every cloud kernel of the matrix drives without a module. What the guest
            // writes is thrown away, so no flush has to reach the host's disk.
            let drive = format!("if=none,id=disk-{kind},format=raw,cache=unsafe,file=");
            arguments.joined("-drive", &drive, image, "");
            arguments.pair("-device", format!("nvme,drive=disk-{kind},serial={kind}"));
        }
        if self.memory != Memory::Fresh {
            arguments.pair("-device", format!("pcie-root-port,id={SLOT},chassis=1,slot=1"));
        }
        if self.memory.state().is_some() {
            arguments.pair("-incoming", "defer");
        }
        if let Some(monitor) = &self.monitor {
            arguments.joined("-chardev", "socket,id=monitor,path=", monitor, "");
            arguments.pair("-mon", "chardev=monitor,mode=control");
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
        text.push_str(&shell_word(&argument));
    }
    text
}

/// A word as a shell reads it.
#[must_use]
pub fn shell_word(word: &str) -> String {
    let plain = |char: char| char.is_ascii_alphanumeric() || "-_=+.,:/@".contains(char);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn machine() -> Machine {
        Machine {
            accel: Accel::Tcg,
            clock: Clock::Host,
            memory_mib: 1024,
            memory: Memory::Fresh,
            processors: 1,
            kernel: "/k/vmlinux".into(),
            initramfs: "/t/initramfs.cpio".into(),
            disks: vec![Disk { kind: "ext4".into(), image: "/t/disk,1.img".into() }],
            console: "/o/console.log".into(),
            control: ControlEnd::Connect("/t/control".into()),
            monitor: None,
            kernel_parameters: vec!["quell.bad=silent".into()],
        }
    }

    #[test]
    fn the_command_line_is_the_measured_recipe() {
        insta::assert_snapshot!(shell_text(&machine().arguments()));
    }

    fn restored() -> Machine {
        let memory = Memory::Restored { ram: "/s/ram".into(), state: "/s/state".into() };
        Machine { memory, disks: Vec::new(), monitor: Some("/t/monitor".into()), ..machine() }
    }

    #[test]
    fn a_restored_machine_waits_for_its_state_with_an_empty_slot() {
        insta::assert_snapshot!(shell_text(&restored().arguments()));
    }

    #[test]
    fn machines_with_other_paths_share_a_snapshot_and_those_with_other_arguments_do_not() {
        let other_paths = Machine { kernel: "/elsewhere".into(), console: "/x".into(), ..machine() };
        assert_eq!(machine().identity(), other_paths.identity());
        assert_eq!(machine().identity(), restored().identity());
        let others = [
            Machine { accel: Accel::Kvm, ..machine() },
            Machine { memory_mib: 512, ..machine() },
            Machine { kernel_parameters: Vec::new(), ..machine() },
        ];
        assert!(others.iter().all(|other| other.identity() != machine().identity()));
    }

    #[test]
    fn a_counted_clock_pins_everything_that_differs_between_runs() {
        let machine = Machine { clock: Clock::Instructions { shift: 3 }, ..machine() };
        let text = shell_text(&machine.arguments());
        for words in [
            "-icount shift=3,sleep=off",
            "-rtc base=2026-01-01T00:00:00,clock=vm",
            "-seed 1",
            " nokaslr norandmaps ",
        ] {
            assert!(text.contains(words), "{words}: {text}");
        }
        let version = Version { major: 7, minor: 2 };
        assert_eq!(machine.check(version), Ok(()));
        let machine = Machine { accel: Accel::Kvm, ..machine };
        assert_eq!(machine.check(version), Err(MachineError::CountedByHardware { accel: Accel::Kvm }));
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
