//! Plain HTTP: what can be done with `curl` and a pass.

pub(super) mod changes;
pub(super) mod documents;
pub(super) mod health;
pub(super) mod history;
mod problem;
pub(super) mod records;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderName, StatusCode, header};
use axum::routing::{get, post};

use super::caller::Caller;
use super::lobby::Lobby;
use problem::Problem;

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
        if !lobby.welcomes(&parts.headers) {
            return Err(Problem::Origin);
        }
        let bearer = parts.headers.get(header::AUTHORIZATION);
        let bearer = bearer.and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        let space = parts.uri.path().split('/').nth(3).unwrap_or_default();
        Ok(lobby.caller(bearer.unwrap_or_default(), space).await?)
    }
}
