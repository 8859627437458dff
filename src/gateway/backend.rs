//! The app's own backend, where it says who somebody is: asked with what they brought, and believed for as long as it says.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;
use thiserror::Error;
use tokio::sync::{OnceCell, Semaphore};

use super::closing::Closing;
use crate::{Role, SpaceId};

/// How long the backend may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// How many questions are put to it at a time.
const AT_ONCE: usize = 64;

/// How many answers are kept.
const MAX_ANSWERS: usize = 10_000;

/// The largest answer.
const MAX_BYTES: usize = 16 << 10;

/// The longest that an answer is believed.
const MAX_AGE: Duration = Duration::from_secs(24 * 3600);

/// How long it is left alone after it failed.
const RECOVERY: Duration = Duration::from_secs(1);

/// Says which space somebody wants to come into.
const SPACE: HeaderName = HeaderName::from_static("driftline-space");

/// What is about one connection or one request, and says nothing of who somebody is.
const LEFT_OUT: [HeaderName; 20] = [
    header::HOST,
    header::CONNECTION,
    header::UPGRADE,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::EXPECT,
    header::RANGE,
    header::ACCEPT,
    header::ACCEPT_ENCODING,
    header::CACHE_CONTROL,
    header::PRAGMA,
    header::IF_NONE_MATCH,
    header::IF_MODIFIED_SINCE,
    header::SEC_WEBSOCKET_KEY,
    header::SEC_WEBSOCKET_VERSION,
    header::SEC_WEBSOCKET_EXTENSIONS,
    header::SEC_WEBSOCKET_PROTOCOL,
];

/// The backend, and what it said lately.
pub(super) struct Backend {
    url: Uri,
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    answers: Mutex<HashMap<blake3::Hash, Arc<OnceCell<Answer>>>>,
    at_once: Semaphore,
}

/// "Who is this, and what may they do in that space?"
#[derive(Clone)]
pub(super) struct Question(Arc<HeaderMap>);

/// What the backend says of somebody.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Guest {
    pub(super) guest: String,
    pub(super) role: Role,
}

#[derive(Clone)]
struct Answer {
    says: Result<Guest, Closing>,
    until: Instant,
}

/// Why there was no answer. It is for the log: who comes is told to try again.
#[derive(Debug, Error)]
enum Silence {
    #[error("it was not reached")]
    Unreached { source: hyper_util::client::legacy::Error },
    #[error("it answered with {status}")]
    Status { status: StatusCode },
    #[error("its answer was cut short, or larger than {MAX_BYTES} bytes")]
    Cut { source: Box<dyn std::error::Error + Send + Sync> },
    #[error(r#"its answer is not like {{"guest": "Ann", "role": "writer"}}"#)]
    Garbled { source: serde_json::Error },
    #[error("it was asked for too much at once, or did not answer in time")]
    Late,
}

impl Question {
    /// What somebody brought with their request, and on a socket, as a bearer's token.
    pub(super) fn new(space: SpaceId, brought: &HeaderMap, token: Option<&str>) -> Self {
        let mut headers = brought.clone();
        for name in LEFT_OUT {
            headers.remove(name);
        }
        let bearer = token.and_then(|token| HeaderValue::from_str(&format!("Bearer {token}")).ok());
        if let Some(mut bearer) = bearer {
            bearer.set_sensitive(true);
            headers.insert(header::AUTHORIZATION, bearer);
        }
        if let Ok(space) = HeaderValue::from_str(&space.to_string()) {
            headers.insert(SPACE, space);
        }
        Self(Arc::new(headers))
    }

    /// The same question has the same name, whatever order its headers have.
    fn name(&self) -> blake3::Hash {
        let mut lines: Vec<_> =
            self.0.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        lines.sort_unstable();
        let mut hasher = blake3::Hasher::new();
        for part in lines.into_iter().flat_map(|(name, value)| [name.as_bytes(), value]) {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
        }
        hasher.finalize()
    }
}

impl Backend {
    /// # Errors
    /// If the system's own certificates can't be read.
    pub(super) fn new(url: Uri) -> std::io::Result<Self> {
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(rustls::crypto::ring::default_provider())?
            .https_or_http()
            .enable_http1()
            .build();
        let client = Client::builder(TokioExecutor::new()).build(connector);
        let (answers, at_once) = (Mutex::default(), Semaphore::new(AT_ONCE));
        Ok(Self { url, client, answers, at_once })
    }

