//! What a document was, and when it was written, as far as its log tells.
//!
//! Times are those of the authors' clocks, which may be off. An entry that leans on one of a later time shows no sooner
//! than that.

use std::time::Duration;

use crate::clock::WallTime;
use crate::document::ApplyError;
use crate::id::DeviceId;
use crate::log::{Entry, Segment};

use super::OpenDocument;

/// Whoever writes nothing for so long has made a pause.
const PAUSE: Duration = Duration::from_secs(300);

/// Somebody writing with no pause, and nobody else in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Who.
    pub author: DeviceId,
    /// When they wrote the first entry.
    pub first: WallTime,
    /// When they wrote the last.
    pub last: WallTime,
    /// How many entries they wrote.
    pub entries: u64,
}

/// Who wrote in a document and when, the earliest first. The log has each chain from its start.
pub fn stretches(log: &[Segment]) -> Vec<Stretch> {
    let mut written: Vec<_> = entries(log).map(|(author, at, _)| (at, author)).collect();
    written.sort_unstable();
    let mut stretches: Vec<Stretch> = Vec::new();
    for (at, author) in written {
        match stretches.last_mut().filter(|it| it.author == author && at <= it.last + PAUSE) {
            Some(stretch) => (stretch.last, stretch.entries) = (at, stretch.entries + 1),
            None => stretches.push(Stretch { author, first: at, last: at, entries: 1 }),
        }
    }
    stretches
}

/// The document as it was when all that had been written was what was written by then. Nobody can write in it.
///
/// # Errors
/// If yrs panics on it.
pub fn past(log: &[Segment], at: WallTime) -> Result<OpenDocument, ApplyError> {
    let written = entries(log).filter(|(_, written, _)| *written <= at);
    let updates: Vec<_> = written.filter_map(|(_, _, entry)| entry.update()).collect();
    // No chain has this client id.
    let document = OpenDocument::new(0, |_| ());
    match document.apply(&updates) {
        Err(ApplyError::Panicked) => Err(ApplyError::Panicked),
        // As where it is open: what does not fit is left out.
        _ => Ok(document),
    }
}

/// All entries, each with its author and the time at which it was written.
fn entries(log: &[Segment]) -> impl Iterator<Item = (DeviceId, WallTime, Entry<'_>)> {
    let mut chain = None;
    log.iter().flat_map(move |segment| {
        if let Some(head) = segment.head() {
            chain = Some((segment.chain, head.device, head.opened));
        }
        let mut entries = Vec::new();
        if let Some((id, author, time)) = &mut chain
            && *id == segment.chain
        {
            for (entry, _) in segment.entries().map_while(Result::ok) {
                *time = *time + Duration::from_millis(entry.elapsed);
                entries.push((*author, *time, entry));
            }
        }
        entries
    })
}

#[cfg(test)]
mod tests {
    use quickcheck::quickcheck;
    use yrs::{GetString, Text, Transact};

    use super::*;
    use crate::id::DocumentId;
    use crate::identity::DeviceKey;
    use crate::log::{ChainHead, EntryKind, SegmentBuilder};

    /// A chain on which somebody types a letter at each of these times.
    fn typed(seed: u8, times: &[u64]) -> Vec<Segment> {
        let key = DeviceKey::from_seed(&[seed; 32]);
        let (document, opened) = (DocumentId([1; 32]), WallTime(0));
        let device = key.id();
        let head = ChainHead { document, device, previous: None, opened, nonce: [seed; 16] };
        let (sender, updates) = std::sync::mpsc::channel();
        let client = head.id().client_id();
        let open = OpenDocument::new(client, move |update| sender.send(update).unwrap());
        let text = open.doc().get_or_insert_text("body");
        let mut builder = SegmentBuilder::opening(head);
        for time in times {
            text.push(&mut open.doc().transact_mut(), &char::from(b'a' + seed).to_string());
            builder.push(EntryKind::UPDATE, &updates.recv().unwrap(), WallTime(*time));
        }
        if times.is_empty() { Vec::new() } else { vec![builder.seal(&key)] }
    }

    fn shown(log: &[Segment], at: u64) -> usize {
        let past = past(log, WallTime(at)).unwrap();
        let text = past.doc().get_or_insert_text("body");
        text.get_string(&past.doc().transact()).len()
    }

    quickcheck! {
        fn the_past_holds_what_was_written_by_then(one: Vec<u8>, two: Vec<u8>, at: u8) -> bool {
            let ascending = |mut times: Vec<u8>| {
                times.sort_unstable();
                times.into_iter().map(u64::from).collect::<Vec<_>>()
            };
            let (one, two) = (ascending(one), ascending(two));
            let log = [typed(1, &one), typed(2, &two)].concat();
            let by_then = one.iter().chain(&two).filter(|time| **time <= u64::from(at));
            shown(&log, at.into()) == by_then.count()
        }

        fn each_entry_is_in_one_stretch(one: Vec<u16>, two: Vec<u16>) -> bool {
            let times = |mut times: Vec<u16>| {
                times.sort_unstable();
                times.into_iter().map(|minute| u64::from(minute) * 60_000).collect::<Vec<_>>()
            };
            let log = [typed(1, &times(one.clone())), typed(2, &times(two.clone()))].concat();
            let found = stretches(&log);
            let apart = found.windows(2).all(|pair| {
                pair[0].last <= pair[1].first
                    && (pair[0].author != pair[1].author || pair[0].last + PAUSE < pair[1].first)
            });
            let entries: u64 = found.iter().map(|stretch| stretch.entries).sum();
            apart && entries == (one.len() + two.len()) as u64
        }
    }
}
