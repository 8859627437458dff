//! A member that sends what it is told to: the real machine and the real network, with a store that is always
//! saved at once, so that what is measured is the other side.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use driftline::{Multiaddr, Role, Ticket};
use driftline_core::clock::{Now, WallTime};
use driftline_core::document::Label;
use driftline_core::id::DeviceId;
use driftline_core::identity::DeviceKey;
use driftline_core::log::Segment;
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

pub(super) type Frame = bytes::Bytes;

pub(super) struct Peer {
    key: Arc<DeviceKey>,
    space: Space,
    network: Network,
    events: UnboundedReceiver<NetworkEvent>,
    rng: StdRng,
    now: Now,
    log: Vec<Segment>,
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

    /// The chain on which it writes into a document.
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
        let end = self.now.steady + time;
        while self.now.steady < end {
            self.step().await;
        }
    }

    /// Deals with what comes in next, if something does soon.
    async fn step(&mut self) {
        let patience = Duration::from_millis(10);
        let event = tokio::time::timeout(patience, self.events.recv()).await;
        self.now.steady = self.now.steady + patience;
        match event {
            Ok(Some(event)) => self.network_event(event),
            Ok(None) => {}
            Err(_) => self.feed(Event::Tick),
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
            // Long enough for the next to be a segment of its own.
            self.now.steady = self.now.steady + Duration::from_millis(10);
            self.settle();
        }
        self.collected.take().unwrap_or_default()
    }

    /// Sends frames as fast as they are taken.
    pub(super) async fn send(&mut self, to: DeviceId, frames: Vec<Frame>) {
        let mut waiting: VecDeque<_> = frames.into();
        while !waiting.is_empty() {
            while self.in_flight < IN_FLIGHT
                && let Some(frame) = waiting.pop_front()
            {
                self.in_flight += frame.len();
                self.network.send(to, frame).expect("the other side is there");
            }
            if let Some(event) = self.events.recv().await {
                self.network_event(event);
            }
        }
    }

    /// Takes what comes in until a frame holds these bytes near its end.
    pub(super) async fn receive(&mut self, last: &[u8]) {
        while let Some(event) = self.events.recv().await {
            let ended = match &event {
                NetworkEvent::Frame { frame, .. } => {
                    let tail = &frame.bytes[frame.bytes.len().saturating_sub(4096)..];
                    tail.windows(last.len()).any(|window| window == last)
                }
                _ => false,
            };
            if ended {
                return;
            }
            self.network_event(event);
            self.settle();
        }
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
                Effect::Read { peer, document, .. } => {
                    let segments = self.log.clone();
                    self.feed(Event::Read { peer, document, segments, more: false });
                }
                Effect::Apply(_) | Effect::Notify(_) | Effect::Disconnect { .. } => {}
            }
        }
    }

    fn keep(&mut self, changes: Vec<Change>) {
        self.batches += 1;
        for change in changes {
            if let Change::Segment { segment, .. } = change {
                self.log.push(segment);
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
