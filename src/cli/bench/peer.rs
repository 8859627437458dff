//! A member that sends what it is told to: the real machine and the real network, with a store that is always
//! saved at once, so that what is measured is the other side.

use std::collections::{BTreeSet, VecDeque};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use driftline::{Multiaddr, Role, Ticket};
use driftline_core::clock::{Now, WallTime};
use driftline_core::document::Label;
use driftline_core::id::{ChainId, DeviceId, DocumentId};
use driftline_core::identity::DeviceKey;
use driftline_core::log::{EntryKind, Frontier, Segment};
use driftline_core::roster::{Genesis, Invitation};
use driftline_core::space::{
    Authorship, Change, Effect, Event, Joining, Outcome, PeerState, Space, TAG_BYTES, tag_of,
};
use driftline_net::{Limits, Network, NetworkConfig, NetworkEvent};
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// How many bytes may be on their way at a time.
const IN_FLIGHT: usize = 4 << 20;

/// After so many events, what came in is settled, as a device does it.
const EVENTS_AT_ONCE: usize = 512;

/// How long nothing may happen before a tick.
const QUIET: Duration = Duration::from_millis(10);

pub(super) type Frame = bytes::Bytes;

pub(super) struct Peer {
    key: Arc<DeviceKey>,
    space: Space,
    network: Network,
    events: UnboundedReceiver<NetworkEvent>,
    rng: StdRng,
    /// How long it has attended to the network. Nothing else counts as time, or it would lose patience with a
    /// device that it has not sent anything yet.
    now: Now,
    log: Vec<(DocumentId, Segment)>,
    batches: u64,
    in_flight: usize,
    /// What was to be sent while frames were being collected.
    collected: Option<Vec<Frame>>,
}

impl Peer {
    /// Begins a space of its own.
    pub(super) async fn founder(seed: u8) -> Self {
        let (key, mut rng) =
            (Arc::new(DeviceKey::from_seed(&[seed; 32])), StdRng::seed_from_u64(1));
        let genesis = Genesis::new("bench", &key, WallTime(0), &mut rng);
        let mut effects = Vec::new();
        let space = Space::found(genesis, key.clone(), [seed; 16], &mut effects);
        let (network, events) = network(&key).await;
        Self::new(key, space, network, events, effects)
    }

    /// Joins a space with a ticket, by way of the member at these addresses.
    pub(super) async fn joining(seed: u8, ticket: &Ticket, addresses: Vec<Multiaddr>) -> Self {
        let key = Arc::new(DeviceKey::from_seed(&[seed; 32]));
        let (network, mut events) = network(&key).await;
        network.remember(None, addresses);
        let mut joining = Joining::new(ticket.clone(), key.clone(), [seed; 16]);
        let mut rng = StdRng::seed_from_u64(3);
        let mut peers = BTreeSet::new();
        loop {
            let Some(event) = events.recv().await else { panic!("the network ended") };
            let event = match event {
                NetworkEvent::PeerUp { peer, .. } => {
                    peers.insert(peer);
                    Event::PeerUp { peer }
                }
                NetworkEvent::Frame { peer, frame } => Event::Frame { peer, frame: frame.bytes },
                _ => continue,
            };
            let mut effects = Vec::new();
            let outcome = joining.handle(event, Now::default(), &mut rng, &mut effects);
            for effect in effects.extract_if(.., |effect| matches!(effect, Effect::Send { .. })) {
                let Effect::Send { to, frame } = effect else { continue };
                to.iter().for_each(|peer| _ = network.send(*peer, frame.clone()));
            }
            if let Outcome::Joined(space) = outcome {
                let mut joined = Self::new(key, *space, network, events, effects);
                peers.into_iter().for_each(|peer| joined.feed(Event::PeerUp { peer }));
                joined.settle();
                return joined;
            }
        }
    }

