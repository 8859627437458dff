//! Stock Yjs: a process that keeps documents, as `peer.mjs` describes.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use data_encoding::BASE64;
use serde_json::{Value, json};

pub(crate) struct Peer {
    process: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Peer {
    /// Starts it; says loudly why not where node or the packages are missing.
    pub(crate) fn start() -> Option<Self> {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/yjs");
        if !folder.join("node_modules/yjs").is_dir() {
            return skip("the yjs package is not installed: run `npm ci` in tests/yjs");
        }
        let mut command = Command::new("node");
        command.arg("peer.mjs").current_dir(folder).stdin(Stdio::piped()).stdout(Stdio::piped());
        let Ok(mut process) = command.spawn() else { return skip("there is no `node`") };
        let stdin = process.stdin.take().unwrap();
        let stdout = BufReader::new(process.stdout.take().unwrap());
        Some(Self { process, stdin, stdout })
    }

    /// Sends requests together; gives the answers, none of which may be an error.
    pub(crate) fn ask(&mut self, requests: &[Value]) -> Vec<Value> {
        writeln!(self.stdin, "{}", Value::from(requests)).unwrap();
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        let answers: Vec<Value> = serde_json::from_str(&line).unwrap();
        for (request, answer) in requests.iter().zip(&answers) {
            assert!(answer.get("error").is_none(), "{request} was answered by {answer}");
        }
        answers
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

/// A request that brings an update into the document "d".
pub(crate) fn apply(update: &[u8]) -> Value {
    json!({ "op": "apply", "doc": "d", "update": BASE64.encode(update) })
}

/// The update in an answer.
pub(crate) fn update(answer: &Value) -> Vec<u8> {
    BASE64.decode(answer["update"].as_str().unwrap().as_bytes()).unwrap()
}

fn skip(why: &str) -> Option<Peer> {
    let required = std::env::var_os("DRIFTLINE_REQUIRE_TOOLS").is_some_and(|set| set == "1");
    assert!(!required, "DRIFTLINE_REQUIRE_TOOLS is set, and {why}");
    // Written past the test harness, which would keep it to itself.
    let said = format!("\n!!! SKIPPED, nothing was held against Yjs: {why} !!!\n\n");
    _ = std::io::stderr().write_all(said.as_bytes());
    None
}
