//! Everything that reads a file answers whatever it is given, within bounds.

use std::path::Path;

use quell_differential::fuzz;

#[test]
fn every_reader_answers_every_changed_file() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let out = tempfile::tempdir().unwrap();
    let fuzzed = fuzz::run(&corpus, out.path(), 400, 20_261_123).unwrap();
    println!("{fuzzed:?}");
    assert!(fuzzed.passed(), "{fuzzed:?}");
    assert!(fuzzed.inputs == 2000);
}
