//! Events of executions and ends of processes, as JSON in the schema of Tetragon's events and as a line for people.

use quell_wire::WireRecord;
use quell_wire::code::ArgStatus;
use quell_wire::event::{EVENT_CUT, EVENT_MONOTONIC, EventKind};
use quell_wire::process::{PROCESS_ANCESTORS_CUT, PROCESS_SCANNED, ProcessDetails};
use serde_json::{Map, Value, json};

use super::argument::text;
use super::clock::WallClock;
use super::json::{exec_id, status, trim};
use super::names;
use super::record::{Event, EventValue};

/// Kinds of namespaces as events call them, in the order of the record.
const NAMESPACES: [&str; 10] =
    ["uts", "ipc", "mnt", "pid", "pid_for_children", "net", "time", "time_for_children", "cgroup", "user"];

/// An execution, or an end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessEvent<'a> {
    event: &'a Event,
    kind: EventKind,
    arguments: &'a EventValue,
    details: ProcessDetails,
}

/// Why an event is none of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProcessEventError {
    /// It is of a kind that does not exist, or is a call.
    #[error("event is of kind {0}, which is none of a process")]
    Kind(u32),
    /// It lacks what every such event has.
    #[error("event of a process says nothing of it")]
    Details,
}

impl<'a> ProcessEvent<'a> {
    /// Reads what an event says of its process.
    ///
    /// # Errors
    /// When it is an event of a call, or its arguments are not those of a process.
    pub fn read(event: &'a Event) -> Result<Self, ProcessEventError> {
        let kind = match EventKind::from_number(event.head.kind) {
            Some(kind @ (EventKind::Exec | EventKind::Exit)) => kind,
            Some(EventKind::Call) | None => return Err(ProcessEventError::Kind(event.head.kind)),
        };
        let [arguments, details] = event.args.as_slice() else { return Err(ProcessEventError::Details) };
        let details = ProcessDetails::read(&details.bytes).ok_or(ProcessEventError::Details)?;
        Ok(Self { event, kind, arguments, details })
    }

    /// As a JSON object: `process_exec` or `process_exit`.
    #[must_use]
    pub fn json(&self, node: &str, clock: &WallClock) -> Value {
        let head = &self.event.head;
        let mut body = Map::new();
        body.insert("process".into(), self.process(node, clock));
        body.insert(
            "parent".into(),
            json!({
                "exec_id": exec_id(node, head.parent_start_ns, head.parent_tgid),
                "pid": head.parent_tgid,
                "start_time": clock.of_boottime(head.parent_start_ns),
            }),
        );
        let ancestors = self.ancestors().iter().map(|id| json!({ "pid": id }));
        body.insert("ancestors".into(), ancestors.collect());
        if self.kind == EventKind::Exit {
            match self.signal() {
                0 => body.insert("status".into(), self.code().into()),
                signal => body.insert("signal".into(), signal_name(signal).into()),
            };
        }
        let time = if head.flags & EVENT_MONOTONIC != 0 {
            clock.of_monotonic(head.time_ns)
        } else {
            clock.of_boottime(head.time_ns)
        };
        let name = if self.kind == EventKind::Exec { "process_exec" } else { "process_exit" };
        json!({ name: body, "node_name": node, "time": time, "quell": self.own() })
    }

    /// As one line without its end.
    #[must_use]
    pub fn line(&self) -> String {
        let head = &self.event.head;
        let comm = trim(&head.comm).escape_ascii().to_string();
        match self.kind {
            EventKind::Exit => {
                let how = match self.signal() {
                    0 => format!("status {}", self.code()),
                    signal => signal_name(signal),
                };
                format!("{:<10} {comm} (pid {}) {how}", "exit", head.tgid)
            }
            _ => {
                let dots = if self.arguments.status == ArgStatus::Truncated { " …" } else { "" };
                let arguments: Vec<String> =
                    self.arguments().map(|one| one.escape_ascii().to_string()).collect();
                format!(
                    "{:<10} {} (pid {}) {}{dots}",
                    "exec",
                    self.event.executable.bytes.escape_ascii(),
                    head.tgid,
                    arguments.join(" ")
                )
            }
        }
    }

    fn process(&self, node: &str, clock: &WallClock) -> Value {
        let head = &self.event.head;
        let details = &self.details;
        let mut process = json!({
            "exec_id": exec_id(node, head.start_ns, head.tgid),
            "pid": head.tgid,
            "tid": head.tid,
            "uid": details.uid,
            "start_time": clock.of_boottime(head.start_ns),
            "process_credentials": {
                "uid": details.uid,
                "gid": details.gid,
                "euid": details.euid,
                "egid": details.egid,
            },
            "cap": {
                "permitted": capabilities(details.cap_permitted),
                "effective": capabilities(details.cap_effective),
                "inheritable": capabilities(details.cap_inheritable),
            },
        });
        if let (EventKind::Exec, Some(process)) = (self.kind, process.as_object_mut()) {
            let namespaces = NAMESPACES.iter().zip(&details.namespaces);
            let namespaces = namespaces.map(|(name, number)| ((*name).to_owned(), json!({ "inum": number })));
            process.insert("ns".into(), Value::Object(namespaces.collect()));
            process.insert("binary".into(), text(&self.event.executable.bytes).into());
            let arguments: Vec<_> = self.arguments().skip(1).map(text).collect();
            process.insert("arguments".into(), arguments.join(" ").into());
        }
        process
    }

