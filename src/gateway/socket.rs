//! One client's socket, from its coming to its going.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Extension;
use axum::extract::ws::{Message as Frame, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, SinkExt, StreamExt};
use tokio::sync::Notify;
use tokio::time::MissedTickBehavior;

use super::allowance::Allowance;
use super::caller::Caller;
use super::closing::Closing;
use super::credentials::Shown;
use super::dialect::{Dialect, Said};
use super::lobby::Lobby;
use super::metrics::{Entry, Handshake, Spoken};
use super::rooms::Fresh;
use super::server::Seat;
use super::visit::{Heard, Told, Visit};
use crate::{Admission, Edit, Level};

/// Every connection has a buffer of this size for as long as it lasts, so it is small.
const BUFFER: usize = 4 << 10;

/// How often a client is told something, whether there is anything to tell or not: they hang up after 30 s.
const BEAT: Duration = Duration::from_secs(15);

/// How long a client may be silent. It answers pings.
const SILENCE: Duration = Duration::from_secs(50);

/// How long a client may take to read what is sent, and how much of it in a second at the least if it is much.
const SENDING: Duration = Duration::from_secs(30);
const SLOWEST: usize = 16 << 10;

/// How long a socket may be in no document.
const IDLE: Duration = Duration::from_secs(10);

/// In how many documents a socket may be.
const MAX_VISITS: usize = 256;

/// How many passes that don't count a socket may bring, and how much it may say about documents that it is not in.
const MAX_STRAYS: usize = 256;

/// How long whoever says too much is not heard.
const PAUSE: Duration = Duration::from_millis(50);

/// How many edits of a socket may wait to be saved: then it is not read until some are.
const MAX_UNSAVED: usize = 256;

/// What is called when a socket is asked for: everything that has to do with HTTP.
pub(super) struct Request {
    lobby: Arc<Lobby>,
    seat: Seat,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
}

/// A y-websocket client: its pass and its document stand in the address.
pub(super) async fn y_websocket(
    State(lobby): State<Arc<Lobby>>,
    Path((space, document)): Path<(String, String)>,
    Query(query): Query<HashMap<String, String>>,
    Extension(seat): Extension<Seat>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let request = Request { lobby, seat, headers, upgrade };
    request.answer(async move |lobby, headers, socket| {
        let mut socket = Socket::new(&lobby, Dialect::YWebsocket, socket, (space, headers));
        let pass = query.get("token").map(String::as_str).unwrap_or_default();
        let closing = match socket.let_in("", &document, pass).await {
            Ok(()) => socket.run().await,
            Err(closing) => Err(closing),
        };
        socket.say_goodbye(closing).await;
    })
}

/// A Hocuspocus client: it says on its socket which documents it wants, and brings a pass for each.
pub(super) async fn hocuspocus(
    State(lobby): State<Arc<Lobby>>,
    Path(space): Path<String>,
    Extension(seat): Extension<Seat>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let request = Request { lobby, seat, headers, upgrade };
    request.answer(async move |lobby, headers, socket| {
        let mut socket = Socket::new(&lobby, Dialect::Hocuspocus, socket, (space, headers));
        let closing = socket.run().await;
        socket.say_goodbye(closing).await;
    })
}

impl Request {
    /// Opens the socket. Who may not come in is told so there, where clients can read why.
    fn answer<F>(
        self,
        serve: impl FnOnce(Arc<Lobby>, HeaderMap, WebSocket) -> F + Send + 'static,
    ) -> Response
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let Self { lobby, seat, headers, upgrade } = self;
        if !lobby.origins.welcome(&headers) {
            return (StatusCode::FORBIDDEN, "pages of this origin may not come in").into_response();
        }
        let most = lobby.limits.frame_bytes;
        let upgrade = upgrade
            .read_buffer_size(BUFFER)
            .write_buffer_size(0)
            .max_message_size(most)
            .max_frame_size(most);
        upgrade.on_upgrade(async move |socket| {
            // Most sockets never look at it again, and stay for long.
            let matters = lobby.backend.is_some() || headers.contains_key(header::COOKIE);
            let headers = if matters { headers } else { HeaderMap::new() };
            serve(lobby, headers, socket).await;
            drop(seat);
        })
    }
}

