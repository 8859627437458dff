//! The loop that owns every space of a device: it takes events, and performs the effects that core asks for.
//!
//! Everything reaches it through one [`Inbox`]; nobody else touches a `Space`. It leaves waiting for disks, peers and
//! apps to the store's threads, the network's tasks and the pool that merges, which tell it afterwards.

mod answers;
mod commands;
mod damage;
mod documents;
mod effects;
mod forgetting;
mod guests;
mod inbox;
mod lanes;
mod peers;
mod pool;
mod presence;
mod replica;
mod requests;
mod room;
mod waiters;
mod watchers;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use driftline_core::clock::{Now, SteadyTime, WallTime};
use driftline_core::command::{Foreseen, Registry};
use driftline_core::id::{ChainId, DeviceId, DocumentId, SpaceId};
use driftline_core::identity::DeviceKey;
use driftline_core::space::{Effect, Event, Limits, Space};
use driftline_net::Network;
use driftline_storage::{Progress, SledEngine, Store, StoreError, Writer};
use rand::SeedableRng;
use rand::rngs::StdRng;
use thiserror::Error;
use tokio::sync::{oneshot, watch};

use crate::device::Reach;

pub(crate) use commands::{Asking, Given, Refused, Showcase, Shown};
use damage::Damage;
use effects::Batches;
use forgetting::Forgetting;
use inbox::Input;
use peers::Peers;
use pool::Pool;
use replica::Open;
use requests::Join;
use waiters::Waiters;
use watchers::Watchers;

pub(crate) use guests::{GuestAsking, Guests, Standings};
pub(crate) use presence::{Company, Present, Stage};

pub(crate) use inbox::{Inbox, Receiver, inbox};
use replica::Replica;
pub(crate) use replica::{Access, Handle, LoadError};
pub(crate) use requests::{Deed, Request};
pub(crate) use room::Room;
pub(crate) use watchers::{Told, Watcher};

/// How long a device that closes waits for a document to be folded. It is only a cache.
const FOLDING_PATIENCE: Duration = Duration::from_secs(5);

/// The device was closed, or its engine has ended after a fault.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[error("the device is closed")]
pub struct EngineGone;

/// One device's engine.
pub(crate) struct Engine {
    key: Arc<DeviceKey>,
    incarnation: [u8; 16],
    rng: StdRng,
    started: Instant,
    inbox: Inbox,
    writer: Writer<SledEngine>,
    network: Network,
    reach: Arc<Reach>,
    registry: Arc<Registry>,
    showcase: Arc<Showcase>,
    stage: Arc<Stage>,
    guests: Arc<Guests>,
    /// Which answers the app has acknowledged.
    limits: Limits,
    pool: Pool,
    workers: Vec<JoinHandle<()>>,
    spaces: BTreeMap<SpaceId, Slot>,
    joins: BTreeMap<SpaceId, Join>,
    peers: Peers,
    open: HashMap<DocumentId, Vec<Open>>,
    batches: Batches,
    /// The chains on which mends are being written.
    mending: BTreeMap<DocumentId, ChainId>,
    /// Documents whose app keeps them locked for so long that they have to be loaded again.
    reload: Vec<Arc<Replica>>,
    /// How many documents the pool is folding.
    folding: usize,
    /// What is stored and can't be read any more.
    damage: Damage,
    forgetting: Forgetting,
    /// Whether the disk is full: what others write is not taken in.
    full: bool,
    /// Why the store has failed, once it has: nothing is written any more.
    broken: Option<Arc<StoreError>>,
}

/// A space, and who waits for something in it.
struct Slot {
    space: Space,
    waiters: Waiters,
    /// Counts up whenever something changed that a status shows.
    news: watch::Sender<u64>,
    /// Who hears what becomes of what others ask for.
    foreseen: Watchers<Arc<Foreseen>>,
}

impl Slot {
    fn new(mut space: Space, limits: Limits) -> Self {
        space.set_limits(limits);
        let (waiters, foreseen) = (Waiters::default(), Watchers::default());
        Self { space, waiters, news: watch::Sender::new(0), foreseen }
    }

    /// Tells whoever watches that there is something new.
    fn tell(&self) {
        self.news.send_modify(|news| *news += 1);
    }
}

/// What an engine is made of.
pub(crate) struct Parts {
    pub(crate) key: Arc<DeviceKey>,
    pub(crate) store: Arc<Store<SledEngine>>,
    pub(crate) writer: Writer<SledEngine>,
    pub(crate) network: Network,
    pub(crate) inbox: Inbox,
    pub(crate) reach: Arc<Reach>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) showcase: Arc<Showcase>,
    pub(crate) stage: Arc<Stage>,
    pub(crate) guests: Arc<Guests>,
    pub(crate) limits: Limits,
    /// How long deleted documents stay on the disk.
    pub(crate) keep_deleted: Duration,
}

