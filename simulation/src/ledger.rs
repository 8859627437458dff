//! What was edited, and what was promised about it: held against the disks.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use driftline_core::document::Label;
use driftline_core::id::{ChainId, DeviceId, DocumentId, Hash};
use driftline_core::log::{ChainHead, EntryKind, Frontier, Segment};
use driftline_core::roster::Reach;
use driftline_storage::{Life, Store};

use crate::disk::Disk;
use crate::network::Who;
use crate::trace::Kind;
use crate::world::World;

/// All edits of a world.
#[derive(Debug, Default)]
pub struct Ledger {
    /// In the order in which they were made.
    pub edits: Vec<Edited>,
    /// Edits that are in no segment yet, by their chain.
    waiting: BTreeMap<(Who, ChainId), VecDeque<usize>>,
    images: BTreeMap<Who, Image>,
    /// Devices that go by an older copy of their disk: what they promised before is void.
    restored: BTreeSet<Who>,
}

/// One edit.
#[derive(Debug)]
pub struct Edited {
    /// On which device.
    pub who: Who,
    /// In which run of its process.
    pub run: u64,
    /// In which document.
    pub document: DocumentId,
    /// On which chain.
    pub chain: ChainId,
    /// Its number among the updates of that run.
    pub update: u64,
    /// Its number in the chain, once it is sealed.
    pub number: Option<u64>,
    /// The hash of the update.
    pub payload: Hash,
    /// Whether the device said that it is saved.
    pub saved: bool,
    /// Who, as the device said, saved it too.
    pub peers: BTreeSet<Who>,
    name: String,
}

/// What a disk would hold after a power cut, by the ends of its chains.
#[derive(Debug)]
struct Image {
    saves: u64,
    ends: BTreeMap<(DocumentId, ChainId), u64>,
}

impl Ledger {
    /// An app made an edit.
    pub(crate) fn wrote(
        &mut self,
        (who, run): (Who, u64),
        label: &Label,
        document: DocumentId,
        chain: ChainId,
        update: u64,
        payload: &[u8],
    ) {
        self.waiting.entry((who, chain)).or_default().push_back(self.edits.len());
        self.edits.push(Edited {
            who,
            run,
            document,
            chain,
            update,
            number: None,
            payload: hash(payload),
            saved: false,
            peers: BTreeSet::new(),
            name: label.name().to_owned(),
        });
    }

    /// The device made a segment of its own.
    pub(crate) fn sealed(&mut self, who: Who, segment: &Segment) {
        let Some(waiting) = self.waiting.get_mut(&(who, segment.chain)) else { return };
        let entries = segment.entries().map_while(Result::ok);
        for (number, (entry, _)) in (segment.first()..).zip(entries) {
            if let Some(edit) =
                waiting.pop_front_if(|edit| self.edits[*edit].payload == hash(entry.payload))
            {
                self.edits[edit].number = Some(number);
            }
        }
    }

    /// A process ended: what was not sealed is gone, and nobody was promised anything.
    pub(crate) fn crashed(&mut self, who: Who) {
        self.waiting.retain(|(author, _), _| *author != who);
    }

    /// A device's disk is an older one again: nobody can hold it to what it said.
    pub(crate) fn restored(&mut self, who: Who) {
        self.crashed(who);
        self.restored.insert(who);
        self.images.remove(&who);
        for edit in &mut self.edits {
            edit.saved &= edit.who != who;
            edit.peers.remove(&who);
        }
    }

    /// Whether a device's disk is an older one again.
    pub(crate) fn was_restored(&self, who: Who) -> bool {
        self.restored.contains(&who)
    }

