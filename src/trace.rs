//! Editing traces: the keystrokes of real people, to be typed again.
//!
//! Reads the two JSON formats of [editing-traces](https://github.com/josephg/editing-traces), gzipped or
//! plain. A *sequential* trace is one person's history; a *concurrent* one holds several agents, each
//! transaction naming the ones that its author had seen. Both become one [`Trace`]: replay it with a replica
//! for each agent, before each transaction taking in what [`Transaction::merges`] lists.

mod causality;
mod format;
mod position;

pub use position::Utf16Positions;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// The most bytes of JSON that a trace may hold, once decompressed: 256 MiB.
pub const MAX_TRACE_BYTES: u64 = 256 << 20;

/// A recorded editing session: a text, and every change that was made to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// The text before the first transaction.
    pub start: String,
    /// The text once every transaction is merged.
    pub end: String,
    /// How many agents typed. [`Transaction::agent`] is below it.
    pub agents: usize,
    /// The transactions, each after all of its parents.
    pub transactions: Vec<Transaction>,
}

/// What one agent did in one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    /// Who did it. An agent's transactions form one line: each has seen all of that agent's earlier ones.
    pub agent: usize,
    /// Indices of the transactions that this one directly follows; their merged text is what it changes.
    pub parents: Vec<usize>,
    /// What the agent's replica has to take in from others before this transaction. Only what is new since
    /// the agent's own previous transaction is listed.
    pub merges: Vec<Merge>,
    /// The changes, in order: each is relative to the text that the one before it left.
    pub patches: Vec<Patch>,
}

/// "Hold the first `transactions` transactions of `agent`."
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Merge {
    /// Whose transactions.
    pub agent: usize,
    /// How many of them, counted from that agent's first.
    pub transactions: usize,
}

/// One replacement in the text, recorded in the files as `[position, deleted, inserted]`.
///
/// Positions count Unicode characters; [`Utf16Positions`] translates them for documents. A trace read from a
/// file may well point past the end of its text, so compare with the text's length before applying one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Patch {
    /// Where, in characters from the start of the text.
    pub position: u32,
    /// How many characters go.
    pub deleted: u32,
    /// What takes their place.
    pub inserted: String,
}

/// Why a trace could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TraceError {
    /// The file could not be opened or read.
    #[error("cannot read the trace {}", path.display())]
    Read {
        /// The file that was asked for.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The bytes start like gzip and do not go on like it.
    #[error("the trace is not valid gzip")]
    Decompress {
        /// What the decoder said.
        source: io::Error,
    },
    /// The file, or what it decompresses to, exceeds [`MAX_TRACE_BYTES`].
    #[error("the trace is larger than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// The content is not JSON, or not the JSON of a trace.
    #[error("the trace is not JSON in a known trace format")]
    Format {
        /// What the parser said, and where.
        source: serde_json::Error,
    },
    /// The trace declares a kind that is neither sequential nor concurrent.
    #[error("traces of kind {kind:?} are unknown; \"sequential\" and \"concurrent\" can be read")]
    UnknownKind {
        /// The declared kind.
        kind: String,
    },
    /// A transaction belongs to an agent beyond the declared number.
    #[error(
        "transaction {transaction} belongs to agent {agent}, but the trace has {agents} agents"
    )]
    UnknownAgent {
        /// Index of the transaction.
        transaction: usize,
        /// The agent it names.
        agent: usize,
        /// How many agents the trace declares.
        agents: usize,
    },
    /// A transaction follows one that does not stand before it.
    #[error("transaction {transaction} follows {parent}, which does not stand before it")]
    ParentNotBefore {
        /// Index of the transaction.
        transaction: usize,
        /// The parent it names.
        parent: usize,
    },
    /// A transaction has not seen its own agent's earlier ones, so that no single replica could have made both.
    #[error(
        "transaction {transaction} has not seen everything that its own agent {agent} did before"
    )]
    AgentForked {
        /// Index of the transaction.
        transaction: usize,
        /// Its agent.
        agent: usize,
    },
    /// To follow so many agents through so many transactions would take too much memory.
    #[error("{agents} agents in {transactions} transactions are too many to follow")]
    TooManyAgents {
        /// How many agents the trace declares.
        agents: usize,
        /// How many transactions it holds.
        transactions: usize,
    },
}

impl Trace {
    /// Reads a trace file, gzipped or plain.
    ///
    /// # Errors
    /// [`TraceError::Read`] if the file cannot be read, else as [`Trace::parse`].
    pub fn read(path: impl AsRef<Path>) -> Result<Self, TraceError> {
        let path = path.as_ref();
        let bytes = File::open(path)
            .and_then(|file| read_at_most(file, MAX_TRACE_BYTES))
            .map_err(|source| TraceError::Read { path: path.to_owned(), source })?
            .ok_or(TraceError::TooLarge { limit: MAX_TRACE_BYTES })?;
        Self::parse(&bytes)
    }

    /// Parses a trace from the content of a file, gzipped or plain, and checks that it can be replayed with
    /// one replica for each agent.
    ///
    /// # Errors
    /// Each way of being malformed has its variant of [`TraceError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, TraceError> {
        format::parse(bytes)
    }

    /// The number of patches in all transactions.
    pub fn edits(&self) -> usize {
        self.transactions.iter().map(|transaction| transaction.patches.len()).sum()
    }
}

/// Reads to the end, or gives `None` as soon as there is more than `limit` bytes.
fn read_at_most(reader: impl Read, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    let read = reader.take(limit + 1).read_to_end(&mut bytes)?;
    Ok((read as u64 <= limit).then_some(bytes))
}

#[cfg(test)]
mod tests;
