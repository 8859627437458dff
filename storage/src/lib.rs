//! Driftline's store: one database a device, durable in the order of arrival.
//!
//! [`Store`] knows how records become rows and rows become records. [`Engine`] is the database under it:
//! [`SledEngine`] on a device, a simulated disk in the simulator. [`Writer`] owns the order in which a
//! device's changes are written and saved, on two threads of its own. [`Folder`] is the place on disk,
//! locked for one process, with the device's key in it.
//!
//! # Written and saved
//!
//! What [`Engine::apply`] took in is visible. After [`Engine::write`] it survives the process, after
//! [`Engine::save`] also the power cord. Batches survive in the order in which they were applied: none is
//! kept when an earlier one is lost. After any failure the store takes nothing more, and still reads.
//!
//! # The rows
//!
//! All rows are in one tree, so that one batch over any of them is atomic. A key is a byte for the kind,
//! then fields of fixed width, numbers big-endian, and at the end the number of the part (4 bytes).
//!
//! | kind | key | value |
//! | --- | --- | --- |
//! | 0 format | – | the version of this layout, `u32` big-endian |
//! | 1 life | – | the incarnation, the boot and the [`Place`] it was last opened in, whether it was closed cleanly |
//! | 2 space | space | [`SpaceRecord`](driftline_core::space::SpaceRecord) |
//! | 3 document | space, document | [`Label`](driftline_core::document::Label) |
//! | 4 head | document, chain | incarnation in which it was first stored, [`ChainHead`](driftline_core::log::ChainHead) |
//! | 5 end | document, chain | [`ChainRecord`](driftline_core::space::ChainRecord): the chains of a document are found here |
//! | 6 segment | document, chain, number of its first entry (8 bytes) | link, body and signature of a [`Segment`](driftline_core::log::Segment) |
//! | 7 snapshot | document | the frontier, then the state up to the end |
//! | 8 seen | space, peer | [`Position`](driftline_core::space::Position) |
//! | 9 acked | space, peer | [`Position`](driftline_core::space::Position) |
//! | 10 setting | its name, of any length, and the byte 0xff | any bytes |
//!
//! A value is stored in parts of at most [`PART_BYTES`]. A part is 8 bytes of BLAKE3 over the key and the
//! rest, how many parts follow it (4 bytes), and its bytes. Structures are encoded by
//! [`driftline_core::codec`].

mod backup;
mod engine;
mod folder;
mod key;
mod life;
mod record;
mod row;
mod store;
mod writer;

pub use backup::{BackedUp, BackupError, BadArchive, restore};
pub use engine::{Batch, Engine, EngineError, Pair, Pairs, Place, SledEngine};
pub use folder::{BadPassphrase, Folder, FolderError, KeyFile, Passphrase};
pub use key::RowKey;
pub use life::Life;
pub use record::{Record, Snapshot};
pub use row::{Damage, PART_BYTES};
pub use store::{Audit, DocumentLog, FORMAT, Fault, Finding, Reading, Store, StoreError, Tally};
pub use writer::{Job, MAX_WAITING_BYTES, Progress, WriteNumber, Writer};
