//! The device's key, in a file that only its owner can read.
//!
//! The file `key` (mode 600) is one line: either the seed, 64 hexadecimal digits, or the seed
//! [under a passphrase](sealed). Whoever can read the first is the device; the second also wants the passphrase.

mod sealed;

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER_PERMISSIVE;
use driftline_core::id::DeviceId;
use driftline_core::identity::DeviceKey;
use rand_core::Rng;
use zeroize::Zeroizing;

use super::{Folder, FolderError, Passphrase, io_error, private, save_folder};
use sealed::{Sealed, Unreadable};

/// More than either kind of line takes.
const MAX_FILE_BYTES: usize = 512;

/// What can be told of a key file without a passphrase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyFile {
    /// Whose key it is.
    pub device: DeviceId,
    /// Whether it takes a passphrase to use it.
    pub protected: bool,
}

/// A key as it is in the file.
enum Stored {
    Plain(DeviceKey),
    Sealed(Sealed),
}

impl Folder {
    /// The device's key: read from the file `key`, or, where there is none, drawn and saved there, protected if there
    /// is a passphrase. A key that is not protected opens with a passphrase too.
    ///
    /// # Errors
    /// If the file can be read by others, holds no key, wants another passphrase, or can't be read or written.
    pub fn key(
        &self,
        passphrase: Option<&Passphrase>,
        rng: &mut dyn Rng,
    ) -> Result<DeviceKey, FolderError> {
        if let Some(key) = self.held_key(passphrase)? {
            return Ok(key);
        }
        let key = DeviceKey::generate(rng);
        self.write(&key, passphrase, rng)?;
        Ok(key)
    }

    /// Puts the key under a new passphrase; `passphrase` is the one that it is under now, if it is under one. There is
    /// no way back without the new one.
    ///
    /// # Errors
    /// As [`key`](Self::key), and the key is as it was then.
    pub fn protect_key(
        &self,
        passphrase: Option<&Passphrase>,
        new: &Passphrase,
        rng: &mut dyn Rng,
    ) -> Result<DeviceId, FolderError> {
        let key = self.held_key(passphrase)?.unwrap_or_else(|| DeviceKey::generate(rng));
        self.write(&key, Some(new), rng)?;
        Ok(key.id())
    }

    /// Makes the key one that takes no passphrase.
    ///
    /// # Errors
    /// As [`key`](Self::key), and the key is as it was then.
    pub fn unprotect_key(
        &self,
        passphrase: &Passphrase,
        rng: &mut dyn Rng,
    ) -> Result<DeviceId, FolderError> {
        let key = self.key(Some(passphrase), rng)?;
        self.write(&key, None, rng)?;
        Ok(key.id())
    }

    fn held_key(&self, passphrase: Option<&Passphrase>) -> Result<Option<DeviceKey>, FolderError> {
        self.forget_unfinished()?;
        let path = key_path(&self.path);
        look(&path)?.map(|stored| stored.open(passphrase, &path)).transpose()
    }

    /// Under another name first: a key file is there whole, the old one or the new, whenever power fails.
    fn write(
        &self,
        key: &DeviceKey,
        passphrase: Option<&Passphrase>,
        rng: &mut dyn Rng,
    ) -> Result<(), FolderError> {
        let line = match passphrase {
            Some(passphrase) => Zeroizing::new(Sealed::new(key, passphrase, rng).write()),
            None => plain(key),
        };
        let (new, path) = (self.unfinished(), key_path(&self.path));
        let written = private(OpenOptions::new().write(true).create_new(true))
            .open(&new)
            .and_then(|mut file| file.write_all(line.as_bytes()).and_then(|()| file.sync_all()))
            .and_then(|()| std::fs::rename(&new, &path))
            .and_then(|()| save_folder(&self.path));
        written.map_err(io_error("write", &path))
    }

