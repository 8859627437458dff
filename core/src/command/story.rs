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
    /// What became of it.
    pub verdict: Verdict,
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

/// Tells the story of a field from the ledger's log, each chain from its start; the first decision first.
pub fn story(log: &[Segment], place: &Place) -> Vec<Chapter> {
    let heads = log.iter().filter_map(Segment::head);
    let authors: BTreeMap<_, _> = heads.map(|head| (head.id(), head.device)).collect();
    let calls: BTreeMap<_, Call> = entries(log, EntryKind::CALL).collect();
    let decisions = entries::<Decision>(log, EntryKind::DECISION);
    let in_order: BTreeMap<_, _> =
        decisions.map(|(entry, decision)| (decision.order, (entry.chain, decision))).collect();
    let mut before = None;
    let mut chapters = Vec::new();
    for (order, (chain, decision)) in in_order {
        let mut writes = decision.writes.into_iter();
        let Some((_, after)) = writes.find(|(written, _)| written == place) else { continue };
        let Some(decider) = authors.get(&chain).copied() else { continue };
        let call = calls.get(&decision.command);
        let by = after.as_ref().and_then(|cell| cell.claim.by.as_ref());
        chapters.push(Chapter {
            command: decision.command,
            name: call.map(|call| call.name.clone()).unwrap_or_default(),
            author: decision.author,
            rank: by.filter(|by| by.command == decision.command).and_then(|by| by.rank.clone()),
            seen: call.map(|call| call.seen.clone()).unwrap_or_default(),
            verdict: decision.verdict,
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
