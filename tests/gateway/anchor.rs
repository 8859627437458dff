//! A device that lets guests in: a process of the command line.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::browser::Kind;
use crate::eventually;
use crate::small_disk::SmallDisk;

pub(crate) struct Anchor {
    home: TempDir,
    folder: PathBuf,
    port: u16,
    metrics: u16,
    /// What it is told besides.
    flags: Vec<String>,
    process: Option<Child>,
}

impl Anchor {
    /// A device with the space “kitchen”, online.
    pub(crate) fn opens() -> Self {
        Self::opens_with(&[])
    }

    /// The same, with more flags.
    pub(crate) fn opens_with(flags: &[&str]) -> Self {
        let flags = flags.iter().copied().map(str::to_owned).collect();
        let home = home();
        let folder = home.path().join("anchor");
        Self::begins_in(home, folder, flags)
    }

    /// The same on a small disk; nothing where this process may not mount one.
    pub(crate) fn opens_on_a_small_disk(mebibytes: u32) -> Option<(Self, SmallDisk)> {
        let home = home();
        let disk = SmallDisk::mount(&home, mebibytes)?;
        let folder = home.path().join("disk/anchor");
        Some((Self::begins_in(home, folder, Vec::new()), disk))
    }

    fn begins_in(home: TempDir, folder: PathBuf, flags: Vec<String>) -> Self {
        let (port, metrics) = (free_port(), free_port());
        let mut anchor = Self { home, folder, port, metrics, flags, process: None };
        anchor.says(&["init"]);
        anchor.says(&["space", "new", "kitchen"]);
        anchor.starts();
        anchor
    }

    /// Goes online, at the same address as ever.
    pub(crate) fn starts(&mut self) {
        let ready = self.home.path().join("ready");
        // Who was killed could not remove it.
        _ = std::fs::remove_file(&ready);
        let mut command = self.command(&["anchor", "--listen", "/ip4/127.0.0.1/tcp/0"]);
        command.args(["--http", &format!("127.0.0.1:{}", self.port)]);
        command.args(["--metrics", &format!("127.0.0.1:{}", self.metrics)]);
        command.args(&self.flags).arg("--ready-file").arg(&ready).env("DRIFTLINE_LOG", "warn");
        let log = File::options().create(true).append(true).open(self.log()).unwrap();
        self.process = Some(command.stdout(Stdio::null()).stderr(log).spawn().unwrap());
        eventually("the anchor is online", || ready.exists());
    }

    /// As in a crash: nothing is said and nothing is tidied up.
    pub(crate) fn is_killed(&mut self) {
        let mut process = self.process.take().unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
    }

    /// As a service manager does it.
    pub(crate) fn is_asked_to_stop(&mut self) {
        let mut process = self.process.take().unwrap();
        let id = process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        assert!(process.wait().unwrap().success());
    }

    /// A copy of all that it has now.
    pub(crate) fn is_backed_up(&self) -> PathBuf {
        let backup = self.home.path().join("backup");
        self.says(&["backup", backup.to_str().unwrap()]);
        backup
    }

    /// Its disk is lost, and what is left is a copy of before.
    pub(crate) fn is_restored_from(&mut self, backup: &Path) {
        self.is_killed();
        std::fs::remove_dir_all(&self.folder).unwrap();
        self.says(&["restore", backup.to_str().unwrap()]);
        self.starts();
    }

    /// As administrators do it when a file has changed.
    pub(crate) fn hears(&self, signal: &str) {
        let id = self.process.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    /// How much memory it has, in KiB.
    pub(crate) fn memory(&self) -> u64 {
        let id = self.process.as_ref().unwrap().id();
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Where it writes what it has to say.
    pub(crate) fn log(&self) -> PathBuf {
        self.home.path().join("log")
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The port at which it tells what it counts.
    pub(crate) fn metrics(&self) -> u16 {
        self.metrics
    }

    /// Where a client of that kind finds the space.
    pub(crate) fn socket(&self, kind: Kind) -> String {
        let path = if kind == Kind::Hocuspocus { "h" } else { "y" };
        format!("ws://127.0.0.1:{}/{path}/kitchen", self.port)
    }

    /// A pass for a guest.
    pub(crate) fn pass(&self, guest: &str, role: &str, expires: &str) -> String {
        let words = ["token", "kitchen", "--name", guest, "--role", role, "--expires", expires];
        self.says(&words).lines().last().unwrap().to_owned()
    }

    /// Gives a command that goes on.
    pub(crate) fn begins(&self, words: &[&str]) -> Child {
        self.command(words).stdout(Stdio::null()).spawn().unwrap()
    }

    /// Gives a command that has to work; hears the answer.
    pub(crate) fn says(&self, words: &[&str]) -> String {
        let Output { status, stdout, stderr } = self.command(words).output().unwrap();
        let stderr = String::from_utf8_lossy(&stderr);
        assert!(status.success(), "{words:?} failed: {stderr}");
        String::from_utf8(stdout).unwrap()
    }

    /// Gives a command that can't work; hears why not.
    pub(crate) fn fails(&self, words: &[&str]) -> String {
        let Output { status, stderr, .. } = self.command(words).output().unwrap();
        assert!(!status.success(), "{words:?} worked");
        String::from_utf8(stderr).unwrap()
    }

    /// The text of a document's body; nothing while it is not here.
    pub(crate) fn reads(&self, document: &str) -> String {
        let output =
            self.command(&["doc", "cat", &format!("kitchen/{document}")]).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim_end_matches('\n').to_owned()
    }

    /// Another device that joins the space, and is not online.
    pub(crate) fn is_joined_by(&self, role: &str) -> Member {
        let ticket = self.says(&["invite", "kitchen", "--role", role]);
        let ticket = ticket.lines().last().unwrap();
        let member = Member { folder: self.home.path().join(format!("{role}-device")) };
        member.says(&["init"]);
        member.says(&["join", ticket]);
        member
    }

    fn command(&self, words: &[&str]) -> Command {
        driftline(&self.folder, words)
    }
}

impl Drop for Anchor {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            _ = process.kill();
            _ = process.wait();
        }
    }
}

fn home() -> TempDir {
    tempfile::Builder::new().prefix("gateway").tempdir().unwrap()
}

/// Somebody with a device of Driftline.
pub(crate) struct Member {
    folder: PathBuf,
}

impl Member {
    pub(crate) fn says(&self, words: &[&str]) -> String {
        let Output { status, stdout, stderr } = driftline(&self.folder, words).output().unwrap();
        let stderr = String::from_utf8_lossy(&stderr);
        assert!(status.success(), "{words:?} failed: {stderr}");
        String::from_utf8(stdout).unwrap()
    }

    pub(crate) fn finds(&self) -> Value {
        serde_json::from_str(self.says(&["verify", "--json"]).lines().last().unwrap()).unwrap()
    }
}

fn driftline(folder: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_driftline"));
    command.args(words).env("DRIFTLINE_DATA", folder).stdin(Stdio::null());
    command
}

/// A port that nobody has now, and that is kept over restarts.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
