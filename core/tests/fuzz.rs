//! What the fuzzers do, for a moment and on stable Rust: each target takes what honest devices would send, and then the
//! same with changes from a seed (`DRIFTLINE_SEED`, or 1). The fuzzers themselves go on from there: see `fuzz/`.

#![allow(clippy::disallowed_methods, reason = "what `core` must not do, its tests have to")]

#[allow(dead_code, reason = "another fuzzer's, of which this uses the framing of cases")]
#[path = "../../fuzz/src/apply.rs"]
mod apply;
#[allow(dead_code, reason = "the example uses the rest")]
#[path = "../examples/fuzz/crafted.rs"]
mod crafted;
#[path = "../../fuzz/src/entry.rs"]
mod entry;
#[path = "../../fuzz/src/frame.rs"]
mod frame;
#[path = "../../fuzz/src/honest.rs"]
mod honest;
#[path = "../../fuzz/src/roster.rs"]
mod roster;
#[path = "../../fuzz/src/segment.rs"]
mod segment;
#[path = "../../fuzz/src/ticket.rs"]
mod ticket;

use std::path::Path;

use data_encoding::HEXLOWER;

use crafted::Dice;

/// Shows what broke a target.
struct Case<'a> {
    seed: u64,
    bytes: &'a [u8],
}

impl Drop for Case<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("seed {}, case {}", self.seed, HEXLOWER.encode(self.bytes));
        }
    }
}

/// Gives a target what lies in its corpus, and then so many changed cases.
fn replay(target: &str, changed: usize, run: fn(&[u8]) -> usize) {
    let seed = std::env::var("DRIFTLINE_SEED").map_or(1, |seed| seed.parse().expect("a number"));
    let honest: Vec<_> = honest::seeds().into_iter().filter(|seed| seed.0 == target).collect();
    for (_, name, bytes) in &honest {
        let _case = Case { seed, bytes };
        assert!(run(bytes) > 0, "{name} is honest, and nothing of it was taken");
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let files = std::fs::read_dir(&folder).expect("every target has a corpus");
    let corpus: Vec<_> =
        files.map(|file| std::fs::read(file.expect("a file").path()).expect("a file")).collect();
    for (_, name, bytes) in &honest {
        assert!(corpus.contains(bytes), "{name} is not in {}: write it anew", folder.display());
    }
    for bytes in &corpus {
        let _case = Case { seed, bytes };
        run(bytes);
    }
    let mut dice = Dice::new(seed);
    for _ in 0..changed {
        let mut bytes = corpus[dice.roll(corpus.len())].clone();
        for _ in 0..1 + dice.roll(4) {
            let donor = dice.roll(corpus.len());
            dice.spoil(&mut bytes, &corpus[donor]);
        }
        let _case = Case { seed, bytes: &bytes };
        run(&bytes);
    }
    println!("{target}: {} cases, and {changed} changed ones from seed {seed}", corpus.len());
}

#[test]
fn tickets() {
    replay("ticket", 5_000, ticket::ticket);
}

#[test]
fn entries() {
    replay("entry", 20_000, entry::entry);
}

#[test]
fn segments() {
    replay("segment", 10_000, segment::segment);
}

#[test]
fn rosters() {
    replay("roster", 200, roster::roster);
}

#[test]
fn frames() {
    replay("frame", 500, frame::frame);
}
