//! Presence: what this device shows of itself, what others show, and how it gets around.
//!
//! Each session has a queue of spots, not of statements. A spot waits in it once, and when the peer has room it is told
//! the newest word on it. So a slow reader misses what is over, and nothing else. What is heard is passed on to all
//! whom it is news to, so that devices with a third in common see one another.

mod board;
mod mine;
mod queue;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::effect::{Effect, Notice, PeerFault};
use super::message::{Message, Told};
use super::session::Session;
use super::{Context, Space};
use crate::clock::{Now, SteadyTime};
use crate::id::DeviceId;
use crate::presence::{self, PresenceError, RENEWAL, SILENCE, Statement};
use board::Board;
use mine::Mine;
use queue::Queue;

/// What hearing a statement counts as among what a peer may say: it takes the checking of a signature.
pub(super) const STATEMENT_COST: u64 = 20;

/// A peer for whom more waits than this is told of presence later, in bytes: what stands in a queue grows old.
const ROOM: usize = 2 << 10;

/// How many statements one frame has at the most, and how many bytes of states and topics, about.
const FRAME_STATEMENTS: usize = 64;
const FRAME_BYTES: usize = 64 << 10;

/// The time between two frames for one peer.
const PACE: Duration = Duration::from_millis(20);

/// The time between two rows of statements of this device's, and how many there are in one.
const SAYING_PACE: Duration = Duration::from_millis(40);
const SAID_AT_ONCE: usize = 32;

/// How often it is looked whether somebody has been silent for too long, or this device is about to be.
const SWEEP: Duration = Duration::from_secs(1);

/// The presence in a space.
#[derive(Debug)]
pub(super) struct Presence {
    mine: Mine,
    board: Board,
    next_sweep: SteadyTime,
    /// Where something else is shown than was last told to the app.
    changed: BTreeSet<Arc<str>>,
}

/// What of it a peer has yet to hear.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    queue: Queue,
    /// When the next frame may be sent.
    next: SteadyTime,
    /// The run in which the peer last said something of itself.
    run: Option<u64>,
}

impl Space {
    /// Shows something of whoever is here through this device: its user, who is guest 0, or another. It stays until it
    /// is [hidden](Self::hide_presence), and is said as the machine next [settles](Self::settle).
    ///
    /// # Errors
    /// If the topic can't be one, the state is too large, or this device shows too much already.
    pub fn show_presence(
        &mut self,
        topic: &str,
        guest: u64,
        state: &[u8],
    ) -> Result<(), PresenceError> {
        presence::check(topic, state)?;
        let (topic, limit) = (Arc::from(topic), self.limits.author_presences as usize);
        let mine = &mut self.presence.mine;
        if !mine.has(&topic, guest) && mine.count() >= limit {
            return Err(PresenceError::TooMany { limit });
        }
        if mine.show(&topic, guest, state.into()) {
            self.presence.changed.insert(topic);
        }
        Ok(())
    }

    /// Shows it no more: those who are connected hear so at once.
    pub fn hide_presence(&mut self, topic: &str, guest: u64, now: Now) {
        let topic = Arc::from(topic);
        let Presence { mine, board, changed, .. } = &mut self.presence;
        if !mine.has(&topic, guest) {
            return;
        }
        let spot = mine.spot(&topic, guest);
        match board.get(&spot, now.steady) {
            Some(_) => _ = mine.show(&topic, guest, Arc::default()),
            None => mine.withdraw(&spot),
        }
        changed.insert(topic);
    }

    /// What is shown in a topic: by whom, as which guest, and what.
    pub fn presence(&self, topic: &str) -> Vec<(DeviceId, u64, Arc<[u8]>)> {
        let Presence { mine, board, .. } = &self.presence;
        let topic = Arc::from(topic);
        let own = mine.shown(&topic).map(|(guest, state)| (self.me, guest, state.clone()));
        let others = board.shown(&topic).filter(|statement| statement.spot.device != self.me);
        let others = others.map(|it| (it.spot.device, it.spot.guest, it.state.clone()));
        own.chain(others).collect()
    }

