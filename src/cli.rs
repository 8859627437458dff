//! The command line: arguments in, words or JSON out.

mod arguments;
mod bench;
mod demo;

use std::process::ExitCode;

use clap::Parser;

/// Parses the arguments and runs what they say.
pub(crate) fn main() -> ExitCode {
    let arguments = arguments::Arguments::parse();
    match arguments.command {
        arguments::Command::Demo(options) => demo::main(&options),
        arguments::Command::Bench(options) => bench::main(&options),
    }
}
