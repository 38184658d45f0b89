//! Shares of plans of every length.

use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::testing::plan_of;

/// Cells of up to three kernels, kernel by kernel as plans are.
fn any_plan() -> impl Strategy<Value = Vec<PlannedCell>> {
    (0_usize..40, 0_usize..40, 0_usize..40).prop_map(|(first, second, third)| {
        let names: Vec<String> = [("5.10", first), ("6.12", second), ("7.3", third)]
            .into_iter()
            .flat_map(|(kernel, count)| (0..count).map(move |at| format!("{kernel}/file/c{at}@tmpfs")))
            .collect();
        plan_of(&names.iter().map(String::as_str).collect::<Vec<_>>())
    })
}

fn any_way() -> impl Strategy<Value = Way> {
    prop_oneof![Just(Way::Slice), Just(Way::Hash)]
}

fn shares(kernel: Option<&str>, way: Way, count: u32) -> impl Iterator<Item = Partition> {
    let kernel = kernel.map(str::to_owned);
    (1..=count).map(move |index| Partition { kernel: kernel.clone(), way, index, count })
}

fn names(cells: &[&PlannedCell]) -> Vec<String> {
    cells.iter().map(|planned| planned.cell.to_string()).collect()
}

proptest! {
    #[test]
    fn every_cell_is_in_exactly_one_share_whatever_their_number(plan in any_plan(), way in any_way(), count in 1_u32..200) {
        let mut seen: Vec<String> =
            shares(None, way, count).flat_map(|share| names(&share.select(&plan))).collect();
        let mut all = names(&plan.iter().collect::<Vec<_>>());
        seen.sort();
        all.sort();
        prop_assert_eq!(seen, all);
    }

    #[test]
    fn slices_follow_each_other_in_the_order_of_the_plan(plan in any_plan(), count in 1_u32..200) {
        let joined: Vec<String> =
            shares(None, Way::Slice, count).flat_map(|share| names(&share.select(&plan))).collect();
        prop_assert_eq!(joined, names(&plan.iter().collect::<Vec<_>>()));
    }

    #[test]
    fn lengths_of_slices_differ_by_one_at_most(plan in any_plan(), count in 1_u32..200) {
        let lengths: Vec<usize> =
            shares(None, Way::Slice, count).map(|share| share.select(&plan).len()).collect();
        let (least, most) = (lengths.iter().min().unwrap(), lengths.iter().max().unwrap());
        prop_assert!(most - least <= 1, "{lengths:?}");
    }

    #[test]
    fn kernels_and_their_slices_cover_the_plan(plan in any_plan(), way in any_way(), count in 1_u32..20) {
        let mut seen: Vec<String> = ["5.10", "6.12", "7.3"]
            .into_iter()
            .flat_map(|kernel| shares(Some(kernel), way, count))
            .flat_map(|share| names(&share.select(&plan)))
            .collect();
        let mut all = names(&plan.iter().collect::<Vec<_>>());
        seen.sort();
        all.sort();
        prop_assert_eq!(seen, all);
    }

    #[test]
    fn a_dealt_cell_stays_where_it_was_when_others_go(plan in any_plan(), count in 1_u32..20, gone in any::<prop::sample::Index>()) {
        prop_assume!(!plan.is_empty());
        let mut fewer = plan.clone();
        let gone = fewer.remove(gone.index(plan.len())).cell.to_string();
        for share in shares(None, Way::Hash, count) {
            let before: Vec<String> =
                names(&share.select(&plan)).into_iter().filter(|name| *name != gone).collect();
            prop_assert_eq!(names(&share.select(&fewer)), before);
        }
    }

    #[test]
    fn a_share_is_read_back_as_it_was_written(
        kernel in proptest::option::of("[a-z0-9][a-z0-9.-]{0,8}"), way in any_way(), count in 1..=MOST_SHARES, index in any::<prop::sample::Index>(),
    ) {
        let index = 1 + u32::try_from(index.index(count as usize)).unwrap();
        let partition = Partition { kernel, way, index, count };
        // One share of one kernel has a short name; how it would have been dealt is the same thing then.
        prop_assume!(!(partition.kernel.is_some() && count == 1 && way == Way::Hash));
        prop_assert_eq!(partition.to_string().parse::<Partition>(), Ok(partition));
    }

    #[test]
    fn arbitrary_text_never_panics(text in ".{0,30}") {
        let _ = text.parse::<Partition>();
    }
}

#[rstest]
#[case("slice:1/1")]
#[case("slice:3/7")]
#[case("hash:2/2")]
#[case("kernel:6.12-rt")]
#[case("kernel:6.12,slice:2/3")]
#[case("kernel:6.12,hash:1/3")]
fn a_share_is_written_as_it_is_given(#[case] text: &str) {
    assert_eq!(text.parse::<Partition>().unwrap().to_string(), text);
}

#[rstest]
#[case("slice")]
#[case("slice:1")]
#[case("slice:1/")]
#[case("slice:a/2")]
#[case("slice:-1/2")]
#[case("count:1/2")]
#[case("kernel:")]
#[case("kernel:,slice:1/2")]
#[case("kernel:6.12,")]
#[case("slice:1/2,kernel:6.12")]
#[case("slice:1/99999999999")]
fn anything_else_is_no_share(#[case] text: &str) {
    assert_eq!(text.parse::<Partition>(), Err(PartitionError::Form { text: text.to_owned() }));
}

#[rstest]
#[case("slice:0/2")]
#[case("slice:3/2")]
#[case("hash:1/0")]
#[case("slice:1/10001")]
fn shares_are_counted_from_one_to_their_number(#[case] text: &str) {
    assert_eq!(text.parse::<Partition>(), Err(PartitionError::Range { text: text.to_owned() }));
}
