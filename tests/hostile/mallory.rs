//! Mallory: a libp2p node of her own, who says what she likes.

use std::sync::atomic::{AtomicU64, Ordering};

use driftline::{ChainId, DeviceId, Multiaddr, Objection, Role, SpaceId, Ticket};
use driftline_core::codec;
use driftline_core::id::DocumentId;
use driftline_core::identity::DeviceKey;
use driftline_core::log::{Frontier, Segment};
use driftline_core::roster::Genesis;
use driftline_core::space::{TAG_BYTES, VERSION};
use driftline_net::{PROTOCOL, peer_id};
use futures::io::{ReadHalf, WriteHalf};
use futures::{AsyncReadExt, AsyncWriteExt, StreamExt};
use libp2p::identity::Keypair;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::SwarmEvent;
use libp2p::{Stream, Swarm, SwarmBuilder, noise, tcp, yamux};
use libp2p_stream::Behaviour;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use crate::kitchen::{Kitchen, Person, STUCK};
use crate::wire::{self, kind};

/// What she was sent: the number of a message, and what belongs to it.
pub(crate) type Heard = (u32, Vec<u8>);

pub(crate) struct Mallory {
    pub(crate) key: DeviceKey,
    pub(crate) space: SpaceId,
    writing: WriteHalf<Stream>,
    reading: Option<ReadHalf<Stream>>,
    heard: mpsc::UnboundedReceiver<Heard>,
    hears: mpsc::UnboundedSender<Heard>,
    connected: watch::Receiver<bool>,
    /// Ends her node, and with it the connection.
    _leaves: oneshot::Sender<()>,
}

impl Mallory {
    /// She connects to the kitchen's anchor. She has got hold of the space's id, and is no member.
    pub(crate) async fn knocks(kitchen: &Kitchen) -> Self {
        Self::meets(&kitchen.anchor, kitchen.id()).await
    }

    /// She is let in with a ticket of Alice's, and connected to the anchor.
    pub(crate) async fn joins(kitchen: &Kitchen, role: Role) -> Self {
        let ticket = kitchen.alice.invites(role).await;
        let mut mallory = Self::knocks(kitchen).await;
        mallory.asks_with(&ticket).await;
        mallory.is_told(kind::WELCOME).await;
        // Whoever has not said which version she speaks is not even heard.
        mallory.says(kind::OPEN, &wire::open(VERSION, VERSION)).await;
        mallory
    }

    /// She connects to somebody, and listens to what they say.
    pub(crate) async fn meets(person: &Person, space: SpaceId) -> Self {
        let mut mallory = Self::meets_deaf(person, space).await;
        mallory.listens();
        mallory
    }

    /// She connects to somebody, and reads nothing of what they send.
    pub(crate) async fn meets_deaf(person: &Person, space: SpaceId) -> Self {
        let key = fresh_key();
        let (stream, connected, leaves) = connect(&key, person.device.id(), person.address()).await;
        let (reading, writing) = stream.split();
        let (hears, heard) = mpsc::unbounded_channel();
        let reading = Some(reading);
        Self { key, space, writing, reading, heard, hears, connected, _leaves: leaves }
    }

    pub(crate) fn id(&self) -> DeviceId {
        self.key.id()
    }

    /// The chain that she opens in a document: the same each time for the same nonce.
    pub(crate) fn chain(&self, name: &str, nonce: u64) -> driftline_core::log::ChainHead {
        wire::head(wire::label(name).document(&self.space), self.id(), nonce)
    }

    /// Says something of the space. She does not mind if nobody takes it any more.
    pub(crate) async fn says(&mut self, kind: u32, body: &[u8]) {
        let frame = wire::frame(&self.space, &self.id(), kind, body);
        self.sends(&frame).await;
    }

    /// Says that these are entries of the document of that name.
    pub(crate) async fn passes_on(&mut self, name: &str, segments: Vec<Segment>) {
        let body = wire::segments(&wire::label(name), &self.space, segments);
        self.says(kind::SEGMENTS, &body).await;
    }

    /// Asks for all of a document.
    pub(crate) async fn wants(&mut self, document: DocumentId) {
        self.says(kind::WANT, &codec::encode(&vec![(document, Frontier::default())])).await;
    }

    /// Asks to be let in.
    pub(crate) async fn asks_with(&mut self, ticket: &Ticket) {
        let request = ticket.request(&self.key);
        self.says(kind::JOIN, &codec::encode(&request)).await;
    }

    /// Sends a frame of any bytes.
    pub(crate) async fn sends(&mut self, frame: &[u8]) {
        let length = (frame.len() as u32).to_le_bytes();
        self.mutters(&[&length[..], frame].concat()).await;
    }

    /// Writes any bytes into the stream. She does not mind if that is closed by now, nor wait for ever.
    pub(crate) async fn mutters(&mut self, bytes: &[u8]) {
        let written = async {
            self.writing.write_all(bytes).await?;
            self.writing.flush().await
        };
        let mut connected = self.connected.clone();
        tokio::select! {
            _ = written => {}
            _ = connected.wait_for(|connected| !connected) => {}
        }
    }

