//! Parse, do, exit code.

mod cli;
mod codec;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match cli::main(&cli::Cli::parse()) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("quell: {error:#}");
            ExitCode::from(quell::exit::FAILED)
        }
    }
}
