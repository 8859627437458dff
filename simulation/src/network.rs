//! Links between devices, connections over them, and what becomes of a frame.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::clock::{MILLISECOND, Time};
use crate::random::Dice;

/// A device's place in the world.
pub type Who = usize;

/// Two devices, the lower one first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pair(Who, Who);

impl Pair {
    /// The pair of these two, in any order.
    pub fn of(a: Who, b: Who) -> Self {
        Self(a.min(b), a.max(b))
    }

    /// Both of them.
    pub fn both(self) -> [Who; 2] {
        [self.0, self.1]
    }

    /// The one who is not `who`.
    pub fn other(self, who: Who) -> Who {
        if who == self.0 { self.1 } else { self.0 }
    }

    fn side(self, who: Who) -> usize {
        usize::from(who == self.1)
    }
}

/// How good a link is.
#[derive(Clone, Debug)]
pub struct Quality {
    /// How long a frame is on its way.
    pub delay: Range<Time>,
    /// How likely it gets lost.
    pub loss: f64,
    /// How likely it arrives twice.
    pub duplication: f64,
    /// How likely others may overtake it.
    pub reordering: f64,
    /// How fast frames leave.
    pub bytes_per_second: u64,
}

impl Quality {
    /// Quick, and nothing is lost.
    pub fn good() -> Self {
        Self {
            delay: MILLISECOND..5 * MILLISECOND,
            loss: 0.0,
            duplication: 0.0,
            reordering: 0.0,
            bytes_per_second: 100_000_000,
        }
    }

    /// As bad as the dice make it.
    pub fn random(dice: &mut Dice) -> Self {
        let mut sometimes =
            |most: u64| if dice.chance(0.5) { 0 } else { dice.between(1..most + 1) };
        let percent = |n: u64| n as f64 / 100.0;
        let (loss, duplication, reordering) = (sometimes(20), sometimes(20), sometimes(30));
        let shortest = dice.between(100..50 * MILLISECOND);
        let longest = shortest + dice.between(1..300 * MILLISECOND);
        Self {
            delay: shortest..longest,
            loss: percent(loss),
            duplication: percent(duplication),
            reordering: percent(reordering),
            bytes_per_second: *dice.pick(&[5_000, 50_000, 1_000_000, 100_000_000]),
        }
    }
}

/// A way between two devices.
#[derive(Debug)]
pub struct Link {
    /// How good it is.
    pub quality: Quality,
    /// Whether nothing gets through.
    pub cut: bool,
    /// The connection over it, if there is one.
    pub connection: Option<Connection>,
    /// When both sides will have heard of the end of the last connection.
    quiet_until: Time,
}

/// How long a device takes at the most to hear of the end of a connection.
pub const NOTICING: Time = 50 * MILLISECOND;

/// How long a connection lasts at the most on which a frame was lost.
pub const DYING: Time = 2_000 * MILLISECOND;

/// A connection. Frames of one that is over are never delivered.
#[derive(Debug)]
pub struct Connection {
    /// No two connections have the same.
    pub number: u64,
    up: [bool; 2],
    /// When what was given for sending so far will have left.
    left: [Time; 2],
    /// When the last frame that keeps its place arrives.
    arrived: [Time; 2],
    /// A frame was lost on it. A stream that loses something is over, though it may take a while to notice.
    doomed: bool,
}

/// What becomes of a frame.
#[derive(Debug)]
pub struct Fate {
    /// When its bytes have left the sender.
    pub leaves: Time,
    /// When it arrives: never, once, or more often.
    pub arrives: Vec<Time>,
}

/// All links.
#[derive(Debug, Default)]
pub struct Network {
    links: BTreeMap<Pair, Link>,
    connections: u64,
}

impl Network {
    /// Lays a link.
    pub fn link(&mut self, pair: Pair, quality: Quality) {
        self.links.insert(pair, Link { quality, cut: false, connection: None, quiet_until: 0 });
    }

