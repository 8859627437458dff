//! What somebody can put together who has a key and no scruples: frames, and chains of entries.
//!
//! Frames are written by hand, as core's own messages can't be made without its checks.

use bytes::Bytes;
use driftline_core::clock::WallTime;
use driftline_core::codec;
use driftline_core::command::{Call, Command, CommandId, Decision, Seen, Verdict};
use driftline_core::document::Label;
use driftline_core::id::{ChainId, DeviceId, DocumentId, Hash, SpaceId};
use driftline_core::identity::DeviceKey;
use driftline_core::log::{ChainHead, EntryKind, Frontier, Segment, SegmentBuilder, Tip};
use driftline_core::presence::Statement;
use driftline_core::record::{RowId, Value};
use driftline_core::roster::{Act, JoinRequest, RosterEntry};
use driftline_core::space::{Position, tag};
use yrs::{Doc, ReadTxn, StateVector, Text, Transact, WriteTxn};

use crate::seats::{Column, Set};

const OPEN: u32 = 0;
pub(crate) const CHANGED: u32 = 1;
const WANT: u32 = 2;
const SEGMENTS: u32 = 3;
const POSITION: u32 = 4;
const SAVED: u32 = 5;
const INTRODUCE: u32 = 7;
const JOIN: u32 = 8;
const PRESENCE: u32 = 12;

/// "This is where my feed is": nowhere, and yours was not followed.
pub fn open(space: &SpaceId, me: &DeviceId, version: u16) -> Bytes {
    let head = Position { incarnation: [0; 16], number: 0 };
    let seen: Option<Position> = None;
    frame(space, me, |bytes| {
        codec::encode_onto(&(OPEN, (version, version, head, seen, false)), bytes)
    })
}

/// "I have nothing of these documents."
pub fn want(space: &SpaceId, me: &DeviceId, documents: &[DocumentId]) -> Bytes {
    let documents: Vec<_> = documents.iter().map(|id| (*id, Frontier::default())).collect();
    frame(space, me, |bytes| codec::encode_onto(&(WANT, documents), bytes))
}

/// Entries of a document, with the name that it is given where a chain begins, and what they claim to be of the
/// sender's feed.
pub fn segments(
    space: &SpaceId,
    me: &DeviceId,
    (document, name): (DocumentId, Option<&Label>),
    segments: Vec<Segment>,
    stretch: Option<(u64, u64)>,
) -> Bytes {
    frame(space, me, |bytes| {
        codec::encode_onto(&(SEGMENTS, document, name.cloned(), segments, stretch), bytes)
    })
}

/// Entries of the roster, sent as those of any document.
pub fn roster_segments(
    space: &SpaceId,
    me: &DeviceId,
    document: DocumentId,
    entries: &[Segment],
) -> Bytes {
    nameless(space, me, (document, 0), entries)
}

/// Entries of the ledger, sent as those of any document.
pub fn ledger_segments(
    space: &SpaceId,
    me: &DeviceId,
    document: DocumentId,
    entries: &[Segment],
) -> Bytes {
    nameless(space, me, (document, 1), entries)
}

/// No app can name the roster or the ledger, but a frame can: they are the documents without a name.
fn nameless(
    space: &SpaceId,
    me: &DeviceId,
    (document, lineage): (DocumentId, u32),
    entries: &[Segment],
) -> Bytes {
    let label = Some((String::new(), lineage));
    let stretch: Option<(u64, u64)> = None;
    frame(space, me, |bytes| {
        codec::encode_onto(&(SEGMENTS, document, label, entries.to_vec(), stretch), bytes)
    })
}

/// "This command is accepted": the seat number 1 is gone.
pub fn decision(order: u64, command: CommandId, author: DeviceId) -> Vec<u8> {
    let (previous, at) = (Hash([0; 32]), WallTime(0));
    let verdict = Verdict::Accepted { output: Value::Null };
    let writes = vec![(RowId::new("seats", 1).field("price"), None)];
    let (news, effects) = (Vec::new(), Vec::new());
    let decision =
        Decision { order, previous, command, author, at, verdict, writes, news, effects };
    codec::encode(&decision)
}

/// "Seat 1 costs nothing", by somebody who claims to have seen that much.
pub fn call(clock: u64, seen: Seen) -> Vec<u8> {
    let fields = Value::of(&Set { seat: 1, column: Column::Price, to: 0 });
    let fields = fields.expect("there are no fractions in it");
    codec::encode(&Call { name: Set::NAME.to_owned(), version: Set::VERSION, fields, seen, clock })
}

/// "This is the roster's log, which lets me in."
pub fn introduce(space: &SpaceId, me: &DeviceId, entries: &[Segment]) -> Bytes {
    frame(space, me, |bytes| codec::encode_onto(&(INTRODUCE, entries.to_vec()), bytes))
}

