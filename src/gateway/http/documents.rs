//! Documents, as Yjs updates or as JSON.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};
use futures::stream;
use serde::Deserialize;
use serde_json::json;

use super::super::allowance::{Allowance, Debt};
use super::super::budget::Part;
use super::super::caller::Caller;
use super::super::closing::Closing;
use super::super::lobby::Lobby;
use super::super::room::Written;
use super::super::rooms::Fresh;
use super::problem::Problem;
use super::{MAX_WAIT, VERSION};
use crate::{Document, Level, content};

/// How long somebody is kept waiting who brings too much.
const LATEST: Duration = Duration::from_secs(10);

/// How much of a large answer is handed on at a time.
const CHUNK: usize = 64 << 10;

const YJS: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// What is asked for besides the document.
#[derive(Deserialize)]
pub(in super::super) struct Reading {
    /// Only what is not in this version.
    since: Option<String>,
    /// How many seconds to wait for something else than `If-None-Match` names.
    #[serde(default)]
    wait: u64,
}

/// `GET /v1/spaces/{space}/documents/{name}`.
pub(in super::super) async fn read(
    State(lobby): State<Arc<Lobby>>,
    Path((_, name)): Path<(String, String)>,
    Query(reading): Query<Reading>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let fresh = if reading.wait > 0 { Fresh::Welcome } else { Fresh::PassedOver };
    let inside = lobby.enter(&caller, &name, fresh).await?;
    let document = &inside.room.document;
    document.hosts().map_err(|error| Closing::of(&error))?;
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let wait = Duration::from_secs(reading.wait.min(MAX_WAIT));
    let parked = (!wait.is_zero()).then(|| lobby.park(&caller).ok_or(Problem::TooManyWait));
    let parked = parked.transpose()?;
    let look = tokio::time::timeout(wait, until_other(document, known));
    let state = match look.await {
        Ok(state) => state,
        Err(_) => document.state(),
    };
    drop(parked);
    let mut part = lobby.budget.take(inside.room.size().max(state.len() as u64)).await;
    document.written().await.map_err(|_| Closing::Leaving)?;
    if state == EMPTY {
        return Err(Problem::Nothing("document"));
    }
    let tag = tag(&state);
    if known == Some(tag.as_str()) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
    }
    let wants_json = headers.get(header::ACCEPT).is_some_and(|accept| {
        accept.to_str().is_ok_and(|accept| accept.contains("application/json"))
    });
    let version = BASE64URL_NOPAD.encode(&document.version());
    let body = match (wants_json, &reading.since) {
        (true, _) => Json(document.read(|txn| content::whole(txn))).into_response(),
        (false, None) => yjs(state, part),
        (false, Some(since)) => {
            let since = BASE64URL_NOPAD.decode(since.as_bytes());
            let since = since.map_err(|_| Problem::Bad("“since” is no version"))?;
            let lacks = document.state_since(&since);
            let lacks = lacks.map_err(|_| Problem::Bad("“since” is no version"))?;
            part.shrink(lacks.len());
            yjs(lacks, part)
        }
    };
    Ok(([(header::ETAG, tag), (VERSION, version)], body).into_response())
}

/// `POST /v1/spaces/{space}/documents/{name}`: a Yjs update, v1. It is answered when that is saved.
pub(in super::super) async fn write(
    State(lobby): State<Arc<Lobby>>,
    Path((_, name)): Path<(String, String)>,
    caller: Caller,
    update: Bytes,
) -> Result<Response, Problem> {
    if !caller.role()?.writes() {
        return Err(Problem::ReadOnly);
    }
    let inside = lobby.enter(&caller, &name, Fresh::Welcome).await?;
    let room = &inside.room;
    let written = room.write(None, &caller.guest, &update).await;
    let Written { edit, newcomers } = written.map_err(|error| error.closing())?;
    edit.reached(Level::Saved).await.map_err(|_| Closing::TryAgain)?;
    make_up_for(caller.allowance.take_newcomers(newcomers), &caller.allowance).await;
    let tag = tag(&room.document.state());
    let complete = !edit.output.lacks;
    Ok(([(header::ETAG, tag)], Json(json!({ "complete": complete }))).into_response())
}

/// The state of a document in which nobody has written.
const EMPTY: [u8; 2] = [0, 0];

/// Whoever brings too much that is new is answered later, though not too late to hear that it is in.
async fn make_up_for(mut cost: Result<(), Debt>, allowance: &Allowance) {
    let late = tokio::time::Instant::now() + LATEST;
    while let Err(debt) = cost
        && debt.until < late
    {
        tokio::time::sleep_until(debt.until).await;
        cost = debt.settle(allowance);
    }
}

/// An update as an answer's body. If it takes much memory, it does so until the last of it is on its way.
fn yjs(update: Vec<u8>, part: Part) -> Response {
    let body = match part.is_some() {
        false => Body::from(update),
        true => Body::from_stream(stream::unfold((Bytes::from(update), part), async |held| {
            let (mut rest, part) = held;
            let chunk = rest.split_to(rest.len().min(CHUNK));
            (!chunk.is_empty()).then_some((Ok::<_, Infallible>(chunk), (rest, part)))
        })),
    };
    ([(header::CONTENT_TYPE, YJS)], body).into_response()
}

/// The document's state, once it has another tag than the one that is known.
async fn until_other(document: &Document, known: Option<&str>) -> Vec<u8> {
    let mut updates = document.changes();
    loop {
        let state = document.state();
        if known.is_none_or(|known| known != tag(&state)) {
            return state;
        }
        updates.next().await;
    }
}

/// A name for what a document holds.
fn tag(state: &[u8]) -> String {
    let hash = blake3::hash(state);
    format!("\"{}\"", BASE32_NOPAD.encode(&hash.as_bytes()[..15]).to_ascii_lowercase())
}