    /// What is wrong with a log: an edit that was promised to last and is not there, or an entry that nobody
    /// wrote.
    ///
    /// What `counts` no more, because its author was removed, may be there or not.
    fn compare(
        &self,
        document: &DocumentId,
        log: &Log,
        counts: impl Fn(&Edited) -> bool,
    ) -> Option<String> {
        let mut unwritten: BTreeSet<_> = log.keys().collect();
        for (at, edit) in self.edits.iter().enumerate().filter(|(_, e)| e.document == *document) {
            let Some(number) = edit.number else { continue };
            let place = (edit.chain, number);
            // After a crash, another edit may have the number of one that was lost.
            let is_there = log.get(&place) == Some(&edit.payload);
            if is_there {
                unwritten.remove(&place);
            } else if counts(edit) && (edit.saved || !edit.peers.is_empty()) {
                return Some(format!("edit {at} of device {} is not there", edit.who));
            }
        }
        unwritten.pop_first().map(|entry| format!("nobody wrote entry {entry:?}"))
    }

    /// Whether edits that a device made in a document are in no segment yet.
    pub(crate) fn is_waiting(&self, who: Who, label: &Label) -> bool {
        let here =
            |edit: &usize| self.edits[*edit].who == who && self.edits[*edit].name == label.name();
        self.waiting.values().flatten().any(here)
    }
}

impl World {
    /// Asks a machine where its edits have got to, and looks whether that is true.
    pub(crate) fn check_promises(&mut self, who: Who) {
        let run = self.devices[who].run;
        let Some(space) = self.devices[who].space() else { return };
        if self.devices[who].hostile {
            return;
        }
        let everybody = self.devices.len() - 1;
        let open = |edit: &&Edited| {
            edit.who == who && edit.run == run && (!edit.saved || edit.peers.len() < everybody)
        };
        let edits = self.ledger.edits.iter().enumerate().filter(|(_, edit)| open(edit));
        let standings: Vec<_> =
            edits.map(|(at, edit)| (at, space.standing(&edit.chain, edit.update))).collect();
        for (at, standing) in standings {
            if standing.saved && !self.ledger.edits[at].saved {
                self.ledger.edits[at].saved = true;
                self.check_promise(at, who);
            }
            for peer in standing.peers {
                let peer = self.place_of(&peer);
                // Nobody answers for what a liar says, nor for what went with a disk.
                let void = self.devices[peer].hostile || self.ledger.restored.contains(&peer);
                if !void && self.ledger.edits[at].peers.insert(peer) {
                    self.check_promise(at, peer);
                }
            }
        }
    }

    fn check_promise(&mut self, at: usize, holder: Who) {
        let edit = &self.ledger.edits[at];
        let (key, number) = ((edit.document, edit.chain), edit.number);
        let held = self.image(holder).get(&key).copied().unwrap_or_default();
        let Some(number) = number else {
            return self.wrong(format_args!("edit {at} is said to be saved and not even sealed"));
        };
        if held < number {
            let who = self.ledger.edits[at].who;
            self.wrong(format_args!(
                "device {who} says that device {holder} saved edit {at}, \
                 entry {number} of its chain, of which {held} are saved there"
            ));
        }
    }

    /// What a device would hold after a power cut at this moment.
    fn image(&mut self, who: Who) -> &BTreeMap<(DocumentId, ChainId), u64> {
        let device = &self.devices[who];
        let saves = device.disk.saves();
        let current = self.ledger.images.get(&who).is_some_and(|image| image.saves == saves);
        if !current {
            let ends = ends_on(device.disk.saved_copy(), &device.id());
            self.ledger.images.insert(who, Image { saves, ends });
        }
        &self.ledger.images[&who].ends
    }

    /// Whether every edit that was said to be saved is in every member's log, as it was written, and nothing
    /// is there that was not written.
    pub(crate) fn check_ledger(&mut self) {
        let mut wrongs = Vec::new();
        let documents: BTreeSet<_> = self.ledger.edits.iter().map(|edit| edit.document).collect();
        for (who, device) in self.devices.iter().enumerate() {
            let Some(process) = device.process.as_ref().filter(|_| !device.hostile) else {
                continue;
            };
            if device.space().is_none_or(|space| space.role().is_none()) {
                continue;
            }
            for document in &documents {
                let log = payloads(&process.store, document, self.villain());
                let counts = |edit: &Edited| self.counts(who, edit);
                let wrong = self.ledger.compare(document, &log, counts);
                wrongs.extend(wrong.map(|wrong| format!("on device {who}: {wrong}")));
            }
        }
        wrongs.into_iter().for_each(|wrong| self.wrong(wrong));
    }

