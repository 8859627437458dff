//! What a chain's author wrote, shown by somebody else.
//!
//! Whoever writes two different entries under one number forks their chain, and devices that hold the one branch take
//! in nothing of the other. So each holder quotes what it has of such a chain in a chain of its own, where it reaches
//! everybody. A quote proves itself: it counts whoever shows it, and says nothing about them.

use bincode::{Decode, Encode};

use super::{Act, RosterEntry};
use crate::clock::WallTime;
use crate::codec;
use crate::id::DocumentId;
use crate::log::{ChainHead, Entry, EntryKind, MAX_ENTRY_BYTES, MAX_SEGMENT_BYTES, Segment};

/// The largest act that is no quote, in bytes: a removal names the ends of up to 14,000 chains.
const MAX_ACT_BYTES: usize = 1 << 20;

/// By how much a quote may be larger than the largest entry in it, in bytes: that, or a full segment, has to fit.
const FRAME_BYTES: usize = 256 << 10;

/// How deep quotes are looked into: behind this many forks of chains that quote forks, one would not fit into an entry.
const MAX_DEPTH: usize = 28;

/// A stretch of somebody's chain in the roster's log.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Quote {
    /// The chain's head, which says whose it is.
    pub head: ChainHead,
    /// The stretch, under its author's signature.
    pub segment: Segment,
}

impl Quote {
    /// Whether the author of the chain wrote that, in this log.
    pub(super) fn is_sound(&self, roster: DocumentId) -> bool {
        let Self { head, segment } = self;
        let author = &head.device;
        head.document == roster
            && head.id() == segment.chain
            && segment.walk(WallTime(0)).is_ok_and(|tip| segment.verify(author, &tip).is_ok())
    }

    /// The quote in an entry of the roster's log, if it is one.
    pub(super) fn in_entry(entry: &Entry<'_>) -> Option<Self> {
        match codec::decode(entry.payload) {
            Ok(RosterEntry { act: Act::Quote(quote), .. }) if entry.kind == EntryKind::ROSTER => {
                Some(*quote)
            }
            _ => None,
        }
    }
}

/// Whether a segment may be part of the roster's log: nothing in it is too large to be quoted, if it has to be.
pub(crate) fn is_quotable(segment: &Segment) -> bool {
    let (mut entries, mut fits) = (0, true);
    for (entry, _) in segment.entries().map_while(Result::ok) {
        entries += 1;
        fits &= entry.kind == EntryKind::ROSTER && is_of_good_size(&entry);
    }
    fits && (entries == 1 || segment.body.len() <= MAX_SEGMENT_BYTES)
}

/// Whether an entry of the roster's log is no larger than it may be.
pub(crate) fn is_of_good_size(entry: &Entry<'_>) -> bool {
    most_bytes(entry, MAX_DEPTH).is_some_and(|most| entry.payload.len() <= most)
}

/// How large an entry may be: a quote of something large is larger than that. Nothing if it is nested too deep.
fn most_bytes(entry: &Entry<'_>, depth: usize) -> Option<usize> {
    let Some(quote) = Quote::in_entry(entry) else { return Some(MAX_ACT_BYTES) };
    let depth = depth.checked_sub(1)?;
    let mut most = MAX_ACT_BYTES;
    for (inner, _) in quote.segment.entries().map_while(Result::ok) {
        most = most.max(most_bytes(&inner, depth)?);
    }
    Some((most + FRAME_BYTES).min(MAX_ENTRY_BYTES))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::DeviceKey;
    use crate::log::{Frontier, SegmentBuilder};

    const ROSTER: DocumentId = DocumentId([1; 32]);

    fn author(n: u8) -> DeviceKey {
        DeviceKey::from_seed(&[n; 32])
    }

    /// A quote of a chain that begins with these acts.
    fn quote(n: u8, payloads: &[Vec<u8>]) -> Quote {
        let (device, opened) = (author(n).id(), WallTime(0));
        let head = ChainHead { document: ROSTER, device, previous: None, opened, nonce: [0; 16] };
        let mut builder = SegmentBuilder::opening(head.clone());
        for payload in payloads {
            builder.push(EntryKind::ROSTER, payload, opened);
        }
        Quote { head, segment: builder.seal(&author(n)) }
    }

    fn act(quote: Quote) -> Vec<u8> {
        let act = Act::Quote(Box::new(quote));
        codec::encode(&RosterEntry { seen: Frontier::default(), act })
    }

    #[test]
    fn whatever_may_be_in_the_roster_can_be_quoted_and_the_quote_too() {
        let mut payload = vec![0; MAX_ACT_BYTES];
        for n in 0..8 {
            let next = quote(n, &[payload]);
            assert!(next.is_sound(ROSTER) && is_quotable(&next.segment), "{n} deep");
            payload = act(next);
        }
    }

    #[test]
    fn what_could_not_be_quoted_may_not_be_in_the_roster() {
        let too_large = quote(0, &[vec![0; MAX_ACT_BYTES + 1]]);
        assert!(!is_quotable(&too_large.segment));
        let too_long = quote(0, &[vec![0; MAX_SEGMENT_BYTES], vec![0; 9]]);
        assert!(!is_quotable(&too_long.segment));
        let hidden = quote(1, &[act(too_large)]);
        assert!(is_quotable(&hidden.segment), "it is no larger than a quote of a good act");
        let mut deep = vec![0; 9];
        for n in 0..=MAX_DEPTH as u8 {
            deep = act(quote(n, &[deep]));
        }
        assert!(!is_quotable(&quote(99, &[deep]).segment));
    }
}
