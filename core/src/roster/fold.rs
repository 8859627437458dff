//! Who may do what: one pure function from all deeds to their outcome, whatever order they arrived in.
//!
//! Each deed is judged by what its author knew, and a removal reaches further: what the removed member did
//! *concurrently*, without knowing of it, does not count either, nor what rests on that. Of removals that strike at one
//! another like this, mutual ones all count, so that the one who is faster, or whose clock lies, wins nothing.

mod documents;
mod grants;
mod strife;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::evidence::Past;
use super::{Act, Genesis, JoinRequest, Rank, Role};
use crate::clock::WallTime;
use crate::document::Label;
use crate::id::{ChainId, DeviceId};
use crate::log::{Frontier, Point};

pub(super) use grants::Grants;

/// What the roster knows of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// What they may do.
    pub role: Role,
    /// Where they stand in `rank` policies.
    pub rank: Option<Rank>,
    /// Since when they have been this, by the clock of whoever said so; later than all that was known to that one.
    pub since: WallTime,
}

/// Somebody who was a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Former {
    /// Who removed them; themselves if they left.
    pub by: DeviceId,
    /// When, by that one's clock.
    pub at: WallTime,
}

/// An act, with who did it, when, and what they knew.
#[derive(Clone, Debug)]
pub(super) struct Deed {
    pub(super) chain: ChainId,
    pub(super) number: u64,
    pub(super) author: DeviceId,
    pub(super) at: WallTime,
    /// The same, but later than all that its author knew of, whatever their clocks said.
    pub(super) since: WallTime,
    /// All that its author knew, without the deed itself.
    pub(super) past: Arc<Past>,
    pub(super) act: Act,
}

/// The outcome.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) members: BTreeMap<DeviceId, Member>,
    pub(super) former: BTreeMap<DeviceId, Former>,
    /// Where chains of those end who were removed, or may not write any more.
    pub(super) cuts: BTreeMap<ChainId, Point>,
    /// Where what anchors decided ends, by whoever had them decide no more.
    pub(super) last_words: BTreeMap<ChainId, Point>,
    /// Who was cut off like that, or let in and does not count.
    pub(super) cut_off: BTreeSet<DeviceId>,
    /// Who is or was an admin or an anchor.
    pub(super) trusted: BTreeSet<DeviceId>,
    /// Who is or was an anchor.
    pub(super) anchors: BTreeSet<DeviceId>,
    /// Of whom it was ever said that they may write, whether or not that counts: whoever believed it took what they wrote.
    pub(super) named_writers: BTreeSet<DeviceId>,
    /// The anchor of longest standing, or where there is none, the admin.
    pub(super) mender: Option<DeviceId>,
    /// Documents that are deleted.
    pub(super) deleted: BTreeMap<Label, Former>,
    /// Who may read which bucket.
    pub(super) grants: Grants,
}

impl Deed {
    /// Whether the author of `other` knew of this.
    fn is_known_to(&self, other: &Self) -> bool {
        self.is_in(&other.past)
    }

    fn is_in(&self, past: &Past) -> bool {
        past.get(&self.chain).is_some_and(|number| *number >= self.number)
    }

    fn is_concurrent_with(&self, other: &Self) -> bool {
        !self.is_known_to(other) && !other.is_known_to(self)
    }
}

/// Folds deeds, each of which comes after what its author knew. `past_of` says what was known to whoever issued a
/// ticket with these ends of the log in view.
pub(super) fn fold(
    genesis: &Genesis,
    deeds: &[Deed],
    past_of: &dyn Fn(&Frontier) -> Option<Past>,
) -> Outcome {
    Court::judged(genesis, deeds, past_of).outcome()
}

/// Which of the deeds count, each in its place.
pub(super) fn counting(
    genesis: &Genesis,
    deeds: &[Deed],
    past_of: &dyn Fn(&Frontier) -> Option<Past>,
) -> Vec<bool> {
    Court::judged(genesis, deeds, past_of).counts
}

