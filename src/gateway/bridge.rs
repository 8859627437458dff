//! Presence across the door: guests show on other devices, and whoever is on other devices shows to guests.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tokio::time::MissedTickBehavior;

use super::presence::{Entry, State};
use super::room::Room;
use crate::{Document, Other, Others};

/// How often those who are far away are shown again: stock clients forget whoever is silent for 30 s.
const RENEWAL: Duration = Duration::from_secs(15);

/// Shows to other devices what guests show, as far as it is small enough to travel.
pub(super) fn show_afar(document: &Document, states: &[State]) {
    for state in states {
        let presence = document.presence().as_guest(state.client);
        match serde_json::from_str(&state.json).ok() {
            None | Some(Value::Null) => presence.clear(),
            Some(shown) => {
                if let Err(error) = presence.set(&shown) {
                    tracing::debug!(%error, "a guest does not show on other devices");
                }
            }
        }
    }
}

/// Who is on other devices, as guests see them.
#[derive(Default)]
pub(super) struct Afar {
    shown: BTreeMap<u64, State>,
    clock: u64,
}

impl Afar {
    /// Takes in who is there now, and gives what guests should hear.
    fn take(&mut self, others: &[Other<Value>]) -> Vec<State> {
        let now: BTreeMap<_, _> =
            others.iter().map(|other| (client(other), other.state.to_string())).collect();
        let gone = self.shown.keys().filter(|client| !now.contains_key(client));
        let gone: Vec<_> = gone.map(|client| (*client, "null".to_owned())).collect();
        let known = |client: &u64, json: &str| {
            self.shown.get(client).is_some_and(|state| state.json == json)
        };
        let fresh: Vec<_> = now.into_iter().filter(|(client, json)| !known(client, json)).collect();
        let news = gone.into_iter().chain(fresh);
        news.map(|(client, json)| self.say(client, json)).collect::<Vec<_>>()
    }

    /// The same again, so that nobody forgets it.
    fn renew(&mut self) -> Vec<State> {
        let shown = self.shown.values().map(|state| (state.client, state.json.clone()));
        let shown: Vec<_> = shown.collect();
        shown.into_iter().map(|(client, json)| self.say(client, json)).collect()
    }

    /// Everybody.
    pub(super) fn all(&self) -> impl Iterator<Item = State> {
        self.shown.values().cloned()
    }

    fn say(&mut self, client: u64, json: String) -> State {
        // Later than what was said before a restart.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        self.clock = now.max(self.clock + 1);
        let state = Arc::new(Entry { client, clock: self.clock, json });
        match state.leaves() {
            true => _ = self.shown.remove(&client),
            false => _ = self.shown.insert(client, state.clone()),
        }
        state
    }
}

/// Shows to a room's guests who is on other devices, for as long as the room is open.
pub(super) async fn show_here(room: Weak<Room>, mut others: Others<Value>) {
    let mut renewal = tokio::time::interval(RENEWAL);
    renewal.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let company = tokio::select! {
            company = others.next() => match company {
                Ok(company) => Some(company),
                Err(_) => return,
            },
            _ = renewal.tick() => None,
        };
        let Some(room) = room.upgrade() else { return };
        room.show_afar(|afar, me| match company {
            // This device's guests speak for themselves.
            Some(mut company) => {
                company.retain(|other| other.device != me || other.guest == 0);
                afar.take(&company)
            }
            None => afar.renew(),
        });
    }
}

/// A Yjs client id for somebody on another device: above those that stock clients draw, below the end of Yjs.
fn client(other: &Other<Value>) -> u64 {
    let hash = blake3::hash(&[&other.device.0[..], &other.guest.to_le_bytes()].concat());
    let mut low = [0; 8];
    low.copy_from_slice(&hash.as_bytes()[..8]);
    (1 << 32) + (u64::from_le_bytes(low) & ((1 << 52) - 1))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::DeviceId;

    fn other(device: u8, state: Value) -> Other<Value> {
        Other { device: DeviceId([device; 32]), guest: 0, state }
    }

    fn said(news: &[State]) -> Vec<&str> {
        news.iter().map(|state| state.json.as_str()).collect()
    }

    #[test]
    fn only_what_has_changed_is_said_until_it_is_renewed() {
        let mut afar = Afar::default();
        let (ann, bob) = (other(1, json!("Ann")), other(2, json!("Bob")));
        assert_eq!(afar.take(&[ann.clone(), bob.clone()]).len(), 2);
        assert_eq!(said(&afar.take(&[ann.clone(), bob])), Vec::<&str>::new());
        assert_eq!(said(&afar.take(std::slice::from_ref(&ann))), ["null"]);
        let first = afar.all().next().unwrap().clock;
        assert_eq!(said(&afar.renew()), ["\"Ann\""]);
        assert!(afar.all().next().unwrap().clock > first, "it is news to those who listen");
    }
}
