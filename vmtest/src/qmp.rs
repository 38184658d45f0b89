//! QEMU's monitor (QMP): commands and events, one JSON object per line.
//!
//! A client of its own because the lab uses seven commands: the crates for it bring the whole generated schema, and block
//! without looking at whether the user wants to stop.

use std::{
    collections::VecDeque,
    io::{self, ErrorKind, Read, Write},
    os::unix::net::UnixStream,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use thiserror::Error;

/// How often a wait looks at the clock and at the user's wish to stop.
const TICK: Duration = Duration::from_millis(50);

/// Why QEMU's monitor did not do as asked.
#[derive(Debug, Error)]
pub enum QmpError {
    /// The socket failed.
    #[error("failed to talk to QEMU's monitor during {during}: {source}")]
    Io {
        /// The command.
        during: String,
        /// The reason.
        source: io::Error,
    },
    /// QEMU ended, or closed its monitor.
    #[error("QEMU closed its monitor during {during}")]
    Closed {
        /// The command.
        during: String,
    },
    /// It did not answer in time.
    #[error("QEMU's monitor did not answer {during} within {waited_ms} ms")]
    Late {
        /// The command.
        during: String,
        /// How long the lab waited, in milliseconds.
        waited_ms: u128,
    },
    /// It refused.
    #[error("QEMU refused {command}: {message}")]
    Refused {
        /// The command.
        command: String,
        /// In its words.
        message: String,
    },
    /// It says something that is no QMP.
    #[error("QEMU's monitor said something unexpected during {during}: {text}")]
    Odd {
        /// The command.
        during: String,
        /// What it said.
        text: String,
    },
    /// The user wants to stop.
    #[error("interrupted")]
    Interrupted,
}

/// A connected monitor.
#[derive(Debug)]
pub struct Qmp {
    stream: UnixStream,
    unread: Vec<u8>,
    events: VecDeque<Value>,
    interrupted: Arc<AtomicBool>,
}

impl Qmp {
    /// Takes the greeting and leaves the mode in which only capabilities can be negotiated.
    ///
    /// # Errors
    /// The peer is no monitor, or does not answer until `deadline`.
    pub fn greet(
        stream: UnixStream,
        interrupted: Arc<AtomicBool>,
        deadline: Instant,
    ) -> Result<Self, QmpError> {
        let during = "the greeting";
        let broken = |source| QmpError::Io { during: during.to_owned(), source };
        stream.set_nonblocking(false).map_err(broken)?;
        stream.set_read_timeout(Some(TICK)).map_err(broken)?;
        let mut qmp = Self { stream, unread: Vec::new(), events: VecDeque::new(), interrupted };
        let greeting = qmp.object(during, deadline)?;
        if greeting.get("QMP").is_none() {
            return Err(odd(during, &greeting));
        }
        qmp.execute("qmp_capabilities", &json!({}), deadline)?;
        Ok(qmp)
    }

    /// Executes a command and returns what it returns. Events that arrive meanwhile are kept.
    ///
    /// # Errors
    /// QEMU refuses, is gone, or does not answer until `deadline`.
    pub fn execute(
        &mut self,
        command: &str,
        arguments: &Value,
        deadline: Instant,
    ) -> Result<Value, QmpError> {
        let mut text = json!({ "execute": command, "arguments": arguments }).to_string();
        text.push('\n');
        self.stream.write_all(text.as_bytes()).map_err(|source| gone(command, source))?;
        loop {
            let mut answer = self.object(command, deadline)?;
            if answer.get("event").is_some() {
                self.events.push_back(answer);
            } else if let Some(value) = answer.get_mut("return") {
                return Ok(value.take());
            } else if let Some(message) = answer.pointer("/error/desc").and_then(Value::as_str) {
                return Err(QmpError::Refused { command: command.to_owned(), message: message.to_owned() });
            } else {
                return Err(odd(command, &answer));
            }
        }
    }

    /// Waits for an event of this name, and returns its data. `during` is what a message says that was waited for.
    ///
    /// # Errors
    /// QEMU is gone, or the event does not arrive until `deadline`.
    pub fn event(&mut self, name: &str, during: &str, deadline: Instant) -> Result<Value, QmpError> {
        loop {
            while let Some(mut event) = self.events.pop_front() {
                if event["event"] == name {
                    return Ok(event["data"].take());
                }
            }
            let object = self.object(during, deadline)?;
            if object.get("event").is_none() {
                return Err(odd(during, &object));
            }
            self.events.push_back(object);
        }
    }

    /// Next line.
    fn object(&mut self, during: &str, deadline: Instant) -> Result<Value, QmpError> {
        let begun = Instant::now();
        loop {
            if let Some(end) = self.unread.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.unread.drain(..=end).collect();
                let text = || String::from_utf8_lossy(&line).trim().to_owned();
                return serde_json::from_slice(&line)
                    .map_err(|_| QmpError::Odd { during: during.to_owned(), text: text() });
            }
            if self.interrupted.load(Ordering::Relaxed) {
                return Err(QmpError::Interrupted);
            }
            if Instant::now() >= deadline {
                let waited_ms = begun.elapsed().as_millis();
                return Err(QmpError::Late { during: during.to_owned(), waited_ms });
            }
            let mut bytes = [0; 4096];
            match self.stream.read(&mut bytes) {
                Ok(0) => return Err(QmpError::Closed { during: during.to_owned() }),
                Ok(count) => self.unread.extend_from_slice(&bytes[..count]),
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                    ) => {}
                Err(source) => return Err(gone(during, source)),
            }
        }
    }
}

