//! A device's records in a database.

mod audit;
mod load;
mod read;
mod repair;

use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use driftline_core::codec;
use driftline_core::id::{ChainId, DocumentId, SpaceId};
use driftline_core::log::Segment;
use driftline_core::space::Change;
use thiserror::Error;

use crate::engine::{Batch, Engine, EngineError};
use crate::key::{Kind, RowKey};
use crate::life::{Ends, Life, LifeRow};
use crate::record::Record;
use crate::row::{self, Damage};

pub use audit::{Audit, Fault, Finding, Tally};
pub use read::{DocumentLog, Reading};

/// The version of the layout that this code writes. It reads no other.
pub const FORMAT: u32 = 6;

/// Why the store did not do what it was asked.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The database failed.
    #[error("the store's database failed")]
    Engine {
        /// How.
        #[from]
        source: EngineError,
    },
    /// A row is not what was stored.
    #[error("the store is damaged at {row}")]
    Damaged {
        /// Which row.
        row: RowKey,
        /// What is wrong with it.
        source: Damage,
    },
    /// A newer version of this software wrote it.
    #[error("the store has format {found}, and this version reads {FORMAT}: update it")]
    NewerFormat {
        /// The version of its layout.
        found: u32,
    },
    /// A version of this software wrote it that was never released.
    #[error(
        "the store has format {found}, from before the first release, and this version reads {FORMAT}: begin a new one"
    )]
    OlderFormat {
        /// The version of its layout.
        found: u32,
    },
    /// Writing to it failed, now or before, and it takes nothing more. What it acknowledged is kept.
    #[error("the store takes nothing more, because writing to it failed")]
    Broken {
        /// What failed first.
        #[source]
        cause: Arc<StoreError>,
    },
    /// It was closed.
    #[error("the store is closed")]
    Closed,
    /// It was opened to be looked at.
    #[error("the store was opened for reading alone")]
    ReadOnly,
}

#[derive(Debug)]
pub(crate) enum Standing {
    Open,
    Broken(Arc<StoreError>),
    Closed,
    ReadOnly,
}

/// One device's records in a database: spaces, documents, chains, segments, and what goes with them.
#[derive(Debug)]
pub struct Store<E: Engine> {
    pub(crate) engine: E,
    life: LifeRow,
    proven: bool,
    /// Held for writing while a batch is applied, and for reading by those who read a value of several
    /// rows that a batch may replace.
    standing: RwLock<Standing>,
}

impl<E: Engine> Store<E> {
    /// Opens the store in a database, or begins one in an empty database.
    ///
    /// # Errors
    /// If the database fails or is damaged, or if a newer version of this software wrote it.
    pub fn open(engine: E, life: Life) -> Result<Self, StoreError> {
        check_format(&engine)?;
        let before = LifeRow::read(&engine)?;
        let place = engine.place()?;
        let (now, ends) = match &before {
            Some(before) => before.followed_by(life, place),
            None => (LifeRow::begin(life, place), Ends::Proven),
        };
        if before.as_ref() != Some(&now) {
            let mut batch = Batch::default();
            row::put(&mut batch, &RowKey::format(), &FORMAT.to_be_bytes());
            now.put(&mut batch);
            engine.apply(batch)?;
        }
        // Always: what an earlier process wrote and did not save is from here on as good as saved.
        engine.write()?;
        engine.save()?;
        match ends {
            Ends::Proven => {}
            Ends::Lost => tracing::warn!(
                "the machine stopped before the store was saved: a new incarnation begins"
            ),
            Ends::Copied => tracing::warn!("the store is a copy: a new incarnation begins"),
        }
        let proven = ends == Ends::Proven;
        Ok(Self { engine, life: now, proven, standing: RwLock::new(Standing::Open) })
    }

    /// The name of this life of the store: peers who remember it may rely on what it told them.
    pub fn incarnation(&self) -> [u8; 16] {
        self.life.incarnation
    }

    /// Whether everything that was ever written was still there when the store was opened, and it is no copy. If not, the
    /// incarnation is new, and [`load`](Self::load) retires this device's chains from before, now and ever.
    pub fn ends_proven(&self) -> bool {
        self.proven
    }

