//! A device: what outlives its process, and the process.

use std::collections::BTreeMap;
use std::sync::Arc;

use driftline_core::document::Label;
use driftline_core::id::{ChainId, DeviceId, DocumentId, SpaceId};
use driftline_core::identity::DeviceKey;
use driftline_core::log::Frontier;
use driftline_core::roster::Ticket;
use driftline_core::space::{Joining, Space};
use driftline_storage::Store;

use crate::app::Document;
use crate::clock::{Clock, Time};
use crate::disk::Disk;
use crate::mallory::Mallory;
use crate::writer::Writer;

/// A device.
#[derive(Debug)]
pub struct Device {
    /// What people call it.
    pub name: String,
    /// Its key.
    pub key: Arc<DeviceKey>,
    /// Its disk.
    pub disk: Disk,
    /// Its clocks.
    pub clock: Clock,
    /// Which run of the machine this is: it changes when the power fails.
    pub boot: u64,
    /// Which run of the process this is.
    pub run: u64,
    /// What it joins with, while there is no space on its disk.
    pub ticket: Option<Ticket>,
    /// Whether whoever has it breaks the rules. Nothing is promised to them.
    pub hostile: bool,
    /// The process, while it runs.
    pub process: Option<Process>,
}

/// A running process: the parts of the engine loop, made steps.
#[derive(Debug)]
pub struct Process {
    /// What it runs.
    pub machine: Machine,
    /// Its store.
    pub store: Store<Disk>,
    /// What is on its way to the disk.
    pub writer: Writer,
    /// The documents that its app holds open.
    pub documents: BTreeMap<DocumentId, Document>,
    /// Whether a settling is under way.
    pub settling: bool,
    /// When the next tick comes.
    pub tick: Option<Time>,
}

/// What a process runs.
#[derive(Debug)]
pub enum Machine {
    /// It wants to get in.
    Joining(Box<Joining>),
    /// It is in.
    Member(Box<Space>),
    /// It keeps no rule.
    Hostile(Mallory),
}

/// Something to do with the store, once all that was asked for before is written.
#[derive(Debug)]
pub enum Job {
    /// Read entries for a peer.
    Read {
        /// The peer.
        peer: DeviceId,
        /// The document.
        document: DocumentId,
        /// What the peer holds.
        beyond: Frontier,
        /// What may be read.
        upto: Frontier,
        /// About how many bytes.
        budget: usize,
    },
    /// Read a document for the app.
    Open(Label),
    /// Make a mend.
    Mend {
        /// The document.
        document: DocumentId,
        /// A chain to write it on.
        chain: ChainId,
        /// Where what counts ends.
        counts: Frontier,
        /// Where what does not count ends.
        refused: Frontier,
    },
}

impl Device {
    /// The space that runs on the device, if it runs and is in.
    pub fn space(&self) -> Option<&Space> {
        match &self.process.as_ref()?.machine {
            Machine::Member(space) => Some(space),
            Machine::Joining(_) | Machine::Hostile(_) => None,
        }
    }

    /// Its id.
    pub fn id(&self) -> DeviceId {
        self.key.id()
    }
}

impl Process {
    /// A process that has just begun.
    pub(crate) fn new(machine: Machine, store: Store<Disk>) -> Self {
        let (writer, documents) = (Writer::default(), BTreeMap::new());
        Self { machine, store, writer, documents, settling: false, tick: None }
    }

    /// The space, if the process is in.
    pub fn space_mut(&mut self) -> Option<&mut Space> {
        match &mut self.machine {
            Machine::Member(space) => Some(space),
            Machine::Joining(_) | Machine::Hostile(_) => None,
        }
    }
}

impl Machine {
    /// The space that it is in, or wants to be in.
    pub fn space_id(&self) -> SpaceId {
        match self {
            Self::Joining(joining) => joining.space(),
            Self::Member(space) => space.id(),
            Self::Hostile(mallory) => mallory.space(),
        }
    }
}
