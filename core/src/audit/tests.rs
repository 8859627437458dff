use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use std::sync::{Arc, Mutex};
use yrs::{Text, Transact};

use super::*;
use crate::clock::WallTime;
use crate::codec;
use crate::document::OpenDocument;
use crate::identity::DeviceKey;
use crate::log::{EntryKind, SegmentBuilder, Tip};
use crate::roster::{Act, Invitation, Role, Roster, RosterEntry, Ticket};
use crate::space::roster_document;

/// A kitchen that Alice began, into which she let Bob, and its shopping list.
struct Kitchen {
    genesis: Genesis,
    roster: StoredLog,
    list: StoredLog,
}

fn alice() -> DeviceKey {
    DeviceKey::from_seed(&[1; 32])
}

fn bob() -> DeviceKey {
    DeviceKey::from_seed(&[2; 32])
}

fn rng() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(7)
}

/// A chain of these payloads, a segment each.
fn chain(
    document: DocumentId,
    author: &DeviceKey,
    (kind, payloads): (EntryKind, &[Vec<u8>]),
    (feed, clock): (u64, u32),
) -> StoredChain {
    let opened = WallTime(1_000);
    let head = ChainHead { document, device: author.id(), previous: None, opened, nonce: [3; 16] };
    let chain = head.id();
    let mut tip = Tip::start(chain, opened);
    let mut segments = Vec::new();
    for payload in payloads {
        let mut builder = match tip.number {
            0 => SegmentBuilder::opening(head.clone()),
            _ => SegmentBuilder::behind(chain, tip),
        };
        builder.push(kind, payload, WallTime(2_000));
        tip = builder.tip();
        segments.push((tip.number, builder.seal(author)));
    }
    let end = Some(ChainRecord { tip, clock, bytes: 0, feed, state: ChainState::Open });
    StoredChain { chain, head: Some(head), end, segments }
}

/// A chain on which somebody types words.
fn typed(document: DocumentId, author: &DeviceKey, words: &[&str], feed: u64) -> StoredChain {
    let empty = chain(document, author, (EntryKind::UPDATE, &[]), (feed, 0));
    let updates = Arc::new(Mutex::new(Vec::new()));
    let kept = updates.clone();
    let open =
        OpenDocument::new(empty.chain.client_id(), move |update| kept.lock().unwrap().push(update));
    let body = open.doc().get_or_insert_text("body");
    words.iter().for_each(|word| body.push(&mut open.doc().transact_mut(), word));
    let clock = words.iter().map(|word| word.len() as u32).sum();
    let updates = updates.lock().unwrap().clone();
    chain(document, author, (EntryKind::UPDATE, &updates), (feed, clock))
}

impl Kitchen {
    fn new() -> Self {
        let genesis = Genesis::new("kitchen", &alice(), WallTime(5), &mut rng());
        let space = genesis.space();
        let invitation = Invitation {
            role: Role::Writer,
            rank: None,
            expires: WallTime(9_000),
            seen: Frontier::default(),
        };
        let ticket = Ticket::issue(space, &alice(), invitation, Vec::new(), &mut rng());
        let label = Label::new("list").unwrap();
        let document = label.document(&space);
        let chains = vec![
            typed(document, &alice(), &["milk", ", ", "bread"], 2),
            typed(document, &bob(), &["salt ", "rice "], 3),
        ];
        let list = StoredLog {
            document,
            label: Some((label, Frontier::default())),
            chains,
            snapshot: None,
        };
        let document = roster_document(&space);
        let label = Some((Label::roster(), Frontier::default()));
        let roster = StoredLog { document, label, chains: Vec::new(), snapshot: None };
        let mut kitchen = Self { genesis, roster, list };
        kitchen.alice_does([Act::Admit(Box::new(ticket.request(&bob())))]);
        kitchen
    }

    /// Writes the roster's log anew.
    fn alice_does<const N: usize>(&mut self, acts: [Act; N]) {
        let mut entries = Vec::new();
        let mut roster = Roster::new(self.genesis.clone());
        for act in acts {
            entries.push(codec::encode(&RosterEntry { seen: roster.heads(), act }));
            let written = (EntryKind::ROSTER, &entries[..]);
            let whole = chain(self.roster.document, &alice(), written, (1, 0));
            let fresh = whole.segments.last().unwrap().1.clone();
            roster.take([(alice().id(), &fresh)]);
            self.roster.chains = vec![whole];
        }
    }

