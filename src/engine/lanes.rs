//! What waits for the engine, each peer's frames in a lane of their own.
//!
//! What the app and the disk say goes first, and of what peers say everybody gets a turn. So whoever sends as much as
//! they can holds up themselves.

use std::collections::{BTreeMap, VecDeque};

use driftline_core::id::DeviceId;
use driftline_net::NetworkEvent;

use super::inbox::Input;

/// How many inputs are taken before what follows from them is dealt with, which costs much the same for one and for
/// many.
const INPUTS_AT_ONCE: usize = 512;

/// How many of these are what peers say. An edit that is made now waits for as many.
const FRAMES_AT_ONCE: usize = 64;

#[derive(Default)]
pub(super) struct Lanes {
    own: VecDeque<Input>,
    /// None is empty.
    peers: BTreeMap<DeviceId, VecDeque<NetworkEvent>>,
    /// Whose turn was last.
    last: Option<DeviceId>,
}

impl Lanes {
    pub(super) fn push(&mut self, input: Input) {
        match input {
            Input::Network(event) => match event.peer() {
                Some(peer) => self.peers.entry(peer).or_default().push_back(event),
                None => self.own.push_back(Input::Network(event)),
            },
            own => self.own.push_back(own),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.own.is_empty() && self.peers.is_empty()
    }

    /// What is to be taken now.
    pub(super) fn turn(&mut self) -> Vec<Input> {
        let own = self.own.len().min(INPUTS_AT_ONCE);
        let mut turn: Vec<_> = self.own.drain(..own).collect();
        let frames = std::iter::from_fn(|| self.next_of_peers()).take(FRAMES_AT_ONCE);
        turn.extend(frames.map(Input::Network));
        turn
    }

    /// What the next peer in line says.
    fn next_of_peers(&mut self) -> Option<NetworkEvent> {
        use std::ops::Bound::{Excluded, Unbounded};
        let behind = self.last.and_then(|last| {
            self.peers.range((Excluded(last), Unbounded)).next().map(|(peer, _)| *peer)
        });
        let peer = behind.or_else(|| self.peers.keys().next().copied())?;
        self.last = Some(peer);
        let lane = self.peers.get_mut(&peer)?;
        let event = lane.pop_front();
        if lane.is_empty() {
            self.peers.remove(&peer);
        }
        event
    }
}

#[cfg(test)]
mod tests {
    use driftline_core::id::DocumentId;

    use super::*;

    fn id(number: u8) -> DeviceId {
        DeviceId([number; 32])
    }

    fn says(number: u8) -> Input {
        Input::Network(NetworkEvent::PeerDown { peer: id(number) })
    }

    /// Who spoke in a turn; nobody is the device itself.
    fn speakers(turn: &[Input]) -> Vec<Option<DeviceId>> {
        let speaker = |input: &Input| match input {
            Input::Network(event) => event.peer(),
            _ => None,
        };
        turn.iter().map(speaker).collect()
    }

    #[test]
    fn who_says_much_holds_up_nobody_else() {
        let mut lanes = Lanes::default();
        (0..1_000).for_each(|_| lanes.push(says(1)));
        lanes.push(says(2));
        lanes.push(Input::Snapshot { document: DocumentId([0; 32]), snapshot: None });
        let turn = lanes.turn();
        assert_eq!(turn.len(), 1 + FRAMES_AT_ONCE);
        assert_eq!(speakers(&turn)[..3], [None, Some(id(1)), Some(id(2))]);
    }

    #[test]
    fn nothing_is_lost_and_each_peer_is_heard_in_order() {
        let mut lanes = Lanes::default();
        for bytes in 0..300 {
            for peer in [id(1), id(2), id(3)] {
                lanes.push(Input::Network(NetworkEvent::Sent { peer, bytes }));
            }
        }
        let mut heard = BTreeMap::<DeviceId, Vec<usize>>::new();
        while !lanes.is_empty() {
            for input in lanes.turn() {
                if let Input::Network(NetworkEvent::Sent { peer, bytes }) = input {
                    heard.entry(peer).or_default().push(bytes);
                }
            }
        }
        assert!(heard.values().all(|said| said.iter().copied().eq(0..300)));
        assert_eq!(heard.len(), 3);
    }
}
