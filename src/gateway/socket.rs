//! One client's socket, from its coming to its going.

pub(super) mod frames;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::HeaderMap;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tokio::sync::Notify;
use tokio::time::MissedTickBehavior;
use tokio_tungstenite::tungstenite::Message as Frame;

use super::allowance::{Allowance, Debt};
use super::caller::Caller;
use super::closing::Closing;
use super::credentials::Shown;
use super::dialect::{Dialect, Said};
use super::lobby::Lobby;
use super::metrics::{Entry, Handshake, Spoken};
use super::rooms::Fresh;
use super::visit::{Heard, Told, Visit};
use crate::{Admission, Edit, Level};
use frames::{WebSocket, complaint, send};

/// How often a client is told something, whether there is anything to tell or not: they hang up after 30 s.
const BEAT: Duration = Duration::from_secs(15);

/// How long a client may be silent. It answers pings.
const SILENCE: Duration = Duration::from_secs(50);

/// How long a socket may be in no document.
const IDLE: Duration = Duration::from_secs(10);

/// In how many documents a socket may be.
const MAX_VISITS: usize = 256;

/// How often in a row a socket may say what costs nobody's allowance: bring passes that don't count, ping, or speak of
/// documents that it is not in.
const MAX_STRAYS: usize = 256;

/// How many edits of a socket may wait to be saved: then it is not read until some are.
const MAX_UNSAVED: usize = 256;

pub(super) struct Socket<'a> {
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
    debt: Option<(Arc<Allowance>, Debt)>,
}

impl<'a> Socket<'a> {
    pub(super) fn new(
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
    pub(super) async fn run(&mut self) -> Result<(), Closing> {
        let mut standings = self.lobby.guest_news();
        let mut beat = tokio::time::interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        beat.reset();
        loop {
            let lasts = self.visits.values().map(|visit| visit.caller.lasts()).min();
            let lasts = lasts.unwrap_or_else(|| IDLE.saturating_sub(self.idle.elapsed()));
            let listens = self.unsaved.len() < MAX_UNSAVED && self.debt.is_none();
            let pause = self.debt.as_ref().map(|(_, debt)| debt.until);
            let pause = tokio::time::sleep_until(pause.unwrap_or_else(tokio::time::Instant::now));
            tokio::select! {
                frame = self.socket.next(), if listens => match frame {
                    Some(Ok(frame)) => self.hear(frame).await?,
                    Some(Err(error)) => return complaint(&error).map_or(Ok(()), Err),
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
        let bytes = match frame {
            Frame::Binary(bytes) => bytes,
            // The answers to our own pings.
            Frame::Pong(_) | Frame::Close(_) | Frame::Frame(_) => return Ok(()),
            Frame::Text(_) | Frame::Ping(_) => return self.stray(),
        };
        let (key, said) = self.dialect.read(&bytes).map_err(|_| Closing::Nonsense)?;
        let (metrics, dialect) = (&self.lobby.metrics, self.dialect);
        metrics.messages.get_or_create(&Spoken { dialect, kind: said.kind() }).inc();
        match said {
            Said::Message(message) => {
                // What comes for a document that was closed was under way.
                let Some(visit) = self.visits.get_mut(key) else { return self.stray() };
                self.strays = 0;
                let allowance = visit.caller.allowance.clone();
                let begun = Instant::now();
                let heard = visit.hear(message).await;
                let mut costs = [allowance.take(bytes.len()), Ok(())];
                if let Ok(Heard::Wrote(written)) = &heard {
                    metrics.writes.observe(begun.elapsed().as_secs_f64());
                    costs[1] = allowance.take_newcomers(written.newcomers);
                }
                let debt = costs.into_iter().filter_map(Result::err).reduce(Debt::and);
                self.debt = debt.map(|debt| (allowance, debt));
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

    /// Makes up for what was said too much, as far as can be.
    fn settle(&mut self) {
        let settled = |(allowance, debt): (Arc<Allowance>, Debt)| {
            let rest = debt.settle(&allowance).err()?;
            Some((allowance, rest))
        };
        self.debt = self.debt.take().and_then(settled);
    }

    /// It said something that costs nobody's allowance.
    fn stray(&mut self) -> Result<(), Closing> {
        self.strays += 1;
        if self.strays > MAX_STRAYS { Err(Closing::NoPass) } else { Ok(()) }
    }

    /// Lets the client into a document, or takes note of its newer pass.
    pub(super) async fn let_in(
        &mut self,
        key: &str,
        document: &str,
        pass: &str,
    ) -> Result<(), Closing> {
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
            Heard::Wrote(written) if self.dialect.acknowledges() => {
                self.unsaved.push(saved(key.to_owned(), written.edit).boxed());
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
    pub(super) async fn say_goodbye(mut self, closing: Result<(), Closing>) {
        let Err(closing) = closing else { return };
        self.lobby.metrics.closes.get_or_create(&closing.into()).inc();
        self.visits.clear();
        let told = closing.denies().then(|| self.dialect.denied(closing.reason())).flatten();
        // Only y-websocket has one document, so that it is clear what is denied.
        let told = told.filter(|_| self.dialect == Dialect::YWebsocket).map(Frame::Binary);
        let frames = told.into_iter().chain([Frame::Close(Some(closing.frame()))]);
        if send(&mut self.socket, frames).await.is_ok() {
            // The client answers with a close frame of its own, and what it sent before that is let go of.
            let answered = async { while let Some(Ok(_)) = self.socket.next().await {} };
            _ = tokio::time::timeout(Duration::from_secs(2), answered).await;
        }
    }
}

/// Whether an edit was saved as a whole, once that is clear.
async fn saved(key: String, edit: Edit<Admission>) -> (String, bool) {
    let saved = edit.reached(Level::Saved).await.is_ok();
    (key, saved && !edit.output.lacks)
}