    /// Says of all that this device shows that it is over, because the device is going to close.
    pub fn leave_presence(&mut self, now: Now, effects: &mut Vec<Effect>) {
        for (spot, _) in self.presence.mine.spots() {
            self.hide_presence(&spot.topic, spot.guest, now);
        }
        while !self.presence.mine.unsaid.is_empty() && !self.sessions.is_empty() {
            self.say_some(now);
        }
        for peer in self.sessions.keys().copied().collect::<Vec<_>>() {
            while let Some(frame) = self.presence_frame(peer, now.steady) {
                effects.push(Effect::Send { to: vec![peer], frame: frame.frame(self.tag) });
            }
        }
    }

    /// Says what is due, passes on what was heard, and tells the app.
    pub(super) fn settle_presence(&mut self, context: &mut Context<'_>) {
        let now = context.now;
        if self.presence.next_sweep <= now.steady {
            self.sweep_presence(now.steady);
        }
        if self.presence.mine.next <= now.steady && !self.sessions.is_empty() {
            self.say_some(now);
        }
        for peer in self.sessions.keys().copied().collect::<Vec<_>>() {
            let ready = |session: &Session| {
                session.is_open() && session.queued <= ROOM && session.presence.is_due(now.steady)
            };
            if self.sessions.get(&peer).is_some_and(ready)
                && let Some(message) = self.presence_frame(peer, now.steady)
            {
                self.send(peer, &message, context);
            }
        }
        let changed = std::mem::take(&mut self.presence.changed).into_iter();
        context.effects.extend(changed.map(|topic| Effect::Notify(Notice::Presence(topic))));
    }

    /// When time alone changes something.
    pub(super) fn presence_deadline(&self) -> Option<SteadyTime> {
        let Presence { mine, board, next_sweep, .. } = &self.presence;
        let connected = !self.sessions.is_empty();
        let sweep = !board.is_empty() || connected && !mine.is_empty();
        let say = connected && !mine.unsaid.is_empty();
        [sweep.then_some(*next_sweep), say.then_some(mine.next)].into_iter().flatten().min()
    }

    /// A peer tells what it heard, or says something of itself.
    pub(super) fn hear_presence(
        &mut self,
        peer: DeviceId,
        told: Vec<Told>,
        context: &mut Context<'_>,
    ) -> Result<(), PeerFault> {
        for Told { statement, age } in told {
            let age = Duration::from_millis(age.into());
            if !statement.is_sound() {
                return Err(PeerFault::Presence);
            }
            self.hear_statement(peer, statement, age, context.now.steady)?;
        }
        Ok(())
    }

    fn hear_statement(
        &mut self,
        peer: DeviceId,
        statement: Statement,
        age: Duration,
        now: SteadyTime,
    ) -> Result<(), PeerFault> {
        let Presence { mine, board, changed, .. } = &mut self.presence;
        let (spot, version) = (statement.spot.clone(), statement.version);
        if let Some(session) = self.sessions.get_mut(&peer) {
            if spot.device == peer {
                session.presence.run = Some(version.run);
            }
            // Whoever tells it needs not be told.
            if board.get(&spot, now).is_none_or(|held| held.statement.version <= version) {
                session.presence.queue.forget(&spot);
            }
        }
        let signed =
            |statement: &Statement| statement.verify(&self.id).map_err(|_| PeerFault::Presence);
        if spot.device == self.me {
            signed(&statement)?;
            mine.hear(&statement);
            return Ok(());
        }
        let counts = self.roster.member(&spot.device).is_some() && age < SILENCE;
        if !counts || !board.wants(&statement, &self.limits, now) {
            return Ok(());
        }
        signed(&statement)?;
        if board.keep(statement, now + (SILENCE - age), &self.limits, now) {
            changed.insert(spot.topic.clone());
        }
        for (other, session) in self.sessions.iter_mut().filter(|(other, _)| **other != peer) {
            // The author has no need of its own words, but of those from before it was restarted.
            if spot.device != *other || session.presence.run != Some(version.run) {
                session.presence.queue.push(&spot);
            }
        }
        Ok(())
    }

