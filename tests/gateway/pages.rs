//! Web pages: which may come in, and with what their browsers send along.

use serde_json::json;

use crate::anchor::Anchor;
use crate::asking::{NOTES, SESSION, typed};
use crate::plain::{Answer, ask};
use crate::socket::{Heard, Socket};

/// A browser that has a session, and knows what to say when it writes.
struct Session {
    cookie: String,
    csrf: String,
}

impl Session {
    fn begins(anchor: &Anchor, guest: &str) -> Self {
        let bearer = format!("Authorization: Bearer {}", anchor.pass(guest, "writer", "1h"));
        let begun = ask(anchor.port(), "POST", SESSION, &[&bearer], &[]);
        assert_eq!(begun.status, 200);
        let cookie = begun.header("set-cookie");
        for promise in ["HttpOnly", "Secure", "SameSite=Strict", "Path=/", "Max-Age="] {
            assert!(cookie.contains(promise), "{cookie}");
        }
        let cookie = cookie.split(';').next().unwrap().to_owned();
        Self { cookie, csrf: begun.json()["csrf"].as_str().unwrap().to_owned() }
    }

    fn asks(&self, anchor: &Anchor, method: &str, path: &str, more: &[&str]) -> Answer {
        let cookie = format!("Cookie: theme=dark; {}", self.cookie);
        let headers: Vec<_> = more.iter().copied().chain([cookie.as_str()]).collect();
        let body = if method == "POST" { typed(7, "milk") } else { Vec::new() };
        ask(anchor.port(), method, path, &headers, &body)
    }
}

#[test]
fn a_session_is_a_pass_in_a_cookie() {
    let anchor = Anchor::opens();
    let session = Session::begins(&anchor, "Ann");
    let who = session.asks(&anchor, "GET", SESSION, &[]).json();
    assert_eq!((&who["guest"], &who["role"]), (&json!("Ann"), &json!("writer")));
    assert_eq!(who["csrf"], session.csrf.as_str());
    assert_eq!(session.asks(&anchor, "POST", NOTES, &[]).status, 403, "that may be any page");
    assert_eq!(session.asks(&anchor, "POST", NOTES, &["driftline-csrf: guess"]).status, 403);
    let csrf = format!("driftline-csrf: {}", session.csrf);
    assert_eq!(session.asks(&anchor, "POST", NOTES, &[&csrf]).status, 200);
    assert_eq!(session.asks(&anchor, "GET", NOTES, &[]).status, 200);
    let ended = session.asks(&anchor, "DELETE", SESSION, &[&csrf]);
    assert_eq!(ended.status, 204);
    assert!(ended.header("set-cookie").contains("Max-Age=0"));
    anchor.says(&["guest", "remove", "kitchen", "Ann"]);
    assert_eq!(session.asks(&anchor, "GET", NOTES, &[]).status, 403);
}

#[test]
fn a_foreign_page_gets_nothing_by_the_cookie_that_its_browser_sends() {
    let anchor = Anchor::opens();
    let session = Session::begins(&anchor, "Ann");
    let foreign = "Origin: https://evil.example";
    assert_eq!(session.asks(&anchor, "GET", NOTES, &[foreign]).status, 401);
    let csrf = format!("driftline-csrf: {}", session.csrf);
    assert_eq!(session.asks(&anchor, "POST", NOTES, &[foreign, &csrf]).status, 401);
    let comes = |origin: &str| {
        let headers = [("cookie", session.cookie.as_str()), ("origin", origin)];
        Socket::tries(anchor.port(), "/y/kitchen/notes/today", &headers).unwrap()
    };
    assert_eq!(comes("https://evil.example").is_closed(), 4401);
    assert_eq!(comes("null").is_closed(), 4401);
    let own = format!("http://127.0.0.1:{}", anchor.port());
    comes(&own).is_synced();
}

#[test]
fn pages_of_named_origins_come_in_and_no_others() {
    let anchor = Anchor::opens_with(&["--http-origin", "https://app.example"]);
    let pass = anchor.pass("Ann", "writer", "1h");
    let bearer = format!("Authorization: Bearer {pass}");
    let from = |origin: &str, method: &str| {
        let origin = format!("Origin: {origin}");
        let asks = "Access-Control-Request-Method: GET";
        ask(anchor.port(), method, SESSION, &[&origin, asks, &bearer], &[])
    };
    let may = from("https://app.example", "OPTIONS");
    assert_eq!(may.header("access-control-allow-origin"), "https://app.example");
    assert!(may.header("access-control-allow-headers").contains("driftline-csrf"));
    let read = from("https://app.example", "GET");
    assert_eq!((read.status, read.header("access-control-allow-credentials")), (200, "true"));
    assert!(!from("https://evil.example", "OPTIONS").has("access-control-allow-origin"));
    assert_eq!(from("https://evil.example", "GET").status, 403);
    let path = format!("/y/kitchen/notes?token={pass}");
    let opens = |origin| Socket::tries(anchor.port(), &path, &[("origin", origin)]);
    assert_eq!(opens("https://evil.example").err(), Some(403));
    opens("https://app.example").unwrap().is_synced();
}

#[test]
fn without_named_origins_no_page_reads_what_another_gets() {
    let anchor = Anchor::opens();
    let bearer = format!("Authorization: Bearer {}", anchor.pass("Ann", "writer", "1h"));
    let answer = ask(anchor.port(), "GET", SESSION, &["Origin: https://app.example", &bearer], &[]);
    assert_eq!(answer.status, 200, "a pass is a pass");
    assert!(!answer.has("access-control-allow-origin"));
}

#[test]
fn a_token_may_come_in_a_header_as_well() {
    let anchor = Anchor::opens();
    let bearer = format!("Bearer {}", anchor.pass("Ann", "writer", "1h"));
    let headers = [("authorization", bearer.as_str())];
    let mut socket = Socket::tries(anchor.port(), "/y/kitchen/notes", &headers).unwrap();
    assert_ne!(socket.is_synced(), Vec::<u8>::new());
    let mut stranger = Socket::opens(anchor.port(), "/y/kitchen/notes");
    assert!(matches!(stranger.hears(), Heard::Bytes(_)), "older clients are told in words");
    assert_eq!(stranger.is_closed(), 4401);
}
