//! A process that writes a chain through the [`Writer`] and says what was acknowledged, until it comes to a bad end; and
//! what is to be found of it afterwards. It is the test itself, started again with `child`.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, mpsc};

use driftline_core::document::Label;
use driftline_core::id::DocumentId;
use driftline_core::log::Frontier;
use driftline_storage::{Folder, Life, Progress, SledEngine, Store, WriteNumber, Writer};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::author::Author;

/// How many appends may wait to be acknowledged as saved.
const IN_FLIGHT: u64 = 64;

/// What is acknowledged: what survives the process, or what survives a loss of power.
#[derive(Clone, Copy, PartialEq)]
#[allow(dead_code, reason = "each test goes by one of them")]
pub(crate) enum Promise {
    Written,
    Saved,
}

/// Starts a process that writes.
pub(crate) fn start(folder: &Path, seed: u64, promise: Promise) -> Child {
    let promise = if promise == Promise::Written { "written" } else { "saved" };
    Command::new(std::env::current_exe().unwrap())
        .arg("child")
        .arg(folder)
        .args([&seed.to_string(), promise])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The numbers that a process says.
pub(crate) fn said(by: ChildStdout) -> impl Iterator<Item = u64> {
    let lines = BufReader::new(by).split(b'\n');
    // A line that was cut short may still parse, as a smaller number.
    lines.map(|line| String::from_utf8(line.unwrap()).unwrap().parse().unwrap_or(0))
}

/// Opens what a process left; says how many sound entries there are, and the incarnation.
pub(crate) fn check(folder: &Path, seed: u64) -> (u64, [u8; 16]) {
    let locked = Folder::lock(folder).unwrap();
    let store = open(&locked, seed);
    let log = store.document(&document()).unwrap();
    let entries = Author::new(document(), 1).check(&log.segments, 0);
    for (number, payload) in entries.iter().enumerate() {
        assert_eq!(payload[..8], (number as u64 + 1).to_be_bytes());
    }
    (entries.len() as u64, store.incarnation())
}

/// Writes on, for as long as it lives, if these are the arguments of such a process.
pub(crate) fn child(arguments: &[&str]) {
    let [_, "child", folder, seed, promise] = *arguments else { return };
    let (seed, promised) = (seed.parse().unwrap(), promise == "written");
    let folder = Folder::lock(Path::new(folder)).unwrap();
    let store = Arc::new(open(&folder, seed));
    let mut author = Author::new(document(), 1);
    for segment in store.segments(&document(), &Frontier::default(), usize::MAX).unwrap().segments {
        author.tip = segment.walk(author.tip.time).unwrap();
    }
    let base = author.tip.number;
    let (sender, saved) = mpsc::channel();
    let writer = Writer::start(store, move |progress| match progress {
        Progress::Written(WriteNumber(number)) if promised => acknowledge(base + number),
        Progress::Written(_) => {}
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

/// In a run of the machine of its own, if the seed is.
fn open(folder: &Folder, boot: u64) -> Store<SledEngine> {
    let engine = SledEngine::open(&folder.database()).unwrap();
    let life = Life { boot: Some(format!("run {boot}")), fresh: [boot as u8; 16] };
    Store::open(engine, life).unwrap()
}

fn document() -> DocumentId {
    Label::new("notes").unwrap().document(&driftline_core::id::SpaceId([1; 32]))
}
