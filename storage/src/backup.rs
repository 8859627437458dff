//! Backups: all that a device has, in a folder of its own, made while the device runs.
//!
//! A backup is a folder with two files. `rows` holds the rows of the store (see [`archive`]), `device-key` the key file
//! as it is, under its passphrase if it has one. It is made under another name and renamed when it is whole, and so is
//! the folder of a device that is restored.
//!
//! A restored store can't prove where its chains end: what it was copied from has gone on. It begins a new incarnation
//! when it is first opened, like any copy (see [`Life`](crate::Life)).

mod archive;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter};
use std::ops::Range;
use std::path::{Path, PathBuf};

use driftline_core::codec;
use driftline_core::id::{ChainId, DeviceId, DocumentId};
use driftline_core::log::{Frontier, Point};
use driftline_core::space::ChainRecord;
use thiserror::Error;

pub use archive::BadArchive;
use archive::{ArchiveReader, ArchiveWriter};

use crate::engine::{Batch, Engine, EngineError, Pair, SledEngine};
use crate::folder::{Folder, FolderError, KeyFile, io_error, private, save_folder};
use crate::key::{Kind, RowKey};
use crate::life::LifeRow;
use crate::row::{self, Damage};
use crate::store::{Store, StoreError, check_format};

const ROWS: &str = "rows";
const KEY: &str = "device-key";

/// The kinds of rows that are ever replaced, but for folded states, which may be large.
const CHANGING: [Kind; 9] = [
    Kind::Format,
    Kind::Life,
    Kind::Space,
    Kind::Document,
    Kind::Head,
    Kind::End,
    Kind::Seen,
    Kind::Acked,
    Kind::Setting,
];

/// How much is restored in one batch, in bytes.
const BATCH_BYTES: usize = 1 << 20;

/// How a backup turned out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackedUp {
    /// Whose it is.
    pub device: DeviceId,
    /// How many rows of the store are in it.
    pub rows: u64,
    /// How many bytes they take.
    pub bytes: u64,
}

/// Why there is no backup, or nothing is restored from one.
#[derive(Debug, Error)]
pub enum BackupError {
    /// Something is in the folder already.
    #[error("there is something in {} already: name a folder that is new, or empty", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// The folder holds no backup.
    #[error("there is no backup in {}", path.display())]
    NotABackup {
        /// The folder.
        path: PathBuf,
    },
    /// The key is missing.
    #[error("the key is missing: {}", path.display())]
    NoKey {
        /// Where it should be.
        path: PathBuf,
    },
    /// The backup is not what was written.
    #[error("{} is damaged: use another backup", path.display())]
    Bad {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: BadArchive,
    },
    /// A folder, or the key in it, can't be used.
    #[error(transparent)]
    Folder {
        /// Why.
        #[from]
        source: FolderError,
    },
    /// The store can't be read or written.
    #[error(transparent)]
    Store {
        /// Why.
        #[from]
        source: StoreError,
    },
}

impl From<EngineError> for BackupError {
    fn from(source: EngineError) -> Self {
        Self::Store { source: source.into() }
    }
}

/// Where the chains of documents end.
type Ends = BTreeMap<(DocumentId, ChainId), u64>;

/// Who takes rows: their keys and values.
type Copy<'a> = dyn FnMut(&[u8], &[u8]) -> Result<(), BackupError> + 'a;

impl<E: Engine> Store<E> {
    /// Writes all that is in the store, and the key in the device's folder `home`, into a folder that is made for it.
    /// What it holds is what was in the store at one moment, whatever is written meanwhile.
    ///
    /// # Errors
    /// If there is something in that folder, it can't be written, or the store is damaged: what is damaged is named.
    pub fn back_up(&self, home: &Path, to: &Path) -> Result<BackedUp, BackupError> {
        let folder = Unfinished::beside(to)?;
        let device = folder.copy_key(&home.join("key"), KEY)?;
        let path = folder.path().join(ROWS);
        let failed = |action| io_error(action, &path);
        let file = create(&path).map_err(failed("create"))?;
        let mut archive = ArchiveWriter::begin(BufWriter::new(file)).map_err(failed("write"))?;
        self.copy_to(&mut |key, value| Ok(archive.put(key, value).map_err(failed("write"))?))?;
        let (file, rows, bytes) = archive.finish().map_err(failed("write"))?;
        file.get_ref().sync_all().map_err(failed("save"))?;
        folder.finish()?;
        Ok(BackedUp { device, rows, bytes })
    }