    fn villain(&self) -> Option<DeviceId> {
        self.villain.as_ref().map(|villain| self.devices[villain.who].id())
    }

    /// Whether an edit counts, as far as a device knows: whoever wrote it may since have been removed.
    fn counts(&self, who: Who, edit: &Edited) -> bool {
        let Some(space) = self.devices[who].space() else { return false };
        let author = self.devices[edit.who].id();
        // Whoever leaves takes with them what had not reached anybody.
        if space.roster().former(&author).is_some_and(|former| former.by == author) {
            return false;
        }
        match space.roster().reach(&author, &edit.chain) {
            // What only somebody has saved who was removed since went with them.
            Reach::Whole => {
                let is_in = |peer: &Who| space.roster().member(&self.devices[*peer].id()).is_some();
                edit.saved || edit.peers.is_empty() || edit.peers.iter().any(is_in)
            }
            Reach::Upto(cut) => edit.number.is_some_and(|number| number <= cut.number),
            Reach::Nothing => false,
        }
    }

    /// Whether every edit of processes that still run is saved by now.
    pub(crate) fn check_nothing_waits(&mut self) {
        let lives = |edit: &Edited| {
            self.devices[edit.who].run == edit.run && !self.devices[edit.who].hostile
        };
        let late = self.ledger.edits.iter().position(|edit| lives(edit) && !edit.saved);
        if let Some(at) = late {
            let edit = &self.ledger.edits[at];
            let (who, number) = (edit.who, edit.number);
            self.trace.note(self.now, who, Kind::Notice, "an edit was never saved");
            self.wrong(format_args!(
                "edit {at} of device {who} (entry {number:?}) was never saved"
            ));
        }
    }
}

/// The hashes of a document's entries, by chain and number.
type Log = BTreeMap<(ChainId, u64), Hash>;

fn hash(payload: &[u8]) -> Hash {
    Hash(*blake3::hash(payload).as_bytes())
}

/// Every entry of a document's log, by chain and number, but those of a villain: that one answers to nobody.
fn payloads(store: &Store<Disk>, document: &DocumentId, villain: Option<DeviceId>) -> Log {
    let reading = store.segments(document, &Frontier::default(), usize::MAX);
    let segments = reading.map(|reading| reading.segments).unwrap_or_default();
    let heads = segments.iter().filter_map(Segment::head);
    let of_villain = heads.filter(|head| Some(head.device) == villain);
    let of_villain: BTreeSet<_> = of_villain.map(ChainHead::id).collect();
    let mut payloads = BTreeMap::new();
    for segment in segments.iter().filter(|segment| !of_villain.contains(&segment.chain)) {
        let entries = segment.entries().map_while(Result::ok);
        let entries = (segment.first()..).zip(entries);
        // Mends are written by nobody's app.
        for (number, (entry, _)) in entries.filter(|(_, (entry, _))| entry.kind != EntryKind::MEND)
        {
            payloads.insert((segment.chain, number), hash(entry.payload));
        }
    }
    payloads
}

/// The ends of the chains on a disk.
fn ends_on(disk: Disk, me: &DeviceId) -> BTreeMap<(DocumentId, ChainId), u64> {
    let life = Life { boot: None, fresh: [0; 16] };
    let Ok(store) = Store::open(disk, life) else { return BTreeMap::new() };
    let spaces = store.load(me).unwrap_or_default();
    let chains =
        spaces.into_iter().flat_map(|space| space.documents).flat_map(|document| document.chains);
    chains.map(|(head, record)| ((head.document, head.id()), record.tip.number)).collect()
}
