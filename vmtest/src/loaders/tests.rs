//! What loaders say becomes a table and is held against the budget.

use serde_json::json;

use super::*;

fn row(loader: &str, program: &str, instructions: Option<u64>, error: Option<&str>) -> Row {
    Row {
        loader: loader.into(),
        policy: "p".into(),
        call: "f".into(),
        family: "kprobe".into(),
        program: program.into(),
        instructions,
        error: error.map(str::to_owned),
    }
}

fn seen(agree: bool, failed: usize, second: usize) -> Comparison {
    let last = json!({ "report": {
        "release": "6.12.1", "policies": 1, "refused": [], "first": 1, "second": second, "unknown": 0, "failed": failed,
        "probes": 10, "disagreements": [],
    }});
    Comparison { agree, last: Some(last), errors: "exit status: 1".into(), complaints: Vec::new() }
}

fn problems(rows: &[Row], seen: &Comparison) -> Vec<String> {
    let mut found = Vec::new();
    judge("6.12", rows, seen, &mut found);
    found
}

#[test]
fn only_programs_that_both_loaders_load_are_fine() {
    let loaded = [row("libbpf", "a", Some(7), None), row("aya", "a", None, None)];
    assert_eq!(problems(&loaded, &seen(true, 0, 1)), [""; 0]);
    assert_eq!(problems(&loaded, &seen(true, 0, 0)).len(), 1, "one of them was not asked");
    let failed = [row("libbpf", "a", Some(7), None), row("aya", "a", None, Some("no"))];
    assert_eq!(problems(&failed, &seen(false, 1, 1)), ["6.12: p: f: kprobe: a by aya: no"]);
    assert_eq!(problems(&loaded, &seen(false, 1, 1)).len(), 1, "what failed was not heard");
    assert_eq!(problems(&loaded, &Comparison::default()).len(), 1, "there is no report");
}

#[test]
fn probes_that_disagree_or_were_not_asked_are_found() {
    let loaded = [row("libbpf", "a", Some(7), None), row("aya", "a", None, None)];
    let with = |agree, probes: usize, disagreements: &[&str]| {
        let Comparison { last, .. } = seen(agree, 0, 1);
        let mut last = last.unwrap();
        last["report"]["probes"] = probes.into();
        last["report"]["disagreements"] = disagreements.into();
        Comparison { agree, last: Some(last), ..Comparison::default() }
    };
    assert_eq!(problems(&loaded, &with(false, 10, &["x"])), ["6.12: probes disagree: x"]);
    assert_eq!(problems(&loaded, &with(true, 10, &["x"])).len(), 2, "it calls itself agreeing");
    assert_eq!(problems(&loaded, &with(true, 0, &[])).len(), 1);
}

#[test]
fn what_is_above_its_ceiling_or_has_none_is_found() {
    let mut walked = Walked::new();
    add(&mut walked, "6.12", &[row("libbpf", "a", Some(1000), None), row("aya", "a", Some(1010), None)]);
    let mut ceilings = Ceilings::default();
    assert_eq!(ceilings.exceeded(&walked).len(), 1);
    ceilings.renew(&walked, &["6.12".into()]);
    assert_eq!(ceilings.exceeded(&walked), [""; 0]);
    add(&mut walked, "6.12", &[row("libbpf", "a", Some(1200), None)]);
    assert_eq!(ceilings.exceeded(&walked), [""; 0], "a tenth of 1010 more, rounded up");
    add(&mut walked, "6.12", &[row("libbpf", "a", Some(1201), None)]);
    assert!(ceilings.exceeded(&walked)[0].contains("its ceiling is 1200"));
}

#[test]
fn ceilings_of_kernels_that_were_not_asked_stay() {
    let mut walked = Walked::new();
    add(&mut walked, "5.10", &[row("libbpf", "a", Some(10), None)]);
    let mut ceilings = Ceilings::default();
    ceilings.renew(&walked, &["5.10".into()]);
    let before = ceilings.clone();
    ceilings.renew(&Walked::new(), &["6.12".into()]);
    assert_eq!(ceilings, before);
    ceilings.renew(&Walked::new(), &["5.10".into()]);
    assert_eq!(ceilings, Ceilings::default());
}

#[test]
fn the_table_has_every_program_and_the_largest_of_each_family() {
    let mut walked = Walked::new();
    add(&mut walked, "5.10", &[row("libbpf", "a", Some(10), None), row("libbpf", "b", Some(30), None)]);
    let text = table(&walked, &["5.10".into(), "6.12".into()]);
    assert_eq!(
        text,
        "| program | 5.10 | 6.12 |\n|---|---:|---:|\n| a | 10 | – |\n| b | 30 | – |\n| **largest of kprobe** | 30 | – |\n"
    );
}

#[test]
fn every_policy_that_is_loaded_always_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let missing: Vec<_> = POLICIES.iter().filter(|policy| !root.join(policy).is_file()).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