/// The deeds while they are judged.
struct Court<'a> {
    genesis: &'a Genesis,
    deeds: &'a [Deed],
    past_of: &'a dyn Fn(&Frontier) -> Option<Past>,
    /// The deeds about each device.
    about: BTreeMap<DeviceId, Vec<usize>>,
    counts: Vec<bool>,
    closings: Vec<usize>,
}

impl<'a> Court<'a> {
    fn new(
        genesis: &'a Genesis,
        deeds: &'a [Deed],
        past_of: &'a dyn Fn(&Frontier) -> Option<Past>,
    ) -> Self {
        let mut about: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (at, deed) in deeds.iter().enumerate() {
            if let Some(device) = deed.act.subject() {
                about.entry(device).or_default().push(at);
            }
        }
        let counts = vec![false; deeds.len()];
        Self { genesis, deeds, past_of, about, counts, closings: Vec::new() }
    }

    /// The court when it has judged.
    fn judged(
        genesis: &'a Genesis,
        deeds: &'a [Deed],
        past_of: &'a dyn Fn(&Frontier) -> Option<Past>,
    ) -> Self {
        let mut court = Self::new(genesis, deeds, past_of);
        let strong = court.strong_in_force();
        // What closes a ticket reaches admissions that did not know of it, so it has to be known which of these count.
        court.judge(&strong, true);
        court.closings = court.closings();
        court.judge(&strong, true);
        court
    }

    /// Judges all deeds in their order. The `strong` ones strike also at what is concurrent with them; if they are
    /// `in_force`, they count whatever strikes at them.
    fn judge(&mut self, strong: &BTreeSet<usize>, in_force: bool) {
        for at in 0..self.deeds.len() {
            self.counts[at] = in_force && strong.contains(&at)
                || self.is_permitted(at) && !strong.iter().any(|strong| self.strikes(*strong, at));
        }
    }

    /// Whether its author was entitled to it, by what they knew.
    fn is_permitted(&self, at: usize) -> bool {
        let deed = &self.deeds[at];
        let Some(author) = self.standing(deed.author, Some(&deed.past)) else { return false };
        match &deed.act {
            Act::Admit(request) => self.admits(deed, request),
            Act::Quote(_) => true,
            Act::Remove { device, .. } if *device == deed.author => true,
            Act::Appoint { .. }
            | Act::Remove { .. }
            | Act::Close { .. }
            | Act::Delete { .. }
            | Act::Restore { .. }
            | Act::Grant { .. }
            | Act::Revoke { .. } => author.role == Role::Admin,
        }
    }

    /// Whether a strong deed undoes another that its author's victim did without knowing of it.
    fn strikes(&self, strong: usize, other: usize) -> bool {
        let (strong, other) = (&self.deeds[strong], &self.deeds[other]);
        let reaches = match &strong.act {
            Act::Remove { device, .. } => *device == other.author,
            // Whoever may not appoint any more may still countersign.
            Act::Appoint { device, role, .. } => {
                let leaves =
                    matches!(&other.act, Act::Remove { device, .. } if *device == other.author);
                let countersigns = matches!(other.act, Act::Admit(_));
                *device == other.author && *role != Role::Admin && !leaves && !countersigns
            }
            Act::Admit(_)
            | Act::Close { .. }
            | Act::Delete { .. }
            | Act::Restore { .. }
            | Act::Grant { .. }
            | Act::Revoke { .. }
            | Act::Quote(_) => false,
        };
        reaches && strong.is_concurrent_with(other)
    }

    fn admits(&self, deed: &Deed, request: &JoinRequest) -> bool {
        let certificate = request.certificate();
        let invitation = certificate.invitation();
        let issuer = self.standing(certificate.issuer(), Some(&deed.past));
        issuer.is_some_and(|issuer| issuer.role == Role::Admin)
            && invitation.rank.as_ref().is_none_or(Rank::is_sound)
            && deed.at <= invitation.expires
            && !self.is_closed(deed, request)
    }

