//! A device: a folder with a key and a store, an engine, and its place on the network.

mod backup;
mod disk;
mod error;
mod reach;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use driftline_core::command::Registry;
use driftline_core::id::{DeviceId, SpaceId};
use driftline_core::identity::DeviceKey;
use driftline_core::roster::Ticket;
use driftline_core::space::Limits as SpaceLimits;
use driftline_net::{Limits, Network, NetworkConfig, Traffic, Transport};
use driftline_storage::{Folder, Life, Passphrase, SledEngine, Store, Writer};
use libp2p::Multiaddr;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

pub use backup::CopyError;
pub use disk::{Damaged, DiskState, DiskStatus};
pub use error::{CloseError, JoinError, ListenError, OpenError};
pub(crate) use reach::{Reach, is_loopback};

use crate::engine::{
    Engine, EngineGone, Guests, Inbox, Parts, Request, Room, Showcase, Stage, inbox,
};
use crate::space::Space;

/// How long deleted documents stay on the disk.
const KEEP_DELETED: Duration = Duration::from_secs(30 * 24 * 3600);

/// How a device behaves; the default listens on nothing and looks for nobody.
#[derive(Clone, Debug, Default)]
pub struct DeviceOptions {
    /// Where to listen: `/ip4/127.0.0.1/tcp/0` for this machine alone, `/ip4/0.0.0.0/tcp/4001` for everybody who can
    /// reach it.
    pub listen: Vec<Multiaddr>,
    /// Whether to leave others alone: nobody is dialled who was met before. It says nothing about being dialled.
    pub offline: bool,
    /// Whether to look for members on the local network (multicast DNS), and be found.
    pub mdns: bool,
    /// How much of the machine peers may use.
    pub limits: Limits,
    /// What the app knows of records and commands. An anchor decides only upon what it knows.
    pub registry: Registry,
    /// What the device's key is protected with. A device that is made with it has a protected key from the start; an
    /// older key is protected with [`Folder::protect_key`](crate::Folder::protect_key).
    pub passphrase: Option<Passphrase>,
    /// How much of what others write is kept of each space, and how fast each peer is listened to.
    pub space_limits: SpaceLimits,
    /// How long a deleted document stays on this device's disk, so that it can be restored, counted from when the device
    /// first hears that it is deleted; 30 days if nothing is said.
    pub keep_deleted: Option<Duration>,
}

/// A connection to another device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Who is at the other end.
    pub peer: DeviceId,
    /// The other end's address.
    pub address: Multiaddr,
    /// What carries it.
    pub transport: Transport,
}

/// One installation of an app. Handles are cheap to clone, and all are the same device.
///
/// [`close`](Self::close) saves everything and tells peers goodbye. A device whose last handle is dropped without it
/// still writes what it has, in the background.
#[derive(Clone)]
pub struct Device {
    shared: Arc<Shared>,
}

struct Shared {
    id: DeviceId,
    path: PathBuf,
    inbox: Inbox,
    network: Network,
    reach: Arc<Reach>,
    showcase: Arc<Showcase>,
    stage: Arc<Stage>,
    guests: Arc<Guests>,
    // Taken when the device is closed, by the first who does; others wait for it.
    engine: tokio::sync::Mutex<Option<JoinHandle<()>>>,
    runtime: Mutex<Option<Runtime>>,
}

