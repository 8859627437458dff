//! What this device's app is told of its commands: each verdict and each revision once and in order, whatever is folded
//! anew.
//!
//! What was told is not taken back, and has a number for as long as the device runs. Where the ledgers are folded anew and
//! something of it does not stand any more, as whoever had decided it was not the one to decide, the app hears of that too,
//! with what stands instead. Across restarts an answer is known by its command and by what it says.

use std::collections::{BTreeMap, BTreeSet};

use bincode::{Decode, Encode};

use super::{Answer, CommandId, News, Verdict};
use crate::codec;
use crate::id::Hash;

/// What of all that was said of a command its app has dealt with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Heard {
    said: BTreeSet<Hash>,
    /// Whether a verdict was revoked that it had heard: the next is not the first.
    anew: bool,
}

/// An answer that the app is told.
#[derive(Clone, Debug)]
pub struct Told {
    /// What it is.
    pub answer: Answer,
    /// Whether the app has dealt with it.
    pub acknowledged: bool,
    /// What the app has heard of the command then.
    heard: Heard,
}

/// What was said of this device's commands, and what of it was told.
#[derive(Clone, Debug)]
pub(super) struct Hearing {
    told: Vec<Told>,
    /// Where in that the answers to each command are, and its last verdict.
    numbers: BTreeMap<CommandId, Vec<usize>>,
    verdicts: BTreeMap<CommandId, usize>,
    /// What was told of each command, in this run or before.
    heard: BTreeMap<CommandId, Heard>,
    /// What stands of it, by the decisions that are in.
    stands: BTreeMap<CommandId, BTreeSet<Hash>>,
    /// What was said and not told yet.
    fresh: Vec<Said>,
    /// All that was said since the ledgers were begun, until what was told before is compared with it.
    since: Option<Vec<Said>>,
    /// Whether what the app has dealt with in earlier runs is to be listed.
    relist: bool,
}

/// Something that a decision says.
#[derive(Clone, Debug)]
struct Said {
    /// The place of the decision among all.
    order: u64,
    digest: Hash,
    answer: Answer,
}

impl Hearing {
    pub(super) fn new() -> Self {
        Self {
            told: Vec::new(),
            numbers: BTreeMap::new(),
            verdicts: BTreeMap::new(),
            heard: BTreeMap::new(),
            stands: BTreeMap::new(),
            fresh: Vec::new(),
            since: Some(Vec::new()),
            relist: true,
        }
    }

    /// All that was told, in that order.
    pub(super) fn told(&self) -> &[Told] {
        &self.told
    }

    /// The verdict that stands, as it was told.
    pub(super) fn verdict(&self, command: &CommandId) -> Option<&Verdict> {
        self.told[*self.verdicts.get(command)?].answer.news.verdict()
    }

    /// What the app had dealt with before this run.
    pub(super) fn restore(&mut self, heard: BTreeMap<CommandId, Heard>) {
        self.heard = heard;
    }

    /// The app has dealt with an answer, and with those before it to the same command. Gives what it has heard of that, if
    /// that is news.
    pub(super) fn acknowledge(&mut self, number: usize) -> Option<(CommandId, Heard)> {
        let Told { answer, acknowledged: false, heard } = self.told.get(number)? else {
            return None;
        };
        let (command, heard) = (answer.command, heard.clone());
        let numbers = self.numbers.get(&command).into_iter().flatten();
        for earlier in numbers.take_while(|earlier| **earlier <= number) {
            self.told[*earlier].acknowledged = true;
        }
        Some((command, heard))
    }

    /// A decision says something. It is told as soon as it can be.
    pub(super) fn say(&mut self, order: u64, answer: Answer) {
        let digest = answer.news.digest();
        self.stands.entry(answer.command).or_default().insert(digest);
        let said = Said { order, digest, answer };
        if let Some(since) = &mut self.since {
            since.push(said.clone());
        }
        self.fresh.push(said);
    }

    /// All decisions will be taken in again, as far as they count then.
    pub(super) fn start_over(&mut self) {
        self.stands.clear();
        self.fresh.clear();
        self.since = Some(Vec::new());
    }

