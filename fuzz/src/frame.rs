//! Whatever a member, a reader or a stranger sends, a space takes it or refuses it, and goes on.

mod host;

use bytes::Bytes;
use driftline_core::codec;
use driftline_core::document::Label;
use driftline_core::id::{ChainId, DeviceId};
use driftline_core::identity::DeviceKey;
use driftline_core::log::{ChainHead, EntryKind, Segment, SegmentBuilder, Tip};
use driftline_core::roster::Role;
use driftline_core::space::{Change, Event, TAG_BYTES, VERSION, roster_document};

use crate::apply::frames;
pub(crate) use host::{Host, update};

/// The numbers of messages: of the one that says which versions are spoken, and of the one that carries entries.
const OPEN: u32 = 0;
const SEGMENTS: u32 = 3;

/// Added to a sender's number: what follows is an entry for it to write and sign, a kind and a payload, and no frame.
pub(crate) const WRITES: u8 = 0x80;
/// The same, and into the roster.
pub(crate) const GOVERNS: u8 = 0xc0;

/// Those who send.
pub(crate) const BOB: u8 = 1;
pub(crate) const RITA: u8 = 2;
pub(crate) const STRANGER: u8 = 3;

/// The key of somebody by number; Alice, who has the space, is 0.
pub(crate) fn key(who: u8) -> DeviceKey {
    DeviceKey::from_seed(&[who; 32])
}

/// Alice's space: Bob writes in it, Rita reads, and there is a document.
pub(crate) fn alice() -> Host {
    let mut alice = Host::founds(key(0));
    alice.lets_in(&key(BOB), Role::Writer);
    alice.lets_in(&key(RITA), Role::Reader);
    alice.types("milk");
    alice
}

/// Takes a case as Alice. Says how many entries of others she took in.
pub(crate) fn frame(case: &[u8]) -> usize {
    let mut alice = alice();
    let before = alice.entries();
    let mut writers: [Writer; 4] = std::array::from_fn(|who| Writer::new(who as u8));
    for who in [BOB, RITA, STRANGER] {
        comes(&mut alice, key(who).id());
    }
    for (sender, bytes) in frames(case) {
        let who = (sender & 3).max(1);
        let peer = key(who).id();
        let message = match sender & GOVERNS {
            WRITES => writers[usize::from(who)].writes(&alice, false, bytes),
            GOVERNS => writers[usize::from(who)].writes(&alice, true, bytes),
            _ => bytes.to_vec(),
        };
        if sender & 4 != 0 {
            alice.handle(Event::PeerDown { peer });
            comes(&mut alice, peer);
        }
        let frame = Bytes::from([&[0; TAG_BYTES][..], &message].concat());
        alice.handle(Event::Frame { peer, frame });
    }
    alice.time_passes();
    only_members_write(&alice);
    alice.entries() - before
}

/// Somebody connects, and says which version they speak: before that nothing else is heard.
fn comes(alice: &mut Host, peer: DeviceId) {
    alice.handle(Event::PeerUp { peer });
    let head = ([7_u8; 16], 0_u64);
    let seen: Option<([u8; 16], u64)> = None;
    let open = codec::encode(&(OPEN, VERSION, VERSION, head, seen, true));
    let frame = Bytes::from([&[0; TAG_BYTES][..], &open].concat());
    alice.handle(Event::Frame { peer, frame });
}

/// Nobody who was never let in has a chain here.
fn only_members_write(alice: &Host) {
    let strangers = alice.kept.iter().filter_map(|change| match change {
        Change::Head(head) if !alice.space.roster().knows(&head.device) => Some(head.device),
        _ => None,
    });
    assert_eq!(strangers.collect::<Vec<DeviceId>>(), []);
}

/// Where somebody's chains end, in the notes and in the roster.
struct Writer {
    key: DeviceKey,
    ends: [Option<(ChainId, Tip)>; 2],
}

impl Writer {
    fn new(who: u8) -> Self {
        Self { key: key(who), ends: [None, None] }
    }

    /// A message with one more entry, soundly hashed and signed. What is in it is another matter.
    fn writes(&mut self, to: &Host, governs: bool, entry: &[u8]) -> Vec<u8> {
        let notes = Host::notes();
        let space = to.space.id();
        let document = if governs { roster_document(&space) } else { notes.document(&space) };
        let (kind, payload) = entry.split_first().unwrap_or((&1, &[]));
        let end = &mut self.ends[usize::from(governs)];
        let device = self.key.id();
        let mut builder = match *end {
            Some((chain, tip)) => SegmentBuilder::behind(chain, tip),
            None => SegmentBuilder::opening(ChainHead {
                document,
                device,
                previous: None,
                opened: to.now.wall,
                nonce: [0; 16],
            }),
        };
        builder.push(EntryKind(*kind), payload, to.now.wall);
        let tip = builder.tip();
        let segment = builder.seal(&self.key);
        *end = Some((segment.chain, tip));
        let label: Option<Label> = (!governs).then_some(notes);
        let segments: Vec<Segment> = vec![segment];
        codec::encode(&(SEGMENTS, document, label, segments, None::<(u64, u64)>))
    }
}
