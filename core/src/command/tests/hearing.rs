//! What an app is told, whatever is folded anew, acknowledged or forgotten in between.

use std::collections::{BTreeMap, BTreeSet};

use quickcheck::{Arbitrary, Gen, quickcheck};

use super::kit::{Step, act, command, common, decide, device, ledger, rank};
use crate::clock::WallTime;
use crate::command::hearing::Hearing;
use crate::command::{Answer, CommandId, Decision, Heard, Ledger, News, Revision, Seen, Verdict};
use crate::record::{Claim, RowId, Value};

/// An answer was named by its place among all. When an anchor was removed, and what it had decided after that was taken
/// back, others came to these places: an app that had acknowledged the first answer never heard what became of the first
/// instead.
#[test]
fn what_is_decided_otherwise_is_told_once_and_as_a_revision() {
    let (first, second) = two_anchors();
    let mut mine = device_with(&[&first]);
    assert_eq!(told(&mine), ["accepted"]);
    let heard = mine.acknowledge(0).expect("it was not acknowledged before");
    mine.start_over();
    take(&mut mine, &[&second.0, &second.1]);
    assert_eq!(told(&mine), ["accepted", "revoked: now it is refused: Text(\"board 0 is there\")"]);
    assert!(mine.acknowledge(0).is_none(), "it was acknowledged already");
    // Killed before it has acknowledged the second, the app hears that again, and nothing else.
    let mut again = ledger(0);
    again.restore_heard(BTreeMap::from([heard]));
    take(&mut again, &[&second.0, &second.1]);
    let unheard: Vec<_> = again.told().iter().filter(|told| !told.acknowledged).collect();
    assert!(
        matches!(unheard[..], [told] if matches!(told.answer.news, News::Revoked { now: Some(_) }))
    );
    let heard = again.acknowledge(0).expect("it was not acknowledged before");
    let mut later = ledger(0);
    later.restore_heard(BTreeMap::from([heard]));
    take(&mut later, &[&second.0, &second.1]);
    assert!(later.told().iter().all(|told| told.acknowledged));
}

#[test]
fn what_is_not_decided_any_more_is_told_and_so_is_what_comes_of_it() {
    let (first, _) = two_anchors();
    let mut mine = device_with(&[&first]);
    mine.start_over();
    take(&mut mine, &[]);
    assert_eq!(told(&mine), ["accepted", "revoked: it is not decided any more"]);
    assert_eq!((mine.verdict(&command(0, 1)), mine.outbox().count()), (None, 1));
    let again = Decision { at: WallTime(9), ..first };
    take_decision(&mut mine, &again);
    assert_eq!(told(&mine)[2..], ["revoked: now it is accepted"]);
}

/// A decision of the first anchor, and the two of a second that had heard of something else before.
fn two_anchors() -> (Decision, (Decision, Decision)) {
    let call = || act(&[Step::RefuseIfThere(0)], Seen::default(), 1);
    let first = decide(&mut ledger(9), 0, 1, call());
    let mut second = ledger(9);
    let other = decide(&mut second, 1, 1, act(&[Step::Put(0, 5)], Seen::default(), 1));
    (first, (other, decide(&mut second, 0, 1, call())))
}

fn device_with(decisions: &[&Decision]) -> Ledger {
    let mut mine = ledger(0);
    take(&mut mine, decisions);
    mine
}

/// Folds the device's command and these decisions.
fn take(mine: &mut Ledger, decisions: &[&Decision]) {
    let call = act(&[Step::RefuseIfThere(0)], Seen::default(), 1);
    mine.take_call(&common(), (command(0, 1), device(0)), rank(0), call);
    decisions.iter().for_each(|decision| mine.take_decision(&common(), (*decision).clone()));
    mine.settle();
}

fn take_decision(mine: &mut Ledger, decision: &Decision) {
    mine.take_decision(&common(), decision.clone());
    mine.settle();
}

fn told(mine: &Ledger) -> Vec<String> {
    mine.answers().map(|answer| answer.news.to_string()).collect()
}

/// Something that befalls a device.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// Something is said of a command.
    Said(u64, i64),
    Told,
    /// The app acknowledges the first answer that it has not.
    Acknowledged,
    FoldedAnew,
    Restarted,
}

impl Arbitrary for Event {
    fn arbitrary(g: &mut Gen) -> Self {
        let small = |g: &mut Gen| u8::arbitrary(g) % 3;
        match u8::arbitrary(g) % 12 {
            0..5 => Self::Said(small(g).into(), small(g).into()),
            5..7 => Self::Told,
            7..10 => Self::Acknowledged,
            10 => Self::FoldedAnew,
            _ => Self::Restarted,
        }
    }
}

