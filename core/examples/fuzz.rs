//! Millions of hostile cases against what the check lets through to yrs, on stable Rust and from a seed:
//!
//! `cargo run --release -p driftline-core --example fuzz -- 1000000 7`
//!
//! A case is a short session of honest people with something changed: bytes at random, or a whole update made up of
//! blocks that lean on anything. A case that breaks yrs, takes over a second or grows by 64 MB is printed, the first of its kind, as
//! hexadecimal; `-- again HEXADECIMAL` runs it alone and shows where it broke.

#![allow(clippy::disallowed_methods, reason = "what `core` must not do, its driver has to")]

#[allow(dead_code, reason = "shared with the fuzzers")]
#[path = "../../fuzz/src/apply.rs"]
mod apply;
#[path = "fuzz/crafted.rs"]
mod crafted;
#[path = "../../fuzz/src/honest.rs"]
mod devices;
#[allow(dead_code, reason = "shared with the fuzzers")]
#[path = "../../fuzz/src/frame.rs"]
mod frame;
#[allow(dead_code, clippy::unwrap_used, reason = "shared with the tests")]
#[path = "../src/document/check/tests/honest.rs"]
mod honest;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{env, fs, process, thread};

use data_encoding::HEXLOWER;

use apply::framed;
use crafted::Dice;

const TOO_LONG: Duration = Duration::from_secs(1);
const TOO_MUCH: u64 = 64 << 10;

type Case = Vec<(u8, Vec<u8>)>;

fn main() {
    let arguments: Vec<_> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["again", case] => {
            let case = HEXLOWER.decode(case.as_bytes()).expect("a case in hexadecimal");
            println!("{} updates passed", apply::apply(&apply::frames(&case)));
        }
        ["seeds", folder] => write_seeds(folder),
        _ => fuzz(&arguments),
    }
}

/// Writes honest sessions, for the corpus of the fuzzers that start from files.
fn write_seeds(folder: &str) {
    let write = |target: &str, name: &str, bytes: &[u8]| {
        fs::write(format!("{folder}/{target}/{name}"), bytes)
            .expect("the folder can be written to");
    };
    let mut dice = Dice::new(1);
    for number in 0..8 {
        let (session, name) = (session(&mut dice), format!("honest-{number}"));
        write("apply", &name, &framed(&session));
        session.first().inspect(|(_, update)| write("update", &name, update));
    }
    devices::seeds().iter().for_each(|(target, name, bytes)| write(target, name, bytes));
}

fn fuzz(arguments: &[String]) {
    let mut arguments = arguments.iter().map(|number| number.parse().expect("a number"));
    let (cases, seed) = (arguments.next().unwrap_or(100_000), arguments.next().unwrap_or(1));
    let place = Arc::new(Mutex::new(String::new()));
    let told = place.clone();
    std::panic::set_hook(Box::new(move |panic| {
        let mut place = told.lock().unwrap_or_else(PoisonError::into_inner);
        // The first is yrs', the second ours that tells of it.
        if place.is_empty() {
            *place = panic.location().map(ToString::to_string).unwrap_or_default();
        }
    }));
    let mut dice = Dice::new(seed);
    let sessions: Vec<_> = (0..500).map(|_| session(&mut dice)).collect();
    let watched = watch();
    let (mut passed, mut spoilt_passed, mut found) = (0, 0, BTreeMap::new());
    for number in 0..cases {
        let (case, spoilt) = case(&sessions, &mut dice);
        *watched.case.lock().unwrap_or_else(PoisonError::into_inner) = case.clone();
        watched.number.store(number + 1, Ordering::Relaxed);
        let frames: Vec<_> = case.iter().map(|(who, update)| (*who, update.as_slice())).collect();
        if !apply::accepted(&frames).contains(&frames[spoilt].1) {
            continue;
        }
        spoilt_passed += 1;
        let (before, since) = (peak(), busy());
        match catch_unwind(AssertUnwindSafe(|| apply::apply(&frames))) {
            Ok(updates) => passed += updates,
            Err(_) => {
                let place =
                    std::mem::take(&mut *place.lock().unwrap_or_else(PoisonError::into_inner));
                report(&format!("broke at {place}"), number, &case, &mut found);
            }
        }
        if busy() > since + TOO_LONG {
            report("took over a second", number, &case, &mut found);
        }
        if peak() > before + TOO_MUCH {
            report("grew by 64 MB", number, &case, &mut found);
        }
    }
    println!(
        "{cases} cases from seed {seed}: in {spoilt_passed} the hostile update passed, {passed} updates in all"
    );
    found.iter().for_each(|(what, times)| println!("{times} × {what}"));
    process::exit(i32::from(!found.is_empty()));
}

