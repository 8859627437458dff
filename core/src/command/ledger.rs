//! A space's commands and what was decided upon them: the fold of the ledgers' logs, as far as this device may read them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::foreseen::Foresight;
use super::hearing::Hearing;
use super::judge::{Case, judge};
use super::parts::apply;
use super::preview::{Pending, Preview, Turn};
use super::task::Tasks;
use super::volume::Volume;
use super::{
    Answer, Call, CommandId, Decision, Draft, Foreseen, Heard, News, OutboxEntry, Registry, Seen,
    Task, TaskId, Told, Verdict,
};
use crate::clock::WallTime;
use crate::document::Label;
use crate::id::{ChainId, DeviceId, DocumentId, Hash, SpaceId};
use crate::record::{Bucket, Home, Homes, Table, Value};
use crate::roster::{Rank, Scope};

/// How far behind the next decision others may wait, before what comes earlier is here.
const MAX_WAITING: usize = 100_000;

/// Commands, decisions, and the records that come of both: of all buckets together.
#[derive(Clone, Debug)]
pub struct Ledger {
    registry: Arc<Registry>,
    me: DeviceId,
    space: SpaceId,
    /// What this device may read.
    scope: Scope,
    confirmed: Table,
    homes: Homes,
    /// The place of the last decision that is in, among all.
    order: u64,
    /// Up to which place all are in, and those that are in behind a gap, as is so for whoever does not read all.
    row: u64,
    beyond: BTreeSet<u64>,
    volumes: BTreeMap<DocumentId, Volume>,
    /// How far each ledger goes, as decisions say that are in and have other parts there.
    told: BTreeMap<DocumentId, u64>,
    /// The last command of each chain that was decided.
    decided: BTreeMap<ChainId, u64>,
    /// Two decisions of one place were seen, the first such place among all: nothing is confirmed any more.
    contradicted: Option<u64>,
    preview: Preview,
    /// Undecided commands in the order of their arrival, and which they are in that.
    arrivals: BTreeMap<u64, CommandId>,
    arrived: BTreeMap<CommandId, u64>,
    /// Commands that their authors take back.
    cancelled: BTreeMap<CommandId, Home>,
    /// This device's own that can't go, as it may not read their bucket any more.
    stuck: BTreeMap<CommandId, (Home, Call)>,
    /// The names of this device's own commands.
    names: BTreeMap<CommandId, String>,
    hearing: Hearing,
    foresight: Foresight,
    tasks: Tasks,
}

impl Ledger {
    /// A ledger without commands.
    pub fn new(registry: Arc<Registry>, me: DeviceId, space: SpaceId) -> Self {
        let common = Label::ledger(&Bucket::default()).document(&space);
        Self {
            registry,
            me,
            space,
            scope: Scope::all(),
            confirmed: Table::default(),
            homes: Homes::new(common),
            order: 0,
            row: 0,
            beyond: BTreeSet::new(),
            volumes: BTreeMap::new(),
            told: BTreeMap::new(),
            decided: BTreeMap::new(),
            contradicted: None,
            preview: Preview::default(),
            arrivals: BTreeMap::new(),
            arrived: BTreeMap::new(),
            cancelled: BTreeMap::new(),
            stuck: BTreeMap::new(),
            names: BTreeMap::new(),
            hearing: Hearing::new(),
            foresight: Foresight::default(),
            tasks: Tasks::default(),
        }
    }

    /// Says what the program knows of records and commands. What is undecided runs anew by that.
    pub fn run_with(&mut self, registry: Arc<Registry>) {
        self.registry = registry;
        self.preview.run_anew();
    }

    /// Says which ledgers this device may read: of what is decided in several, it waits for those parts.
    pub fn read(&mut self, scope: Scope) {
        self.scope = scope;
        for ledger in self.volumes.keys().copied().collect::<Vec<_>>() {
            self.advance(ledger);
        }
    }

    /// The records as decided.
    pub fn confirmed(&self) -> &Table {
        &self.confirmed
    }

    /// The records as decided, with what is undecided on top; as of the last [`settle`](Self::settle).
    pub fn preview(&self) -> &Table {
        self.preview.table()
    }

    /// In which buckets the records are that are decided.
    pub fn homes(&self) -> &Homes {
        &self.homes
    }

