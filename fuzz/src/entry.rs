//! Entries are read to the end of the bytes or not at all, and say the same when they are written again.

use driftline_core::codec;
use driftline_core::log::{Entries, Entry, Mend};
use driftline_core::roster::RosterEntry;

/// Reads the body of a segment. Says how many entries it holds.
pub(crate) fn entry(body: &[u8]) -> usize {
    let (mut read, mut count) = (0, 0);
    for entry in Entries::of(body) {
        let Ok((entry, encoded)) = entry else { return count };
        assert!(!encoded.is_empty(), "reading comes to an end");
        assert_eq!(encoded, &body[read..][..encoded.len()]);
        (read, count) = (read + encoded.len(), count + 1);
        let again = codec::encode(&entry);
        let (same, used) = codec::decode_front::<Entry<'_>>(&again).expect("written just now");
        assert_eq!((same, used), (entry, again.len()));
        payload(&entry);
    }
    assert_eq!(read, body.len());
    count
}

/// Reads a payload in every way in which one is read.
fn payload(entry: &Entry<'_>) {
    if let Some(update) = entry.update() {
        assert!(entry.payload.ends_with(update));
    }
    if let Ok(mend) = Mend::read(entry.payload) {
        assert_eq!(Mend::read(&mend.write()).expect("written just now"), mend);
    }
    if let Ok(deed) = codec::decode::<RosterEntry>(entry.payload) {
        let again: RosterEntry = codec::decode(&codec::encode(&deed)).expect("written just now");
        assert_eq!(again, deed);
    }
}