struct Socket<'a> {
    lobby: &'a Lobby,
    dialect: Dialect,
    socket: WebSocket,
    space: String,
    /// The request that opened it, where that may say who somebody is.
    headers: HeaderMap,
    /// The documents that it is in, by what the client calls them.
    visits: BTreeMap<String, Visit>,
    /// Told when one of them has something to tell.
    news: Arc<Notify>,
    /// Edits that are not saved yet, of clients that want to hear of that.
    unsaved: FuturesUnordered<BoxFuture<'static, (String, bool)>>,
    heard: Instant,
    /// Since when it has been in no document, if it is in none.
    idle: Instant,
    /// How often it spoke for no document.
    strays: usize,
    /// What it said beyond its guest's allowance: it is not heard until that is made up for.
    debt: Option<Debt>,
}

struct Debt {
    allowance: Arc<Allowance>,
    bytes: usize,
    until: tokio::time::Instant,
}

impl<'a> Socket<'a> {
    fn new(
        lobby: &'a Lobby,
        dialect: Dialect,
        socket: WebSocket,
        (space, headers): (String, HeaderMap),
    ) -> Self {
        let (visits, news, unsaved) = (BTreeMap::new(), Arc::default(), FuturesUnordered::new());
        let (heard, idle, strays, debt) = (Instant::now(), Instant::now(), 0, None);
        Self {
            lobby,
            dialect,
            socket,
            space,
            headers,
            visits,
            news,
            unsaved,
            heard,
            idle,
            strays,
            debt,
        }
    }

    /// Goes on until the client hangs up, or is to be hung up on.
    async fn run(&mut self) -> Result<(), Closing> {
        let mut standings = self.lobby.guest_news();
        let mut beat = tokio::time::interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        beat.reset();
        loop {
            let lasts = self.visits.values().map(|visit| visit.caller.lasts()).min();
            let lasts = lasts.unwrap_or_else(|| IDLE.saturating_sub(self.idle.elapsed()));
            let listens = self.unsaved.len() < MAX_UNSAVED && self.debt.is_none();
            let pause = self.debt.as_ref().map(|debt| debt.until);
            let pause = tokio::time::sleep_until(pause.unwrap_or_else(tokio::time::Instant::now));
            tokio::select! {
                frame = self.socket.recv(), if listens => match frame {
                    Some(Ok(frame)) => self.hear(frame).await?,
                    Some(Err(error)) => return Err(complaint(&error)),
                    None => return Ok(()),
                },
                () = pause, if self.debt.is_some() => self.settle(),
                () = self.news.notified() => self.tell().await?,
                Some((key, saved)) = self.unsaved.next() => self.acknowledge(&key, saved).await?,
                _ = beat.tick() => self.beat().await?,
                () = tokio::time::sleep(lasts) => self.review().await?,
                _ = standings.next() => self.review().await?,
                () = self.lobby.left() => return Err(Closing::Leaving),
            }
        }
    }

    async fn hear(&mut self, frame: Frame) -> Result<(), Closing> {
        self.heard = Instant::now();
        let Frame::Binary(bytes) = frame else { return self.stray() };
        let (key, said) = self.dialect.read(&bytes).map_err(|_| Closing::Nonsense)?;
        let (metrics, dialect) = (&self.lobby.metrics, self.dialect);
        metrics.messages.get_or_create(&Spoken { dialect, kind: said.kind() }).inc();
        match said {
            Said::Message(message) => {
                // What comes for a document that was closed was under way.
                let Some(visit) = self.visits.get_mut(key) else { return self.stray() };
                if !visit.caller.allowance.take(bytes.len()) {
                    let allowance = visit.caller.allowance.clone();
                    self.debt = Some(Debt::new(allowance, bytes.len()));
                }
                let begun = Instant::now();
                let heard = visit.hear(message).await;
                if let Ok(Heard::Wrote(_)) = heard {
                    metrics.writes.observe(begun.elapsed().as_secs_f64());
                }
                match heard {
                    Ok(heard) => self.heard_of(key, heard).await,
                    Err(closing) => self.dismiss(key, closing).await,
                }
            }
            Said::Pass(pass) => {
                // Behind a zero byte, tabs of one document on one socket tell themselves apart.
                let document = key.split('\0').next().unwrap_or(key);
                match self.let_in(key, document, pass).await {
                    Err(closing) if closing.denies() => {
                        self.stray()?;
                        let denied = self.dialect.denied(closing.reason());
                        self.send(key, denied).await
                    }
                    let_in => let_in,
                }
            }
            Said::Leaves => {
                self.visits.remove(key);
                self.idle = Instant::now();
                Ok(())
            }
            Said::Nothing => self.stray(),
        }
    }

