//! A document that sockets have open: what one of them writes is signed, written, and told to the others.
//!
//! Nothing is told before it is written: what a socket hears of, the device has also after a crash. So while one turn is
//! being written the next gathers, and the more there is to do, the more goes into one frame.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Instant;

use bytes::Bytes;
use driftline_core::document::{Admission, check, merged};
use driftline_core::id::STOCK_CLIENTS;
use thiserror::Error;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::bridge::{self, Afar};
use super::closing::Closing;
use super::outbox::Outbox;
use super::presence::{Presence, SocketId, State};
use super::wire::BadFrame;
use crate::{
    AdmitError, BadUpdate, DeviceId, Document, Edit, EditError, GuestsError, Missed, News, Updates,
};

/// For how many Yjs clients it is remembered at hand whose they are.
const MAX_CLIENTS: usize = 100_000;

/// A guest number that nobody has, to see all others.
const NOBODY: u64 = u64::MAX;

pub(super) struct Room {
    pub(super) document: Document,
    inside: Mutex<Inside>,
    /// Told when something was written by a socket.
    written: Arc<Notify>,
    /// How large the document's log is, in bytes.
    size: AtomicU64,
    max_size: u64,
    tasks: OnceLock<[AbortHandle; 2]>,
}

#[derive(Default)]
struct Inside {
    sockets: BTreeMap<SocketId, Arc<Outbox>>,
    next: SocketId,
    presence: Presence,
    /// Who is on other devices.
    afar: Afar,
    /// Which guest writes under which Yjs client id.
    owners: BTreeMap<u64, Arc<str>>,
    fresh: Vec<Update>,
}

/// An update, and the socket that it came from, which knows it.
struct Update {
    from: Option<SocketId>,
    update: Bytes,
}

/// What was taken in.
pub(super) struct Written {
    pub(super) edit: Edit<Admission>,
    /// How many Yjs client ids it brought that nobody had written under.
    pub(super) newcomers: usize,
}

/// Why nothing was taken in.
#[derive(Debug, Error)]
pub(super) enum WriteError {
    #[error(transparent)]
    Unsound {
        #[from]
        source: BadUpdate,
    },
    #[error(transparent)]
    Admit {
        #[from]
        source: AdmitError,
    },
    #[error(transparent)]
    Guests {
        #[from]
        source: GuestsError,
    },
    #[error("the document is as large as guests may make it")]
    Full,
}

impl WriteError {
    /// Why the document can't be edited, if that is it.
    pub(super) fn edit(&self) -> Option<EditError> {
        match self {
            Self::Admit { source: AdmitError::Edit { source } } => Some(*source),
            _ => None,
        }
    }

    /// What to tell the client.
    pub(super) fn closing(&self) -> Closing {
        match self {
            Self::Unsound { .. } => Closing::Nonsense,
            Self::Guests { .. } => Closing::TryAgain,
            Self::Full => Closing::Full,
            Self::Admit { source } => Closing::of(source),
        }
    }
}

impl Room {
    /// Opens the room of a document that has so many bytes, and may have so many before guests write no more in it.
    pub(super) fn open(document: Document, news: News, (size, max_size): (u64, u64)) -> Arc<Self> {
        let (updates, written) = (document.updates(), Arc::<Notify>::default());
        let (told, others) = (written.clone(), document.presence().as_guest(NOBODY).watch());
        let (inside, tasks) = (Mutex::default(), OnceLock::new());
        let size = AtomicU64::new(size);
        let room = Arc::new(Self { document, inside, written, size, max_size, tasks });
        let relay = tokio::spawn(relay(Arc::downgrade(&room), updates, told, news));
        let bridge = tokio::spawn(bridge::show_here(Arc::downgrade(&room), others));
        _ = room.tasks.set([relay.abort_handle(), bridge.abort_handle()]);
        room
    }

    /// A socket comes in: from now on it is told of everything.
    pub(super) fn enter(&self, outbox: Arc<Outbox>) -> SocketId {
        let mut inside = self.lock();
        let socket = inside.next;
        inside.next += 1;
        outbox.presence(&inside.everybody());
        inside.sockets.insert(socket, outbox);
        socket
    }

    /// A socket is gone.
    pub(super) fn leave(&self, socket: SocketId) {
        let mut inside = self.lock();
        inside.sockets.remove(&socket);
        let left = inside.presence.leave(socket);
        inside.show(&left, None);
        bridge::show_afar(&self.document, &left);
    }

    /// Takes in what is new of an update, for the guest who wrote it.
    pub(super) async fn write(
        &self,
        from: Option<SocketId>,
        guest: &Arc<str>,
        update: &[u8],
    ) -> Result<Written, WriteError> {
        if self.size() >= self.max_size {
            return Err(WriteError::Full);
        }
        let newcomers = self.learn_owners(guest, update).await?;
        // Locked until it is queued, so that what leans on it is queued after it.
        let mut inside = self.lock();
        let owners = &inside.owners;
        let theirs = |client| owners.get(&client) == Some(guest);
        let mut edit = self.document.admit(guest, update, theirs)?;
        if let Some(news) = edit.output.news.take() {
            self.size.fetch_add(news.len() as u64, Ordering::Relaxed);
            inside.fresh.push(Update { from, update: news.into() });
            self.written.notify_one();
        }
        Ok(Written { edit, newcomers })
    }

    /// How large the document's log is, in bytes, and so about the most that a reader lacks.
    pub(super) fn size(&self) -> u64 {
        self.size.load(Ordering::Relaxed)
    }

