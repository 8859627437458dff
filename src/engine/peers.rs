//! Who is connected, which frames are for which space, and where peers were last found.
//!
//! Devices tell one another where they listen, in a frame under a tag that is no space's.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use driftline_core::codec;
use driftline_core::id::{DeviceId, SpaceId};
use driftline_core::roster::Roster;
use driftline_core::space::{Event, TAG_BYTES, Tag, tag, tag_of};
use driftline_net::{InboundFrame, Network, NetworkEvent, Transport};
use driftline_storage::Record;
use libp2p::Multiaddr;

use super::Engine;
use crate::device::{Connection, Reach, is_loopback};

const ADDRESSES: Tag = [0; TAG_BYTES];

/// How many addresses of a peer are believed.
const MAX_ADDRESSES: usize = 8;

/// How often a peer may say in one session where it listens. Each time, it is noted and looked for there.
const MAX_TOLD: usize = 64;

const SETTING: &str = "peer/";

pub(super) struct Peers {
    me: DeviceId,
    pub(super) connected: BTreeMap<DeviceId, (Multiaddr, Transport)>,
    spaces: BTreeSet<SpaceId>,
    /// For connected peers, the space behind each of their tags.
    tags: HashMap<(DeviceId, Tag), SpaceId>,
    known: BTreeMap<DeviceId, Vec<Multiaddr>>,
    /// Where connected devices say that they listen, while they are strangers.
    heard: BTreeMap<DeviceId, Vec<Multiaddr>>,
    /// How often each connected device has said it.
    times_heard: BTreeMap<DeviceId, usize>,
    /// Connected members that were told where this device listens.
    told: BTreeSet<DeviceId>,
    /// What waits to be sent to each connected peer: for which space (none for addresses), how many bytes.
    queued: BTreeMap<DeviceId, VecDeque<(Option<SpaceId>, usize)>>,
}

impl Peers {
    /// Where peers were last found, as settings of the store say.
    pub(super) fn load<'a>(
        me: DeviceId,
        settings: &[(String, Vec<u8>)],
        spaces: impl Iterator<Item = &'a SpaceId>,
    ) -> Self {
        let mut known = BTreeMap::new();
        for (name, value) in settings {
            let peer = name.strip_prefix(SETTING).and_then(|id| id.parse().ok());
            if let (Some(peer), Some(addresses)) = (peer, read_addresses(value)) {
                known.insert(peer, addresses);
            }
        }
        Self {
            me,
            connected: BTreeMap::new(),
            spaces: spaces.copied().collect(),
            tags: HashMap::new(),
            known,
            heard: BTreeMap::new(),
            times_heard: BTreeMap::new(),
            told: BTreeSet::new(),
            queued: BTreeMap::new(),
        }
    }

    /// Keeps trying to reach everybody whose address is known.
    pub(super) fn remember_all(&self, network: &Network, reach: &Reach) {
        for (peer, addresses) in self.known.iter().filter(|(peer, _)| **peer != self.me) {
            // They were within reach when they were noted.
            addresses.iter().for_each(|address| reach.note(address));
            network.remember(Some(*peer), addresses.clone());
        }
    }

    /// Where the members of a space were last found.
    pub(super) fn known_members(
        &self,
        roster: &Roster,
    ) -> impl Iterator<Item = (DeviceId, Multiaddr)> {
        let members = self.known.iter().filter(|(peer, _)| roster.member(peer).is_some());
        members
            .flat_map(|(peer, addresses)| addresses.iter().map(|address| (*peer, address.clone())))
    }

    /// Takes note of a space that was not here before.
    pub(super) fn add_space(&mut self, space: SpaceId) {
        self.spaces.insert(space);
        for peer in self.connected.keys() {
            self.tags.insert((*peer, tag(&space, peer)), space);
        }
    }

    /// Who is connected, and how.
    pub(super) fn connections(&self) -> Vec<Connection> {
        let connected = self.connected.iter();
        let connection = |(peer, (address, transport)): (&DeviceId, &(Multiaddr, Transport))| {
            Connection { peer: *peer, address: address.clone(), transport: *transport }
        };
        connected.map(connection).collect()
    }

    fn up(&mut self, peer: DeviceId, address: Multiaddr, transport: Transport) {
        self.connected.insert(peer, (address, transport));
        for space in &self.spaces {
            self.tags.insert((peer, tag(space, &peer)), *space);
        }
    }

    fn down(&mut self, peer: DeviceId) {
        self.connected.remove(&peer);
        self.queued.remove(&peer);
        self.heard.remove(&peer);
        self.times_heard.remove(&peer);
        self.told.remove(&peer);
        self.tags.retain(|(of, _), _| *of != peer);
    }
}

impl Engine {
    pub(super) fn network_event(&mut self, event: NetworkEvent) {
        match event {
            NetworkEvent::PeerUp { peer, address, transport } => {
                tracing::info!(peer = %peer.short(), %address, "connected");
                self.peers.up(peer, address, transport);
                self.exchange_addresses();
                self.tell_all(|| Event::PeerUp { peer });
            }
            NetworkEvent::PeerDown { peer } => {
                tracing::info!(peer = %peer.short(), "disconnected");
                self.peers.down(peer);
                self.tell_all(|| Event::PeerDown { peer });
            }
            // What can't be kept is not taken in: peers offer it again when the device is back.
            NetworkEvent::Frame { .. } if self.broken.is_some() => {}
            NetworkEvent::Frame { peer, frame } => self.frame(peer, &frame),
            NetworkEvent::Sent { peer, bytes } => self.sent(peer, bytes),
            NetworkEvent::Listening { address } => {
                tracing::info!(%address, "listening");
                self.peers.told.clear();
                self.exchange_addresses();
            }
        }
    }

