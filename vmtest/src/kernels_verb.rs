//! `vmtest kernels`: what the catalogue lists and `kernels.lock` pins, whether it is in the cache as pinned, and pinning it anew.

use std::{fs, path::PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use comfy_table::{Table, presets};
use quell_kernels::{Catalogue, Kernel, Pins, Store, Tier, default_cache_dir, for_stderr};

use crate::{exit, matrix::Filter};

/// Arguments of `vmtest kernels`.
#[derive(Debug, Args)]
pub struct KernelsArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Shows the catalogue: what is pinned, and what is in the cache. Fetches nothing.
    List(Wanted),
    /// Fetches kernels into the cache, so that later runs need no network.
    Fetch {
        #[command(flatten)]
        wanted: Wanted,
        /// Refuse a kernel that is not the pinned one, instead of taking the newest of its series when that is gone.
        #[arg(long)]
        locked: bool,
    },
    /// Pins the newest of each series that the mirrors offer now. Only indices are downloaded.
    Update {
        #[command(flatten)]
        wanted: Wanted,
        /// The lock file. It is built into this program, so that the next build uses it.
        #[arg(long, value_name = "FILE", default_value = "kernels/kernels.lock")]
        lock: PathBuf,
    },
    /// Compares the digests of all cached files, and what is cached with what is pinned. Fetches nothing.
    Verify(Wanted),
}

#[derive(Debug, Args)]
struct Wanted {
    /// Kernels, as a glob over catalogue ids (`6.*`).
    #[arg(long, value_name = "GLOB")]
    kernel: Option<String>,
    /// Kernels of the full tier as well, without --kernel.
    #[arg(long)]
    full: bool,
}

/// How a kernel stands in the cache.
#[derive(Debug, PartialEq, Eq)]
enum Standing {
    /// Whole and the pinned one.
    Cached,
    /// Whole, of this version, and not the pinned one.
    Other(String),
    /// Whole, of this version, and nothing is pinned.
    Unpinned(String),
    /// Not there.
    Missing,
    /// Not what was stored, or not to be read.
    Damaged(String),
}

/// Runs the verb; the result is the exit code.
///
/// # Errors
/// There is no cache directory, a mirror has nothing to offer, or the lock file can't be read or written.
pub fn main(args: &KernelsArgs) -> anyhow::Result<u8> {
    let catalogue = Catalogue::builtin();
    let (Verb::List(wanted)
    | Verb::Fetch { wanted, .. }
    | Verb::Update { wanted, .. }
    | Verb::Verify(wanted)) = &args.verb;
    let filter = match Filter::new(wanted.kernel.as_deref(), None) {
        Ok(filter) => filter,
        Err(error) => {
            eprintln!("vmtest: {error}");
            return Ok(exit::USAGE);
        }
    };
    // A list is a look at the whole catalogue, and costs nothing.
    let all = wanted.full || wanted.kernel.is_some() || matches!(args.verb, Verb::List(_));
    let of_tier = |kernel: &&Kernel| all || kernel.tier == Tier::Gate;
    let kernels: Vec<&Kernel> =
        catalogue.kernels().iter().filter(of_tier).filter(|kernel| filter.wants_kernel(&kernel.id)).collect();
    if kernels.is_empty() {
        eprintln!("vmtest: no kernel of the catalogue is selected");
        return Ok(exit::NOTHING_SELECTED);
    }
    let store = Store::open(default_cache_dir()?)?;
    match &args.verb {
        Verb::List(_) => {
            println!("{}", table(&kernels, &store));
            Ok(exit::ALL_GREEN)
        }
        Verb::Fetch { locked, .. } => fetch(&kernels, &store.locked(*locked)),
        Verb::Update { lock, .. } => update(&catalogue, &kernels, &store, lock),
        Verb::Verify(_) => Ok(verify(&kernels, &store)),
    }
}

fn table(kernels: &[&Kernel], store: &Store) -> Table {
    let pins = Pins::builtin();
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["kernel", "tier", "pinned", "suite", "cache"]);
    for kernel in kernels {
        let pin = pins.get(&kernel.id);
        table.add_row([
            kernel.id.clone(),
            format!("{:?}", kernel.tier).to_lowercase(),
            pin.map_or_else(|| "-".to_owned(), |pin| pin.version.clone()),
            pin.map_or_else(|| "-".to_owned(), |pin| pin.suite.clone()),
            words(&standing(kernel, store)),
        ]);
    }
    table
}

