//! The agents of a concurrent trace: each types on a branch of its own, and sees of the others what it saw when
//! the trace was recorded.

use std::collections::{BTreeMap, BTreeSet};

use driftline::trace::Trace;
use driftline::{Branch, Edit, Level, Space};
use yrs::{Text, TextRef};

use super::typist::{Typist, retry};
use crate::cli::error::{Error, ReplayError};
use driftline::content::BODY;

type Written = Result<Vec<u8>, ReplayError>;

pub(super) struct Agents<'a> {
    trace: &'a Trace,
    typist: Typist<'a>,
    agents: BTreeMap<usize, Agent>,
}

struct Agent {
    branch: Branch,
    text: TextRef,
    /// One update for each transaction so far.
    updates: Vec<Vec<u8>>,
    /// How many transactions of each other agent were taken in.
    taken: BTreeMap<usize, usize>,
    last: Option<Edit<Written>>,
}

impl<'a> Agents<'a> {
    /// Opens a branch for everybody who types anything.
    pub(super) async fn new(space: &Space, name: &str, trace: &'a Trace) -> Result<Self, Error> {
        let who: BTreeSet<_> = trace.transactions.iter().map(|done| done.agent).collect();
        let mut agents = Vec::new();
        for _ in &who {
            agents.push(Agent::open(space, name).await?);
        }
        // Where two insert at one place, Yjs puts the lower client id first. So did those who recorded the traces
        // with the lower agent: in this order the text comes out as it was recorded.
        agents.sort_by_key(|agent| agent.branch.chain().client_id());
        let agents = who.into_iter().zip(agents).collect();
        let mut opened = Self { trace, typist: Typist::new(trace), agents };
        opened.begin().await?;
        Ok(opened)
    }

    /// Somebody writes the text that the trace begins with, and all others take it.
    async fn begin(&mut self) -> Result<(), Error> {
        let mut agents = self.agents.values_mut();
        let Some(first) = agents.next().filter(|_| !self.trace.start.is_empty()) else {
            return Ok(());
        };
        let edit = first.branch.edit(|txn| {
            first.text.push(txn, &self.trace.start);
            txn.encode_update_v1()
        })?;
        for agent in agents {
            agent.take(&[&edit.output])?;
        }
        Ok(())
    }

    /// Has the agent of that transaction see what it saw then, and do what it did.
    pub(super) async fn write(&mut self, index: usize) -> Result<(), Error> {
        let transaction = &self.trace.transactions[index];
        let Some(mut agent) = self.agents.remove(&transaction.agent) else { return Ok(()) };
        let mut unseen: Vec<&[u8]> = Vec::new();
        for merge in &transaction.merges {
            let Some(other) = self.agents.get(&merge.agent) else { continue };
            let taken = agent.taken.entry(merge.agent).or_default();
            unseen.extend(other.updates[*taken..merge.transactions].iter().map(Vec::as_slice));
            *taken = merge.transactions;
        }
        agent.take(&unseen)?;
        let written = agent.write(&self.typist, index).await;
        self.agents.insert(transaction.agent, agent);
        written
    }

    /// Resolves when all that was typed would survive a power cut.
    pub(super) async fn saved(&self) -> Result<(), Error> {
        for edit in self.agents.values().filter_map(|agent| agent.last.as_ref()) {
            edit.reached(Level::Saved).await?;
        }
        Ok(())
    }
}

impl Agent {
    async fn open(space: &Space, name: &str) -> Result<Self, Error> {
        let branch = space.branch(name).await?;
        let text = branch.text(BODY);
        Ok(Self { branch, text, updates: Vec::new(), taken: BTreeMap::new(), last: None })
    }

    fn take(&self, updates: &[&[u8]]) -> Result<(), ReplayError> {
        self.branch.take(updates).map_err(|source| ReplayError::Merge { source })
    }

    async fn write(&mut self, typist: &Typist<'_>, index: usize) -> Result<(), Error> {
        let edit = || {
            self.branch.edit(|txn| {
                typist.write(&self.text, txn, index)?;
                Ok(txn.encode_update_v1())
            })
        };
        let mut edit: Edit<Written> = retry(edit).await?;
        let written = std::mem::replace(&mut edit.output, Ok(Vec::new()));
        self.updates.push(written?);
        self.last = Some(edit);
        Ok(())
    }
}