impl Engine {
    /// Loads what the store holds, and seeks out everybody who was met before if it is to.
    pub(crate) fn load(parts: Parts, seek: bool) -> Result<Self, StoreError> {
        let Parts { key, store, writer, network, inbox, reach, registry, .. } = parts;
        let Parts { showcase, stage, guests, limits, keep_deleted, .. } = parts;
        let incarnation = store.incarnation();
        let stored = store.load(&key.id())?;
        let settings = store.settings()?;
        let mut heard = answers::heard(&settings);
        let spaces = stored.into_iter().map(|stored| {
            let mut space = Space::load(stored, key.clone(), incarnation);
            space.run_with(registry.clone());
            space.restore_heard(heard.remove(&space.id()).unwrap_or_default());
            (space.id(), Slot::new(space, limits))
        });
        let spaces: BTreeMap<_, _> = spaces.collect();
        let shared = spaces.iter().filter(|(_, slot)| !slot.space.is_local());
        guests.restore(&settings);
        let peers = Peers::load(key.id(), &settings, shared.map(|(id, _)| id));
        if seek {
            peers.remember_all(&network, &reach);
        }
        let (pool, workers) = Pool::start(&store);
        let mut engine = Self {
            key,
            incarnation,
            rng: StdRng::from_rng(&mut rand::rng()),
            started: Instant::now(),
            limits,
            pool,
            workers,
            inbox,
            writer,
            network,
            reach,
            registry,
            showcase,
            stage,
            guests,
            spaces,
            joins: BTreeMap::new(),
            peers,
            open: HashMap::new(),
            batches: Batches::default(),
            mending: BTreeMap::new(),
            reload: Vec::new(),
            folding: 0,
            damage: Damage::default(),
            forgetting: Forgetting::load(keep_deleted, &settings),
            full: false,
            broken: None,
        };
        // What was kept is shown before anything else happens.
        engine.settle();
        Ok(engine)
    }

    /// Runs until the device is closed.
    pub(crate) fn run(mut self, mut receiver: Receiver) {
        loop {
            let mut turn = receiver.turn(self.patience()).into_iter();
            let closed = turn.by_ref().find_map(|input| match input {
                Input::Close(reply) => Some(reply),
                input => {
                    self.take(input);
                    None
                }
            });
            self.settle();
            self.look_at_disk();
            self.forget_deleted();
            if let Some(reply) = closed {
                self.close(reply, turn, receiver);
                return;
            }
            if self.patience().is_zero() {
                self.tick();
                self.settle();
            }
        }
    }

    /// How long until somebody wants a tick.
    fn patience(&self) -> Duration {
        let now = self.now().steady;
        self.deadline().map_or(Duration::from_secs(3600), |at| at.since(now))
    }

    /// When a space, or one that is being joined, wants a tick.
    fn deadline(&self) -> Option<SteadyTime> {
        let spaces = self.spaces.values().filter_map(|slot| slot.space.deadline());
        let joins = self.joins.values().map(|join| join.joining.deadline());
        let look = self.full.then(|| self.now().steady + room::LOOK_EVERY);
        spaces.chain(joins).chain(look).min()
    }