    /// The place among all of the space of the last decision that is in.
    pub fn decided(&self) -> u64 {
        self.order
    }

    /// The place among all of the last decision that is in of a bucket.
    pub fn decided_in(&self, bucket: &Bucket) -> u64 {
        let ledger = self.home(bucket.clone()).ledger;
        self.volumes.get(&ledger).map_or(0, |volume| volume.order)
    }

    /// Whether two decisions of one place were seen, so that nothing is confirmed any more.
    pub fn is_faulty(&self) -> bool {
        self.contradicted.is_some()
    }

    /// What this device's commands came to, as it was told; as of the last [`settle`](Self::settle). What is here once
    /// keeps its place as long as the device runs.
    pub fn told(&self) -> &[Told] {
        self.hearing.told()
    }

    /// The same without what the app has done about it.
    pub fn answers(&self) -> impl DoubleEndedIterator<Item = &Answer> {
        self.told().iter().map(|told| &told.answer)
    }

    /// The verdict upon one of this device's commands, if it is decided; as of the last [`settle`](Self::settle).
    pub fn verdict(&self, command: &CommandId) -> Option<&Verdict> {
        self.hearing.verdict(command)
    }

    /// Whether this device remembers what it asked for with that command: if not, it can't say what the answer is about.
    pub fn remembers(&self, command: &CommandId) -> bool {
        self.names.contains_key(command)
    }

    /// Says what the app had dealt with before this run.
    pub fn restore_heard(&mut self, heard: BTreeMap<CommandId, Heard>) {
        self.hearing.restore(heard);
    }

    /// The app has dealt with an answer, and with those before it to the same command. Gives what it has heard of that
    /// command then, to be kept, if that is news.
    pub fn acknowledge(&mut self, number: usize) -> Option<(CommandId, Heard)> {
        self.hearing.acknowledge(number)
    }

    /// What others asked for, was shown here and is decided since the last time.
    pub fn take_foreseen(&mut self) -> Vec<Foreseen> {
        self.foresight.take()
    }

    /// A task that is not done.
    pub fn open_task(&self, task: &TaskId) -> Option<&Task> {
        self.tasks.get(task)
    }

    /// The first task behind that one which is of that name and not done.
    pub fn task(&self, after: Option<TaskId>, name: &str) -> Option<&Task> {
        self.tasks.next(after, name)
    }

    /// What was not decided yet, in the order in which it runs.
    pub fn outbox(&self) -> impl Iterator<Item = OutboxEntry> {
        let entry = |command, author, call: &Call, home: &Home| OutboxEntry {
            command,
            author,
            name: call.name.clone(),
            fields: call.fields.clone(),
            bucket: home.bucket.clone(),
            stuck: false,
            since: WallTime(call.clock),
            predicted: None,
        };
        let stuck = self.stuck.iter().map(move |(command, (home, call))| OutboxEntry {
            stuck: true,
            ..entry(*command, self.me, call, home)
        });
        let waiting = self.preview.pending().map(move |(turn, pending)| OutboxEntry {
            predicted: pending.judged.as_ref().map(|judged| judged.verdict.clone()),
            ..entry(turn.command, turn.author, &pending.call, &pending.home)
        });
        stuck.chain(waiting)
    }

    /// A command by somebody who has seen what this ledger holds.
    pub fn call(
        &self,
        (name, version): (&str, u32),
        fields: Value,
        ledger: &DocumentId,
        now: WallTime,
    ) -> Call {
        let mut seen = Seen::default();
        for volume in self.volumes.values() {
            seen.note_decided(&volume.home, volume.order);
        }
        let mut own = self.preview.pending().filter(|(turn, _)| turn.author == self.me);
        let last = own.next_back().filter(|(_, pending)| pending.home.ledger != *ledger);
        let after = last.map(|(turn, pending)| (pending.home.ledger, turn.command));
        for turn in self.preview.last_of_chains().filter(|turn| turn.author != self.me) {
            seen.note(turn.command);
        }
        let clock = now.0.max(self.preview.last_clock().saturating_add(1));
        Call { name: name.to_owned(), version, fields, seen, after, clock }
    }

