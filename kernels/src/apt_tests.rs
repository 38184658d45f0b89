//! How apt is configured and how its complaints are read; nothing here touches the network.

use super::*;
use crate::catalogue::Archive;

fn suite(frozen: bool) -> Suite {
    Suite { name: "bullseye-security".to_owned(), archive: Archive::Security, frozen }
}

#[test]
fn every_source_is_tied_to_the_archive_keys() {
    let text = sources(&suite(false), "http://mirror.test/debian-security/");
    assert!(text.contains("\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"), "{text}");
    assert!(!text.to_ascii_lowercase().contains("trusted"), "{text}");
    assert!(!text.contains("allow-insecure"), "{text}");
}

#[test]
fn expiry_is_ignored_for_a_frozen_suite_only() {
    assert!(sources(&suite(true), "http://mirror.test/").contains("Check-Valid-Until: no"));
    assert!(!sources(&suite(false), "http://mirror.test/").contains("Valid-Until"));
}

#[test]
fn state_cache_and_sources_are_all_inside_the_private_directory() {
    let dir = tempfile::tempdir().unwrap();
    let apt = Apt::prepare(dir.path(), "x", "").unwrap();
    let config = std::fs::read_to_string(&apt.config).unwrap();
    for key in ["Dir::State \"", "Dir::State::status \"", "Dir::Cache \""] {
        let line = config.lines().find(|line| line.starts_with(key)).unwrap();
        assert!(line.contains(dir.path().to_str().unwrap()), "{line}");
    }
    assert!(config.contains("#clear APT::Update::Post-Invoke;"));
}

#[test]
fn directory_with_a_quote_in_its_name_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let odd = dir.path().join("a\"b");
    assert!(matches!(Apt::prepare(&odd, "x", "").unwrap_err(), AptError::Path { .. }));
}

#[test]
fn broken_signature_is_told_apart_from_a_silent_network() {
    let bad = "W: GPG error: http://mirror.test bookworm InRelease: The following signatures were invalid: BADSIG 1234\n\
               E: The repository 'http://mirror.test bookworm InRelease' is not signed.\n";
    assert!(
        matches!(classify("bookworm", String::new(), bad), AptError::Untrusted { suite, .. } if suite == "bookworm")
    );
    let silent = "E: Failed to fetch http://mirror.test/dists/bookworm/InRelease  Could not connect to 127.0.0.1:9\n\
                  E: Some index files failed to download. They have been ignored, or old ones used instead.\n";
    let error = classify("bookworm", String::new(), silent);
    assert!(matches!(&error, AptError::Unreachable { .. }));
    assert!(!error.to_string().contains("old ones used"), "{error}");
}

#[test]
fn other_refusals_keep_apts_own_words() {
    let error = classify(
        "bookworm",
        "read the index".to_owned(),
        "E: No space left on device\nW: x\nE: No space left on device\n",
    );
    assert_eq!(error.to_string(), "apt failed to read the index: No space left on device; x");
}
