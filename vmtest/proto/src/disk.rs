//! The image of a disk that is mostly empty: its blocks that are not, each behind its place.

/// Length of a block.
pub const BLOCK_BYTES: usize = 4096;

const HEAD_BYTES: usize = 8;

/// Where a guest has the image of an empty file system, relative to its root.
#[must_use]
pub fn place(kind: &str) -> String {
    format!("lab/disks/{kind}")
}

/// Adds a block of [`BLOCK_BYTES`] bytes at this place of the disk.
pub fn push(image: &mut Vec<u8>, at: u64, block: &[u8]) {
    debug_assert_eq!(block.len(), BLOCK_BYTES);
    image.extend(at.to_le_bytes());
    image.extend(block);
}

/// The blocks with their places; none when the image was cut.
#[must_use]
pub fn blocks(image: &[u8]) -> Option<Vec<(u64, &[u8])>> {
    let records = image.chunks(HEAD_BYTES + BLOCK_BYTES);
    records
        .map(|record| {
            let (head, block) = record.split_first_chunk::<HEAD_BYTES>()?;
            (block.len() == BLOCK_BYTES).then_some((u64::from_le_bytes(*head), block))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_come_back_with_their_places_and_a_cut_image_does_not() {
        let (ones, twos) = ([1; BLOCK_BYTES], [2; BLOCK_BYTES]);
        let mut image = Vec::new();
        push(&mut image, 0, &ones);
        push(&mut image, 1 << 25, &twos);
        assert_eq!(blocks(&image), Some(vec![(0, &ones[..]), (1 << 25, &twos[..])]));
        assert_eq!(blocks(&image[..image.len() - 1]), None);
        assert_eq!(blocks(&[]), Some(Vec::new()));
    }
}
