//! What a device needs in memory of everything that it keeps.

use std::collections::BTreeMap;

use driftline_core::codec;
use driftline_core::document::Label;
use driftline_core::id::{ChainId, DeviceId};
use driftline_core::log::{ChainHead, Frontier};
use driftline_core::space::{
    ChainRecord, ChainState, Position, SpaceRecord, Stored, StoredDocument, roster_document,
};

use super::{Store, StoreError};
use crate::engine::Engine;
use crate::key::{Kind, RowKey};
use crate::row::{self, Damage};

/// Rows of one kind, decoded, by the first id in their keys.
type ById<T> = BTreeMap<[u8; 32], Vec<T>>;

impl<E: Engine> Store<E> {
    /// Reads every space with everything but settings and the logs of documents. A chain is left out
    /// until both its head and its end are stored.
    ///
    /// A chain of this device's own (`me`) that was begun in an earlier incarnation is retired: its end
    /// can't be proven, however often the store was opened since.
    ///
    /// # Errors
    /// If the database can't be read or is damaged.
    pub fn load(&self, me: &DeviceId) -> Result<Vec<Stored>, StoreError> {
        let _unchanged = self.standing();
        let mut documents = self.documents(me)?;
        let mut seen = self.positions(Kind::Seen)?;
        let mut acked = self.positions(Kind::Acked)?;
        let mut spaces = Vec::new();
        for found in row::scan(&self.engine, &RowKey::all(Kind::Space)) {
            let (row, value) = found?;
            let record: SpaceRecord = codec::decode(&value).map_err(Damage::of_format(&row))?;
            let id = record.genesis.space();
            let documents = documents.remove(&id.0).unwrap_or_default();
            let log = |document| self.segments(&document, &Frontier::default(), usize::MAX);
            let roster = log(roster_document(&id))?.segments;
            let ledgers = documents.iter().filter(|document| document.label.is_ledger());
            let ledgers = ledgers.map(|document| document.label.document(&id));
            let ledgers = ledgers.map(|ledger| Ok((ledger, log(ledger)?.segments)));
            let ledgers = ledgers.collect::<Result<_, StoreError>>()?;
            let seen = seen.remove(&id.0).unwrap_or_default();
            let acked = acked.remove(&id.0).unwrap_or_default();
            spaces.push(Stored { record, documents, roster, ledgers, seen, acked });
        }
        Ok(spaces)
    }

    /// All documents with their chains, by space.
    fn documents(&self, me: &DeviceId) -> Result<ById<StoredDocument>, StoreError> {
        let mut chains = self.chains(me)?;
        let mut documents = ById::new();
        for found in row::scan(&self.engine, &RowKey::all(Kind::Document)) {
            let (row, value) = found?;
            let (label, mended): (Label, Frontier) =
                codec::decode(&value).map_err(Damage::of_format(&row))?;
            let chains = chains.remove(&row.id(1)).unwrap_or_default();
            let document = StoredDocument { label, mended, chains };
            documents.entry(row.id(0)).or_default().push(document);
        }
        Ok(documents)
    }

    /// All chains, by document.
    fn chains(&self, me: &DeviceId) -> Result<ById<(ChainHead, ChainRecord)>, StoreError> {
        let mut ends = BTreeMap::new();
        for found in row::scan(&self.engine, &RowKey::all(Kind::End)) {
            let (row, value) = found?;
            let record: ChainRecord = codec::decode(&value).map_err(Damage::of_format(&row))?;
            ends.insert((row.id(0), ChainId(row.id(1))), record);
        }
        let mut chains = ById::new();
        for found in row::scan(&self.engine, &RowKey::all(Kind::Head)) {
            let (row, value) = found?;
            let (incarnation, head): ([u8; 16], ChainHead) =
                codec::decode(&value).map_err(Damage::of_format(&row))?;
            let Some(mut record) = ends.remove(&(row.id(0), ChainId(row.id(1)))) else { continue };
            let proven = incarnation == self.life.incarnation;
            if head.device == *me && !proven && record.state == ChainState::Open {
                record.state = ChainState::Retired;
            }
            chains.entry(row.id(0)).or_default().push((head, record));
        }
        Ok(chains)
    }

    /// All positions of a kind with their peers, by space.
    fn positions(&self, kind: Kind) -> Result<ById<(DeviceId, Position)>, StoreError> {
        let mut positions = ById::new();
        for found in row::scan(&self.engine, &RowKey::all(kind)) {
            let (row, value) = found?;
            let position = codec::decode(&value).map_err(Damage::of_format(&row))?;
            positions.entry(row.id(0)).or_default().push((DeviceId(row.id(1)), position));
        }
        Ok(positions)
    }
}
