//! The story of a value: who set it, having seen what, over whom, and who decided so.

use std::collections::BTreeMap;

use super::{Call, CommandId, Decision, Seen, Verdict};
use crate::clock::WallTime;
use crate::codec;
use crate::id::{ChainId, DeviceId};
use crate::log::{EntryKind, Segment};
use crate::record::{Cell, Place};
use crate::roster::Rank;

/// One decision that changed a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chapter {
    /// The command that was decided upon.
    pub command: CommandId,
    /// What it is called; empty if its own entry is not here.
    pub name: String,
    /// Whose it was.
    pub author: DeviceId,
    /// The author's rank.
    pub rank: Option<Rank>,
    /// What the author had seen, by their own word.
    pub seen: Seen,
    /// What became of it; nothing if only what it did to the field's bucket can be read here.
    pub verdict: Option<Verdict>,
    /// The field as it was before, and as it is since; nothing where the record is not there.
    pub before: Option<Cell>,
    /// See [`before`](Self::before).
    pub after: Option<Cell>,
    /// The place of the decision among all, and when it was made, by the anchor's clock.
    pub order: u64,
    /// See [`order`](Self::order).
    pub at: WallTime,
    /// Who decided, and the chain on which that one signed it.
    pub decider: DeviceId,
    /// See [`decider`](Self::decider).
    pub chain: ChainId,
}

/// Tells the story of a field from the logs of ledgers, each chain from its start; the first decision first.
pub fn story(log: &[Segment], place: &Place) -> Vec<Chapter> {
    let heads = log.iter().filter_map(Segment::head);
    let authors: BTreeMap<_, _> = heads.map(|head| (head.id(), head.device)).collect();
    let calls: BTreeMap<_, Call> = entries(log, EntryKind::CALL).collect();
    let mut in_order: BTreeMap<u64, Vec<_>> = BTreeMap::new();
    for (entry, part) in entries::<Decision>(log, EntryKind::DECISION) {
        in_order.entry(part.order).or_default().push((entry.chain, part));
    }
    let mut before: Option<Cell> = None;
    let mut chapters = Vec::new();
    for (order, parts) in in_order {
        let verdict = parts.iter().find_map(|(_, part)| part.verdict.clone());
        let found = parts.into_iter().find_map(|(chain, part)| {
            let (_, after) = part.writes.iter().find(|(written, _)| written == place)?.clone();
            Some((chain, part, after))
        });
        let Some((chain, decision, after)) = found else { continue };
        // Where the record only came from another bucket, nobody set it.
        if before.as_ref().zip(after.as_ref()).is_some_and(|(a, b)| a.shows_as(b)) {
            continue;
        }
        let Some(decider) = authors.get(&chain).copied() else { continue };
        let call = calls.get(&decision.command);
        let by = after.as_ref().and_then(|cell| cell.claim.by.as_ref());
        chapters.push(Chapter {
            command: decision.command,
            name: call.map(|call| call.name.clone()).unwrap_or_default(),
            author: decision.author,
            rank: by.filter(|by| by.command == decision.command).and_then(|by| by.rank.clone()),
            seen: call.map(|call| call.seen.clone()).unwrap_or_default(),
            verdict,
            before: std::mem::replace(&mut before, after.clone()),
            after,
            order,
            at: decision.at,
            decider,
            chain,
        });
    }
    chapters
}

/// The entries of a kind that decode, with their places.
fn entries<T: bincode::Decode<()>>(
    log: &[Segment],
    kind: EntryKind,
) -> impl Iterator<Item = (CommandId, T)> {
    log.iter().flat_map(move |segment| {
        let entries = segment.entries().map_while(Result::ok);
        (segment.first()..).zip(entries).filter_map(move |(number, (entry, _))| {
            let id = CommandId { chain: segment.chain, number };
            let decoded = (entry.kind == kind).then(|| codec::decode(entry.payload));
            Some((id, decoded?.ok()?))
        })
    })
}
