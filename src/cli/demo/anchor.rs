//! The anchor: this same program in a process of its own, so that it can be killed without warning.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use driftline::{Multiaddr, SpaceId, Ticket};
use serde::Deserialize;
use thiserror::Error;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use super::Result;

/// How long it may take to start.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) struct Anchor {
    program: PathBuf,
    folder: PathBuf,
    log: PathBuf,
    /// Where it listens: at first anywhere, then where it did before.
    addresses: Vec<Multiaddr>,
    /// Killed when it is dropped, so that no failure leaves it behind.
    running: Option<Child>,
}

/// What the anchor writes once it can be reached.
#[derive(Deserialize)]
struct Ready {
    addresses: Vec<Multiaddr>,
}

#[derive(Debug, Error)]
enum AnchorError {
    #[error("the anchor was not up after {} s; its last words: {words:?}", PATIENCE.as_secs())]
    Late { words: String },
    #[error("the anchor ended with {status}; its last words: {words:?}")]
    Ended { status: std::process::ExitStatus, words: String },
    #[error("`driftline {what}` failed on the anchor's folder: {said}")]
    Command { what: String, said: String },
}

impl Anchor {
    /// An anchor that lives in `folder`, and writes down beside it what it has to say. It does not run yet.
    pub(super) fn new(folder: &Path) -> Result<Self> {
        Ok(Self {
            program: std::env::current_exe()?,
            folder: folder.to_owned(),
            log: folder.with_extension("log"),
            addresses: vec!["/ip4/127.0.0.1/tcp/0".parse()?],
            running: None,
        })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Begins its folder and joins a space, before it is started for good.
    pub(super) async fn join(&self, ticket: &Ticket) -> Result<()> {
        self.run(&["init"]).await?;
        self.run(&["join", &ticket.to_string()]).await.map(drop)
    }

    /// Starts it, and waits until it can be reached.
    pub(super) async fn start(&mut self) -> Result<()> {
        let ready = self.folder.with_extension("ready");
        // One that was killed has left its own there.
        _ = std::fs::remove_file(&ready);
        let log = File::options().create(true).append(true).open(&self.log)?;
        let mut command = self.command();
        command.arg("anchor").arg("--ready-file").arg(&ready);
        for address in &self.addresses {
            command.arg("--listen").arg(address.to_string());
        }
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn()?;
        let child = self.running.insert(child);
        let deadline = Instant::now() + PATIENCE;
        let ready = loop {
            // It may be read while it is half written: then the next look has it whole.
            let written = std::fs::read(&ready).unwrap_or_default();
            if let Ok(ready) = serde_json::from_slice::<Ready>(&written) {
                break ready;
            }
            if let Some(status) = child.try_wait()? {
                return Err(AnchorError::Ended { status, words: last_words(&self.log) }.into());
            }
            if Instant::now() > deadline {
                return Err(AnchorError::Late { words: last_words(&self.log) }.into());
            }
            sleep(Duration::from_millis(10)).await;
        };
        self.addresses = ready.addresses.into_iter().map(without_peer).collect();
        Ok(())
    }

    /// Kills it: no time to save anything, or to say goodbye.
    pub(super) async fn kill(&mut self) -> Result<()> {
        if let Some(mut child) = self.running.take() {
            child.kill().await?;
        }
        Ok(())
    }

    /// The text of a document's body, and the document as a Yjs update: asked of the process where it runs,
    /// else read from its folder.
    pub(super) async fn document(&self, space: SpaceId, name: &str) -> Result<(String, Vec<u8>)> {
        let path = format!("{space}/{name}");
        let text = self.run(&["doc", "export", &path, "--format", "text"]).await?;
        let state = self.run(&["doc", "export", &path, "--format", "yjs"]).await?;
        Ok((String::from_utf8(text)?, state))
    }

    async fn run(&self, arguments: &[&str]) -> Result<Vec<u8>> {
        let output = self.command().args(arguments).stdin(Stdio::null()).output().await?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let what = arguments.first().copied().unwrap_or_default().to_owned();
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(AnchorError::Command { what, said }.into())
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        // What is set for the demo is not meant for the anchor.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("DRIFTLINE_") {
                command.env_remove(name);
            }
        }
        command.arg("--data").arg(&self.folder).kill_on_drop(true);
        command
    }
}

fn without_peer(address: Multiaddr) -> Multiaddr {
    address.into_iter().filter(|part| part.tag() != "p2p").collect()
}

fn last_words(log: &Path) -> String {
    let words = std::fs::read_to_string(log).unwrap_or_default();
    words.lines().last().unwrap_or_default().to_owned()
}
