//! A space on one device: a state machine from events to effects.
//!
//! A local edit goes `author` → `journal` → (written) → `fanout`; a peer's goes `intake` → `journal` →
//! (written) → `fanout`. What an app asks to be decided goes through `commands`. Who is behind is served by `offer`, from the store. `settle` is where what came
//! in together is dealt with together.

mod allowance;
mod author;
mod commands;
mod contents;
mod deciding;
mod declining;
mod effect;
mod event;
mod fanout;
mod following;
mod forgetting;
mod forks;
mod handing_over;
mod healing;
mod holdings;
mod index;
mod intake;
mod joining;
mod journal;
mod limits;
mod member;
mod membership;
mod mending;
mod message;
mod offer;
mod presence;
mod refolding;
mod remembering;
mod scope;
mod session;
mod status;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rand_core::Rng;

use crate::clock::{Now, SteadyTime};
use crate::command::Ledger;
use crate::document::Label;
use crate::id::{ChainId, DeviceId, DocumentId, SpaceId};
use crate::identity::DeviceKey;
use crate::log::{ChainHead, Frontier, Guest, Segment};
use crate::record::Bucket;
use crate::roster::{Genesis, JoinRequest, Role, Roster};

use allowance::Allowance;
use author::Authors;
use declining::Declined;
use fanout::Recent;
use handing_over::Whole;
use healing::Healing;
use holdings::Holdings;
use index::{DocumentLog, Index};
use intake::Intake;
use journal::Journal;
use presence::Presence;
use refolding::{Counted, Refold};
use remembering::Memory;
use session::Session;

pub use allowance::{STRANGER_COST, Tokens};
pub use author::{Authorship, NotAWriter, Standing};
pub use commands::{PublishError, SubmitError, Submitted};
pub use effect::{
    Arrival, ChainRecord, ChainState, Change, Effect, Notice, PeerFault, Position, SpaceRecord,
};
pub use event::Event;
pub use joining::{Joining, Outcome};
pub use limits::{Extent, Limits, Measure, Objection, Rate};
pub use membership::NotPermitted;
pub use message::{Refusal, TAG_BYTES, Tag, VERSION, tag, tag_of};
pub use status::{DocumentStatus, PeerState, PeerStatus, SpaceStatus, Stopped};

/// A space as this device sees it.
///
/// ```
/// # use std::sync::Arc;
/// use driftline_core::{clock::Now, identity::DeviceKey, roster::Genesis};
/// use driftline_core::space::{Effect, Space};
/// # use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
///
/// # let mut rng = ChaCha8Rng::seed_from_u64(1);
/// let key = Arc::new(DeviceKey::generate(&mut rng));
/// let genesis = Genesis::new("kitchen", &key, Now::default().wall, &mut rng);
/// let mut effects = Vec::new();
/// let space = Space::found(genesis, key, [1; 16], &mut effects);
/// assert!(matches!(effects[..], [Effect::Write(_)]), "a new space asks to be stored");
/// assert_eq!(space.name(), "kitchen");
/// ```
#[derive(Debug)]
pub struct Space {
    id: SpaceId,
    key: Arc<DeviceKey>,
    me: DeviceId,
    local: bool,
    tag: Tag,
    roster: Roster,
    roster_document: DocumentId,
    ledger: Ledger,
    /// The common bucket's.
    ledger_document: DocumentId,
    /// All that are here.
    ledgers: BTreeSet<DocumentId>,
    /// How many segments of this device's own in ledgers are not saved.
    unsaved_own: usize,
    whole: Whole,
    memory: Memory,
    /// Whether this device may read less than before.
    rescope: bool,
    /// What of the ledgers' chains was folded; and what waits to be, while the log is read again.
    counted: BTreeMap<ChainId, Counted>,
    refold: Option<Refold>,
    /// Whether there were more commands than are decided in one step.
    undecided: bool,
    /// Documents that may hold more than counts, to be looked at; and those that are being mended.
    suspect: BTreeSet<DocumentId>,
    mending: BTreeSet<DocumentId>,
    index: Index,
    limits: Limits,
    /// Whether there is no room for what others write.
    full: bool,
    holdings: Holdings,
    authors: Authors,
    intake: Intake,
    healing: Healing,
    journal: Journal,
    recent: Recent,
    /// Who is connected, and how much each may still say unasked.
    connected: BTreeMap<DeviceId, Allowance>,
    sessions: BTreeMap<DeviceId, Session>,
    /// What this device asks for with a ticket, being in already, or not any more.
    petition: Option<JoinRequest>,
    /// When connected peers were last shown what lets this device in, or keeps them out.
    introduced: BTreeMap<DeviceId, SteadyTime>,
    /// Who is to be shown the roster once it is written.
    unshown: BTreeSet<DeviceId>,
    /// Who asked to be let in, and the batch that has to be saved before they hear that they are.
    joiners: BTreeMap<DeviceId, u64>,
    /// How far each peer's feed is followed.
    seen: BTreeMap<DeviceId, Position>,
    /// How much of this device's feed each peer saved, also while it is away.
    acked: BTreeMap<DeviceId, u64>,
    /// Who takes no more of something that this device holds, or hung up, and why.
    declined: BTreeMap<DeviceId, Declined>,
    presence: Presence,
}

