//! The gateway, as stock Yjs clients from npm use it: real processes, real sockets, a real disk.

#![allow(clippy::unwrap_used, reason = "what fails in a test fails the test")]

mod anchor;
mod asking;
mod backend;
mod bad_clients;
mod browser;
mod description;
mod limits;
mod pages;
mod plain;
mod proxy;
mod recovering;
mod settings;
#[path = "../support/small_disk.rs"]
mod small_disk;
mod socket;
mod stories;
mod tls;

use std::thread::sleep;
use std::time::{Duration, Instant};

/// Generous: reached only when something is broken.
const PATIENCE: Duration = Duration::from_secs(40);

/// Waits until something holds that has to come true.
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        sleep(Duration::from_millis(20));
    }
}
