//! Commands: what must be accepted or refused.
//!
//! A command is a typed intent. Its [`Handler`] runs on the device at once, for a prediction, and on the anchor for good:
//! the same code, upon the same kind of [`Table`](crate::record::Table). What the anchor decides is a [`Decision`], and
//! what the author hears of it is a [`Verdict`], then perhaps [revisions](Revision).
//!
//! ```text
//!  submit ──▶ preview (tentative) ──▶ entry in the ledger ──▶ anchor: judge ──▶ decision in the ledger ──▶ everybody's table
//! ```

mod answer;
mod call;
mod decision;
mod draft;
mod footprint;
mod foreseen;
mod hearing;
mod index;
mod judge;
mod ledger;
mod parts;
mod preview;
mod registry;
mod source;
mod story;
mod task;
mod transaction;
mod verdict;
mod volume;

#[cfg(test)]
pub(crate) mod tests;

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::record::{Bucket, Value};

pub use driftline_derive::Command;

pub use answer::{Answer, News, OutboxEntry};
pub use call::{Call, CommandId, MAX_CALL_BYTES, ParseCommandIdError, Seen};
pub use decision::Decision;
pub use draft::Draft;
pub use foreseen::Foreseen;
pub use hearing::{Heard, Told};
pub use judge::{Case, Judged, judge};
pub use ledger::Ledger;
pub use registry::Registry;
pub(crate) use source::{MARK, Publish};
pub use source::{Source, projected};
pub use story::{Chapter, story};
pub use task::{Effect, Task, TaskId};
pub use transaction::{Side, Transaction};
pub use verdict::{Failure, Loss, Revision, Verdict};

/// A type of command: what an app declares, by deriving it.
///
/// ```
/// use driftline_core::command::{Command, Handler, Transaction};
/// use driftline_core::record::Record;
///
/// #[derive(serde::Serialize, serde::Deserialize, Record)]
/// # #[record(crate = "driftline_core")]
/// struct Seat {
///     #[key]
///     number: u32,
///     holder: Option<String>,
/// }
///
/// #[derive(Debug, serde::Serialize, serde::Deserialize)]
/// struct SeatTaken {
///     by: String,
/// }
///
/// #[derive(serde::Serialize, serde::Deserialize, Command)]
/// #[command(name = "book_seat", refusal = SeatTaken)]
/// # #[command(crate = "driftline_core")]
/// struct BookSeat {
///     number: u32,
///     guest: String,
/// }
///
/// impl Handler for BookSeat {
///     fn run(&self, tx: &mut Transaction<'_>) -> Result<(), SeatTaken> {
///         if let Some(by) = tx.read(self.number, Seat::HOLDER).flatten() {
///             return Err(SeatTaken { by });
///         }
///         tx.write(self.number, Seat::HOLDER, &Some(self.guest.clone()));
///         Ok(())
///     }
/// }
/// ```
pub trait Command: Serialize + DeserializeOwned + 'static {
    /// What it is called, for ever.
    const NAME: &'static str;

    /// The version of its fields. It counts up when an older program's commands can't be read as they are.
    const VERSION: u32 = 1;

    /// What comes of it.
    type Output: Serialize + DeserializeOwned + Debug + Send + Sync + 'static;

    /// Why it may be refused: a value that the app can act on, such as the seat next to the one that is taken.
    type Refusal: Serialize + DeserializeOwned + Debug + Send + Sync + 'static;

    /// Rewrites the fields of a command of version `from` as those of the version after it. Nothing means that commands
    /// as old as that can't be run any more.
    fn upcast(from: u32, fields: Value) -> Option<Value> {
        _ = (from, fields);
        None
    }
}

/// What a command does.
pub trait Handler: Command {
    /// The bucket in which it travels: whoever reads that sees what is asked for before it is decided, and its author has
    /// to be one of them. What it does may concern other buckets too.
    fn bucket(&self) -> Bucket {
        Bucket::default()
    }

    /// Runs upon the records as they stand. It must be a pure function of them and of the command: it is run on the
    /// author's device and on others, more than once, and on the anchor for good. And it must come to an end: what it asks
    /// for is counted, and one that asks for too much fails, but a loop that asks for nothing can't be stopped, and stops
    /// all else on the device.
    ///
    /// # Errors
    /// If the app's own rules are against it. Then nothing of it stands.
    fn run(&self, tx: &mut Transaction<'_>) -> Result<Self::Output, Self::Refusal>;

    /// What only the anchor can check, which has all records: whether a name is free, say. It runs there alone, before
    /// [`run`](Self::run); what it reads does not count as read, and what it writes is nothing.
    ///
    /// # Errors
    /// If the app's own rules are against it. Then nothing of it stands.
    fn check(&self, tx: &mut Transaction<'_>) -> Result<(), Self::Refusal> {
        _ = tx;
        Ok(())
    }
}
