//! The files read back: what they say of kernels and slices, and that those that are kept are what the catalogue says today.

use proptest::prelude::*;
use rstest::rstest;
use serde_json::Value;

use super::*;
use crate::partition::Partition;

const KEPT_IN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../ci/deploy");

fn kept() -> Deployment {
    Deployment::of(&Catalogue::builtin(), false, KEPT_SLICES)
}

fn read(format: Format, deployment: &Deployment) -> Value {
    let text = render(format, deployment).unwrap();
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn strings(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect()
}

#[rstest]
#[case(Format::Kubernetes)]
#[case(Format::Github)]
#[case(Format::Gitlab)]
fn the_kept_file_is_what_the_catalogue_says(#[case] format: Format) {
    let path = Path::new(KEPT_IN).join(format.file_name());
    let text = render(format, &kept()).unwrap();
    if std::env::var_os("QUELL_BLESS").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap();
    assert!(
        found == text,
        "{} is not what the catalogue says; run `cargo xtask bless` and look at the difference",
        path.display()
    );
}

#[test]
fn every_kernel_of_the_tier_has_all_its_slices() {
    let deployment = kept();
    assert!(deployment.kernels.len() >= 4, "{deployment:?}");
    assert_eq!(deployment.shares().len(), deployment.kernels.len() * KEPT_SLICES as usize);
    let full = Deployment::of(&Catalogue::builtin(), true, 1);
    assert!(full.kernels.len() > deployment.kernels.len());
    for share in full.shares() {
        share.parse::<Partition>().unwrap();
    }
}

#[test]
fn the_indexed_job_has_an_index_for_each_share() {
    let deployment = kept();
    let job = read(Format::Kubernetes, &deployment);
    let shares = deployment.shares();
    assert_eq!(job["spec"]["completions"], shares.len());
    assert_eq!(job["spec"]["completionMode"], "Indexed");
    let container = &job["spec"]["template"]["spec"]["containers"][0];
    let script = container["args"][0].as_str().unwrap();
    let listed: Vec<&str> =
        script.lines().map(str::trim).filter(|line| line.starts_with("kernel:")).collect();
    assert_eq!(listed, shares);
    assert_eq!(container["image"], format!("quell-lab:{}", env!("CARGO_PKG_VERSION")));
}

#[test]
fn the_matrices_are_kernels_by_slices_and_kernels_stay_words() {
    // As a number this kernel would be 5.1.
    let deployment = Deployment { kernels: vec!["5.10".into(), "6.12-rt".into()], slices: 3, full: true };
    let matrix = &read(Format::Github, &deployment)["jobs"]["lab"]["strategy"]["matrix"];
    assert_eq!(strings(&matrix["kernel"]), ["5.10", "6.12-rt"]);
    assert_eq!(strings(&matrix["slice"]), ["1/3", "2/3", "3/3"]);
    let matrix = &read(Format::Gitlab, &deployment)["lab"]["parallel"]["matrix"][0];
    assert_eq!(strings(&matrix["KERNEL"]), ["5.10", "6.12-rt"]);
    assert_eq!(strings(&matrix["SLICE"]), ["1/3", "2/3", "3/3"]);
}

#[test]
fn the_full_tier_is_in_every_plan_that_has_a_share_of_it() {
    for format in Format::ALL {
        let words = |full| render(format, &Deployment { full, ..kept() }).unwrap();
        assert!(words(true).contains("vmtest run --full --partition"), "{format:?}");
        assert!(words(false).contains("vmtest run --partition"), "{format:?}");
    }
}

#[test]
fn verdicts_come_back_as_junit_also_from_red_jobs() {
    let gitlab = read(Format::Gitlab, &kept());
    assert_eq!(gitlab["merge"]["artifacts"]["reports"]["junit"], "lab/junit.xml");
    assert_eq!(gitlab["merge"]["when"], "always");
    assert_eq!(gitlab["lab"]["artifacts"]["when"], "always");
    let github = read(Format::Github, &kept());
    assert_eq!(github["jobs"]["merge"]["if"], "${{ !cancelled() }}");
    let steps = github["jobs"]["lab"]["steps"].as_array().unwrap();
    assert_eq!(steps.last().unwrap()["if"], "${{ !cancelled() }}");
    assert_eq!(github["jobs"]["lab"]["strategy"]["fail-fast"], false);
}

#[test]
fn the_image_of_the_pods_is_built_with_the_rust_of_the_workspace() {
    let text = fs::read_to_string(Path::new(KEPT_IN).join("Containerfile")).unwrap();
    let from = format!("FROM rust:{}-bookworm", env!("CARGO_PKG_RUST_VERSION"));
    assert!(text.lines().any(|line| line == from), "{from} is not in:\n{text}");
}

proptest! {
    #[test]
    fn files_of_any_catalogue_are_read_back(
        kernels in proptest::collection::btree_set("[a-z0-9][a-z0-9._-]{0,10}", 1..30), slices in 1_u32..20, full in any::<bool>(),
    ) {
        let deployment = Deployment { kernels: kernels.into_iter().collect(), slices, full };
        let job = read(Format::Kubernetes, &deployment);
        prop_assert_eq!(&job["spec"]["parallelism"], deployment.shares().len());
        let matrix = &read(Format::Github, &deployment)["jobs"]["lab"]["strategy"]["matrix"];
        prop_assert_eq!(strings(&matrix["kernel"]), deployment.kernels.as_slice());
        let matrix = &read(Format::Gitlab, &deployment)["lab"]["parallel"]["matrix"][0];
        prop_assert_eq!(strings(&matrix["KERNEL"]), deployment.kernels.as_slice());
    }
}
