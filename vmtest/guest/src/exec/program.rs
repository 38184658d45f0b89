//! The program: started with pipes or on a terminal of its own, and given its input as it takes it.

use std::{
    collections::VecDeque,
    fs::File,
    io::{ErrorKind, Write},
    os::{fd::OwnedFd, unix::process::CommandExt as _},
    process::{Command, Stdio},
};

use anyhow::Context as _;
use nix::{
    errno::Errno,
    fcntl::{FcntlArg, OFlag, fcntl},
    unistd::Pid,
};
use vmtest_proto::{ExecRequest, Input, OutputStream, WindowSize};

use super::terminal;

/// A program that runs.
pub(crate) struct Program {
    /// Its process.
    pub(crate) pid: Pid,
    /// Where it prints; an output leaves the list when it is closed.
    pub(crate) outputs: Vec<(OutputStream, File)>,
    /// Where it reads; none when it reads nothing, or nothing more.
    input: Option<File>,
    queue: VecDeque<u8>,
    ends: bool,
    taken: u32,
    is_terminal: bool,
}

/// Starts it. What the kernel says about a program that it does not take is the error.
pub(crate) fn start(request: &ExecRequest) -> anyhow::Result<Program> {
    let (name, arguments) = request.arguments.split_first().context("the host gave no arguments")?;
    let mut command = match request.input {
        Input::Terminal(_) => Command::new(terminal::HELPER),
        Input::Nothing | Input::Pipe => Command::new(&request.program),
    };
    if let Input::Terminal(_) = request.input {
        command.arg0("init").args([terminal::WORD, &request.program, name]).args(arguments);
    } else {
        command.arg0(name).args(arguments).process_group(0);
    }
    command.env_clear().envs(request.environment.iter().map(|(key, value)| (key, value)));
    command.current_dir(&request.directory);
    let (outputs, input) = match request.input {
        Input::Terminal(size) => {
            let (ours, theirs) = terminal::open(size)?;
            command.stdin(theirs.try_clone()?).stdout(theirs.try_clone()?).stderr(theirs);
            (vec![(OutputStream::Stdout, ours.try_clone()?)], Some(ours))
        }
        Input::Nothing | Input::Pipe => {
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
            command.stdin(if request.input == Input::Pipe { Stdio::piped() } else { Stdio::null() });
            (Vec::new(), None)
        }
    };
    let mut child =
        command.spawn().with_context(|| format!("failed to start {} in the guest", request.program))?;
    // Holds the other end of a terminal, which would then never be closed.
    drop(command);
    let pid = Pid::from_raw(i32::try_from(child.id()).context("no process id")?);
    let mut program =
        Program { pid, outputs, input, queue: VecDeque::new(), ends: false, taken: 0, is_terminal: true };
    if program.outputs.is_empty() {
        let stdout = OwnedFd::from(child.stdout.take().context("no standard output")?);
        let stderr = OwnedFd::from(child.stderr.take().context("no standard error")?);
        program.outputs =
            vec![(OutputStream::Stdout, File::from(stdout)), (OutputStream::Stderr, File::from(stderr))];
        program.input = child.stdin.take().map(|pipe| File::from(OwnedFd::from(pipe)));
        program.is_terminal = false;
    }
    for file in program.outputs.iter().map(|(_, file)| file).chain(&program.input) {
        fcntl(file, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).context("failed to set up the program's pipes")?;
    }
    Ok(program)
}

impl Program {
    /// More input, behind what still waits.
    pub(crate) fn queue(&mut self, bytes: &[u8]) {
        self.queue.extend(bytes);
    }

    /// No more input after what still waits.
    pub(crate) fn end_input(&mut self) {
        self.ends = true;
    }

    /// The user's terminal has another size.
    pub(crate) fn resize(&mut self, size: WindowSize) -> anyhow::Result<()> {
        match &self.input {
            Some(terminal) if self.is_terminal => terminal::resize(terminal, size),
            _ => Ok(()),
        }
    }

    /// The input, when something waits for it.
    pub(crate) fn wants_to_write(&self) -> Option<&File> {
        self.input.as_ref().filter(|_| !self.queue.is_empty())
    }

    /// How much input the program was given since this was asked last.
    pub(crate) fn taken(&mut self) -> u32 {
        std::mem::take(&mut self.taken)
    }

    /// Gives the program as much as it takes now.
    pub(crate) fn feed(&mut self) -> anyhow::Result<()> {
        while let Some(input) = self.input.as_mut().filter(|_| !self.queue.is_empty()) {
            match input.write(self.queue.as_slices().0) {
                Ok(count) => {
                    self.queue.drain(..count);
                    self.taken += u32::try_from(count).context("too much input at once")?;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // It does not read any more, which is its own affair.
                Err(error)
                    if error.kind() == ErrorKind::BrokenPipe
                        || error.raw_os_error() == Some(Errno::EIO as i32) =>
                {
                    self.input = None;
                }
                Err(error) => return Err(error).context("failed to write the program's input"),
            }
        }
        if self.input.is_none() {
            // Nobody will read it; the host need not wait for that.
            self.taken += u32::try_from(self.queue.len()).context("too much input at once")?;
            self.queue.clear();
        }
        // A terminal has no end: closing it would hang up on the program.
        if self.ends && self.queue.is_empty() && !self.is_terminal {
            self.input = None;
        }
        Ok(())
    }
}