/// A space as read back from the store.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The space itself.
    pub record: SpaceRecord,
    /// Its documents.
    pub documents: Vec<StoredDocument>,
    /// The log of [`roster_document`], each chain from its start and in its order.
    pub roster: Vec<Segment>,
    /// The logs of buckets' ledgers, in the same way.
    pub ledgers: Vec<(DocumentId, Vec<Segment>)>,
    /// How far each peer's feed was followed.
    pub seen: Vec<(DeviceId, Position)>,
    /// How far each peer had saved this device's feed.
    pub acked: Vec<(DeviceId, Position)>,
}

/// A document as read back from the store.
#[derive(Clone, Debug)]
pub struct StoredDocument {
    /// Its name and lineage.
    pub label: Label,
    /// How far chains that were cut off are mended.
    pub mended: Frontier,
    /// Its chains. Own ones of an earlier incarnation are retired.
    pub chains: Vec<(ChainHead, ChainRecord)>,
}

/// The document whose log holds a space's admissions.
pub fn roster_document(space: &SpaceId) -> DocumentId {
    Label::roster().document(space)
}

/// The document whose log holds the commands on a bucket, and what was decided upon it.
pub fn ledger_document(space: &SpaceId, bucket: &Bucket) -> DocumentId {
    Label::ledger(bucket).document(space)
}

/// What a step of the machine works with.
struct Context<'a> {
    now: Now,
    rng: &'a mut dyn Rng,
    effects: &'a mut Vec<Effect>,
}

impl Space {
    /// Begins a space that this device created. `incarnation` is the life of the store: it changes
    /// whenever what was promised may have been lost.
    pub fn found(
        genesis: Genesis,
        key: Arc<DeviceKey>,
        incarnation: [u8; 16],
        effects: &mut Vec<Effect>,
    ) -> Self {
        Self::begin(SpaceRecord { genesis, local: false }, key, incarnation, effects)
    }

    /// Begins a space that stays on this device: for drafts, preferences, and what the app's interface remembers. It is
    /// like any other, but that nobody is told of it, and that this device decides upon its commands itself.
    pub fn found_local(
        genesis: Genesis,
        key: Arc<DeviceKey>,
        incarnation: [u8; 16],
        effects: &mut Vec<Effect>,
    ) -> Self {
        Self::begin(SpaceRecord { genesis, local: true }, key, incarnation, effects)
    }

