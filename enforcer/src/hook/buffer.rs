//! The way of events from the kernel to the agent: a ring buffer, or perf buffers where the kernel has no ring buffer.

use std::time::Duration;

use libbpf_rs::{ErrorKind, MapHandle, PerfBuffer, PerfBufferBuilder, RingBuffer, RingBufferBuilder};
use quell_wire::limits::PERF_PAGES;
use serde::Serialize;

/// EINTR, as a callback of the ring buffer returns it.
const INTERRUPTED: i32 = 4;

/// What carries events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EventBuffer {
    /// One ring buffer for all CPUs, in order (Linux 5.8).
    #[default]
    Ring,
    /// A buffer per CPU: events of two CPUs may come in another order than they happened.
    Perf,
}

/// Reads events from the buffer.
pub struct Reader<'a> {
    inner: Inner<'a>,
}

enum Inner<'a> {
    Ring(RingBuffer<'a>),
    Perf(PerfBuffer<'a>),
}

impl<'a> Reader<'a> {
    /// Opens the buffer. `take` gets every event; when it answers false, the round of reading ends as soon as the buffer can
    /// end it.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn open(
        kind: EventBuffer,
        events: &MapHandle,
        take: impl Fn(&[u8]) -> bool + 'a,
    ) -> libbpf_rs::Result<Self> {
        let inner = match kind {
            EventBuffer::Ring => {
                let mut builder = RingBufferBuilder::new();
                builder.add(events, move |bytes| if take(bytes) { 0 } else { -INTERRUPTED })?;
                Inner::Ring(builder.build()?)
            }
            // A round of it ends by itself: it reads what is there when it begins, CPU by CPU.
            EventBuffer::Perf => Inner::Perf(
                PerfBufferBuilder::new(events)
                    .sample_cb(move |_cpu, bytes: &[u8]| {
                        take(bytes);
                    })
                    .pages(PERF_PAGES as usize)
                    .build()?,
            ),
        };
        Ok(Self { inner })
    }

    /// Waits for events and reads them.
    ///
    /// # Errors
    /// When the kernel cannot say whether there are any; a signal in between is none.
    pub fn poll(&self, timeout: Duration) -> libbpf_rs::Result<()> {
        let result = match &self.inner {
            Inner::Ring(ring) => ring.poll(timeout),
            Inner::Perf(perf) => perf.poll(timeout),
        };
        match result {
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
            other => other,
        }
    }

    /// Reads what is left, without waiting.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn drain(&self) -> libbpf_rs::Result<()> {
        match &self.inner {
            Inner::Ring(ring) => ring.consume(),
            Inner::Perf(perf) => perf.consume(),
        }
    }
}