    /// Who somebody is, and for how long that is known. Those who ask the same at the same time share an answer.
    ///
    /// # Errors
    /// If they may not come in, or it can't be told now.
    pub(super) async fn ask(&self, question: &Question) -> Result<(Guest, Duration), Closing> {
        let cell = self.cell(question.name());
        let answer = cell.get_or_init(|| self.answer(question));
        let answer = tokio::time::timeout(2 * PATIENCE, answer).await;
        let Answer { says, until } = answer.map_err(|_| Closing::TryAgain)?;
        let lasts = until.saturating_duration_since(Instant::now());
        says.clone().map(|guest| (guest, lasts))
    }

    /// The answer that counts now, or the place for one.
    fn cell(&self, question: blake3::Hash) -> Arc<OnceCell<Answer>> {
        let now = Instant::now();
        let counts = |cell: &OnceCell<Answer>| cell.get().is_none_or(|answer| answer.until > now);
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cell) = answers.get(&question).filter(|cell| counts(cell)) {
            return cell.clone();
        }
        if answers.len() == answers.capacity() || answers.len() >= MAX_ANSWERS {
            answers.retain(|_, cell| counts(cell));
        }
        let cell = Arc::<OnceCell<Answer>>::default();
        if answers.len() < MAX_ANSWERS {
            answers.insert(question, cell.clone());
        }
        cell
    }

    async fn answer(&self, question: &Question) -> Answer {
        let asked = tokio::time::timeout(PATIENCE, self.put(question)).await;
        let (says, lasts) = asked.unwrap_or(Err(Silence::Late)).unwrap_or_else(|error| {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the backend does not say who a guest is"
            );
            (Err(Closing::TryAgain), RECOVERY)
        });
        Answer { says, until: Instant::now() + lasts }
    }

    async fn put(
        &self,
        question: &Question,
    ) -> Result<(Result<Guest, Closing>, Duration), Silence> {
        let _turn = self.at_once.acquire().await.map_err(|_| Silence::Late)?;
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = self.url.clone();
        *request.headers_mut() = (*question.0).clone();
        let response = self.client.request(request).await;
        let response = response.map_err(|source| Silence::Unreached { source })?;
        let lasts = max_age(response.headers());
        match response.status() {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED => return Ok((Err(Closing::NoPass), lasts)),
            StatusCode::FORBIDDEN => return Ok((Err(Closing::Revoked), lasts)),
            status => return Err(Silence::Status { status }),
        }
        let body = Limited::new(response.into_body(), MAX_BYTES).collect().await;
        let body = body.map_err(|source| Silence::Cut { source })?.to_bytes();
        let guest = serde_json::from_slice(&body);
        Ok((Ok(guest.map_err(|source| Silence::Garbled { source })?), lasts))
    }
}

/// For how long an answer may be kept.
fn max_age(headers: &HeaderMap) -> Duration {
    let lines = headers.get_all(header::CACHE_CONTROL).iter().filter_map(|line| line.to_str().ok());
    let words: Vec<_> = lines.flat_map(|line| line.split(',')).map(str::trim).collect();
    let seconds = words.iter().find_map(|word| word.strip_prefix("max-age=")?.parse().ok());
    match words.iter().any(|word| ["no-store", "no-cache"].contains(word)) {
        true => Duration::ZERO,
        false => Duration::from_secs(seconds.unwrap_or_default()).min(MAX_AGE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let lines = lines.iter().copied();
        let line = |(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value));
        lines.map(line).collect()
    }

    #[test]
    fn an_answer_is_believed_for_as_long_as_it_says() {
        let lasts = |line| max_age(&headers(&[("cache-control", line)])).as_secs();
        assert_eq!(lasts("private, max-age=60"), 60);
        assert_eq!(lasts("max-age=60, no-store"), 0);
        assert_eq!(lasts("max-age=99999999999"), MAX_AGE.as_secs());
        assert_eq!(lasts("max-age=soon"), 0);
        assert_eq!(max_age(&HeaderMap::new()), Duration::ZERO);
    }

    #[test]
    fn who_asks_the_same_of_the_same_space_shares_an_answer() {
        let name = |space, lines: &[_], token| {
            Question::new(SpaceId([space; 32]), &headers(lines), token).name()
        };
        let ann = name(1, &[("cookie", "sid=ann"), ("accept", "text/html")], None);
        assert_eq!(name(1, &[("accept", "*/*"), ("cookie", "sid=ann")], None), ann);
        assert_ne!(name(1, &[("cookie", "sid=bob")], None), ann);
        assert_ne!(name(2, &[("cookie", "sid=ann")], None), ann);
        assert_ne!(name(1, &[("cookie", "sid=ann")], Some("bob")), ann);
        let claims = [("cookie", "sid=ann"), ("driftline-space", "another")];
        assert_eq!(name(1, &claims, None), ann, "nobody says for themselves which space it is");
    }
}