    fn tick(&mut self) {
        let spaces: Vec<_> = self.spaces.keys().copied().collect();
        for space in spaces {
            self.feed(space, Event::Tick);
        }
        let joins: Vec<_> = self.joins.keys().copied().collect();
        for space in joins {
            self.feed_join(space, Event::Tick);
        }
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::Network(event) => self.network_event(event),
            Input::Progress(progress) => self.progress(progress),
            Input::Edit { space, document, chain, update } => {
                self.inbox.edit_taken(update.len());
                self.feed(space, Event::LocalUpdate { document, chain, update });
            }
            Input::Guest { space, chain, guest, update } => {
                self.inbox.edit_taken(update.len());
                self.feed(space, Event::GuestUpdate { chain, guest, update });
            }
            Input::Read { space, peer, document, segments, more } => {
                self.feed(space, Event::Read { peer, document, segments, more });
            }
            Input::Mended { space, document, chain, refused, update } => {
                self.mending.remove(&document);
                let event = match update {
                    Some(update) => Event::Mended { document, chain, refused, update },
                    None => Event::NotMended { document },
                };
                self.feed(space, event);
            }
            Input::Readable { document, chain, lost } => self.readable((document, chain), lost),
            Input::Request(request) => self.request(request),
            Input::Presence => self.take_presence(),
            Input::Folded { document, folded } => {
                self.folding -= 1;
                if let Some((frontier, folded)) = folded {
                    self.keep_folded(document, frontier, folded);
                }
            }
            Input::Closed(replica) => self.document_closed(&replica),
            Input::Close(_) => {}
        }
    }

    fn progress(&mut self, progress: Progress) {
        match progress {
            Progress::Written(number) => {
                for (space, upto) in self.batches.written(number) {
                    self.feed(space, Event::Written { upto });
                }
            }
            Progress::Saved(number) => {
                for (space, upto) in self.batches.saved(number) {
                    self.feed(space, Event::Saved { upto });
                }
            }
            Progress::Failed(error) => self.store_failed(error),
        }
    }

    /// Nothing is written any more, so nothing may be edited, and nothing waits in vain.
    fn store_failed(&mut self, error: Arc<StoreError>) {
        let cause: &(dyn std::error::Error + 'static) = &*error;
        tracing::error!(error = cause, "the store failed: nothing more is written");
        self.broken = Some(error);
        for slot in self.spaces.values_mut() {
            slot.waiters.fail();
            slot.tell();
        }
        self.set_access();
    }

    /// Takes in no more from others while the disk is full, and tells whoever watches when that begins or ends.
    fn look_at_disk(&mut self) {
        let full = self.inbox.is_disk_full();
        if std::mem::replace(&mut self.full, full) == full {
            return;
        }
        match full {
            true => {
                tracing::error!("the disk is full: nothing more is taken in until there is room")
            }
            false => tracing::info!("there is room on the disk again"),
        }
        for slot in self.spaces.values_mut() {
            slot.space.set_full(full);
            slot.tell();
        }
    }

    fn settle(&mut self) {
        let now = self.now();
        let spaces: Vec<_> = self.spaces.keys().copied().collect();
        for id in spaces {
            let mut effects = Vec::new();
            if let Some(slot) = self.spaces.get_mut(&id) {
                slot.space.settle(now, &mut self.rng, &mut effects);
            }
            self.perform(id, effects);
        }
        // All that was taken in has been handed to the store by now.
        for replica in std::mem::take(&mut self.reload) {
            self.reload_replica(replica);
        }
    }

    /// Gives a space an event, and does what it asks for.
    fn feed(&mut self, space: SpaceId, event: Event) {
        let now = self.now();
        let mut effects = Vec::new();
        if let Some(slot) = self.spaces.get_mut(&space) {
            slot.space.handle(event, now, &mut self.rng, &mut effects);
        }
        self.perform(space, effects);
    }

    fn now(&self) -> Now {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let wall = WallTime(u64::try_from(wall.as_millis()).unwrap_or(u64::MAX));
        Now { wall, steady: SteadyTime(self.started.elapsed()) }
    }

    /// Takes no more edits, and seals and saves all that were made.
    fn close(
        mut self,
        reply: oneshot::Sender<Result<(), StoreError>>,
        turn: impl Iterator<Item = Input>,
        mut receiver: Receiver,
    ) {
        self.close_documents();
        self.showcase.close();
        self.stage.close();
        self.leave();
        turn.chain(receiver.rest()).for_each(|input| self.take_last(input));
        for space in self.spaces.keys().copied().collect::<Vec<_>>() {
            self.seal(space);
        }
        self.fold_open_documents();
        let end = Instant::now() + FOLDING_PATIENCE;
        while self.folding > 0 && Instant::now() < end {
            let turn = receiver.turn(end.saturating_duration_since(Instant::now()));
            turn.into_iter().for_each(|input| self.take_last(input));
        }
        drop(self.pool);
        let closed = self.writer.close();
        _ = reply.send(closed);
        // The store is free for whoever opens it next only when nobody reads it any more.
        self.workers.into_iter().for_each(|worker| _ = worker.join());
    }

    /// Has a space hand out what waits for more.
    fn seal(&mut self, space: SpaceId) {
        let now = self.now();
        let mut effects = Vec::new();
        if let Some(slot) = self.spaces.get_mut(&space) {
            slot.space.seal(now, &mut self.rng, &mut effects);
        }
        self.perform(space, effects);
    }

    /// Takes only what must not be lost when the device closes.
    fn take_last(&mut self, input: Input) {
        use Input::{Closed, Edit, Folded, Guest};
        if matches!(input, Edit { .. } | Guest { .. } | Closed(_) | Folded { .. }) {
            self.take(input);
        }
    }

    fn is_member_somewhere(&self, peer: &DeviceId) -> bool {
        self.spaces.values().any(|slot| slot.space.roster().member(peer).is_some())
    }
}

/// What core asks for, on behalf of a space or of a device that is joining one.
type Effects = Vec<Effect>;
