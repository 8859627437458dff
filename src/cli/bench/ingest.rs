//! "The whole way in": what a peer sends is received, hashed, its signature checked, written, and brought into the
//! open document. And the way through: received, checked, written, sent on, never decoded.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use driftline::yrs::{GetString, Text};
use driftline::{
    ChainId, Change, Changes, Device, DeviceOptions, Document, PeerState, PeerStatus, Role, Space,
};

use super::peer::Peer;
use super::rounds::apart;
use super::typing::{ROOT, Typed, apply_one_by_one, text_of};

/// The document that it is brought into.
pub(super) const DOCUMENT: &str = "paper";

/// So many keystrokes about fill a segment.
pub(super) const LONG: usize = 4_000;

/// A device of its own in a temporary folder.
pub(super) struct Bench {
    pub(super) device: Device,
    folder: tempfile::TempDir,
}

/// On loopback, at a port of the system's choice.
pub(super) fn options() -> DeviceOptions {
    let listen = vec!["/ip4/127.0.0.1/tcp/0".parse().expect("an address")];
    DeviceOptions { listen, ..DeviceOptions::default() }
}

impl Bench {
    pub(super) async fn device() -> Self {
        Self::with(options()).await
    }

    pub(super) async fn with(options: DeviceOptions) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let device = Device::open_with(folder.path().join("device"), options).await;
        Self { device: device.expect("a fresh device opens"), folder }
    }

    /// Where it lives.
    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join("device")
    }
}

/// The client id under which everything that is brought in has to be typed: a peer that begins anew opens the same
/// chain every time.
pub(super) async fn client() -> u64 {
    author().await.1.client_id()
}

/// The baseline: how long yrs takes to apply the updates one by one.
pub(super) fn yrs_alone(typed: &Typed) -> Duration {
    apart(|| {
        let start = Instant::now();
        let doc = apply_one_by_one(&typed.updates);
        let took = start.elapsed();
        assert_eq!(text_of(&doc), typed.text);
        took
    })
}

/// How long a device takes to have it all in its open document, from a live peer, in segments of so many updates.
pub(super) async fn whole_way_in(in_segment: usize, typed: &Typed) -> Duration {
    let (bench, _, took) = brought_in(in_segment, typed).await;
    bench.device.close().await.expect("closed");
    took
}

/// A device that has had it all brought into a document of a space, which it has closed again.
pub(super) async fn brought_in(in_segment: usize, typed: &Typed) -> (Bench, Space, Duration) {
    let bench = Bench::device().await;
    let (mut peer, _) = author_of(typed).await;
    let ticket = peer.ticket(Role::Writer);
    let me = bench.device.id();
    let (space, ()) =
        tokio::join!(bench.device.join(&ticket), peer.run_until(|space| Peer::is_live(space, me)));
    let space = space.expect("joined");
    let document = space.document(DOCUMENT).await.expect("opened");
    let changes = document.changes();

    let frames = peer.write(DOCUMENT, &typed.updates, in_segment);
    let start = Instant::now();
    let took = tokio::select! {
        took = arrived(&document, changes, typed, start) => took,
        never = peer.send(me, frames) => match never {},
    };
    (bench, space, took)
}

/// Waits until the document holds the whole text, and says how long after `start` that was.
///
/// What is heard says only when to look, for it can be told late, or not at all: whether everything is in shows in
/// the document itself. As nothing is heard of before it can be seen there, whatever comes last says so in time.
async fn arrived(
    document: &Document,
    mut changes: Changes,
    typed: &Typed,
    start: Instant,
) -> Duration {
    let body = document.text(ROOT);
    let (count, length) = (typed.updates.len() as u64, typed.text.encode_utf16().count() as u32);
    loop {
        if let Change::Entries(entries) = changes.next().await
            && entries.last < count
        {
            continue;
        }
        let took = start.elapsed();
        let whole = document.read(|txn| {
            // Reading a text takes a while, so that is for the end.
            body.len(txn) == length && body.get_string(txn) == typed.text
        });
        if whole {
            return took;
        }
    }
}

/// How long until another member holds all of it, and has checked it, by way of an anchor that has nothing open.
pub(super) async fn forwarded(in_segment: usize, typed: &Typed) -> Duration {
    let bench = Bench::device().await;
    let (mut writer, chain) = author_of(typed).await;
    let ticket = writer.ticket(Role::Anchor);
    let me = bench.device.id();
    let (space, ()) = tokio::join!(
        bench.device.join(&ticket),
        writer.run_until(|space| Peer::is_live(space, me)),
    );
    let space = space.expect("joined");
    let mut reader = Peer::joining(2, &writer.ticket(Role::Reader), bench.device.addresses()).await;
    loop {
        let live = |peer: &PeerStatus| peer.state == PeerState::Live;
        let peers = space.status().await.expect("open").peers;
        if peers.len() == 2 && peers.iter().all(live) {
            break;
        }
        writer.run_for(Duration::from_millis(50)).await;
        reader.run_for(Duration::from_millis(50)).await;
    }

    let frames = writer.write(DOCUMENT, &typed.updates, in_segment);
    let count = typed.updates.len() as u64;
    let start = Instant::now();
    tokio::select! {
        () = reader.receive(DOCUMENT, chain, count) => {}
        never = writer.send(me, frames) => match never {},
    }
    let took = start.elapsed();
    assert!(reader.updates(DOCUMENT).eq(typed.updates.iter().map(Vec::as_slice)));
    bench.device.close().await.expect("closed");
    took
}

async fn author_of(typed: &Typed) -> (Peer, ChainId) {
    let (peer, chain) = author().await;
    assert_eq!(chain.client_id(), typed.client, "what was typed is for this chain");
    (peer, chain)
}

/// A peer that begins a space, and the chain on which it writes.
async fn author() -> (Peer, ChainId) {
    let mut peer = Peer::founder(1).await;
    let chain = peer.author(DOCUMENT).1.chain;
    (peer, chain)
}
