//! Whatever people do to a roster, entitled or not and knowing of one another or not: all who hear of it come to the
//! same members, in whatever order they hear.

use std::collections::BTreeMap;

use driftline_core::clock::WallTime;
use driftline_core::codec;
use driftline_core::id::{ChainId, DeviceId, SpaceId};
use driftline_core::identity::DeviceKey;
use driftline_core::log::{ChainHead, EntryKind, Frontier, Point, Segment, SegmentBuilder, Tip};
use driftline_core::roster::{Act, Genesis, Invitation, Role, Roster, Ticket};
use driftline_core::space::roster_document;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

const PEOPLE: u8 = 5;

/// What the outcome costs grows with about the square of the deeds.
const MAX_STEPS: usize = 32;

type Log = Vec<(DeviceId, Segment)>;

/// Somebody with a roster and a chain of their own in its log.
struct Person {
    key: DeviceKey,
    roster: Roster,
    end: Option<(ChainId, Tip)>,
}

/// All that happens: who does what, and what they have to do it with.
struct World {
    genesis: Genesis,
    people: Vec<Person>,
    log: Log,
    tickets: Vec<Ticket>,
    time: u64,
}

/// Takes steps of four bytes: what, who, to whom, and how. What is left over at the end is an entry's payload as it is.
/// Says how many entries were written.
pub(crate) fn roster(case: &[u8]) -> usize {
    let mut world = World::new();
    let (steps, rest) = case.as_chunks::<4>();
    steps.iter().take(MAX_STEPS).for_each(|step| world.step(*step));
    world.writes(0, rest);
    world.is_agreed_upon(case);
    world.log.len()
}

impl World {
    fn new() -> Self {
        let founder = DeviceKey::from_seed(&[0; 32]);
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let genesis = Genesis::new("kitchen", &founder, WallTime(0), &mut rng);
        let people = (0..PEOPLE).map(|n| Person {
            key: DeviceKey::from_seed(&[n; 32]),
            roster: Roster::new(genesis.clone()),
            end: None,
        });
        let people = people.collect();
        Self { genesis, people, log: Vec::new(), tickets: Vec::new(), time: 10 }
    }

    fn step(&mut self, [what, who, whom, how]: [u8; 4]) {
        let (who, whom) = (usize::from(who % PEOPLE), usize::from(whom % PEOPLE));
        let device = self.people[whom].key.id();
        let role = [Role::Reader, Role::Writer, Role::Anchor, Role::Admin][usize::from(how % 4)];
        self.time += u64::from(how / 64);
        match what % 8 {
            0 | 1 => self.hears(who, whom),
            2 => self.issues(who, role, how),
            3 | 4 => {
                if let Some(ticket) = self.tickets.iter().rev().nth(usize::from(how % 3)) {
                    let request = ticket.request(&self.people[whom].key);
                    self.does(who, Act::Admit(Box::new(request)));
                }
            }
            5 => {
                let rank = (how > 99).then(|| "terminal".parse().expect("a word"));
                self.does(who, Act::Appoint { device, role, rank, cuts: cuts(how) });
            }
            6 => self.does(who, Act::Remove { device, cuts: cuts(how) }),
            _ => {
                if let Some(ticket) = self.tickets.last() {
                    let bearer = ticket.certificate().bearer();
                    self.does(who, Act::Close { bearer });
                }
            }
        }
    }

    /// Somebody hears all that another one wrote.
    fn hears(&mut self, who: usize, whom: usize) {
        let author = self.people[whom].key.id();
        let theirs = self.log.iter().filter(|(by, _)| *by == author);
        self.people[who].roster.take(theirs.map(|(by, segment)| (*by, segment)));
    }

    fn issues(&mut self, who: usize, role: Role, how: u8) {
        let Person { key, roster, .. } = &self.people[who];
        let expires = WallTime(self.time + u64::from(how % 8));
        let invitation = Invitation { role, rank: None, expires, seen: roster.heads() };
        let mut rng = ChaCha8Rng::seed_from_u64(self.tickets.len() as u64);
        let space = self.genesis.space();
        self.tickets.push(Ticket::issue(space, key, invitation, Vec::new(), &mut rng));
    }

    fn does(&mut self, who: usize, act: Act) {
        let entry = codec::encode(&self.people[who].roster.entry(act));
        self.writes(who, &entry);
    }

