//! Stock Yjs clients, in a process of node that plays what a browser would run: see `client.mjs`.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use data_encoding::BASE64;
use serde_json::{Value, json};

use crate::eventually;

/// What a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    YWebsocket1,
    YWebsocket3,
    Hocuspocus,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::YWebsocket1 => "y-websocket-1",
            Self::YWebsocket3 => "y-websocket",
            Self::Hocuspocus => "hocuspocus",
        }
    }
}

/// A browser with some tabs.
pub(crate) struct Browser {
    process: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Browser {
    /// Starts it; says loudly why not where node or the packages are missing.
    pub(crate) fn start() -> Option<Self> {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/gateway");
        if !folder.join("node_modules/y-websocket").is_dir() {
            return skip("the packages are not installed: run `npm ci` in tests/gateway");
        }
        let mut command = Command::new("node");
        command.arg("client.mjs").current_dir(folder).stdin(Stdio::piped()).stdout(Stdio::piped());
        let Ok(mut process) = command.spawn() else { return skip("there is no `node`") };
        let stdin = process.stdin.take().unwrap();
        let stdout = BufReader::new(process.stdout.take().unwrap());
        Some(Self { process, stdin, stdout })
    }

    /// Opens a tab.
    pub(crate) fn opens(&mut self, tab: &str, kind: Kind, url: &str, room: &str, token: &str) {
        let kind = kind.name();
        let open = json!({
            "op": "open", "client": tab, "kind": kind, "url": url, "room": room, "token": token,
        });
        self.ask(&open);
    }

    pub(crate) fn types(&mut self, tab: &str, at: u32, text: &str) {
        self.ask(&json!({ "op": "insert", "client": tab, "at": at, "text": text }));
    }

    pub(crate) fn deletes(&mut self, tab: &str, at: u32, length: u32) {
        self.ask(&json!({ "op": "delete", "client": tab, "at": at, "length": length }));
    }

    pub(crate) fn sets(&mut self, tab: &str, key: &str, value: Value) {
        self.ask(&json!({ "op": "set", "client": tab, "key": key, "value": value }));
    }

    pub(crate) fn shows(&mut self, tab: &str, state: Value) {
        self.ask(&json!({ "op": "shows", "client": tab, "state": state }));
    }

    pub(crate) fn goes_away(&mut self, tab: &str) {
        self.ask(&json!({ "op": "away", "client": tab }));
        // A provider that is told to come back while it is still leaving stays away.
        eventually(&format!("{tab} is away"), || self.look(tab)["connected"] == false);
    }

    pub(crate) fn comes_back(&mut self, tab: &str) {
        self.ask(&json!({ "op": "back", "client": tab }));
    }

    pub(crate) fn closes(&mut self, tab: &str) {
        self.ask(&json!({ "op": "leave", "client": tab }));
    }

    /// Sends bytes as they are.
    pub(crate) fn sends(&mut self, tab: &str, bytes: &[u8]) {
        self.ask(&json!({ "op": "raw", "client": tab, "bytes": BASE64.encode(bytes) }));
    }

    /// All that can be seen of a tab.
    pub(crate) fn look(&mut self, tab: &str) -> Value {
        self.ask(&json!({ "op": "look", "client": tab }))
    }

    /// Waits until a tab reads so.
    pub(crate) fn reads(&mut self, tab: &str, text: &str) {
        eventually(&format!("{tab} reads “{text}”"), || self.look(tab)["text"] == text);
    }

    /// Waits until a tab has all that the gateway has.
    pub(crate) fn is_synced(&mut self, tab: &str) {
        eventually(&format!("{tab} is synced"), || self.look(tab)["synced"] == true);
    }

    /// Waits until a tab knows that all its edits are safe.
    pub(crate) fn is_saved(&mut self, tab: &str) {
        eventually(&format!("{tab} is saved"), || {
            let look = self.look(tab);
            look["synced"] == true && look["unsynced"] == 0
        });
    }

    pub(crate) fn is_connected(&mut self, tab: &str) {
        eventually(&format!("{tab} is connected"), || self.look(tab)["connected"] == true);
    }

    /// Waits until a tab was told that it may not come in; gives the code for that. On a socket that carries many
    /// documents, only one is denied.
    pub(crate) fn is_turned_away(&mut self, tab: &str, kind: Kind) -> u64 {
        if kind != Kind::Hocuspocus {
            return self.is_closed(tab);
        }
        let no_pass = "no pass that counts here: ask for one and come again";
        eventually(&format!("{tab} is denied"), || self.look(tab)["refused"] == no_pass);
        4401
    }

    /// Waits until a tab's socket was closed; gives the last code.
    pub(crate) fn is_closed(&mut self, tab: &str) -> u64 {
        let mut closes = Vec::new();
        eventually(&format!("{tab} is closed"), || {
            closes = self.look(tab)["closes"].as_array().unwrap().clone();
            !closes.is_empty()
        });
        closes.last().unwrap()["code"].as_u64().unwrap()
    }

    fn ask(&mut self, request: &Value) -> Value {
        writeln!(self.stdin, "{request}").unwrap();
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        let answer: Value = serde_json::from_str(&line).unwrap();
        assert!(answer.get("error").is_none(), "{request} was answered by {answer}");
        answer
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

fn skip(why: &str) -> Option<Browser> {
    let required = std::env::var_os("DRIFTLINE_REQUIRE_TOOLS").is_some_and(|set| set == "1");
    assert!(!required, "DRIFTLINE_REQUIRE_TOOLS is set, and {why}");
    // Written past the test harness, which would keep it to itself.
    let said = format!("\n!!! SKIPPED, no stock client tried the gateway: {why} !!!\n\n");
    _ = std::io::stderr().write_all(said.as_bytes());
    None
}
