//! What protects a key at rest.

use std::fmt;

use thiserror::Error;
use zeroize::Zeroizing;

/// The longest passphrase, in bytes.
const MAX_PASSPHRASE_BYTES: usize = 1024;

/// A passphrase, as it was typed. It is wiped when it is let go, and never prints itself.
#[derive(Clone)]
pub struct Passphrase(Zeroizing<String>);

/// Why a text can't be a passphrase.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum BadPassphrase {
    /// Nothing was typed.
    #[error("a passphrase can't be empty")]
    Empty,
    /// It is longer than anybody types.
    #[error("a passphrase has at most {MAX_PASSPHRASE_BYTES} bytes")]
    TooLong,
}

impl Passphrase {
    /// Takes a passphrase over.
    ///
    /// # Errors
    /// If it is empty, or longer than 1,024 bytes.
    pub fn new(text: impl Into<String>) -> Result<Self, BadPassphrase> {
        let text = Zeroizing::new(text.into());
        match text.len() {
            0 => Err(BadPassphrase::Empty),
            1..=MAX_PASSPHRASE_BYTES => Ok(Self(text)),
            _ => Err(BadPassphrase::TooLong),
        }
    }

    /// Whether two are the same, as when one is typed twice.
    pub fn is(&self, other: &Self) -> bool {
        self.0 == other.0
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(…)")
    }
}
