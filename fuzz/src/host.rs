//! A space with the least of a world around it: a disk that never fails, and a clock that ticks at every event.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use driftline_core::clock::{Now, SteadyTime, WallTime};
use driftline_core::document::Label;
use driftline_core::id::DeviceId;
use driftline_core::identity::DeviceKey;
use driftline_core::log::Segment;
use driftline_core::roster::{Genesis, Invitation, Role, Ticket};
use driftline_core::space::{Change, Effect, Event, Space};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use yrs::{Doc, Text, Transact};

/// Far more than a sound space asks for before it is quiet again.
const MAX_ROUNDS: usize = 1_000;

pub(crate) struct Host {
    pub(crate) space: Space,
    pub(crate) now: Now,
    rng: ChaCha8Rng,
    key: Arc<DeviceKey>,
    batches: u64,
    /// All that was written to the disk.
    pub(crate) kept: Vec<Change>,
    /// All that was sent since it was last looked at, and to whom.
    pub(crate) sent: Vec<(DeviceId, Vec<u8>)>,
}

impl Host {
    pub(crate) fn founds(key: DeviceKey) -> Self {
        let (key, mut rng) = (Arc::new(key), ChaCha8Rng::seed_from_u64(0));
        let genesis = Genesis::new("kitchen", &key, WallTime(0), &mut rng);
        let mut effects = Vec::new();
        let space = Space::found(genesis, key.clone(), [1; 16], &mut effects);
        let mut host = Self::new(space, key);
        host.perform(effects);
        host
    }

    pub(crate) fn new(space: Space, key: Arc<DeviceKey>) -> Self {
        let (rng, now) = (ChaCha8Rng::seed_from_u64(1), Now::default());
        Self { space, now, rng, key, batches: 0, kept: Vec::new(), sent: Vec::new() }
    }

    pub(crate) fn id(&self) -> DeviceId {
        self.key.id()
    }

    pub(crate) fn notes() -> Label {
        Label::new("notes").expect("a name")
    }

    pub(crate) fn ticket(&mut self, role: Role) -> Ticket {
        let seen = self.space.roster().heads();
        let expires = self.now.wall + Duration::from_secs(3600);
        let invitation = Invitation { role, rank: None, expires, seen };
        Ticket::issue(self.space.id(), &self.key, invitation, Vec::new(), &mut self.rng)
    }

    pub(crate) fn lets_in(&mut self, other: &DeviceKey, role: Role) {
        let request = self.ticket(role).request(other);
        let mut effects = Vec::new();
        let admitted = self.space.admit(request, self.now, &mut self.rng, &mut effects);
        admitted.expect("an admin lets in");
        self.perform(effects);
    }

    /// Writes into the notes what a document in memory would.
    pub(crate) fn types(&mut self, text: &str) {
        let label = Self::notes();
        let author = self.space.author(&label, &BTreeSet::new(), self.now, &mut self.rng);
        let chain = author.expect("it may write").chain;
        let document = label.document(&self.space.id());
        let update = update(chain.client_id(), text);
        self.handle(Event::LocalUpdate { document, chain, update });
        self.time_passes();
    }

    /// How many entries it has stored.
    pub(crate) fn entries(&self) -> usize {
        let segments = self.kept.iter().filter_map(|change| match change {
            Change::Segment { segment, .. } => Some(segment),
            _ => None,
        });
        segments.map(|segment| segment.entries().count()).sum()
    }

    pub(crate) fn handle(&mut self, event: Event) {
        self.now.steady = SteadyTime(self.now.steady.0 + Duration::from_millis(1));
        self.now.wall = self.now.wall + Duration::from_millis(1);
        let mut effects = Vec::new();
        self.space.handle(event, self.now, &mut self.rng, &mut effects);
        self.space.settle(self.now, &mut self.rng, &mut effects);
        self.perform(effects);
    }

    /// Long enough for whatever waits for an answer to give up.
    pub(crate) fn time_passes(&mut self) {
        for _ in 0..8 {
            self.now.steady = SteadyTime(self.now.steady.0 + Duration::from_secs(1));
            self.handle(Event::Tick);
        }
    }

    /// Does what is asked for, and what follows from that, until all is quiet.
    pub(crate) fn perform(&mut self, mut effects: Vec<Effect>) {
        for _ in 0..MAX_ROUNDS {
            let batches = self.batches;
            let mut events = Vec::new();
            for effect in std::mem::take(&mut effects) {
                self.perform_one(effect, &mut events);
            }
            if batches < self.batches {
                events.push(Event::Written { upto: self.batches });
                events.push(Event::Saved { upto: self.batches });
            }
            if events.is_empty() {
                return;
            }
            for event in events {
                self.space.handle(event, self.now, &mut self.rng, &mut effects);
            }
            self.space.settle(self.now, &mut self.rng, &mut effects);
        }
        panic!("the space does not come to rest");
    }

    fn perform_one(&mut self, effect: Effect, events: &mut Vec<Event>) {
        match effect {
            Effect::Write(changes) => {
                self.batches += 1;
                self.kept.extend(changes);
            }
            Effect::Send { to, frame } => {
                for peer in to {
                    self.sent.push((peer, frame.to_vec()));
                    events.push(Event::Sent { peer, bytes: frame.len() });
                }
            }
            Effect::Read { peer, document, beyond, .. } => {
                let kept = self.kept.iter().filter_map(|change| match change {
                    Change::Segment { document: of, segment } if *of == document => Some(segment),
                    _ => None,
                });
                let rest = |segment: &Segment| segment.after(beyond.number(&segment.chain)).ok()?;
                let segments = kept.filter_map(rest).collect();
                events.push(Event::Read { peer, document, segments, more: false });
            }
            Effect::Mend { document, .. } => events.push(Event::NotMended { document }),
            Effect::Disconnect { peer, .. } => events.push(Event::PeerDown { peer }),
            Effect::Apply(_) | Effect::Notify(_) => {}
        }
    }
}

/// What somebody writes who types a text into an empty document.
pub(crate) fn update(client: u64, text: &str) -> Vec<u8> {
    let doc = Doc::with_client_id(client);
    let body = doc.get_or_insert_text("body");
    let mut txn = doc.transact_mut();
    body.push(&mut txn, text);
    txn.encode_update_v1()
}