/// "Let me in."
pub fn join(space: &SpaceId, me: &DeviceId, request: &JoinRequest) -> Bytes {
    frame(space, me, |bytes| codec::encode_onto(&(JOIN, request.clone()), bytes))
}

/// "You have been sent all of my feed between these places."
pub fn position(space: &SpaceId, me: &DeviceId, from: u64, upto: u64) -> Bytes {
    frame(space, me, |bytes| codec::encode_onto(&(POSITION, from, upto), bytes))
}

/// "I have saved all of your feed up to here."
pub fn saved(space: &SpaceId, me: &DeviceId, upto: u64) -> Bytes {
    frame(space, me, |bytes| codec::encode_onto(&(SAVED, upto), bytes))
}

/// "This is what was shown just now."
pub fn presence(space: &SpaceId, me: &DeviceId, statement: Statement) -> Bytes {
    let age = 0_u32;
    frame(space, me, |bytes| codec::encode_onto(&(PRESENCE, vec![(statement, age)]), bytes))
}

/// A frame that claims to hold more entries than there is memory.
pub fn huge(space: &SpaceId, me: &DeviceId, document: DocumentId) -> Bytes {
    let name: Option<Label> = None;
    frame(space, me, |bytes| codec::encode_onto(&(SEGMENTS, document, name, u64::MAX >> 2), bytes))
}

/// The same message from somebody else.
pub fn retold(space: &SpaceId, me: &DeviceId, heard: &Bytes) -> Bytes {
    let body = heard.get(driftline_core::space::TAG_BYTES..).unwrap_or_default();
    [&tag(space, me)[..], body].concat().into()
}

fn frame(space: &SpaceId, me: &DeviceId, message: impl FnOnce(&mut Vec<u8>)) -> Bytes {
    let mut frame = tag(space, me).to_vec();
    message(&mut frame);
    frame.into()
}

/// A chain that is written by hand, with the Yjs document of its client.
pub struct Pen {
    head: ChainHead,
    tip: Tip,
    doc: Doc,
}

impl Pen {
    /// Begins a chain in a document, in the name of a device.
    pub fn new(document: DocumentId, device: DeviceId, opened: WallTime, nonce: [u8; 16]) -> Self {
        let head = ChainHead { document, device, previous: None, opened, nonce };
        let chain = head.id();
        let doc = Doc::with_client_id(chain.client_id());
        Self { head, tip: Tip::start(chain, opened), doc }
    }

    /// The chain's id.
    pub fn chain(&self) -> ChainId {
        self.head.id()
    }

    /// Where the chain ends.
    pub fn tip(&self) -> Tip {
        self.tip
    }

    /// An update that writes these words in front of what this pen wrote before.
    pub fn words(&self, words: &str) -> Vec<u8> {
        words_of(&self.doc, words)
    }

    /// The next segment of the chain: one entry, under somebody's signature.
    pub fn entry(&mut self, kind: EntryKind, payload: &[u8], key: &DeviceKey) -> Segment {
        let (segment, tip) = self.aside(kind, payload, key);
        self.tip = tip;
        segment
    }

    /// The same, but the chain is not taken to have gone on: what comes next forks it.
    pub fn aside(&self, kind: EntryKind, payload: &[u8], key: &DeviceKey) -> (Segment, Tip) {
        let mut builder = match self.tip.number {
            0 => SegmentBuilder::opening(self.head.clone()),
            _ => SegmentBuilder::behind(self.chain(), self.tip),
        };
        builder.push(kind, payload, self.tip.time);
        let tip = builder.tip();
        (builder.seal(key), tip)
    }

    /// An entry that says these words.
    pub fn writes(&mut self, words: &str, key: &DeviceKey) -> Segment {
        let update = self.words(words);
        self.entry(EntryKind::UPDATE, &update, key)
    }

    /// An entry of the roster's log.
    pub fn does(&mut self, act: Act, seen: Frontier, key: &DeviceKey) -> Segment {
        let payload = codec::encode(&RosterEntry { seen, act });
        self.entry(EntryKind::ROSTER, &payload, key)
    }
}

impl std::fmt::Debug for Pen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pen").field("head", &self.head).field("tip", &self.tip).finish()
    }
}

/// An update under a client id of one's choice.
pub fn squatting(client: u64, words: &str) -> Vec<u8> {
    words_of(&Doc::with_client_id(client), words)
}

fn words_of(doc: &Doc, words: &str) -> Vec<u8> {
    let mut txn = doc.transact_mut();
    let before: StateVector = txn.state_vector();
    let body = txn.get_or_insert_text("body");
    body.insert(&mut txn, 0, words);
    txn.encode_diff_v1(&before)
}
