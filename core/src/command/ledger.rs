//! A space's commands and what was decided upon them: the fold of the ledger's log.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use serde::Serialize;

use super::judge::{Case, judge};
use super::preview::{Pending, Preview, Turn};
use super::task::Tasks;
use super::{Call, CommandId, Decision, Draft, Registry, Revision, Seen, Task, TaskId, Verdict};
use crate::clock::WallTime;
use crate::id::{ChainId, DeviceId, Hash};
use crate::record::{Table, Value};
use crate::roster::Rank;

/// How far behind the next decision others may wait, before what comes earlier is here.
const MAX_WAITING: usize = 100_000;

/// Commands, decisions, and the records that come of both.
#[derive(Clone, Debug)]
pub struct Ledger {
    registry: Arc<Registry>,
    me: DeviceId,
    confirmed: Table,
    /// How many decisions are in, and the hash of the last.
    order: u64,
    last: Hash,
    /// The last command of each chain that was decided.
    decided: BTreeMap<ChainId, u64>,
    /// Decisions that came before those in front of them.
    waiting: BTreeMap<u64, Decision>,
    /// Two decisions of one place were seen: nothing is confirmed any more.
    faulty: bool,
    preview: Preview,
    /// Undecided commands in the order of their arrival.
    arrivals: VecDeque<CommandId>,
    /// Commands that their authors take back.
    cancelled: BTreeSet<CommandId>,
    /// The names of this device's own commands.
    names: BTreeMap<CommandId, String>,
    answers: Vec<Answer>,
    tasks: Tasks,
}

/// What this device's app is to hear of one of its commands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// The command.
    pub command: CommandId,
    /// What it is called.
    pub name: String,
    /// With a verdict, the fields as they were given: what the app can give anew, if the verdict is [`Obsolete`].
    ///
    /// [`Obsolete`]: Verdict::Obsolete
    pub fields: Option<Value>,
    /// When it was decided, by the anchor's clock.
    pub at: WallTime,
    /// What became of it.
    #[serde(flatten)]
    pub news: News,
}

/// What became of a command, or changed about that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum News {
    /// The verdict.
    Verdict(Verdict),
    /// A later change.
    Revision(Revision),
}

/// A command that was not decided yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OutboxEntry {
    /// The command.
    pub command: CommandId,
    /// Whose it is.
    pub author: DeviceId,
    /// What it is called.
    pub name: String,
    /// Its fields.
    pub fields: Value,
    /// Since when it waits, by its author's clock.
    pub since: WallTime,
    /// What will become of it, as far as this device can tell.
    pub predicted: Option<Verdict>,
}

impl Ledger {
    /// A ledger without commands.
    pub fn new(registry: Arc<Registry>, me: DeviceId) -> Self {
        Self {
            registry,
            me,
            confirmed: Table::default(),
            order: 0,
            last: Hash([0; 32]),
            decided: BTreeMap::new(),
            waiting: BTreeMap::new(),
            faulty: false,
            preview: Preview::default(),
            arrivals: VecDeque::new(),
            cancelled: BTreeSet::new(),
            names: BTreeMap::new(),
            answers: Vec::new(),
            tasks: Tasks::default(),
        }
    }

    /// Says what the program knows of records and commands. What is undecided runs anew by that.
    pub fn run_with(&mut self, registry: Arc<Registry>) {
        self.registry = registry;
        self.preview.run_anew();
    }

    /// The records as decided.
    pub fn confirmed(&self) -> &Table {
        &self.confirmed
    }

    /// The records as decided, with what is undecided on top; as of the last [`settle`](Self::settle).
    pub fn preview(&self) -> &Table {
        self.preview.table()
    }

    /// How many decisions are in.
    pub fn decided(&self) -> u64 {
        self.order
    }

    /// Whether two decisions of one place were seen, so that nothing is confirmed any more.
    pub fn is_faulty(&self) -> bool {
        self.faulty
    }

    /// What this device's commands came to, in the order in which it was decided.
    pub fn answers(&self) -> &[Answer] {
        &self.answers
    }

    /// The verdict upon one of this device's commands, if it is decided.
    pub fn verdict(&self, command: &CommandId) -> Option<&Verdict> {
        let mut latest = self.answers.iter().rev().filter(|answer| answer.command == *command);
        latest.find_map(|answer| match &answer.news {
            News::Verdict(verdict) => Some(verdict),
            News::Revision(_) => None,
        })
    }

    /// The first task behind that one which is of that name and not done.
    pub fn task(&self, after: Option<TaskId>, name: &str) -> Option<&Task> {
        self.tasks.next(after, name)
    }

    /// What was not decided yet, in the order in which it runs.
    pub fn outbox(&self) -> impl Iterator<Item = OutboxEntry> {
        self.preview.pending().map(|(turn, pending)| OutboxEntry {
            command: turn.command,
            author: turn.author,
            name: pending.call.name.clone(),
            fields: pending.call.fields.clone(),
            since: WallTime(pending.call.clock),
            predicted: pending.judged.as_ref().map(|judged| judged.verdict.clone()),
        })
    }

    /// A command by somebody who has seen what this ledger holds.
    pub fn call(&self, name: &str, version: u32, fields: Value, now: WallTime) -> Call {
        let mut seen = Seen { decided: self.order, pending: BTreeMap::new() };
        for turn in self.preview.last_of_chains().filter(|turn| turn.author != self.me) {
            seen.note(turn.command);
        }
        let clock = now.0.max(self.preview.last_clock().saturating_add(1));
        Call { name: name.to_owned(), version, fields, seen, clock }
    }

