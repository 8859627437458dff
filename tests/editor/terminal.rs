//! Terminals that nobody sits at: tmux runs them, types, and tells what they show.

use std::path::Path;
use std::process::{Command, Output};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::grid::Grid;

/// Generous: reached only when something is broken.
const PATIENCE: Duration = Duration::from_secs(60);

/// A tmux server of its own, and a place for folders.
pub(crate) struct Desk(TempDir);

/// One terminal.
pub(crate) struct Terminal<'a> {
    desk: &'a Desk,
    name: &'static str,
}

/// Waits until something holds that has to come true.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        sleep(Duration::from_millis(50));
    }
}

impl Desk {
    /// Nothing where there is no tmux, which is said aloud; unless the tools are required.
    pub(crate) fn new() -> Option<Self> {
        if Command::new("tmux").arg("-V").output().is_ok_and(|output| output.status.success()) {
            return Some(Self(tempfile::Builder::new().prefix("desk").tempdir().unwrap()));
        }
        let why = "the editor is not tested, as there is no tmux: install it";
        let required = std::env::var_os("DRIFTLINE_REQUIRE_TOOLS").is_some_and(|set| set == "1");
        assert!(!required, "DRIFTLINE_REQUIRE_TOOLS is set, and {why}");
        eprintln!("SKIPPED: {why}");
        None
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Runs a command in a terminal of its own.
    pub(crate) fn opens(&self, name: &'static str, command: &[String]) -> Terminal<'_> {
        let mut words = vec!["new-session", "-d", "-s", name, "-x", "78", "-y", "12", "--"];
        words.extend(command.iter().map(String::as_str));
        self.tmux(&words);
        // A screen is still to be read when what ran in it has ended.
        self.tmux(&["set-option", "-t", name, "remain-on-exit", "on"]);
        Terminal { desk: self, name }
    }

    fn tmux(&self, words: &[&str]) -> String {
        let mut command = Command::new("tmux");
        command.env("LC_ALL", "C.UTF-8").env_remove("TMUX").args(["-u", "-f", "/dev/null", "-S"]);
        let Output { status, stdout, stderr } =
            command.arg(self.path().join("tmux")).args(words).output().unwrap();
        assert!(status.success(), "{words:?}: {}", String::from_utf8_lossy(&stderr));
        String::from_utf8(stdout).unwrap()
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let mut command = Command::new("tmux");
        _ = command.arg("-S").arg(self.path().join("tmux")).arg("kill-server").output();
    }
}

impl Terminal<'_> {
    /// Types words, letter by letter.
    pub(crate) fn types(&self, words: &str) {
        self.desk.tmux(&["send-keys", "-t", self.name, "-l", words]);
    }

    /// Presses a key, as tmux calls it.
    pub(crate) fn presses(&self, key: &str) {
        self.desk.tmux(&["send-keys", "-t", self.name, key]);
    }

    /// What is on the screen.
    pub(crate) fn text(&self) -> String {
        self.desk.tmux(&["capture-pane", "-t", self.name, "-p"])
    }

    /// The same, with lines that were too long for the screen in one.
    pub(crate) fn unwrapped(&self) -> String {
        self.desk.tmux(&["capture-pane", "-t", self.name, "-p", "-J", "-S", "-"])
    }

    /// The same, with colours.
    pub(crate) fn grid(&self) -> Grid {
        Grid::read(&self.desk.tmux(&["capture-pane", "-t", self.name, "-p", "-e", "-N"]))
    }

    /// Waits until the screen shows that.
    pub(crate) fn waits_for(&self, words: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.text().contains(words) {
            assert!(Instant::now() < deadline, "no {words:?} on the screen:\n{}", self.text());
            sleep(Duration::from_millis(50));
        }
    }

    /// Waits until what ran here has ended well.
    pub(crate) fn ends(self) {
        let status = || {
            let format = "#{pane_dead}#{pane_dead_status}#{pane_dead_signal}";
            self.desk.tmux(&["display-message", "-t", self.name, "-p", format])
        };
        // Some versions say nothing for a status of 0.
        eventually("the editor ends well", || ["1", "10"].contains(&status().trim()));
        self.desk.tmux(&["kill-session", "-t", self.name]);
    }
}
