//! What this device's app is told: of what it waits for, and of what became of it.

use serde::Serialize;

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
    /// When it was decided, by the anchor's clock.
    pub at: WallTime,
    /// What became of it.
    #[serde(flatten)]
    pub news: News,
}

/// What became of a command, or changed about that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum News {
    /// The verdict.
    Verdict(Verdict),
    /// A later change.
    Revision(Revision),
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