    /// What would become of a command of this device's own, given now.
    pub fn try_call(&self, command: CommandId, call: &Call, rank: Option<Rank>) -> Verdict {
        let (author, at) = (self.me, WallTime(call.clock));
        let case = Case { command, call, author, rank, at, order: None };
        judge(&self.registry, self.preview.table(), &case).verdict
    }

    /// Takes in a command, the next of its chain.
    pub fn take_call(
        &mut self,
        command: CommandId,
        author: DeviceId,
        rank: Option<Rank>,
        call: Call,
    ) {
        if author == self.me {
            let nameless = self.answers.iter_mut().filter(|answer| answer.command == command);
            nameless.for_each(|answer| answer.name.clone_from(&call.name));
            self.names.insert(command, call.name.clone());
        }
        if self.is_decided(&command) {
            return;
        }
        let turn = Turn { clock: call.clock, author, command };
        self.preview.insert(turn, Pending { call, rank, judged: None });
        self.arrivals.push_back(command);
    }

    /// Takes in that an author takes a command back.
    pub fn take_cancel(&mut self, command: CommandId) {
        if !self.is_decided(&command) && self.preview.drop(&command).is_some() {
            self.cancelled.insert(command);
        }
    }

    /// Takes in a decision by whoever decides. One that comes too early waits for those in front of it.
    pub fn take_decision(&mut self, decision: Decision) {
        if decision.order <= self.order || self.waiting.contains_key(&decision.order) {
            self.faulty = true;
            tracing::error!(
                order = decision.order,
                "two decisions of one place: nothing is confirmed any more"
            );
            return;
        }
        if self.waiting.len() < MAX_WAITING {
            self.waiting.insert(decision.order, decision);
        }
        while !self.faulty
            && let Some(next) = self.waiting.remove(&(self.order + 1))
        {
            match next.previous == self.last {
                true => self.apply(&next),
                false => self.faulty = true,
            }
        }
    }

    /// Takes in that a task is done.
    pub fn take_done(&mut self, task: TaskId) {
        self.tasks.finish(task, task.order <= self.order);
    }

    /// Forgets all, to be folded from the start of its log again: what counts of it is other than it was.
    pub fn start_over(&mut self) {
        *self = Self::new(self.registry.clone(), self.me);
    }

    /// Runs what has not run, and again what runs on something that changed; says whether what is shown may be another.
    pub fn settle(&mut self) -> bool {
        self.preview.settle(&self.registry, &self.confirmed)
    }

    /// Up to so many undecided commands that are `ready`, in the order in which they came; one that is not holds up those
    /// behind it on its chain. Ready ones come with their authors.
    pub fn ready(
        &mut self,
        limit: usize,
        ready: impl Fn(&CommandId) -> Option<DeviceId>,
    ) -> Vec<(CommandId, DeviceId)> {
        let mut held_up = BTreeSet::new();
        let mut found = Vec::new();
        let mut later = VecDeque::new();
        while found.len() < limit
            && let Some(command) = self.arrivals.pop_front()
        {
            let author = ready(&command).filter(|_| !held_up.contains(&command.chain));
            match author {
                _ if self.is_decided(&command) => {}
                Some(author) => found.push((command, author)),
                None => {
                    held_up.insert(command.chain);
                    later.push_back(command);
                }
            }
        }
        later.append(&mut self.arrivals);
        self.arrivals = later;
        found
    }

    /// Whether this program can decide: it knows commands, and nothing contradicts itself.
    pub fn can_decide(&self) -> bool {
        !self.registry.is_empty() && !self.faulty && self.waiting.is_empty()
    }

    /// Begins to decide upon what is [`ready`](Self::ready).
    pub fn draft(&self) -> Draft<'_> {
        Draft::of(self, self.last)
    }

    pub(super) fn registry(&self) -> &Registry {
        &self.registry
    }

    pub(super) fn is_cancelled(&self, command: &CommandId) -> bool {
        self.cancelled.contains(command)
    }

    /// A command that is not decided, as it was given.
    pub fn undecided(&self, command: &CommandId) -> Option<&Call> {
        self.preview.get(command).map(|(_, pending)| &pending.call)
    }

    fn is_decided(&self, command: &CommandId) -> bool {
        self.decided.get(&command.chain).is_some_and(|number| command.number <= *number)
    }

    fn apply(&mut self, decision: &Decision) {
        for (place, cell) in &decision.writes {
            self.confirmed.set(place, cell.clone());
        }
        (self.order, self.last) = (decision.order, decision.hash());
        let decided = self.decided.entry(decision.command.chain).or_default();
        *decided = decision.command.number.max(*decided);
        self.cancelled.remove(&decision.command);
        let pending = self.preview.get(&decision.command);
        let fields = pending.map(|(_, pending)| pending.call.fields.clone());
        self.preview.decided(decision);
        self.tasks.take(decision);
        self.answer(decision, fields);
    }

    fn answer(&mut self, decision: &Decision, fields: Option<Value>) {
        let news = News::Verdict(decision.verdict.clone());
        let verdict = (decision.author, decision.command, fields, news);
        let news = decision.news.iter();
        let revisions = news.map(|(stamp, revision)| {
            (stamp.author, stamp.command, None, News::Revision(revision.clone()))
        });
        for (author, command, fields, news) in [verdict].into_iter().chain(revisions) {
            if author == self.me {
                let name = self.names.get(&command).cloned().unwrap_or_default();
                self.answers.push(Answer { command, name, fields, at: decision.at, news });
            }
        }
    }
}