/// A device and its app.
struct World {
    hearing: Hearing,
    names: BTreeMap<CommandId, String>,
    /// What was said in this fold: of each command the first is the verdict.
    said: Vec<(CommandId, i64)>,
    /// What the app has acknowledged, and what was kept of that.
    diary: Vec<(CommandId, News)>,
    kept: BTreeMap<CommandId, Heard>,
}

impl World {
    fn new() -> Self {
        let names = (0..3).map(|number| (command(0, number), "act".to_owned())).collect();
        let (said, diary, kept) = (Vec::new(), Vec::new(), BTreeMap::new());
        Self { hearing: Hearing::new(), names, said, diary, kept }
    }

    fn befalls(&mut self, event: Event) {
        match event {
            Event::Said(number, what) if !self.said.contains(&(command(0, number), what)) => {
                self.said.push((command(0, number), what));
                self.says(self.said.len() - 1);
            }
            Event::Said(..) => {}
            Event::Told => self.tells(),
            Event::Acknowledged => {
                let next = self.hearing.told().iter().position(|told| !told.acknowledged);
                let Some(number) = next else { return };
                let answer = self.hearing.told()[number].answer.clone();
                self.diary.push((answer.command, answer.news));
                self.kept.extend(self.hearing.acknowledge(number));
            }
            Event::FoldedAnew => {
                self.hearing.start_over();
                self.said.clear();
            }
            Event::Restarted => {
                self.hearing = Hearing::new();
                self.hearing.restore(self.kept.clone());
                (0..self.said.len()).for_each(|at| self.says(at));
            }
        }
    }

    fn says(&mut self, at: usize) {
        let (command, what) = self.said[at];
        let first = self.said[..at].iter().all(|(other, _)| *other != command);
        let news =
            if first { News::Verdict(verdict(what)) } else { News::Revision(revision(what)) };
        let answer = Answer { command, name: String::new(), fields: None, at: None, news };
        self.hearing.say(at as u64, answer);
    }

    fn tells(&mut self) {
        self.hearing.tell(&self.names, BTreeSet::new);
    }

    /// What the app makes of all that it was told.
    fn believed(&self) -> Result<BTreeMap<CommandId, Vec<News>>, &'static str> {
        let unheard = self.hearing.told().iter().filter(|told| !told.acknowledged);
        let unheard = unheard.map(|told| (told.answer.command, told.answer.news.clone()));
        let mut believed: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (command, news) in self.diary.iter().cloned().chain(unheard) {
            let known = believed.contains_key(&command);
            let so_far = believed.entry(command).or_default();
            match news {
                News::Verdict(_) if known => return Err("a second verdict"),
                News::Verdict(_) => so_far.push(news),
                News::Revision(_) if so_far.is_empty() => return Err("a revision of nothing"),
                News::Revision(_) => so_far.push(news),
                News::Revoked { .. } if !known => return Err("nothing was there to be revoked"),
                News::Revoked { now } => {
                    *so_far = now.map(News::Verdict).into_iter().collect();
                }
            }
        }
        believed.retain(|_, news| !news.is_empty());
        Ok(believed)
    }

    /// What the app should believe.
    fn stands(&self) -> BTreeMap<CommandId, Vec<News>> {
        let mut stands: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (command, what) in &self.said {
            let so_far = stands.entry(*command).or_default();
            so_far.push(match so_far.is_empty() {
                true => News::Verdict(verdict(*what)),
                false => News::Revision(revision(*what)),
            });
        }
        stands
    }
}

fn verdict(what: i64) -> Verdict {
    Verdict::Accepted { output: Value::Int(what) }
}

fn revision(what: i64) -> Revision {
    let by = Claim { value: Value::Int(what), by: None };
    Revision::Settled { place: RowId::new("boards", 1).field("rank"), by }
}

quickcheck! {
    /// Each verdict and each revision is told once and in order, and in the end the app believes what stands.
    fn an_app_believes_what_stands(events: Vec<Event>) -> Result<bool, &'static str> {
        let mut world = World::new();
        events.into_iter().for_each(|event| world.befalls(event));
        world.tells();
        let sorted = |mut all: BTreeMap<CommandId, Vec<News>>| {
            all.values_mut().for_each(|news| news[1..].sort_by_key(|news| format!("{news:?}")));
            all
        };
        Ok(sorted(world.believed()?) == sorted(world.stands()))
    }
}
