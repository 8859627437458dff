//! Where the people in a document are: cursors, selections, who is typing. Yjs calls it awareness.
//!
//! The latest state of each client counts, nothing is stored, and each client speaks for itself: stock clients say again
//! what they heard of others, which is passed over.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use driftline_core::document::check::{self, Author};

use super::wire::{BadFrame, Reader, write_bytes, write_number};

/// The largest state of one client, in bytes of JSON.
const MAX_STATE_BYTES: usize = 16 << 10;

/// How many clients one socket may speak for.
const MAX_CLIENTS: usize = 16;

/// Clients renew their state every 15 s; one that is this old counts as gone.
const LIFETIME: Duration = Duration::from_secs(45);

/// How many clients that left are remembered, so that nobody who was slow to hear brings them back.
const REMEMBERED: usize = 1024;

/// A number for a socket in a room.
pub(super) type SocketId = u64;

/// The state of one client, as it is sent.
pub(super) type State = Arc<Entry>;

/// One client's state.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) client: u64,
    pub(super) clock: u64,
    /// JSON; `null` says that the client has left.
    pub(super) json: String,
}

impl Entry {
    /// Whether it says that the client has left.
    pub(super) fn leaves(&self) -> bool {
        self.json == "null"
    }
}

/// The states of all clients in a room.
#[derive(Default)]
pub(super) struct Presence {
    clients: BTreeMap<u64, Held>,
    /// Those who left, with the last clock that they had.
    gone: VecDeque<(u64, u64)>,
}

struct Held {
    state: State,
    guest: Arc<str>,
    /// Who spoke for it last.
    socket: SocketId,
    renewed: Instant,
}

impl Presence {
    /// Takes in what a socket says, and gives what of it others should hear.
    pub(super) fn take(
        &mut self,
        (socket, guest): (SocketId, &Arc<str>),
        message: &[u8],
        now: Instant,
    ) -> Result<Vec<State>, BadFrame> {
        check::presence(message, Author::Anyone).map_err(|_| BadFrame)?;
        let mut reader = Reader(message);
        let mut news = Vec::new();
        for _ in 0..reader.number()? {
            let (client, clock) = (reader.number()?, reader.number()?);
            let json = reader.text()?.to_owned();
            if json.len() <= MAX_STATE_BYTES {
                news.extend(self.take_one((socket, guest), Entry { client, clock, json }, now));
            }
        }
        Ok(news)
    }

    fn take_one(
        &mut self,
        (socket, guest): (SocketId, &Arc<str>),
        entry: Entry,
        now: Instant,
    ) -> Option<State> {
        let leaves = entry.leaves();
        match self.clients.get(&entry.client) {
            // Another socket of the same guest may say something newer: whoever lost their network comes with a new one
            // while the old one is not known to be dead.
            Some(held) if held.guest != *guest || entry.clock <= held.state.clock => return None,
            Some(_) => {}
            None => {
                let last = self.gone.iter().rfind(|(client, _)| *client == entry.client);
                let stale = last.is_some_and(|(_, clock)| entry.clock <= *clock);
                let own = self.clients.values().filter(|held| held.socket == socket).count();
                if leaves || stale || own >= MAX_CLIENTS {
                    return None;
                }
            }
        }
        let state = Arc::new(entry);
        match leaves {
            true => self.forget(state.client, state.clock),
            false => {
                let (held, guest) = (state.clone(), guest.clone());
                let held = Held { state: held, guest, socket, renewed: now };
                self.clients.insert(state.client, held);
            }
        }
        Some(state)
    }

    /// Everybody's state.
    pub(super) fn all(&self) -> impl Iterator<Item = State> {
        self.clients.values().map(|held| held.state.clone())
    }

    /// A socket is gone, and with it the clients that it spoke for. Gives what others should hear.
    pub(super) fn leave(&mut self, socket: SocketId) -> Vec<State> {
        self.remove(|held| held.socket == socket)
    }

