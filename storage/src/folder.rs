//! A device's folder: locked for one process, readable by its owner alone.

mod key;
mod passphrase;

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use thiserror::Error;

pub use key::KeyFile;
pub use passphrase::{BadPassphrase, Passphrase};

/// Why a folder can't be used.
#[derive(Debug, Error)]
pub enum FolderError {
    /// Another process has it.
    #[error("{} is in use by {}", path.display(), user(*process))]
    InUse {
        /// The folder.
        path: PathBuf,
        /// The other process, if it has said who it is.
        process: Option<u32>,
    },
    /// The key file can be read by others than its owner.
    #[error("{} can be read by others (mode {mode:o}): run chmod 600 on it", path.display())]
    KeyExposed {
        /// The key file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The key file does not hold a key.
    #[error("{} does not hold a key, or is damaged: put it back from a copy", path.display())]
    BadKey {
        /// The key file.
        path: PathBuf,
    },
    /// The key file is of a later version.
    #[error("{} is protected in a way that this version does not know", path.display())]
    UnknownKey {
        /// The key file.
        path: PathBuf,
    },
    /// The key is protected by a passphrase, and none was given.
    #[error("{} is protected by a passphrase: give it to open the device", path.display())]
    PassphraseNeeded {
        /// The key file.
        path: PathBuf,
    },
    /// The key is protected by another passphrase.
    #[error("wrong passphrase: it does not open {}", path.display())]
    WrongPassphrase {
        /// The key file.
        path: PathBuf,
    },
    /// The system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was being done, in words that follow "cannot".
        action: &'static str,
        /// What it was done to.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// A device's folder, while this process has it. Dropping it, or the end of the process, frees it.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Takes the folder for this process, and creates it, closed to others, if it is not there.
    ///
    /// # Errors
    /// [`FolderError::InUse`] if another process, or this one, has it.
    pub fn lock(path: &Path) -> Result<Self, FolderError> {
        create(path).map_err(io_error("create", path))?;
        let file = path.join("lock");
        let mut lock = private(OpenOptions::new().read(true).write(true).create(true))
            .truncate(false)
            .open(&file)
            .map_err(io_error("open", &file))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let process = holder(&mut lock);
                return Err(FolderError::InUse { path: path.to_owned(), process });
            }
            Err(TryLockError::Error(source)) => return Err(io_error("lock", &file)(source)),
        }
        sign(&mut lock).map_err(io_error("write", &file))?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the database belongs: a folder in this one.
    pub fn database(&self) -> PathBuf {
        self.path.join("store")
    }
}

/// Makes the names in a folder survive a loss of power.
pub(crate) fn save_folder(path: &Path) -> io::Result<()> {
    // A relative path of one part has the empty path as its parent, and that is the current folder.
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    // Only on Unix can a folder be opened and synced; elsewhere the file system keeps its own journal.
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}

/// Options for files that nobody but their owner may read.
pub(crate) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

fn create(path: &Path) -> io::Result<()> {
    let missing: Vec<_> = path.ancestors().take_while(|folder| !is_there(folder)).collect();
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)?;
    missing.iter().filter_map(|folder| folder.parent()).try_for_each(save_folder)
}

fn is_there(folder: &Path) -> bool {
    folder.as_os_str().is_empty() || folder.exists()
}

/// Leaves this process's number for those who find the folder in use.
fn sign(lock: &mut File) -> io::Result<()> {
    lock.set_len(0)?;
    lock.rewind()?;
    lock.write_all(format!("{}\n", std::process::id()).as_bytes())
}

fn holder(lock: &mut File) -> Option<u32> {
    let mut text = String::new();
    lock.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn user(process: Option<u32>) -> String {
    process.map_or_else(|| "another process".to_owned(), |id| format!("process {id}"))
}

pub(crate) fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FolderError {
    move |source| FolderError::Io { action, path: path.to_owned(), source }
}
