//! `vmtest shell`: a program in a guest on the user's own terminal. Guests have no programs of their own, so the shell and the usual tools
//! of this machine go along.

use std::{
    env,
    path::{Path, PathBuf},
};

use clap::Args;

use super::{
    Call, Common, environment, job,
    job::{Outcome, Reads},
    payload::{Copied, find_program},
    perform,
    reenter::{CellArgs, reenter},
    settle,
};
use crate::exit;

/// Shells, the one that is kindest to a user first.
const SHELLS: &[&str] = &["bash", "busybox", "sh"];

/// Tools that go along where this machine has them.
const TOOLS: &[&str] = &[
    "awk",
    "base64",
    "basename",
    "bpftool",
    "busybox",
    "cat",
    "chmod",
    "chown",
    "cp",
    "cut",
    "date",
    "dd",
    "df",
    "dirname",
    "dmesg",
    "env",
    "find",
    "free",
    "grep",
    "head",
    "hexdump",
    "hostname",
    "id",
    "insmod",
    "ip",
    "kill",
    "less",
    "ln",
    "ls",
    "lsmod",
    "mkdir",
    "mknod",
    "more",
    "mount",
    "mountpoint",
    "mv",
    "nproc",
    "od",
    "pgrep",
    "pkill",
    "ps",
    "pwd",
    "readlink",
    "realpath",
    "rm",
    "rmdir",
    "sed",
    "seq",
    "setsid",
    "sh",
    "sha256sum",
    "sleep",
    "sort",
    "ss",
    "stat",
    "strace",
    "stty",
    "sync",
    "sysctl",
    "tail",
    "tee",
    "test",
    "timeout",
    "top",
    "touch",
    "tr",
    "true",
    "tty",
    "umount",
    "uname",
    "uniq",
    "unshare",
    "uptime",
    "vi",
    "vmstat",
    "watch",
    "wc",
    "which",
    "xargs",
    "xxd",
];

/// Where terminals are described, by their first letter.
const TERMINALS: &[&str] = &["/etc/terminfo", "/lib/terminfo", "/usr/share/terminfo"];

/// The locale of the guests.
const LOCALE: &str = "/usr/lib/locale/C.utf8";

/// Arguments of `vmtest shell`.
#[derive(Debug, Args)]
pub struct ShellArgs {
    /// The kernel: an id of the catalogue.
    #[arg(long, env = "VMTEST_KERNEL", value_name = "ID", required_unless_present = "cell")]
    kernel: Option<String>,
    #[command(flatten)]
    cell: CellArgs,
    #[command(flatten)]
    common: Common,
    /// What goes along beside the shell and the usual tools, as for `exec`.
    #[arg(long = "copy", value_name = "FILE[:GUEST_PATH]")]
    copies: Vec<String>,
    /// A variable for the shell's environment; a name alone takes over the value here.
    #[arg(long = "env", value_name = "NAME[=VALUE]")]
    environment: Vec<String>,
    /// Where the shell starts.
    #[arg(long, value_name = "DIR", default_value = "/root")]
    cwd: PathBuf,
    /// Another program than a shell, and its arguments.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "CMD")]
    command: Vec<String>,
}