    /// What would become of a command of this device's own, given now.
    pub fn try_call(&self, command: CommandId, call: &Call, rank: Option<Rank>) -> Verdict {
        let (author, at) = (self.me, WallTime(call.clock));
        let case = Case { command, call, author, rank, at, order: None };
        judge(&self.registry, (self.preview.table(), &self.homes), &case).verdict
    }

    /// Takes in a command of a bucket, the next of its chain.
    pub fn take_call(
        &mut self,
        home: &Home,
        (command, author): (CommandId, DeviceId),
        rank: Option<Rank>,
        call: Call,
    ) {
        self.note_name(command, author, &call);
        if self.is_decided(&command) {
            return;
        }
        let turn = Turn { clock: call.clock, author, command };
        let home = home.clone();
        self.preview.insert(turn, Pending { call, home, rank, judged: None });
        let number = self.arrivals.last_key_value().map_or(0, |(last, _)| last + 1);
        self.arrivals.insert(number, command);
        self.arrived.insert(command, number);
    }

    /// Takes in a command of this device's own that can't go, as it may not read the bucket any more.
    pub fn take_stuck(&mut self, home: &Home, command: CommandId, call: Call) {
        self.note_name(command, self.me, &call);
        if !self.is_decided(&command) {
            self.stuck.insert(command, (home.clone(), call));
        }
    }

    /// Takes in that an author takes a command back.
    pub fn take_cancel(&mut self, command: CommandId) {
        if !self.is_decided(&command)
            && let Some(pending) = self.preview.drop(&command)
        {
            self.cancelled.insert(command, pending.home);
        }
    }

    /// Takes in a decision by whoever decides, or the part of it that stands in the ledger of a bucket. One that comes too
    /// early waits for those in front of it, and for its other parts.
    pub fn take_decision(&mut self, home: &Home, decision: Decision) {
        let volume = self.volumes.entry(home.ledger).or_insert_with(|| Volume::new(home));
        if decision.place <= volume.place || volume.waiting.contains_key(&decision.place) {
            return self.contradict(decision.order);
        }
        if volume.waiting.len() < MAX_WAITING {
            volume.waiting.insert(decision.place, decision);
        }
        self.advance(home.ledger);
    }

    /// Two decisions of one place are here.
    fn contradict(&mut self, order: u64) {
        tracing::error!(order, "two decisions of one place: nothing is confirmed any more");
        self.contradicted = Some(self.contradicted.map_or(order, |before| before.min(order)));
    }

    /// Takes in what waits in a ledger and is whole, and what waits in others for that.
    fn advance(&mut self, ledger: DocumentId) {
        let mut ledgers = vec![ledger];
        while !self.is_faulty()
            && let Some(ledger) = ledgers.pop()
        {
            let Some(whole) = self.next_whole(&ledger) else { continue };
            let order = self.volumes[&ledger].peek().map_or(0, |next| next.order);
            let parts = whole.iter().filter_map(|ledger| self.volumes.get_mut(ledger)?.next());
            let parts: Vec<_> = parts.collect();
            match parts.len() == whole.len() {
                true => self.apply(&parts),
                false => self.contradict(order),
            }
            ledgers.extend(whole);
        }
    }

    /// The ledgers in which the parts of the next decision stand that one ledger waits for, if all are here that this
    /// device may read.
    fn next_whole(&self, ledger: &DocumentId) -> Option<Vec<DocumentId>> {
        let next = self.volumes.get(ledger)?.peek()?;
        let mut whole = vec![*ledger];
        for (other, place) in next.others.iter().filter(|(other, _)| self.scope.reads(other)) {
            let volume = self.volumes.get(other)?;
            match volume.peek() {
                _ if volume.place >= *place => {}
                Some(part) if part.place == *place => whole.push(*other),
                _ => return None,
            }
        }
        Some(whole)
    }

    /// Takes in that a task is done.
    pub fn take_done(&mut self, task: TaskId) {
        self.tasks.finish(task, task.order <= self.order);
    }

    /// Forgets all, to be folded from the start of its log again: what counts of it is other than it was.
    pub fn start_over(&mut self) {
        let scope = std::mem::replace(&mut self.scope, Scope::all());
        let mut hearing = std::mem::replace(&mut self.hearing, Hearing::new());
        hearing.start_over();
        let mut foresight = std::mem::take(&mut self.foresight);
        for (turn, pending) in self.preview.pending().filter(|(turn, _)| turn.author != self.me) {
            foresight.remember(turn.command, pending);
        }
        let anew = Self::new(self.registry.clone(), self.me, self.space);
        *self = Self { scope, hearing, foresight, ..anew };
    }