    fn new(
        key: Arc<DeviceKey>,
        space: Space,
        network: Network,
        events: UnboundedReceiver<NetworkEvent>,
        effects: Vec<Effect>,
    ) -> Self {
        let mut peer = Self {
            key,
            space,
            network,
            events,
            rng: StdRng::seed_from_u64(2),
            now: Now::default(),
            log: Vec::new(),
            batches: 0,
            in_flight: 0,
            collected: None,
        };
        peer.perform(effects);
        peer
    }

    /// A ticket to its space.
    pub(super) fn ticket(&mut self, role: Role) -> Ticket {
        let own = driftline_net::peer_id(&self.key.id()).expect("our own key");
        let listening = self.network.listen_addresses().into_iter();
        let addresses = listening.filter_map(|address| address.with_p2p(own).ok());
        let addresses = addresses.map(|address| address.to_string()).collect();
        let expires = WallTime(u64::MAX);
        let seen = self.space.roster().heads();
        let invitation = Invitation { role, rank: None, expires, seen };
        Ticket::issue(self.space.id(), &self.key, invitation, addresses, &mut self.rng)
    }

    /// The chain on which it writes into a document. Of two peers that did the same so far it is the same.
    pub(super) fn author(&mut self, name: &str) -> (Label, Authorship) {
        let label = Label::new(name).expect("a sound name");
        let now = self.now;
        let author = self.space.author(&label, &BTreeSet::new(), now, &mut self.rng);
        (label, author.expect("a writer"))
    }

    /// Goes on with the network until something is so.
    pub(super) async fn run_until(&mut self, mut so: impl FnMut(&Space) -> bool) {
        while !so(&self.space) {
            self.step().await;
        }
    }

