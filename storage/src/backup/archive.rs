//! The file that a backup's rows are in.
//!
//! It begins with [`BEGINNING`]. Each row follows as the length of its key and of its value (4 bytes each,
//! big-endian), its key and its value, as they are in the database. At the end stand a length of 0xffffffff, the number
//! of rows (8 bytes) and a hash over the whole chain of rows, so that a file that was cut short or changed is no backup.

use std::io::{self, Read, Write};

use driftline_core::id::Hash;
use thiserror::Error;

use crate::engine::Pair;
use crate::row::PART_BYTES;

const BEGINNING: &[u8; 20] = b"driftline backup 1\r\n";
const PURPOSE: &str = "driftline backup 1";
const END: u32 = u32::MAX;

/// More than any row's key or value has.
const MAX_KEY_BYTES: u32 = 64 << 10;
const MAX_VALUE_BYTES: u32 = PART_BYTES as u32 + 64;

/// Why a file is not what was written.
#[derive(Debug, Error)]
pub enum BadArchive {
    /// It is another kind of file.
    #[error("it is no backup")]
    Unknown,
    /// It ends before it is at its end.
    #[error("its end is missing")]
    Cut,
    /// Its bytes are not those that were written.
    #[error("its bytes have changed")]
    Changed,
    /// The system refused to read it.
    #[error("it can't be read")]
    Io {
        /// What the system said.
        source: io::Error,
    },
}

/// Writes rows, one after another.
pub(super) struct ArchiveWriter<W> {
    to: W,
    hash: Hash,
    rows: u64,
    bytes: u64,
}

impl<W: Write> ArchiveWriter<W> {
    pub(super) fn begin(mut to: W) -> io::Result<Self> {
        to.write_all(BEGINNING)?;
        Ok(Self { to, hash: beginning(), rows: 0, bytes: BEGINNING.len() as u64 })
    }

    pub(super) fn put(&mut self, key: &[u8], value: &[u8]) -> io::Result<()> {
        let lengths = lengths(key.len(), value.len());
        for part in [&lengths[..], key, value] {
            self.to.write_all(part)?;
            self.bytes += part.len() as u64;
        }
        self.hash = follow(&self.hash, &lengths, key, value);
        self.rows += 1;
        Ok(())
    }

    /// Writes the end; gives the file back, with how many rows and bytes there are in it.
    pub(super) fn finish(mut self) -> io::Result<(W, u64, u64)> {
        let end = [&END.to_be_bytes()[..], &self.rows.to_be_bytes(), &self.hash.0].concat();
        self.to.write_all(&end)?;
        self.to.flush()?;
        Ok((self.to, self.rows, self.bytes + end.len() as u64))
    }
}

/// Reads rows back, one after another.
pub(super) struct ArchiveReader<R> {
    from: R,
    hash: Hash,
    rows: u64,
}

impl<R: Read> ArchiveReader<R> {
    pub(super) fn open(mut from: R) -> Result<Self, BadArchive> {
        let mut start = [0; BEGINNING.len()];
        match from.read_exact(&mut start) {
            Ok(()) if start == *BEGINNING => {}
            Err(source) if source.kind() != io::ErrorKind::UnexpectedEof => {
                return Err(BadArchive::Io { source });
            }
            _ => return Err(BadArchive::Unknown),
        }
        Ok(Self { from, hash: beginning(), rows: 0 })
    }

    /// The next row; nothing at the end, which says that all rows before it are those that were written.
    pub(super) fn next(&mut self) -> Result<Option<Pair>, BadArchive> {
        let key = u32::from_be_bytes(self.array()?);
        if key == END {
            return self.check_end().map(|()| None);
        }
        let value = u32::from_be_bytes(self.array()?);
        if key > MAX_KEY_BYTES || value > MAX_VALUE_BYTES {
            return Err(BadArchive::Changed);
        }
        let (key, value) = (self.bytes(key)?, self.bytes(value)?);
        self.hash = follow(&self.hash, &lengths(key.len(), value.len()), &key, &value);
        self.rows += 1;
        Ok(Some((key, value)))
    }

    fn check_end(&mut self) -> Result<(), BadArchive> {
        let (rows, hash) = (u64::from_be_bytes(self.array()?), Hash(self.array()?));
        match (rows, hash) == (self.rows, self.hash) {
            true => Ok(()),
            false => Err(BadArchive::Changed),
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], BadArchive> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn bytes(&mut self, length: u32) -> Result<Vec<u8>, BadArchive> {
        let mut bytes = vec![0; length as usize];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), BadArchive> {
        self.from.read_exact(bytes).map_err(|source| match source.kind() {
            io::ErrorKind::UnexpectedEof => BadArchive::Cut,
            _ => BadArchive::Io { source },
        })
    }
}

fn beginning() -> Hash {
    Hash::of(PURPOSE, &[])
}

fn lengths(key: usize, value: usize) -> [u8; 8] {
    let mut lengths = [0; 8];
    lengths[..4].copy_from_slice(&(key as u32).to_be_bytes());
    lengths[4..].copy_from_slice(&(value as u32).to_be_bytes());
    lengths
}

fn follow(hash: &Hash, lengths: &[u8], key: &[u8], value: &[u8]) -> Hash {
    Hash::of(PURPOSE, &[&hash.0, lengths, key, value])
}
