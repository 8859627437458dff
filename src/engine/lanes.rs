//! What waits for the engine, each peer's frames in a lane of their own.
//!
//! What the app and the disk say goes first, and of what peers say everybody gets a turn, at a pace that leaves time for
//! others. So whoever sends as much as they can holds up themselves.

mod pace;

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use driftline_core::id::DeviceId;
use driftline_net::NetworkEvent;

use super::inbox::Input;
use pace::Pace;

/// How many inputs are taken before what follows from them is dealt with, which costs much the same for one and for
/// many.
const INPUTS_AT_ONCE: usize = 512;

/// How many of these are what peers say. An edit that is made now waits for as many.
const FRAMES_AT_ONCE: usize = 64;

#[derive(Default)]
pub(super) struct Lanes {
    own: VecDeque<Input>,
    peers: BTreeMap<DeviceId, Lane>,
    /// Whose turn was last.
    last: Option<DeviceId>,
}

/// What one peer says.
struct Lane {
    waiting: VecDeque<NetworkEvent>,
    pace: Pace,
}

impl Lanes {
    pub(super) fn push(&mut self, input: Input, now: Instant) {
        let lane = match &input {
            Input::Network(event) => event.peer(),
            _ => None,
        };
        match (input, lane) {
            (Input::Network(event), Some(peer)) => {
                let new = || Lane { waiting: VecDeque::new(), pace: Pace::new(now) };
                self.peers.entry(peer).or_insert_with(new).waiting.push_back(event);
            }
            (own, _) => self.own.push_back(own),
        }
    }

    /// How long until something may be taken; nothing if nothing waits.
    pub(super) fn pause(&self, now: Instant) -> Option<Duration> {
        if !self.own.is_empty() {
            return Some(Duration::ZERO);
        }
        self.peers.values().filter_map(|lane| lane.pause(now)).min()
    }

    /// What is to be taken now.
    pub(super) fn turn(&mut self, now: Instant) -> Vec<Input> {
        let own = self.own.len().min(INPUTS_AT_ONCE);
        let mut turn: Vec<_> = self.own.drain(..own).collect();
        let frames = std::iter::from_fn(|| self.next_of_peers(now)).take(FRAMES_AT_ONCE);
        turn.extend(frames.map(Input::Network));
        self.peers.retain(|_, lane| !lane.is_over(now));
        turn
    }

    /// All that waits, each peer's in its order.
    pub(super) fn rest(&mut self) -> Vec<Input> {
        let said = std::mem::take(&mut self.peers).into_values().flat_map(|lane| lane.waiting);
        self.own.drain(..).chain(said.map(Input::Network)).collect()
    }

    /// What the next peer in line says.
    fn next_of_peers(&mut self, now: Instant) -> Option<NetworkEvent> {
        use std::ops::Bound::{Excluded, Unbounded};
        let last = self.last.map_or(Unbounded, Excluded);
        let behind = self.peers.range((last, Unbounded));
        let ready = |(_, lane): &(&DeviceId, &Lane)| lane.pause(now) == Some(Duration::ZERO);
        let (peer, _) = behind.chain(self.peers.iter()).find(ready)?;
        self.last = Some(*peer);
        self.peers.get_mut(&self.last?)?.take(now)
    }
}

impl Lane {
    /// How long until the first may be taken; nothing if nothing waits.
    fn pause(&self, now: Instant) -> Option<Duration> {
        match self.waiting.front()? {
            NetworkEvent::Frame { .. } => Some(self.pace.pause(now)),
            _ => Some(Duration::ZERO),
        }
    }

    fn take(&mut self, now: Instant) -> Option<NetworkEvent> {
        let event = self.waiting.pop_front()?;
        if let NetworkEvent::Frame { .. } = event {
            self.pace.step(now);
        }
        Some(event)
    }

    /// Whether a new one would be the same.
    fn is_over(&self, now: Instant) -> bool {
        self.waiting.is_empty() && self.pace.is_even(now)
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
        let (mut lanes, now) = (Lanes::default(), Instant::now());
        (0..1_000).for_each(|_| lanes.push(says(1), now));
        lanes.push(says(2), now);
        lanes.push(Input::Folded { document: DocumentId([0; 32]), folded: None }, now);
        let turn = lanes.turn(now);
        assert_eq!(turn.len(), 1 + FRAMES_AT_ONCE);
        assert_eq!(speakers(&turn)[..3], [None, Some(id(1)), Some(id(2))]);
    }

    #[test]
    fn nothing_is_lost_and_each_peer_is_heard_in_order() {
        let (mut lanes, now) = (Lanes::default(), Instant::now());
        for bytes in 0..300 {
            for peer in [id(1), id(2), id(3)] {
                lanes.push(Input::Network(NetworkEvent::Sent { peer, bytes }), now);
            }
        }
        let mut heard = BTreeMap::<DeviceId, Vec<usize>>::new();
        while lanes.pause(now).is_some() {
            for input in lanes.turn(now) {
                if let Input::Network(NetworkEvent::Sent { peer, bytes }) = input {
                    heard.entry(peer).or_default().push(bytes);
                }
            }
        }
        assert!(heard.values().all(|said| said.iter().copied().eq(0..300)));
        assert_eq!(heard.len(), 3);
    }
}