fn session(dice: &mut Dice) -> Case {
    let steps: Vec<honest::Step> = (0..3 + dice.roll(10))
        .map(|_| (dice.byte(), dice.byte(), dice.byte(), dice.byte()))
        .collect();
    let sender = |client: u64| ((client - (1 << 33)) / 7) as u8;
    let written = honest::written(3, &steps);
    written.into_iter().map(|one| (sender(one.client), one.update)).collect()
}

/// A session with updates that are not honest, and where the first is.
fn case(sessions: &[Case], dice: &mut Dice) -> (Case, usize) {
    let mut case = sessions[dice.roll(sessions.len())].clone();
    if case.is_empty() || dice.roll(2) == 0 {
        let first = dice.roll(case.len() + 1);
        insert_crafted(&mut case, first, dice);
        // Where something lands is often a matter of several that lean on one another.
        for _ in 0..dice.roll(4) {
            let at = first + 1 + dice.roll(case.len() - first);
            insert_crafted(&mut case, at, dice);
        }
        return (case, first);
    }
    let at = dice.roll(case.len());
    for _ in 0..1 + dice.roll(3) {
        let other = &sessions[dice.roll(sessions.len())];
        let donor = other.first().map_or(&[][..], |(_, update)| update);
        dice.spoil(&mut case[at].1, donor);
    }
    (case, at)
}

/// Puts a crafted update into a session, that goes on where its author stands then.
fn insert_crafted(case: &mut Case, at: usize, dice: &mut Dice) {
    let who = dice.byte() % 4;
    let before = case[..at].iter().filter(|(sender, _)| *sender == who);
    let mut outlines = before.filter_map(|(_, update)| outline(update));
    let clock = outlines.next_back().map_or(0, |clocks| clocks.end);
    case.insert(at, (who, crafted::update(dice, apply::client(who), clock)));
}

fn outline(update: &[u8]) -> Option<std::ops::Range<u32>> {
    use driftline_core::document::check::{Author, update as check};
    check(update, Author::Anyone).ok().and_then(|outline| outline.clocks)
}

/// Prints the first case of each kind.
fn report(what: &str, number: u64, case: &Case, found: &mut BTreeMap<String, u64>) {
    let times = found.entry(what.to_owned()).or_insert(0);
    *times += 1;
    if *times == 1 {
        println!("case {number} {what}: {}", HEXLOWER.encode(&framed(case)));
    }
}

/// The most memory that the process ever had, in KiB; nothing where the system does not say.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

/// How long this thread has run, not counting when others had the processor; nothing where the system does not say.
fn busy() -> Duration {
    let schedule = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = schedule.split(' ').next().and_then(|nanoseconds| nanoseconds.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or(0))
}

/// The case under way, for whoever watches that it ends.
#[derive(Default)]
struct Watched {
    number: AtomicU64,
    case: Mutex<Case>,
}

/// Ends the process if a case takes for ever.
fn watch() -> Arc<Watched> {
    let watched = Arc::new(Watched::default());
    let watching = watched.clone();
    thread::spawn(move || {
        loop {
            let number = watching.number.load(Ordering::Relaxed);
            thread::sleep(20 * TOO_LONG);
            if number > 0 && number == watching.number.load(Ordering::Relaxed) {
                let case = watching.case.lock().unwrap_or_else(PoisonError::into_inner);
                report("does not end", number - 1, &case, &mut BTreeMap::new());
                process::exit(2);
            }
        }
    });
    watched
}
