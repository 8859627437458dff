//! The log of a document: every device's entries, in chains, kept and sent in segments.
//!
//! A [`Chain`](ChainHead) is one device's row of [entries](Entry) in one document, each bound to the one
//! before by its hash. A [`Segment`] is a stretch of it under one signature. A [`Frontier`] says how much
//! of each chain somebody holds.

mod chain;
mod entry;
mod frontier;
mod segment;

pub use chain::{ChainHead, Tip};
pub use entry::{Entries, Entry, EntryKind, Guest, MAX_ENTRY_BYTES, MAX_GUEST_NAME_BYTES, Mend};
pub use frontier::{Frontier, Point};
pub use segment::{Link, MAX_SEGMENT_BYTES, Segment, SegmentBuilder, SegmentError};
