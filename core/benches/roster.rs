//! Looking somebody up in a roster with a short history, and in one with a long: it should make no difference.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use driftline_core::clock::WallTime;
use driftline_core::codec;
use driftline_core::id::{ChainId, DeviceId};
use driftline_core::identity::DeviceKey;
use driftline_core::log::{ChainHead, EntryKind, Frontier, Segment, SegmentBuilder};
use driftline_core::roster::{Act, Genesis, Invitation, Role, Roster, RosterEntry, Ticket};
use driftline_core::space::roster_document;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// A roster of twenty writers whose roles were changed so many times, and one of the writers.
fn roster(changes: u64) -> (Roster, DeviceId) {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let admin = DeviceKey::generate(&mut rng);
    let genesis = Genesis::new("kitchen", &admin, WallTime(0), &mut rng);
    let space = genesis.space();
    let head = ChainHead::open(roster_document(&space), admin.id(), None, WallTime(1), &mut rng);
    let writers: Vec<_> = (0..20).map(|_| DeviceKey::generate(&mut rng)).collect();
    let mut builder = SegmentBuilder::opening(head);
    let mut does = |act: Act| {
        // What its own chain holds before, every entry knows.
        let entry = RosterEntry { seen: Frontier::default(), act };
        builder.push(EntryKind::ROSTER, &codec::encode(&entry), WallTime(2));
    };
    for writer in &writers {
        let (role, expires) = (Role::Writer, WallTime(100));
        let terms = Invitation { role, rank: None, expires, seen: Frontier::default() };
        let ticket = Ticket::issue(space, &admin, terms, Vec::new(), &mut rng);
        does(Act::Admit(Box::new(ticket.request(writer))));
    }
    for change in 0..changes {
        let device = writers[change as usize % writers.len()].id();
        does(Act::Appoint { device, role: Role::Writer, rank: None, cuts: Frontier::default() });
    }
    let segment: Segment = builder.seal(&admin);
    let mut roster = Roster::new(genesis);
    roster.take([(admin.id(), &segment)]);
    assert_eq!(roster.members().count(), 21, "all were let in");
    (roster, writers[7].id())
}

fn lookups(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("roster");
    for changes in [0, 500] {
        let (roster, writer) = roster(changes);
        let chain = ChainId([7; 32]);
        group.bench_function(format!("member and reach, after {changes} changes"), |bencher| {
            bencher.iter(|| {
                let reach = roster.reach(black_box(&writer), black_box(&chain));
                black_box((roster.member(black_box(&writer)).is_some(), reach))
            });
        });
    }
    group.finish();
}

criterion_group!(benches, lookups);
criterion_main!(benches);
