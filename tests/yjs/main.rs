//! Driftline's documents against Yjs itself: random sessions, exchanged both ways, must read the same.
//!
//! Our side is the document of `core`, with the client id of a chain, above 2^32; the other is stock Yjs in a node
//! process, with an id of its own below. Both edit at the same time; updates arrive out of order, late and twice.
//! The number of a case is its seed: `DRIFTLINE_CASE=N` plays that one alone.
//!
//! yrs 0.28.1 and Yjs 13.6 differ in one way. It passes, and has a test in `differences.rs` that fails once it is no
//! more:
//!
//! - When the last character between two format marks is deleted from afar, Yjs takes the marks away, by an edit of
//!   its own; yrs leaves them. What somebody else typed there meanwhile stays formatted until the edit of Yjs
//!   arrives. So our side takes in the state of Yjs before the two are compared.
//!
//! The difference that y-crdt#632 reports, in a map written by some forty clients, did not show in any case.

#![allow(clippy::unwrap_used, reason = "what fails in a test fails the test")]

mod content;
mod crowd;
mod device;
mod differences;
mod edits;
mod mending;
mod peer;
mod random;
mod session;

use std::ops::Range;

use peer::Peer;
use session::Session;

#[test]
fn random_sessions_read_the_same_on_both_sides() {
    let Some(mut peer) = Peer::start() else { return };
    for case in cases(2_000) {
        Session::new(case, &mut peer).play();
    }
}

/// The numbers of the cases to play.
fn cases(all: u64) -> Range<u64> {
    let only = std::env::var("DRIFTLINE_CASE").ok().map(|case| case.parse().unwrap());
    only.map_or(0..all, |case: u64| case..case + 1)
}
