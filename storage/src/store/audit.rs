//! Reading everything that is stored, and having it checked.

mod finding;
mod gather;
mod reading;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use driftline_core::audit::{Audit as SpaceAudit, Place, StoredLog};
use driftline_core::codec;
use driftline_core::id::{DeviceId, DocumentId, SpaceId};
use driftline_core::space::{Position, SpaceRecord, roster_document};

use super::{Standing, Store, StoreError};
use crate::engine::Engine;
use crate::key::{Kind, RowKey};
use crate::life::{Life, LifeRow};

pub use finding::{Fault, Finding};
use reading::Reading;

/// The documents of each space.
type Documents = BTreeMap<SpaceId, BTreeSet<DocumentId>>;

/// How much was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Spaces.
    pub spaces: u64,
    /// Documents; the rosters are not among them.
    pub documents: u64,
    /// Entries of documents and rosters.
    pub entries: u64,
    /// Bytes, as stored: keys and values.
    pub bytes: u64,
}

/// A check of everything that a store holds, or of one space: each hash, signature, name and number, and every
/// byte against its checksum.
///
/// It goes [step](Self::step) by step, one document at a time, and holds no more than one in memory. What each step
/// reads, nobody changes meanwhile, so the device may go on with its work between them.
#[derive(Debug)]
pub struct Audit {
    me: Option<DeviceId>,
    only: Option<SpaceId>,
    /// What is still to be done; nothing before it is known.
    plan: Option<VecDeque<Task>>,
    tasks: u64,
    /// The space whose documents are being checked.
    space: Option<SpaceAudit>,
    incarnation: Option<[u8; 16]>,
    /// How much of this device's feed peers have, by what they said in this life of the store.
    acked: Vec<(SpaceId, DeviceId, u64)>,
    /// What the documents of that space are called.
    names: BTreeMap<DocumentId, String>,
    findings: Vec<Finding>,
    tally: Tally,
}

#[derive(Clone, Copy, Debug)]
enum Task {
    Document(SpaceId, DocumentId),
    /// What a space has besides its documents.
    Space(SpaceId),
}

impl Audit {
    /// Begins to check what a device has stored. `me` is the device, as far as known.
    pub fn new(me: Option<DeviceId>) -> Self {
        Self {
            me,
            only: None,
            plan: None,
            tasks: 0,
            space: None,
            incarnation: None,
            acked: Vec::new(),
            names: BTreeMap::new(),
            findings: Vec::new(),
            tally: Tally::default(),
        }
    }

    /// Has one space alone checked; to be said before the first step.
    pub fn only(&mut self, space: SpaceId) {
        self.only = Some(space);
    }

    /// Whether no step is left.
    pub fn is_done(&self) -> bool {
        self.plan.as_ref().is_some_and(VecDeque::is_empty)
    }

    /// Does a step; says whether there is another.
    ///
    /// # Errors
    /// If the database can't be read. What is wrong with its rows is found instead.
    pub fn step<E: Engine>(&mut self, store: &Store<E>) -> Result<bool, StoreError> {
        match self.plan.as_mut().map(VecDeque::pop_front) {
            None => self.begin(store)?,
            Some(Some(Task::Document(space, document))) => self.document(store, space, document)?,
            Some(Some(Task::Space(space))) => self.space(store, space)?,
            Some(None) => return Ok(false),
        }
        Ok(!self.is_done())
    }

    /// What was found since the last time.
    pub fn take_findings(&mut self) -> Vec<Finding> {
        let mut findings = std::mem::take(&mut self.findings);
        for finding in &mut findings {
            let name = finding.place.document.and_then(|document| self.names.get(&document));
            finding.name = name.cloned();
        }
        findings
    }

    /// How many steps are done, and how many there are.
    pub fn progress(&self) -> (u64, u64) {
        let left = self.plan.as_ref().map_or(0, VecDeque::len) as u64;
        (self.tasks - left, self.tasks)
    }

    /// How much was looked at so far.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Reads what is not the log of a document, and makes the plan.
    fn begin<E: Engine>(&mut self, store: &Store<E>) -> Result<(), StoreError> {
        let _unchanged = store.standing();
        let mut reading = Reading::of(store);
        for (row, value) in reading.all(Kind::Life)? {
            let life = reading.decoded(&row, LifeRow::decode(&value));
            self.incarnation = life.map(|life| life.incarnation);
        }
        self.positions(&mut reading)?;
        let documents = documents(store, self.only)?;
        if self.only.is_none() {
            reading.all(Kind::Format)?;
            reading.all(Kind::Setting)?;
            strays(&mut reading, &documents)?;
        }
        self.take(reading);
        let mut plan = VecDeque::new();
        for (space, documents) in documents {
            let own = documents.into_iter().filter(|document| *document != roster_document(&space));
            plan.extend(own.map(|document| Task::Document(space, document)));
            plan.push_back(Task::Space(space));
        }
        self.tasks = plan.len() as u64;
        self.plan = Some(plan);
        Ok(())
    }

    /// Positions in feeds. They are read before the logs, which on a device that runs go on meanwhile.
    fn positions<E: Engine>(&mut self, reading: &mut Reading<'_, E>) -> Result<(), StoreError> {
        for kind in [Kind::Seen, Kind::Acked] {
            let rows = match self.only {
                Some(space) => reading.all_of(kind, &space.0)?,
                None => reading.all(kind)?,
            };
            for (row, value) in rows {
                let position = reading.decoded(&row, codec::decode::<Position>(&value));
                let Some(Position { incarnation, number }) = position else { continue };
                if kind == Kind::Acked && Some(incarnation) == self.incarnation {
                    self.acked.push((SpaceId(row.id(0)), DeviceId(row.id(1)), number));
                }
            }
        }
        Ok(())
    }

