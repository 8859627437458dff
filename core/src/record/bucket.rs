//! Who reads which records.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Serialize, Serializer};
use thiserror::Error;

use crate::id::{DeviceId, DocumentId};

/// The longest name of a bucket, in bytes.
const MAX_NAME_BYTES: usize = 64;

/// What a device's own bucket begins with.
const OWN: char = '@';

/// A part of a space's records: whoever reads one of its records reads them all. Which bucket a record is in, it says
/// itself; who reads a bucket, admins say by granting it to members. Anchors and admins read all.
///
/// The common bucket, which has no name, is every member's, and what records are in that say nothing. Each device also
/// has a bucket of its own, that needs no grant.
///
/// ```
/// use driftline_core::record::Bucket;
///
/// assert!(Bucket::from("desk/berlin").is_sound());
/// assert!(Bucket::default().is_common());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bucket(Arc<str>);

/// A bucket, with the document in which its commands and decisions stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    /// The bucket.
    pub bucket: Bucket,
    /// Its ledger.
    pub ledger: DocumentId,
}

/// The name can't be a bucket's.
#[derive(Debug, Error, PartialEq, Eq)]
#[error(
    "“{name}” can't be a bucket: use up to {MAX_NAME_BYTES} bytes without control characters, and no “{OWN}” in front"
)]
pub struct BadBucket {
    /// What was read.
    pub name: String,
}

impl Bucket {
    /// The bucket that is a device's own.
    pub fn of(device: &DeviceId) -> Self {
        Self(format!("{OWN}{device}").into())
    }

    /// Its name, which is empty for the common one.
    pub fn name(&self) -> &str {
        &self.0
    }

    /// Whether all members read it.
    pub fn is_common(&self) -> bool {
        self.0.is_empty()
    }

    /// Whose own it is, if it is a device's.
    pub fn owner(&self) -> Option<DeviceId> {
        self.0.strip_prefix(OWN)?.parse().ok()
    }

    /// Whether a bucket can be called that.
    pub fn is_sound(&self) -> bool {
        let plain = self.0.len() <= MAX_NAME_BYTES && !self.0.chars().any(char::is_control);
        plain && (!self.0.starts_with(OWN) || self.owner().is_some())
    }
}

/// The common bucket.
impl Default for Bucket {
    fn default() -> Self {
        Self("".into())
    }
}

/// The bucket of that name. Where it can't be one, whatever was to be put into it [fails](crate::command::Failure).
impl From<&str> for Bucket {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

impl FromStr for Bucket {
    type Err = BadBucket;

    fn from_str(name: &str) -> Result<Self, BadBucket> {
        let bucket = Self::from(name);
        match bucket.is_sound() && !bucket.is_common() && bucket.owner().is_none() {
            true => Ok(bucket),
            false => Err(BadBucket { name: name.to_owned() }),
        }
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Bucket {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}
