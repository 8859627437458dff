//! Commands: how soon a prediction shows, what decisions cost that touch none of one's own, and a long queue decided.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use driftline_core::clock::WallTime;
use driftline_core::command::{
    Command, CommandId, Decision, Handler, Ledger, Registry, Transaction,
};
use driftline_core::id::{ChainId, DeviceId, SpaceId};
use driftline_core::record::{Bucket, Record, Value};
use serde::{Deserialize, Serialize};

const ME: DeviceId = DeviceId([1; 32]);
const OTHER: DeviceId = DeviceId([2; 32]);
const RECORDS: u32 = 100_000;

/// How many commands an engine decides, or takes in, before it shows what came of them.
const AT_ONCE: usize = 1024;

#[derive(Serialize, Deserialize, Record)]
#[record(collection = "seats", crate = "driftline_core")]
struct Seat {
    #[key]
    number: u32,
    #[policy(first_write)]
    holder: Option<String>,
    row: u32,
}

#[derive(Serialize, Deserialize, Command)]
#[command(refusal = String, crate = "driftline_core")]
struct BookSeat {
    number: u32,
    guest: String,
}

impl Handler for BookSeat {
    fn run(&self, tx: &mut Transaction<'_>) -> Result<(), String> {
        if let Some(Some(holder)) = tx.read(self.number, Seat::HOLDER) {
            return Err(holder);
        }
        tx.write(self.number, Seat::HOLDER, &Some(self.guest.clone()));
        Ok(())
    }
}

/// Puts a row of seats there.
#[derive(Serialize, Deserialize, Command)]
#[command(crate = "driftline_core")]
struct Furnish {
    first: u32,
    seats: u32,
}

impl Handler for Furnish {
    fn run(&self, tx: &mut Transaction<'_>) -> Result<(), ()> {
        for number in self.first..self.first + self.seats {
            tx.put(&Seat { number, holder: None, row: number / 100 });
        }
        Ok(())
    }
}

/// Moves the same seat on by a row, as all before it did.
#[derive(Serialize, Deserialize, Command)]
#[command(crate = "driftline_core")]
struct MoveOn {}

impl Handler for MoveOn {
    fn run(&self, tx: &mut Transaction<'_>) -> Result<(), ()> {
        let row = tx.read(0, Seat::ROW).unwrap_or_default();
        tx.write(0, Seat::ROW, &(row + 1));
        Ok(())
    }
}

fn registry() -> Arc<Registry> {
    let registry = Registry::new().record::<Seat>();
    Arc::new(registry.command::<BookSeat>().command::<Furnish>().command::<MoveOn>())
}

/// Gives a command, by the author's own ledger.
fn give<C: Command>(ledger: &mut Ledger, author: DeviceId, number: u64, command: &C) {
    let fields = Value::of(command).expect("it has no fractions");
    let (home, at) = (ledger.home(Bucket::default()), WallTime(number));
    let call = ledger.call((C::NAME, C::VERSION), fields, &home.ledger, at);
    ledger.take_call(&home, (id(author, number), author), None, call);
}

fn id(author: DeviceId, number: u64) -> CommandId {
    CommandId { chain: ChainId(author.0), number }
}

fn decide(ledger: &mut Ledger, author: DeviceId, number: u64) -> Decision {
    let everybody = |_: &DeviceId, _: &Bucket| true;
    let mut draft = ledger.draft(&everybody);
    let decided = draft.decide(id(author, number), author, None, WallTime(number));
    let (home, decision) = decided.expect("it was given").remove(0);
    ledger.take_decision(&home, decision.clone());
    decision
}

/// A hall with all its seats, and how many commands it took.
fn hall() -> (Ledger, u64) {
    let mut ledger = Ledger::new(registry(), ME, SpaceId([7; 32]));
    let mut number = 0;
    for first in (0..RECORDS).step_by(100) {
        number += 1;
        give(&mut ledger, OTHER, number, &Furnish { first, seats: 100 });
        decide(&mut ledger, OTHER, number);
    }
    ledger.settle();
    (ledger, number)
}

