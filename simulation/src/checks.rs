//! What must hold once everything is well again.

use std::collections::{BTreeMap, BTreeSet};

use driftline_core::document::Label;
use driftline_core::id::DocumentId;
use driftline_core::log::Frontier;
use driftline_core::roster::Role;
use driftline_core::space::{PeerState, Space, roster_document};
use driftline_storage::Audit;

use crate::app::{Document, Editor};
use crate::clock::SECOND;
use crate::content::canonical;
use crate::network::{Pair, Who};
use crate::world::World;

/// How long devices may take to agree once all is well.
const MOST: u64 = 60 * SECOND;

/// How long the world is watched to be quiet: longer than any of the protocol's patience.
const QUIET: u64 = 12 * SECOND;

impl World {
    /// Heals the world, lets it settle and checks that nothing is lost, nothing differs and nobody talks
    /// any more. Gives what is wrong, if anything is.
    pub fn verdict(&mut self) -> Vec<String> {
        self.check_disks();
        self.heal();
        self.settle_contradictions();
        if !self.run_until(MOST, |world| world.agreement().is_ok()) {
            let differs = self.agreement().err().unwrap_or_default();
            self.wrong(format_args!("no agreement after a minute: {differs}"));
            return std::mem::take(&mut self.wrongs);
        }
        if !self.run_until(MOST, Self::sees_all) {
            self.wrong("somebody does not see who is here after another minute");
        }
        self.check_presence();
        self.hide_all();
        self.check_quiet();
        self.check_nothing_waits();
        if !self.mischief {
            self.check_ledger();
        }
        self.check_content();
        self.check_commands();
        self.check_disks();
        self.check_villain();
        std::mem::take(&mut self.wrongs)
    }

    /// An anchor that was restored may have decided anew what others had heard of. The first device, whose owner stays an
    /// admin, says what counts.
    fn settle_contradictions(&mut self) {
        let restored =
            (0..self.devices.len()).any(|who| self.is_anchor(who) && self.ledger.was_restored(who));
        for _ in 0..3 {
            if !self.commanding || !restored {
                return;
            }
            self.run_for(10 * SECOND);
            let stopped = self.members().any(|(_, space)| space.ledger().is_faulty());
            let decider = self.devices[0].space().and_then(Space::decider);
            if let Some(decider) = decider.filter(|_| stopped) {
                self.handed_over = true;
                self.appoint(0, self.place_of(&decider), Role::Anchor);
            }
        }
    }

    /// Whether all members hold the same, know it of their neighbours, and have saved it.
    ///
    /// # Errors
    /// What is not so yet.
    pub fn agreement(&self) -> Result<(), String> {
        let members: Vec<_> = self.members().collect();
        let running =
            self.devices.iter().filter(|device| device.process.is_some() && !device.hostile);
        // Whoever lost their disk after they were removed is not let in again, and not told of it by a space of their own.
        let refused = |device: &crate::device::Device| {
            let id = device.id();
            members.iter().any(|(_, space)| space.roster().former(&id).is_some())
        };
        let removed = |device: &&crate::device::Device| {
            device.space().map_or_else(|| refused(device), |space| space.role().is_none())
        };
        let out = running.clone().filter(removed).count();
        if members.len() + out < running.count() && !self.mischief {
            return Err("somebody is not in yet".to_owned());
        }
        let documents = self.documents();
        let mut first: Option<BTreeMap<DocumentId, Frontier>> = None;
        for (who, space) in &members {
            self.stands(*who, space)?;
            let held: BTreeMap<_, _> =
                documents.iter().map(|document| (*document, held(space, document))).collect();
            match &first {
                None => first = Some(held),
                Some(first) if *first == held => {}
                Some(first) => {
                    let (document, frontier) =
                        held.iter().find(|(id, held)| first[id] != **held).expect("they differ");
                    return Err(format!(
                        "device {who} holds of {document:?} {frontier:?}, and device {} {:?}",
                        members[0].0, first[document]
                    ));
                }
            }
        }
        let rosters: BTreeSet<_> = members
            .iter()
            .map(|(_, space)| format!("{:?}", space.roster().members().collect::<Vec<_>>()))
            .collect();
        match rosters.len() {
            0 | 1 => self.has_decided(),
            _ => Err(format!("rosters differ: {rosters:?}")),
        }
    }

    /// The honest devices whose space counts them as members.
    pub(crate) fn members(&self) -> impl Iterator<Item = (Who, &Space)> {
        let spaces = self.devices.iter().enumerate().filter(|(_, device)| !device.hostile);
        spaces
            .filter_map(|(who, device)| Some((who, device.space()?)))
            .filter(|(_, space)| space.role().is_some())
    }

    /// All documents that some member has, the roster too.
    fn documents(&self) -> BTreeSet<DocumentId> {
        let mut all = BTreeSet::new();
        for (_, space) in self.members() {
            all.insert(roster_document(&space.id()));
            all.extend(space.status().documents.iter().map(|status| status.document));
        }
        all
    }