    /// Tells what was said, in the order in which it was decided; says whether there was anything. What waits for its
    /// command's name, or for the verdict, is told later. `open` are the commands of which decisions say something that wait
    /// for others.
    pub(super) fn tell(
        &mut self,
        names: &BTreeMap<CommandId, String>,
        open: impl FnOnce() -> BTreeSet<CommandId>,
    ) -> bool {
        let before = self.told.len();
        if let Some(since) = self.since.take() {
            self.compare(since, names, &open());
        }
        let relist = std::mem::take(&mut self.relist);
        let mut fresh = std::mem::take(&mut self.fresh);
        fresh.sort_by_key(|said| said.order);
        for Said { order, digest, mut answer } in fresh {
            let follows = self.verdicts.contains_key(&answer.command);
            match names.get(&answer.command) {
                Some(name) if follows || answer.news.verdict().is_some() => {
                    answer.name.clone_from(name);
                    self.take(digest, answer, relist);
                }
                _ => self.fresh.push(Said { order, digest, answer }),
            }
        }
        self.told.len() > before
    }

    /// Where something was told that does not stand any more, all that stands of that command is told again.
    fn compare(
        &mut self,
        since: Vec<Said>,
        names: &BTreeMap<CommandId, String>,
        open: &BTreeSet<CommandId>,
    ) {
        let mut lost = BTreeSet::new();
        for (command, heard) in &mut self.heard {
            let stands = self.stands.get(command);
            let stands = |digest: &Hash| stands.is_some_and(|stands| stands.contains(digest));
            if !open.contains(command) && !heard.said.iter().all(stands) {
                *heard = Heard { said: BTreeSet::new(), anew: true };
                lost.insert(*command);
            }
        }
        let is_lost = |said: &Said| lost.contains(&said.answer.command);
        self.fresh.retain(|said| !is_lost(said));
        self.fresh.extend(since.iter().filter(|said| is_lost(said)).cloned());
        let decided = self.fresh.iter().filter(|said| said.answer.news.verdict().is_some());
        let decided: BTreeSet<_> = decided.map(|said| said.answer.command).collect();
        for command in lost.difference(&decided).copied() {
            let name = names.get(&command).cloned().unwrap_or_default();
            let news = News::Revoked { now: None };
            self.push(Answer { command, name, fields: None, at: None, news }, false);
        }
        // What is open may turn out to stand.
        self.since = (!open.is_empty()).then_some(since);
    }

    fn take(&mut self, digest: Hash, mut answer: Answer, relist: bool) {
        let heard = self.heard.entry(answer.command).or_default();
        let known = !heard.said.insert(digest);
        if known && !relist {
            return;
        }
        answer.news = match answer.news {
            News::Verdict(verdict) if heard.anew && !known => News::Revoked { now: Some(verdict) },
            news => news,
        };
        self.push(answer, known);
    }

    fn push(&mut self, answer: Answer, acknowledged: bool) {
        let (number, command) = (self.told.len(), answer.command);
        match &answer.news {
            News::Verdict(_) | News::Revoked { now: Some(_) } => {
                self.verdicts.insert(command, number);
            }
            News::Revoked { now: None } => _ = self.verdicts.remove(&command),
            News::Revision(_) => {}
        }
        self.numbers.entry(command).or_default().push(number);
        let heard = self.heard.get(&command).cloned().unwrap_or_default();
        self.told.push(Told { answer, acknowledged, heard });
    }
}

impl News {
    /// Tells it apart from all else that may be said of the same command. The same, decided by another anchor, is no news.
    fn digest(&self) -> Hash {
        let said = match self.clone() {
            Self::Verdict(mut verdict) => {
                verdict.losses_mut().iter_mut().for_each(|loss| loss.to.undate());
                codec::encode(&(0_u8, verdict))
            }
            Self::Revision(mut revision) => {
                revision.claim_mut().undate();
                codec::encode(&(1_u8, revision))
            }
            Self::Revoked { now } => codec::encode(&(2_u8, now)),
        };
        Hash::of("driftline answer 1", &[&said])
    }
}