/// Runs a shell; the result is the exit code.
///
/// # Errors
/// Something of this machine kept it from being run.
pub fn main(args: &ShellArgs) -> anyhow::Result<u8> {
    let cell = args.cell.cell.clone();
    let kernel = match &cell {
        Some(cell) => cell.kernel.clone(),
        None => args.kernel.clone().unwrap_or_default(),
    };
    if kernel.contains(['*', '?', '[', '{', ',']) {
        eprintln!("vmtest: a shell runs in one kernel, and `{kernel}` names several");
        return Ok(exit::USAGE);
    }
    if cell.is_some() && args.common.memory_mib.is_some() {
        eprintln!(
            "vmtest: the guest of a cell has the memory that it was saved with: --memory-mib is for --kernel"
        );
        return Ok(exit::USAGE);
    }
    let search = env::var("PATH").unwrap_or_default();
    let found = |name: &str| find_program(name, Path::new("/"), &search).ok();
    let mut added =
        vec![format!("PS1=[{}] \\w # ", cell.as_ref().map_or_else(|| kernel.clone(), ToString::to_string))];
    let terminal = env::var("TERM").ok();
    added.extend(terminal.as_ref().map(|name| format!("TERM={name}")));
    added.extend(args.environment.iter().cloned());
    let environment = match environment::with(&added, |name| env::var(name).ok()) {
        Ok(environment) => environment,
        Err(error) => {
            eprintln!("vmtest: {error}");
            return Ok(exit::USAGE);
        }
    };
    let command = if args.command.is_empty() { shell(&found) } else { args.command.clone() };
    let mut copies: Vec<Copied> = args.copies.iter().map(|copied| Copied::read(copied)).collect();
    copies.extend(terminal.and_then(|name| description(&name)));
    // What LANG names is more than letters of one byte only with this.
    let locale = Path::new(LOCALE).exists().then(|| Copied { from: LOCALE.to_owned(), to: None });
    copies.extend(locale);
    let call = Call {
        kernel: kernel.clone(),
        command,
        tools: TOOLS.iter().filter_map(|name| found(name)).collect(),
        copies,
        environment,
        directory: Some(args.cwd.clone()),
        with_directory: false,
        reads: Reads::Terminal,
        jobs: 1,
    };
    let Some(cell) = cell else {
        eprintln!("vmtest: booting {kernel}; Ctrl-] leaves");
        return Ok(settle(perform(call, &args.common)));
    };
    eprintln!("vmtest: {cell}, its policy in force and nothing done under it; Ctrl-] leaves");
    let job = match job(call, &args.common) {
        Ok(job) => job,
        Err(error) => {
            eprintln!("vmtest: {error}");
            return Ok(exit::EXEC_NO_PROGRAM);
        }
    };
    let traces = match &args.common.out {
        Some(out) => out.clone(),
        None => tempfile::Builder::new().prefix("vmtest-cell-").tempdir()?.keep(),
    };
    std::fs::create_dir_all(&traces)?;
    let verdict = reenter(&job, &args.cell, &cell, &traces.canonicalize()?);
    let outcome = verdict.map(|verdict| {
        let keep = args.common.out.is_some() || !verdict.is_programs_own();
        // A folder that can't be removed is in nobody's way.
        let traces =
            if keep { Some(traces.clone()) } else { std::fs::remove_dir_all(&traces).ok().and(None) };
        Ok(Outcome { verdicts: vec![(cell.to_string(), verdict)], traces })
    });
    Ok(settle(outcome))
}

fn shell(found: &impl Fn(&str) -> Option<PathBuf>) -> Vec<String> {
    let name = SHELLS.iter().find(|name| found(name).is_some()).unwrap_or(&"sh");
    let words: &[&str] = match *name {
        "bash" => &["bash", "--norc", "--noprofile"],
        "busybox" => &["busybox", "sh"],
        other => &[other],
    };
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// The file that says what the user's terminal can do.
fn description(name: &str) -> Option<Copied> {
    let letter = name.chars().next()?;
    let mut files = TERMINALS.iter().map(|folder| format!("{folder}/{letter}/{name}"));
    files.find(|file| Path::new(file).exists()).map(|from| Copied { from, to: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_with_only_sh_gives_that() {
        let only = |name: &str| (name == "sh").then(|| PathBuf::from("/bin/sh"));
        assert_eq!(shell(&only), ["sh"]);
        let with_busybox = |name: &str| (name != "bash").then(|| PathBuf::from("/bin/x"));
        assert_eq!(shell(&with_busybox), ["busybox", "sh"]);
    }
}
