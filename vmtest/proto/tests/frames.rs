//! Properties of the frame codec: what was sent comes back, and nothing that a line can do makes it panic or stall.

use proptest::prelude::*;
use rstest::rstest;
use vmtest_proto::{
    Bytes, CellReport, Chunk, Decoder, DecoderStats, EncodeError, GuestFacts, HEADER_BYTES, MAGIC,
    MAX_PAYLOAD_BYTES, OutputStream, PROTOCOL_VERSION, ToGuest, ToHost, encode,
};

fn drain(decoder: &mut Decoder<ToHost>) -> Vec<ToHost> {
    std::iter::from_fn(|| decoder.next_message()).collect()
}

fn any_message() -> impl Strategy<Value = ToHost> {
    prop_oneof![
        any::<u32>().prop_map(|version| ToHost::Hello { version }),
        (".{0,40}", any::<u64>()).prop_map(|(release, btf_bytes)| ToHost::Ready {
            facts: GuestFacts { release, btf_bytes, ..GuestFacts::default() }
        }),
        (".{0,80}", ".{0,20}").prop_map(|(cell, phase)| ToHost::Progress { cell, phase }),
        (".{0,80}", ".{0,2000}")
            .prop_map(|(cell, text)| ToHost::Verdict { cell, report: CellReport::Error(text) }),
        (".{0,80}", any::<i64>()).prop_map(|(cell, number)| ToHost::Verdict {
            cell,
            report: CellReport::Record(serde_json::json!({ "calls": number }))
        }),
        (proptest::collection::vec(any::<u8>(), 0..3000), any::<bool>()).prop_map(|(bytes, is_error)| {
            let stream = if is_error { OutputStream::Stderr } else { OutputStream::Stdout };
            ToHost::Output { stream, chunk: Chunk::Inline(Bytes(bytes)) }
        }),
        any::<(u32, u32)>().prop_map(|(slot, bytes)| ToHost::Output {
            stream: OutputStream::Stdout,
            chunk: Chunk::Slot { slot, bytes }
        }),
        Just(ToHost::Bye),
    ]
}

/// Noise that can't hold a frame of its own by accident: no first magic byte, except as an unfinished magic.
fn any_noise() -> impl Strategy<Value = Vec<u8>> {
    let byte = any::<u8>().prop_filter("first magic byte", |byte| *byte != MAGIC[0]);
    let half_magic = Just(MAGIC[..2].to_vec()).prop_map(|mut bytes| {
        bytes.push(b'?');
        bytes
    });
    prop_oneof![proptest::collection::vec(byte, 0..200), half_magic]
}

proptest! {
    #[test]
    fn messages_survive_any_split_of_the_stream(
        messages in proptest::collection::vec(any_message(), 1..8),
        chunk in 1_usize..64,
    ) {
        let stream: Vec<u8> = messages.iter().flat_map(|message| encode(message).unwrap()).collect();
        let mut decoder = Decoder::new();
        let mut received = Vec::new();
        for part in stream.chunks(chunk) {
            decoder.push(part);
            received.extend(drain(&mut decoder));
        }
        prop_assert_eq!(received, messages);
        prop_assert_eq!(decoder.stats(), DecoderStats::default());
    }

    #[test]
    fn noise_between_frames_is_skipped_and_counted(
        parts in proptest::collection::vec((any_noise(), any_message()), 1..8),
    ) {
        let mut decoder = Decoder::new();
        let mut received = Vec::new();
        for (noise, message) in &parts {
            decoder.push(noise);
            decoder.push(&encode(message).unwrap());
            received.extend(drain(&mut decoder));
        }
        let messages: Vec<ToHost> = parts.iter().map(|(_, message)| message.clone()).collect();
        let noise: usize = parts.iter().map(|(noise, _)| noise.len()).sum();
        prop_assert_eq!(received, messages);
        prop_assert_eq!(decoder.stats().skipped_bytes, noise as u64);
        prop_assert_eq!(decoder.stats().damaged_frames, 0);
    }

    #[test]
    fn arbitrary_bytes_never_panic_and_never_grow_a_message(bytes in proptest::collection::vec(any::<u8>(), 0..4000)) {
        let mut decoder = Decoder::new();
        decoder.push(&bytes);
        prop_assert!(drain(&mut decoder).is_empty());
        prop_assert!(decoder.stats().skipped_bytes <= bytes.len() as u64);
    }

    #[test]
    fn a_flipped_bit_loses_one_message_and_not_the_next(message in any_message(), at in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let mut frame = encode(&message).unwrap();
        let at = at.index(frame.len());
        frame[at] ^= 1 << bit;
        let mut decoder = Decoder::new();
        decoder.push(&frame);
        decoder.push(&encode(&ToHost::Bye).unwrap());
        prop_assert_eq!(drain(&mut decoder), vec![ToHost::Bye]);
        prop_assert_eq!(decoder.stats().skipped_bytes, frame.len() as u64);
    }
}

#[rstest]
#[case::magic_alone(MAGIC.to_vec())]
#[case::header_that_promises_a_megabyte_without_checksum({
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&1_000_000_u32.to_le_bytes());
    bytes.extend_from_slice(&[0; 8]);
    bytes
})]
#[case::frame_cut_in_the_payload({
    let mut frame = encode(&ToHost::Fatal { reason: "cut".into() }).unwrap();
    frame.truncate(HEADER_BYTES + 3);
    frame
})]
fn a_whole_frame_after_a_broken_start_is_found(#[case] start: Vec<u8>) {
    let next = encode(&ToHost::Bye).unwrap();
    let mut decoder = Decoder::new();
    decoder.push(&start);
    // A frame that was cut swallows as many bytes as it promised, at most: then the decoder looks again inside them.
    for _ in 0..2 {
        decoder.push(&next);
    }
    assert_eq!(drain(&mut decoder).last(), Some(&ToHost::Bye));
    assert_eq!(decoder.next_message(), None);
}

#[test]
fn an_intact_frame_of_another_type_is_counted_not_returned() {
    let mut decoder: Decoder<ToHost> = Decoder::new();
    decoder.push(&encode(&ToGuest::PowerOff).unwrap());
    assert_eq!(decoder.next_message(), None);
    assert_eq!(decoder.stats().foreign_frames, 1);
}

#[test]
fn a_message_larger_than_a_frame_is_refused() {
    let message = ToHost::Fatal { reason: "x".repeat(MAX_PAYLOAD_BYTES) };
    assert!(matches!(encode(&message), Err(EncodeError::TooLarge { bytes }) if bytes > MAX_PAYLOAD_BYTES));
}

/// Check that the JSON form is what a host of the same version expects: a change here is a new protocol version.
#[rstest]
#[case(ToHost::Held { cell: "6.12/a/b@none".into() }, r#"{"held":{"cell":"6.12/a/b@none"}}"#)]
#[case(ToHost::Hello { version: PROTOCOL_VERSION }, r#"{"hello":{"version":6}}"#)]
#[case(
    ToHost::Ready { facts: GuestFacts::default() },
    r#"{"ready":{"facts":{"release":"","version":"","cmdline":"","lsm":"","btf_bytes":0,"monotonic_ns":0,"boot_id":"","missing_mounts":[]}}}"#
)]
fn the_first_messages_have_their_documented_form(#[case] message: ToHost, #[case] text: &str) {
    assert_eq!(serde_json::to_string(&message).unwrap(), text);
}
