//! Driftline's derive macros. They are re-exported next to the traits that they implement, `record::Record` and
//! `command::Command`, where examples are.

mod attribute;
mod command;
mod policy;
mod record;
#[cfg(test)]
mod tests;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Makes a struct with named fields a record, and each of its fields a constant: `Seat::HOLDER` names `holder`.
///
/// Of the struct, in `#[record(…)]`:
///
/// | | |
/// | --- | --- |
/// | `collection = "seats"` | what its records are kept under; otherwise the struct's name, as `seat`. Data of years will bear it, so write it down |
/// | `policy = "first_write"` | the policy of all fields that name none; otherwise `server_wins` |
/// | `bucket = path::to::function` | which bucket a record is in: a function from `&Self` to `Bucket`. Otherwise all are in the common one, which every member reads |
/// | `crate = "my::driftline"` | where to find Driftline, if not at `::driftline` |
///
/// Of a field: `#[key]`, which one field has, and `#[policy(…)]` with one of
///
/// - `server_wins`, `first_write`, `last_write`, `reject_both`, `keep_both`, `merge`,
/// - `rank(Terminal > Cart)`, from the highest rank to the lowest. A plain word stands for the rank of that name in
///   lower case, `terminal`, and `CashDesk` for `cash_desk`; a text stands as it is: `rank("Kasse-1" > "Kasse-2")`,
/// - `custom(path::to::rule)`, for a function from `&Contest<'_>` to `Resolution`.
///
/// The key never changes, so writing it again never conflicts.
///
/// A record is stored field by field, under the fields' own names. So of serde's attributes only `default` may be used,
/// which is what a field needs that was added later, and those that change nothing of what is written.
#[proc_macro_derive(Record, attributes(record, key, policy))]
pub fn derive_record(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    record::expand(&input).unwrap_or_else(|error| error.into_compile_error()).into()
}

/// Makes a type a command. What it does is for `Handler` to say.
///
/// In `#[command(…)]`:
///
/// | | |
/// | --- | --- |
/// | `name = "book_seat"` | what it is called for ever; otherwise the type's name, as `book_seat` for `BookSeat` |
/// | `version = 2` | the version of its fields, otherwise 1 |
/// | `upcast = path::to::function` | makes the fields of a version into those of the next: a function from `u32` and `Value` to `Option<Value>` |
/// | `output = Booking` | what comes of it, otherwise `()` |
/// | `refusal = SeatTaken` | why it may be refused, otherwise `()` |
/// | `crate = "my::driftline"` | where to find Driftline, if not at `::driftline` |
#[proc_macro_derive(Command, attributes(command))]
pub fn derive_command(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    command::expand(&input).unwrap_or_else(|error| error.into_compile_error()).into()
}
