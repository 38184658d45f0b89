//! Programs in scripted guests.

use std::{collections::VecDeque, io, time::Duration};

use vmtest_proto::{Bytes, Chunk, ExecEnd, ExecReport, GuestFacts, OutputStream, PROTOCOL_VERSION};

use super::*;
use crate::{
    event::RunEvent,
    limits::{Limits, Patience},
    outcome::BrokenCause,
    qemu::Accel,
};

/// Says what the script says, then nothing.
#[derive(Default)]
struct Script {
    heard: VecDeque<Result<Option<Heard>, Loss>>,
    sent: Vec<ToGuest>,
}

impl Link for Script {
    fn send(&mut self, message: &ToGuest) -> Result<(), Loss> {
        self.sent.push(message.clone());
        Ok(())
    }

    fn hear(&mut self, _: Patience, _: Instant) -> Result<Heard, Loss> {
        match self.heard.pop_front() {
            Some(Ok(Some(heard))) => Ok(heard),
            Some(Err(loss)) => Err(loss),
            Some(Ok(None)) | None => Err(Loss::Silent { waited: "silent for 5 s".to_owned() }),
        }
    }

    fn glance(&mut self, _: Patience, _: Duration) -> Result<Option<Heard>, Loss> {
        self.heard.pop_front().unwrap_or(Ok(None))
    }

    fn complaint(&mut self) -> Result<Option<BrokenCause>, Loss> {
        Ok(None)
    }

    fn age(&self) -> Duration {
        Duration::from_secs(3)
    }

    fn wait_for_end(&mut self, _: Duration) -> Result<bool, Loss> {
        Ok(true)
    }
}

/// Takes everything down, and says what it was told to say.
#[derive(Default)]
struct Notes {
    shown: Vec<(OutputStream, Chunk)>,
    says: VecDeque<Said>,
    rooms: Vec<usize>,
    is_deaf: bool,
}

