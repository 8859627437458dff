//! Sessions for browsers: a pass in a cookie that no script can read.

use axum::Json;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use cookie::time::Duration;
use cookie::{Cookie, SameSite};
use serde_json::{Value, json};

use super::super::caller::{Caller, Means};
use super::super::credentials::{bearer, cookie_name, csrf};
use super::problem::Problem;

/// `GET /v1/spaces/{space}/session`: who somebody is, and what their pages have to say when they write.
pub(in super::super) async fn look(caller: Caller) -> Result<Json<Value>, Problem> {
    let token = match &caller.means {
        Means::Session { csrf } => Some(csrf.as_str()),
        Means::Pass | Means::Backend { .. } => None,
    };
    Ok(Json(described(&caller, token)?))
}

/// `POST /v1/spaces/{space}/session`: whoever brings a pass may leave it in a cookie.
pub(in super::super) async fn begin(
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let pass = bearer(&headers).filter(|_| matches!(caller.means, Means::Pass));
    let pass = pass.ok_or(Problem::Bad("a session begins with a pass, as a bearer's token"))?;
    let lasts = i64::try_from(caller.lasts().as_secs()).unwrap_or(i64::MAX);
    let cookie = cookie(&caller, pass.to_owned(), Duration::seconds(lasts));
    let described = described(&caller, Some(&csrf(pass)))?;
    Ok(([(header::SET_COOKIE, cookie)], Json(described)).into_response())
}

/// `DELETE /v1/spaces/{space}/session`: the browser forgets the pass.
pub(in super::super) async fn end(caller: Caller) -> Response {
    let cookie = cookie(&caller, String::new(), Duration::ZERO);
    (StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response()
}

fn cookie(caller: &Caller, pass: String, lasts: Duration) -> String {
    let cookie = Cookie::build((cookie_name(caller.space.id()), pass));
    let cookie = cookie.path("/").max_age(lasts);
    // Browsers take it over plain HTTP only from this machine, where nobody reads along.
    cookie.http_only(true).secure(true).same_site(SameSite::Strict).build().to_string()
}

fn described(caller: &Caller, csrf: Option<&str>) -> Result<Value, Problem> {
    let (guest, role, expires) = (&*caller.guest, caller.role()?, caller.terms.expires.0);
    Ok(json!({ "guest": guest, "role": role, "expires": expires, "csrf": csrf }))
}