    /// It said something that costs nobody's allowance.
    fn stray(&mut self) -> Result<(), Closing> {
        self.strays += 1;
        if self.strays > MAX_STRAYS { Err(Closing::NoPass) } else { Ok(()) }
    }

    /// Makes up for what was said too much, if there is enough again.
    fn settle(&mut self) {
        if let Some(Debt { allowance, bytes, .. }) = self.debt.take()
            && !allowance.take(bytes)
        {
            self.debt = Some(Debt::new(allowance, bytes));
        }
    }

    /// Lets the client into a document, or takes note of its newer pass.
    async fn let_in(&mut self, key: &str, document: &str, pass: &str) -> Result<(), Closing> {
        let entered = self.enter(key, document, pass).await;
        let result = if entered.is_ok() { Entry::Admitted } else { Entry::Refused };
        let handshake = Handshake { dialect: self.dialect, result };
        self.lobby.metrics.handshakes.get_or_create(&handshake).inc();
        entered?;
        self.welcome(key).await
    }

    async fn enter(&mut self, key: &str, document: &str, pass: &str) -> Result<(), Closing> {
        let shown = Shown { token: Some(pass), headers: &self.headers };
        let caller = self.lobby.caller(shown, &self.space).await?;
        let full = self.visits.len() >= MAX_VISITS;
        match self.visits.get_mut(key) {
            Some(visit) if visit.caller.guest == caller.guest => visit.caller.renew(caller),
            Some(_) => return Err(Closing::NoPass),
            None if full => return Err(Closing::TryAgain),
            None => {
                let theirs = self.visits.values().map(|visit| &visit.caller);
                let mut theirs = theirs.filter(|known| known.key() == caller.key());
                let place = theirs.find_map(Caller::place).or_else(|| self.lobby.place(&caller));
                let caller = caller.sit(place.ok_or(Closing::TryAgain)?);
                let inside = self.lobby.enter(&caller, document, Fresh::Welcome).await?;
                let most = self.lobby.limits.waiting_bytes;
                let (told, news) = (self.dialect.acknowledges(), self.news.clone());
                let visit = Visit::new(caller, inside, told, most, news);
                visit.role()?;
                self.visits.insert(key.to_owned(), visit);
            }
        }
        Ok(())
    }

    /// Tells the client what it may do.
    async fn welcome(&mut self, key: &str) -> Result<(), Closing> {
        let Some(visit) = self.visits.get(key) else { return Ok(()) };
        let welcome = self.dialect.welcome(visit.role()?);
        self.send(key, welcome).await
    }

    /// Has the client hear of an edit when it is saved, if it wants to.
    async fn heard_of(&mut self, key: &str, heard: Heard) -> Result<(), Closing> {
        match heard {
            Heard::Wrote(edit) if self.dialect.acknowledges() => {
                self.unsaved.push(saved(key.to_owned(), edit).boxed());
                Ok(())
            }
            Heard::PassedOver { held } => {
                let status = self.dialect.status(held);
                self.send(key, status).await
            }
            Heard::Wrote(_) | Heard::Nothing => Ok(()),
        }
    }

    async fn acknowledge(&mut self, key: &str, saved: bool) -> Result<(), Closing> {
        let status = self.dialect.status(saved);
        self.send(key, status).await
    }

    /// Sends all that waits.
    async fn tell(&mut self) -> Result<(), Closing> {
        let mut frames = Vec::new();
        let mut gone = Vec::new();
        for (key, visit) in &mut self.visits {
            match visit.tell(&self.lobby.budget).await {
                Ok(Told { messages, part, was_behind }) => {
                    self.lobby.metrics.resyncs.inc_by(was_behind.into());
                    let messages = messages.into_iter();
                    frames.extend(messages.map(|message| self.dialect.frame(key, message)));
                    // Nobody holds memory while they wait for more of it.
                    if part.is_some() {
                        send(&mut self.socket, frames.drain(..).map(Frame::Binary)).await?;
                    }
                }
                Err(closing) => gone.push((key.clone(), closing)),
            }
        }
        send(&mut self.socket, frames.into_iter().map(Frame::Binary)).await?;
        for (key, closing) in gone {
            self.dismiss(&key, closing).await?;
        }
        Ok(())
    }

