//! Kill -9, for real: a process writes a chain through the [`Writer`](driftline_storage::Writer) and says what was
//! acknowledged; it is killed at a random moment, and whatever it had said must be on disk.
//!
//! The processes are this program itself, started with `child`.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

#[path = "store/author.rs"]
mod author;
#[path = "support/writing.rs"]
mod writing;

use std::process::Child;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use writing::{Promise, check, said, start};

const CYCLES: u64 = 50;

/// The machine never restarts here.
const BOOT: u64 = 0;

fn main() {
    let arguments: Vec<_> = std::env::args().collect();
    writing::child(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    cycles();
}

fn cycles() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("device");
    let (mut written, mut incarnation, mut killed_while_writing) = (0, None, 0);
    for seed in 0..CYCLES {
        let process = start(&folder, BOOT, Promise::Written);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        std::thread::sleep(Duration::from_millis(u64::from(rng.next_u32() % 250)));
        let acknowledged = kill(process);
        killed_while_writing += u64::from(acknowledged.is_some());
        written = written.max(acknowledged.unwrap_or(0));
        let (held, life) = check(&folder, BOOT);
        assert!(held >= written, "seed {seed}: {written} entries acknowledged, {held} held");
        assert_eq!(*incarnation.get_or_insert(life), life, "seed {seed}: nothing was lost");
        written = held;
    }
    println!("seeds 0 to {}: {written} entries, all that was acknowledged is there", CYCLES - 1);
    assert!(killed_while_writing > CYCLES / 4, "most are killed while they write");
}

/// Kills the process; returns the highest number that it had acknowledged, if any.
fn kill(mut process: Child) -> Option<u64> {
    process.kill().unwrap();
    let highest = said(process.stdout.take().unwrap()).max();
    assert!(!process.wait().unwrap().success(), "it was killed, and did not end by itself");
    highest
}