    /// Lets go of clients that have not renewed their state for too long. Gives what others should hear.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<State> {
        self.remove(|held| now.saturating_duration_since(held.renewed) > LIFETIME)
    }

    fn remove(&mut self, which: impl Fn(&Held) -> bool) -> Vec<State> {
        let gone = self.clients.values().filter(|held| which(held));
        let gone: Vec<_> = gone.map(|held| held.state.clone()).collect();
        let left = gone.into_iter().map(|state| {
            let (client, clock) = (state.client, state.clock);
            self.forget(client, clock);
            Arc::new(Entry { client, clock, json: "null".to_owned() })
        });
        left.collect()
    }

    fn forget(&mut self, client: u64, clock: u64) {
        self.clients.remove(&client);
        self.gone.push_back((client, clock));
        if self.gone.len() > REMEMBERED {
            self.gone.pop_front();
        }
    }
}

/// States as one message.
pub(super) fn encoded<'a>(states: impl ExactSizeIterator<Item = &'a State>) -> Vec<u8> {
    let mut message = Vec::new();
    write_number(&mut message, states.len() as u64);
    for state in states {
        write_number(&mut message, state.client);
        write_number(&mut message, state.clock);
        write_bytes(&mut message, state.json.as_bytes());
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(client: u64, clock: u64, json: &str) -> Vec<u8> {
        let json = json.to_owned();
        encoded([Arc::new(Entry { client, clock, json })].iter())
    }

    /// A room in which sockets speak, each for a guest.
    #[derive(Default)]
    struct Room(Presence);

    impl Room {
        /// How much of it others hear.
        fn hears(&mut self, socket: SocketId, guest: &str, message: &[u8]) -> usize {
            self.0.take((socket, &guest.into()), message, Instant::now()).unwrap().len()
        }

        fn shows(&self) -> Vec<(u64, String)> {
            self.0.all().map(|state| (state.client, state.json.clone())).collect()
        }
    }

    #[test]
    fn the_latest_state_of_each_client_counts() {
        let mut room = Room::default();
        assert_eq!(room.hears(1, "Ann", &says(7, 2, "{}")), 1);
        assert_eq!(room.hears(1, "Ann", &says(7, 1, "[]")), 0);
        assert_eq!(room.hears(1, "Ann", &says(7, 3, "1")), 1);
        assert_eq!(room.shows(), [(7, "1".to_owned())]);
    }

    #[test]
    fn nobody_speaks_for_another_nor_brings_them_back() {
        let mut room = Room::default();
        room.hears(1, "Ann", &says(7, 1, "{}"));
        assert_eq!(room.hears(2, "Bob", &says(7, 9, "[]")), 0);
        let left = room.0.leave(1);
        assert_eq!((left[0].client, left[0].json.as_str()), (7, "null"));
        assert_eq!(room.hears(2, "Bob", &says(7, 1, "{}")), 0, "Bob was slow to hear");
        assert_eq!(room.shows(), []);
        assert_eq!(room.hears(3, "Ann", &says(7, 2, "{}")), 1, "Ann is back");
    }

    #[test]
    fn whoever_comes_back_on_another_socket_is_not_gone_with_the_first() {
        let mut room = Room::default();
        room.hears(1, "Ann", &says(7, 1, "{}"));
        assert_eq!(room.hears(2, "Ann", &says(7, 2, "{}")), 1);
        assert_eq!(room.0.leave(1), []);
        assert_eq!(room.shows().len(), 1);
    }

    #[test]
    fn whoever_is_silent_for_long_is_gone() {
        let mut room = Room::default();
        room.hears(1, "Ann", &says(7, 1, "{}"));
        let now = Instant::now();
        assert_eq!(room.0.expire(now + Duration::from_secs(40)).len(), 0);
        assert_eq!(room.0.expire(now + Duration::from_secs(50)).len(), 1);
    }

    #[test]
    fn a_socket_speaks_for_a_few_clients_only() {
        let mut room = Room::default();
        for client in 0..100 {
            room.hears(1, "Ann", &says(client, 1, "{}"));
        }
        assert_eq!(room.shows().len(), MAX_CLIENTS);
        let large = format!("\"{}\"", "x".repeat(MAX_STATE_BYTES));
        assert_eq!(room.hears(2, "Bob", &says(200, 1, &large)), 0);
    }
}
