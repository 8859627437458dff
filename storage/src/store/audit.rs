//! Reading everything that is stored, and having it checked.

mod finding;
mod gather;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use driftline_core::audit::{Audit as SpaceAudit, Place, StoredChain, StoredLog};
use driftline_core::codec::{self, CodecError};
use driftline_core::document::Label;
use driftline_core::id::{ChainId, DeviceId, DocumentId, SpaceId};
use driftline_core::log::{ChainHead, Frontier};
use driftline_core::roster::Genesis;
use driftline_core::space::{ChainRecord, Position, SpaceRecord, roster_document};

use super::read::{decode_snapshot, read_segment};
use super::{Standing, Store, StoreError};
use crate::engine::Engine;
use crate::key::{Kind, RowKey};
use crate::life::LifeRow;
use crate::row::Damage;

pub use finding::{Fault, Finding};
use gather::Gathered;

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
        if self.only.is_none() {
            self.read_all(store, Kind::Format)?;
            self.read_all(store, Kind::Setting)?;
        }
        for (row, value) in self.read_all(store, Kind::Life)? {
            let life = self.decoded(&row, LifeRow::decode(&value));
            self.incarnation = life.map(|life| life.incarnation);
        }
        let documents = self.documents(store)?;
        if self.only.is_none() {
            self.strays(store, &documents)?;
        }
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

    /// The documents of each space, by the keys of rows: what is in these may be damaged.
    fn documents<E: Engine>(
        &mut self,
        store: &Store<E>,
    ) -> Result<BTreeMap<SpaceId, BTreeSet<DocumentId>>, StoreError> {
        let mut documents: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for kind in [Kind::Space, Kind::Document] {
            for row in gather::keys(&store.engine, &RowKey::all(kind))? {
                let space = SpaceId(row.id(0));
                if self.only.is_some_and(|only| only != space) {
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

    /// Logs of documents that no space has, and whatever else nobody would ever read.
    fn strays<E: Engine>(
        &mut self,
        store: &Store<E>,
        documents: &BTreeMap<SpaceId, BTreeSet<DocumentId>>,
    ) -> Result<(), StoreError> {
        let rosters = documents.keys().map(roster_document);
        let known: BTreeSet<_> = documents.values().flatten().copied().chain(rosters).collect();
        for row in gather::of_strangers(&store.engine, |document| known.contains(document))? {
            self.find(row.place(), Fault::Stray { row });
        }
        for row in gather::keys(&store.engine, &RowKey::of_no_kind())? {
            self.find(row.place(), Fault::Stray { row });
        }
        for kind in [Kind::Seen, Kind::Acked] {
            for row in gather::keys(&store.engine, &RowKey::all(kind))? {
                if !documents.contains_key(&SpaceId(row.id(0))) {
                    self.find(row.place(), Fault::Stray { row });
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
        let stored = self.log(store, space, document)?;
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
        let stored = self.log(store, space, roster_document(&space))?;
        let genesis = self.genesis(store, space)?;
        audit.roster(&stored, genesis.as_ref());
        self.findings.extend(audit.take_findings().into_iter().map(Finding::from));
        for (row, value) in self.read_of(store, Kind::Acked, &space.0)? {
            let position = self.decoded(&row, codec::decode::<Position>(&value));
            let now = position.filter(|position| Some(position.incarnation) == self.incarnation);
            if now.is_some_and(|position| position.number > audit.feed()) {
                self.find(row.place(), Fault::AckedAhead { peer: DeviceId(row.id(1)) });
            }
        }
        for (row, value) in self.read_of(store, Kind::Seen, &space.0)? {
            self.decoded(&row, codec::decode::<Position>(&value));
        }
        self.tally.spaces += 1;
        self.tally.entries += audit.entries();
        Ok(())
    }

    fn genesis<E: Engine>(
        &mut self,
        store: &Store<E>,
        space: SpaceId,
    ) -> Result<Option<Genesis>, StoreError> {
        let before = self.findings.len();
        let rows = self.read_of(store, Kind::Space, &space.0)?;
        if rows.is_empty() && self.findings.len() == before {
            let row = RowKey::space(&space);
            self.find(row.place(), Fault::Row { row, source: Damage::Missing });
        }
        let record = |(row, value): &(RowKey, Vec<u8>)| {
            self.decoded(row, codec::decode::<SpaceRecord>(value))
        };
        Ok(rows.iter().filter_map(record).next().map(|record| record.genesis))
    }

    /// Reads all that is stored of a document.
    fn log<E: Engine>(
        &mut self,
        store: &Store<E>,
        space: SpaceId,
        document: DocumentId,
    ) -> Result<StoredLog, StoreError> {
        let before = self.findings.len();
        let stored = {
            let _unchanged = store.standing();
            self.read_log(store, space, document)?
        };
        for finding in &mut self.findings[before..] {
            finding.place.space = Some(space);
        }
        Ok(stored)
    }

    fn read_log<E: Engine>(
        &mut self,
        store: &Store<E>,
        space: SpaceId,
        document: DocumentId,
    ) -> Result<StoredLog, StoreError> {
        let id = &document.0;
        let name = RowKey::document(&space, &document);
        let label = self.read(store, &name.all_parts())?.into_iter().next();
        let label = label.and_then(|(row, value)| {
            self.decoded(&row, codec::decode::<(Label, Frontier)>(&value))
        });
        let called = label.as_ref().map(|(label, _)| label.name().to_owned());
        self.names.extend(called.map(|name| (document, name)));
        let mut chains = BTreeMap::new();
        for (row, value) in self.read_of(store, Kind::Head, id)? {
            let head = self.decoded(&row, codec::decode::<([u8; 16], ChainHead)>(&value));
            of(&mut chains, &row).head = head.map(|(_, head)| head);
        }
        for (row, value) in self.read_of(store, Kind::End, id)? {
            of(&mut chains, &row).end = self.decoded(&row, codec::decode::<ChainRecord>(&value));
        }
        for (row, value) in self.read_of(store, Kind::Segment, id)? {
            let chain = of(&mut chains, &row);
            match read_segment(&row, chain.chain, &value) {
                Ok(segment) => chain.segments.push((row.first(), segment)),
                Err(error) => self.damaged(error)?,
            }
        }
        let mut snapshot = None;
        for (row, value) in self.read_of(store, Kind::Snapshot, id)? {
            match decode_snapshot(&row, value) {
                Ok(read) => snapshot = Some((read.frontier, read.state)),
                Err(error) => self.damaged(error)?,
            }
        }
        Ok(StoredLog { document, label, chains: chains.into_values().collect(), snapshot })
    }

    fn read_all<E: Engine>(
        &mut self,
        store: &Store<E>,
        kind: Kind,
    ) -> Result<Vec<(RowKey, Vec<u8>)>, StoreError> {
        self.read(store, &RowKey::all(kind))
    }

    fn read_of<E: Engine>(
        &mut self,
        store: &Store<E>,
        kind: Kind,
        id: &[u8; 32],
    ) -> Result<Vec<(RowKey, Vec<u8>)>, StoreError> {
        self.read(store, &RowKey::all_of(kind, id))
    }

    /// The sound rows of a range of keys; the others are told of.
    fn read<E: Engine>(
        &mut self,
        store: &Store<E>,
        range: &std::ops::Range<Vec<u8>>,
    ) -> Result<Vec<(RowKey, Vec<u8>)>, StoreError> {
        let Gathered { rows, damaged, bytes } = gather::gather(&store.engine, range)?;
        self.tally.bytes += bytes;
        for (row, source) in damaged {
            self.find(row.place(), Fault::Row { row, source });
        }
        Ok(rows)
    }

    fn decoded<T>(&mut self, row: &RowKey, decoded: Result<T, CodecError>) -> Option<T> {
        let found = |source: CodecError| {
            let fault = Fault::Row { row: row.clone(), source: source.into() };
            self.find(row.place(), fault);
        };
        decoded.map_err(found).ok()
    }

    fn damaged(&mut self, error: StoreError) -> Result<(), StoreError> {
        match error {
            StoreError::Damaged { row, source } => {
                self.find(row.place(), Fault::Row { row, source });
                Ok(())
            }
            error => Err(error),
        }
    }

    fn find(&mut self, place: Place, fault: Fault) {
        self.findings.push(Finding { place, name: None, fault });
    }
}

/// The chain that a row belongs to.
fn of<'a>(chains: &'a mut BTreeMap<ChainId, StoredChain>, row: &RowKey) -> &'a mut StoredChain {
    let chain = ChainId(row.id(1));
    let empty = || StoredChain { chain, head: None, end: None, segments: Vec::new() };
    chains.entry(chain).or_insert_with(empty)
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
        let nobody = LifeRow { incarnation: [0; 16], boot: None, closed: false };
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
