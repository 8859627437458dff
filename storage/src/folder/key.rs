//! The device's key, in a file that only its owner can read.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

use data_encoding::HEXLOWER_PERMISSIVE;
use driftline_core::identity::DeviceKey;
use zeroize::Zeroizing;

use super::{Folder, FolderError, io_error, private, save_folder};

/// Two digits a byte, and the end of the line.
const KEY_FILE_BYTES: usize = 65;

impl Folder {
    /// The device's key: read from the file `key` (64 hexadecimal digits, mode 600), or, where there is
    /// none, made by `generate` and saved there.
    ///
    /// # Errors
    /// If the file can be read by others, holds no key, or can't be read or written.
    pub fn key(&self, generate: impl FnOnce() -> DeviceKey) -> Result<DeviceKey, FolderError> {
        let path = self.path.join("key");
        match File::open(&path) {
            Ok(file) => read(file, &path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key = generate();
                self.write(&key, &path).map_err(io_error("write", &path))?;
                Ok(key)
            }
            Err(error) => Err(io_error("open", &path)(error)),
        }
    }

    fn write(&self, key: &DeviceKey, path: &Path) -> io::Result<()> {
        let text = Zeroizing::new(HEXLOWER_PERMISSIVE.encode(&*key.seed()));
        // Under another name first: a key file is there whole or not at all.
        let new = self.path.join("key.new");
        let mut file =
            private(OpenOptions::new().write(true).create(true).truncate(true)).open(&new)?;
        file.write_all(text.as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        std::fs::rename(&new, path)?;
        save_folder(&self.path)
    }
}

/// The key that a device's folder holds, whoever has the folder.
///
/// # Errors
/// If there is none, the file can be read by others, holds no key, or can't be read.
pub fn stored_key(folder: &Path) -> Result<DeviceKey, FolderError> {
    let path = folder.join("key");
    read(File::open(&path).map_err(io_error("open", &path))?, &path)
}

fn read(file: File, path: &Path) -> Result<DeviceKey, FolderError> {
    check_mode(&file, path)?;
    // The buffer never grows, so no copy of the secret is left behind.
    let mut text = Zeroizing::new(Vec::with_capacity(2 * KEY_FILE_BYTES));
    file.take(KEY_FILE_BYTES as u64 + 1).read_to_end(&mut text).map_err(io_error("read", path))?;
    let mut seed = Zeroizing::new([0; 32]);
    let digits = text.trim_ascii();
    let decoded = digits.len() == 64
        && HEXLOWER_PERMISSIVE.decode_mut(digits, &mut *seed).is_ok_and(|bytes| bytes == 32);
    match decoded {
        true => Ok(DeviceKey::from_seed(&seed)),
        false => Err(FolderError::BadKey { path: path.to_owned() }),
    }
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