    /// Whether a device has saved everything and stands well with all its neighbours.
    fn stands(&self, who: Who, space: &Space) -> Result<(), String> {
        let process = self.devices[who].process.as_ref();
        if !process.is_some_and(|process| process.writer.is_idle()) {
            return Err(format!("device {who} has not saved all"));
        }
        let neighbours = self.neighbours(who);
        let status = space.status();
        for neighbour in &neighbours {
            let id = self.devices[*neighbour].id();
            let state = status.peers.iter().find(|peer| peer.device == id).map(|peer| peer.state);
            if state != Some(PeerState::Live) {
                return Err(format!("device {who} is {state:?} with device {neighbour}"));
            }
        }
        // Whoever lies about their feed is never caught up with.
        let lied_to = self.network.pairs_of(who).iter().any(|p| self.devices[p.other(who)].hostile);
        if !neighbours.is_empty() && !lied_to && !space.is_caught_up() {
            return Err(format!("device {who} has not caught up"));
        }
        for document in &status.documents {
            if !document.saved || document.peers < neighbours.len() {
                return Err(format!("device {who} does not know {document:?} to be saved by all"));
            }
        }
        Ok(())
    }

    /// The members that a device has a link to.
    fn neighbours(&self, who: Who) -> Vec<Who> {
        let pairs = self.network.pairs_of(who).into_iter().map(|pair: Pair| pair.other(who));
        let is_member = |other: &Who| {
            !self.devices[*other].hostile
                && self.devices[*other].space().is_some_and(|space| space.role().is_some())
        };
        pairs.filter(is_member).collect()
    }

    /// Everybody has all and knows it: there is nothing to say any more, nor anything to remember.
    fn check_quiet(&mut self) {
        // Positions and what was acknowledged are told and stored within a few seconds.
        self.run_for(QUIET);
        let (frames, memory) = (self.honest_frames, self.memory());
        self.run_for(QUIET);
        let more = self.honest_frames - frames;
        if more > 0 {
            self.wrong(format_args!("{more} frames in a world where all is said"));
        }
        for (who, (before, after)) in memory.into_iter().zip(self.memory()).enumerate() {
            if after > before + before / 50 {
                self.wrong(format_args!("device {who} idles and grows: {before} to {after}"));
            }
        }
    }

    /// How large each machine is, measured by what it prints.
    fn memory(&self) -> Vec<usize> {
        let size = |device: &crate::device::Device| {
            let honest = device.space().filter(|_| !device.hostile);
            honest.map_or(0, |space| format!("{space:?}").len())
        };
        self.devices.iter().map(size).collect()
    }

    /// Whether every member shows the same, open and read again from its disk.
    fn check_content(&mut self) {
        let labels: BTreeSet<Label> = self
            .members()
            .flat_map(|(_, space)| space.status().documents)
            .filter_map(|status| Label::new(&status.name).ok())
            .collect();
        for label in labels {
            let mut shown: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for (who, _) in self.members() {
                if let Some(content) = self.open_content(who, &label) {
                    shown.entry(content).or_default().push(format!("{who} open"));
                }
                let stored = self.stored_content(who, &label).unwrap_or_else(|error| error);
                shown.entry(stored).or_default().push(format!("{who} stored"));
            }
            if shown.len() > 1 {
                self.wrong(format_args!("{} differs: {shown:#?}", label.name()));
            }
        }
    }

    /// Whether everything that devices have stored is sound: at any moment, and not only when all is well.
    fn check_disks(&mut self) {
        for who in 0..self.devices.len() {
            let device = &self.devices[who];
            let Some(process) = &device.process else { continue };
            let mut audit = Audit::new(Some(device.id()));
            let done = loop {
                match audit.step(&process.store) {
                    Ok(true) => {}
                    Ok(false) => break Ok(()),
                    Err(error) => break Err(error),
                }
            };
            let findings = audit.take_findings();
            for finding in findings {
                self.wrong(format_args!("device {who} has stored {finding:?}"));
            }
            if let Err(error) = done {
                self.wrong(format_args!("device {who} can't read its disk: {error}"));
            }
        }
    }

    /// What an open document shows.
    pub fn open_content(&self, who: Who, label: &Label) -> Option<String> {
        let process = self.devices[who].process.as_ref()?;
        match process.documents.get(&label.document(&process.machine.space_id()))? {
            Document::Open(editor) => Some(canonical(editor.open.doc())),
            Document::Opening { .. } => None,
        }
    }

    /// What a document shows when it is read from the disk.
    ///
    /// # Errors
    /// If it can't be read.
    pub fn stored_content(&self, who: Who, label: &Label) -> Result<String, String> {
        let process = self.devices[who].process.as_ref().ok_or("it does not run")?;
        let document = label.document(&process.machine.space_id());
        let log = process.store.document(&document).map_err(|error| format!("{error:?}"))?;
        let editor = Editor::new(label.clone(), None);
        editor.apply(&log.segments)?;
        Ok(canonical(editor.open.doc()))
    }
}

/// What a space holds of a document, but for chains of the roster that were forked: what devices lack of the branch that
/// they hold, they know from quotes.
fn held(space: &Space, document: &DocumentId) -> Frontier {
    let frontier = space.frontier(document);
    let held = frontier.iter().filter(|(chain, _)| !space.roster().is_forked(chain));
    held.map(|(chain, point)| (*chain, *point)).collect()
}
