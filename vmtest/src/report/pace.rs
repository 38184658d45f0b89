//! How fast a run was: cells per minute, and how long kernels took to come up.

use crate::report::view::{KernelView, RunView};

/// Cells that were performed, per minute from the first event to the last; `None` before a second has passed.
#[must_use]
pub fn cells_per_minute(view: &RunView) -> Option<f64> {
    // Both are far below 2^52.
    #[expect(clippy::cast_precision_loss, reason = "a count of cells and milliseconds of a run")]
    let (cells, minutes) = (performed(view) as f64, view.wall_ms as f64 / 60_000.0);
    (view.wall_ms >= 1000).then(|| cells / minutes)
}

/// Cells that a guest was asked for.
#[must_use]
pub fn performed(view: &RunView) -> usize {
    view.cells.iter().filter(|cell| !cell.phases.is_empty() || cell.record.is_some()).count()
}

/// The smallest of `times` that at least `percent` of them do not exceed.
#[must_use]
pub fn percentile_ms(times_ms: &[u64], percent: usize) -> Option<u64> {
    let mut sorted = times_ms.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() * percent.min(100)).div_ceil(100);
    sorted.get(rank.max(1) - 1).copied()
}

/// How a kernel's guests came to life.
#[must_use]
pub fn guests_in_words(kernel: &KernelView) -> String {
    let boots: Vec<String> = kernel.boots_ms.iter().map(|ms| format!("{ms} ms")).collect();
    let mut ways = Vec::new();
    if !boots.is_empty() {
        ways.push(format!("booted in {}", boots.join(", ")));
    }
    if let Some(snapshot) = &kernel.snapshot {
        let made = if snapshot.reused { "kept" } else { "made" };
        ways.push(format!("snapshot {made}, booted in {} ms", snapshot.boot_ms));
    }
    if let Some(p50) = percentile_ms(&kernel.restores_ms, 50) {
        ways.push(format!("restored {} times in {p50} ms (p50)", kernel.restores_ms.len()));
    }
    if ways.is_empty() { "never booted".to_owned() } else { ways.join(", ") }
}

/// All of up to three, and the middle and the worst of more.
#[must_use]
pub fn times_in_words(times_ms: &[u64]) -> String {
    match times_ms {
        [] => "never".to_owned(),
        few if few.len() <= 3 => few.iter().map(|ms| in_words(*ms)).collect::<Vec<_>>().join(", "),
        many => {
            let of = |percent| in_words(percentile_ms(many, percent).unwrap_or_default());
            format!("{} times, p50 {}, p99 {}", many.len(), of(50), of(99))
        }
    }
}

/// For people: `850 ms`, `12.3 s`, `4 min 05 s`.
#[must_use]
pub fn in_words(ms: u64) -> String {
    match ms {
        0..1000 => format!("{ms} ms"),
        1000..60_000 => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
        _ => format!("{} min {:02} s", ms / 60_000, ms % 60_000 / 1000),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(&[], 50, None)]
    #[case(&[7], 50, Some(7))]
    #[case(&[7], 99, Some(7))]
    #[case(&[4, 1, 3, 2], 50, Some(2))]
    #[case(&[4, 1, 3, 2], 99, Some(4))]
    #[case(&[4, 1, 3, 2], 0, Some(1))]
    fn a_percentile_is_one_of_the_times(
        #[case] times_ms: &[u64],
        #[case] percent: usize,
        #[case] expected: Option<u64>,
    ) {
        assert_eq!(percentile_ms(times_ms, percent), expected);
    }

    #[test]
    fn many_times_are_told_by_their_middle_and_their_worst() {
        assert_eq!(times_in_words(&[]), "never");
        assert_eq!(times_in_words(&[2041, 9]), "2.0 s, 9 ms");
        assert_eq!(times_in_words(&[1, 2, 3, 400]), "4 times, p50 2 ms, p99 400 ms");
    }

    #[rstest]
    #[case(850, "850 ms")]
    #[case(12_345, "12.3 s")]
    #[case(245_900, "4 min 05 s")]
    fn times_are_told_as_people_read_them(#[case] ms: u64, #[case] expected: &str) {
        assert_eq!(in_words(ms), expected);
    }
}
