//! What can be wrong with bytes.

use thiserror::Error;

use super::{MAX_CLIENT, MAX_CLOCK, MAX_DEPTH};

/// Why bytes of others are refused. `at` is the byte where what is wrong begins.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum BadUpdate {
    #[error("the bytes end in the middle of what begins at byte {at}")]
    Ended { at: usize },
    #[error("{extra} bytes are left over from byte {at}")]
    Trailing { at: usize, extra: usize },
    #[error("the number at byte {at} is too large for what it counts")]
    Number { at: usize },
    #[error("byte {at} promises {count} items, more than can follow")]
    Count { at: usize, count: u64 },
    #[error("the text at byte {at} is not UTF-8")]
    Utf8 { at: usize },
    #[error("the text at byte {at} is not JSON that can be read back")]
    Json { at: usize },
    #[error("the value at byte {at} nests deeper than {MAX_DEPTH}")]
    Deep { at: usize },
    #[error("byte {at} is {tag}, which names nothing that can be taken in here")]
    Tag { at: usize, tag: u8 },
    #[error("what begins at byte {at} is empty")]
    Empty { at: usize },
    #[error("{client} at byte {at} is no client id: those are below {MAX_CLIENT}")]
    Client { at: usize, client: u64 },
    #[error("client {client} comes a second time at byte {at}")]
    Repeated { at: usize, client: u64 },
    #[error("byte {at} writes as client {client}, which is not the author's")]
    Foreign { at: usize, client: u64 },
    #[error("the clock at byte {at} runs past {MAX_CLOCK}")]
    Clock { at: usize },
    #[error("byte {at} goes on at clock {clock}, but its author stands at {expected}")]
    Gap { at: usize, clock: u32, expected: u32 },
    #[error("byte {at} skips clocks, which only a stored state may")]
    Skip { at: usize },
    #[error("byte {at} refers to what its author has yet to write")]
    Ahead { at: usize },
    #[error("the deletions at byte {at} are out of order")]
    Order { at: usize },
    #[error("byte {at} puts text or several values under a key, where one value belongs")]
    Keyed { at: usize },
}
