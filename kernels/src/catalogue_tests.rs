//! What the catalogue must say and what it must refuse.

use rstest::rstest;

use super::*;

/// One valid kernel, to be bent by each test.
fn kernel_toml(id: &str, suite: &str) -> String {
    format!(
        "[[kernel]]\nid = \"{id}\"\nseries = \"6.1\"\npackage = \"linux-image-cloud-amd64\"\nreason = \"because\"\n\
         suites = [{{ name = \"{suite}\", archive = \"main\" }}]\n"
    )
}

#[test]
fn builtin_catalogue_lists_the_six_kernels_of_the_gate_oldest_first_beside_those_of_the_full_tier() {
    let catalogue = Catalogue::builtin();
    let of_tier = |tier| -> Vec<&str> {
        let kernels = catalogue.kernels().iter().filter(|kernel| kernel.tier == tier);
        kernels.map(|kernel| kernel.id.as_str()).collect()
    };
    assert_eq!(of_tier(Tier::Gate), ["5.10", "6.1", "6.12", "6.18", "7.2", "7.3"]);
    let packaged = ["6.16", "6.17", "6.19", "7.0", "7.1"];
    let others = ["6.12-override", "5.10-bare", "6.12-rt", "6.12-generic"];
    let full = [packaged.as_slice(), &others].concat();
    assert_eq!(of_tier(Tier::Full), full);
}

#[test]
fn every_builtin_kernel_says_why_it_is_there() {
    for kernel in Catalogue::builtin().kernels() {
        assert!(kernel.reason.split_whitespace().count() >= 8, "{}: {}", kernel.id, kernel.reason);
    }
}

#[test]
fn security_suites_come_from_the_security_archive_and_no_others_do() {
    for kernel in Catalogue::builtin().kernels() {
        for suite in &kernel.suites {
            let expected = if suite.name.ends_with("-security") { Archive::Security } else { Archive::Main };
            assert_eq!(suite.archive, expected, "{}", suite.name);
        }
    }
}

#[test]
fn only_bullseye_is_frozen() {
    for kernel in Catalogue::builtin().kernels() {
        for suite in &kernel.suites {
            assert_eq!(suite.frozen, suite.name.starts_with("bullseye"), "{}", suite.name);
        }
    }
}

#[rstest]
#[case("forky")]
#[case("forky-backports")]
#[case("sid")]
#[case("unstable")]
#[case("testing")]
#[case("experimental")]
fn moving_suite_is_refused(#[case] suite: &str) {
    let text = format!("version = 1\n{}", kernel_toml("a", suite));
    let error = Catalogue::parse(&text).unwrap_err();
    assert!(
        matches!(&error, CatalogueError::MovingSuite { id, suite: found } if id == "a" && found == suite),
        "{error}"
    );
}

#[test]
fn second_kernel_with_the_same_id_is_refused() {
    let text =
        format!("version = 1\n{}{}", kernel_toml("6.1", "bookworm"), kernel_toml("6.1", "bookworm-updates"));
    assert!(matches!(Catalogue::parse(&text).unwrap_err(), CatalogueError::Duplicate { id } if id == "6.1"));
}

#[rstest]
#[case("id = \"a\"", "id = \" \"", "id")]
#[case("reason = \"because\"", "reason = \"\"", "reason")]
#[case("series = \"6.1\"", "series = \"\"", "series")]
fn empty_field_is_named(#[case] from: &str, #[case] to: &str, #[case] field: &str) {
    let text = format!("version = 1\n{}", kernel_toml("a", "bookworm").replace(from, to));
    let error = Catalogue::parse(&text).unwrap_err();
    assert!(matches!(&error, CatalogueError::Missing { field: found, .. } if *found == field), "{error}");
}

#[rstest]
#[case("../escape")]
#[case(".hidden")]
#[case("-o")]
#[case("two words")]
#[case("UPPER")]
fn id_that_is_no_file_name_is_refused(#[case] id: &str) {
    let text = format!("version = 1\n{}", kernel_toml(id, "bookworm"));
    assert!(matches!(Catalogue::parse(&text).unwrap_err(), CatalogueError::Id { .. }));
}

#[test]
fn suite_with_a_line_break_cannot_reach_the_sources_file() {
    let text = format!("version = 1\n{}", kernel_toml("a", "bookworm\\nTrusted: yes"));
    assert!(matches!(Catalogue::parse(&text).unwrap_err(), CatalogueError::Name { .. }));
}

#[rstest]
#[case("version = 2", "version 2")]
#[case("version = 1", "no kernel")]
#[case("version = 1\nkernels = []", "unknown field")]
fn catalogue_of_another_shape_is_refused(#[case] text: &str, #[case] says: &str) {
    let error = Catalogue::parse(text).unwrap_err().to_string();
    assert!(error.contains(says), "{error}");
}

#[test]
fn empty_selection_means_every_kernel() {
    let none: [&str; 0] = [];
    let catalogue = Catalogue::builtin();
    assert_eq!(catalogue.select(&none).unwrap().len(), catalogue.kernels().len());
}

#[test]
fn selection_keeps_catalogue_order_and_each_kernel_once() {
    let catalogue = Catalogue::builtin();
    let picked = catalogue.select(&["7.3", "5.10", "7.3"]).unwrap();
    let ids: Vec<&str> = picked.iter().map(|kernel| kernel.id.as_str()).collect();
    assert_eq!(ids, ["5.10", "7.3"]);
}

#[test]
fn unknown_kernel_is_refused_and_the_known_ones_are_named() {
    let error = Catalogue::builtin().select(&["4.19"]).unwrap_err().to_string();
    assert!(
        error.starts_with("no kernel \"4.19\" in the catalogue; known: 5.10, 6.1, 6.12, 6.16"),
        "{error}"
    );
}

#[rstest]
#[case("6.1.192-1", true)]
#[case("6.1-1~exp1", true)]
#[case("6.12.117-1", false)]
#[case("6.19.3-1", false)]
#[case("16.1.0-1", false)]
fn series_is_compared_by_whole_numbers(#[case] version: &str, #[case] expected: bool) {
    assert_eq!(Catalogue::builtin().get("6.1").unwrap().is_of_series(version), expected);
}
