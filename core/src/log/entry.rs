//! What a device adds to a document's log.

use bincode::{BorrowDecode, Decode, Encode};

use super::frontier::Frontier;
use crate::codec::{self, CodecError};
use crate::id::Hash;

/// The largest payload of one entry, in bytes. A pasted picture fits; a film does not.
pub const MAX_ENTRY_BYTES: usize = 8 << 20;

/// The longest name of a guest, in bytes.
pub const MAX_GUEST_NAME_BYTES: usize = 128;

/// What an entry's payload is. Kinds that this version does not know are kept and passed on untouched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct EntryKind(pub u8);

impl EntryKind {
    /// A Yjs update, v1.
    pub const UPDATE: Self = Self(1);
    /// A [`RosterEntry`](crate::roster::RosterEntry); in the roster's log alone.
    pub const ROSTER: Self = Self(2);
    /// A [`Mend`](super::Mend): an update that undoes refused ones, and what it undoes.
    pub const MEND: Self = Self(3);
    /// A [`Call`](crate::command::Call): a command; in the ledger's log alone, like the next three.
    pub const CALL: Self = Self(4);
    /// The number of a command on the same chain that its author takes back.
    pub const CANCEL: Self = Self(5);
    /// A [`Decision`](crate::command::Decision).
    pub const DECISION: Self = Self(6);
    /// A [`TaskId`](crate::command::TaskId): what was to happen outside is done.
    pub const DONE: Self = Self(7);
    /// A [`Guest`]'s update: written by a stock Yjs client, and signed for it by whoever let it in.
    pub const GUEST: Self = Self(8);
    /// Nothing: it begins a bucket's ledger, so that whoever may read the bucket hears what it is called.
    pub const BEGUN: Self = Self(9);
}

/// One entry, borrowed from the bytes of its segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, BorrowDecode)]
pub struct Entry<'a> {
    /// What the payload is.
    pub kind: EntryKind,
    /// Milliseconds, as the author's clock told, since the entry before (or since the chain was opened).
    pub elapsed: u64,
    /// The update, command or other content itself.
    pub payload: &'a [u8],
}

impl Entry<'_> {
    /// The hash of a chain that ends in this entry, where `previous` was its hash before.
    ///
    /// The previous hash is the key of a keyed BLAKE3, so that a typical entry (under 64 bytes) costs a
    /// single compression.
    pub(super) fn hash_after(encoded: &[u8], previous: &Hash) -> Hash {
        Hash(*blake3::keyed_hash(&previous.0, encoded).as_bytes())
    }
}

impl<'a> Entry<'a> {
    /// The Yjs update that it brings to the document, v1, if it brings one.
    pub fn update(&self) -> Option<&'a [u8]> {
        match self.kind {
            EntryKind::UPDATE => Some(self.payload),
            EntryKind::MEND => Some(Mend::read(self.payload).ok()?.update),
            EntryKind::GUEST => Some(Guest::read(self.payload).ok()?.update),
            _ => None,
        }
    }
}

/// What a [mend](crate::document::mend) says: with its update, entries that did not count do no harm, and may travel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mend<'a> {
    /// Up to where chains are mended.
    pub refused: Frontier,
    /// The update that undoes what comes behind their cuts, v1.
    pub update: &'a [u8],
}

impl<'a> Mend<'a> {
    /// Reads the payload of an entry.
    ///
    /// # Errors
    /// If it does not begin with a frontier.
    pub fn read(payload: &'a [u8]) -> Result<Self, CodecError> {
        let (refused, used) = codec::decode_front(payload)?;
        Ok(Self { refused, update: &payload[used..] })
    }

    /// The payload of an entry.
    pub fn write(&self) -> Vec<u8> {
        let mut payload = codec::encode(&self.refused);
        payload.extend_from_slice(self.update);
        payload
    }
}

/// What somebody wrote with a stock Yjs client: they have no chain, so a member signs for them, and says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guest<'a> {
    /// Who wrote it, as the member who signs knows them.
    pub name: String,
    /// What they wrote, v1, under Yjs client ids of stock clients.
    pub update: &'a [u8],
}

impl<'a> Guest<'a> {
    /// Reads the payload of an entry.
    ///
    /// # Errors
    /// If it does not begin with a name.
    pub fn read(payload: &'a [u8]) -> Result<Self, CodecError> {
        let (name, used) = codec::decode_front(payload)?;
        Ok(Self { name, update: &payload[used..] })
    }

    /// The payload of an entry.
    pub fn write(&self) -> Vec<u8> {
        let mut payload = codec::encode(&self.name);
        payload.extend_from_slice(self.update);
        payload
    }

    /// Whether a guest can be called that: something printable that is not long.
    pub fn is_sound(name: &str) -> bool {
        let printable = !name.chars().any(char::is_control);
        (1..=MAX_GUEST_NAME_BYTES).contains(&name.len()) && printable
    }
}

/// The entries in a segment's body, in order, with their bytes as they were written.
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    rest: &'a [u8],
}

impl<'a> Entries<'a> {
    /// Reads the entries that `body` holds.
    pub fn of(body: &'a [u8]) -> Self {
        Self { rest: body }
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<(Entry<'a>, &'a [u8]), CodecError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        match codec::decode_front::<Entry<'a>>(self.rest) {
            Ok((entry, used)) => {
                let (encoded, rest) = self.rest.split_at(used);
                self.rest = rest;
                Some(Ok((entry, encoded)))
            }
            Err(error) => {
                self.rest = &[];
                Some(Err(error))
            }
        }
    }
}