    /// Puts a space back together from the store.
    pub fn load(stored: Stored, key: Arc<DeviceKey>, incarnation: [u8; 16]) -> Self {
        let mut space = Self::new(&stored.record, key, incarnation);
        let reserved = stored.documents.iter().filter(|document| document.label.is_reserved());
        let authors: BTreeMap<_, _> = reserved
            .flat_map(|document| &document.chains)
            .map(|(head, _)| (head.id(), head.device))
            .collect();
        let entries = stored.roster.iter();
        space
            .roster
            .take(entries.filter_map(|segment| Some((*authors.get(&segment.chain)?, segment))));
        for StoredDocument { label, mended, chains } in stored.documents {
            let document = label.document(&space.id);
            let mut log = DocumentLog::new(label);
            log.mended = mended;
            for (head, record) in &chains {
                log.restore(head.id(), head, record);
            }
            space.journal.restore(log.changed);
            space.ledgers.extend(log.label.is_ledger().then_some(document));
            space.index.insert(document, log);
        }
        let of = |(document, log): (DocumentId, Vec<Segment>)| {
            log.into_iter().map(move |segment| (document, Arc::new(segment)))
        };
        let ledgers: Vec<_> = stored.ledgers.into_iter().flat_map(of).collect();
        space.load_ledger(&ledgers);
        space.whole = Whole::stored(space.whole_ends(&ledgers));
        space.rescope = true;
        space.holdings = Holdings::of(&space.index, space.roster_document);
        space.suspect = space.index.keys().copied().collect();
        space.seen = stored.seen.into_iter().collect();
        let of_this_life =
            |(_, position): &(DeviceId, Position)| position.incarnation == incarnation;
        let acked = stored.acked.into_iter().filter(of_this_life);
        space.acked = acked.map(|(peer, position)| (peer, position.number)).collect();
        space
    }

    /// Takes an event. What has to be done is added to `effects`; much of it only by
    /// [`settle`](Self::settle), which wants to be called when no further event is waiting.
    pub fn handle(&mut self, event: Event, now: Now, rng: &mut dyn Rng, effects: &mut Vec<Effect>) {
        let context = &mut Context { now, rng, effects };
        match event {
            Event::PeerUp { peer } => self.peer_up(peer, context),
            Event::PeerDown { peer } => self.peer_down(peer, context),
            Event::Frame { peer, frame } => self.frame(peer, &frame, context),
            Event::Sent { peer, bytes } => self.sent(peer, bytes),
            Event::LocalUpdate { document, chain, update } => {
                self.local_update(document, chain, &update, context);
            }
            Event::GuestUpdate { chain, guest: name, update } => {
                self.guest_update(chain, &Guest { name, update: &update }, context);
            }
            Event::Written { upto } => self.written(upto, context),
            Event::Saved { upto } => self.saved(upto, context),
            Event::Read { peer, document, segments, .. } if peer == self.me => {
                self.refold(document, segments, context);
            }
            Event::Read { peer, document, segments, more } => {
                self.read(peer, document, segments, more, context);
            }
            Event::Mended { document, chain, refused, update } => {
                self.mended(document, chain, refused, &update, context);
            }
            Event::NotMended { document } => _ = self.mending.remove(&document),
            Event::Lost { document, chain, first } => self.lost((document, chain), first, context),
            Event::Tick => self.tick(context),
        }
    }

    /// Deals with all that came in since the last time: seals local edits, checks and takes in the
    /// entries of peers, asks for it all to be written, and serves who is behind.
    pub fn settle(&mut self, now: Now, rng: &mut dyn Rng, effects: &mut Vec<Effect>) {
        let context = &mut Context { now, rng, effects };
        self.seal_due(context);
        self.settle_intake(context);
        self.settle_lost();
        self.settle_forks(context);
        self.settle_claims();
        self.settle_scope(context);
        self.settle_memory(context.now.steady);
        self.decide_ready(context);
        self.note_whole();
        self.settle_ledger(context);
        self.journal.write(context.effects);
        self.mend_strays(context);
        self.acknowledge(context);
        self.welcome(context);
        self.settle_presence(context);
        self.serve_everybody(context);
    }

    /// Seals what waits for more, and hands it out: because the device is going to close, or a document that was
    /// just written is to be read back from the store.
    pub fn seal(&mut self, now: Now, rng: &mut dyn Rng, effects: &mut Vec<Effect>) {
        self.seal_all(&mut Context { now, rng, effects });
        self.settle(now, rng, effects);
    }

    /// When [`Event::Tick`] wants to be given, if nothing else happens before.
    ///
    /// A space without sessions and without edits that wait needs no tick.
    pub fn deadline(&self) -> Option<SteadyTime> {
        let sessions = self.sessions.values().map(Session::deadline);
        let others = self.authors.deadline().into_iter().chain(self.decide_deadline());
        sessions.chain(others).chain(self.presence_deadline()).min()
    }