    /// Whether the ticket was closed: by name, or because whoever issued or used it was removed.
    fn is_closed(&self, deed: &Deed, request: &JoinRequest) -> bool {
        let certificate = request.certificate();
        let issued = || (self.past_of)(&certificate.invitation().seen).unwrap_or_default();
        self.closings.iter().any(|closing| {
            let closing = &self.deeds[*closing];
            if deed.is_known_to(closing) {
                return false;
            }
            match &closing.act {
                Act::Close { bearer } => *bearer == certificate.bearer(),
                Act::Remove { device, .. } => {
                    let returns = *device == request.device();
                    let reaches = *device == certificate.issuer() || returns;
                    // A ticket of which this was known is a new beginning.
                    self.had_used(*device, certificate.bearer(), closing)
                        || reaches && !closing.is_in(&issued())
                        || returns && !closing.is_known_to(deed)
                }
                _ => false,
            }
        })
    }

    /// Whether a device had got in with a ticket when it was removed.
    fn had_used(&self, device: DeviceId, ticket: DeviceId, removal: &Deed) -> bool {
        let about = self.about.get(&device).into_iter().flatten().map(|at| &self.deeds[*at]);
        about.filter(|deed| !removal.is_known_to(deed)).any(|deed| {
            matches!(&deed.act, Act::Admit(request) if request.certificate().bearer() == ticket)
        })
    }

    /// The removals and closings that count.
    fn closings(&self) -> Vec<usize> {
        let closes =
            |at: &usize| matches!(self.deeds[*at].act, Act::Remove { .. } | Act::Close { .. });
        (0..self.deeds.len()).filter(|at| self.counts[*at] && closes(at)).collect()
    }

    /// What a device may do, by the deeds that count and are in `past`, or by all that count.
    fn standing(&self, device: DeviceId, past: Option<&Past>) -> Option<Member> {
        let about = self.about.get(&device).into_iter().flatten();
        let known =
            |at: &&usize| self.counts[**at] && past.is_none_or(|past| self.deeds[**at].is_in(past));
        let known: Vec<_> = about.filter(known).map(|at| &self.deeds[*at]).collect();
        let removals = known.iter().filter(|deed| matches!(deed.act, Act::Remove { .. }));
        let removals: Vec<_> = removals.collect();
        let stands = |deed: &&&Deed| removals.iter().all(|removal| removal.is_known_to(deed));
        let standing: Vec<_> = known.iter().filter(stands).copied().collect();

        let founder = (device == self.genesis.creator() && removals.is_empty()).then(|| Member {
            role: Role::Admin,
            rank: None,
            since: self.genesis.created(),
        });
        let admitted = standing.iter().filter_map(|deed| match &deed.act {
            Act::Admit(request) => {
                let invitation = request.certificate().invitation();
                let (role, rank) = (invitation.role, invitation.rank.clone());
                Some(Member { role, rank, since: deed.since })
            }
            _ => None,
        });
        // The higher role stands, and of equal ones the earlier.
        let best = |a: Member, b: Member| {
            let (a_first, b_first) = ((a.role, b.since), (b.role, a.since));
            if a_first >= b_first { a } else { b }
        };
        let admitted = admitted.chain(founder).reduce(best)?;
        Some(self.appointed(&standing).unwrap_or(admitted))
    }

    /// What the last appointment says; of several that did not know of one another the lowest.
    fn appointed(&self, standing: &[&Deed]) -> Option<Member> {
        let appointments =
            || standing.iter().filter(|deed| matches!(deed.act, Act::Appoint { .. }));
        let last = |deed: &&&Deed| !appointments().any(|later| deed.is_known_to(later));
        let last = appointments().filter(last).filter_map(|deed| match &deed.act {
            Act::Appoint { role, rank, .. } => {
                Some(Member { role: *role, rank: rank.clone(), since: deed.since })
            }
            _ => None,
        });
        last.min_by(|a, b| (a.role, &a.rank, a.since).cmp(&(b.role, &b.rank, b.since)))
    }

