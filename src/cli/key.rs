//! `key`: the file that makes a folder this device.

use std::path::Path;

use driftline::{Folder, FolderError, KeyFile};

use super::arguments::KeyCommand;
use super::error::Error;
use super::report::Report;
use super::screen::Screen;
use super::secrets::Secrets;

/// Carries out a command about the key in a folder, which nobody may have meanwhile.
pub(super) fn perform(
    folder: &Path,
    command: &KeyCommand,
    secrets: &Secrets,
    screen: &mut Screen,
) -> Result<(), Error> {
    let broken = |source| match source {
        source @ FolderError::InUse { .. } => Error::KeyInUse { source },
        source => Error::Key { source },
    };
    let look = || match KeyFile::look(folder).map_err(broken)? {
        Some(key) => Ok(key),
        None => Err(Error::NoDevice { folder: folder.to_owned() }),
    };
    let KeyFile { protected, .. } = look()?;
    match command {
        KeyCommand::Show => {}
        KeyCommand::Protect { new_passphrase_file } => {
            let (old, new) = if protected {
                let old = secrets.to_open(folder)?;
                (old, Secrets::another(new_passphrase_file.as_deref())?)
            } else {
                (None, secrets.first(new_passphrase_file.as_deref())?)
            };
            let folder = Folder::lock(folder).map_err(broken)?;
            folder.protect_key(old.as_ref(), &new, &mut rand::rng()).map_err(broken)?;
        }
        KeyCommand::Unprotect => {
            if let Some(passphrase) = secrets.to_open(folder)?.filter(|_| protected) {
                let folder = Folder::lock(folder).map_err(broken)?;
                folder.unprotect_key(&passphrase, &mut rand::rng()).map_err(broken)?;
            }
        }
    }
    let KeyFile { device, protected } = look()?;
    screen.report(&Report::Key { device, file: folder.join("key"), protected })
}
