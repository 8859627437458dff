//! Kill -9, for real: a process writes a chain through the [`Writer`] and says what was acknowledged; it
//! is killed at a random moment, and whatever it had said must be on disk.
//!
//! The processes are this program itself, started with `child`.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

#[path = "store/author.rs"]
mod author;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use driftline_core::document::Label;
use driftline_core::id::DocumentId;
use driftline_core::log::Frontier;
use driftline_storage::{Folder, Life, Progress, SledEngine, Store, WriteNumber, Writer};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use author::Author;

const CYCLES: u64 = 50;

/// How many appends may wait to be acknowledged as saved.
const IN_FLIGHT: u64 = 64;

fn main() {
    let arguments: Vec<_> = std::env::args().collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [_, "child", folder, seed] => child(Path::new(folder), seed.parse().unwrap()),
        _ => cycles(),
    }
}

fn cycles() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("device");
    let (mut written, mut incarnation, mut killed_while_writing) = (0, None, 0);
    for seed in 0..CYCLES {
        let process = start(&folder, seed);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        std::thread::sleep(Duration::from_millis(u64::from(rng.next_u32() % 250)));
        let acknowledged = kill(process);
        killed_while_writing += u64::from(acknowledged.is_some());
        written = written.max(acknowledged.unwrap_or(0));
        let (held, life) = check(&folder);
        assert!(held >= written, "seed {seed}: {written} entries acknowledged, {held} held");
        assert_eq!(*incarnation.get_or_insert(life), life, "seed {seed}: nothing was lost");
        written = held;
    }
    println!("seeds 0 to {}: {written} entries, all that was acknowledged is there", CYCLES - 1);
    assert!(killed_while_writing > CYCLES / 4, "most are killed while they write");
}

fn start(folder: &Path, seed: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .arg("child")
        .arg(folder)
        .arg(seed.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Kills the process; returns the highest number that it had acknowledged, if any.
fn kill(mut process: Child) -> Option<u64> {
    process.kill().unwrap();
    let lines = BufReader::new(process.stdout.take().unwrap()).split(b'\n');
    // A line that the kill has cut short may still parse, as a smaller number.
    let numbers = lines.map(|line| String::from_utf8(line.unwrap()).unwrap().parse().unwrap_or(0));
    let highest = numbers.max();
    assert!(!process.wait().unwrap().success(), "it was killed, and did not end by itself");
    highest
}

/// Opens what the killed process left; returns how many sound entries there are, and the incarnation.
fn check(folder: &Path) -> (u64, [u8; 16]) {
    let locked = Folder::lock(folder).unwrap();
    let store = open(&locked, 0);
    let log = store.document(&document()).unwrap();
    let entries = Author::new(document(), 1).check(&log.segments, 0);
    for (number, payload) in entries.iter().enumerate() {
        assert_eq!(payload[..8], (number as u64 + 1).to_be_bytes());
    }
    (entries.len() as u64, store.incarnation())
}

/// Writes on, for as long as it lives.
fn child(folder: &Path, seed: u64) {
    let folder = Folder::lock(folder).unwrap();
    let store = Arc::new(open(&folder, seed));
    let mut author = Author::new(document(), 1);
    for segment in store.segments(&document(), &Frontier::default(), usize::MAX).unwrap().segments {
        author.tip = segment.walk(author.tip.time).unwrap();
    }
    let base = author.tip.number;
    let (sender, saved) = mpsc::channel();
    let writer = Writer::start(store, move |progress| match progress {
        Progress::Written(WriteNumber(number)) => acknowledge(base + number),
        Progress::Saved(WriteNumber(number)) => {
            acknowledge(base + number);
            sender.send(base + number).unwrap();
        }
        Progress::Failed(error) => panic!("{error}"),
    })
    .unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut safe = base;
    loop {
        let number = author.tip.number + 1;
        let length = if rng.next_u32() % 50 == 0 { 20_000 } else { rng.next_u32() % 200 };
        let payload = [&number.to_be_bytes()[..], &vec![7; length as usize]].concat();
        writer.append(author.write(&[payload])).unwrap();
        while number - safe > IN_FLIGHT {
            safe = saved.recv().unwrap();
        }
    }
}

fn acknowledge(number: u64) {
    writeln!(std::io::stdout().lock(), "{number}").unwrap();
}

fn open(folder: &Folder, seed: u64) -> Store<SledEngine> {
    let engine = SledEngine::open(&folder.database()).unwrap();
    let life = Life { boot: Some("the test's".to_owned()), fresh: [seed as u8; 16] };
    Store::open(engine, life).unwrap()
}

fn document() -> DocumentId {
    Label::new("notes").unwrap().document(&driftline_core::id::SpaceId([1; 32]))
}
