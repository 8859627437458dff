//! What can go wrong with a device as a whole.

use std::path::PathBuf;

use driftline_core::space::Refusal;
use driftline_net::StartError;
use driftline_storage::{EngineError, FolderError, StoreError};
use libp2p::Multiaddr;
use thiserror::Error;

use crate::engine::EngineGone;

/// Why a device can't be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Its folder can't be used.
    #[error(transparent)]
    Folder {
        /// Why.
        #[from]
        source: FolderError,
    },
    /// Its database can't be opened.
    #[error("the database in {} can't be opened", path.display())]
    Database {
        /// The database.
        path: PathBuf,
        /// Why.
        source: EngineError,
    },
    /// What it stored can't be read.
    #[error("what is stored in {} can't be read", path.display())]
    Store {
        /// The database.
        path: PathBuf,
        /// Why.
        source: StoreError,
    },
    /// The network does not start.
    #[error("the network does not start")]
    Network {
        /// Why.
        #[from]
        source: StartError,
    },
    /// An address can't be listened on.
    #[error(transparent)]
    Listen {
        /// Why.
        #[from]
        source: ListenError,
    },
    /// The system starts no more threads.
    #[error("the system starts no more threads")]
    Threads {
        /// Why.
        #[from]
        source: std::io::Error,
    },
}

/// Why a device can't listen on an address.
#[derive(Debug, Error)]
pub enum ListenError {
    /// The network refused it.
    #[error("can't listen on {address}")]
    Network {
        /// The address.
        address: Multiaddr,
        /// Why.
        source: driftline_net::ListenError,
    },
}

/// Why a device did not close as it should.
#[derive(Debug, Error)]
pub enum CloseError {
    /// The store failed.
    #[error(transparent)]
    Store {
        /// Why.
        #[from]
        source: StoreError,
    },
    /// The engine panicked. What was not reported as saved may be lost.
    #[error("the device's engine broke down: what was not reported as saved may be lost")]
    Panicked,
}

/// Why a device did not get into a space.
#[derive(Debug, Error)]
pub enum JoinError {
    /// A member said no.
    #[error(transparent)]
    Refused {
        /// Why.
        #[from]
        source: Refusal,
    },
    /// The device was closed meanwhile.
    #[error(transparent)]
    Gone {
        /// The engine's end.
        #[from]
        source: EngineGone,
    },
}
