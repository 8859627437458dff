//! One y-websocket client, from its coming to its going.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Extension;
use axum::extract::ws::{Message as Frame, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use driftline_core::document::check;
use futures::SinkExt;

use super::caller::Caller;
use super::closing::Closing;
use super::lobby::Lobby;
use super::outbox::{Answer, Outbox};
use super::presence::{self, SocketId};
use super::room::{self, Room, WriteError};
use super::rooms::Inside;
use super::seats::Seat;
use super::wire::{self, Message};
use crate::{AdmitError, ApplyError, EditError};

/// Every connection has a buffer of this size for as long as it lasts, so it is small.
const BUFFER: usize = 4 << 10;

/// How often a client is told something, whether there is anything to tell or not: y-websocket hangs up after 30 s.
const BEAT: Duration = Duration::from_secs(15);

/// How long a client may be silent. It answers pings.
const SILENCE: Duration = Duration::from_secs(50);

/// How long a client may take to read what is sent.
const SENDING: Duration = Duration::from_secs(30);

/// How long a write waits until the device takes more.
const BUSY: Duration = Duration::from_millis(20);

/// Answers a request to open a socket. Who may not come in is told so on the socket, where clients can read why.
pub(super) async fn open(
    State(lobby): State<Arc<Lobby>>,
    Path((space, document)): Path<(String, String)>,
    Query(query): Query<HashMap<String, String>>,
    Extension(seat): Extension<Arc<Seat>>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    if !lobby.welcomes(&headers) {
        return (StatusCode::FORBIDDEN, "pages of this origin may not come in").into_response();
    }
    let most = lobby.limits.frame_bytes;
    let upgrade = upgrade
        .read_buffer_size(BUFFER)
        .write_buffer_size(0)
        .max_message_size(most)
        .max_frame_size(most);
    upgrade.on_upgrade(async move |mut socket| {
        let _seat = seat;
        let entered = async {
            let caller = lobby.caller(query.get("token").map(String::as_str), &space).await?;
            let inside = lobby.enter(&caller, &document).await?;
            Ok((caller, inside))
        };
        let closing = match entered.await {
            Ok((caller, inside)) => Session::new(&lobby, caller, inside).run(&mut socket).await,
            Err(closing) => Err(closing),
        };
        if let Err(closing) = closing {
            say_goodbye(&mut socket, closing).await;
        }
    })
}

/// A client in a room.
struct Session<'a> {
    lobby: &'a Lobby,
    caller: Caller,
    inside: Inside,
    outbox: Arc<Outbox>,
    socket: SocketId,
    /// What the client is known to have, as a state vector.
    version: Vec<u8>,
    /// Whether it has something that could not be taken in yet.
    lacking: bool,
    heard: Instant,
}

impl<'a> Session<'a> {
    fn new(lobby: &'a Lobby, caller: Caller, inside: Inside) -> Self {
        let outbox = Arc::new(Outbox::new(lobby.limits.waiting_bytes));
        let socket = inside.room.enter(outbox.clone());
        let (version, heard) = (vec![0], Instant::now());
        Self { lobby, caller, inside, outbox, socket, version, lacking: false, heard }
    }

    /// Goes on until the client hangs up, or is to be hung up on.
    async fn run(mut self, socket: &mut WebSocket) -> Result<(), Closing> {
        let outbox = self.outbox.clone();
        let mut beat = tokio::time::interval(BEAT);
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        beat.reset();
        loop {
            tokio::select! {
                frame = socket.recv() => match frame {
                    Some(Ok(frame)) => self.hear(frame).await?,
                    Some(Err(error)) => return Err(complaint(&error)),
                    None => return Ok(()),
                },
                () = outbox.news() => self.tell(socket).await?,
                _ = beat.tick() => self.beat(socket).await?,
                () = tokio::time::sleep(self.caller.lasts()) => return Err(Closing::Expired),
                () = self.lobby.left() => return Err(Closing::Leaving),
            }
        }
    }

    fn room(&self) -> &Arc<Room> {
        &self.inside.room
    }

    async fn hear(&mut self, frame: Frame) -> Result<(), Closing> {
        self.heard = Instant::now();
        let role = self.caller.role()?;
        let Frame::Binary(bytes) = frame else { return Ok(()) };
        match Message::read(&bytes).map_err(|_| Closing::Nonsense)? {
            Message::Step1(version) => {
                self.answer(version).await?;
                if role.writes() {
                    self.ask();
                }
            }
            Message::Step2(update) if role.writes() => {
                self.lacking = self.write(update).await?;
            }
            Message::Update(update) if role.writes() => {
                if self.write(update).await? {
                    self.ask();
                }
            }
            Message::Presence(states) => {
                let noted = self.room().note_presence(self.socket, &self.caller.guest, states);
                noted.map_err(|_| Closing::Nonsense)?;
            }
            Message::AskPresence => self.outbox.presence(&self.room().presence()),
            // A reader's edits stay with the reader.
            Message::Step2(_) | Message::Update(_) | Message::Other => {}
        }
        Ok(())
    }

    /// Tells the client what it lacks.
    async fn answer(&mut self, version: &[u8]) -> Result<(), Closing> {
        check::state_vector(version).map_err(|_| Closing::Nonsense)?;
        self.version = version.to_vec();
        let lacks = self.difference().await?;
        self.outbox.answer(Answer::Step2(lacks));
        Ok(())
    }

