//! What is answered when something can't be done: a status, and JSON that says why.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use thiserror::Error;

use super::super::closing::Closing;

/// Why a request is not answered as it was meant.
#[derive(Debug, Error)]
pub(crate) enum Problem {
    #[error("{}", .0.reason())]
    Closed(Closing),
    #[error("pages of this origin may not come in")]
    Origin,
    #[error("a write in a session says its token in the header driftline-csrf")]
    Csrf,
    #[error("you ask for too much at once: ask again in a second")]
    TooMuch,
    #[error("too many wait here already: ask again in a few seconds, or without waiting")]
    TooManyWait,
    #[error("your pass lets you read, and not write")]
    ReadOnly,
    #[error("there is no such {0}")]
    Nothing(&'static str),
    #[error("{0}")]
    Bad(&'static str),
    /// What was read before can't be gone on from: everything is at another address.
    #[error("what changed since then is not known any more: begin again from “snapshot”")]
    Gone { snapshot: String },
}

impl From<Closing> for Problem {
    fn from(closing: Closing) -> Self {
        Self::Closed(closing)
    }
}

impl Problem {
    fn status(&self) -> StatusCode {
        match self {
            Self::Closed(closing) => match closing {
                Closing::NoPass | Closing::Expired => StatusCode::UNAUTHORIZED,
                Closing::Revoked => StatusCode::FORBIDDEN,
                Closing::NotHere => StatusCode::NOT_FOUND,
                Closing::Nonsense => StatusCode::BAD_REQUEST,
                Closing::Full => StatusCode::INSUFFICIENT_STORAGE,
                Closing::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
                Closing::Leaving | Closing::TryAgain => StatusCode::SERVICE_UNAVAILABLE,
            },
            Self::Origin | Self::Csrf | Self::ReadOnly => StatusCode::FORBIDDEN,
            Self::TooMuch => StatusCode::TOO_MANY_REQUESTS,
            Self::TooManyWait => StatusCode::SERVICE_UNAVAILABLE,
            Self::Nothing(_) => StatusCode::NOT_FOUND,
            Self::Bad(_) => StatusCode::BAD_REQUEST,
            Self::Gone { .. } => StatusCode::GONE,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status();
        let mut body = json!({ "error": self.to_string() });
        if let Self::Gone { snapshot } = &self {
            body["snapshot"] = json!(snapshot);
        }
        let mut response = (status, Json(body)).into_response();
        let says = match status {
            StatusCode::UNAUTHORIZED => Some((header::WWW_AUTHENTICATE, "Bearer")),
            StatusCode::TOO_MANY_REQUESTS => Some((header::RETRY_AFTER, "1")),
            StatusCode::SERVICE_UNAVAILABLE => Some((header::RETRY_AFTER, "5")),
            _ => None,
        };
        if let Some((name, value)) = says {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }
}
