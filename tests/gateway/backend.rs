//! The app's own backend, as the gateway asks it who somebody is.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::json;

use crate::anchor::Anchor;
use crate::asking::{NOTES, SESSION, typed};
use crate::eventually;
use crate::plain::ask;
use crate::socket::Socket;

/// A backend that answers what it is told to, and remembers what it was asked.
struct Backend {
    url: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    answer: String,
    asked: Vec<String>,
}

impl Backend {
    fn starts() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/who", listener.local_addr().unwrap());
        let state = Arc::<Mutex<State>>::default();
        let shared = state.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let shared = shared.clone();
                thread::spawn(move || serve(&stream.unwrap(), &shared));
            }
        });
        Self { url, state }
    }

    /// From now on it answers so.
    fn says(&self, status: &str, cache: &str, body: &str) {
        let length = body.len();
        let head = format!("HTTP/1.1 {status}\r\nCache-Control: {cache}\r\n");
        self.state.lock().unwrap().answer = format!("{head}Content-Length: {length}\r\n\r\n{body}");
    }

    /// It does not answer at all.
    fn says_nothing(&self) {
        self.state.lock().unwrap().answer.clear();
    }

    /// All that it was asked since it was looked at last, a request each.
    fn was_asked(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().asked)
    }
}

fn serve(stream: &TcpStream, state: &Mutex<State>) {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    loop {
        let request: Vec<_> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
        if request.is_empty() {
            return;
        }
        let mut state = state.lock().unwrap();
        state.asked.push(request.join("\n"));
        if (&*stream).write_all(state.answer.as_bytes()).is_err() {
            return;
        }
    }
}

const ANN: &str = r#"{ "guest": "Ann", "role": "writer" }"#;

fn anchor(backend: &Backend) -> Anchor {
    Anchor::opens_with(&["--auth-url", &backend.url])
}

#[test]
fn whoever_the_backend_knows_comes_in() {
    let backend = Backend::starts();
    let anchor = anchor(&backend);
    backend.says("200 OK", "private, max-age=60", ANN);
    let brought = ["Cookie: sid=ann", "driftline-space: forged", "X-Request-Of: the app"];
    let who = ask(anchor.port(), "GET", SESSION, &brought, &[]);
    assert_eq!((who.status, &who.json()["guest"]), (200, &json!("Ann")));
    let asked = backend.was_asked().concat();
    assert!(asked.starts_with("GET /who HTTP/1.1"), "{asked}");
    assert!(asked.contains("cookie: sid=ann") && asked.contains("x-request-of: the app"));
    assert!(asked.contains("driftline-space: ") && !asked.contains("forged"));
    let written = ask(anchor.port(), "POST", NOTES, &brought, &typed(7, "milk"));
    assert_eq!(written.status, 200);
    assert_eq!(backend.was_asked(), Vec::<String>::new(), "it said that a minute ago is now");
    let mut socket = Socket::opens(anchor.port(), "/y/kitchen/notes/today?token=of-the-app");
    socket.is_synced();
    assert!(backend.was_asked().concat().contains("authorization: Bearer of-the-app"));
    let pass = anchor.pass("Bob", "reader", "1h");
    let bearer = format!("Authorization: Bearer {pass}");
    assert_eq!(ask(anchor.port(), "GET", SESSION, &[&bearer], &[]).json()["guest"], "Bob");
    assert_eq!(backend.was_asked(), Vec::<String>::new(), "a pass speaks for itself");
}

#[test]
fn whoever_it_does_not_know_stays_outside() {
    let backend = Backend::starts();
    let anchor = anchor(&backend);
    for (status, code) in [("401 Unauthorized", 4401), ("403 Forbidden", 4403)] {
        backend.says(status, "no-store", "");
        let answer = ask(anchor.port(), "GET", SESSION, &["Cookie: sid=eve"], &[]);
        assert_eq!(u64::from(answer.status), code - 4000, "{status}");
        let mut socket =
            Socket::tries(anchor.port(), "/y/kitchen/notes", &[("cookie", "sid=eve")]).unwrap();
        assert_eq!(u64::from(socket.is_closed()), code);
    }
}

#[test]
fn a_backend_that_fails_means_try_again_and_never_no() {
    let backend = Backend::starts();
    let anchor = anchor(&backend);
    let fails = |what: &str| {
        let mine = format!("Cookie: sid={}", what.len());
        let answer = ask(anchor.port(), "GET", SESSION, &[&mine], &[]);
        assert_eq!((answer.status, answer.header("retry-after")), (503, "5"), "{what}");
        let headers = [("cookie", mine.as_str())];
        let mut socket = Socket::tries(anchor.port(), "/y/kitchen/notes", &headers).unwrap();
        assert_eq!(socket.is_closed(), 1013, "{what}");
    };
    backend.says("500 Internal Server Error", "no-store", "");
    fails("it is broken");
    backend.says("302 Found", "no-store", "");
    fails("it is somewhere else");
    backend.says("200 OK", "no-store", "<html>");
    fails("it speaks of something else");
    backend.says("200 OK", "no-store", r#"{ "guest": "Ann", "role": "admin" }"#);
    fails("nobody can be let in as that");
    backend.says("200 OK", "no-store", &format!("\"{}\"", "x".repeat(100_000)));
    fails("its answer has no end");
    backend.says_nothing();
    fails("it hangs, and does not say so");
    let log = std::fs::read_to_string(anchor.log()).unwrap();
    assert!(log.contains("the backend does not say who a guest is"), "{log}");
    assert!(!log.contains("sid="), "what guests bring is theirs: {log}");
}

#[test]
fn whoever_stays_is_asked_about_again() {
    let backend = Backend::starts();
    let anchor = anchor(&backend);
    backend.says("200 OK", "max-age=1", ANN);
    let mut socket =
        Socket::tries(anchor.port(), "/y/kitchen/notes", &[("cookie", "sid=ann")]).unwrap();
    socket.is_synced();
    backend.was_asked();
    eventually("it is asked again", || !backend.was_asked().is_empty());
    socket.is_synced();
    backend.says("403 Forbidden", "no-store", "");
    assert_eq!(socket.is_closed(), 4403);
}

#[test]
fn a_foreign_page_gets_nothing_by_the_apps_cookie() {
    let backend = Backend::starts();
    let anchor = anchor(&backend);
    backend.says("401 Unauthorized", "no-store", "");
    let headers = [("cookie", "sid=ann"), ("origin", "https://evil.example")];
    let mut socket = Socket::tries(anchor.port(), "/y/kitchen/notes", &headers).unwrap();
    assert_eq!(socket.is_closed(), 4401);
    assert!(!backend.was_asked().concat().contains("sid=ann"));
}
