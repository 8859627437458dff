//! Which web pages may come in.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use thiserror::Error;
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::http::{CSRF, VERSION};

/// Where a web page comes from: a scheme, a host, and a port if it is not the scheme's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(HeaderValue);

/// The text names no origin.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("an origin is a scheme and a host, such as https://app.example, with nothing behind it")]
pub struct BadOrigin;

/// For how long a browser need not ask again whether a page may do something.
const REMEMBERED: Duration = Duration::from_secs(3600);

impl FromStr for Origin {
    type Err = BadOrigin;

    fn from_str(text: &str) -> Result<Self, BadOrigin> {
        let uri: Uri = text.parse().map_err(|_| BadOrigin)?;
        let (scheme, authority) =
            (uri.scheme_str().ok_or(BadOrigin)?, uri.authority().ok_or(BadOrigin)?);
        let origin = format!("{scheme}://{authority}");
        match origin == text && !authority.as_str().contains('@') {
            true => HeaderValue::from_str(text).map(Self).map_err(|_| BadOrigin),
            false => Err(BadOrigin),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.to_str().unwrap_or_default())
    }
}

/// The origins that may come in.
pub(super) struct Origins(pub(super) Vec<Origin>);

impl Origins {
    /// Whether the page that a browser comes from may come in with a pass. Who comes without a browser says nothing of
    /// pages.
    pub(super) fn welcome(&self, headers: &HeaderMap) -> bool {
        self.0.is_empty() || self.trust(headers)
    }

    /// Whether it may also come in with what browsers send along by themselves, wherever a page is from: cookies. That
    /// is for our own pages, and for those that are named.
    pub(super) fn trust(&self, headers: &HeaderMap) -> bool {
        let Some(origin) = headers.get(header::ORIGIN) else { return true };
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let page = origin.to_str().ok().and_then(|origin| Some(origin.split_once("://")?.1));
        let own = page.is_some() && page == host;
        own || self.0.iter().any(|Origin(known)| origin == known)
    }

    /// What tells browsers that pages of these origins may read what they get; nothing if there are none.
    pub(super) fn layer(&self) -> Option<CorsLayer> {
        let known = self.0.iter().map(|Origin(known)| known.clone());
        let csrf = HeaderName::from_static(CSRF);
        let asks =
            [header::ACCEPT, header::AUTHORIZATION, header::CONTENT_TYPE, header::IF_NONE_MATCH];
        let layer = CorsLayer::new()
            .allow_origin(AllowOrigin::list(known))
            .allow_methods([Method::GET, Method::POST, Method::DELETE])
            .allow_headers(asks.into_iter().chain([csrf]).collect::<Vec<_>>())
            .expose_headers([header::ETAG, header::RETRY_AFTER, VERSION])
            .allow_credentials(true)
            .max_age(REMEMBERED);
        (!self.0.is_empty()).then_some(layer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_has_nothing_behind_it() {
        assert_eq!(
            "https://app.example".parse::<Origin>().unwrap().to_string(),
            "https://app.example"
        );
        assert!("http://127.0.0.1:8080".parse::<Origin>().is_ok());
        for bad in
            ["", "*", "app.example", "https://", "https://app.example/", "https://a@b", "null"]
        {
            assert_eq!(bad.parse::<Origin>(), Err(BadOrigin), "{bad}");
        }
    }

    #[test]
    fn cookies_count_for_our_own_pages_and_for_those_that_are_named() {
        let origins =
            |known: &[&str]| Origins(known.iter().map(|origin| origin.parse().unwrap()).collect());
        let page = |origin: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static("sync.example"));
            headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
            headers
        };
        let any = origins(&[]);
        assert!(any.welcome(&page("https://evil.example")));
        assert!(!any.trust(&page("https://evil.example")));
        assert!(!any.trust(&page("null")));
        assert!(any.trust(&page("https://sync.example")));
        assert!(any.trust(&HeaderMap::new()));
        let one = origins(&["https://app.example"]);
        assert!(one.trust(&page("https://app.example")));
        assert!(!one.welcome(&page("https://evil.example")));
    }
}
