//! What changes: one answer at a time, or as a stream of events.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use driftline_core::record::Table;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::caller::{Caller, GuestKey};
use super::super::lobby::Lobby;
use super::super::places::Place;
use super::super::server::Seat;
use super::MAX_WAIT;
use super::problem::Problem;
use super::records::record;

/// How far somebody has followed. It is of one life of the gateway: another remembers nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Cookie {
    pub(in super::super) life: u64,
    pub(in super::super) number: u64,
}

/// What is asked for.
#[derive(Deserialize)]
pub(in super::super) struct Following {
    /// The cookie of the last answer.
    since: String,
    /// How many seconds to wait for a change.
    #[serde(default)]
    wait: u64,
}

/// `GET /v1/spaces/{space}/changes?since=COOKIE&wait=25`.
pub(in super::super) async fn since(
    State(lobby): State<Arc<Lobby>>,
    Query(Following { since, wait }): Query<Following>,
    Extension(seat): Extension<Seat>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let from = since.parse().map_err(|BadCookie| Problem::Bad("“since” is no cookie"))?;
    let follower = Follower { lobby, caller, from };
    // Whoever comes too late hears so before a stream begins.
    follower.changes()?;
    let wait = Duration::from_secs(wait.min(MAX_WAIT));
    let streams = headers.get(header::ACCEPT).is_some_and(|accept| {
        accept.to_str().is_ok_and(|accept| accept.contains("text/event-stream"))
    });
    let parks = streams || !wait.is_zero();
    let parked = parks.then(|| follower.lobby.park(&follower.caller).ok_or(Problem::TooManyWait));
    let parked = parked.transpose()?;
    if streams {
        return Ok(follower.stream(parked, seat));
    }
    _ = tokio::time::timeout(wait, follower.news()).await;
    match follower.changes()? {
        Some((changes, _)) => Ok(Json(changes).into_response()),
        None => Ok(StatusCode::NO_CONTENT.into_response()),
    }
}

/// Somebody who follows a space.
struct Follower {
    lobby: Arc<Lobby>,
    caller: Caller,
    from: Cookie,
}

impl Follower {
    /// Resolves when there is something new, or the gateway closes.
    async fn news(&self) {
        let history = self.lobby.histories.of(&self.caller.space);
        tokio::select! {
            () = history.newer_than(self.from.number) => {}
            () = self.lobby.left() => {}
        }
    }

    /// What has changed, as one answer, and where to go on; nothing if nothing has.
    fn changes(&self) -> Result<Option<(Value, Cookie)>, Problem> {
        self.caller.role()?;
        let history = self.lobby.histories.of(&self.caller.space);
        let (number, now) = history.newest();
        let remembered =
            (self.from.life == self.lobby.life).then(|| history.state(self.from.number));
        let Some(before) = remembered.flatten() else {
            let snapshot = format!("/v1/spaces/{}/records", self.caller.space.id());
            return Err(Problem::Gone { snapshot });
        };
        if number == self.from.number {
            return Ok(None);
        }
        let next = Cookie { number, ..self.from };
        let changes = json!({ "records": difference(&before, &now), "next": next.to_string() });
        Ok(Some((changes, next)))
    }

    /// One event for each answer, until the caller may not hear more.
    fn stream(self, parked: Option<Place<GuestKey>>, seat: Seat) -> Response {
        let events = futures::stream::unfold((self, parked, seat), |held| async move {
            let (mut follower, parked, seat) = held;
            follower.news().await;
            let (changes, next) = follower.changes().ok()??;
            follower.from = next;
            let event = Event::default().event("changes").id(next.to_string());
            let event = event.data(changes.to_string());
            Some((Ok::<_, Infallible>(event), (follower, parked, seat)))
        });
        Sse::new(events).keep_alive(KeepAlive::default()).into_response()
    }
}

/// The records that are other than before, also those that are gone.
fn difference(before: &Table, now: &Table) -> Vec<Value> {
    let mut names: Vec<_> = before.collections().into_iter().chain(now.collections()).collect();
    names.sort_unstable();
    names.dedup();
    let mut records = Vec::new();
    for name in names {
        let (changed, removed) = now.difference(before, name);
        records.extend(changed.into_iter().map(|(key, row)| record(name, key, Some(row))));
        records.extend(removed.iter().map(|key| record(name, key, None)));
    }
    records
}

impl fmt::Display for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}.{}", self.life, self.number)
    }
}

/// The text is no cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct BadCookie;

impl FromStr for Cookie {
    type Err = BadCookie;

    fn from_str(text: &str) -> Result<Self, BadCookie> {
        let (life, number) = text.split_once('.').ok_or(BadCookie)?;
        let life = u64::from_str_radix(life, 16).map_err(|_| BadCookie)?;
        Ok(Self { life, number: number.parse().map_err(|_| BadCookie)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_read_as_it_was_given() {
        let cookie = Cookie { life: 0xfeed, number: 7 };
        assert_eq!(cookie.to_string().parse(), Ok(cookie));
        for bad in ["", "7", "x.7", "feed.", "feed.-1"] {
            assert_eq!(bad.parse::<Cookie>(), Err(BadCookie), "{bad}");
        }
    }
}