    /// Runs what has not run, and again what runs on something that changed, and tells what came of this device's commands;
    /// says whether what is shown may be another.
    pub fn settle(&mut self) -> bool {
        let Self { hearing, names, volumes, .. } = self;
        let told = hearing.tell(names, || open(volumes));
        let shown = self.preview.settle(&self.registry, (&self.confirmed, &self.homes));
        self.foresight.is_shown();
        told || shown
    }

    /// Up to so many undecided commands that are `ready`, in the order in which they came; one that is not holds up those
    /// behind it on its chain. Ready ones come with their authors.
    pub fn ready(
        &self,
        limit: usize,
        ready: impl Fn(&CommandId) -> Option<DeviceId>,
    ) -> Vec<(CommandId, DeviceId)> {
        let mut held_up = BTreeSet::new();
        let ready = |command: &CommandId| {
            let author = ready(command).filter(|_| !held_up.contains(&command.chain));
            if author.is_none() {
                held_up.insert(command.chain);
            }
            Some((*command, author?))
        };
        self.arrivals.values().filter_map(ready).take(limit).collect()
    }

    /// Whether this program can decide: it knows commands, and nothing contradicts itself.
    pub fn can_decide(&self) -> bool {
        !self.registry.is_empty() && !self.is_faulty() && self.is_whole()
    }

    /// Whether no decision waits for others, and all have all parts that this device may read.
    pub fn is_whole(&self) -> bool {
        self.volumes.values().all(|volume| volume.waiting.is_empty()) && self.has_all_told_of()
    }

    /// Whether all is in that was decided before the last decision: each stands upon all before it.
    pub(crate) fn is_gapless(&self) -> bool {
        self.beyond.is_empty()
    }

    /// Whether a decision that stands in a ledger is not to be relied on: it waits for others, or for its other parts, or is
    /// contradicted, or comes after one that is, or that is not here.
    pub(crate) fn doubts(&self, ledger: &DocumentId, decision: &Decision) -> bool {
        let volume = self.volumes.get(ledger);
        let waits = volume.is_some_and(|it| it.waiting.get(&decision.place) == Some(decision));
        let contradicted = self.contradicted.is_some_and(|order| decision.order >= order);
        waits || contradicted || decision.order > self.row
    }

    /// Whether this device has all parts of what is in. Of ledgers that it came to read later, they come later.
    pub(crate) fn has_all_told_of(&self) -> bool {
        let place = |ledger| self.volumes.get(ledger).map_or(0, |volume| volume.place);
        let read = self.told.iter().filter(|(ledger, _)| self.scope.reads(ledger));
        read.into_iter().all(|(ledger, told)| place(ledger) >= *told)
    }

    /// Begins to decide upon what is [`ready`](Self::ready). Who may read which bucket, `reads` says.
    pub fn draft<'a>(&'a self, reads: &'a dyn Fn(&DeviceId, &Bucket) -> bool) -> Draft<'a> {
        Draft::of(self, reads)
    }

    pub(super) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The bucket of a command that its author takes back.
    pub fn cancelled_in(&self, command: &CommandId) -> Option<&Home> {
        self.cancelled.get(command)
    }

    /// The bucket of a command that is not decided.
    pub fn home_of(&self, command: &CommandId) -> Option<&Home> {
        self.preview.get(command).map(|(_, pending)| &pending.home)
    }

    /// A bucket, with its ledger in this space.
    pub fn home(&self, bucket: Bucket) -> Home {
        let ledger = match bucket.is_common() {
            true => self.homes.common().ledger,
            false => Label::ledger(&bucket).document(&self.space),
        };
        Home { bucket, ledger }
    }

    /// The bucket that a command says that it travels in, if the program knows it.
    pub fn bucket_of(&self, name: &str, version: u32, fields: &Value) -> Option<Bucket> {
        self.registry.bucket_of_call(name, version, fields)
    }