    fn own(&self) -> Value {
        let head = &self.event.head;
        let flags = [
            (head.flags & EVENT_CUT != 0, "cut"),
            (head.flags & EVENT_MONOTONIC != 0, "monotonic_clock"),
            (self.arguments.status == ArgStatus::Truncated, "arguments_cut"),
            (self.details.flags & PROCESS_SCANNED != 0, "older_than_the_agent"),
            (self.details.flags & PROCESS_ANCESTORS_CUT != 0, "ancestors_cut"),
        ];
        let flags: Vec<&str> = flags.iter().filter(|(set, _)| *set).map(|(_, name)| *name).collect();
        json!({
            "flags": flags,
            "binary_status": status(self.event.executable.status),
            "argument_status": status(self.arguments.status),
            "comm": text(trim(&head.comm)),
            "parent_comm": text(trim(&head.parent_comm)),
            "ns_pid": head.ns_tgid,
        })
    }

    /// The program's arguments, the first one its name.
    fn arguments(&self) -> impl Iterator<Item = &'a [u8]> {
        let bytes = self.arguments.bytes.as_slice();
        let whole = bytes.strip_suffix(b"\0").unwrap_or(bytes);
        whole.split(|byte| *byte == 0).filter(move |_| !bytes.is_empty())
    }

    /// Whom the process descends from by fork, nearest first.
    fn ancestors(&self) -> &[u32] {
        let count = usize::try_from(self.details.ancestors).unwrap_or(usize::MAX);
        self.details.ids.get(1..).map_or(&[], |ids| ids.get(..count).unwrap_or(ids))
    }

    /// The signal that ended the process; 0: it exited.
    const fn signal(&self) -> u32 {
        self.details.exit_status & 0x7f
    }

    const fn code(&self) -> u32 {
        self.details.exit_status >> 8 & 0xff
    }
}

fn capabilities(bits: u64) -> Vec<String> {
    (0..u64::from(u64::BITS)).filter(|bit| bits >> bit & 1 != 0).map(names::capability).collect()
}

/// The name of a signal; a real-time one's number.
fn signal_name(signal: u32) -> String {
    let known = i32::try_from(signal).ok().and_then(|number| nix::sys::signal::Signal::try_from(number).ok());
    known.map_or_else(|| signal.to_string(), |known| known.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use quell_wire::code::ArgType;
    use quell_wire::event::EventHead;

    use super::*;

    fn value(arg_type: ArgType, status: ArgStatus, bytes: &[u8]) -> EventValue {
        EventValue { arg_type, status, number: 0, mode: 0, bytes: bytes.to_vec() }
    }

    fn event(kind: EventKind, details: &ProcessDetails, arguments: &[u8]) -> Event {
        let mut bytes = Vec::new();
        details.write(&mut bytes);
        let mut head = EventHead { kind: kind.number(), tgid: 30, tid: 31, args: 2, ..EventHead::default() };
        head.comm[..5].copy_from_slice(b"sleep");
        Event {
            head,
            executable: value(ArgType::Path, ArgStatus::Ok, b"/bin/sleep"),
            args: vec![
                value(ArgType::CharBuf, ArgStatus::Ok, arguments),
                value(ArgType::CharBuf, ArgStatus::Ok, &bytes),
            ],
            returned: None,
            kernel_stack: vec![],
            user_stack: vec![],
        }
    }

    fn clock() -> WallClock {
        WallClock::now().unwrap()
    }

    #[test]
    fn an_execution_says_what_runs_with_whose_rights_and_who_began_it() {
        let mut details =
            ProcessDetails { uid: 5, egid: 6, cap_effective: 1 << 21, ..ProcessDetails::default() };
        details.ids[..3].copy_from_slice(&[30, 20, 1]);
        details.ancestors = 2;
        details.namespaces[2] = 99;
        let event = event(EventKind::Exec, &details, b"sleep\x001\x00");
        let read = ProcessEvent::read(&event).unwrap();
        let json = read.json("node", &clock());
        let process = &json["process_exec"]["process"];
        assert_eq!(process["binary"], "/bin/sleep");
        assert_eq!(process["arguments"], "1");
        assert_eq!(process["process_credentials"], json!({ "uid": 5, "gid": 0, "euid": 0, "egid": 6 }));
        assert_eq!(process["cap"]["effective"], json!(["CAP_SYS_ADMIN"]));
        assert_eq!(process["ns"]["mnt"], json!({ "inum": 99 }));
        assert_eq!(json["process_exec"]["ancestors"], json!([{ "pid": 20 }, { "pid": 1 }]));
        assert_eq!(read.line(), "exec       /bin/sleep (pid 30) sleep 1");
    }

    #[test]
    fn an_end_says_its_status_or_its_signal() {
        let exited = ProcessDetails { exit_status: 3 << 8, ..ProcessDetails::default() };
        let exited = event(EventKind::Exit, &exited, b"");
        let exited = ProcessEvent::read(&exited).unwrap();
        assert_eq!(exited.json("node", &clock())["process_exit"]["status"], 3);
        assert_eq!(exited.line(), "exit       sleep (pid 30) status 3");
        // The bit above the signal says that memory was dumped.
        let killed = ProcessDetails { exit_status: 0x80 | 11, ..ProcessDetails::default() };
        let killed = event(EventKind::Exit, &killed, b"");
        let killed = ProcessEvent::read(&killed).unwrap();
        assert_eq!(killed.json("node", &clock())["process_exit"]["signal"], "SIGSEGV");
        assert_eq!(killed.line(), "exit       sleep (pid 30) SIGSEGV");
    }

    #[test]
    fn an_event_of_a_call_is_none_of_a_process() {
        let call = event(EventKind::Call, &ProcessDetails::default(), b"");
        assert_eq!(ProcessEvent::read(&call), Err(ProcessEventError::Kind(0)));
        let mut short = event(EventKind::Exec, &ProcessDetails::default(), b"");
        short.args.pop();
        assert_eq!(ProcessEvent::read(&short), Err(ProcessEventError::Details));
    }
}
