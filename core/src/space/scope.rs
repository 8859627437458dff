//! Who may read which document. The roster and ordinary documents are every member's; a bucket's ledger is for those who
//! read the bucket.
//!
//! What somebody may not read, nobody offers or sends to them, nor names to them, nor tells them how much of it there is.
//! Where that comes to be this device, it forgets what it holds of it, but for what it wrote itself.

use std::collections::{BTreeMap, BTreeSet};

use super::effect::{Change, Position};
use super::holdings::Holdings;
use super::{Context, Space, ledger_document};
use crate::id::{ChainId, DeviceId, DocumentId};
use crate::record::{Bucket, Home};
use crate::roster::{Reach, Scope};

impl Space {
    /// Whether somebody may read a document.
    pub fn may_read(&self, document: &DocumentId, reader: &DeviceId) -> bool {
        !self.is_ledger(*document) || self.reads_ledger(document, reader)
    }

    /// Whether somebody may read a bucket.
    pub fn reads(&self, reader: &DeviceId, bucket: &Bucket) -> bool {
        self.reads_ledger(&ledger_document(&self.id, bucket), reader)
    }

    /// The buckets that this device knows of, each with those who may read it, by what was granted: anchors and admins
    /// read all. Of one that this device may not read, and nobody wrote into, the name is not known.
    pub fn buckets(&self) -> Vec<(DocumentId, Option<Bucket>, BTreeSet<DeviceId>)> {
        let named = self.ledgers().filter_map(|(id, log)| Some((*id, log.label.bucket()?)));
        let named: BTreeMap<_, _> = named.filter(|(id, _)| self.may_read(id, &self.me)).collect();
        let granted: BTreeMap<_, _> = self.roster.grants().collect();
        let all: BTreeSet<_> = named.keys().chain(granted.keys().copied()).collect();
        let readers = |ledger| granted.get(ledger).map(|readers| (*readers).clone());
        let all = all.into_iter();
        all.map(|id| (*id, named.get(id).cloned(), readers(id).unwrap_or_default())).collect()
    }

    /// A document's bucket, if it is a bucket's ledger.
    pub(super) fn home(&self, document: &DocumentId) -> Option<Home> {
        let bucket = self.index.get(document)?.label.bucket()?;
        Some(Home { bucket, ledger: *document })
    }

    /// The ledgers that are here.
    pub(super) fn ledgers(&self) -> impl Iterator<Item = (&DocumentId, &super::DocumentLog)> {
        self.ledgers.iter().filter_map(|id| self.index.get_key_value(id))
    }

    pub(super) fn is_ledger(&self, document: DocumentId) -> bool {
        self.ledgers.contains(&document)
    }

    pub(super) fn reads_ledger(&self, ledger: &DocumentId, reader: &DeviceId) -> bool {
        self.roster.member(reader).is_some()
            && (*ledger == self.ledger_document
                || self.roster.reads(reader, ledger)
                || *ledger == ledger_document(&self.id, &Bucket::of(reader)))
    }

    /// How far somebody's chain in a ledger counts.
    pub(super) fn ledger_reach(
        &self,
        ledger: &DocumentId,
        author: &DeviceId,
        chain: &ChainId,
    ) -> Reach {
        match self.roster.reach(author, chain) {
            Reach::Whole if !self.reads_ledger(ledger, author) => {
                self.roster.revoked_end(ledger, author, chain)
            }
            reach => reach,
        }
    }

    /// The ledgers that somebody may read.
    pub(super) fn scope_of(&self, device: &DeviceId) -> Scope {
        let mut scope = self.roster.scope(device);
        if self.roster.member(device).is_some() {
            let own = ledger_document(&self.id, &Bucket::of(device));
            scope.ledgers.extend([self.ledger_document, own]);
        }
        scope
    }

    /// What each member may read.
    pub(super) fn scopes(&self) -> BTreeMap<DeviceId, Scope> {
        self.roster.members().map(|(device, _)| (*device, self.roster.scope(device))).collect()
    }

    /// The roster says something new: whoever may read more than `before` is offered that, and this device asks for it.
    pub(super) fn widen(&mut self, before: &BTreeMap<DeviceId, Scope>, context: &mut Context<'_>) {
        let grew = |(device, scope): &(&DeviceId, &Scope)| {
            before.get(device).is_some_and(|before| !scope.is_within(before))
        };
        let now = self.scopes();
        if now.get(&self.me) != before.get(&self.me) {
            self.ledger.read(self.scope_of(&self.me));
            self.rescope = true;
        }
        let grew: Vec<_> = now.iter().filter(grew).map(|(device, _)| *device).collect();
        // What somebody wrote who may read it again counts again, and it was neither offered nor asked for meanwhile.
        if grew.iter().any(|device| *device == self.me || self.roster.was_revoked(device)) {
            return self.follow_again(context);
        }
        for peer in grew {
            self.offer_again(peer, context);
        }
    }

    /// Somebody followed this device's feed past what they could not read then: it is gone through with them again.
    fn offer_again(&mut self, peer: DeviceId, context: &mut Context<'_>) {
        self.acked.remove(&peer);
        let position = Position { number: 0, ..self.journal.head() };
        self.journal.add(Change::Acked { space: self.id, peer, position });
        if let Some(session) = self.sessions.get_mut(&peer).filter(|session| session.is_open()) {
            session.tell_again();
            self.send_open(peer, false, context);
        }
    }

    /// Forgets what this device may not read any more.
    pub(super) fn settle_scope(&mut self, context: &mut Context<'_>) {
        // Whoever is out keeps what they have.
        if !std::mem::take(&mut self.rescope) || self.role().is_none() {
            return;
        }
        let scope = self.scope_of(&self.me);
        for session in self.sessions.values_mut() {
            session.inbound.give_up(|ledger| !scope.reads(ledger));
        }
        let barred = self.ledgers().filter(|(id, _)| !self.reads_ledger(id, &self.me));
        let barred: Vec<_> = barred.map(|(id, _)| *id).collect();
        let purged: Vec<_> = barred.into_iter().filter(|ledger| self.purge(*ledger)).collect();
        if !purged.is_empty() {
            self.keep_feed();
            self.holdings = Holdings::of(&self.index, self.roster_document);
            self.recent.forget(&purged);
            self.recount_commands(context);
        }
    }

    /// Forgets what others wrote into a ledger, and what this device decided there; says whether there was any. What this
    /// device asked for itself, it keeps.
    fn purge(&mut self, ledger: DocumentId) -> bool {
        let keeps = !self.roster.was_anchor(&self.me);
        let me = self.me;
        let Some(log) = self.index.get_mut(&ledger) else { return false };
        let before = log.chains.len();
        log.chains.retain(|_, chain| keeps && chain.author == me);
        let kept: Vec<_> = log.chains.keys().copied().collect();
        if kept.len() == before {
            return false;
        }
        tracing::info!(space = %self.id.short(), ledger = %ledger.short(), "forgets a bucket");
        if kept.is_empty() {
            self.remove_log(&ledger);
            self.authors.forget(&ledger);
        }
        self.journal.add(Change::Purge { space: self.id, document: ledger, kept });
        true
    }

    /// The feed's last number must not go with what had it: peers go by it. The roster takes the next one.
    fn keep_feed(&mut self) {
        let feed = self.journal.number();
        let Some(log) = self.index.get_mut(&self.roster_document) else { return };
        if let Some((id, chain)) = log.chains.iter().next() {
            log.changed = feed;
            self.journal.add(chain.change(self.roster_document, *id, feed));
        }
    }
}