    fn copy_to(&self, copy: &mut Copy<'_>) -> Result<(), BackupError> {
        let ends = self.copy_what_changes(copy)?;
        self.copy_segments(&ends, copy)?;
        self.copy_snapshots(&ends, copy)
    }

    /// Copies all rows that are ever replaced, as they are at one moment: nothing is taken in meanwhile. Says where each
    /// chain ends then. Logs only grow, so they can be copied afterwards, up to there.
    fn copy_what_changes(&self, copy: &mut Copy<'_>) -> Result<Ends, BackupError> {
        let _unchanged = self.standing();
        for kind in CHANGING {
            for pair in self.sound_parts(&RowKey::all(kind)) {
                let (key, value) = pair?;
                copy(&key, &value)?;
            }
        }
        let mut ends = Ends::new();
        for found in row::scan(&self.engine, &RowKey::all(Kind::End)) {
            let (row, value) = found?;
            let record: ChainRecord = codec::decode(&value).map_err(Damage::of_format(&row))?;
            ends.insert((DocumentId(row.id(0)), ChainId(row.id(1))), record.tip.number);
        }
        Ok(ends)
    }

    fn copy_segments(&self, ends: &Ends, copy: &mut Copy<'_>) -> Result<(), BackupError> {
        for pair in self.sound_parts(&RowKey::all(Kind::Segment)) {
            let (key, value) = pair?;
            let Some((row, _)) = RowKey::split(&key) else { continue };
            let end = ends.get(&(DocumentId(row.id(0)), ChainId(row.id(1))));
            if end.is_some_and(|end| row.first() <= *end) {
                copy(&key, &value)?;
            }
        }
        Ok(())
    }

    /// Copies folded states, but for those that hold more by now than the copy's logs do.
    fn copy_snapshots(&self, ends: &Ends, copy: &mut Copy<'_>) -> Result<(), BackupError> {
        let documents: BTreeSet<_> = ends.keys().map(|(document, _)| *document).collect();
        for document in documents {
            let row = RowKey::snapshot(&document);
            let value = {
                let _unchanged = self.standing();
                row::get(&self.engine, &row)?
            };
            let Some(value) = value else { continue };
            let (frontier, _) =
                codec::decode_front::<Frontier>(&value).map_err(Damage::of_format(&row))?;
            let is_in = |(chain, point): (&ChainId, &Point)| {
                ends.get(&(document, *chain)).is_some_and(|end| point.number <= *end)
            };
            if frontier.iter().all(is_in) {
                let mut parts = Batch::default();
                row::put(&mut parts, &row, &value);
                for (key, value) in parts {
                    copy(&key, &value.unwrap_or_default())?;
                }
            }
        }
        Ok(())
    }

    /// The stored parts of rows, each checked against its sum.
    fn sound_parts(
        &self,
        range: &Range<Vec<u8>>,
    ) -> impl Iterator<Item = Result<Pair, StoreError>> + use<'_, E> {
        self.engine.scan(&range.start..&range.end).map(|pair| {
            let (key, value) = pair?;
            check(&key, &value)?;
            Ok((key, value))
        })
    }
}

