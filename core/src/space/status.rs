//! "Am I synced?", as a value.

use super::declining::Declined;
use super::limits::Objection;
use super::session::Mode;
use super::{DocumentLog, Space};
use crate::id::{DeviceId, DocumentId, SpaceId};
use crate::roster::{Former, Role};

/// How a space stands on this device.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct SpaceStatus {
    /// The space.
    pub space: SpaceId,
    /// What it is called.
    pub name: String,
    /// What this device may do in it; nothing if it is no member.
    pub role: Option<Role>,
    /// By whom and when this device was removed, if it was.
    pub removed: Option<Former>,
    /// The other members, connected or not.
    pub peers: Vec<PeerStatus>,
    /// Why nothing is decided, if that is so.
    pub stopped: Option<Stopped>,
    /// The documents, by name.
    pub documents: Vec<DocumentStatus>,
}

/// Why nothing that is asked for is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stopped {
    /// An anchor made two decisions of one place, as when it goes by an older copy of its disk: this device takes neither
    /// side. An admin has to say how far what it decided counts, by making it an anchor again, or removing it.
    Contradiction,
    /// This device decides, and may have decided more than it remembers, as after a restored backup or a loss of power. It
    /// goes on once it has heard from a member what there was, or an admin makes it an anchor again.
    Remembering,
}

/// How one member stands to this device.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct PeerStatus {
    /// Who.
    pub device: DeviceId,
    /// What it may do.
    pub role: Role,
    /// How far the two are with one another.
    pub state: PeerState,
    /// Why it takes no more of something that is here, or has hung up.
    pub objection: Option<Objection>,
}

/// How far two devices are with one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PeerState {
    /// There is no connection.
    Away,
    /// They are telling one another where they are.
    Meeting,
    /// The peer is being brought up to date.
    CatchingUp,
    /// What is written here goes there at once.
    Live,
}

/// How one document stands.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DocumentStatus {
    /// Its id.
    pub document: DocumentId,
    /// Its name.
    pub name: String,
    /// How many entries are held.
    pub entries: u64,
    /// By how many devices' chains.
    pub chains: usize,
    /// Whether all of it would survive a power cut.
    pub saved: bool,
    /// How many peers say that they saved all of it.
    pub peers: usize,
    /// Whether an anchor says so.
    pub anchored: bool,
    /// How many edits that this device made since it was opened no other member is known to have saved.
    pub waiting: u64,
    /// Whether it made more before, and nobody is known to have saved those: how many is not remembered.
    pub waiting_from_before: bool,
    /// How many entries connected peers have offered that are not here yet.
    pub behind: u64,
}

impl Space {
    /// How the space stands.
    pub fn status(&self) -> SpaceStatus {
        let others = self.roster.members().filter(|(device, _)| **device != self.me);
        let peers = others.map(|(device, member)| PeerStatus {
            device: *device,
            role: member.role,
            state: self.peer_state(device),
            objection: self.declined.get(device).map(|declined| declined.objection),
        });
        let mut documents: Vec<_> = self
            .index
            .iter()
            .filter(|(_, log)| !log.label.is_reserved() && log.changed > 0)
            .filter(|(_, log)| self.roster.deletion(&log.label).is_none())
            .map(|(id, log)| self.document_status(*id, log))
            .collect();
        documents.sort_by(|a, b| a.name.cmp(&b.name));
        SpaceStatus {
            space: self.id,
            name: self.name().to_owned(),
            role: self.role(),
            removed: self.roster.former(&self.me).copied(),
            peers: peers.collect(),
            stopped: self.stopped(),
            documents,
        }
    }

    fn stopped(&self) -> Option<Stopped> {
        match self.ledger.is_faulty() {
            true => Some(Stopped::Contradiction),
            false => self.is_unsure().then_some(Stopped::Remembering),
        }
    }

    /// Whether nothing that connected peers have offered is missing here, and there is such a peer.
    pub fn is_caught_up(&self) -> bool {
        let mut open = self.sessions.values().filter(|session| session.is_open()).peekable();
        open.peek().is_some() && open.all(|session| session.inbound.is_caught_up())
    }

    fn is_anchor(&self, device: &DeviceId) -> bool {
        self.roster.member(device).is_some_and(|member| member.role == Role::Anchor)
    }

    fn peer_state(&self, device: &DeviceId) -> PeerState {
        let mode = self.sessions.get(device).map(|session| &session.outbound.mode);
        match mode {
            None => PeerState::Away,
            Some(Mode::Unopened) => PeerState::Meeting,
            Some(Mode::Live) => PeerState::Live,
            Some(_) => PeerState::CatchingUp,
        }
    }

    fn document_status(&self, document: DocumentId, log: &DocumentLog) -> DocumentStatus {
        let held = log.frontier();
        let missing = |session: &super::Session| {
            let offer = session.inbound.offer.as_ref()?;
            Some(held.behind(offer.missing.get(&document)?))
        };
        let takes_it = |(peer, _): &(&DeviceId, &u64)| {
            let of_this = |declined: &Declined| declined.chains.values().any(|of| *of == document);
            !self.declined.get(*peer).is_some_and(of_this)
        };
        let acked = || self.acked.iter().filter(takes_it);
        let having = || acked().filter(|(_, acked)| **acked >= log.changed).map(|(peer, _)| peer);
        let furthest = acked().map(|(_, acked)| *acked).max();
        let own = || log.chains.values().filter(|chain| chain.author == self.me);
        DocumentStatus {
            document,
            name: log.label.name().to_owned(),
            entries: log.chains.values().map(|chain| chain.tip.number).sum(),
            chains: log.chains.len(),
            saved: log.saved_feed == log.changed && !self.authors.is_writing(&document),
            peers: having().count(),
            anchored: having().any(|peer| self.is_anchor(peer)),
            waiting: self.authors.waiting(&document, furthest),
            waiting_from_before: own().any(|chain| chain.restored > furthest.unwrap_or_default()),
            behind: self.sessions.values().filter_map(missing).max().unwrap_or_default(),
        }
    }
}
