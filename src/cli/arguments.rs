//! What can be said on the command line.

use clap::{Parser, Subcommand};

use super::{bench, demo};

#[derive(Parser)]
#[command(version, about)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Subcommand)]
pub(super) enum Command {
    /// Shows it all: an anchor and two devices tell a story, on this machine alone
    Demo(demo::Options),
    /// Measures this machine
    Bench(bench::Options),
}
