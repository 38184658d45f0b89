//! Generated files and golden texts: written anew on purpose, otherwise only compared.

use std::fs;

use anyhow::{Context, Result, ensure};

use crate::{root, step::Step};

/// The C header, generated from the Rust schema by its own crate.
const HEADER: &str = "ebpf/include/wire.gen.h";

/// `cargo xtask bless`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Write nothing; fail when a generated file differs from what its generator prints. (Golden texts are compared by
    /// their own tests.)
    #[arg(long)]
    pub(crate) check: bool,
}

/// Writes or compares.
pub(crate) fn run(args: &Args) -> Result<bool> {
    let path = root().join(HEADER);
    let committed = fs::read_to_string(&path).unwrap_or_default();
    let generated = generated_header()?;
    if args.check {
        return Ok(match first_difference(&committed, &generated) {
            None => {
                println!("{HEADER}: equals what the schema prints");
                true
            }
            Some(difference) => {
                println!("{HEADER}: {difference}\nrun `cargo xtask bless`, and look at the difference");
                false
            }
        });
    }
    if committed != generated {
        fs::write(&path, generated).with_context(|| format!("failed to write {}", path.display()))?;
        println!("{HEADER}: written");
    }
    bless_golden_texts()
}

fn generated_header() -> Result<String> {
    let arguments = ["run", "--quiet", "--locked", "-p", "quell-wire", "--bin", "wire-header"];
    let words = Step::cargo(&arguments);
    let (program, rest) = words.words().split_first().context("a step without a program")?;
    let text = duct::cmd(program, rest)
        .dir(root())
        .read()
        .with_context(|| format!("failed to generate the header with `{}`", words.shown()))?;
    ensure!(text.starts_with("/*"), "the generator printed no header");
    // duct trims the last line break.
    Ok(text + "\n")
}

/// Tests with golden texts write them when told so, and pass; then they are run once more as they are.
fn bless_golden_texts() -> Result<bool> {
    let tests = ["test", "--locked", "--workspace", "--lib", "--test", "policy_errors"];
    let step = Step::cargo(&tests);
    let (program, rest) = step.words().split_first().context("a step without a program")?;
    duct::cmd(program, rest)
        .dir(root())
        .env("QUELL_BLESS", "1")
        .env("INSTA_UPDATE", "always")
        .env("INSTA_FORCE_PASS", "1")
        .unchecked()
        .run()
        .with_context(|| format!("failed to start `{}`", step.shown()))?;
    step.run()
}

/// The first line in which two texts differ; `None` when they are the same.
fn first_difference(committed: &str, generated: &str) -> Option<String> {
    if committed == generated {
        return None;
    }
    let (mut left, mut right) = (committed.lines(), generated.lines());
    for number in 1.. {
        match (left.next(), right.next()) {
            (Some(here), Some(there)) if here == there => {}
            (None, None) => break,
            (here, there) => {
                let shown =
                    |line: Option<&str>| line.map_or("no line".to_owned(), |line| format!("`{line}`"));
                return Some(format!("line {number} is {}, and should be {}", shown(here), shown(there)));
            }
        }
    }
    Some("differs in its line breaks".to_owned())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("a\nb\n", "a\nb\n", None)]
    #[case("a\nb\n", "a\nc\n", Some("line 2 is `b`, and should be `c`"))]
    #[case("a\n", "a\nb\n", Some("line 2 is no line, and should be `b`"))]
    #[case("a\r\n", "a\n", Some("differs in its line breaks"))]
    fn the_first_difference_is_named(#[case] old: &str, #[case] new: &str, #[case] expected: Option<&str>) {
        assert_eq!(first_difference(old, new).as_deref(), expected);
    }
}
