//! "The whole way in": what a peer sends is received, hashed, its signature checked, written, and brought into the
//! open document. And the way through: received, checked, written, sent on, never decoded.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use driftline::yrs::GetString;
use driftline::{Change, Device, DeviceOptions, PeerState, PeerStatus, Role};

use super::peer::Peer;
use super::typing::{ROOT, Typed};

const DOCUMENT: &str = "paper";

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
        let folder = tempfile::tempdir().expect("a temporary folder");
        let device = Device::open_with(folder.path().join("device"), options()).await;
        Self { device: device.expect("a fresh device opens"), folder }
    }

    /// Where it lives.
    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join("device")
    }
}

/// How long a device takes to have it all in its open document, from a live peer, in segments of so many updates.
/// `write` gives the updates for the chain's client id.
pub(super) async fn whole_way_in(in_segment: usize, write: impl Fn(u64) -> Typed) -> Duration {
    let bench = Bench::device().await;
    let mut peer = Peer::founder(1).await;
    let ticket = peer.ticket(Role::Writer);
    let me = bench.device.id();
    let (space, ()) =
        tokio::join!(bench.device.join(&ticket), peer.run_until(|space| Peer::is_live(space, me)),);
    let document = space.expect("joined").document(DOCUMENT).await.expect("opened");
    let body = document.text(ROOT);
    let mut changes = document.changes();

    let (_, author) = peer.author(DOCUMENT);
    let typed = write(author.chain.client_id());
    let frames = peer.write(DOCUMENT, &typed.updates, in_segment);
    let count = typed.updates.len() as u64;
    let arrive = async {
        loop {
            match changes.next().await {
                Change::Entries(entries) if entries.last < count => {}
                Change::Entries(_) => break,
                // More came in than was listened to, perhaps the last of it too: the text itself tells.
                Change::Missed => {
                    while document.read(|txn| body.get_string(txn)) != typed.text {
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                    break;
                }
            }
        }
    };
    let start = Instant::now();
    tokio::join!(peer.send(me, frames), arrive);
    let took = start.elapsed();
    assert_eq!(document.read(|txn| body.get_string(txn)), typed.text);
    bench.device.close().await.expect("closed");
    took
}

/// How long until the last of it has left an anchor for another member.
pub(super) async fn forwarded(in_segment: usize, write: impl Fn(u64) -> Typed) -> Duration {
    let bench = Bench::device().await;
    let mut writer = Peer::founder(1).await;
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

    let (_, author) = writer.author(DOCUMENT);
    let typed = write(author.chain.client_id());
    let frames = writer.write(DOCUMENT, &typed.updates, in_segment);
    let last = typed.updates.last().cloned().unwrap_or_default();
    let start = Instant::now();
    tokio::join!(writer.send(me, frames), reader.receive(&last));
    let took = start.elapsed();
    bench.device.close().await.expect("closed");
    took
}
