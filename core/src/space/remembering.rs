//! Whether an anchor may have decided more than it remembers.
//!
//! An anchor whose disk is an older copy would decide anew what others have heard of. It can't tell by itself whether that
//! is so: only that what it decided was on chains which it can't go on with. So it decides nothing until it has heard from
//! members what they have of these, or somebody has said how far they count.

use std::collections::BTreeSet;
use std::time::Duration;

use super::Space;
use super::effect::ChainState;
use crate::clock::SteadyTime;
use crate::id::ChainId;
use crate::log::{EntryKind, Segment};

use super::deciding::entries_of;

/// How long those who have more to tell are waited for, once somebody has told all.
const PATIENCE: Duration = Duration::from_secs(5);

/// What this device knows of its own decisions.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// The chains on which there are any.
    chains: BTreeSet<ChainId>,
    /// Since when there is somebody who has told all that they have.
    told: Option<SteadyTime>,
    sure: bool,
}

impl Space {
    /// Whether this device decides, and waits to hear what it has decided before.
    pub(super) fn is_unsure(&self) -> bool {
        self.decider() == Some(self.me) && !self.memory.sure && self.may_have_forgotten()
    }

    /// Notes the chains on which this device has decided something.
    pub(super) fn remember_decisions(&mut self, segment: &Segment) {
        if entries_of(segment).any(|(_, kind, _)| kind == EntryKind::DECISION) {
            self.memory.chains.insert(segment.chain);
        }
    }

    /// Looks whether members have told by now what they have of this device's decisions. Some who are connected may never
    /// tell all.
    pub(super) fn settle_memory(&mut self, now: SteadyTime) {
        if self.memory.sure || !self.may_have_forgotten() {
            self.memory.sure = true;
            return;
        }
        let mut open = self.sessions.values().filter(|session| session.is_open()).peekable();
        let nobody = open.peek().is_none();
        let (told, more): (Vec<_>, Vec<_>) =
            open.partition(|session| session.inbound.is_caught_up());
        if nobody || told.is_empty() {
            self.memory.told = None;
            return;
        }
        let since = *self.memory.told.get_or_insert(now);
        self.memory.sure = more.is_empty() || now.since(since) >= PATIENCE;
    }

    /// Whether all that this device has decided stands on chains whose end it can't prove, which nobody has ended, and that
    /// somebody else may know more of.
    fn may_have_forgotten(&self) -> bool {
        let chains = self.ledgers().flat_map(|(_, log)| &log.chains);
        let decided = chains.filter(|(id, _)| self.memory.chains.contains(id));
        let mut decided = decided.filter(|(id, _)| self.roster.last_word(id).is_none()).peekable();
        let others = self.roster.members().any(|(device, _)| *device != self.me);
        others && decided.peek().is_some() && decided.all(|(_, it)| it.state != ChainState::Open)
    }
}
