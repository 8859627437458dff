//! What rows are called. The table in the crate's documentation shows them all.

use std::fmt;
use std::ops::Range;

use driftline_core::audit::Place;
use driftline_core::id::{ChainId, DeviceId, DocumentId, Hash, SpaceId};

/// What a row holds: the first byte of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    Format = 0,
    Life = 1,
    Space = 2,
    Document = 3,
    Head = 4,
    End = 5,
    Segment = 6,
    Snapshot = 7,
    Seen = 8,
    Acked = 9,
    Setting = 10,
}

/// The key of a row, without the number of a part. Shown to a person, it says what the row holds.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RowKey(Vec<u8>);

impl RowKey {
    pub(crate) fn format() -> Self {
        Self::of(Kind::Format, &[])
    }

    pub(crate) fn life() -> Self {
        Self::of(Kind::Life, &[])
    }

    pub(crate) fn space(space: &SpaceId) -> Self {
        Self::of(Kind::Space, &[&space.0])
    }

    pub(crate) fn document(space: &SpaceId, document: &DocumentId) -> Self {
        Self::of(Kind::Document, &[&space.0, &document.0])
    }

    pub(crate) fn head(document: &DocumentId, chain: &ChainId) -> Self {
        Self::of(Kind::Head, &[&document.0, &chain.0])
    }

    pub(crate) fn end(document: &DocumentId, chain: &ChainId) -> Self {
        Self::of(Kind::End, &[&document.0, &chain.0])
    }

    pub(crate) fn segment(document: &DocumentId, chain: &ChainId, first: u64) -> Self {
        Self::of(Kind::Segment, &[&document.0, &chain.0, &first.to_be_bytes()])
    }

    pub(crate) fn snapshot(document: &DocumentId) -> Self {
        Self::of(Kind::Snapshot, &[&document.0])
    }

    pub(crate) fn seen(space: &SpaceId, peer: &DeviceId) -> Self {
        Self::of(Kind::Seen, &[&space.0, &peer.0])
    }

    pub(crate) fn acked(space: &SpaceId, peer: &DeviceId) -> Self {
        Self::of(Kind::Acked, &[&space.0, &peer.0])
    }

    pub(crate) fn setting(name: &str) -> Self {
        // The end mark, which is in no UTF-8 text, keeps other names from between the parts of this one.
        Self::of(Kind::Setting, &[name.as_bytes(), &[0xff]])
    }

    /// The keys of all rows of a kind.
    pub(crate) fn all(kind: Kind) -> Range<Vec<u8>> {
        vec![kind as u8]..vec![kind as u8 + 1]
    }

    /// All keys that no row has.
    pub(crate) fn of_no_kind() -> Range<Vec<u8>> {
        vec![Kind::Setting as u8 + 1]..vec![0xff; 128]
    }

    /// The keys of all rows of a kind that begin with an id.
    pub(crate) fn all_of(kind: Kind, id: &[u8; 32]) -> Range<Vec<u8>> {
        let start = Self::of(kind, &[id]).0;
        // Behind every key that begins so: at least one more byte follows in each, and none has 64 of 0xff.
        let end = [&start[..], &[0xff; 64]].concat();
        start..end
    }

    fn of(kind: Kind, fields: &[&[u8]]) -> Self {
        Self([&[kind as u8], &fields.concat()[..]].concat())
    }

    /// Takes a stored key apart into that of its row and the number of the part.
    pub(crate) fn split(stored: &[u8]) -> Option<(Self, u32)> {
        let (row, part) = stored.split_last_chunk::<4>()?;
        Some((Self(row.to_vec()), u32::from_be_bytes(*part)))
    }

    /// A stored key that is none of ours.
    pub(crate) fn raw(stored: &[u8]) -> Self {
        Self(stored.to_vec())
    }

    /// Where in a space it belongs, as far as the key tells. A log's rows do not name the space.
    pub fn place(&self) -> Place {
        let (one, two) = (self.id(0), self.id(1));
        let document = || Place { document: Some(DocumentId(one)), ..Place::default() };
        let chain = || Place { chain: Some(ChainId(two)), ..document() };
        match self.0.first() {
            Some(2 | 8 | 9) => Place::of_space(SpaceId(one)),
            Some(3) => Place::of_document(SpaceId(one), DocumentId(two)),
            Some(4 | 5) => chain(),
            Some(6) => Place { entry: Some(self.first()), ..chain() },
            Some(7) => document(),
            _ => Place::default(),
        }
    }

    /// The stored keys of all its parts.
    pub(crate) fn all_parts(&self) -> Range<Vec<u8>> {
        self.part(0)..[&self.part(u32::MAX)[..], &[0]].concat()
    }

    /// The stored key of a part of the row.
    pub(crate) fn part(&self, part: u32) -> Vec<u8> {
        [&self.0[..], &part.to_be_bytes()].concat()
    }

    /// The id in the first or second place; zeros where the key is too short to hold it.
    pub(crate) fn id(&self, place: usize) -> [u8; 32] {
        let from = 1 + place * 32;
        self.0.get(from..from + 32).and_then(|id| id.try_into().ok()).unwrap_or_default()
    }

    /// The number at the end of a segment's key.
    pub(crate) fn first(&self) -> u64 {
        self.0.last_chunk().copied().map_or(0, u64::from_be_bytes)
    }

    /// The name in a setting's key.
    pub(crate) fn name(&self) -> String {
        String::from_utf8_lossy(&self.0[1..self.0.len() - 1]).into_owned()
    }
}

impl fmt::Display for RowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let one = Hash(self.id(0)).short();
        let two = Hash(self.id(1)).short();
        match self.0.first() {
            Some(0) => f.write_str("the format"),
            Some(1) => f.write_str("the store's life"),
            Some(2) => write!(f, "space {one}"),
            Some(3) => write!(f, "document {two} of space {one}"),
            Some(4) => write!(f, "the head of chain {two} of document {one}"),
            Some(5) => write!(f, "the end of chain {two} of document {one}"),
            Some(6) => write!(f, "entry {} of chain {two} of document {one}", self.first()),
            Some(7) => write!(f, "the snapshot of document {one}"),
            Some(8) => write!(f, "what was seen of peer {two} in space {one}"),
            Some(9) => write!(f, "what peer {two} acknowledged in space {one}"),
            Some(10) => write!(f, "setting “{}”", self.name()),
            _ => f.write_str("an unknown record"),
        }
    }
}

impl fmt::Debug for RowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RowKey({self})")
    }
}