    async fn beat(&mut self) -> Result<(), Closing> {
        if self.heard.elapsed() > SILENCE {
            return Err(Closing::TryAgain);
        }
        for key in self.visits.keys().cloned().collect::<Vec<_>>() {
            let beaten = self.visits.get_mut(&key).map_or(Ok(()), Visit::beat);
            if let Err(closing) = beaten {
                self.dismiss(&key, closing).await?;
            }
        }
        let frames = [Frame::Binary(self.dialect.beat()), Frame::Ping(Bytes::new())];
        send(&mut self.socket, frames).await
    }

    /// What guests may do has changed, or it is not known any more.
    async fn review(&mut self) -> Result<(), Closing> {
        if self.visits.is_empty() {
            return Err(Closing::NoPass);
        }
        for key in self.visits.keys().cloned().collect::<Vec<_>>() {
            let known = match self.ask_again(&key).await {
                Ok(()) => self.welcome(&key).await,
                lost => lost,
            };
            if let Err(closing) = known {
                self.dismiss(&key, closing).await?;
            }
        }
        Ok(())
    }

    /// Asks who a guest is, if that is to be asked again.
    async fn ask_again(&mut self, key: &str) -> Result<(), Closing> {
        let visit = self.visits.get_mut(key).filter(|visit| visit.caller.is_due());
        let Some(visit) = visit else { return Ok(()) };
        let again = self.lobby.again(&visit.caller).await?;
        visit.caller.renew(again);
        Ok(())
    }

    /// Closes a document, and the socket if it has no other.
    async fn dismiss(&mut self, key: &str, closing: Closing) -> Result<(), Closing> {
        self.visits.remove(key);
        self.idle = Instant::now();
        if self.visits.is_empty() || !closing.denies() {
            return Err(closing);
        }
        let (denied, closed) =
            (self.dialect.denied(closing.reason()), self.dialect.closed(closing.reason()));
        self.send(key, denied).await?;
        self.send(key, closed).await
    }

    async fn send(&mut self, key: &str, message: Option<Bytes>) -> Result<(), Closing> {
        let frame = message.map(|message| Frame::Binary(self.dialect.frame(key, message)));
        send(&mut self.socket, frame).await
    }

    /// Says why the socket is closed, if it is the gateway that closes it.
    async fn say_goodbye(mut self, closing: Result<(), Closing>) {
        let Err(closing) = closing else { return };
        self.lobby.metrics.closes.get_or_create(&closing.into()).inc();
        self.visits.clear();
        let told = closing.denies().then(|| self.dialect.denied(closing.reason())).flatten();
        // Only y-websocket has one document, so that it is clear what is denied.
        let told = told.filter(|_| self.dialect == Dialect::YWebsocket).map(Frame::Binary);
        let frames = told.into_iter().chain([Frame::Close(Some(closing.frame()))]);
        if send(&mut self.socket, frames).await.is_ok() {
            // The client answers with a close frame of its own, and what it sent before that is let go of.
            let answered = async { while let Some(Ok(_)) = self.socket.recv().await {} };
            _ = tokio::time::timeout(Duration::from_secs(2), answered).await;
        }
    }
}

impl Debt {
    fn new(allowance: Arc<Allowance>, bytes: usize) -> Self {
        Self { allowance, bytes, until: tokio::time::Instant::now() + PAUSE }
    }
}

/// Whether an edit was saved as a whole, once that is clear.
async fn saved(key: String, edit: Edit<Admission>) -> (String, bool) {
    let saved = edit.reached(Level::Saved).await.is_ok();
    (key, saved && !edit.output.lacks)
}

async fn send(
    socket: &mut WebSocket,
    frames: impl IntoIterator<Item = Frame>,
) -> Result<(), Closing> {
    let frames: Vec<_> = frames.into_iter().collect();
    let length = |frame: &Frame| if let Frame::Binary(bytes) = frame { bytes.len() } else { 0 };
    let bytes: usize = frames.iter().map(length).sum();
    let patience = SENDING + Duration::from_secs((bytes / SLOWEST) as u64);
    let sending = async {
        for frame in frames {
            socket.feed(frame).await?;
        }
        socket.flush().await
    };
    match tokio::time::timeout(patience, sending).await {
        Ok(Ok(())) => Ok(()),
        // It reads no more, or too slowly; what it lacks it gets when it comes again.
        Ok(Err(_)) | Err(_) => Err(Closing::TryAgain),
    }
}

/// What to tell a client whose frame could not be read.
fn complaint(error: &axum::Error) -> Closing {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        // The library says it in words alone.
        if error.to_string().contains("too long") {
            return Closing::TooLarge;
        }
        cause = error.source();
    }
    Closing::Nonsense
}
