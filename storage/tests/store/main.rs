//! The store as the engine loop uses it, on real disks.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod audit;
mod author;
mod backups;
mod failing;
mod folder;
mod key;
mod life;
mod logs;
mod memory;
mod records;
mod repair;
mod writer;

use std::path::Path;

use driftline_storage::{Life, SledEngine, Store};

/// A life in which the machine never restarts.
fn same_boot() -> Life {
    Life { boot: Some("one boot".to_owned()), fresh: [1; 16] }
}

fn open(folder: &Path) -> Store<SledEngine> {
    Store::open(SledEngine::open(folder).unwrap(), same_boot()).unwrap()
}