    fn document<E: Engine>(
        &mut self,
        store: &Store<E>,
        space: SpaceId,
        document: DocumentId,
    ) -> Result<(), StoreError> {
        let mut reading = Reading::of(store);
        let stored = self.log(&mut reading, space, document)?;
        self.take(reading);
        let me = self.me;
        let audit = self.space.get_or_insert_with(|| SpaceAudit::new(space, me));
        audit.document(&stored);
        let found = audit.take_findings();
        self.findings.extend(found.into_iter().map(Finding::from));
        self.tally.documents += 1;
        Ok(())
    }

    fn space<E: Engine>(&mut self, store: &Store<E>, space: SpaceId) -> Result<(), StoreError> {
        let me = self.me;
        let mut audit = self.space.take().unwrap_or_else(|| SpaceAudit::new(space, me));
        let mut reading = Reading::of(store);
        let stored = self.log(&mut reading, space, roster_document(&space))?;
        let genesis = reading.genesis(space)?;
        audit.roster(&stored, genesis.as_ref());
        self.findings.extend(audit.take_findings().into_iter().map(Finding::from));
        for (_, peer, number) in self.acked.extract_if(.., |(of, ..)| *of == space) {
            if number > audit.feed() {
                reading.find(Place::of_space(space), Fault::AckedAhead { peer });
            }
        }
        self.take(reading);
        self.tally.spaces += 1;
        self.tally.entries += audit.entries();
        Ok(())
    }

    /// Reads all that is stored of a document; nobody changes it meanwhile.
    fn log<E: Engine>(
        &mut self,
        reading: &mut Reading<'_, E>,
        space: SpaceId,
        document: DocumentId,
    ) -> Result<StoredLog, StoreError> {
        let _unchanged = reading.store.standing();
        let stored = reading.log(space, document)?;
        let name = stored.label.as_ref().map(|(label, _)| label.name().to_owned());
        self.names.extend(name.map(|name| (document, name)));
        Ok(stored)
    }

    fn take<E: Engine>(&mut self, reading: Reading<'_, E>) {
        self.findings.extend(reading.findings);
        self.tally.bytes += reading.bytes;
    }
}

/// The documents of each space, by the keys of rows: what is in these may be damaged.
fn documents<E: Engine>(store: &Store<E>, only: Option<SpaceId>) -> Result<Documents, StoreError> {
    let mut documents = Documents::new();
    for kind in [Kind::Space, Kind::Document] {
        for row in gather::keys(&store.engine, &RowKey::all(kind))? {
            let space = SpaceId(row.id(0));
            if only.is_some_and(|only| only != space) {
                continue;
            }
            let of_space = documents.entry(space).or_default();
            if kind == Kind::Document {
                of_space.insert(DocumentId(row.id(1)));
            }
        }
    }
    Ok(documents)
}

/// Finds logs of documents that no space has, and whatever else nobody would ever read.
fn strays<E: Engine>(
    reading: &mut Reading<'_, E>,
    documents: &Documents,
) -> Result<(), StoreError> {
    let engine = &reading.store.engine;
    let rosters = documents.keys().map(roster_document);
    let known: BTreeSet<_> = documents.values().flatten().copied().chain(rosters).collect();
    let mut strays = gather::of_strangers(engine, |document| known.contains(document))?;
    strays.extend(gather::keys(engine, &RowKey::of_no_kind())?);
    for kind in [Kind::Seen, Kind::Acked] {
        let of_peers = gather::keys(engine, &RowKey::all(kind))?.into_iter();
        strays.extend(of_peers.filter(|row| !documents.contains_key(&SpaceId(row.id(0)))));
    }
    for row in strays {
        reading.find(row.place(), Fault::Stray { row });
    }
    Ok(())
}

impl<E: Engine> Store<E> {
    /// Opens a store to look at it. Nothing is written to it, and it takes nothing; it begins no life and ends none.
    ///
    /// # Errors
    /// If the database fails, or another version of this software wrote it.
    pub fn read_only(engine: E) -> Result<Self, StoreError> {
        match super::check_format(&engine) {
            // An audit says so too, and goes on.
            Ok(()) | Err(StoreError::Damaged { .. }) => {}
            Err(error) => return Err(error),
        }
        let nobody = LifeRow::begin(Life { boot: None, fresh: [0; 16] }, None);
        let life = LifeRow::read(&engine).ok().flatten().unwrap_or(nobody);
        let standing = std::sync::RwLock::new(Standing::ReadOnly);
        Ok(Self { engine, life, proven: false, standing })
    }

    /// The spaces that are stored, with their names, as far as they can be read.
    ///
    /// # Errors
    /// If the database can't be read.
    pub fn spaces(&self) -> Result<Vec<(SpaceId, String)>, StoreError> {
        let rows = gather::gather(&self.engine, &RowKey::all(Kind::Space))?.rows.into_iter();
        let named = rows.filter_map(|(row, value)| {
            let record = codec::decode::<SpaceRecord>(&value).ok()?;
            Some((SpaceId(row.id(0)), record.genesis.name().to_owned()))
        });
        Ok(named.collect())
    }
}