/// Makes a device's folder from a backup: all that it had then. It is to take the place of the device that is gone, as
/// both would be the same to others. What peers still have of what it wrote since comes back when it meets them.
///
/// # Errors
/// If there is something in that folder, or the backup is not whole.
pub fn restore(backup: &Path, to: &Path) -> Result<BackedUp, BackupError> {
    let path = backup.join(ROWS);
    let file = match File::open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(BackupError::NotABackup { path: backup.to_owned() });
        }
        opened => opened.map_err(io_error("open", &path))?,
    };
    let bad = |source| BackupError::Bad { path: path.clone(), source };
    let bytes = file.metadata().map_err(io_error("read", &path))?.len();
    let mut archive = ArchiveReader::open(BufReader::new(file)).map_err(bad)?;

    let folder = Unfinished::beside(to)?;
    let engine = SledEngine::open(&folder.database())?;
    let (mut rows, mut batch, mut waiting) = (0, Batch::default(), 0);
    while let Some((key, value)) = archive.next().map_err(bad)? {
        check(&key, &value)?;
        (rows, waiting) = (rows + 1, waiting + key.len() + value.len());
        batch.put(key, value);
        if waiting >= BATCH_BYTES {
            engine.apply(std::mem::take(&mut batch))?;
            waiting = 0;
        }
    }
    engine.apply(batch)?;
    begin_anew(&engine)?;
    drop(engine);
    let device = folder.copy_key(&backup.join(KEY), "key")?;
    folder.finish()?;
    Ok(BackedUp { device, rows, bytes })
}

/// Sees to it that the store takes itself for what it is: one that others may know more of than it does itself.
fn begin_anew(engine: &SledEngine) -> Result<(), StoreError> {
    check_format(engine)?;
    if let Some(life) = LifeRow::read(engine)? {
        let mut batch = Batch::default();
        LifeRow { boot: None, place: None, closed: false, ..life }.put(&mut batch);
        engine.apply(batch)?;
    }
    engine.write()?;
    Ok(engine.save()?)
}

/// A folder under a name that says that it is not whole. It is removed if it is not [finished](Self::finish).
struct Unfinished {
    folder: Option<Folder>,
    name: PathBuf,
    to: PathBuf,
}

impl Unfinished {
    /// Begins a folder beside the one that it will be. What was begun and not finished before is removed.
    fn beside(to: &Path) -> Result<Self, BackupError> {
        let to = std::path::absolute(to).map_err(io_error("find", to))?;
        let empty = match fs::read_dir(&to) {
            Ok(mut entries) => entries.next().is_none(),
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        };
        if !empty {
            return Err(BackupError::NotEmpty { path: to });
        }
        let mut name = to.clone().into_os_string();
        name.push(".unfinished");
        let name = PathBuf::from(name);
        // Whoever is at it has it locked.
        let former = name.exists().then(|| Folder::lock(&name)).transpose()?;
        if former.is_some() {
            fs::remove_dir_all(&name).map_err(io_error("remove", &name))?;
        }
        let folder = Some(Folder::lock(&name)?);
        Ok(Self { folder, name, to })
    }

    fn path(&self) -> &Path {
        &self.name
    }

    fn database(&self) -> PathBuf {
        self.name.join("store")
    }

    /// Copies a key file as it is; says whose it is.
    fn copy_key(&self, from: &Path, name: &str) -> Result<DeviceId, BackupError> {
        let to = self.name.join(name);
        // What is wrong with it is found now, and not when it is needed.
        let Some(key) = KeyFile::look_at(from)? else {
            return Err(BackupError::NoKey { path: from.to_owned() });
        };
        let copied = File::open(from).and_then(|mut from| {
            let mut file = create(&to)?;
            io::copy(&mut from, &mut file)?;
            file.sync_all()
        });
        copied.map_err(io_error("write", &to))?;
        Ok(key.device)
    }

    /// It is whole: it gets its name.
    fn finish(mut self) -> Result<(), BackupError> {
        let parent = self.to.parent().unwrap_or(&self.to);
        let finished = save_folder(&self.name)
            .and_then(|()| fs::remove_file(self.name.join("lock")))
            .and_then(|()| fs::rename(&self.name, &self.to))
            .and_then(|()| save_folder(parent));
        finished.map_err(io_error("finish", &self.to))?;
        self.folder = None;
        Ok(())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if self.folder.take().is_some() {
            _ = fs::remove_dir_all(&self.name);
        }
    }
}

fn create(path: &Path) -> io::Result<File> {
    private(OpenOptions::new().write(true).create_new(true)).open(path)
}

fn check(key: &[u8], value: &[u8]) -> Result<(), StoreError> {
    match (row::check(key, value), RowKey::split(key)) {
        (Some(_), _) => Ok(()),
        (None, Some((row, _))) => Err(Damage::Changed.to(&row)),
        (None, None) => Err(Damage::Changed.to(&RowKey::raw(key))),
    }
}
