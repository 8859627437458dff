//! Records: typed rows, with a [`Policy`] for each field that says what becomes of a write by somebody who had not
//! seen the one before.
//!
//! Here is what the anchor, and every device beforehand, works with: values, the [`Table`] that they stand in, and how a
//! conflict is [resolved](policy::resolve). What changes them are [commands](crate::command).

mod cell;
mod place;
pub mod policy;
mod table;
mod value;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use cell::{Cell, Claim, Rivals, Stamp};
pub use place::{Key, Place, RowId};
pub use policy::{Change, Contest, Policies, Policy, Resolution, Write};
pub use table::{Row, Table};
pub use value::{Value, ValueError};

/// A type of record: what an app declares, usually by deriving it.
///
/// ```
/// use driftline_core::record::{Field, Policies, Policy, Record};
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Seat {
///     number: u32,
///     holder: Option<String>,
/// }
///
/// impl Seat {
///     const HOLDER: Field<Self, Option<String>> = Field::new("holder");
/// }
///
/// impl Record for Seat {
///     const COLLECTION: &'static str = "seats";
///     type Key = u32;
///
///     fn key(&self) -> u32 {
///         self.number
///     }
///
///     fn policies() -> Policies {
///         Policies::all(Policy::ServerWins).and(Self::HOLDER, Policy::FirstWrite)
///     }
/// }
/// ```
pub trait Record: Serialize + DeserializeOwned {
    /// The collection that records of this type are kept in.
    const COLLECTION: &'static str;

    /// What tells one record of the collection from another.
    type Key: Into<Key> + Clone;

    /// The record's key.
    fn key(&self) -> Self::Key;

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