    fn admission(&self) -> Act {
        let (_, segment) = &self.roster.chains[0].segments[0];
        let (entry, _) = segment.entries().next().unwrap().unwrap();
        codec::decode::<RosterEntry>(entry.payload).unwrap().act
    }

    fn fold(&mut self) {
        let held =
            self.list.chains.iter().map(|chain| (chain.chain, chain.end.unwrap().tip.point()));
        let document = OpenDocument::new(9, |_| {});
        for (_, segment) in self.list.chains.iter().flat_map(|chain| &chain.segments) {
            let updates = segment.entries().map(|entry| entry.unwrap().0.payload);
            document.apply(&updates.collect::<Vec<_>>()).unwrap();
        }
        self.list.snapshot = Some((held.collect(), document.state_if(|| true).unwrap()));
    }

    /// What is found, each with the number of the entry that it names.
    fn found(&self) -> Vec<(&'static str, Option<u64>)> {
        let mut audit = Audit::new(self.genesis.space(), Some(alice().id()));
        audit.document(&self.list);
        audit.roster(&self.roster, Some(&self.genesis));
        let findings = audit.take_findings();
        assert!(findings.iter().all(|finding| finding.place.space == Some(self.genesis.space())));
        findings.iter().map(|finding| (finding.fault.name(), finding.place.entry)).collect()
    }

    fn chain(&mut self, author: &DeviceKey) -> &mut StoredChain {
        let own = |chain: &&mut StoredChain| chain.head.as_ref().unwrap().device == author.id();
        self.list.chains.iter_mut().find(own).unwrap()
    }
}

#[test]
fn nothing_is_found_where_nothing_is_wrong() {
    let mut kitchen = Kitchen::new();
    assert_eq!(kitchen.found(), []);
    kitchen.fold();
    assert_eq!(kitchen.found(), []);
    // A folded state may stand behind the end of the log.
    let (alice, more) =
        (alice(), typed(kitchen.list.document, &alice(), &["milk", ", ", "bread", "!"], 2));
    *kitchen.chain(&alice) = more;
    assert_eq!(kitchen.found(), []);
}

#[test]
fn every_byte_of_an_entry_counts() {
    let whole = Kitchen::new();
    for part in 0..3 {
        for at in 0..whole.list.chains[0].segments[part].1.body.len() {
            let mut kitchen = Kitchen::new();
            kitchen.list.chains[0].segments[part].1.body[at] ^= 1;
            assert_ne!(kitchen.found(), [], "byte {at} of entry {}", part + 1);
        }
    }
}

#[test]
fn what_is_lost_is_named_and_nothing_behind_it() {
    let mut kitchen = Kitchen::new();
    kitchen.chain(&alice()).segments.remove(1);
    assert_eq!(kitchen.found(), [("missing", Some(2))]);
    kitchen.chain(&alice()).segments.pop();
    assert_eq!(kitchen.found(), [("missing", Some(2))], "all behind the first");

    let mut kitchen = Kitchen::new();
    kitchen.chain(&bob()).head = None;
    assert_eq!(kitchen.found(), [("no_head", None)]);
    kitchen.chain(&alice()).end = None;
    assert_eq!(kitchen.found().len(), 2);
    kitchen.list.label = None;
    assert_eq!(kitchen.found()[0], ("no_name", None));
}

#[test]
fn a_stored_end_has_to_be_where_the_log_ends() {
    type Change = fn(&mut ChainRecord);
    let lies: [(Change, (&str, Option<u64>)); 8] = [
        (|end| end.tip.number = 2, ("tip", Some(2))),
        (|end| end.tip.number = 4, ("missing", Some(4))),
        (|end| end.tip.hash.0[0] ^= 1, ("tip_hash", Some(3))),
        (|end| end.tip.time.0 += 1, ("tip_time", Some(3))),
        (|end| end.clock += 1, ("clock", None)),
        (|end| end.feed = 0, ("no_feed", None)),
        (|end| end.feed = 3, ("feed_twice", None)),
        (|end| end.state = ChainState::Forked, ("", None)),
    ];
    for (lie, found) in lies {
        let mut kitchen = Kitchen::new();
        lie(kitchen.list.chains[0].end.as_mut().unwrap());
        let expected: &[_] = if found.0.is_empty() { &[] } else { &[found] };
        assert_eq!(kitchen.found(), expected);
    }
    // A forked chain was excused for another's number, but the other was not for the forked one's.
    for forked in 0..2 {
        let mut kitchen = Kitchen::new();
        let feed = kitchen.list.chains[1 - forked].end.unwrap().feed;
        let end = kitchen.list.chains[forked].end.as_mut().unwrap();
        (end.state, end.feed) = (ChainState::Forked, feed);
        assert_eq!(kitchen.found(), []);
    }
    let mut kitchen = Kitchen::new();
    kitchen.chain(&bob()).end.as_mut().unwrap().state = ChainState::Retired;
    assert_eq!(kitchen.found(), [("retired", None)], "it is not this device's");
}

