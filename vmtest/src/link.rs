//! What a session needs from a guest. The real one is [`crate::guest::Guest`]; tests script theirs.

use std::time::{Duration, Instant};

use vmtest_proto::{ToGuest, ToHost};

use crate::{limits::Patience, outcome::BrokenCause};

/// Something heard from a guest that still runs.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    /// A message.
    Message(ToHost),
    /// The kernel goes on, but printed this.
    Complaint {
        /// Which marker.
        reason: String,
        /// The console line.
        line: String,
    },
}

/// Why nothing more will be heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Loss {
    /// The guest was silent, or did not finish, for so long.
    Silent {
        /// How long, in which clock.
        waited: String,
    },
    /// Everything else that ends a guest.
    Broken(BrokenCause),
    /// The user wants to stop.
    Interrupted,
}

/// A guest, as a session sees it.
pub trait Link {
    /// Sends a message.
    ///
    /// # Errors
    /// The guest is gone.
    fn send(&mut self, message: &ToGuest) -> Result<(), Loss>;

    /// Waits for the next thing that the guest says: as long as it shows signs of life, and not longer than `until`.
    ///
    /// # Errors
    /// Nothing more will be heard.
    fn hear(&mut self, patience: Patience, until: Instant) -> Result<Heard, Loss>;

    /// The next thing that the guest says, if it says something within `at_most`.
    ///
    /// # Errors
    /// Nothing more will be heard.
    fn glance(&mut self, patience: Patience, at_most: Duration) -> Result<Option<Heard>, Loss>;

    /// A complaint that the kernel has printed by now and that was not heard yet, without waiting.
    ///
    /// # Errors
    /// The kernel crashed.
    fn complaint(&mut self) -> Result<Option<BrokenCause>, Loss>;

    /// Since the start of the machine.
    fn age(&self) -> Duration;

    /// Waits until the machine has ended by itself, at most so long. Returns whether it did.
    ///
    /// # Errors
    /// It crashed instead, or the user wants to stop.
    fn wait_for_end(&mut self, at_most: Duration) -> Result<bool, Loss>;
}

impl<L: Link> Link for &mut L {
    fn send(&mut self, message: &ToGuest) -> Result<(), Loss> {
        (**self).send(message)
    }

    fn hear(&mut self, patience: Patience, until: Instant) -> Result<Heard, Loss> {
        (**self).hear(patience, until)
    }

    fn glance(&mut self, patience: Patience, at_most: Duration) -> Result<Option<Heard>, Loss> {
        (**self).glance(patience, at_most)
    }

    fn complaint(&mut self) -> Result<Option<BrokenCause>, Loss> {
        (**self).complaint()
    }

    fn age(&self) -> Duration {
        (**self).age()
    }

    fn wait_for_end(&mut self, at_most: Duration) -> Result<bool, Loss> {
        (**self).wait_for_end(at_most)
    }
}
