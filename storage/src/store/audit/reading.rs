//! Reading what is sound of what is stored, and noting what is not.

use std::collections::BTreeMap;
use std::ops::Range;

use driftline_core::audit::{Place, StoredChain, StoredLog};
use driftline_core::codec::{self, CodecError};
use driftline_core::document::Label;
use driftline_core::id::{ChainId, DocumentId, SpaceId};
use driftline_core::log::{ChainHead, Frontier};
use driftline_core::roster::Genesis;
use driftline_core::space::{ChainRecord, SpaceRecord};

use super::gather::{self, Gathered};
use super::{Fault, Finding};
use crate::engine::Engine;
use crate::key::{Kind, RowKey};
use crate::row::Damage;
use crate::store::read::{decode_snapshot, read_segment};
use crate::store::{Store, StoreError};

/// Rows with their values.
type Rows = Vec<(RowKey, Vec<u8>)>;

/// What was read in one step, while nobody could change it.
pub(super) struct Reading<'a, E: Engine> {
    pub(super) store: &'a Store<E>,
    pub(super) findings: Vec<Finding>,
    /// How many bytes were looked at.
    pub(super) bytes: u64,
}

impl<'a, E: Engine> Reading<'a, E> {
    pub(super) fn of(store: &'a Store<E>) -> Self {
        Self { store, findings: Vec::new(), bytes: 0 }
    }

    /// The sound rows of a kind.
    pub(super) fn all(&mut self, kind: Kind) -> Result<Rows, StoreError> {
        self.range(&RowKey::all(kind))
    }

    /// The sound rows of a kind that begin with an id.
    pub(super) fn all_of(&mut self, kind: Kind, id: &[u8; 32]) -> Result<Rows, StoreError> {
        self.range(&RowKey::all_of(kind, id))
    }

    /// How a space began.
    pub(super) fn genesis(&mut self, space: SpaceId) -> Result<Option<Genesis>, StoreError> {
        let before = self.findings.len();
        let rows = self.all_of(Kind::Space, &space.0)?;
        if rows.is_empty() && self.findings.len() == before {
            let row = RowKey::space(&space);
            self.find(row.place(), Fault::Row { row, source: Damage::Missing });
        }
        let record = rows
            .first()
            .and_then(|(row, value)| self.decoded(row, codec::decode::<SpaceRecord>(value)));
        Ok(record.map(|record| record.genesis))
    }

    /// All that is stored of a document.
    pub(super) fn log(
        &mut self,
        space: SpaceId,
        document: DocumentId,
    ) -> Result<StoredLog, StoreError> {
        let before = self.findings.len();
        let label = self.range(&RowKey::document(&space, &document).all_parts())?.pop();
        let label = label.and_then(|(row, value)| {
            self.decoded(&row, codec::decode::<(Label, Frontier)>(&value))
        });
        let chains = self.chains(document)?;
        let mut snapshot = None;
        for (row, value) in self.all_of(Kind::Snapshot, &document.0)? {
            match decode_snapshot(&row, value) {
                Ok(read) => snapshot = Some((read.frontier, read.state)),
                Err(error) => self.damaged(error)?,
            }
        }
        for (row, value) in self.all_of(Kind::Texts, &document.0)? {
            let texts = codec::decode::<(Frontier, BTreeMap<String, String>)>(&value);
            self.decoded(&row, texts);
        }
        for finding in &mut self.findings[before..] {
            // The rows of a log do not name the space.
            finding.place.space = Some(space);
        }
        Ok(StoredLog { document, label, chains, snapshot })
    }

    fn chains(&mut self, document: DocumentId) -> Result<Vec<StoredChain>, StoreError> {
        let id = &document.0;
        let mut chains = BTreeMap::new();
        for (row, value) in self.all_of(Kind::Head, id)? {
            let head = self.decoded(&row, codec::decode::<([u8; 16], ChainHead)>(&value));
            of(&mut chains, &row).head = head.map(|(_, head)| head);
        }
        for (row, value) in self.all_of(Kind::End, id)? {
            of(&mut chains, &row).end = self.decoded(&row, codec::decode::<ChainRecord>(&value));
        }
        for (row, value) in self.all_of(Kind::Segment, id)? {
            let chain = of(&mut chains, &row);
            match read_segment(&row, chain.chain, &value) {
                Ok(segment) => chain.segments.push((row.first(), segment)),
                Err(error) => self.damaged(error)?,
            }
        }
        Ok(chains.into_values().collect())
    }

    /// What was decoded of a row, if that went well.
    pub(super) fn decoded<T>(&mut self, row: &RowKey, decoded: Result<T, CodecError>) -> Option<T> {
        let found = |source: CodecError| {
            let fault = Fault::Row { row: row.clone(), source: source.into() };
            self.find(row.place(), fault);
        };
        decoded.map_err(found).ok()
    }

    pub(super) fn find(&mut self, place: Place, fault: Fault) {
        self.findings.push(Finding { place, name: None, fault });
    }

    fn range(&mut self, range: &Range<Vec<u8>>) -> Result<Rows, StoreError> {
        let Gathered { rows, damaged, bytes } = gather::gather(&self.store.engine, range)?;
        self.bytes += bytes;
        for (row, source) in damaged {
            self.find(row.place(), Fault::Row { row, source });
        }
        Ok(rows)
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
}

/// The chain that a row belongs to.
fn of<'a>(chains: &'a mut BTreeMap<ChainId, StoredChain>, row: &RowKey) -> &'a mut StoredChain {
    let chain = ChainId(row.id(1));
    let empty = || StoredChain { chain, head: None, end: None, segments: Vec::new() };
    chains.entry(chain).or_insert_with(empty)
}
