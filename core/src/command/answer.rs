//! What this device's app is told: of what it waits for, and of what became of it.

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::{CommandId, Revision, Verdict};
use crate::clock::WallTime;
use crate::id::DeviceId;
use crate::record::{Bucket, Value};

/// What this device's app is to hear of one of its commands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// The command.
    pub command: CommandId,
    /// What it is called.
    pub name: String,
    /// With a verdict, the fields as they were given: what the app can give anew, if the verdict is [`Obsolete`].
    ///
    /// [`Obsolete`]: Verdict::Obsolete
    pub fields: Option<Value>,
    /// When it was decided, by the anchor's clock; nothing if it was revoked and is not decided.
    pub at: Option<WallTime>,
    /// What became of it.
    #[serde(flatten)]
    pub news: News,
}

/// What became of a command, or changed about that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// The verdict.
    Verdict(Verdict),
    /// A later change.
    Revision(Revision),
    /// What was heard before does not count: whoever decided it was not, or not any more, the one to decide.
    Revoked {
        /// What counts; nothing as long as it is not decided.
        now: Option<Verdict>,
    },
}

impl News {
    /// The verdict that it tells, if it tells one.
    pub fn verdict(&self) -> Option<&Verdict> {
        match self {
            Self::Verdict(verdict) => Some(verdict),
            Self::Revoked { now } => now.as_ref(),
            Self::Revision(_) => None,
        }
    }
}

impl Serialize for News {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Verdict(verdict) => verdict.serialize(serializer),
            Self::Revision(revision) => revision.serialize(serializer),
            Self::Revoked { now } => {
                let mut fields = serializer.serialize_struct("Revoked", 2)?;
                fields.serialize_field("revision", "revoked")?;
                fields.serialize_field("now", now)?;
                fields.end()
            }
        }
    }
}

/// A command that was not decided yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OutboxEntry {
    /// The command.
    pub command: CommandId,
    /// Whose it is.
    pub author: DeviceId,
    /// What it is called.
    pub name: String,
    /// Its fields.
    pub fields: Value,
    /// The bucket that it travels in.
    pub bucket: Bucket,
    /// Whether it can't go, as its author may not read that bucket any more. It goes once they may again.
    pub stuck: bool,
    /// Since when it waits, by its author's clock.
    pub since: WallTime,
    /// What will become of it, as far as this device can tell.
    pub predicted: Option<Verdict>,
}