    fn frame(&mut self, peer: DeviceId, frame: &InboundFrame) {
        let Some(tag) = tag_of(&frame.bytes) else { return };
        if tag == ADDRESSES {
            return self.hear_addresses(peer, &frame.bytes[TAG_BYTES..]);
        }
        let frame = frame.bytes.clone();
        match self.peers.tags.get(&(peer, tag)) {
            Some(space) if self.joins.contains_key(space) => {
                self.feed_join(*space, Event::Frame { peer, frame });
            }
            Some(space) => self.feed(*space, Event::Frame { peer, frame }),
            None => tracing::debug!(peer = %peer.short(), "a frame for a space that is not here"),
        }
    }

    /// Sends a frame to a peer, and remembers on whose account.
    pub(super) fn send_frame(&mut self, space: Option<SpaceId>, peer: DeviceId, frame: Bytes) {
        let bytes = frame.len();
        match self.network.send(peer, frame) {
            Ok(()) => self.peers.queued.entry(peer).or_default().push_back((space, bytes)),
            // A session that is gone, or was closed for being too slow, is reported as down.
            Err(error) => {
                tracing::warn!(peer = %peer.short(), %error, bytes, "a frame was not sent");
                if let Some(space) = space {
                    self.feed(space, Event::Sent { peer, bytes });
                }
            }
        }
    }

    /// Frames leave in the order in which they were sent: each space is told of its own.
    fn sent(&mut self, peer: DeviceId, mut bytes: usize) {
        let mut left: BTreeMap<SpaceId, usize> = BTreeMap::new();
        let Some(queue) = self.peers.queued.get_mut(&peer) else { return };
        while let Some((space, length)) = queue.pop_front_if(|(_, length)| *length <= bytes) {
            bytes -= length;
            if let Some(space) = space {
                *left.entry(space).or_default() += length;
            }
        }
        for (space, bytes) in left {
            self.feed(space, Event::Sent { peer, bytes });
        }
    }

    fn tell_all(&mut self, event: impl Fn() -> Event) {
        for space in self.spaces.keys().copied().collect::<Vec<_>>() {
            self.feed(space, event());
        }
        for space in self.joins.keys().copied().collect::<Vec<_>>() {
            self.feed_join(space, event());
        }
    }

    /// Tells connected members where this device can be found, those who don't know yet, and believes what they said.
    pub(super) fn exchange_addresses(&mut self) {
        self.believe_members();
        let connected = self.peers.connected.keys().filter(|peer| !self.peers.told.contains(peer));
        let members: Vec<_> =
            connected.filter(|peer| self.is_member_somewhere(peer)).copied().collect();
        let listening = self.network.listen_addresses();
        for peer in members {
            self.peers.told.insert(peer);
            // On another machine, this one's loopback addresses lead nowhere.
            let near = self.peers.connected.get(&peer).is_some_and(|(at, _)| is_loopback(at));
            let useful = listening.iter().filter(|address| near || !is_loopback(address));
            let addresses: Vec<_> = useful.map(Multiaddr::to_string).collect();
            let mut frame = ADDRESSES.to_vec();
            codec::encode_onto(&addresses, &mut frame);
            self.send_frame(None, peer, Bytes::from(frame));
        }
    }

    /// Takes note of where a connected device says that it listens.
    fn hear_addresses(&mut self, peer: DeviceId, bytes: &[u8]) {
        let times = self.peers.times_heard.entry(peer).or_default();
        *times += 1;
        if *times > MAX_TOLD {
            return;
        }
        let Some(mut addresses) = read_addresses(bytes) else { return };
        addresses.retain(|address| self.reach.covers(address));
        if !addresses.is_empty() {
            self.peers.heard.insert(peer, addresses);
            self.believe_members();
        }
    }

    /// Remembers what members said. What strangers said counts only once they turn out to be members, as whoever lets
    /// this device into a space does.
    fn believe_members(&mut self) {
        let heard = std::mem::take(&mut self.peers.heard);
        let is_member = |(peer, _): &(DeviceId, _)| self.is_member_somewhere(peer);
        let (members, strangers): (Vec<_>, Vec<_>) = heard.into_iter().partition(is_member);
        self.peers.heard = strangers.into_iter().collect();
        for (peer, addresses) in members {
            if self.peers.known.get(&peer) != Some(&addresses) {
                self.remember(peer, addresses);
            }
        }
    }

    fn remember(&mut self, peer: DeviceId, addresses: Vec<Multiaddr>) {
        self.network.remember(Some(peer), addresses.clone());
        let texts: Vec<_> = addresses.iter().map(Multiaddr::to_string).collect();
        self.peers.known.insert(peer, addresses);
        let name = format!("{SETTING}{peer}");
        self.write_setting(Record::Setting { name, value: codec::encode(&texts) });
    }

    pub(super) fn write_setting(&mut self, record: Record) {
        if let Err(error) = self.writer.append(vec![record])
            && self.broken.is_none()
        {
            self.store_failed(Arc::new(error));
        }
    }
}

fn read_addresses(bytes: &[u8]) -> Option<Vec<Multiaddr>> {
    let texts: Vec<String> = codec::decode(bytes).ok()?;
    let addresses = texts.iter().filter_map(|text| text.parse().ok());
    Some(addresses.take(MAX_ADDRESSES).collect())
}
