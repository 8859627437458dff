//! What holds of every stream of commands.

use quickcheck::{Arbitrary, Gen, quickcheck};

use super::kit::{ALL, Step, act, command, common, decide, device, ledger, only, rank};
use crate::clock::WallTime;
use crate::codec;
use crate::command::{Call, Decision, Ledger, Seen, Verdict};

/// Commands of three devices, what of them was taken back and decided, and how it all reached somebody.
#[derive(Clone, Debug)]
struct History {
    /// Whose each is, and what it does.
    calls: Vec<Given>,
    /// Whose next command is decided.
    decided: Vec<u8>,
    /// Chances, by which things come early or late.
    luck: Vec<u8>,
}

#[derive(Clone, Debug)]
struct Given {
    by: u8,
    steps: Vec<Step>,
    decided: u64,
    pending: Vec<(u8, u64)>,
    clock: u64,
    taken_back: bool,
}

/// Something that reaches a device.
#[derive(Clone, Debug)]
enum News {
    Call(u8, u64, Call),
    Cancel(u8, u64),
    Decision(Decision),
}

impl Arbitrary for Given {
    fn arbitrary(g: &mut Gen) -> Self {
        let steps = (0..1 + u8::arbitrary(g) % 3).map(|_| Step::arbitrary(g)).collect();
        let mut seen = || (u8::arbitrary(g) % 3, 1 + u64::from(u8::arbitrary(g) % 6));
        let pending = [seen(), seen()];
        let pending = pending[..usize::from(u8::arbitrary(g) % 3)].to_vec();
        Self {
            by: u8::arbitrary(g) % 3,
            steps,
            pending,
            decided: u64::from(u8::arbitrary(g) % 8),
            clock: u64::from(u8::arbitrary(g) % 16),
            taken_back: u8::arbitrary(g) % 8 == 0,
        }
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        let whole = self.clone();
        let shorter = (0..self.steps.len()).filter(move |_| whole.steps.len() > 1);
        let whole = self.clone();
        let shorter = shorter.map(move |at| {
            let mut less = whole.clone();
            less.steps.remove(at);
            less
        });
        let unseeing = Self { decided: 0, pending: Vec::new(), taken_back: false, ..self.clone() };
        let simpler =
            (self.decided > 0 || !self.pending.is_empty() || self.taken_back).then_some(unseeing);
        Box::new(shorter.chain(simpler))
    }
}

impl Arbitrary for History {
    fn arbitrary(g: &mut Gen) -> Self {
        let mut small = Gen::new(14);
        let authors = Vec::<u8>::arbitrary(&mut small);
        let decided = authors.into_iter().map(|author| author % 3).collect();
        let luck = (0..8).map(|_| u8::arbitrary(g)).collect();
        Self { calls: Vec::arbitrary(&mut small), decided, luck }
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        let (fewer, undecided) = (self.clone(), self.clone());
        let calm = self.clone();
        Box::new(
            self.calls
                .shrink()
                .map(move |calls| Self { calls, ..fewer.clone() })
                .chain(
                    self.decided.shrink().map(move |decided| Self { decided, ..undecided.clone() }),
                )
                .chain(self.luck.shrink().map(move |luck| Self { luck, ..calm.clone() })),
        )
    }
}

impl History {
    /// What was given, each device's in its order.
    fn given(&self) -> Vec<News> {
        let mut numbers = [0; 3];
        let mut clocks = [0; 3];
        let mut news = Vec::new();
        for given in &self.calls {
            let by = usize::from(given.by);
            numbers[by] += 1;
            clocks[by] = given.clock.max(clocks[by] + 1);
            let pending = given.pending.iter().map(|(n, number)| (command(*n, 0).chain, *number));
            let (decided, pending) = (given.decided, pending.collect());
            let seen = Seen { decided, pending, ..Seen::default() };
            news.push(News::Call(given.by, numbers[by], act(&given.steps, seen, clocks[by])));
            if given.taken_back {
                news.push(News::Cancel(given.by, numbers[by]));
            }
        }
        news
    }

    /// What an anchor makes of it.
    fn decisions(&self) -> Vec<Decision> {
        let mut anchor = ledger(9);
        self.given().iter().for_each(|news| tell(&mut anchor, news));
        let (mut numbers, mut draft) = ([0; 3], anchor.draft(ALL));
        let decide = |by: &u8| {
            numbers[usize::from(*by)] += 1;
            let number = numbers[usize::from(*by)];
            let at = WallTime(1_000_000 + number);
            draft.decide(command(*by, number), device(*by), rank(*by), at)
        };
        self.decided.iter().filter_map(decide).map(only).collect()
    }