    /// How many bytes are free on the disk; `None` where that is not known.
    pub fn free_bytes(&self) -> Option<u64> {
        self.engine.free_bytes()
    }

    /// Takes in records, all or none: they are visible to reads when this returns.
    ///
    /// # Errors
    /// [`StoreError::Broken`] if the database fails, and ever after; or if the store is closed.
    pub fn append<'a>(
        &self,
        records: impl IntoIterator<Item = &'a Record>,
    ) -> Result<(), StoreError> {
        let mut standing = self.changing();
        standing.check()?;
        let applied = self.batch(records).and_then(|batch| Ok(self.engine.apply(batch)?));
        applied.map_err(|error| standing.broken_by(error))
    }

    /// Makes everything appended survive the process.
    ///
    /// # Errors
    /// [`StoreError::Broken`] if the database fails, and ever after; or if the store is closed.
    pub fn write(&self) -> Result<(), StoreError> {
        self.lasting(E::write)
    }

    /// Makes everything written survive a loss of power.
    ///
    /// # Errors
    /// [`StoreError::Broken`] if the database fails, and ever after; or if the store is closed.
    pub fn save(&self) -> Result<(), StoreError> {
        self.lasting(E::save)
    }

    /// Saves everything, and then the mark that it was closed with nothing lost. It takes nothing more.
    ///
    /// # Errors
    /// If the database fails now or failed before: then the mark is not set.
    pub fn close(&self) -> Result<(), StoreError> {
        let mut standing = self.changing();
        standing.check()?;
        self.mark_closed().map_err(|error| standing.broken_by(error))?;
        *standing = Standing::Closed;
        Ok(())
    }

    fn mark_closed(&self) -> Result<(), StoreError> {
        self.engine.write()?;
        self.engine.save()?;
        let mut batch = Batch::default();
        LifeRow { closed: true, ..self.life.clone() }.put(&mut batch);
        self.engine.apply(batch)?;
        self.engine.write()?;
        Ok(self.engine.save()?)
    }

    /// Does one step of making things last. The lock is not held meanwhile: saving takes long, and
    /// appending goes on.
    fn lasting(&self, step: impl Fn(&E) -> Result<(), EngineError>) -> Result<(), StoreError> {
        self.standing().check()?;
        step(&self.engine).map_err(|error| self.changing().broken_by(error.into()))
    }

    fn batch<'a>(
        &self,
        records: impl IntoIterator<Item = &'a Record>,
    ) -> Result<Batch, StoreError> {
        let mut batch = Batch::default();
        for record in records {
            self.put(&mut batch, record)?;
        }
        Ok(batch)
    }

    fn put(&self, batch: &mut Batch, record: &Record) -> Result<(), StoreError> {
        match record {
            Record::Core(change) => self.put_change(batch, change),
            Record::Snapshot { document, snapshot } => {
                let mut value = codec::encode(&snapshot.frontier);
                value.extend_from_slice(&snapshot.state);
                row::replace(&self.engine, batch, &RowKey::snapshot(document), &value)
            }
            Record::Texts { document, texts } => {
                let row = RowKey::texts(document);
                let value = codec::encode(&(&texts.frontier, &texts.roots));
                row::replace(&self.engine, batch, &row, &value)
            }
            Record::Setting { name, value } => {
                row::replace(&self.engine, batch, &RowKey::setting(name), value)
            }
        }
    }

    fn put_change(&self, batch: &mut Batch, change: &Change) -> Result<(), StoreError> {
        match change {
            Change::Space(record) => {
                let row = RowKey::space(&record.genesis.space());
                return row::replace(&self.engine, batch, &row, &codec::encode(record));
            }
            Change::Head(head) => {
                let row = RowKey::head(&head.document, &head.id());
                // The incarnation in which it was first stored stays: it is the proof of its end.
                let key = row.part(0);
                if batch.get(&key).is_none() && self.engine.get(&key)?.is_none() {
                    row::put(batch, &row, &codec::encode(&(self.life.incarnation, head)));
                }
            }
            Change::Document { space, label, mended } => {
                let row = RowKey::document(space, &label.document(space));
                let value = codec::encode(&(label, mended));
                return row::replace(&self.engine, batch, &row, &value);
            }
            Change::Purge { space, document, kept } => {
                return self.purge(batch, space, document, kept);
            }
            Change::Segment { document, segment } => {
                let row = RowKey::segment(document, &segment.chain, segment.first());
                row::put(batch, &row, &segment_value(segment));
            }
            Change::PutBack { document, segment } => {
                return self.put_back(batch, document, segment);
            }
            Change::Chain { document, chain, record } => {
                row::put(batch, &RowKey::end(document, chain), &codec::encode(record));
            }
            Change::Seen { space, peer, position } => {
                row::put(batch, &RowKey::seen(space, peer), &codec::encode(position));
            }
            Change::Acked { space, peer, position } => {
                row::put(batch, &RowKey::acked(space, peer), &codec::encode(position));
            }
        }
        Ok(())
    }

    /// Forgets a document, but for some of its chains.
    fn purge(
        &self,
        batch: &mut Batch,
        space: &SpaceId,
        document: &DocumentId,
        kept: &[ChainId],
    ) -> Result<(), StoreError> {
        let goes = |key: &[u8]| {
            let chain = RowKey::split(key).map(|(row, _)| ChainId(row.id(1)));
            chain.is_none_or(|chain| !kept.contains(&chain))
        };
        for kind in [Kind::Head, Kind::End, Kind::Segment] {
            self.remove_where(batch, RowKey::all_of(kind, &document.0), goes)?;
        }
        for kind in [Kind::Snapshot, Kind::Texts] {
            self.remove_where(batch, RowKey::all_of(kind, &document.0), |_| true)?;
        }
        if kept.is_empty() {
            let row = RowKey::document(space, document);
            self.remove_where(batch, row.all_parts(), |_| true)?;
        }
        Ok(())
    }

    /// Removes what is stored under keys of a range, or is to be.
    fn remove_where(
        &self,
        batch: &mut Batch,
        range: Range<Vec<u8>>,
        goes: impl Fn(&[u8]) -> bool,
    ) -> Result<(), StoreError> {
        for pair in self.engine.scan(&range.start..&range.end) {
            let (key, _) = pair?;
            if goes(&key) {
                batch.remove(key);
            }
        }
        batch.remove_put(range, goes);
        Ok(())
    }

    pub(crate) fn standing(&self) -> RwLockReadGuard<'_, Standing> {
        self.standing.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn changing(&self) -> RwLockWriteGuard<'_, Standing> {
        self.standing.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Standing {
    fn check(&self) -> Result<(), StoreError> {
        match self {
            Self::Open => Ok(()),
            Self::Broken(cause) => Err(StoreError::Broken { cause: Arc::clone(cause) }),
            Self::Closed => Err(StoreError::Closed),
            Self::ReadOnly => Err(StoreError::ReadOnly),
        }
    }

    /// Keeps the first failure as the cause of all later ones.
    fn broken_by(&mut self, error: StoreError) -> StoreError {
        let cause = match self {
            Self::Broken(first) => Arc::clone(first),
            _ => Arc::new(error),
        };
        *self = Self::Broken(Arc::clone(&cause));
        StoreError::Broken { cause }
    }
}

fn segment_value(segment: &Segment) -> Vec<u8> {
    codec::encode(&(&segment.link, &segment.body, &segment.signature))
}

pub(crate) fn check_format<E: Engine>(engine: &E) -> Result<(), StoreError> {
    let key = RowKey::format();
    let Some(value) = row::get(engine, &key)? else { return Ok(()) };
    match value.try_into().map(u32::from_be_bytes) {
        Ok(found) if found > FORMAT => Err(StoreError::NewerFormat { found }),
        Ok(found) if found < FORMAT => Err(StoreError::OlderFormat { found }),
        Ok(_) => Ok(()),
        Err(_) => Err(Damage::Changed.to(&key)),
    }
}
