//! What people who mean well notice of one who doesn't: how long their edits take, in peace and under attack.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use driftline::yrs::{Doc, Text, Transact};
use driftline::{Change, Changes, Device, Document, Invitation, Level, Multiaddr, Space};
use driftline_core::identity::DeviceKey;
use driftline_core::space::tag;
use driftline_net::{Network, NetworkConfig};
use futures::future::join_all;
use libp2p::multiaddr::Protocol;
use tokio::net::TcpStream;

use super::ingest::Bench;
use super::live::Times;
use super::peer::{Frame, Peer};
use super::typing::ROOT;

/// What is done to Alice's device while she and Bob write.
#[derive(Clone, Copy)]
pub(super) enum Attack {
    /// A thousand connections are opened, say nothing, and are opened again a second after they are closed.
    Silence,
    /// One stranger after the other comes, says what is no frame, and is cut off.
    Noise,
    /// A member sends signed edits of another document as fast as they are taken.
    Flood,
}

impl Attack {
    pub(super) const ALL: [Self; 3] = [Self::Silence, Self::Noise, Self::Flood];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Silence => "a live edit, while 1,000 connections say nothing",
            Self::Noise => "a live edit, while strangers come, send noise and are cut off",
            Self::Flood => "a live edit, while a member floods another document",
        }
    }
}

/// Alice, who writes and is attacked, and Bob, who sees what she writes.
struct Pair {
    alice: Bench,
    bob: Bench,
    space: Space,
    hers: Document,
    changes: Changes,
}

/// How long edits take from Alice to Bob, in peace and under an attack; by turns, so that what else the machine does
/// disturbs both alike.
pub(super) async fn edits(attack: Attack, rounds: usize) -> (Times, Times) {
    let mut pair = Pair::meet().await;
    let mut member = pair.lets_in().await;
    let new = || Times::new(3).expect("three digits");
    let (mut peace, mut attacked) = (new(), new());
    for round in 0..rounds {
        let flood = match attack {
            Attack::Flood => signed_edits(&mut member, round),
            Attack::Silence | Attack::Noise => Vec::new(),
        };
        write(&pair.hers, &mut pair.changes, &mut peace).await;
        let device = &pair.alice.device;
        let attacking = async {
            match attack {
                Attack::Silence => silence(device).await,
                Attack::Noise => noise(device, &pair.space).await,
                Attack::Flood => member.send(device.id(), flood).await,
            }
        };
        tokio::select! {
            never = attacking => match never {},
            () = write(&pair.hers, &mut pair.changes, &mut attacked) => {}
        }
        calm(&pair.space).await;
    }
    pair.alice.device.close().await.expect("closed");
    pair.bob.device.close().await.expect("closed");
    (peace, attacked)
}

impl Pair {
    async fn meet() -> Self {
        let (alice, bob) = (Bench::device().await, Bench::device().await);
        let space = alice.device.create_space("bench").await.expect("created");
        let ticket = space.invite(Invitation::default()).await.expect("an admin invites");
        let his = bob.device.join(&ticket).await.expect("joined");
        let hers = space.document("live").await.expect("opened");
        let his = his.document("live").await.expect("opened");
        let body = hers.text(ROOT);
        let hello = hers.edit(|txn| body.push(txn, "hello")).expect("a writer");
        hello.reached(Level::Peers(1)).await.expect("bob is there");
        let changes = his.changes();
        Self { alice, bob, space, hers, changes }
    }

    /// A member that is about to do harm.
    async fn lets_in(&self) -> Peer {
        let ticket = self.space.invite(Invitation::default()).await.expect("an admin invites");
        let device = &self.alice.device;
        let mut peer = Peer::joining(66, &ticket, device.addresses()).await;
        peer.run_until(|space| Peer::is_live(space, device.id())).await;
        peer
    }
}

/// Edits, each after a quiet spell, and how long it took until each was seen.
async fn write(hers: &Document, changes: &mut Changes, times: &mut Times) {
    const EDITS: usize = 100;
    let body = hers.text(ROOT);
    // An attack needs a moment to get under way.
    tokio::time::sleep(Duration::from_millis(200)).await;
    while changes.try_next().is_some() {}
    for _ in 0..EDITS {
        tokio::time::sleep(Duration::from_millis(5)).await;
        let start = Instant::now();
        hers.edit(|txn| body.push(txn, ".")).expect("a writer");
        if let Change::Entries(_) = changes.next().await {
            times.record(start.elapsed().as_nanos() as u64).expect("it grows with what it holds");
        }
    }
}

/// Waits until nothing more is taken in of what was sent during the attack: it would disturb the peace that follows.
async fn calm(space: &Space) {
    let mut held = None;
    loop {
        let status = space.status().await.expect("the device is open");
        let now: u64 = status.documents.iter().map(|document| document.entries).sum();
        if held.replace(now) == Some(now) {
            return;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

async fn silence(device: &Device) -> Infallible {
    let to = device.addresses().iter().find_map(socket).expect("it listens on TCP");
    let one = || async move {
        loop {
            if let Ok(stream) = TcpStream::connect(to).await {
                // Until the other side has had enough.
                _ = stream.readable().await;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    join_all((0..1_000).map(|_| one())).await;
    std::future::pending().await
}

fn socket(address: &Multiaddr) -> Option<SocketAddr> {
    match address.iter().collect::<Vec<_>>()[..] {
        [Protocol::Ip4(ip), Protocol::Tcp(port), ..] => Some(SocketAddr::from((ip, port))),
        _ => None,
    }
}

async fn noise(device: &Device, space: &Space) -> Infallible {
    loop {
        let key = DeviceKey::generate(&mut rand::rng());
        let tag = tag(&space.id(), &key.id());
        let network = Network::start(NetworkConfig::new(key), |_| {}).expect("the network starts");
        network.remember(Some(device.id()), device.addresses());
        let frame = bytes::Bytes::from([&tag[..], &[0xff; 4_000]].concat());
        let end = Instant::now() + Duration::from_secs(1);
        while network.send(device.id(), frame.clone()).is_err() && Instant::now() < end {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        network.shutdown().await;
    }
}

/// Frames of one edit each, all sound, in a document of the member's own.
fn signed_edits(member: &mut Peer, round: usize) -> Vec<Frame> {
    // More than are taken while the attack lasts, and few enough to be over soon after it.
    const COUNT: usize = 10_000;
    let name = format!("flood/{round}");
    let updates = dots(member.author(&name).1.chain.client_id(), COUNT);
    member.write(&name, &updates, 1)
}

/// So many dots, each an update.
fn dots(client: u64, count: usize) -> Vec<Vec<u8>> {
    let doc = Doc::with_client_id(client);
    let body = doc.get_or_insert_text(ROOT);
    let dot = |_| {
        let mut txn = doc.transact_mut();
        body.push(&mut txn, ".");
        txn.encode_update_v1()
    };
    (0..count).map(dot).collect()
}
