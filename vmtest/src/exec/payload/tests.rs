//! Payloads of programs and folders of this machine.

use std::os::unix::fs::PermissionsExt as _;

use rstest::rstest;

use super::*;
use crate::exec::layout::Member;

const SEARCH: &str = "/usr/local/bin:/usr/bin:/bin";

fn write(path: &Path, text: &str, permissions: u32) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(permissions)).unwrap();
}

fn wanted(program: &str) -> Wanted {
    let program = find_program(program, Path::new("/"), SEARCH).unwrap();
    Wanted { program, directory: "/".into(), ..Wanted::default() }
}

fn has(payload: &Payload, part: &str) -> bool {
    payload.layout.members().any(|(path, _)| path.to_string_lossy().contains(part))
}

#[rstest]
#[case("a", "a", None)]
#[case("a:/b", "a", Some("/b"))]
#[case("a:b", "a:b", None)]
#[case("a:b:/c", "a:b", Some("/c"))]
#[case(":/b", ":/b", None)]
fn a_place_begins_with_a_slash(#[case] text: &str, #[case] from: &str, #[case] to: Option<&str>) {
    assert_eq!(Copied::read(text), Copied { from: from.to_owned(), to: to.map(PathBuf::from) });
}

#[test]
fn a_dynamic_program_takes_its_loader_and_libraries_along() {
    let payload = collect(&wanted("sh"), Path::new("/"), SEARCH).unwrap();
    for part in ["sh", "/ld-linux-x86-64.so.2", "/libc.so.6", "/etc/ld.so.cache", "/etc/nsswitch.conf"] {
        assert!(has(&payload, part), "{part}");
    }
    // Nothing is at a place that is only a way to another one.
    for (path, member) in payload.layout.members() {
        if let Member::File { from, .. } = member {
            assert_eq!(path, from);
            assert_eq!(path.canonicalize().unwrap(), path);
        }
    }
}

#[test]
fn a_program_that_is_not_there_is_named() {
    for name in ["no-such-program", "/no/such/program", "/etc/passwd"] {
        let error = find_program(name, Path::new("/"), SEARCH).unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn a_script_takes_its_interpreter_along_also_by_way_of_env() {
    let directory = tempfile::tempdir().unwrap();
    let script = directory.path().join("script");
    write(&script, "#!/usr/bin/env -S sh -e\n", 0o755);
    let payload = collect(&wanted(script.to_str().unwrap()), Path::new("/"), SEARCH).unwrap();
    for part in ["/env", "sh", "/libc.so.6"] {
        assert!(has(&payload, part), "{part}");
    }
    write(&script, "#!/no/such/shell\n", 0o755);
    let error = collect(&wanted(script.to_str().unwrap()), Path::new("/"), SEARCH).unwrap_err();
    assert!(error.to_string().contains("/no/such/shell"), "{error}");
}

#[test]
fn a_pattern_names_files_and_one_that_names_none_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path().canonicalize().unwrap();
    fs::create_dir_all(here.join("a/b")).unwrap();
    for name in ["a/one.o", "a/two.o", "a/b/three.o", "a/four.c"] {
        write(&here.join(name), "x", 0o644);
    }
    let with = |pattern: &str| {
        let copies = vec![Copied::read(pattern)];
        collect(&Wanted { copies, ..wanted("sh") }, &here, SEARCH)
    };
    let payload = with("a/*.o").unwrap();
    assert!(has(&payload, "one.o") && has(&payload, "two.o"));
    assert!(!has(&payload, "three.o") && !has(&payload, "four.c"));
    assert!(has(&with("a/**/*.o").unwrap(), "three.o"));
    assert!(matches!(with("a/*.h"), Err(PayloadError::NoMatch(_))));
    assert!(matches!(with("none/*.h"), Err(PayloadError::NoMatch(_))));
    assert!(matches!(with("a/*.o:/x"), Err(PayloadError::PatternWithPlace(_))));
    assert!(matches!(with("a/none.o"), Err(PayloadError::Layout(_))));
}

#[test]
fn a_package_is_copied_without_what_its_tools_keep_there() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path().canonicalize().unwrap();
    for name in ["target/debug", ".git", "tests/target"] {
        fs::create_dir_all(here.join(name)).unwrap();
        write(&here.join(name).join("file"), "x", 0o644);
    }
    write(&here.join("tests/cut"), "\x7fELF\x02\x01", 0o755);
    let wanted = Wanted { directory: here.clone(), with_directory: true, ..wanted("sh") };
    let payload = collect(&wanted, &here, SEARCH).unwrap();
    assert!(payload.layout.get(&here.join("tests/target/file")).is_some());
    assert!(payload.layout.get(&here.join("target")).is_none());
    assert!(payload.layout.get(&here.join(".git")).is_none());
    assert!(payload.layout.get(&here.join("tests/cut")).is_some());
    assert_eq!(payload.remarks.len(), 1, "{:?}", payload.remarks);
}

#[test]
fn a_folder_goes_to_another_place_with_all_that_is_in_it() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("deep")).unwrap();
    write(&directory.path().join("deep/file"), "x", 0o600);
    let copied = format!("{}:/opt/there", directory.path().display());
    let wanted = Wanted { copies: vec![Copied::read(&copied)], ..wanted("sh") };
    let payload = collect(&wanted, Path::new("/"), SEARCH).unwrap();
    let member = payload.layout.get(Path::new("/opt/there/deep/file"));
    assert!(matches!(member, Some(Member::File { permissions: 0o600, .. })), "{member:?}");
}
