//! Who had seen what: version vectors over a concurrent trace.

use std::collections::HashMap;

use super::{Merge, TraceError, Transaction};

/// The most counters (agents times transactions) kept while a trace is read: 256 MiB of them.
const MAX_COUNTERS: usize = 64 << 20;

/// Checks that agents and parents exist and that no agent works in two places at once, and fills in
/// [`Transaction::merges`].
pub(super) fn fill_merges(
    transactions: &mut [Transaction],
    agents: usize,
) -> Result<(), TraceError> {
    if agents.saturating_mul(transactions.len()) > MAX_COUNTERS {
        return Err(TraceError::TooManyAgents { agents, transactions: transactions.len() });
    }
    let mut history = History::new(agents, transactions.len());
    for (index, transaction) in transactions.iter_mut().enumerate() {
        transaction.merges = history.push(index, transaction)?;
    }
    Ok(())
}

/// The version vectors of the transactions so far: how many of each agent's are in a transaction's past,
/// itself included.
struct History {
    agents: usize,
    /// One row of `agents` counters for each transaction.
    versions: Vec<u32>,
    /// Each agent's latest transaction.
    latest: HashMap<usize, usize>,
}

impl History {
    fn new(agents: usize, transactions: usize) -> Self {
        let versions = Vec::with_capacity(agents * transactions);
        Self { agents, versions, latest: HashMap::new() }
    }

    fn push(&mut self, index: usize, next: &Transaction) -> Result<Vec<Merge>, TraceError> {
        let (agent, agents) = (next.agent, self.agents);
        if agent >= agents {
            return Err(TraceError::UnknownAgent { transaction: index, agent, agents });
        }
        let mut version = self.merged(index, &next.parents)?;
        let previous = self.latest.insert(agent, index).map(|latest| self.version(latest));
        let held = |agent: usize| previous.map_or(0, |previous| previous[agent]);
        if version[agent] != held(agent) {
            return Err(TraceError::AgentForked { transaction: index, agent });
        }
        let grown = version.iter().enumerate().filter(|&(agent, &seen)| seen > held(agent));
        let merges =
            grown.map(|(agent, &seen)| Merge { agent, transactions: seen as usize }).collect();
        version[agent] += 1;
        self.versions.extend_from_slice(&version);
        Ok(merges)
    }

    fn version(&self, transaction: usize) -> &[u32] {
        &self.versions[transaction * self.agents..][..self.agents]
    }

    /// The version of the merged parents.
    fn merged(&self, index: usize, parents: &[usize]) -> Result<Vec<u32>, TraceError> {
        let mut merged = vec![0; self.agents];
        for &parent in parents {
            if parent >= index {
                return Err(TraceError::ParentNotBefore { transaction: index, parent });
            }
            for (seen, &more) in merged.iter_mut().zip(self.version(parent)) {
                *seen = more.max(*seen);
            }
        }
        Ok(merged)
    }
}
