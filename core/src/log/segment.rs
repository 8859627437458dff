//! A stretch of a chain under one signature, stored as it is sent.

use bincode::{Decode, Encode};
use thiserror::Error;

use super::chain::{ChainHead, Tip};
use super::entry::{Entries, Entry, EntryKind, MAX_ENTRY_BYTES};
use super::frontier::Point;
use crate::clock::WallTime;
use crate::codec::{self, CodecError};
use crate::id::{ChainId, DeviceId, Hash};
use crate::identity::{BadSignature, DeviceKey, Signature};

/// How large the body of a segment grows before the next entry begins another, in bytes.
pub const MAX_SEGMENT_BYTES: usize = 128 << 10;

const PURPOSE: &str = "driftline segment 1";

/// A stretch of a chain: where it links in, its entries, and the author's signature over its end.
///
/// As every hash covers all entries before it, the last signature vouches for the whole chain. So
/// segments that follow one another can be joined and keep only the later signature, and the front of
/// one can be cut off, and what is left can still be checked.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Segment {
    /// The chain that it is a stretch of.
    pub chain: ChainId,
    /// What comes before it.
    pub link: Link,
    /// The encoded entries, one behind the other.
    pub body: Vec<u8>,
    /// The author's, over the chain's id and the number and hash of the last entry.
    pub signature: Signature,
}

/// What comes before a segment.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Link {
    /// Nothing: it opens the chain, and shows the chain's head.
    Opens(ChainHead),
    /// The entry at this point.
    Follows(Point),
}

/// Why a segment can't be taken.
#[derive(Debug, Error)]
pub enum SegmentError {
    /// Its entries do not decode.
    #[error("an entry does not decode")]
    Malformed {
        /// What is wrong with it.
        #[from]
        source: CodecError,
    },
    /// It holds no entry.
    #[error("it holds no entry")]
    Empty,
    /// An entry is larger than [`MAX_ENTRY_BYTES`].
    #[error("an entry of {bytes} bytes is over the limit of {MAX_ENTRY_BYTES}")]
    TooLarge {
        /// The size of the payload.
        bytes: usize,
    },
    /// Its entries would be numbered beyond the last number that there is.
    #[error("its entries are numbered beyond what can be")]
    BeyondNumbers,
    /// It shows a head that does not hash to the chain's id.
    #[error("its head belongs to another chain")]
    WrongHead,
    /// It was not signed by the chain's device.
    #[error("it is not signed by its author")]
    BadSignature {
        /// Who should have signed.
        #[from]
        source: BadSignature,
    },
}

impl Segment {
    /// The number of its first entry.
    pub fn first(&self) -> u64 {
        self.before().number.saturating_add(1)
    }

    /// The point just before its first entry.
    pub fn before(&self) -> Point {
        match &self.link {
            Link::Opens(_) => Point { number: 0, hash: Hash(self.chain.0) },
            Link::Follows(point) => *point,
        }
    }

    /// The head that it shows, if it opens its chain.
    pub fn head(&self) -> Option<&ChainHead> {
        match &self.link {
            Link::Opens(head) => Some(head),
            Link::Follows(_) => None,
        }
    }

    /// The number of its last entry. One that does not decode ends the count.
    pub fn last(&self) -> u64 {
        let count = self.entries().map_while(Result::ok).count() as u64;
        self.before().number.saturating_add(count)
    }