impl Device {
    /// Opens the device in a folder, which is made if it is not there, with a new key. It listens on nothing: see
    /// [`open_with`](Self::open_with).
    ///
    /// # Errors
    /// If another process has the folder, the key file can be read by others or wants a passphrase, or the store can't
    /// be opened.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::open_with(path, DeviceOptions::default()).await
    }

    /// Opens the device in a folder.
    ///
    /// # Errors
    /// As [`open`](Self::open), and if an address can't be listened on.
    pub async fn open_with(
        path: impl AsRef<Path>,
        options: DeviceOptions,
    ) -> Result<Self, OpenError> {
        let path = path.as_ref().to_owned();
        let config = options.clone();
        // Opening reads the disk, which must not hold up the caller's own tasks.
        let (reply, opened) = oneshot::channel();
        std::thread::Builder::new().name("open".to_owned()).spawn(move || {
            _ = reply.send(Self::open_blocking(&path, &config));
        })?;
        let gone = |_| std::io::Error::other("the thread that opens the device has ended");
        let device = opened.await.map_err(gone)??;
        for address in options.listen {
            device.listen(address).await?;
        }
        Ok(device)
    }

    fn open_blocking(path: &Path, options: &DeviceOptions) -> Result<Self, OpenError> {
        let folder = Folder::lock(path)?;
        let key = Arc::new(folder.key(options.passphrase.as_ref(), &mut rand::rng())?);
        let home = folder.path().to_owned();
        let path = folder.database();
        let broken = |source| OpenError::Store { path: path.clone(), source };
        let database = SledEngine::open(&path)
            .map_err(|source| OpenError::Database { path: path.clone(), source })?;
        let life = Life::on_this_machine(rand::random());
        let store = Arc::new(Store::open(database, life).map_err(broken)?);

        let (reach, showcase) = (Arc::<Reach>::default(), Arc::<Showcase>::default());
        let guests = Arc::<Guests>::default();
        let (inbox, receiver) = inbox(Room::of(&store));
        let stage = Arc::new(Stage::new(inbox.clone(), options.space_limits.author_presences));
        let told = inbox.clone();
        let writer = Writer::start(store.clone(), move |progress| told.progress(progress))?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("network")
            .enable_all()
            .build()?;
        let network = {
            let _in_runtime = runtime.enter();
            let key = DeviceKey::from_seed(&key.seed());
            let config = NetworkConfig { key, mdns: options.mdns, limits: options.limits };
            let told = inbox.clone();
            Network::start(config, move |event| told.network(event))?
        };
        let parts = Parts {
            key: key.clone(),
            store,
            writer,
            network: network.clone(),
            inbox: inbox.clone(),
            reach: reach.clone(),
            showcase: showcase.clone(),
            stage: stage.clone(),
            guests: guests.clone(),
            registry: Arc::new(options.registry.clone()),
            limits: options.space_limits,
            keep_deleted: options.keep_deleted.unwrap_or(KEEP_DELETED),
        };
        let engine = Engine::load(parts, !options.offline).map_err(broken)?;
        let engine = std::thread::Builder::new().name("engine".to_owned()).spawn(move || {
            engine.run(receiver);
            // Nobody else gets the folder while anything is still written to it.
            drop(folder);
        })?;
        let (id, runtime) = (key.id(), Mutex::new(Some(runtime)));
        let engine = tokio::sync::Mutex::new(Some(engine));
        let shared = Shared {
            id,
            path: home,
            inbox,
            network,
            reach,
            showcase,
            stage,
            guests,
            engine,
            runtime,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The device's id.
    pub fn id(&self) -> DeviceId {
        self.shared.id
    }

    /// The folder that it lives in.
    pub fn folder(&self) -> &Path {
        &self.shared.path
    }

    /// Begins a space of one's own. The device is its first admin.
    ///
    /// # Errors
    /// If the device is closed.
    pub async fn create_space(&self, name: &str) -> Result<Space, EngineGone> {
        let name = name.to_owned();
        let id = self.ask(|reply| Request::CreateSpace { name, reply }).await?;
        Ok(self.handle(id))
    }

    /// The space that stays on this device: for drafts, preferences, and what the app's interface remembers. It is like
    /// any other, with documents, commands and records, and nobody else ever hears of it; the device decides itself.
    ///
    /// # Errors
    /// If the device is closed.
    pub async fn local(&self) -> Result<Space, EngineGone> {
        let id = self.ask(|reply| Request::LocalSpace { reply }).await?;
        Ok(self.handle(id))
    }

    /// Joins the space that a ticket opens: asks whoever can be reached, until a member lets the device in. This
    /// may take as long as nobody is there; give it a timeout. What the space holds comes afterwards: see
    /// [`Space::caught_up`]. A device that is in the space already gets the ticket's role, if that is a higher one,
    /// and a device that was removed comes back, if the ticket was issued by an admin who knew of the removal.
    ///
    /// # Errors
    /// If a member refuses the ticket, or the device is closed.
    pub async fn join(&self, ticket: &Ticket) -> Result<Space, JoinError> {
        let ticket = Box::new(ticket.clone());
        let id = self.ask(|reply| Request::Join { ticket, reply }).await??;
        Ok(self.handle(id))
    }

    /// The spaces that the device is in, with their names.
    ///
    /// # Errors
    /// If the device is closed.
    pub async fn spaces(&self) -> Result<Vec<(Space, String)>, EngineGone> {
        let spaces = self.ask(|reply| Request::Spaces { reply }).await?;
        Ok(spaces.into_iter().map(|(id, name)| (self.handle(id), name)).collect())
    }

    /// The space of that id, if the device is in it.
    ///
    /// # Errors
    /// If the device is closed.
    pub async fn space(&self, id: SpaceId) -> Result<Option<Space>, EngineGone> {
        let spaces = self.ask(|reply| Request::Spaces { reply }).await?;
        Ok(spaces.iter().any(|(known, _)| *known == id).then(|| self.handle(id)))
    }

    /// Listens on an address; gives the real one, with its port.
    ///
    /// # Errors
    /// If the system refuses it.
    pub async fn listen(&self, address: Multiaddr) -> Result<Multiaddr, ListenError> {
        self.shared.reach.note(&address);
        let listening = self.shared.network.listen(address.clone()).await;
        listening.map_err(|source| ListenError::Network { address, source })
    }

    /// Keeps trying to reach whoever answers at an address.
    pub fn dial(&self, address: Multiaddr) {
        self.shared.reach.note(&address);
        self.shared.network.remember(None, vec![address]);
    }

    /// The addresses at which this device can be reached, each with its id.
    pub fn addresses(&self) -> Vec<Multiaddr> {
        let addresses = self.shared.network.listen_addresses();
        let Ok(peer) = driftline_net::peer_id(&self.shared.id) else { return Vec::new() };
        addresses.into_iter().filter_map(|address| address.with_p2p(peer).ok()).collect()
    }

    /// The connections to other devices, one for each.
    ///
    /// # Errors
    /// If the device is closed.
    pub async fn connections(&self) -> Result<Vec<Connection>, EngineGone> {
        self.ask(|reply| Request::Connections { reply }).await
    }

    /// What went over the network since the device was opened: frames with their lengths, before encryption.
    pub fn traffic(&self) -> Traffic {
        self.shared.network.traffic()
    }

    /// Whether the device takes what is written: it is open, its store has not failed, and there is room on the disk.
    pub async fn is_writable(&self) -> bool {
        let asked = self.ask(|reply| Request::IsWritable { reply }).await;
        asked.unwrap_or(false) && !self.shared.inbox.is_disk_full()
    }

    /// How many bytes wait in memory to be sent, to all peers together.
    pub fn waiting_bytes(&self) -> usize {
        self.shared.network.waiting_bytes()
    }

    /// Saves everything, says goodbye to peers and frees the folder. Other handles find the device closed.
    ///
    /// # Errors
    /// If the store failed, now or before, or the engine did. What was reported as saved is safe.
    pub async fn close(&self) -> Result<(), CloseError> {
        let mut engine = self.shared.engine.lock().await;
        let Some(thread) = engine.take() else { return Ok(()) };
        let (reply, closed) = oneshot::channel();
        self.shared.inbox.close(reply);
        let closed = closed.await;
        self.shared.network.shutdown().await;
        // The engine has answered, and frees its memory and the folder now.
        let ended = thread.join();
        self.shared.stop_runtime();
        match (closed, ended) {
            (Ok(closed), Ok(())) => Ok(closed?),
            _ => Err(CloseError::Panicked),
        }
    }

    pub(crate) fn showcase(&self) -> &Showcase {
        &self.shared.showcase
    }

    pub(crate) fn stage(&self) -> &Stage {
        &self.shared.stage
    }

    pub(crate) fn guests(&self) -> &Guests {
        &self.shared.guests
    }

    fn handle(&self, id: SpaceId) -> Space {
        Space::new(id, self.clone())
    }

    /// Looks at the store, once it holds all that was taken in so far.
    pub(crate) async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Store<SledEngine>) -> T + Send + 'static,
    ) -> Result<T, EngineGone> {
        self.ask(|reply| Request::Look(Box::new(move |store| _ = reply.send(look(store))))).await
    }

    /// Tells the engine something.
    pub(crate) fn request(&self, request: Request) {
        self.shared.inbox.request(request);
    }

    /// Asks the engine something.
    pub(crate) async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<T>) -> Request,
    ) -> Result<T, EngineGone> {
        let (reply, answer) = oneshot::channel();
        self.shared.inbox.request(request(reply));
        answer.await.map_err(|_| EngineGone)
    }
}

impl Shared {
    fn stop_runtime(&self) {
        if let Some(runtime) = taken(&self.runtime) {
            // It may be dropped within another runtime, where nothing may block.
            runtime.shutdown_background();
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let (reply, _) = oneshot::channel();
        self.inbox.close(reply);
        self.stop_runtime();
    }
}

fn taken<T>(held: &Mutex<Option<T>>) -> Option<T> {
    held.lock().unwrap_or_else(PoisonError::into_inner).take()
}
