//! Where a passphrase comes from: a file, the environment, or whoever sits at the terminal.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};

use console::Term;
use driftline::{BadPassphrase, KeyFile, Passphrase};
use thiserror::Error;

use super::error::Error;

const VARIABLE: &str = "DRIFTLINE_PASSPHRASE";

/// Far more than a passphrase takes.
const MAX_FILE_BYTES: u64 = 64 << 10;

/// Why there is no passphrase.
#[derive(Debug, Error)]
pub(super) enum SecretsError {
    #[error(
        "the key in {} is protected by a passphrase: set {VARIABLE} to it, or name a file that holds it with --passphrase-file",
        folder.display()
    )]
    NobodyToAsk { folder: PathBuf },
    #[error("there is no terminal to ask for the new passphrase: name a file with {flag}")]
    NobodyToChoose { flag: &'static str },
    #[error("can't read the passphrase from {from}")]
    Unreadable { from: String, source: io::Error },
    #[error("{from} holds no passphrase")]
    Bad { from: String, source: BadPassphrase },
    #[error("the two passphrases differ: nothing was changed")]
    Differ,
}

/// What was said on the command line of where the passphrase is.
pub(super) struct Secrets {
    file: Option<PathBuf>,
}

impl Secrets {
    pub(super) fn new(file: Option<PathBuf>) -> Self {
        Self { file }
    }

    /// What opens the key in a folder. Nobody is asked but for a key that is protected.
    pub(super) fn to_open(&self, folder: &Path) -> Result<Option<Passphrase>, Error> {
        let key = KeyFile::look(folder).map_err(|source| Error::Key { source })?;
        let given = self.given()?;
        if given.is_some() || !key.is_some_and(|key| key.protected) {
            return Ok(given);
        }
        if !somebody_is_there() {
            return Err(SecretsError::NobodyToAsk { folder: folder.to_owned() }.into());
        }
        Ok(Some(ask(&format!("passphrase for {}: ", folder.display()))?))
    }

    /// The passphrase for a key that has none yet.
    pub(super) fn first(&self, file: Option<&Path>) -> Result<Passphrase, Error> {
        let given = if file.is_some() { None } else { self.given()? };
        given.map_or_else(|| Self::next(file, "--passphrase-file"), Ok)
    }

    /// A passphrase in place of the one that a key has.
    pub(super) fn another(file: Option<&Path>) -> Result<Passphrase, Error> {
        Self::next(file, "--new-passphrase-file")
    }

    fn next(file: Option<&Path>, flag: &'static str) -> Result<Passphrase, Error> {
        match file {
            Some(file) => Ok(read(file)?),
            None if somebody_is_there() => Ok(ask_twice()?),
            None => Err(SecretsError::NobodyToChoose { flag }.into()),
        }
    }

    /// What the file holds, or else the environment.
    fn given(&self) -> Result<Option<Passphrase>, SecretsError> {
        if let Some(file) = &self.file {
            return read(file).map(Some);
        }
        let said = std::env::var_os(VARIABLE).filter(|said| !said.is_empty());
        let text = said.map(OsString::into_string).transpose().map_err(|_| not_text(VARIABLE))?;
        text.map(|text| sound(VARIABLE, text)).transpose()
    }
}

/// The first line of a file.
fn read(file: &Path) -> Result<Passphrase, SecretsError> {
    let from = file.display().to_string();
    let mut text = String::new();
    std::fs::File::open(file)
        .and_then(|opened| opened.take(MAX_FILE_BYTES).read_to_string(&mut text))
        .map_err(|source| SecretsError::Unreadable { from: from.clone(), source })?;
    sound(&from, text.lines().next().unwrap_or_default())
}

fn ask_twice() -> Result<Passphrase, SecretsError> {
    let once = ask("new passphrase: ")?;
    let twice = ask("the same once more: ")?;
    if once.is(&twice) { Ok(once) } else { Err(SecretsError::Differ) }
}

/// Asks at the terminal, which does not show what is typed.
fn ask(question: &str) -> Result<Passphrase, SecretsError> {
    let (from, screen) = ("the terminal", Term::stderr());
    let typed = screen.write_str(question).and_then(|()| screen.read_secure_line());
    let typed =
        typed.map_err(|source| SecretsError::Unreadable { from: from.to_owned(), source })?;
    sound(from, typed)
}

fn somebody_is_there() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

fn sound(from: &str, text: impl Into<String>) -> Result<Passphrase, SecretsError> {
    Passphrase::new(text).map_err(|source| SecretsError::Bad { from: from.to_owned(), source })
}

fn not_text(from: &str) -> SecretsError {
    let source = io::Error::new(io::ErrorKind::InvalidData, "it is not text in UTF-8");
    SecretsError::Unreadable { from: from.to_owned(), source }
}
