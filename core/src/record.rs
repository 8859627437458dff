//! Records: typed rows, with a [`Policy`] for each field that says what becomes of a write by somebody who had not
//! seen the one before.
//!
//! Here is what the anchor, and every device beforehand, works with: values, the [`Table`] that they stand in, and how a
//! conflict is [resolved](policy::resolve). What changes them are [commands](crate::command).

mod bucket;
mod cell;
mod homes;
mod place;
pub mod policy;
mod table;
mod value;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use driftline_derive::Record;

pub use bucket::{BadBucket, Bucket, Home};
pub use cell::{Cell, Claim, Rivals, Stamp};
pub use homes::Homes;
pub use place::{Key, Place, RowId};
pub use policy::{Change, Contest, Policies, Policy, Resolution, Write};
pub use table::{Row, Table};
pub use value::{Value, ValueError};

/// A type of record: what an app declares, by deriving it.
///
/// ```
/// use driftline_core::record::Record;
///
/// # fn nearest(contest: &driftline_core::record::Contest<'_>) -> driftline_core::record::Resolution {
/// #     driftline_core::record::Resolution::Theirs
/// # }
/// #[derive(serde::Serialize, serde::Deserialize, Record)]
/// #[record(collection = "seats", policy = "server_wins")]
/// # #[record(crate = "driftline_core")]
/// struct Seat {
///     #[key]
///     number: u32,
///     #[policy(first_write)]
///     holder: Option<String>,
///     #[policy(rank(Terminal > Cart))]
///     price: i64,
///     #[policy(custom(nearest))]
///     row: u32,
/// }
///
/// assert_eq!(Seat::COLLECTION, "seats");
/// assert_eq!(Seat::HOLDER.name(), "holder");
/// assert_eq!(Seat::policies().of("price").to_string(), "rank(terminal > cart)");
/// ```
pub trait Record: Serialize + DeserializeOwned {
    /// The collection that records of this type are kept in.
    const COLLECTION: &'static str;

    /// What tells one record of the collection from another.
    type Key: Into<Key> + Clone;

    /// Which bucket a record is in, where not all are in the common one.
    const BUCKET: Option<fn(&Self) -> Bucket> = None;

    /// The record's key.
    fn key(&self) -> Self::Key;

    /// The bucket that the record is in: whoever may read that reads the record.
    fn bucket(&self) -> Bucket {
        Self::BUCKET.map(|bucket_of| bucket_of(self)).unwrap_or_default()
    }

    /// What becomes of conflicting writes.
    fn policies() -> Policies {
        Policies::default()
    }
}

/// A field of a type of record, by name: `Field<Seat, Option<String>>` is one of seats, and holds a name or nothing.
#[derive(Debug)]
pub struct Field<R, T> {
    name: &'static str,
    types: std::marker::PhantomData<fn() -> (R, T)>,
}

impl<R, T> Field<R, T> {
    /// The field of that name, as serde writes it.
    pub const fn new(name: &'static str) -> Self {
        Self { name, types: std::marker::PhantomData }
    }

    /// Its name.
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl<R, T> Clone for Field<R, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R, T> Copy for Field<R, T> {}