    /// All that can be known, in the order in which it happened to reach somebody: only what a device gave comes in the
    /// order in which it was given.
    fn mixed(&self) -> Vec<News> {
        let mut sources: Vec<Vec<News>> = vec![Vec::new(); 3];
        for news in self.given() {
            let (News::Call(by, ..) | News::Cancel(by, _)) = news else { continue };
            sources[usize::from(by)].push(news);
        }
        let decisions = self.decisions().into_iter();
        sources.extend(decisions.map(|decision| vec![News::Decision(decision)]));
        sources.iter_mut().for_each(|source| source.reverse());
        let mut mixed = Vec::new();
        let mut luck = self.luck.iter().chain(std::iter::once(&0)).cycle();
        while !sources.is_empty() {
            let chosen = usize::from(*luck.next().expect("it never ends")) % sources.len();
            mixed.extend(sources[chosen].pop());
            sources.retain(|source| !source.is_empty());
        }
        mixed
    }
}

fn tell(ledger: &mut Ledger, news: &News) {
    match news {
        News::Call(by, number, call) => {
            let given = (command(*by, *number), device(*by));
            ledger.take_call(&common(), given, rank(*by), call.clone());
        }
        News::Cancel(by, number) => ledger.take_cancel(command(*by, *number)),
        News::Decision(decision) => ledger.take_decision(&common(), decision.clone()),
    }
}

/// Whether two devices show the same, and say the same of what they wait for.
fn agree(one: &Ledger, other: &Ledger) -> bool {
    let records = one.confirmed() == other.confirmed() && one.preview() == other.preview();
    records && one.outbox().eq(other.outbox())
}

quickcheck! {
    fn a_preview_is_what_a_run_from_the_start_would_show(history: History) -> bool {
        let (mut late, mut bit_by_bit) = (ledger(0), ledger(0));
        let decisions = history.decisions().into_iter().map(News::Decision);
        history.given().into_iter().chain(decisions).for_each(|news| tell(&mut late, &news));
        late.settle();
        for (at, news) in history.mixed().iter().enumerate() {
            tell(&mut bit_by_bit, news);
            if history.luck.get(at % 8).is_none_or(|luck| luck % 3 > 0) {
                bit_by_bit.settle();
            }
        }
        bit_by_bit.settle();
        agree(&late, &bit_by_bit)
    }

    fn the_same_commands_in_the_same_order_are_decided_in_the_same_bytes(history: History) -> bool {
        codec::encode(&history.decisions()) == codec::encode(&history.decisions())
    }

    fn who_follows_the_decisions_has_what_the_anchor_has(history: History) -> bool {
        let (mut anchor, mut follower) = (ledger(9), ledger(8));
        for (number, given) in history.calls.iter().enumerate() {
            let seen = Seen { decided: given.decided, ..Seen::default() };
            let call = act(&given.steps, seen, given.clock);
            follower.take_decision(&common(), decide(&mut anchor, given.by, number as u64 + 1, call));
        }
        anchor.settle();
        follower.settle();
        agree(&anchor, &follower) && !follower.is_faulty()
    }

    fn who_had_seen_everything_is_never_in_conflict(history: History, steps: Vec<Step>, by: u8) -> bool {
        let mut anchor = ledger(9);
        for (number, given) in history.calls.iter().enumerate() {
            let seen = Seen { decided: given.decided, ..Seen::default() };
            decide(&mut anchor, given.by, number as u64 + 1, act(&given.steps, seen, 0));
        }
        let seen = Seen { decided: anchor.decided(), ..Seen::default() };
        let verdict = decide(&mut anchor, by % 3, 1000, act(&steps, seen, 0)).verdict;
        matches!(verdict, Some(Verdict::Accepted { .. } | Verdict::Refused { .. }))
    }

    fn additions_come_to_the_same_in_every_order(steps: Vec<(u8, i8, bool)>, luck: Vec<u8>) -> bool {
        let run = |order: Vec<&(u8, i8, bool)>| {
            let mut anchor = ledger(9);
            for (number, (by, value, set)) in order.into_iter().enumerate() {
                let value = i64::from(*value);
                // One board has a set, the other a counter.
                let step = if *set { Step::Include(1, value) } else { Step::Add(0, value) };
                decide(&mut anchor, by % 3, number as u64 + 1, act(&[step], Seen::default(), 0));
            }
            let values = [0, 1].map(|key| {
                let row = crate::record::RowId::new("boards", key);
                anchor.confirmed().cell(&row.field("merge")).map(|cell| cell.value().clone())
            });
            format!("{values:?}")
        };
        let mut other: Vec<_> = steps.iter().collect();
        let mut luck = luck.into_iter().chain([1]).cycle();
        other.sort_by_cached_key(|_| luck.next());
        run(steps.iter().collect()) == run(other)
    }
}