    /// Sets how much is taken of others, from now on. It begins with the [default](Limits::default).
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Sets whether there is no room for what others write. While that is so, it is as if it had not arrived: it is not
    /// acknowledged, and they offer it again and again. All else goes on.
    pub fn set_full(&mut self, full: bool) {
        self.full = full;
    }

    /// The space's id.
    pub fn id(&self) -> SpaceId {
        self.id
    }

    /// What the space is called.
    pub fn name(&self) -> &str {
        self.roster.genesis().name()
    }

    /// Whether the space stays on this device.
    pub fn is_local(&self) -> bool {
        self.local
    }

    /// Who is in the space.
    pub fn roster(&self) -> &Roster {
        &self.roster
    }

    /// This device's role; nothing if it is no member (any more).
    pub fn role(&self) -> Option<Role> {
        self.roster.member(&self.me).map(|member| member.role)
    }

    /// How much is held of a document of that name, and of how many others.
    pub fn extent(&self, label: &Label) -> Extent {
        let log = self.index.get(&label.document(&self.id));
        let written = log.filter(|log| !log.chains.is_empty());
        let bytes = written.map(|log| log.chains.values().map(|chain| chain.bytes).sum());
        Extent { bytes, documents: self.holdings.documents() }
    }

    /// What a document is called, if it is known.
    pub fn label(&self, document: &DocumentId) -> Option<&Label> {
        self.index.get(document).map(|log| &log.label)
    }

    /// The ends of a document's chains, as taken in so far: what the store holds once it has written
    /// all that was asked for.
    pub fn frontier(&self, document: &DocumentId) -> Frontier {
        self.index.get(document).map(DocumentLog::frontier).unwrap_or_default()
    }

    fn new(record: &SpaceRecord, key: Arc<DeviceKey>, incarnation: [u8; 16]) -> Self {
        let (id, me) = (record.genesis.space(), key.id());
        let roster = Roster::new(record.genesis.clone());
        Self {
            id,
            key,
            me,
            local: record.local,
            tag: tag(&id, &me),
            roster,
            roster_document: roster_document(&id),
            ledger: Ledger::new(Arc::default(), me, id),
            ledger_document: ledger_document(&id, &Bucket::default()),
            ledgers: BTreeSet::new(),
            unsaved_own: 0,
            whole: Whole::default(),
            memory: Memory::default(),
            rescope: false,
            counted: BTreeMap::new(),
            refold: None,
            undecided: false,
            suspect: BTreeSet::new(),
            mending: BTreeSet::new(),
            index: Index::new(),
            limits: Limits::default(),
            full: false,
            holdings: Holdings::default(),
            authors: Authors::default(),
            intake: Intake::default(),
            healing: Healing::default(),
            journal: Journal::new(incarnation),
            recent: Recent::default(),
            connected: BTreeMap::new(),
            sessions: BTreeMap::new(),
            petition: None,
            introduced: BTreeMap::new(),
            unshown: BTreeSet::new(),
            joiners: BTreeMap::new(),
            seen: BTreeMap::new(),
            acked: BTreeMap::new(),
            declined: BTreeMap::new(),
            presence: Presence::new(me),
        }
    }

    /// A space that begins here.
    fn begin(
        record: SpaceRecord,
        key: Arc<DeviceKey>,
        incarnation: [u8; 16],
        effects: &mut Vec<Effect>,
    ) -> Self {
        let mut space = Self::enter(record, key, incarnation);
        space.journal.write(effects);
        space
    }

    /// A space that this device has nothing of yet but how it began.
    fn enter(record: SpaceRecord, key: Arc<DeviceKey>, incarnation: [u8; 16]) -> Self {
        let mut space = Self::new(&record, key, incarnation);
        space.journal.add(Change::Space(record));
        space
    }

    /// The chain of that id in that document, if it is known.
    fn chain(&self, document: &DocumentId, chain: &ChainId) -> Option<&index::Chain> {
        self.index.get(document)?.chains.get(chain)
    }
}