    /// Takes in where somebody is, and what they say of others.
    pub(super) fn note_presence(
        &self,
        socket: SocketId,
        guest: &Arc<str>,
        message: &[u8],
    ) -> Result<(), BadFrame> {
        let mut inside = self.lock();
        let news = inside.presence.take((socket, guest), message, Instant::now())?;
        inside.show(&news, Some(socket));
        bridge::show_afar(&self.document, &news);
        Ok(())
    }

    /// Everybody's presence.
    pub(super) fn presence(&self) -> Vec<State> {
        self.lock().everybody()
    }

    /// Lets go of whoever has been silent for too long.
    pub(super) fn expire_presence(&self) {
        let mut inside = self.lock();
        let left = inside.presence.expire(Instant::now());
        inside.show(&left, None);
        bridge::show_afar(&self.document, &left);
    }

    /// Shows who is on other devices, as `change` makes it of who was.
    pub(super) fn show_afar(&self, change: impl FnOnce(&mut Afar, DeviceId) -> Vec<State>) {
        let mut inside = self.lock();
        let news = change(&mut inside.afar, self.document.device());
        inside.show(&news, None);
    }

    /// Sends everybody away, if guests can't be here any more.
    fn review(&self) {
        if let Err(error) = self.document.hosts() {
            let closing = Closing::of(&error);
            // What goes by goes by with them in.
            if closing.denies() {
                self.lock().close(closing);
            }
        }
    }

    /// An id of a stock client that nobody has written under belongs to whoever comes with it. For others the log says
    /// whose they are.
    /// Gives how many such there are.
    async fn learn_owners(&self, guest: &Arc<str>, update: &[u8]) -> Result<usize, WriteError> {
        let clients = check::clients(update)?.into_keys();
        let clients: Vec<_> = clients.filter(|client| *client < STOCK_CLIENTS).collect();
        if clients.iter().all(|client| self.lock().owners.contains_key(client)) {
            return Ok(0);
        }
        let unknown = self.document.unknown_clients(&clients);
        if unknown.len() < clients.len() {
            let guests = self.document.guests().await?;
            let mut inside = self.lock();
            for (client, guest) in guests {
                inside.owners.entry(client).or_insert_with(|| guest.into());
            }
        }
        let (newcomers, mut inside) = (unknown.len(), self.lock());
        for client in unknown {
            if inside.owners.len() < MAX_CLIENTS {
                inside.owners.entry(client).or_insert_with(|| guest.clone());
            }
        }
        Ok(newcomers)
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        // It is whole between any two statements.
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.tasks.get().into_iter().flatten().for_each(AbortHandle::abort);
    }
}

impl Inside {
    /// All who are here, and on other devices.
    fn everybody(&self) -> Vec<State> {
        self.presence.all().chain(self.afar.all()).collect()
    }

    /// Shows presence to all but whoever said it.
    fn show(&self, states: &[State], except: Option<SocketId>) {
        if states.is_empty() {
            return;
        }
        for (_, outbox) in self.sockets.iter().filter(|(socket, _)| Some(**socket) != except) {
            outbox.presence(states);
        }
    }

    /// Tells everybody what is new to them.
    fn spread(&self, news: &[Update]) {
        let shared = together(news.iter());
        for (socket, outbox) in &self.sockets {
            let own = |news: &&Update| news.from == Some(*socket);
            if news.iter().any(|news| own(&news)) {
                let others = together(news.iter().filter(|news| !own(news)));
                others.into_iter().for_each(|update| outbox.update(update));
            } else {
                shared.iter().for_each(|update| outbox.update(update.clone()));
            }
        }
    }

    fn resync(&self) {
        self.sockets.values().for_each(|outbox| outbox.resync());
    }

    fn close(&self, closing: Closing) {
        self.sockets.values().for_each(|outbox| outbox.close(closing));
    }
}

/// Tells sockets what is new, turn by turn; and sends them away when guests can't be in the document any more.
async fn relay(room: Weak<Room>, mut updates: Updates, written: Arc<Notify>, mut news: News) {
    loop {
        let first = tokio::select! {
            update = updates.next() => Some(update),
            () = written.notified() => None,
            // When the device is closed, the gateway sends everybody away.
            Ok(()) = news.next() => None,
        };
        let Some(room) = room.upgrade() else { return };
        let rest = std::iter::from_fn(|| updates.try_next());
        let others: Result<Vec<_>, Missed> = first.into_iter().chain(rest).collect();
        let mut fresh = std::mem::take(&mut room.lock().fresh);
        if others.as_ref().is_ok_and(Vec::is_empty) && fresh.is_empty() {
            room.review();
            continue;
        }
        if room.document.written().await.is_err() {
            return room.lock().close(Closing::Leaving);
        }
        match others {
            Ok(others) => {
                let others = others.into_iter().map(Bytes::from);
                fresh.extend(others.map(|update| Update { from: None, update }));
                room.lock().spread(&fresh);
            }
            Err(Missed) => room.lock().resync(),
        }
    }
}

/// Updates as one, or as few as can be.
fn together<'a>(news: impl Iterator<Item = &'a Update>) -> Vec<Bytes> {
    merge(&news.map(|news| news.update.clone()).collect::<Vec<_>>())
}

/// Updates as one, or as few as can be.
pub(super) fn merge(updates: &[Bytes]) -> Vec<Bytes> {
    match updates {
        [] => Vec::new(),
        [update] => vec![update.clone()],
        // yrs wrote them all, so none is refused.
        several => {
            let several: Vec<_> = several.iter().map(|update| &**update).collect();
            merged(&several).updates.into_iter().map(Bytes::from).collect()
        }
    }
}