    /// Why the other side takes no more, or hangs up.
    pub(crate) async fn is_told_why(&mut self) -> Objection {
        type Body = (Option<(DocumentId, ChainId)>, Objection);
        let (_, objection): Body = codec::decode(&self.is_told(kind::OBJECTS).await).unwrap();
        objection
    }

    /// The next message of that kind that she is sent, or was.
    pub(crate) async fn is_told(&mut self, wanted: u32) -> Vec<u8> {
        let waiting = async {
            loop {
                match self.heard.recv().await.expect("somebody talks to her") {
                    (kind, body) if kind == wanted => return body,
                    _ => {}
                }
            }
        };
        timeout(STUCK, waiting).await.unwrap_or_else(|_| panic!("no message of kind {wanted}"))
    }

    /// What she was sent so far and has not looked at.
    pub(crate) fn heard_so_far(&mut self) -> Vec<Heard> {
        std::iter::from_fn(|| self.heard.try_recv().ok()).collect()
    }

    /// The connection is closed at the other end.
    pub(crate) async fn is_cut_off(&mut self) {
        let gone = self.connected.wait_for(|connected| !connected);
        timeout(STUCK, gone).await.expect("she is cut off").unwrap();
    }

    pub(crate) fn is_connected(&self) -> bool {
        *self.connected.borrow()
    }

    fn listens(&mut self) {
        let Some(mut reading) = self.reading.take() else { return };
        let hears = self.hears.clone();
        tokio::spawn(async move {
            while let Some(frame) = read_frame(&mut reading).await {
                let Some(message) = frame.get(TAG_BYTES..) else { continue };
                let Ok((kind, used)) = codec::decode_front::<u32>(message) else { continue };
                // Where the others listen is in a frame for no space.
                if frame[..TAG_BYTES] != [0; TAG_BYTES] {
                    _ = hears.send((kind, message[used..].to_vec()));
                }
            }
        });
    }
}

/// What a welcome holds.
pub(crate) fn welcome(body: &[u8]) -> (Genesis, Vec<Segment>) {
    codec::decode(body).unwrap()
}

/// The segments in a message of them.
pub(crate) fn segments_in(body: &[u8]) -> Vec<Segment> {
    type Body =
        (DocumentId, Option<driftline_core::document::Label>, Vec<Segment>, Option<(u64, u64)>);
    let (_, _, segments, _): Body = codec::decode(body).unwrap();
    segments
}

/// A key that nobody else in this process has.
pub(crate) fn fresh_key() -> DeviceKey {
    static DRAWN: AtomicU64 = AtomicU64::new(1);
    let mut seed = [66; 32];
    seed[..8].copy_from_slice(&DRAWN.fetch_add(1, Ordering::Relaxed).to_le_bytes());
    DeviceKey::from_seed(&seed)
}

/// A stream as a session has it, and whether the connection under it still stands.
async fn connect(
    key: &DeviceKey,
    target: DeviceId,
    mut address: Multiaddr,
) -> (Stream, watch::Receiver<bool>, oneshot::Sender<()>) {
    let mut swarm = swarm(key);
    let mut control = swarm.behaviour().new_control();
    let mut incoming = control.accept(PROTOCOL).unwrap();
    let peer = peer_id(&target).unwrap();
    if matches!(address.iter().last(), Some(Protocol::P2p(_))) {
        address.pop();
    }
    swarm.dial(address).unwrap();
    let connecting = async {
        while !swarm.is_connected(&peer) {
            swarm.select_next_some().await;
        }
    };
    timeout(STUCK, connecting).await.expect("connected");
    let (standing, connected) = watch::channel(true);
    let (leaves, left) = oneshot::channel();
    tokio::spawn(async move {
        let closed = |event| matches!(event, SwarmEvent::ConnectionClosed { .. });
        tokio::select! {
            () = async { while !closed(swarm.select_next_some().await) {} } => {}
            _ = left => {}
        }
        _ = standing.send(false);
    });
    // To get in, she does keep to one rule: the device with the smaller id opens the stream.
    let streaming = async {
        match key.id() < target {
            true => control.open_stream(peer, PROTOCOL).await.unwrap(),
            false => incoming.next().await.unwrap().1,
        }
    };
    (timeout(STUCK, streaming).await.expect("a stream"), connected, leaves)
}

fn swarm(key: &DeviceKey) -> Swarm<Behaviour> {
    let key = Keypair::ed25519_from_bytes(*key.seed()).unwrap();
    SwarmBuilder::with_existing_identity(key)
        .with_tokio()
        .with_tcp(tcp::Config::new().nodelay(true), noise::Config::new, yamux::Config::default)
        .unwrap()
        .with_behaviour(|_| Behaviour::new())
        .unwrap()
        .build()
}

async fn read_frame(stream: &mut ReadHalf<Stream>) -> Option<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).await.ok()?;
    let mut frame = vec![0; u32::from_le_bytes(length) as usize];
    stream.read_exact(&mut frame).await.ok()?;
    Some(frame)
}
