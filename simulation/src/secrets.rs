//! Whether anybody is told what they may not hear: every frame that an honest device sends is read as it leaves.

use driftline_core::codec;
use driftline_core::document::Label;
use driftline_core::id::{DocumentId, SpaceId};
use driftline_core::log::Frontier;
use driftline_core::record::Bucket;
use driftline_core::space::{TAG_BYTES, ledger_document};

use crate::forgery::{CHANGED, SEGMENTS, WANT};
use crate::network::Who;
use crate::trace::message_of;
use crate::world::World;

impl World {
    /// Holds what an honest device sends to what the receiver may read, as far as the sender knows.
    pub(crate) fn check_scope(&mut self, who: Who, other: Who, frame: &[u8]) {
        let Some(space) = self.devices[who].space().filter(|_| !self.devices[who].hostile) else {
            return;
        };
        let told = told_of(frame, &space.id());
        let barred = |bucket: &Bucket| {
            told.contains(&ledger_document(&space.id(), bucket))
                && !self.enters(space, other, bucket)
        };
        if let Some(bucket) = self.buckets().into_iter().find(barred) {
            let what = message_of(frame);
            self.wrong(format_args!("device {who} tells device {other} of {bucket}: {what}"));
        }
    }
}

/// The documents of which a frame tells anything.
fn told_of(frame: &[u8], space: &SpaceId) -> Vec<DocumentId> {
    let message = frame.get(TAG_BYTES..).unwrap_or_default();
    match codec::decode_front::<u32>(message).map(|(kind, _)| kind) {
        Ok(CHANGED) => {
            let read = codec::decode::<(u32, (u64, u64), Vec<(Label, Frontier)>)>(message);
            let labels = read.map(|(.., documents)| documents).unwrap_or_default();
            labels.into_iter().map(|(label, _)| label.document(space)).collect()
        }
        Ok(WANT) => {
            let read = codec::decode::<(u32, Vec<(DocumentId, Frontier)>)>(message);
            let wanted = read.map(|(_, documents)| documents).unwrap_or_default();
            // To want all of something tells nothing of it.
            wanted.into_iter().filter(|(_, held)| !held.is_empty()).map(|(id, _)| id).collect()
        }
        Ok(SEGMENTS) => {
            let read = codec::decode_front::<(u32, DocumentId)>(message);
            read.into_iter().map(|((_, document), _)| document).collect()
        }
        _ => Vec::new(),
    }
}