fn standing(kernel: &Kernel, store: &Store) -> Standing {
    match store.cached(kernel) {
        Err(damage) => Standing::Damaged(damage.to_string()),
        Ok(None) => Standing::Missing,
        Ok(Some(image)) if image.instead_of.is_some() => Standing::Other(image.package_version),
        Ok(Some(image)) if Pins::builtin().get(&kernel.id).is_none() => {
            Standing::Unpinned(image.package_version)
        }
        Ok(Some(_)) => Standing::Cached,
    }
}

fn words(standing: &Standing) -> String {
    match standing {
        Standing::Cached => "as pinned".to_owned(),
        Standing::Other(version) => format!("{version}, not the pinned one"),
        Standing::Unpinned(version) => format!("{version}, and nothing is pinned"),
        Standing::Missing => "not there".to_owned(),
        Standing::Damaged(damage) => damage.clone(),
    }
}

fn fetch(kernels: &[&Kernel], store: &Store) -> anyhow::Result<u8> {
    let progress = for_stderr();
    let mut failures = Vec::new();
    for kernel in kernels {
        match store.ensure(kernel, progress.as_ref()) {
            Ok(image) => println!("{}: {} ({})", image.id, image.release, image.package_version),
            // The others can still be had.
            Err(error) => failures.push(format!("{error:#}")),
        }
    }
    anyhow::ensure!(failures.is_empty(), "failed to fetch every kernel: {}", failures.join("; "));
    Ok(exit::ALL_GREEN)
}

fn update(catalogue: &Catalogue, kernels: &[&Kernel], store: &Store, lock: &PathBuf) -> anyhow::Result<u8> {
    let text = fs::read_to_string(lock).with_context(|| format!("failed to read {}", lock.display()))?;
    let mut pins = Pins::parse(&text).with_context(|| format!("failed to use {}", lock.display()))?;
    let progress = for_stderr();
    let place = |id: &str| catalogue.kernels().iter().position(|kernel| kernel.id == id);
    let mut failures = Vec::new();
    for kernel in kernels {
        match store.newest(kernel, progress.as_ref()) {
            Ok(pin) => {
                let before = pins.get(&kernel.id).cloned();
                println!(
                    "{}",
                    change(before.as_ref().map(|pin| pin.version.as_str()), &kernel.id, &pin.version)
                );
                pins.set(pin, |id| place(id).unwrap_or(usize::MAX));
            }
            Err(error) => failures.push(format!("{error:#}")),
        }
    }
    // What was found is worth keeping even if a suite did not answer.
    fs::write(lock, pins.render()?).with_context(|| format!("failed to write {}", lock.display()))?;
    println!("pinned in {}; build again to use it, then `vmtest kernels fetch`", lock.display());
    anyhow::ensure!(failures.is_empty(), "failed to pin every kernel: {}", failures.join("; "));
    Ok(exit::ALL_GREEN)
}

fn change(before: Option<&str>, id: &str, now: &str) -> String {
    match before {
        Some(before) if before == now => format!("{id}: {now}, as before"),
        Some(before) => format!("{id}: {before} → {now}"),
        None => format!("{id}: {now}, not pinned before"),
    }
}

fn verify(kernels: &[&Kernel], store: &Store) -> u8 {
    let mut good = true;
    for kernel in kernels {
        let standing = standing(kernel, store);
        println!("{}: {}", kernel.id, words(&standing));
        good &= standing == Standing::Cached;
    }
    if good { exit::ALL_GREEN } else { exit::NOT_AS_PINNED }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(None, "6.12: 6.12.118-1, not pinned before")]
    #[case(Some("6.12.117-1"), "6.12: 6.12.117-1 → 6.12.118-1")]
    #[case(Some("6.12.118-1"), "6.12: 6.12.118-1, as before")]
    fn an_update_says_what_it_changed(#[case] before: Option<&str>, #[case] says: &str) {
        assert_eq!(change(before, "6.12", "6.12.118-1"), says);
    }

    #[test]
    fn an_empty_cache_is_not_as_pinned_and_the_list_shows_every_kernel() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let catalogue = Catalogue::builtin();
        let kernels: Vec<&Kernel> = catalogue.kernels().iter().collect();
        assert_eq!(verify(&kernels, &store), exit::NOT_AS_PINNED);
        let text = table(&kernels, &store).to_string();
        assert!(kernels.iter().all(|kernel| text.contains(&kernel.id)), "{text}");
        assert!(text.contains("not there"), "{text}");
    }
}
