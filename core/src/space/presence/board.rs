//! What was said of each spot last, as far as it was heard here, and until when it counts.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::SteadyTime;
use crate::id::DeviceId;
use crate::presence::{SILENCE, Spot, Statement, Version};
use crate::space::allowance::Tokens;
use crate::space::limits::Limits;

/// How long a spot is remembered that shows nothing any more, so that what was said of it earlier, and comes late, is
/// told from news.
const MEMORY: Duration = Duration::from_secs(60);

/// What was said, by author.
#[derive(Debug, Default)]
pub(in crate::space) struct Board {
    authors: BTreeMap<DeviceId, Author>,
    bytes: u64,
}

#[derive(Debug)]
struct Author {
    /// Nothing of this author's that is not later than this is news, wherever it belongs.
    floor: Version,
    /// By topic and guest.
    heard: BTreeMap<(Arc<str>, u64), Heard>,
    bytes: u64,
    rate: Tokens,
}

/// The last word on a spot.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) statement: Statement,
    /// Until when it counts, if nothing more is heard.
    pub(super) until: SteadyTime,
    /// Whether it is shown: it counts, and is no farewell.
    shown: bool,
}

impl Board {
    /// Whether a statement is news that there is room for. Its author may say so much in a time, heard or not.
    pub(super) fn wants(
        &mut self,
        statement: &Statement,
        limits: &Limits,
        now: SteadyTime,
    ) -> bool {
        let bytes = self.bytes;
        let author = self.author(&statement.spot.device, limits, now);
        author.is_news(statement)
            && author.rate.take(1, limits.presence_rate, now)
            && author.make_room(statement, bytes, limits)
    }

    /// Keeps the last word on a spot; says whether that changes what is shown.
    pub(super) fn keep(
        &mut self,
        statement: Statement,
        until: SteadyTime,
        limits: &Limits,
        now: SteadyTime,
    ) -> bool {
        let author = self.author(&statement.spot.device, limits, now);
        let before = author.bytes;
        let (key, shown) = (key(&statement.spot), !statement.is_farewell());
        let state = statement.state.clone();
        author.bytes += statement.bytes() as u64;
        let earlier = author.heard.insert(key, Heard { statement, until, shown });
        author.bytes -= earlier.as_ref().map_or(0, |heard| heard.statement.bytes() as u64);
        let after = author.bytes;
        self.bytes = self.bytes + after - before;
        match earlier {
            Some(earlier) => earlier.shown != shown || shown && earlier.statement.state != state,
            None => shown,
        }
    }

    /// The last word on a spot, while it counts.
    pub(super) fn get(&self, spot: &Spot, now: SteadyTime) -> Option<&Heard> {
        let heard = self.authors.get(&spot.device)?.heard.get(&key(spot));
        heard.filter(|heard| heard.until > now)
    }

    /// All that counts: what is shown, and farewells of which some may not have heard.
    pub(super) fn all(&self, now: SteadyTime) -> impl Iterator<Item = &Statement> {
        let heard = self.authors.values().flat_map(|author| author.heard.values());
        heard.filter(move |heard| heard.until > now).map(|heard| &heard.statement)
    }

    /// What is shown in a topic.
    pub(super) fn shown(&self, topic: &Arc<str>) -> impl Iterator<Item = &Statement> {
        let range = in_topic(topic);
        let heard = self.authors.values().flat_map(move |author| author.heard.range(range.clone()));
        heard.filter(|(_, heard)| heard.shown).map(|(_, heard)| &heard.statement)
    }

    /// Whether there is anything of which time makes something else.
    pub(super) fn is_empty(&self) -> bool {
        self.authors.values().all(|author| author.heard.is_empty())
    }

    /// Time has passed. Gives the topics of what is not shown any more.
    pub(super) fn sweep(&mut self, now: SteadyTime) -> Vec<Arc<str>> {
        let mut gone = Vec::new();
        for author in self.authors.values_mut() {
            for ((topic, _), heard) in &mut author.heard {
                if heard.shown && heard.until <= now {
                    heard.shown = false;
                    gone.push(topic.clone());
                }
            }
            let before = author.bytes;
            author.forget(|heard| !heard.shown && now.since(heard.until) >= MEMORY);
            self.bytes = self.bytes + author.bytes - before;
        }
        gone
    }

    /// Nothing that these authors said counts any more. Gives the topics in which they were shown.
    pub(super) fn part_with(&mut self, whom: impl Fn(&DeviceId) -> bool) -> Vec<Arc<str>> {
        let mut topics = Vec::new();
        for (_, author) in self.authors.iter_mut().filter(|(device, _)| whom(device)) {
            let shown = author.heard.iter().filter(|(_, heard)| heard.shown);
            topics.extend(shown.map(|((topic, _), _)| topic.clone()));
            self.bytes -= author.bytes;
            author.forget(|_| true);
        }
        topics
    }

    fn author(&mut self, device: &DeviceId, limits: &Limits, now: SteadyTime) -> &mut Author {
        self.authors.entry(*device).or_insert_with(|| Author {
            floor: Version::default(),
            heard: BTreeMap::new(),
            bytes: 0,
            rate: Tokens::full(limits.presence_rate, now),
        })
    }
}

impl Author {
    fn is_news(&self, statement: &Statement) -> bool {
        let held = self.heard.get(&key(&statement.spot)).map(|heard| heard.statement.version);
        statement.version > self.floor.max(held.unwrap_or_default())
    }

