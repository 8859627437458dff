//! What only the roster can say: who was let in, and where chains were cut off.

use std::collections::{BTreeMap, BTreeSet};

use super::fault::Fault;
use super::{Audit, StoredLog};
use crate::codec;
use crate::id::{ChainId, DeviceId};
use crate::log::{EntryKind, Point, Segment};
use crate::roster::{Act, Genesis, Role, Roster, RosterEntry};

/// What the roster's log ever said. Acts that have lost their force since are among it: what was taken in by their
/// word was taken in rightly.
#[derive(Default)]
struct Said {
    /// Who was let in, or made, to write.
    writers: BTreeSet<DeviceId>,
    /// Where chains were cut off.
    cuts: BTreeMap<ChainId, Vec<Point>>,
}

impl Audit {
    /// Settles what was claimed of chains.
    pub(super) fn judge(&mut self, stored: &StoredLog, genesis: &Genesis) {
        let authors: BTreeMap<_, _> =
            self.claims.iter().map(|claim| (claim.chain, claim.author)).collect();
        let segments = || stored.chains.iter().flat_map(|chain| &chain.segments);
        let signed =
            segments().filter_map(|(_, segment)| Some((*authors.get(&segment.chain)?, segment)));
        let mut roster = Roster::new(genesis.clone());
        roster.take(signed);
        let mut said = Said::default();
        said.writers.insert(genesis.creator());
        segments().for_each(|(_, segment)| said.hear(segment));
        for claim in std::mem::take(&mut self.claims) {
            let author = claim.author;
            if !roster.knows(&author) {
                self.find(claim.place, Fault::NeverLetIn { author });
            } else if !claim.in_roster && !said.writers.contains(&author) {
                self.find(claim.place, Fault::NeverWriter { author });
            }
            let cuts = said.cuts.get(&claim.chain);
            for end in claim.unsigned {
                if !cuts.is_some_and(|cuts| cuts.contains(&end)) {
                    self.find(claim.place.at(end.number), Fault::Signature);
                }
            }
        }
    }
}

impl Said {
    fn hear(&mut self, segment: &Segment) {
        let entries = segment.entries().map_while(Result::ok).map(|(entry, _)| entry);
        let acts = entries.filter(|entry| entry.kind == EntryKind::ROSTER);
        for entry in acts.filter_map(|entry| codec::decode::<RosterEntry>(entry.payload).ok()) {
            match entry.act {
                Act::Admit(request) => {
                    let role = request.certificate().invitation().role;
                    self.let_in(request.device(), role);
                }
                Act::Appoint { device, role, cuts, .. } => {
                    self.let_in(device, role);
                    self.cut(&cuts);
                }
                Act::Remove { cuts, .. } => self.cut(&cuts),
                Act::Quote(quote) => self.hear(&quote.segment),
                Act::Revoke { cuts, .. } => self.cut(&cuts),
                Act::Close { .. }
                | Act::Delete { .. }
                | Act::Restore { .. }
                | Act::Grant { .. } => {}
            }
        }
    }

    fn let_in(&mut self, device: DeviceId, role: Role) {
        if role.writes() {
            self.writers.insert(device);
        }
    }

    fn cut(&mut self, cuts: &crate::log::Frontier) {
        for (chain, point) in cuts.iter() {
            self.cuts.entry(*chain).or_default().push(*point);
        }
    }
}
