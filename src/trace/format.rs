//! The bytes of a trace file: gzip, then JSON in one of two shapes.

use std::borrow::Cow;

use flate2::read::MultiGzDecoder;
use serde::Deserialize;

use super::{MAX_TRACE_BYTES, Patch, Trace, TraceError, Transaction, causality, read_at_most};

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

pub(super) fn parse(bytes: &[u8]) -> Result<Trace, TraceError> {
    let json = decompress(bytes, MAX_TRACE_BYTES)?;
    let Header { kind } = from_json(&json)?;
    match kind.as_deref() {
        None | Some("sequential") => Ok(from_json::<Sequential>(&json)?.into_trace()),
        Some("concurrent") => from_json::<Concurrent>(&json)?.into_trace(),
        Some(kind) => Err(TraceError::UnknownKind { kind: kind.to_owned() }),
    }
}

fn decompress(bytes: &[u8], limit: u64) -> Result<Cow<'_, [u8]>, TraceError> {
    let too_large = TraceError::TooLarge { limit };
    if !bytes.starts_with(&GZIP_MAGIC) {
        return if bytes.len() as u64 > limit { Err(too_large) } else { Ok(Cow::Borrowed(bytes)) };
    }
    read_at_most(MultiGzDecoder::new(bytes), limit)
        .map_err(|source| TraceError::Decompress { source })?
        .map(Cow::Owned)
        .ok_or(too_large)
}

fn from_json<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, TraceError> {
    serde_json::from_slice(json).map_err(|source| TraceError::Format { source })
}

/// Read on its own first: a tagged enum would have serde hold the whole file as a tree of values.
#[derive(Deserialize)]
struct Header {
    kind: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sequential {
    #[serde(default)]
    start_content: String,
    end_content: String,
    txns: Vec<SequentialTransaction>,
}

#[derive(Deserialize)]
struct SequentialTransaction {
    patches: Vec<Patch>,
}

impl Sequential {
    fn into_trace(self) -> Trace {
        let follow = |(index, transaction): (usize, SequentialTransaction)| Transaction {
            agent: 0,
            parents: index.checked_sub(1).into_iter().collect(),
            merges: Vec::new(),
            patches: transaction.patches,
        };
        Trace {
            start: self.start_content,
            end: self.end_content,
            agents: 1,
            transactions: self.txns.into_iter().enumerate().map(follow).collect(),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Concurrent {
    #[serde(default)]
    start_content: String,
    end_content: String,
    num_agents: usize,
    txns: Vec<ConcurrentTransaction>,
}

#[derive(Deserialize)]
struct ConcurrentTransaction {
    parents: Vec<usize>,
    agent: usize,
    patches: Vec<Patch>,
}

impl Concurrent {
    fn into_trace(self) -> Result<Trace, TraceError> {
        let unmerged = |ConcurrentTransaction { parents, agent, patches }| Transaction {
            agent,
            parents,
            merges: Vec::new(),
            patches,
        };
        let mut transactions: Vec<_> = self.txns.into_iter().map(unmerged).collect();
        causality::fill_merges(&mut transactions, self.num_agents)?;
        Ok(Trace {
            start: self.start_content,
            end: self.end_content,
            agents: self.num_agents,
            transactions,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    #[test]
    fn a_small_file_that_unpacks_to_a_large_one_is_refused() {
        let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
        bomb.write_all(&vec![b' '; 1 << 20]).unwrap();
        let bomb = bomb.finish().unwrap();
        assert!(bomb.len() < 4096);

        assert_eq!(decompress(&bomb, 1 << 20).unwrap().len(), 1 << 20);
        let refused = decompress(&bomb, (1 << 20) - 1);
        assert!(matches!(refused, Err(TraceError::TooLarge { limit: 0xf_ffff })));
        assert!(matches!(decompress(b"plain", 4), Err(TraceError::TooLarge { limit: 4 })));
    }
}
