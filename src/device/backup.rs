//! Backups of a device, and what becomes of them.

use std::path::{Path, PathBuf};

use driftline_storage::{BackedUp, BackupError};
use tokio::task::spawn_blocking;

use crate::device::Device;
use crate::engine::EngineGone;

/// Why there is no backup, or nothing is restored from one.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// It can't be made, or read.
    #[error(transparent)]
    Backup {
        /// Why.
        #[from]
        source: BackupError,
    },
    /// The device is closed.
    #[error(transparent)]
    Gone {
        /// The engine's end.
        #[from]
        source: EngineGone,
    },
}

impl Device {
    /// Writes all that the device has, its key too, into a new folder: what was there at one moment, while edits and
    /// all else go on. Whoever gets hold of it can be this device, unless its key is under a passphrase.
    ///
    /// # Errors
    /// If there is something in that folder, it can't be written, or the store is damaged.
    pub async fn backup(&self, to: impl AsRef<Path>) -> Result<BackedUp, CopyError> {
        let (home, to) = (self.folder().to_owned(), to.as_ref().to_owned());
        Ok(self.look(move |store| store.back_up(&home, &to)).await??)
    }

    /// Makes a device's folder from a [backup](Self::backup), to be [opened](Self::open) in place of the device that is
    /// gone: there must be only one of them.
    ///
    /// What it wrote after the backup was made, and peers have, comes back when it meets them. It writes on chains of
    /// its own from then on, beside the old ones. Commands that it had asked for keep their names and places, so that
    /// whoever knows what became of one says so, and none is carried out twice.
    ///
    /// # Errors
    /// If there is something in the folder, or the backup is not whole.
    pub async fn restore(
        backup: impl AsRef<Path>,
        folder: impl AsRef<Path>,
    ) -> Result<BackedUp, CopyError> {
        let paths = [backup.as_ref(), folder.as_ref()].map(Path::to_owned);
        let restored = spawn_blocking(move || {
            let [backup, folder]: [PathBuf; 2] = paths;
            driftline_storage::restore(&backup, &folder)
        });
        Ok(restored.await.map_err(|_| EngineGone)??)
    }
}