fn book(ledger: &mut Ledger, author: DeviceId, number: u64, seat: u32) {
    give(ledger, author, number, &BookSeat { number: seat, guest: "Ann".to_owned() });
}

fn submitting(criterion: &mut Criterion) {
    let (mut ledger, _) = hall();
    (1..=100).for_each(|n| book(&mut ledger, ME, n, 7 * n as u32));
    ledger.settle();
    criterion.bench_function("commands/submit, 100,000 records, 100 pending", |bencher| {
        let submit = |ledger: &mut Ledger| {
            let fields = Value::of(&BookSeat { number: 5, guest: "Ben".to_owned() });
            let fields = fields.expect("it has no fractions");
            let home = ledger.home(Bucket::default());
            let call = ledger.call((BookSeat::NAME, 1), fields, &home.ledger, WallTime(101));
            let predicted = ledger.try_call(id(ME, 101), &call, None);
            ledger.take_call(&home, (id(ME, 101), ME), None, call);
            ledger.settle();
            assert!(black_box(predicted).stands());
        };
        bencher.iter_batched_ref(|| ledger.clone(), submit, BatchSize::SmallInput);
    });
}

/// A thousand decisions about seats that I did not book.
fn foreign_decisions(hall: &Ledger, before: u64) -> Vec<Decision> {
    let mut anchor = hall.clone();
    let book_and_decide = |n: u32| {
        let number = before + 1 + u64::from(n);
        book(&mut anchor, OTHER, number, 50_000 + n);
        decide(&mut anchor, OTHER, number)
    };
    (0..1000).map(book_and_decide).collect()
}

fn rebasing(criterion: &mut Criterion) {
    let (hall, furnished) = hall();
    let foreign = foreign_decisions(&hall, furnished);
    let mut waiting = hall.clone();
    (1..=1000).for_each(|n| book(&mut waiting, ME, n, n as u32));
    waiting.settle();
    let take = |ledger: &mut Ledger| {
        let home = ledger.home(Bucket::default());
        foreign.iter().for_each(|decision| ledger.take_decision(&home, decision.clone()));
        ledger.settle();
    };
    let mut group = criterion.benchmark_group("commands/1,000 foreign decisions");
    group.sample_size(20);
    for (pending, ledger) in [("nothing", &hall), ("1,000", &waiting)] {
        group.bench_function(format!("{pending} pending"), |bencher| {
            bencher.iter_batched_ref(|| ledger.clone(), take, BatchSize::LargeInput);
        });
    }
    group.bench_function("1,000 pending, run again instead", |bencher| {
        let run_again = |ledger: &mut Ledger| {
            ledger.run_with(registry());
            ledger.settle();
        };
        bencher.iter_batched_ref(|| waiting.clone(), run_again, BatchSize::LargeInput);
    });
    group.finish();
}

/// A queue that grew while nobody could be reached, each command on a seat of its own or all on the same.
fn queue(length: u64, same: bool) -> Ledger {
    let (mut ledger, _) = hall();
    for n in 1..=length {
        match same {
            true => give(&mut ledger, ME, n, &MoveOn {}),
            false => book(&mut ledger, ME, n, n as u32),
        }
    }
    ledger.settle();
    ledger
}

fn deciding(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("commands/a queue decided");
    group.sample_size(10);
    for (kind, same) in [("seats", false), ("the same seat", true)] {
        for length in [5_000, 50_000] {
            let queued = queue(length, same);
            group.throughput(Throughput::Elements(length));
            let all = |ledger: &mut Ledger| {
                loop {
                    let ready = ledger.ready(AT_ONCE, |_| Some(ME));
                    if ready.is_empty() {
                        break;
                    }
                    ready.iter().for_each(|(command, _)| drop(decide(ledger, ME, command.number)));
                    ledger.settle();
                }
            };
            group.bench_function(BenchmarkId::new(kind, length), |bencher| {
                bencher.iter_batched_ref(|| queued.clone(), all, BatchSize::PerIteration);
            });
        }
    }
    group.finish();
}

criterion_group!(benches, submitting, rebasing, deciding);
criterion_main!(benches);
