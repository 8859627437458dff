//! A device that writes real chains: signed, hashed, as core makes them.

use driftline_core::clock::WallTime;
use driftline_core::id::{ChainId, DocumentId};
use driftline_core::identity::DeviceKey;
use driftline_core::log::{ChainHead, EntryKind, Segment, SegmentBuilder, Tip};
use driftline_core::space::{ChainRecord, ChainState, Change};
use driftline_storage::Record;

/// A device at the end of its chain in one document.
pub(crate) struct Author {
    pub(crate) key: DeviceKey,
    pub(crate) head: ChainHead,
    pub(crate) tip: Tip,
    /// Where its Yjs client is said to stand.
    pub(crate) clock: u32,
}

impl Author {
    /// Opens a chain; authors of different seeds are different devices.
    pub(crate) fn new(document: DocumentId, seed: u8) -> Self {
        Self::open(document, DeviceKey::from_seed(&[seed; 32]), None)
    }

    /// Opens a chain of the device of this key, behind the one that it had there before.
    pub(crate) fn open(document: DocumentId, key: DeviceKey, previous: Option<ChainId>) -> Self {
        let opened = WallTime(1_000);
        let head = ChainHead { document, device: key.id(), previous, opened, nonce: [0; 16] };
        let tip = Tip::start(head.id(), opened);
        Self { key, head, tip, clock: 0 }
    }

    pub(crate) fn chain(&self) -> ChainId {
        self.head.id()
    }

    /// Writes one segment of these payloads; the records are those of one event in core.
    pub(crate) fn write(&mut self, payloads: &[Vec<u8>]) -> Vec<Record> {
        let mut builder = match self.tip.number {
            0 => SegmentBuilder::opening(self.head.clone()),
            _ => SegmentBuilder::behind(self.chain(), self.tip),
        };
        for payload in payloads {
            builder.push(EntryKind::UPDATE, payload, WallTime(2_000));
        }
        self.tip = builder.tip();
        let segment = builder.seal(&self.key);
        let document = self.head.document;
        let mut changes = Vec::new();
        if segment.head().is_some() {
            changes.push(Change::Head(self.head.clone()));
        }
        let record = ChainRecord {
            tip: self.tip,
            clock: self.clock,
            bytes: 0,
            feed: self.tip.number,
            state: ChainState::Open,
        };
        changes.push(Change::Segment { document, segment });
        changes.push(Change::Chain { document, chain: self.chain(), record });
        changes.into_iter().map(Record::from).collect()
    }

    /// Checks hashes and signatures of this author's segments, which begin behind `held` entries.
    /// Returns the payloads.
    pub(crate) fn check(&self, segments: &[Segment], held: u64) -> Vec<Vec<u8>> {
        let mut number = held;
        let mut time = self.head.opened;
        let mut payloads = Vec::new();
        for segment in segments {
            assert_eq!(segment.before().number, number, "the segments follow one another");
            let tip = segment.walk(time).unwrap();
            segment.verify(&self.key.id(), &tip).unwrap();
            payloads.extend(segment.entries().map(|entry| entry.unwrap().0.payload.to_vec()));
            (number, time) = (tip.number, tip.time);
        }
        payloads
    }
}