    /// Whether there is room for a statement, where spots that show nothing make way if they must.
    fn make_room(&mut self, statement: &Statement, all: u64, limits: &Limits) -> bool {
        let key = key(&statement.spot);
        let held = self.heard.get(&key).map_or(0, |heard| heard.statement.bytes() as u64);
        let more = (statement.bytes() as u64).saturating_sub(held);
        if all + more > limits.presence_bytes || self.bytes + more > limits.author_presence_bytes {
            return false;
        }
        let crowded = |author: &Self| {
            !author.heard.contains_key(&key) && author.heard.len() as u64 >= limits.author_presences
        };
        if crowded(self) {
            self.forget(|heard| !heard.shown);
        }
        !crowded(self)
    }

    /// Lets go of some spots. What comes late of them is told by their author's floor from then on, which may be too high
    /// for what is under way of other spots: that is made good by what comes after it.
    fn forget(&mut self, which: impl Fn(&Heard) -> bool) {
        for (_, heard) in self.heard.extract_if(.., |_, heard| which(heard)) {
            self.floor = self.floor.max(heard.statement.version);
            self.bytes -= heard.statement.bytes() as u64;
        }
    }
}

impl Heard {
    /// How long ago it was said, as far as that is known here.
    pub(super) fn age(&self, now: SteadyTime) -> Duration {
        SILENCE.saturating_sub(self.until.since(now))
    }
}

fn key(spot: &Spot) -> (Arc<str>, u64) {
    (spot.topic.clone(), spot.guest)
}

/// All guests of a topic.
pub(super) fn in_topic(topic: &Arc<str>) -> RangeInclusive<(Arc<str>, u64)> {
    (topic.clone(), 0)..=(topic.clone(), u64::MAX)
}

#[cfg(test)]
mod tests {
    use quickcheck::quickcheck;

    use super::*;
    use crate::id::SpaceId;
    use crate::identity::DeviceKey;

    const SPACE: SpaceId = SpaceId([7; 32]);

    fn statement(guest: u64, count: u64, state: &[u8]) -> Statement {
        let key = DeviceKey::from_seed(&[1; 32]);
        let spot = Spot { device: key.id(), topic: "notes".into(), guest };
        Statement::sign(spot, Version { run: 1, count }, state.into(), &SPACE, &key)
    }

    fn at(seconds: u64) -> SteadyTime {
        SteadyTime(Duration::from_secs(seconds))
    }

    /// Takes a statement as a space does; says whether it was news.
    fn hear(board: &mut Board, statement: Statement, now: SteadyTime) -> bool {
        let limits = Limits { author_presences: 3, ..Limits::default() };
        let news = board.wants(&statement, &limits, now);
        if news {
            board.keep(statement, now + SILENCE, &limits, now);
        }
        news
    }

    fn shown(board: &Board) -> BTreeMap<u64, u64> {
        let topic = "notes".into();
        let shown = board.shown(&topic);
        shown.map(|statement| (statement.spot.guest, statement.version.count)).collect()
    }

    #[test]
    fn what_comes_late_of_a_spot_that_is_forgotten_is_no_news() {
        let mut board = Board::default();
        assert!(hear(&mut board, statement(0, 2, b"here"), at(0)));
        board.sweep(at(31));
        assert_eq!(shown(&board), BTreeMap::new());
        board.sweep(at(100));
        assert!(board.is_empty(), "it is not remembered any more");
        assert!(!hear(&mut board, statement(0, 1, b"late"), at(101)));
        assert!(hear(&mut board, statement(0, 3, b"back"), at(101)));
    }

    #[test]
    fn spots_that_show_nothing_make_way() {
        let mut board = Board::default();
        for guest in 0..3 {
            assert!(hear(&mut board, statement(guest, guest + 1, b"here"), at(0)));
        }
        assert!(!hear(&mut board, statement(3, 4, b"here"), at(0)), "three are shown");
        assert!(hear(&mut board, statement(0, 5, b""), at(0)));
        assert!(hear(&mut board, statement(3, 6, b"here"), at(0)));
        assert_eq!(shown(&board), BTreeMap::from([(1, 2), (2, 3), (3, 6)]));
        assert!(!hear(&mut board, statement(0, 4, b"late"), at(0)), "it had left");
    }

    quickcheck! {
        /// Whatever comes in whatever order, and however often: what is shown of a spot never gets older, and what was
        /// taken back does not come again. The limit makes the board forget.
        fn nothing_goes_back_in_time(steps: Vec<(u8, u8, u8)>) -> bool {
            let (mut board, mut now) = (Board::default(), 0);
            let mut newest: BTreeMap<u64, u64> = BTreeMap::new();
            for (guest, count, pause) in steps {
                now += if pause > 240 { u64::from(pause) } else { 0 };
                let (guest, count) = (u64::from(guest % 5), u64::from(count % 32) + 1);
                // Every number was said of one spot and no other, and every fourth was a farewell.
                if count % 5 != guest {
                    continue;
                }
                let state: &[u8] = if count.is_multiple_of(4) { b"" } else { b"here" };
                let news = hear(&mut board, statement(guest, count, state), at(now));
                board.sweep(at(now));
                let before = newest.get(&guest).copied().unwrap_or_default();
                if news && count <= before || shown(&board).get(&guest).is_some_and(|it| *it < before) {
                    return false;
                }
                if news {
                    newest.insert(guest, count);
                }
            }
            true
        }
    }
}