    fn writes(&mut self, who: usize, payload: &[u8]) {
        let (space, now) = (self.genesis.space(), WallTime(self.time));
        let person = &mut self.people[who];
        let mut builder = match person.end {
            Some((chain, tip)) => SegmentBuilder::behind(chain, tip),
            None => SegmentBuilder::opening(person.head(space, now)),
        };
        builder.push(EntryKind::ROSTER, payload, now);
        let tip = builder.tip();
        let segment = builder.seal(&person.key);
        person.end = Some((segment.chain, tip));
        person.roster.take([(person.key.id(), &segment)]);
        self.log.push((person.key.id(), segment));
    }

    /// Everybody who hears of everything says the same.
    fn is_agreed_upon(&self, case: &[u8]) {
        let in_order = self.told(&self.log);
        let said = Said::by(&in_order);
        let mut by_author = self.log.clone();
        by_author.sort_by_key(|(author, _)| std::cmp::Reverse(*author));
        assert_eq!(Said::by(&self.told(&by_author)), said, "told author by author");
        assert_eq!(Said::by(&self.told(&self.shuffled(case))), said, "told in another order");
        assert_eq!(Said::by(&self.told_one_by_one()), said, "told one by one");

        let authors: BTreeMap<_, _> =
            self.log.iter().map(|(author, segment)| (segment.chain, *author)).collect();
        let whole = in_order.segments().into_iter();
        let whole: Log = whole.map(|segment| (authors[&segment.chain], segment)).collect();
        assert_eq!(Said::by(&self.told(&whole)), said, "told by somebody who knows it all");
    }

    fn told(&self, log: &Log) -> Roster {
        let mut roster = Roster::new(self.genesis.clone());
        roster.take(log.iter().map(|(author, segment)| (*author, segment)));
        roster
    }

    fn told_one_by_one(&self) -> Roster {
        let mut roster = Roster::new(self.genesis.clone());
        for (author, segment) in &self.log {
            roster.take([(*author, segment)]);
        }
        roster
    }

    /// Another order, in which each chain still is in its own.
    fn shuffled(&self, case: &[u8]) -> Log {
        let mut queues: BTreeMap<ChainId, Vec<_>> = BTreeMap::new();
        for entry in self.log.iter().rev() {
            queues.entry(entry.1.chain).or_default().push(entry.clone());
        }
        let mut choices = case.iter().cycle();
        let mut shuffled = Log::new();
        while shuffled.len() < self.log.len() {
            let choice = usize::from(*choices.next().unwrap_or(&0));
            let mut waiting: Vec<_> =
                queues.values_mut().filter(|queue| !queue.is_empty()).collect();
            let at = choice % waiting.len();
            shuffled.extend(waiting[at].pop());
        }
        shuffled
    }
}

impl Person {
    fn head(&self, space: SpaceId, opened: WallTime) -> ChainHead {
        let (document, device) = (roster_document(&space), self.key.id());
        ChainHead { document, device, previous: None, opened, nonce: [0; 16] }
    }
}

/// Where chains of documents are cut off; of which chains is all the same to the roster.
fn cuts(how: u8) -> Frontier {
    let chains = (0..how % 3).map(|n| {
        let point = Point { number: u64::from(how), hash: driftline_core::id::Hash([how; 32]) };
        (ChainId([n; 32]), point)
    });
    chains.collect()
}

/// What a roster says, as text: it is only ever compared.
#[derive(Debug, PartialEq)]
struct Said {
    members: String,
    formers: String,
    standing: String,
    heads: Frontier,
}

impl Said {
    fn by(roster: &Roster) -> Self {
        let devices = (0..PEOPLE).map(|n| DeviceKey::from_seed(&[n; 32]).id());
        let standing = devices.map(|device| {
            let reach = |n| roster.reach(&device, &ChainId([n; 32]));
            (roster.is_cut_off(&device), roster.may_mend(&device), reach(0), reach(1), reach(9))
        });
        let standing: Vec<_> = standing.collect();
        Self {
            members: format!("{:?}", roster.members().collect::<Vec<_>>()),
            formers: format!("{:?}", roster.formers().collect::<Vec<_>>()),
            standing: format!("{:?} {standing:?}", roster.mender()),
            heads: roster.heads(),
        }
    }
}
