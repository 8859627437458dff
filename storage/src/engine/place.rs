//! What tells a database from a copy of it.

use std::fs::Metadata;
use std::time::UNIX_EPOCH;

/// A file's name for itself: it is kept when the file is written, moved or renamed, and a copy has another.
///
/// Neither half would do. A file system gives the number of a deleted file to the next one, and some don't say when a
/// file was born. The number of the drive is left out: it may change whenever the machine starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub(crate) inode: Option<u64>,
    /// In nanoseconds since 1970.
    pub(crate) born: Option<u64>,
}

impl Place {
    /// The place of a file; nothing where the system tells files apart by their names alone.
    pub(super) fn of(file: &Metadata) -> Option<Self> {
        let born = file.created().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        let (inode, born) = (inode(file), born.map(|since| since.as_nanos() as u64));
        (inode.is_some() || born.is_some()).then_some(Self { inode, born })
    }
}

#[cfg(unix)]
fn inode(file: &Metadata) -> Option<u64> {
    Some(std::os::unix::fs::MetadataExt::ino(file))
}

#[cfg(not(unix))]
fn inode(_: &Metadata) -> Option<u64> {
    None
}