    /// Its entries, in order.
    pub fn entries(&self) -> Entries<'_> {
        Entries::of(&self.body)
    }

    /// Follows the hashes through the entries to the tip that the signature must be over. `time` is when
    /// the author wrote the entry before the first, as far as known.
    ///
    /// # Errors
    /// If it has no entries, one does not decode, is too large or has no number, or the head is another chain's.
    pub fn walk(&self, time: WallTime) -> Result<Tip, SegmentError> {
        if self.head().is_some_and(|head| head.id() != self.chain) {
            return Err(SegmentError::WrongHead);
        }
        let before = self.before();
        if before.number.checked_add(self.body.len() as u64).is_none() {
            return Err(SegmentError::BeyondNumbers);
        }
        let mut tip = Tip { number: before.number, hash: before.hash, time };
        for entry in self.entries() {
            let (entry, encoded) = entry?;
            if entry.payload.len() > MAX_ENTRY_BYTES {
                return Err(SegmentError::TooLarge { bytes: entry.payload.len() });
            }
            tip = tip.followed_by(&entry, encoded);
        }
        match tip.number == before.number {
            true => Err(SegmentError::Empty),
            false => Ok(tip),
        }
    }

    /// Checks that `author` signed this segment, which ends in `tip`.
    ///
    /// # Errors
    /// If it did not.
    pub fn verify(&self, author: &DeviceId, tip: &Tip) -> Result<(), BadSignature> {
        author.verify(PURPOSE, &signed_bytes(self.chain, tip), &self.signature)
    }

    /// What is left when the entries up to `number` are cut off; nothing if none is.
    ///
    /// # Errors
    /// If an entry does not decode.
    pub fn after(&self, number: u64) -> Result<Option<Self>, SegmentError> {
        let before = self.before();
        if number <= before.number {
            return Ok(Some(self.clone()));
        }
        let mut tip = Tip { number: before.number, hash: before.hash, time: WallTime(0) };
        let mut cut = 0;
        for entry in self.entries().take((number - before.number) as usize) {
            let (entry, encoded) = entry?;
            tip = tip.followed_by(&entry, encoded);
            cut += encoded.len();
        }
        if cut == self.body.len() {
            return Ok(None);
        }
        let link = Link::Follows(tip.point());
        Ok(Some(Self { link, body: self.body[cut..].to_vec(), ..*self }))
    }

    /// What is left when the entries beyond `cut` are cut off. If there are any, the signature vouches for it no more,
    /// but the cut does: it has the hash in which what is left must end.
    ///
    /// # Errors
    /// If an entry does not decode.
    pub fn upto(mut self, cut: Point) -> Result<Self, SegmentError> {
        let room = cut.number.saturating_sub(self.before().number);
        let mut kept = 0;
        for entry in self.entries().take(usize::try_from(room).unwrap_or(usize::MAX)) {
            kept += entry?.1.len();
        }
        self.body.truncate(kept);
        Ok(self)
    }

    /// Appends the segment that follows this one in its chain; the later signature covers both.
    pub fn join(&mut self, next: Self) {
        debug_assert_eq!(self.chain, next.chain);
        self.body.extend_from_slice(&next.body);
        self.signature = next.signature;
    }
}

/// Gathers entries of a device's own chain until they are sealed with a signature.
#[derive(Debug)]
pub struct SegmentBuilder {
    chain: ChainId,
    link: Link,
    body: Vec<u8>,
    tip: Tip,
}

impl SegmentBuilder {
    /// Begins a chain.
    pub fn opening(head: ChainHead) -> Self {
        let (chain, opened) = (head.id(), head.opened);
        let link = Link::Opens(head);
        Self { chain, link, body: Vec::new(), tip: Tip::start(chain, opened) }
    }

    /// Goes on behind `tip`, which is not the beginning of the chain.
    pub fn behind(chain: ChainId, tip: Tip) -> Self {
        let link = Link::Follows(tip.point());
        Self { chain, link, body: Vec::new(), tip }
    }

    /// Adds an entry, written at `now`. Time in a chain never goes back, whatever the clock does.
    pub fn push(&mut self, kind: EntryKind, payload: &[u8], now: WallTime) {
        let elapsed = now.0.saturating_sub(self.tip.time.0);
        let entry = Entry { kind, elapsed, payload };
        let start = self.body.len();
        codec::encode_onto(&entry, &mut self.body);
        self.tip = self.tip.followed_by(&entry, &self.body[start..]);
    }

    /// The end of the chain with what was gathered.
    pub fn tip(&self) -> Tip {
        self.tip
    }

    /// Whether as much was gathered as goes into one segment.
    pub fn is_full(&self) -> bool {
        self.body.len() >= MAX_SEGMENT_BYTES
    }

    /// Signs what was gathered.
    pub fn seal(self, key: &DeviceKey) -> Segment {
        let signature = key.sign(PURPOSE, &signed_bytes(self.chain, &self.tip));
        Segment { chain: self.chain, link: self.link, body: self.body, signature }
    }
}

