//! The lab's program; everything is in the library, so that tests reach it.

use std::process::ExitCode;

use clap::Parser;
use vmtest::{cli, exit};

fn main() -> ExitCode {
    match cli::main(cli::Cli::parse()) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("vmtest: {error:#}");
            ExitCode::from(exit::LAB_BROKEN)
        }
    }
}
