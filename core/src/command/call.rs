//! A command on its way: what was asked for, and what its author had seen.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use bincode::{Decode, Encode};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use crate::id::{ChainId, DeviceId, DocumentId};
use crate::record::{Home, Stamp, Value};

/// The largest command, in bytes.
pub const MAX_CALL_BYTES: usize = 256 << 10;

/// The longest name of a command, in bytes.
const MAX_NAME_BYTES: usize = 64;

/// Of how many others' undecided commands an author says that it had seen them.
const MAX_PENDING: usize = 1024;

/// Of how many buckets an author says how much of them it had seen.
const MAX_ELSEWHERE: usize = 1024;

/// Names a command for ever: its place in a ledger's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct CommandId {
    /// The author's chain.
    pub chain: ChainId,
    /// The entry's number on it.
    pub number: u64,
}

/// A command as its author gave it: the payload of its entry.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Call {
    /// What it is called.
    pub name: String,
    /// The version of its fields.
    pub version: u32,
    /// Its fields.
    pub fields: Value,
    /// What its author had seen.
    pub seen: Seen,
    /// What the same device gave before, if that stands in another ledger and was not decided: this comes after it.
    pub after: Option<(DocumentId, CommandId)>,
    /// A clock that never goes back behind what the author had seen: where nobody decides, commands run in its order.
    pub clock: u64,
}

/// What the author of a command had seen when it was given. A member may claim to have seen more than it did: then what
/// it writes over was written over with open eyes, and nothing worse.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Seen {
    /// Of the decisions in the common ledger, the place of the last among all.
    pub decided: u64,
    /// The same of those in other ledgers.
    pub elsewhere: BTreeMap<DocumentId, u64>,
    /// And of commands that were not decided by then, the last on each chain.
    pub pending: BTreeMap<ChainId, u64>,
}

impl Call {
    /// Whether it is one that an honest device would have made.
    pub(crate) fn is_sound(&self) -> bool {
        let named = (1..=MAX_NAME_BYTES).contains(&self.name.len());
        let seen =
            self.seen.pending.len() <= MAX_PENDING && self.seen.elsewhere.len() <= MAX_ELSEWHERE;
        named && self.version > 0 && seen
    }
}

impl Seen {
    /// Whether the author, who is `author`, had seen what bears this stamp, in a ledger of which they had seen as much as
    /// `decided`. What they wrote themselves, they have.
    pub fn covers(&self, author: &DeviceId, stamp: &Stamp, decided: u64) -> bool {
        let pending = || self.pending.get(&stamp.command.chain);
        stamp.author == *author
            || stamp.order.is_some_and(|order| order <= decided)
            || pending().is_some_and(|number| stamp.command.number <= *number)
    }

    /// The last decision that was seen in a bucket's ledger.
    pub fn decided_in(&self, home: &Home) -> u64 {
        match home.bucket.is_common() {
            true => self.decided,
            false => self.elsewhere.get(&home.ledger).copied().unwrap_or_default(),
        }
    }

    /// The last decision that was seen anywhere.
    pub(super) fn latest(&self) -> u64 {
        self.elsewhere.values().copied().fold(self.decided, u64::max)
    }

    /// Notes that decisions of a ledger were seen, up to that one.
    pub(super) fn note_decided(&mut self, home: &Home, order: u64) {
        if home.bucket.is_common() {
            self.decided = order;
        } else if self.elsewhere.len() < MAX_ELSEWHERE {
            self.elsewhere.insert(home.ledger, order);
        }
    }

    /// Notes that a command was seen which is not decided.
    pub(super) fn note(&mut self, command: CommandId) {
        if self.pending.len() < MAX_PENDING {
            let last = self.pending.entry(command.chain).or_default();
            *last = command.number.max(*last);
        }
    }
}

/// The text names no command.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("“{text}” names no command: expected what `submit` or `outbox` printed")]
pub struct ParseCommandIdError {
    /// What was read.
    pub text: String,
}

impl fmt::Display for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.chain, self.number)
    }
}

impl FromStr for CommandId {
    type Err = ParseCommandIdError;

    fn from_str(text: &str) -> Result<Self, ParseCommandIdError> {
        let parse = || {
            let (chain, number) = text.split_once('-')?;
            Some(Self { chain: chain.parse().ok()?, number: number.parse().ok()? })
        };
        parse().ok_or_else(|| ParseCommandIdError { text: text.to_owned() })
    }
}

impl<'de> Deserialize<'de> for CommandId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl Serialize for CommandId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