fn signed_bytes(chain: ChainId, tip: &Tip) -> Vec<u8> {
    [&chain.0[..], &tip.number.to_le_bytes(), &tip.hash.0].concat()
}

#[cfg(test)]
mod tests {
    use quickcheck::quickcheck;

    use super::*;
    use crate::id::DocumentId;

    fn author() -> DeviceKey {
        DeviceKey::from_seed(&[3; 32])
    }

    fn head() -> ChainHead {
        let document = DocumentId([1; 32]);
        let opened = WallTime(1_000);
        ChainHead { document, device: author().id(), previous: None, opened, nonce: [9; 16] }
    }

    /// The segment of `payloads` behind `tip`, and the tip after it.
    fn segment(tip: Tip, payloads: &[Vec<u8>]) -> (Segment, Tip) {
        let mut builder = match tip.number {
            0 => SegmentBuilder::opening(head()),
            _ => SegmentBuilder::behind(head().id(), tip),
        };
        for payload in payloads {
            builder.push(EntryKind::UPDATE, payload, WallTime(2_000));
        }
        let tip = builder.tip();
        (builder.seal(&author()), tip)
    }

    fn start() -> Tip {
        Tip::start(head().id(), WallTime(1_000))
    }

    fn payloads(segment: &Segment) -> Vec<Vec<u8>> {
        segment.entries().map(|entry| entry.unwrap().0.payload.to_vec()).collect()
    }

    quickcheck! {
        fn what_was_sealed_reads_back(written: Vec<Vec<u8>>) -> bool {
            let (sealed, tip) = segment(start(), &written);
            written.is_empty()
                || (sealed.walk(WallTime(1_000)).unwrap() == tip
                    && sealed.verify(&author().id(), &tip).is_ok()
                    && payloads(&sealed) == written)
        }

        fn joined_segments_check_like_one(first: Vec<Vec<u8>>, second: Vec<Vec<u8>>) -> bool {
            if first.is_empty() || second.is_empty() {
                return true;
            }
            let (mut joined, middle) = segment(start(), &first);
            let (next, end) = segment(middle, &second);
            joined.join(next);
            joined.walk(WallTime(1_000)).unwrap() == end
                && joined.verify(&author().id(), &end).is_ok()
                && payloads(&joined) == [first, second].concat()
        }

        fn a_cut_segment_still_checks(written: Vec<Vec<u8>>, cut: u64) -> bool {
            if written.is_empty() {
                return true;
            }
            let (whole, end) = segment(start(), &written);
            let cut = cut % (written.len() as u64 + 1);
            match whole.after(cut).unwrap() {
                None => cut == written.len() as u64,
                Some(rest) => rest.first() == cut + 1
                    && rest.walk(end.time).unwrap().hash == end.hash
                    && payloads(&rest) == written[cut as usize..],
            }
        }

        fn one_changed_byte_is_noticed(written: Vec<Vec<u8>>, place: usize) -> bool {
            let (mut sealed, _) = segment(start(), &written);
            if written.is_empty() {
                return true;
            }
            let place = place % sealed.body.len();
            sealed.body[place] ^= 1;
            match sealed.walk(WallTime(1_000)) {
                Err(_) => true,
                Ok(tip) => sealed.verify(&author().id(), &tip).is_err(),
            }
        }
    }

    /// Counting on from the last number there is panicked where overflows are looked for, and began again at 0 elsewhere.
    #[test]
    fn a_segment_behind_the_last_number_is_refused() {
        let (mut sealed, _) = segment(start(), &[b"milk".to_vec()]);
        let hash = Hash(sealed.chain.0);
        sealed.link = Link::Follows(Point { number: u64::MAX, hash });
        assert_eq!((sealed.first(), sealed.last()), (u64::MAX, u64::MAX));
        assert!(matches!(sealed.walk(WallTime(0)), Err(SegmentError::BeyondNumbers)));
    }

    #[test]
    fn time_in_a_chain_never_goes_back() {
        let mut builder = SegmentBuilder::opening(head());
        builder.push(EntryKind::UPDATE, b"later", WallTime(5_000));
        builder.push(EntryKind::UPDATE, b"after the clock was set back", WallTime(10));
        assert_eq!(builder.tip().time, WallTime(5_000));
    }
}
