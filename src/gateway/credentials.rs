//! What somebody shows at the door, and who they are by that: a pass, a session's cookie that holds one, or whatever the
//! app's own backend knows them by.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::http::{HeaderMap, header};
use cookie::Cookie;
use data_encoding::BASE32_NOPAD;

use super::backend::{Guest, Question};
use super::caller::{Caller, Means};
use super::closing::Closing;
use super::lobby::Lobby;
use crate::{Pass, PassTerms, Space, SpaceId, WallTime};

/// What all passes begin with.
const PASS: &str = "driftpass";

/// How often the backend is asked again about somebody who stays, if it does not say how long its answer counts.
const STAYS: Duration = Duration::from_secs(30);

/// How long somebody who stays is let alone while the backend is asked again.
const GRACE: Duration = Duration::from_secs(30);

/// What somebody shows.
pub(super) struct Shown<'a> {
    /// What they bring besides what stands in the request: in the address, or on a socket.
    pub(super) token: Option<&'a str>,
    /// The request.
    pub(super) headers: &'a HeaderMap,
}

impl Lobby {
    /// Whoever comes and shows that, if they may come into the space that is asked for, by its id or its name.
    pub(super) async fn caller(&self, shown: Shown<'_>, space: &str) -> Result<Caller, Closing> {
        let spaces = self.device.spaces().await.map_err(|_| Closing::Leaving)?;
        let asked = spaces.iter().find(|(known, name)| {
            space == name || known.id().to_string().eq_ignore_ascii_case(space)
        });
        let asked = asked.map(|(space, _)| space);
        let token = shown.token.filter(|token| !token.is_empty()).or(bearer(shown.headers));
        if let Some(pass) = token.filter(|token| token.starts_with(PASS) || self.backend.is_none())
        {
            return self.by_pass(pass, asked, &spaces, Means::Pass);
        }
        // Of a page that is not trusted, what its browser sends along by itself is as good as not there.
        let mut headers = shown.headers.clone();
        if !self.origins.trust(&headers) {
            headers.remove(header::COOKIE);
        }
        let session =
            asked.filter(|_| token.is_none()).and_then(|space| session(space.id(), &headers));
        if let Some(pass) = session {
            let csrf = csrf(&pass);
            return self.by_pass(&pass, asked, &spaces, Means::Session { csrf });
        }
        match (asked, &self.backend) {
            (Some(space), Some(_)) => {
                let question = Question::new(space.id(), &headers, token);
                self.by_backend(space.clone(), question).await
            }
            _ => Err(Closing::NoPass),
        }
    }

    /// The same guest, if the backend says so again.
    pub(super) async fn again(&self, caller: &Caller) -> Result<Caller, Closing> {
        match &caller.means {
            Means::Backend { question, .. } => {
                let again = self.by_backend(caller.space.clone(), question.clone()).await?;
                if again.guest == caller.guest { Ok(again) } else { Err(Closing::NoPass) }
            }
            Means::Pass | Means::Session { .. } => Err(Closing::Expired),
        }
    }

    fn by_pass(
        &self,
        pass: &str,
        asked: Option<&Space>,
        spaces: &[(Space, String)],
        means: Means,
    ) -> Result<Caller, Closing> {
        let terms = Pass::read(pass, &self.device.id()).map_err(|_| Closing::NoPass)?;
        let known = spaces.iter().any(|(known, _)| known.id() == terms.space);
        match asked {
            Some(space) if space.id() == terms.space => self.guest(space.clone(), terms, means),
            _ if known => Err(Closing::NoPass),
            _ => Err(Closing::NotHere),
        }
    }

    async fn by_backend(&self, space: Space, question: Question) -> Result<Caller, Closing> {
        let backend = self.backend.as_ref().ok_or(Closing::NoPass)?;
        let (Guest { guest, role }, lasts) = backend.ask(&question).await?;
        let stays = if lasts.is_zero() { STAYS } else { lasts };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let issued = WallTime(u64::try_from(now.as_millis()).unwrap_or(u64::MAX));
        let expires = issued + stays + GRACE;
        let terms = PassTerms { space: space.id(), guest, role, issued, expires };
        if let Err(error) = terms.check() {
            tracing::error!(%error, "the backend names a guest whom nobody can let in");
            return Err(Closing::TryAgain);
        }
        let means = Means::Backend { question, again: Instant::now() + stays };
        self.guest(space, terms, means)
    }

    fn guest(&self, space: Space, terms: PassTerms, means: Means) -> Result<Caller, Closing> {
        let allowance = self.allowances.of(&(space.id(), terms.guest.as_str().into()));
        Caller::new(space, terms, means, allowance)
    }
}

/// The token in a request's `Authorization`.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

/// What the cookie of a session in that space is called.
pub(super) fn cookie_name(space: SpaceId) -> String {
    format!("driftline-{space}")
}

/// What a page has to say besides the cookie, so that it is the page that speaks, and not another that its browser sends
/// the cookie for.
pub(super) fn csrf(pass: &str) -> String {
    let token = blake3::derive_key("driftline gateway csrf token 1", pass.as_bytes());
    BASE32_NOPAD.encode(&token[..20]).to_ascii_lowercase()
}

/// The pass in the cookie of a session.
fn session(space: SpaceId, headers: &HeaderMap) -> Option<String> {
    let name = cookie_name(space);
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut cookies = lines.flat_map(|line| Cookie::split_parse(line).filter_map(Result::ok));
    let session = cookies.find(|cookie| cookie.name() == name)?;
    Some(session.value().to_owned())
}