    /// A write that was cut short may have left a key there that is not protected.
    fn forget_unfinished(&self) -> Result<(), FolderError> {
        let path = self.unfinished();
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(io_error("remove", &path)(error))
            }
            _ => Ok(()),
        }
    }

    fn unfinished(&self) -> PathBuf {
        self.path.join("key.new")
    }
}

impl KeyFile {
    /// Looks at the key in a device's folder, whoever has the folder; nothing if there is none.
    ///
    /// # Errors
    /// If the file can be read by others, holds no key, or can't be read.
    pub fn look(folder: &Path) -> Result<Option<Self>, FolderError> {
        Self::look_at(&key_path(folder))
    }

    /// The same of a key file wherever it is.
    pub(crate) fn look_at(path: &Path) -> Result<Option<Self>, FolderError> {
        Ok(look(path)?.map(|stored| match stored {
            Stored::Plain(key) => Self { device: key.id(), protected: false },
            Stored::Sealed(sealed) => Self { device: sealed.device, protected: true },
        }))
    }
}

impl Stored {
    fn open(self, passphrase: Option<&Passphrase>, path: &Path) -> Result<DeviceKey, FolderError> {
        let path = path.to_owned();
        match (self, passphrase) {
            (Self::Plain(key), given) => {
                if given.is_some() {
                    tracing::warn!(
                        "a passphrase was given, but {} is not protected",
                        path.display()
                    );
                }
                Ok(key)
            }
            (Self::Sealed(_), None) => Err(FolderError::PassphraseNeeded { path }),
            (Self::Sealed(sealed), Some(passphrase)) => {
                sealed.open(passphrase).ok_or(FolderError::WrongPassphrase { path })
            }
        }
    }
}

fn key_path(folder: &Path) -> PathBuf {
    folder.join("key")
}

fn look(path: &Path) -> Result<Option<Stored>, FolderError> {
    match File::open(path) {
        Ok(file) => read(file, path).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io_error("open", path)(error)),
    }
}

fn read(file: File, path: &Path) -> Result<Stored, FolderError> {
    check_mode(&file, path)?;
    // The buffer never grows, so no copy of the secret is left behind.
    let mut text = Zeroizing::new(Vec::with_capacity(2 * MAX_FILE_BYTES));
    file.take(MAX_FILE_BYTES as u64).read_to_end(&mut text).map_err(io_error("read", path))?;
    let bad = || FolderError::BadKey { path: path.to_owned() };
    let line = std::str::from_utf8(&text).map_err(|_| bad())?;
    if line.starts_with(sealed::WORD) {
        return Sealed::read(line).map(Stored::Sealed).map_err(|unreadable| match unreadable {
            Unreadable::Damaged => bad(),
            Unreadable::Unknown => FolderError::UnknownKey { path: path.to_owned() },
        });
    }
    let mut seed = Zeroizing::new([0; 32]);
    let digits = line.trim_ascii().as_bytes();
    let decoded = digits.len() == 64
        && HEXLOWER_PERMISSIVE.decode_mut(digits, &mut *seed).is_ok_and(|bytes| bytes == 32);
    if decoded { Ok(Stored::Plain(DeviceKey::from_seed(&seed))) } else { Err(bad()) }
}

fn plain(key: &DeviceKey) -> Zeroizing<String> {
    // With room for the end of the line: a string that grows leaves a copy behind.
    let mut line = Zeroizing::new(String::with_capacity(65));
    HEXLOWER_PERMISSIVE.encode_append(&*key.seed(), &mut line);
    line.push('\n');
    line
}

#[cfg(unix)]
fn check_mode(file: &File, path: &Path) -> Result<(), FolderError> {
    use std::os::unix::fs::PermissionsExt;
    let mode = file.metadata().map_err(io_error("read", path))?.permissions().mode() & 0o777;
    match mode & 0o077 {
        0 => Ok(()),
        _ => Err(FolderError::KeyExposed { path: path.to_owned(), mode }),
    }
}

#[cfg(not(unix))]
fn check_mode(_: &File, _: &Path) -> Result<(), FolderError> {
    Ok(())
}
