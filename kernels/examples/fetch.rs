//! Fetches kernels of the catalogue into the cache and tells where they are:
//! `cargo run -p quell-kernels --example fetch -- 6.12` (no id: all of them; `--refresh`: ask the mirror).

use std::process::ExitCode;
use std::time::Instant;

use quell_kernels::{Catalogue, Store, default_cache_dir, for_stderr};

fn main() -> ExitCode {
    match fetch() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn fetch() -> Result<(), Box<dyn std::error::Error>> {
    let (flags, ids): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|arg| arg.starts_with('-'));
    if let Some(unknown) = flags.iter().find(|flag| *flag != "--refresh") {
        return Err(format!("unknown flag {unknown}; usage: fetch [--refresh] [ID...]").into());
    }
    let catalogue = Catalogue::builtin();
    let store = Store::open(default_cache_dir()?)?;
    let progress = for_stderr();
    for kernel in catalogue.select(&ids)? {
        let begin = Instant::now();
        let image = if flags.is_empty() {
            store.ensure(kernel, progress.as_ref())?
        } else {
            store.refresh(kernel, progress.as_ref())?
        };
        let size_mib = std::fs::metadata(&image.vmlinux)?.len() >> 20;
        println!(
            "{} {} {} {} {size_mib} MiB in {:.1} s",
            image.id,
            image.release,
            image.suite,
            image.vmlinux.display(),
            begin.elapsed().as_secs_f64()
        );
    }
    Ok(())
}
