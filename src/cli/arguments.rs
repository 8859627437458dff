//! What can be said on the command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::FalseyValueParser;
use clap::{Args, Parser, Subcommand};
use driftline::Multiaddr;

use super::bounds::Bounds;
use super::door::Door;
use super::request::{Request, span};
use super::{bench, demo};

/// Documents that merge, on devices that sync peer to peer.
///
/// A device lives in a folder: its key, and everything it holds. While `driftline run` has the folder, the other
/// commands reach it through a socket there, and work the same.
#[derive(Parser)]
#[command(name = "driftline", version)]
pub(super) struct Arguments {
    /// The device's folder; without it, `driftline` in the user's own data folder
    #[arg(long, global = true, env = "DRIFTLINE_DATA", value_name = "DIR", display_order = 100)]
    pub(super) data: Option<PathBuf>,
    /// Answer in JSON, one object a line; errors too, on standard error
    #[arg(
        long,
        global = true,
        env = "DRIFTLINE_JSON",
        value_parser = FalseyValueParser::new(),
        display_order = 100
    )]
    pub(super) json: bool,
    /// A file whose first line is the passphrase of the device's key, if that is protected; without it,
    /// DRIFTLINE_PASSPHRASE, or you are asked
    #[arg(
        long,
        global = true,
        env = "DRIFTLINE_PASSPHRASE_FILE",
        value_name = "PATH",
        display_order = 100
    )]
    pub(super) passphrase_file: Option<PathBuf>,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Subcommand)]
pub(super) enum Command {
    #[command(flatten)]
    Device(DeviceCommand),
    /// Shows it all: an anchor and two devices tell a story, on this machine alone
    Demo(demo::Options),
    /// Measures this machine
    Bench(bench::Options),
}

/// What has to do with the device in the folder.
#[derive(Subcommand)]
pub(super) enum DeviceCommand {
    /// Makes a device in the folder: a key, and a store
    Init,
    /// The device's key: who it makes this device, and whether that takes a passphrase
    #[command(subcommand)]
    Key(KeyCommand),
    #[command(flatten)]
    Request(Request),
    /// Makes the device's folder from a backup; there must be nothing in it
    #[command(
        long_about = "Makes the device's folder (--data) from a backup. There must be nothing in it.\n\n\
        It takes the place of the device that is gone: never run both. What that one wrote after the backup was made \
        comes back from members who have it, and what it had asked for and was not decided waits, under its old name, \
        until they say what became of it."
    )]
    Restore {
        /// The folder that `driftline backup` wrote
        #[arg(value_name = "DIR")]
        backup: PathBuf,
    },
    /// Stays online until Ctrl-C, then says goodbye and leaves
    Run(Box<Online>),
    /// The same with a server's defaults: a known port (4001), room for more peers, a log of what happens
    #[command(long_about = "The same as `run` with a server's defaults:\n\n\
        - listens on port 4001, TCP and QUIC\n\
        - up to 2,048 connections at a time, 512 of them from one address, and 64 MiB waiting for each peer\n\
        - up to 1,000,000 documents and 128G in each space\n\
        - logs what happens to standard error, as with DRIFTLINE_LOG=info")]
    Anchor(Box<Online>),
}

#[derive(Subcommand)]
pub(super) enum KeyCommand {
    /// Whose key it is, where it is, and whether it takes a passphrase
    Show,
    /// Puts the key under a passphrase, or under another one. If you forget it, the device is lost
    Protect {
        /// A file whose first line is the new passphrase
        #[arg(long, value_name = "PATH", env = "DRIFTLINE_NEW_PASSPHRASE_FILE")]
        new_passphrase_file: Option<PathBuf>,
    },
    /// Takes the passphrase away: whoever can read the file is the device then
    Unprotect,
}

/// How a device stays online.
#[derive(Args)]
pub(super) struct Online {
    /// Where to listen, such as /ip4/0.0.0.0/tcp/4001 to be reached from other machines [default: this machine alone,
    /// TCP and QUIC; `run` on any free port]
    #[arg(long, value_name = "ADDR", env = "DRIFTLINE_LISTEN", value_delimiter = ',')]
    pub(super) listen: Vec<Multiaddr>,
    /// An address to look for others at, such as /ip4/127.0.0.1/tcp/4001
    #[arg(long, value_name = "ADDR", env = "DRIFTLINE_DIAL", value_delimiter = ',')]
    pub(super) dial: Vec<Multiaddr>,
    /// Written once the device listens: JSON with its id, process and addresses
    #[arg(long, value_name = "PATH", env = "DRIFTLINE_READY_FILE")]
    pub(super) ready_file: Option<PathBuf>,
    /// Find members on the local network, and be found
    #[arg(long, env = "DRIFTLINE_MDNS", value_parser = FalseyValueParser::new())]
    pub(super) mdns: bool,
    /// How long deleted documents stay on the disk: 12h, 7d or 2w [default: 30 days]
    #[arg(long, value_name = "SPAN", value_parser = span, env = "DRIFTLINE_KEEP_DELETED")]
    pub(super) keep_deleted: Option<Duration>,
    /// A file in TOML that says what these flags say, under their names; flags and the environment count more
    #[arg(long, value_name = "PATH", env = "DRIFTLINE_CONFIG")]
    pub(super) config: Option<PathBuf>,
    #[command(flatten)]
    pub(super) bounds: Bounds,
    #[command(flatten)]
    pub(super) door: Door,
}
