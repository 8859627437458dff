//! Our wire by hand: frames as bytes, with no check on what is said in them.

use driftline::yrs::block::ClientID;
use driftline::yrs::{Doc, OffsetKind, Options, ReadTxn, StateVector, Text, Transact};
use driftline::{DeviceId, DocumentId, SpaceId};
use driftline_core::clock::WallTime;
use driftline_core::codec;
use driftline_core::document::Label;
use driftline_core::identity::DeviceKey;
use driftline_core::log::{ChainHead, EntryKind, Segment, SegmentBuilder};
use driftline_core::space::tag;

/// Numbers of messages, as they stand in a frame.
pub(crate) mod kind {
    pub(crate) const OPEN: u32 = 0;
    pub(crate) const WANT: u32 = 2;
    pub(crate) const SEGMENTS: u32 = 3;
    pub(crate) const POSITION: u32 = 4;
    pub(crate) const SAVED: u32 = 5;
    pub(crate) const STRANGER: u32 = 6;
    pub(crate) const INTRODUCE: u32 = 7;
    pub(crate) const JOIN: u32 = 8;
    pub(crate) const WELCOME: u32 = 9;
    pub(crate) const REFUSED: u32 = 10;
    pub(crate) const OBJECTS: u32 = 11;
    pub(crate) const PRESENCE: u32 = 12;
}

/// Reasons that come with a refused ticket.
pub(crate) mod refusal {
    pub(crate) const EXPIRED: u32 = 0;
    pub(crate) const NOT_VALID: u32 = 1;
}

/// A frame for a space: the sender's tag, the number of the message, and what belongs to it.
pub(crate) fn frame(space: &SpaceId, sender: &DeviceId, kind: u32, body: &[u8]) -> Vec<u8> {
    let mut frame = tag(space, sender).to_vec();
    codec::encode_onto(&kind, &mut frame);
    frame.extend_from_slice(body);
    frame
}

/// What belongs to a message of segments.
pub(crate) fn segments(label: &Label, space: &SpaceId, segments: Vec<Segment>) -> Vec<u8> {
    let stretch: Option<(u64, u64)> = None;
    codec::encode(&(label.document(space), Some(label.clone()), segments, stretch))
}

/// What belongs to an `Open` that speaks these versions.
pub(crate) fn open(oldest: u16, newest: u16) -> Vec<u8> {
    let head = ([7_u8; 16], 0_u64);
    let seen: Option<([u8; 16], u64)> = None;
    codec::encode(&(oldest, newest, head, seen, true))
}

pub(crate) fn label(name: &str) -> Label {
    Label::new(name).unwrap()
}

/// A chain of `author`'s in a document. The nonce tells chains apart.
pub(crate) fn head(document: DocumentId, author: DeviceId, nonce: u64) -> ChainHead {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&nonce.to_le_bytes());
    ChainHead { document, device: author, previous: None, opened: WallTime(1), nonce: bytes }
}

/// The first segment of a chain, signed by `signer`.
pub(crate) fn opening(
    head: ChainHead,
    signer: &DeviceKey,
    entries: &[(EntryKind, &[u8])],
) -> Segment {
    let mut builder = SegmentBuilder::opening(head);
    for (kind, payload) in entries {
        builder.push(*kind, payload, WallTime(2));
    }
    builder.seal(signer)
}

/// The update of somebody who types under a Yjs client id into a document of their own.
pub(crate) fn typed(client: u64, text: &str) -> Vec<u8> {
    let doc = Doc::with_options(Options {
        client_id: ClientID::new(client),
        offset_kind: OffsetKind::Utf16,
        ..Options::default()
    });
    let body = doc.get_or_insert_text("body");
    body.push(&mut doc.transact_mut(), text);
    doc.transact().encode_state_as_update_v1(&StateVector::default())
}