#[test]
fn a_chain_that_was_cut_off_needs_the_cut_and_no_signature() {
    let mut kitchen = Kitchen::new();
    let whole = kitchen.chain(&bob()).clone();
    let end = whole.end.unwrap().tip.point();
    let forged = kitchen.list.chains[0].segments[0].1.signature;
    kitchen.chain(&bob()).segments[1].1.signature = forged;
    assert_eq!(kitchen.found(), [("signature", Some(2))]);

    let cuts = [(whole.chain, end)].into_iter().collect();
    let removal = Act::Remove { device: bob().id(), cuts };
    kitchen.alice_does([kitchen.admission(), removal]);
    assert_eq!(kitchen.found(), []);
}

#[test]
fn nobody_writes_who_was_not_let_in() {
    let mut kitchen = Kitchen::new();
    let stranger = DeviceKey::from_seed(&[9; 32]);
    let chain = typed(kitchen.list.document, &stranger, &["hello"], 4);
    kitchen.list.chains.push(chain);
    assert_eq!(kitchen.found(), [("never_let_in", None)]);
}

#[test]
fn what_a_sound_client_would_not_write_is_named() {
    let mut kitchen = Kitchen::new();
    let document = kitchen.list.document;
    let (alice, bob) = (alice(), bob());
    // Bob's updates on a chain of Alice's: under a client id that is not hers.
    let foreign = kitchen.chain(&bob).segments[0].1.clone();
    let update = foreign.entries().next().unwrap().unwrap().0.payload.to_vec();
    let written = (EntryKind::UPDATE, &[update][..]);
    *kitchen.chain(&alice) = chain(document, &alice, written, (2, 0));
    assert_eq!(kitchen.found(), [("update", Some(1))]);
}

#[test]
fn a_folded_state_is_held_against_the_log() {
    let mut kitchen = Kitchen::new();
    kitchen.fold();
    let (frontier, state) = kitchen.list.snapshot.clone().unwrap();

    let mut other = Kitchen::new();
    *other.chain(&bob()) = typed(other.list.document, &bob(), &["salt ", "corn "], 3);
    other.fold();
    let differs = other.list.snapshot.clone().unwrap().1;
    kitchen.list.snapshot = Some((frontier.clone(), differs));
    assert_eq!(kitchen.found(), [("snapshot_differs", None)]);

    kitchen.list.snapshot = Some((frontier.clone(), state[1..].to_vec()));
    assert_eq!(kitchen.found(), [("snapshot_unsound", None)]);

    let bobs = kitchen.chain(&bob()).chain;
    let point = |number, hash| [(bobs, Point { number, hash })].into_iter().collect::<Frontier>();
    let hash = frontier.get(&bobs).unwrap().hash;
    let mut ahead = frontier.clone();
    ahead.join(&point(3, hash));
    kitchen.list.snapshot = Some((ahead, state.clone()));
    assert_eq!(kitchen.found(), [("snapshot_ahead", None)]);
    kitchen.list.snapshot = Some((point(1, hash), state));
    assert_eq!(kitchen.found()[0], ("snapshot_of_other", Some(1)));
}

#[test]
fn a_space_is_what_it_began_as() {
    let kitchen = Kitchen::new();
    let other = Genesis::new("pantry", &alice(), WallTime(5), &mut rng());
    let mut audit = Audit::new(kitchen.genesis.space(), None);
    audit.roster(&kitchen.roster, Some(&other));
    let names: Vec<_> = audit.take_findings().iter().map(|finding| finding.fault.name()).collect();
    assert!(names.contains(&"other_space"), "{names:?}");
}