    /// The link between two devices.
    pub fn get(&mut self, pair: Pair) -> Option<&mut Link> {
        self.links.get_mut(&pair)
    }

    /// All pairs with a link.
    pub fn pairs(&self) -> Vec<Pair> {
        self.links.keys().copied().collect()
    }

    /// All pairs with a link that `who` is one of.
    pub fn pairs_of(&self, who: Who) -> Vec<Pair> {
        self.links.keys().copied().filter(|pair| pair.both().contains(&who)).collect()
    }

    /// Makes a connection, if there is a link and no connection; says its number.
    pub fn connect(&mut self, pair: Pair, now: Time) -> Option<u64> {
        let link = self.links.get_mut(&pair)?;
        if link.cut || link.connection.is_some() || now < link.quiet_until {
            return None;
        }
        self.connections += 1;
        let number = self.connections;
        let (left, arrived) = ([0; 2], [0; 2]);
        link.connection = Some(Connection { number, up: [false; 2], left, arrived, doomed: false });
        Some(number)
    }

    /// Ends a connection; says who knew of it.
    pub fn disconnect(&mut self, pair: Pair, now: Time) -> Vec<Who> {
        let Some(link) = self.links.get_mut(&pair) else { return Vec::new() };
        link.quiet_until = now + NOTICING;
        let up = link.connection.take().map_or([false; 2], |connection| connection.up);
        pair.both().into_iter().filter(|who| up[pair.side(*who)]).collect()
    }

    /// `who` hears that the connection of that number is up; says whether it still is.
    pub fn hear(&mut self, pair: Pair, who: Who, number: u64) -> bool {
        let Some(connection) = self.current(pair, number) else { return false };
        connection.up[pair.side(who)] = true;
        true
    }

    /// Whether there is a connection of which both have heard.
    pub fn is_up(&self, pair: Pair) -> bool {
        let connection = self.links.get(&pair).and_then(|link| link.connection.as_ref());
        connection.is_some_and(|connection| connection.up == [true; 2])
    }

    /// A frame was lost on that connection; says whether it is the first.
    pub fn doom(&mut self, pair: Pair, number: u64) -> bool {
        let connection = self.current(pair, number);
        connection.is_some_and(|connection| !std::mem::replace(&mut connection.doomed, true))
    }

    /// The connection of that number, if it is not over.
    pub fn current(&mut self, pair: Pair, number: u64) -> Option<&mut Connection> {
        let connection = self.links.get_mut(&pair)?.connection.as_mut()?;
        (connection.number == number).then_some(connection)
    }

    /// Sends a frame; says over which connection, and what becomes of it.
    pub fn send(
        &mut self,
        pair: Pair,
        from: Who,
        bytes: usize,
        now: Time,
        dice: &mut Dice,
    ) -> Option<(u64, Fate)> {
        let link = self.links.get_mut(&pair)?;
        let connection = link.connection.as_mut()?;
        let side = pair.side(from);
        if !connection.up[side] {
            return None;
        }
        let quality = &link.quality;
        let takes = bytes as u64 * 1_000_000 / quality.bytes_per_second;
        let leaves = now.max(connection.left[side]) + takes + 1;
        connection.left[side] = leaves;
        let mut arrives = Vec::new();
        if !link.cut && !dice.chance(quality.loss) {
            let mut at = leaves + dice.between(quality.delay.clone());
            if !dice.chance(quality.reordering) {
                at = at.max(connection.arrived[side] + 1);
                connection.arrived[side] = at;
            }
            arrives.push(at);
            if dice.chance(quality.duplication) {
                arrives.push(at + dice.between(quality.delay.clone()));
            }
        }
        Some((connection.number, Fate { leaves, arrives }))
    }
}

impl Connection {
    /// Whether that device has heard of it.
    pub fn is_up(&self, pair: Pair, who: Who) -> bool {
        self.up[pair.side(who)]
    }
}