    fn outcome(&self) -> Outcome {
        let mut outcome = Outcome::default();
        let devices = self.about.keys().copied().chain([self.genesis.creator()]);
        for device in devices {
            match self.standing(device, None) {
                Some(member) => _ = outcome.members.insert(device, member),
                None => {
                    // Also whoever was let in by somebody who could not know that they may no more.
                    outcome.cut_off.insert(device);
                    if let Some(former) = self.removed(device) {
                        outcome.former.insert(device, former);
                    }
                }
            }
        }
        let longest = |role: Role| {
            let members = outcome.members.iter().filter(|(_, member)| member.role == role);
            members.min_by_key(|(device, member)| (member.since, **device)).map(|(id, _)| *id)
        };
        outcome.mender = longest(Role::Anchor).or_else(|| longest(Role::Admin));
        outcome.deleted = documents::deleted(self.counting());
        outcome.grants = grants::grants(self.counting());
        let named = self.deeds.iter().filter_map(names).filter(|(_, role)| role.writes());
        outcome.named_writers = named.map(|(device, _)| device).collect();
        outcome.named_writers.insert(self.genesis.creator());
        outcome.trusted.insert(self.genesis.creator());
        let named = self.counting().filter_map(names);
        for (device, role) in named.filter(|(_, role)| matches!(role, Role::Anchor | Role::Admin)) {
            outcome.trusted.insert(device);
            outcome.anchors.extend((role == Role::Anchor).then_some(device));
        }
        for (deed, (device, writes, cuts)) in
            self.counting().filter_map(|deed| Some((deed, cuts(deed)?)))
        {
            if !writes {
                outcome.cut_off.insert(device);
            }
            cut(&mut outcome.cuts, cuts);
            if self.ends_deciding(deed, device) {
                cut(&mut outcome.last_words, cuts);
            }
        }
        outcome
    }

    /// Whether a deed is about somebody who was an anchor until then, as far as its author knew. Only such a one says how
    /// far decisions count: later ends of the same chains are about what else stands there.
    fn ends_deciding(&self, deed: &Deed, device: DeviceId) -> bool {
        let before = self.standing(device, Some(&deed.past));
        before.is_some_and(|before| before.role == Role::Anchor)
    }

    fn removed(&self, device: DeviceId) -> Option<Former> {
        let about = self.about.get(&device).into_iter().flatten();
        let removals = about
            .map(|at| (*at, &self.deeds[*at]))
            .filter(|(at, deed)| self.counts[*at] && matches!(deed.act, Act::Remove { .. }));
        let former = removals.map(|(_, deed)| Former { by: deed.author, at: deed.at });
        former.min_by_key(|former| (former.at, former.by))
    }

    fn counting(&self) -> impl Iterator<Item = &Deed> {
        self.deeds.iter().zip(&self.counts).filter(|(_, counts)| **counts).map(|(deed, _)| deed)
    }
}

/// Where a deed ends its subject's chains, and whether they may go on with others.
fn cuts(deed: &Deed) -> Option<(DeviceId, bool, &Frontier)> {
    match &deed.act {
        Act::Remove { device, cuts } => Some((*device, false, cuts)),
        Act::Appoint { device, role, cuts, .. } => Some((*device, role.writes(), cuts)),
        _ => None,
    }
}

/// Ends chains. Whoever ended one with more in view lets more count.
fn cut(ends: &mut BTreeMap<ChainId, Point>, cuts: &Frontier) {
    for (chain, point) in cuts.iter() {
        let held = ends.entry(*chain).or_insert(*point);
        if held.number < point.number {
            *held = *point;
        }
    }
}

/// Whom a deed gives which role.
fn names(deed: &Deed) -> Option<(DeviceId, Role)> {
    Some(match &deed.act {
        Act::Admit(request) => (request.device(), request.certificate().invitation().role),
        Act::Appoint { device, role, .. } => (*device, *role),
        _ => return None,
    })
}
