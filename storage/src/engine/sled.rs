//! sled 0.34.7, made durable.

use std::fs::{File, OpenOptions, TryLockError};
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use super::{Batch, Engine, EngineError, Pairs, Place};

/// How much of the database sled keeps in memory, in bytes.
const CACHE_BYTES: u64 = 32 << 20;

/// The largest value that is taken.
///
/// sled writes a node that is larger than a quarter of its 512 KiB segments into a file of its own under
/// `blobs`. It syncs neither that file nor the folder, and when the node is rewritten it unlinks the file
/// without waiting for the rewrite to be on disk. A leaf splits beyond 16 values, and two that merge hold
/// few more, so with values of this size no node comes near the limit, and no such file is ever made.
const MAX_VALUE_BYTES: usize = 5 << 10;

/// How often, and after which pauses, an open database is tried before it counts as in use.
const LOCK_TRIES: u32 = 1_000;
const LOCK_PAUSE: Duration = Duration::from_millis(5);

/// A sled database in a folder of its own.
///
/// sled's `flush` hands everything to the operating system but ends in `sync_file_range`, which is no
/// barrier: it neither commits the file's size nor empties the drive's cache. So writing is `flush`, and
/// saving is `fdatasync` on sled's `db` file.
#[derive(Debug)]
pub struct SledEngine {
    database: ::sled::Db,
    file: File,
}

impl SledEngine {
    /// Opens the database in `folder`, or creates it.
    ///
    /// # Errors
    /// If the folder can't be used, the database is damaged, or another process has it open.
    pub fn open(folder: &Path) -> Result<Self, EngineError> {
        let io = |action| move |source| EngineError::Io { action, source };
        await_former(&folder.join("db")).map_err(io("lock the database file"))?;
        let database = ::sled::Config::new()
            .path(folder)
            .cache_capacity(CACHE_BYTES)
            .flush_every_ms(None)
            .open()?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(folder.join("db"))
            .map_err(io("open the database file"))?;
        let engine = Self { database, file };
        engine.write()?;
        engine.save()?;
        save_names(folder).map_err(io("save the database folder"))?;
        Ok(engine)
    }
}

impl Engine for SledEngine {
    fn apply(&self, batch: Batch) -> Result<(), EngineError> {
        let mut changes = ::sled::Batch::default();
        for (key, value) in batch {
            match value {
                Some(value) if value.len() > MAX_VALUE_BYTES => {
                    return Err(EngineError::Oversized { bytes: value.len() });
                }
                Some(value) => changes.insert(key, value),
                None => changes.remove(key),
            }
        }
        Ok(self.database.apply_batch(changes)?)
    }

    fn write(&self) -> Result<(), EngineError> {
        self.database.flush()?;
        Ok(())
    }

    fn save(&self) -> Result<(), EngineError> {
        self.file
            .sync_data()
            .map_err(|source| EngineError::Io { action: "save the database file", source })
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        Ok(self.database.get(key)?.map(|value| value.to_vec()))
    }

    fn scan(&self, range: Range<&[u8]>) -> Pairs<'_> {
        let pairs = self.database.range(range).map(|pair| {
            let (key, value) = pair?;
            Ok((key.to_vec(), value.to_vec()))
        });
        Box::new(pairs)
    }

    #[cfg(unix)]
    fn free_bytes(&self) -> Option<u64> {
        let disk = rustix::fs::fstatvfs(&self.file).ok()?;
        Some(disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    /// That of the `db` file: sled makes it once, and writes into it ever after.
    fn place(&self) -> Result<Option<Place>, EngineError> {
        let metadata = self.file.metadata();
        let metadata = metadata
            .map_err(|source| EngineError::Io { action: "look at the database file", source })?;
        Ok(Place::of(&metadata))
    }
}

/// Waits for a database that this process had open and has just closed: sled frees its lock on a thread of
/// its own, a little after its last handle is gone. What keeps others out is the lock of the folder.
fn await_former(file: &Path) -> std::io::Result<()> {
    let Ok(file) = File::open(file) else { return Ok(()) };
    for _ in 0..LOCK_TRIES {
        match file.try_lock() {
            Ok(()) => return file.unlock(),
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Err(std::io::ErrorKind::WouldBlock.into())
}

/// Saves what sled wrote once, and the names of its files: sled syncs none of these.
fn save_names(folder: &Path) -> std::io::Result<()> {
    File::open(folder.join("conf"))?.sync_all()?;
    crate::folder::save_folder(folder)?;
    match folder.parent() {
        Some(parent) => crate::folder::save_folder(parent),
        None => Ok(()),
    }
}