    /// Asks the client for what is lacking here.
    fn ask(&mut self) {
        self.lacking = false;
        self.outbox.answer(Answer::Step1(self.room().document.version().into()));
    }

    /// What the client lacks. Computing it may take a while in a large document, and holds up nobody else.
    async fn difference(&self) -> Result<Bytes, Closing> {
        let (document, version) = (self.room().document.clone(), self.version.clone());
        let difference = tokio::task::spawn_blocking(move || document.state_since(&version));
        let difference = difference.await.map_err(|_| Closing::TryAgain)?;
        let difference = difference.map_err(|_| Closing::Nonsense)?;
        self.room().document.written().await.map_err(|_| Closing::Leaving)?;
        Ok(difference.into())
    }

    /// Takes in what the client wrote; says whether it has more than could be taken.
    async fn write(&mut self, update: &[u8]) -> Result<bool, Closing> {
        loop {
            let written = self.room().write(self.socket, &self.caller.guest, update).await;
            match written {
                Ok(edit) => {
                    if edit.output.struck {
                        // What it shows is not what is there: the difference says what was struck out.
                        self.outbox.resync();
                    }
                    return Ok(edit.output.lacks);
                }
                Err(WriteError::Admit { source: AdmitError::Edit { source: EditError::Busy } }) => {
                    tokio::time::sleep(BUSY).await;
                }
                Err(error) => return Err(refusal(&error)),
            }
        }
    }

    async fn beat(&mut self, socket: &mut WebSocket) -> Result<(), Closing> {
        if self.heard.elapsed() > SILENCE {
            return Err(Closing::TryAgain);
        }
        self.room().expire_presence();
        if std::mem::take(&mut self.lacking) && self.caller.role()?.writes() {
            self.ask();
        }
        let nobody = presence::encoded([].iter());
        let frames = [Frame::Binary(wire::presence(&nobody)), Frame::Ping(Bytes::new())];
        send(socket, frames).await
    }

    /// Sends all that waits.
    async fn tell(&mut self, socket: &mut WebSocket) -> Result<(), Closing> {
        let waiting = self.outbox.take();
        if let Some(closing) = waiting.closing {
            return Err(closing);
        }
        let mut frames: Vec<Bytes> = Vec::new();
        frames.extend(waiting.answers.into_iter().map(|answer| match answer {
            Answer::Step2(update) => wire::step_2(&update),
            Answer::Step1(version) => wire::step_1(&version),
        }));
        if waiting.behind {
            let version = self.room().document.version();
            frames.push(wire::update(&self.difference().await?));
            self.version = version;
        }
        frames.extend(room::merge(&waiting.updates).iter().map(|update| wire::update(update)));
        if !waiting.presence.is_empty() {
            frames.push(wire::presence(&presence::encoded(waiting.presence.values())));
        }
        send(socket, frames.into_iter().map(Frame::Binary)).await
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        self.inside.room.leave(self.socket);
    }
}

async fn send(
    socket: &mut WebSocket,
    frames: impl IntoIterator<Item = Frame>,
) -> Result<(), Closing> {
    let sending = async {
        for frame in frames {
            socket.feed(frame).await?;
        }
        socket.flush().await
    };
    match tokio::time::timeout(SENDING, sending).await {
        Ok(Ok(())) => Ok(()),
        // It reads no more, or too slowly; what it lacks it gets when it comes again.
        Ok(Err(_)) | Err(_) => Err(Closing::TryAgain),
    }
}

async fn say_goodbye(socket: &mut WebSocket, closing: Closing) {
    let told = closing.denies().then(|| Frame::Binary(wire::denied(closing.reason())));
    let frames = told.into_iter().chain([Frame::Close(Some(closing.frame()))]);
    if send(socket, frames).await.is_ok() {
        // The client answers with a close frame of its own, and what it sent before that is let go of.
        let answered = async { while let Some(Ok(_)) = socket.recv().await {} };
        _ = tokio::time::timeout(Duration::from_secs(2), answered).await;
    }
}

/// What to tell a client whose frame could not be read.
fn complaint(error: &axum::Error) -> Closing {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.to_string().contains("too large") || error.to_string().contains("too long") {
            return Closing::TooLarge;
        }
        cause = error.source();
    }
    Closing::Nonsense
}

/// What to tell a client whose edit could not be taken in.
fn refusal(error: &WriteError) -> Closing {
    let WriteError::Admit { source } = error else {
        return match error {
            WriteError::Unsound { .. } => Closing::Nonsense,
            _ => Closing::TryAgain,
        };
    };
    match source {
        AdmitError::Unsound { source: ApplyError::Panicked } => Closing::TryAgain,
        AdmitError::Unsound { .. } => Closing::Nonsense,
        AdmitError::TooLarge => Closing::TooLarge,
        AdmitError::NotAHost | AdmitError::BadName => Closing::NotHere,
        AdmitError::Edit { source } => match source {
            EditError::ReadOnly | EditError::Removed | EditError::Deleted => Closing::NotHere,
            _ => Closing::TryAgain,
        },
    }
}