    /// Where a ledger ends: the place of its last decision, and the hash of that.
    pub(super) fn end(&self, ledger: &DocumentId) -> (u64, Hash) {
        let end = self.volumes.get(ledger).map(|volume| (volume.place, volume.last));
        end.unwrap_or((0, Hash([0; 32])))
    }

    /// A command that is not decided, as it was given.
    pub fn undecided(&self, command: &CommandId) -> Option<&Call> {
        self.preview.get(command).map(|(_, pending)| &pending.call)
    }

    /// Whether a command was decided, as far as is known here.
    pub fn is_decided(&self, command: &CommandId) -> bool {
        self.decided.get(&command.chain).is_some_and(|number| command.number <= *number)
    }

    fn note_name(&mut self, command: CommandId, author: DeviceId, call: &Call) {
        if author == self.me {
            self.names.insert(command, call.name.clone());
        }
    }

    /// Takes in a decision, all of it that this device may read.
    fn apply(&mut self, parts: &[(Home, Decision)]) {
        let Some((_, first)) = parts.first() else { return };
        let (order, command) = (first.order, first.command);
        let each = parts.iter().map(|(home, part)| (home, part));
        let changes = apply(&mut self.confirmed, &mut self.homes, each);
        self.order = self.order.max(order);
        self.beyond.extend((order > self.row).then_some(order));
        while self.beyond.remove(&(self.row + 1)) {
            self.row += 1;
        }
        let decided = self.decided.entry(command.chain).or_default();
        *decided = command.number.max(*decided);
        self.cancelled.remove(&command);
        if let Some(number) = self.arrived.remove(&command) {
            self.arrivals.remove(&number);
        }
        self.foresee(parts);
        let pending = self.preview.get(&command).map(|(_, pending)| &pending.call);
        let stuck = self.stuck.remove(&command).map(|(_, call)| call);
        let fields = pending.or(stuck.as_ref()).map(|call| call.fields.clone());
        self.preview.decided(&command, &changes, order);
        for (home, part) in parts {
            for (other, place) in &part.others {
                let told = self.told.entry(*other).or_default();
                *told = (*told).max(*place);
            }
            self.tasks.take(home, part);
            // Who gave a command in another bucket hears of it in their own.
            if home.bucket.is_common() || home.bucket.owner() == Some(self.me) {
                self.answer(part, &fields);
            }
        }
    }

    fn answer(&mut self, part: &Decision, fields: &Option<Value>) {
        let at = Some(part.at);
        let answer =
            |command, fields, news| Answer { command, name: String::new(), fields, at, news };
        if let Some(verdict) = part.verdict.clone().filter(|_| part.author == self.me) {
            let answer = answer(part.command, fields.clone(), News::Verdict(verdict));
            self.hearing.say(part.order, answer);
        }
        for (stamp, revision) in part.news.iter().filter(|(stamp, _)| stamp.author == self.me) {
            let answer = answer(stamp.command, None, News::Revision(revision.clone()));
            self.hearing.say(part.order, answer);
        }
    }

    /// What somebody else asked for is decided: if it was shown before, whoever has seen that hears of it.
    fn foresee(&mut self, parts: &[(Home, Decision)]) {
        let Some((_, Decision { command, author, at, .. })) = parts.first() else { return };
        let Some((_, pending)) = self.preview.get(command).filter(|_| *author != self.me) else {
            return;
        };
        let said = parts.iter().filter(|(home, _)| *home == pending.home);
        let verdict = said.filter_map(|(_, part)| part.verdict.clone()).next();
        let (Some(predicted), Some(verdict)) = (self.foresight.of(command, pending), verdict)
        else {
            return;
        };
        let (name, fields) = (pending.call.name.clone(), pending.call.fields.clone());
        let (command, author, at) = (*command, *author, *at);
        self.foresight.tell(Foreseen { command, author, name, fields, predicted, at, verdict });
    }
}

/// The commands about which decisions say something that are not in yet.
fn open(volumes: &BTreeMap<DocumentId, Volume>) -> BTreeSet<CommandId> {
    let waiting = volumes.values().flat_map(|volume| volume.waiting.values());
    let about = waiting
        .flat_map(|part| part.news.iter().map(|(stamp, _)| stamp.command).chain([part.command]));
    about.collect()
}