fn gone(during: &str, source: io::Error) -> QmpError {
    let during = during.to_owned();
    match source.kind() {
        ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => QmpError::Closed { during },
        _ => QmpError::Io { during, source },
    }
}

fn odd(during: &str, value: &Value) -> QmpError {
    QmpError::Odd { during: during.to_owned(), text: value.to_string() }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::{
        io::{BufRead, BufReader},
        thread::{self, JoinHandle},
    };

    use super::*;

    pub(crate) const GREETING: &str = r#"{"QMP": {"version": {}, "capabilities": ["oob"]}}"#;

    /// A monitor that says the greeting, and one of `answers` after each line that it is sent; returns what it was sent.
    pub(crate) fn scripted(answers: &'static [&'static str]) -> (UnixStream, JoinHandle<Vec<Value>>) {
        let (host, qemu) = UnixStream::pair().unwrap();
        let played = thread::spawn(move || {
            let mut lines = BufReader::new(qemu.try_clone().unwrap()).lines();
            let mut heard = Vec::new();
            writeln!(&qemu, "{GREETING}").unwrap();
            for answer in answers {
                let Some(Ok(line)) = lines.next() else { break };
                heard.push(serde_json::from_str(&line).unwrap());
                writeln!(&qemu, "{answer}").unwrap();
            }
            heard
        });
        (host, played)
    }

    pub(crate) fn soon() -> Instant {
        Instant::now() + Duration::from_secs(10)
    }

    pub(crate) fn greeted(stream: UnixStream) -> Qmp {
        Qmp::greet(stream, Arc::default(), soon()).unwrap()
    }

    #[test]
    fn an_event_before_the_answer_is_kept_for_later() {
        let (stream, played) = scripted(&[
            r#"{"return": {}}"#,
            "{\"event\": \"STOP\", \"data\": {\"why\": 1}}\n{\"return\": {\"running\": false}}",
        ]);
        let mut qmp = greeted(stream);
        let answer = qmp.execute("stop", &json!({}), soon()).unwrap();
        assert_eq!(answer, json!({ "running": false }));
        assert_eq!(qmp.event("STOP", "stopping", soon()).unwrap(), json!({ "why": 1 }));
        assert_eq!(played.join().unwrap()[1], json!({ "execute": "stop", "arguments": {} }));
    }

    #[test]
    fn a_refusal_is_told_in_qemus_words() {
        let (stream, _played) = scripted(&[
            r#"{"return": {}}"#,
            r#"{"error": {"class": "GenericError", "desc": "non-migratable device nvme"}}"#,
        ]);
        let error = greeted(stream).execute("migrate", &json!({}), soon()).unwrap_err();
        assert_eq!(error.to_string(), "QEMU refused migrate: non-migratable device nvme");
    }

    #[test]
    fn a_monitor_that_goes_away_is_no_hang() {
        let (stream, played) = scripted(&[r#"{"return": {}}"#]);
        let mut qmp = greeted(stream);
        played.join().unwrap();
        let error = qmp.execute("cont", &json!({}), soon()).unwrap_err();
        assert!(matches!(error, QmpError::Closed { .. }), "{error}");
    }

    #[test]
    fn a_monitor_that_says_nothing_is_waited_for_until_the_deadline() {
        let (stream, _silent) = UnixStream::pair().unwrap();
        let deadline = Instant::now() + Duration::from_millis(20);
        let error = Qmp::greet(stream, Arc::default(), deadline).unwrap_err();
        assert!(matches!(error, QmpError::Late { .. }), "{error}");
    }

    #[test]
    fn the_user_need_not_wait_for_a_monitor() {
        let (stream, _silent) = UnixStream::pair().unwrap();
        let error = Qmp::greet(stream, Arc::new(AtomicBool::new(true)), soon()).unwrap_err();
        assert!(matches!(error, QmpError::Interrupted), "{error}");
    }

    #[test]
    fn another_program_at_the_socket_is_no_monitor() {
        let (stream, mut other) = UnixStream::pair().unwrap();
        other.write_all(b"SSH-2.0\n").unwrap();
        let error = Qmp::greet(stream, Arc::default(), soon()).unwrap_err();
        assert!(matches!(error, QmpError::Odd { .. }), "{error}");
    }
}
