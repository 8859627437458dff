//! How soon a cursor that moves is seen, when many do and all go by way of one device that is always on, as an anchor.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use driftline::{DeviceId, DeviceOptions, Invitation, Presence};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{interval, timeout};

use super::ingest::Bench;
use super::live::Times;

/// Devices that show cursors, and how many each does. Each device hears of all.
const SENDERS: usize = 10;
const CURSORS_EACH: u64 = 10;

/// How often each cursor moves.
const PAUSE: Duration = Duration::from_millis(100);

/// How long what is under way has to be seen when nothing moves any more.
const LAST: Duration = Duration::from_secs(1);

/// A cursor, and when it moved, in nanoseconds since the start.
type Moved = ((DeviceId, u64), u64);

/// From each move of each cursor until somebody sees it, or a later move of the same cursor.
pub(super) async fn moves(spell: Duration) -> Times {
    let middle = Bench::device().await;
    let space = middle.device.create_space("bench").await.expect("created");
    let ticket = space.invite(Invitation::default()).await.expect("an admin invites");
    let (mut devices, mut presences) = (Vec::new(), Vec::new());
    for _ in 0..=SENDERS {
        // Nobody can reach those who listen on nothing, so everything is passed on in the middle.
        let bench = Bench::with(DeviceOptions::default()).await;
        let space = bench.device.join(&ticket).await.expect("joined");
        presences.push((bench.device.id(), space.presence("notes").expect("a name")));
        devices.push(bench);
    }
    let (start, (told, moved)) = (Instant::now(), unbounded_channel());
    let (_, reader) = presences.swap_remove(0);
    let moving = presences.into_iter().map(|(device, presence)| {
        tokio::spawn(moving(device, presence, (start, spell), told.clone()))
    });
    let moving: Vec<_> = moving.collect();
    drop(told);
    let times = watch(&reader, start, moved).await;
    for moving in moving {
        moving.await.expect("it ends");
    }
    for bench in devices.iter().chain([&middle]) {
        bench.device.close().await.expect("closed");
    }
    times
}

/// Moves the cursors of one device, one after the other.
async fn moving(
    device: DeviceId,
    presence: Presence,
    (start, spell): (Instant, Duration),
    told: UnboundedSender<Moved>,
) {
    let cursors: Vec<_> = (1..=CURSORS_EACH).map(|guest| presence.as_guest(guest)).collect();
    let mut clock = interval(PAUSE / CURSORS_EACH as u32);
    for (guest, cursor) in (1..=CURSORS_EACH).zip(&cursors).cycle() {
        clock.tick().await;
        if start.elapsed() > spell {
            break;
        }
        let now = start.elapsed().as_nanos() as u64;
        told.send(((device, guest), now)).expect("somebody measures");
        cursor.set(&now).expect("it is small");
    }
}

/// Sees cursors move, until all moves are seen.
async fn watch(reader: &Presence, start: Instant, mut moved: UnboundedReceiver<Moved>) -> Times {
    let mut times = Times::new(3).expect("three digits");
    let mut unseen: BTreeMap<(DeviceId, u64), VecDeque<u64>> = BTreeMap::new();
    let mut others = reader.watch::<u64>();
    while let Ok(seen) = timeout(LAST, others.next()).await {
        let now = start.elapsed().as_nanos() as u64;
        while let Ok((cursor, at)) = moved.try_recv() {
            unseen.entry(cursor).or_default().push_back(at);
        }
        for other in seen.expect("it is open") {
            let moves = unseen.entry((other.device, other.guest)).or_default();
            while let Some(at) = moves.pop_front_if(|at| *at <= other.state) {
                times.record(now - at).expect("it grows with what it holds");
            }
        }
    }
    assert!(unseen.values().all(VecDeque::is_empty), "the last move of each is seen");
    times
}