impl User for Notes {
    fn show(&mut self, stream: OutputStream, chunk: Chunk) -> io::Result<Option<u32>> {
        if self.is_deaf {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let slot = match chunk {
            Chunk::Slot { slot, .. } => Some(slot),
            Chunk::Inline(_) => None,
        };
        self.shown.push((stream, chunk));
        Ok(slot)
    }

    fn said(&mut self, room: usize) -> Option<Said> {
        self.rooms.push(room);
        self.says.pop_front()
    }

    fn pace(&self) -> Duration {
        Duration::ZERO
    }
}

fn says(message: ToHost) -> Result<Option<Heard>, Loss> {
    Ok(Some(Heard::Message(message)))
}

fn hello() -> Result<Option<Heard>, Loss> {
    says(ToHost::Hello { version: PROTOCOL_VERSION })
}

fn ready() -> Result<Option<Heard>, Loss> {
    says(ToHost::Ready { facts: GuestFacts::default() })
}

fn exited() -> ToHost {
    ToHost::Exited(ExecReport { end: ExecEnd::Code(3), leftovers: Vec::new(), unpack_ms: 1, run_ms: 2 })
}

fn run(
    heard: Vec<Result<Option<Heard>, Loss>>,
    notes: &mut Notes,
    within: Duration,
) -> (Result<ExecEnded, ExecLoss>, Vec<ToGuest>, Vec<String>) {
    let mut script = Script { heard: heard.into(), sent: Vec::new() };
    let mut remarks = Vec::new();
    let mut emit = |event: RunEvent| {
        if let RunEvent::Remark { text, .. } = event {
            remarks.push(text);
        }
    };
    let session = Session::new(&mut script, Limits::of(Accel::Tcg), "6.12", 1, &mut emit);
    let ended = session.exec(ExecRequest::default(), within, notes);
    // Every guest is told to begin; what follows is the program's.
    let sent = script.sent.into_iter().filter(|sent| !matches!(sent, ToGuest::Begin { .. }));
    (ended, sent.collect(), remarks)
}

const LONG: Duration = Duration::from_secs(60);

#[test]
fn what_a_program_prints_is_shown_in_order_and_slots_are_given_back() {
    let first = (OutputStream::Stderr, Chunk::Inline(Bytes(vec![0, 255])));
    let second = (OutputStream::Stdout, Chunk::Slot { slot: 4, bytes: 9000 });
    let output = |(stream, chunk): &(OutputStream, Chunk)| {
        says(ToHost::Output { stream: *stream, chunk: chunk.clone() })
    };
    let mut notes = Notes::default();
    let heard = vec![hello(), ready(), output(&first), says(ToHost::Alive), output(&second), says(exited())];
    let (ended, sent, _) = run(heard, &mut notes, LONG);
    assert!(matches!(ended, Ok(ExecEnded::Exited(ExecReport { end: ExecEnd::Code(3), .. }))), "{ended:?}");
    assert_eq!(notes.shown, [first, second]);
    assert_eq!(sent[1..], [ToGuest::SlotTaken { slot: 4 }]);
}

#[test]
fn input_goes_no_further_ahead_than_the_window() {
    let window = INPUT_WINDOW_BYTES as usize;
    let mut notes = Notes { says: [Said::Input(vec![b'x'; window]), Said::End].into(), ..Notes::default() };
    let heard =
        vec![hello(), ready(), Ok(None), says(ToHost::InputTaken { bytes: 100 }), Ok(None), says(exited())];
    let (_, sent, _) = run(heard, &mut notes, LONG);
    assert_eq!(sent[1..], [ToGuest::Input(Bytes(vec![b'x'; window])), ToGuest::InputEnd]);
    assert_eq!(notes.rooms, [window, 0, 0, 0, 100, 100]);
}

#[test]
fn a_crash_while_the_program_runs_is_told_from_one_at_boot() {
    let crash = || Err(Loss::Broken(BrokenCause::KernelCrashed { reason: "panic".into(), line: "x".into() }));
    let (ended, ..) = run(vec![hello(), ready(), crash()], &mut Notes::default(), LONG);
    assert!(matches!(ended, Err(ExecLoss::Run(_))), "{ended:?}");
    let (ended, ..) = run(vec![crash()], &mut Notes::default(), LONG);
    assert!(matches!(ended, Err(ExecLoss::Boot(_))), "{ended:?}");
}

#[test]
fn a_program_that_does_not_end_runs_out_of_time() {
    let (ended, ..) = run(vec![hello(), ready()], &mut Notes::default(), Duration::ZERO);
    assert!(matches!(ended, Ok(ExecEnded::TimedOut { .. })), "{ended:?}");
}

#[test]
fn a_complaint_of_the_kernel_is_remarked_and_a_word_out_of_place_is_a_broken_protocol() {
    let complaint = Ok(Some(Heard::Complaint { reason: "kernel warning".into(), line: "WARNING".into() }));
    let (_, _, remarks) = run(vec![hello(), ready(), complaint, says(exited())], &mut Notes::default(), LONG);
    assert_eq!(remarks, ["kernel warning: `WARNING`"]);
    let (ended, ..) = run(vec![hello(), ready(), says(ToHost::PlansDone)], &mut Notes::default(), LONG);
    assert!(matches!(ended, Err(ExecLoss::Run(Loss::Broken(BrokenCause::Protocol { .. })))), "{ended:?}");
}

#[test]
fn nobody_who_listens_ends_the_run_and_so_does_leaving() {
    let output =
        says(ToHost::Output { stream: OutputStream::Stdout, chunk: Chunk::Inline(Bytes(vec![b'x'])) });
    let mut deaf = Notes { is_deaf: true, ..Notes::default() };
    let (ended, ..) = run(vec![hello(), ready(), output], &mut deaf, LONG);
    assert!(matches!(ended, Ok(ExecEnded::NobodyListens(_))), "{ended:?}");
    let mut leaving = Notes { says: [Said::Leave].into(), ..Notes::default() };
    let (ended, ..) = run(vec![hello(), ready()], &mut leaving, LONG);
    assert!(matches!(ended, Ok(ExecEnded::Left)), "{ended:?}");
}
