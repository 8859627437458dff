//! Plain HTTP: what can be done with `curl` and a pass.

pub(super) mod changes;
pub(super) mod documents;
pub(super) mod health;
pub(super) mod history;
mod problem;
pub(super) mod records;
mod session;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use axum::http::{HeaderName, StatusCode, header};
use axum::routing::{get, post};

use super::caller::{Caller, Means};
use super::credentials::Shown;
use super::lobby::Lobby;
pub(super) use problem::Problem;

/// The header in which a page says what only it was told, when it writes in a session.
pub(super) const CSRF: &str = "driftline-csrf";

/// What the answer holds, as a Yjs state vector: to be given as `since`.
pub(super) const VERSION: HeaderName = HeaderName::from_static("driftline-version");

/// The longest that an answer is waited for, in seconds: proxies give up after a minute.
const MAX_WAIT: u64 = 55;

/// Everything that is asked for by path.
pub(super) fn routes(lobby: &Lobby) -> Router<Arc<Lobby>> {
    Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/v1/openapi.json", get(description))
        .route("/v1/spaces/{space}/records", get(records::all))
        .route("/v1/spaces/{space}/records/{collection}", get(records::collection))
        .route("/v1/spaces/{space}/records/{collection}/{key}", get(records::one))
        .route(
            "/v1/spaces/{space}/session",
            get(session::look).post(session::begin).delete(session::end),
        )
        .route("/v1/spaces/{space}/changes", get(changes::since))
        .route("/v1/spaces/{space}/commands", post(not_yet))
        .route("/v1/spaces/{space}/commands/{client}", get(not_yet))
        .route("/v1/spaces/{space}/commands/{client}/{number}", get(not_yet))
        .route(
            "/v1/spaces/{space}/documents/{*document}",
            get(documents::read).post(documents::write),
        )
        .layer(DefaultBodyLimit::max(lobby.limits.frame_bytes))
}

/// Described already, so that clients can be written, and not there yet.
async fn not_yet(_: Caller) -> (StatusCode, &'static str) {
    (StatusCode::NOT_IMPLEMENTED, "not yet\n")
}

/// What is offered here, for machines.
async fn description() -> ([(HeaderName, &'static str); 1], &'static str) {
    ([(header::CONTENT_TYPE, "application/json")], include_str!("http/openapi.json"))
}

/// Whoever calls, by the pass in their request.
impl FromRequestParts<Arc<Lobby>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        lobby: &Arc<Lobby>,
    ) -> Result<Self, Self::Rejection> {
        if !lobby.origins.welcome(&parts.headers) {
            return Err(Problem::Origin);
        }
        let paths = RawPathParams::from_request_parts(parts, lobby).await;
        let paths = paths.map_err(|_| Problem::Bad("the path can't be read"))?;
        let space = paths.iter().find(|(name, _)| *name == "space").map(|(_, space)| space);
        let shown = Shown { token: None, headers: &parts.headers };
        let caller = lobby.caller(shown, space.unwrap_or_default()).await?;
        if let Means::Session { csrf } = &caller.means
            && !parts.method.is_safe()
            && parts.headers.get(CSRF).is_none_or(|said| said != csrf)
        {
            return Err(Problem::Csrf);
        }
        let length = parts.headers.get(header::CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
        let place = lobby.place(&caller).ok_or(Problem::TooMuch)?;
        match caller.allowance.take(length.unwrap_or_default()) {
            Ok(()) => Ok(caller.sit(place)),
            Err(_) => Err(Problem::TooMuch),
        }
    }
}
