//! What was said of each spot last, as far as it was heard here, and until when it counts.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::SteadyTime;
use crate::id::DeviceId;
use crate::presence::{SILENCE, Spot, Statement, Version};
use crate::space::allowance::Bucket;
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
    rate: Bucket,
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
            rate: Bucket::full(limits.presence_rate, now),
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
