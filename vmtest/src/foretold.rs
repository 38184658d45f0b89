//! Requests that a guest has from the beginning, as a file of its image, instead of by the control port.
//!
//! When a byte arrives at the port is up to the host, and a guest that waits for it counts on meanwhile. A guest that knows all its
//! requests depends on nothing but its image: two boots of the same image are the same, instruction by instruction.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use vmtest_proto::{EncodeError, ToGuest, encode};

use crate::{
    initramfs::{Initramfs, InitramfsError},
    limits::Patience,
    link::{Heard, Link, Loss},
    outcome::BrokenCause,
};

/// Where a guest looks for them.
pub const PLACE: &str = "lab/requests";

/// Why requests can't be put into an image.
#[derive(Debug, thiserror::Error)]
pub enum ForetellError {
    /// One of them can't be framed.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// They don't fit into an archive.
    #[error(transparent)]
    Image(#[from] InitramfsError),
}

/// The image with these requests in it: an archive behind an archive is unpacked over it.
///
/// # Errors
/// A request can't be framed.
pub fn image(base: &[u8], requests: &[ToGuest]) -> Result<Vec<u8>, ForetellError> {
    let mut frames = Vec::new();
    for request in requests {
        frames.extend(encode(request)?);
    }
    let mut more = Initramfs::new();
    more.file(PLACE, 0o444, &frames)?;
    Ok([base, &more.finish()?].concat())
}

/// A guest that has been told everything: what is sent to it has to be what it was told, and does not travel.
pub struct Foretold<L> {
    link: L,
    /// What is still to be sent; `None` for a guest that was told nothing.
    told: Option<VecDeque<ToGuest>>,
}

impl<L> Foretold<L> {
    /// A guest that was told `requests`, or nothing at all.
    pub fn new(link: L, requests: Option<Vec<ToGuest>>) -> Self {
        Self { link, told: requests.map(VecDeque::from) }
    }
}

impl<L: Link> Link for Foretold<L> {
    fn send(&mut self, message: &ToGuest) -> Result<(), Loss> {
        let Some(told) = &mut self.told else { return self.link.send(message) };
        match (told.pop_front(), message) {
            // Time and random numbers are those of its image.
            (Some(ToGuest::Begin { file_systems: told, .. }), ToGuest::Begin { file_systems, .. })
                if told == *file_systems =>
            {
                return Ok(());
            }
            (Some(told), message) if told == *message => return Ok(()),
            _ => {}
        }
        let message = "the guest was to be asked something else than its image says".to_owned();
        Err(Loss::Broken(BrokenCause::Lab { message }))
    }

    fn hear(&mut self, patience: Patience, until: Instant) -> Result<Heard, Loss> {
        self.link.hear(patience, until)
    }

    fn glance(&mut self, patience: Patience, at_most: Duration) -> Result<Option<Heard>, Loss> {
        self.link.glance(patience, at_most)
    }

    fn complaint(&mut self) -> Result<Option<BrokenCause>, Loss> {
        self.link.complaint()
    }

    fn age(&self) -> Duration {
        self.link.age()
    }

    fn wait_for_end(&mut self, at_most: Duration) -> Result<bool, Loss> {
        self.link.wait_for_end(at_most)
    }
}

#[cfg(test)]
mod tests {
    use vmtest_proto::Decoder;

    use super::*;
    use crate::initramfs;

    /// Keeps what is sent.
    #[derive(Default)]
    struct Sent(Vec<ToGuest>);

    impl Link for Sent {
        fn send(&mut self, message: &ToGuest) -> Result<(), Loss> {
            self.0.push(message.clone());
            Ok(())
        }

        fn hear(&mut self, _: Patience, _: Instant) -> Result<Heard, Loss> {
            Err(Loss::Interrupted)
        }

        fn glance(&mut self, _: Patience, _: Duration) -> Result<Option<Heard>, Loss> {
            Err(Loss::Interrupted)
        }

        fn complaint(&mut self) -> Result<Option<BrokenCause>, Loss> {
            Ok(None)
        }

        fn age(&self) -> Duration {
            Duration::ZERO
        }

        fn wait_for_end(&mut self, _: Duration) -> Result<bool, Loss> {
            Ok(true)
        }
    }

    #[test]
    fn what_a_guest_was_told_is_not_sent_and_nothing_else_can_be() {
        let mut link = Foretold::new(Sent::default(), Some(vec![ToGuest::KernelFacts, ToGuest::PowerOff]));
        link.send(&ToGuest::KernelFacts).unwrap();
        assert!(link.send(&ToGuest::Load).is_err());
        assert!(link.link.0.is_empty());
    }

    #[test]
    fn a_guest_that_was_told_nothing_is_sent_everything() {
        let mut link = Foretold::new(Sent::default(), None);
        link.send(&ToGuest::PowerOff).unwrap();
        assert_eq!(link.link.0, [ToGuest::PowerOff]);
    }

    #[test]
    fn the_second_archive_of_the_image_holds_the_frames() {
        let mut base = Initramfs::new();
        base.file("init", 0o755, b"x").unwrap();
        let base = base.finish().unwrap();
        let requests = [ToGuest::KernelFacts, ToGuest::PowerOff];
        let image = image(&base, &requests).unwrap();
        assert_eq!(image[..base.len()], base);
        let members = initramfs::read(&image[base.len()..]).unwrap();
        let file = members.iter().find(|member| member.path == PLACE).unwrap();
        let mut decoder = Decoder::new();
        decoder.push(&file.content);
        let read: Vec<ToGuest> = std::iter::from_fn(|| decoder.next_message()).collect();
        assert_eq!(read, requests);
    }
}