    /// A session begins: its peer is told all there is.
    pub(super) fn tell_presence(&mut self, peer: DeviceId, now: SteadyTime) {
        let Some(session) = self.sessions.get_mut(&peer) else { return };
        for statement in self.presence.board.all(now) {
            session.presence.queue.push(&statement.spot);
        }
        self.presence.renew(now);
    }

    /// Somebody is no member any more: nobody sees them, and if it is this device, it sees nobody.
    pub(super) fn part_with_presence(&mut self, device: &DeviceId) {
        let (me, board) = (self.me, &mut self.presence.board);
        let gone = board.part_with(|author| *device == me || author == device);
        self.presence.changed.extend(gone);
    }

    fn sweep_presence(&mut self, now: SteadyTime) {
        let presence = &mut self.presence;
        presence.next_sweep = now + SWEEP;
        presence.changed.extend(presence.board.sweep(now));
        presence.renew(now);
    }

    /// Says some of what this device has to say, to everybody who is connected.
    fn say_some(&mut self, now: Now) {
        let Presence { mine, board, .. } = &mut self.presence;
        for _ in 0..SAID_AT_ONCE {
            let Some((spot, version, state)) = mine.next_to_say(now.wall) else { break };
            let statement = Statement::sign(spot.clone(), version, state, &self.id, &self.key);
            board.keep(statement, now.steady + SILENCE, &self.limits, now.steady);
            mine.next = now.steady + SAYING_PACE;
            self.sessions.values_mut().for_each(|session| session.presence.queue.push(&spot));
        }
    }

    /// The newest of what a peer has not heard, as far as it goes into a frame.
    fn presence_frame(&mut self, peer: DeviceId, now: SteadyTime) -> Option<Message> {
        let outgoing = &mut self.sessions.get_mut(&peer)?.presence;
        let (mut told, mut bytes) = (Vec::new(), 0);
        while told.len() < FRAME_STATEMENTS
            && bytes < FRAME_BYTES
            && let Some(spot) = outgoing.queue.pop()
        {
            if let Some(heard) = self.presence.board.get(&spot, now) {
                bytes += heard.statement.bytes();
                let age = heard.age(now).as_millis() as u32;
                told.push(Told { statement: heard.statement.clone(), age });
            }
        }
        outgoing.next = now + PACE;
        (!told.is_empty()).then_some(Message::Presence(told))
    }
}

impl Presence {
    pub(super) fn new(me: DeviceId) -> Self {
        Self {
            mine: Mine::new(me),
            board: Board::default(),
            next_sweep: SteadyTime::default(),
            changed: BTreeSet::new(),
        }
    }

    /// Has what this device shows said again where that is long ago.
    fn renew(&mut self, now: SteadyTime) {
        for (spot, farewell) in self.mine.spots() {
            match self.board.get(&spot, now) {
                Some(said) if said.age(now) < RENEWAL => {}
                // Whoever did not hear it has forgotten by themselves.
                None if farewell => self.mine.withdraw(&spot),
                _ => self.mine.renew(&spot),
            }
        }
    }
}

impl Outgoing {
    /// Whether the peer is to be told something by now.
    pub(super) fn is_due(&self, now: SteadyTime) -> bool {
        !self.queue.is_empty() && self.next <= now
    }

    /// When the peer is to be told something, if it has room for that with so many bytes in its queue.
    pub(super) fn deadline(&self, queued: usize) -> Option<SteadyTime> {
        (!self.queue.is_empty() && queued <= ROOM).then_some(self.next)
    }
}