    /// Goes on with the network for so long.
    pub(super) async fn run_for(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.step().await;
        }
    }

    /// Deals with what comes in next, if something does soon, and with what came in with it.
    async fn step(&mut self) {
        let began = Instant::now();
        let event = tokio::time::timeout(QUIET, self.events.recv()).await;
        self.now.steady = self.now.steady + began.elapsed();
        match event {
            Ok(Some(event)) => self.network_event(event),
            Ok(None) => panic!("the network ended"),
            Err(_) => self.feed(Event::Tick),
        }
        for _ in 1..EVENTS_AT_ONCE {
            let Ok(event) = self.events.try_recv() else { break };
            self.network_event(event);
        }
        self.settle();
    }

    /// Whether that device gets from this one what is new as it is written.
    pub(super) fn is_live(space: &Space, device: DeviceId) -> bool {
        let peers = space.status().peers;
        peers.iter().any(|peer| peer.device == device && peer.state == PeerState::Live)
    }

    /// Writes updates into its log and gives the frames that a live session would carry, without sending them:
    /// so many updates in each segment.
    pub(super) fn write(
        &mut self,
        name: &str,
        updates: &[Vec<u8>],
        in_segment: usize,
    ) -> Vec<Frame> {
        let (label, author) = self.author(name);
        let document = label.document(&self.space.id());
        self.collected = Some(Vec::new());
        for group in updates.chunks(in_segment) {
            for update in group {
                let (chain, update) = (author.chain, update.clone());
                self.feed(Event::LocalUpdate { document, chain, update });
            }
            self.seal();
        }
        self.collected.take().unwrap_or_default()
    }

    /// Sends frames as fast as they are taken, and then goes on with the network for as long as it is let.
    pub(super) async fn send(&mut self, to: DeviceId, frames: Vec<Frame>) -> Infallible {
        let mut waiting: VecDeque<_> = frames.into();
        loop {
            while self.in_flight < IN_FLIGHT
                && let Some(frame) = waiting.pop_front()
            {
                self.in_flight += frame.len();
                self.network.send(to, frame).expect("the other side is there");
            }
            self.step().await;
        }
    }

    /// Goes on with the network until it holds so many entries of a chain, all checked.
    pub(super) async fn receive(&mut self, name: &str, chain: ChainId, count: u64) {
        let document = Label::new(name).expect("a sound name").document(&self.space.id());
        self.run_until(|space| space.frontier(&document).number(&chain) >= count).await;
    }

    /// The updates that it holds of a document.
    pub(super) fn updates(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        let document = Label::new(name).expect("a sound name").document(&self.space.id());
        let segments = self.log.iter().filter(move |(of, _)| *of == document);
        let entries = segments.flat_map(|(_, segment)| segment.entries().map_while(Result::ok));
        entries.filter(|(entry, _)| entry.kind == EntryKind::UPDATE).map(|(entry, _)| entry.payload)
    }

    fn network_event(&mut self, event: NetworkEvent) {
        match event {
            NetworkEvent::PeerUp { peer, .. } => self.feed(Event::PeerUp { peer }),
            NetworkEvent::PeerDown { peer } => self.feed(Event::PeerDown { peer }),
            // Where the other side listens is in a frame for no space.
            NetworkEvent::Frame { frame, .. } if tag_of(&frame.bytes) == Some([0; TAG_BYTES]) => {}
            NetworkEvent::Frame { peer, frame } => {
                self.feed(Event::Frame { peer, frame: frame.bytes });
            }
            NetworkEvent::Sent { peer, bytes } => {
                self.in_flight = self.in_flight.saturating_sub(bytes);
                self.feed(Event::Sent { peer, bytes });
            }
            NetworkEvent::Listening { .. } => {}
        }
    }

    fn feed(&mut self, event: Event) {
        let mut effects = Vec::new();
        self.space.handle(event, self.now, &mut self.rng, &mut effects);
        self.perform(effects);
    }

    /// Makes a segment of what was written.
    fn seal(&mut self) {
        let mut effects = Vec::new();
        self.space.seal(self.now, &mut self.rng, &mut effects);
        self.perform(effects);
    }

    fn settle(&mut self) {
        let mut effects = Vec::new();
        self.space.settle(self.now, &mut self.rng, &mut effects);
        self.perform(effects);
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Write(changes) => self.keep(changes),
                Effect::Send { to, frame } => match &mut self.collected {
                    Some(collected) => {
                        let bytes = frame.len();
                        collected.push(frame);
                        to.iter().for_each(|peer| self.feed(Event::Sent { peer: *peer, bytes }));
                    }
                    // A session that has ended is reported as down.
                    None => to.iter().for_each(|peer| _ = self.network.send(*peer, frame.clone())),
                },
                Effect::Read { peer, document, beyond, .. } => {
                    let segments = self.beyond(&document, &beyond);
                    self.feed(Event::Read { peer, document, segments, more: false });
                }
                // Nobody is removed here, so nothing is ever to be mended.
                Effect::Mend { .. } => {}
                Effect::Apply(_) | Effect::Notify(_) | Effect::Disconnect { .. } => {}
            }
        }
    }

    /// What it holds of a document and somebody with that frontier does not.
    fn beyond(&self, document: &DocumentId, frontier: &Frontier) -> Vec<Segment> {
        let segments = self.log.iter().filter(|(of, _)| of == document);
        let missing = segments.filter_map(|(_, segment)| {
            segment.after(frontier.number(&segment.chain)).expect("it was checked")
        });
        missing.collect()
    }

    fn keep(&mut self, changes: Vec<Change>) {
        self.batches += 1;
        for change in changes {
            if let Change::Segment { document, segment } = change {
                self.log.push((document, segment));
            }
        }
        let upto = self.batches;
        self.feed(Event::Written { upto });
        self.feed(Event::Saved { upto });
    }
}

async fn network(key: &DeviceKey) -> (Network, UnboundedReceiver<NetworkEvent>) {
    let (sender, events) = unbounded_channel();
    let key = DeviceKey::from_seed(&key.seed());
    let config = NetworkConfig { key, mdns: false, limits: Limits::default() };
    let network = Network::start(config, move |event| drop(sender.send(event)));
    let network = network.expect("the network starts");
    let address = "/ip4/127.0.0.1/tcp/0".parse().expect("an address");
    network.listen(address).await.expect("loopback can be listened on");
    (network, events)
}
