//! People with a device each, who type commands.

use std::fs::read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// Generous: reached only when something is broken.
const PATIENCE: Duration = Duration::from_secs(40);

pub(crate) struct Person {
    home: PathBuf,
    pub(crate) folder: PathBuf,
    online: Option<Child>,
    /// Where the device listens, while it is online.
    pub(crate) addresses: Vec<String>,
}

/// What a command that failed had to say.
pub(crate) struct Refusal {
    pub(crate) code: Option<i32>,
    pub(crate) words: String,
}

/// A place for everybody's folders.
pub(crate) fn town() -> TempDir {
    tempfile::Builder::new().prefix("town").tempdir().unwrap()
}

/// Waits until something holds that has to come true.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        sleep(Duration::from_millis(30));
    }
}

impl Person {
    /// Somebody with a new device.
    pub(crate) fn new(town: &TempDir, name: &str) -> Self {
        let person = Self::without_device(town, name);
        person.says(["init"]);
        person
    }

    pub(crate) fn without_device(town: &TempDir, name: &str) -> Self {
        let home = town.path().to_owned();
        Self { folder: home.join(name), home, online: None, addresses: Vec::new() }
    }

    /// Gives a command that has to work; hears the answer.
    pub(crate) fn says<const N: usize>(&self, words: [&str; N]) -> String {
        let Output { status, stdout, stderr } = self.command(&words).output().unwrap();
        let stderr = String::from_utf8_lossy(&stderr);
        assert!(status.success(), "{words:?} failed: {stderr}");
        String::from_utf8(stdout).unwrap()
    }

    /// Gives a command with `--json`; hears the objects of the answer.
    pub(crate) fn says_json<const N: usize>(&self, words: [&str; N]) -> Value {
        let output = self.command(&words).arg("--json").output().unwrap();
        assert!(output.status.success(), "{words:?} failed");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Gives a command that must not work.
    pub(crate) fn fails<const N: usize>(&self, words: [&str; N]) -> Refusal {
        let Output { status, stderr, stdout } = self.command(&words).output().unwrap();
        assert!(!status.success(), "{words:?} worked: {}", String::from_utf8_lossy(&stdout));
        Refusal { code: status.code(), words: String::from_utf8(stderr).unwrap() }
    }

    /// Begins a space; gives its id.
    pub(crate) fn begins(&self, space: &str) -> String {
        last_word(&self.says(["space", "new", space]))
    }

    /// A ticket to a space.
    pub(crate) fn invites(&self, space: &str, role: &str) -> String {
        last_line(&self.says(["invite", space, "--role", role]))
    }

    pub(crate) fn types(&self, document: &str, text: &str) {
        self.says(["doc", "edit", document, "--insert", "0", text]);
    }

    /// The text of a document's body; nothing while it is not here.
    pub(crate) fn reads(&self, document: &str) -> String {
        let output = self.command(&["doc", "cat", document]).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim_end_matches('\n').to_owned()
    }

    pub(crate) fn id(&self) -> String {
        self.says_json(["status"])["device"].as_str().unwrap().to_owned()
    }

    /// Goes online, on ports that are free.
    pub(crate) fn runs(&mut self) {
        self.runs_with(&[]);
    }

    pub(crate) fn runs_with(&mut self, words: &[&str]) {
        assert!(self.online.is_none(), "online already");
        let ready = self.folder.with_extension("ready");
        // Who was killed could not remove it.
        _ = std::fs::remove_file(&ready);
        let mut command = self.command(&["run"]);
        command.args(words);
        let child = command.arg("--ready-file").arg(&ready).spawn().unwrap();
        self.online = Some(child);
        eventually("the device is online", || ready.exists());
        let ready: Value = serde_json::from_slice(&read(&ready).unwrap()).unwrap();
        assert_eq!(ready["process"], self.process());
        let addresses = ready["addresses"].as_array().unwrap().iter();
        self.addresses = addresses.map(|address| address.as_str().unwrap().to_owned()).collect();
    }

    pub(crate) fn process(&self) -> u32 {
        self.online.as_ref().unwrap().id()
    }

    /// Goes offline in good order.
    pub(crate) fn leaves(&mut self) {
        let mut child = self.online.take().unwrap();
        let id = child.id().to_string();
        assert!(Command::new("kill").arg(id).status().unwrap().success());
        assert!(child.wait().unwrap().success());
    }

    /// Finds the process dead.
    pub(crate) fn was_killed(&mut self) {
        let status = self.online.take().unwrap().wait().unwrap();
        assert!(!status.success());
    }

    /// Starts a command that takes a while.
    pub(crate) fn starts<const N: usize>(&self, words: [&str; N]) -> Errand {
        Errand(self.command(&words).spawn().unwrap())
    }

    /// A file of that content beside the folder.
    pub(crate) fn file(&self, name: &str, content: &str) -> String {
        let path = self.home.join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_driftline"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("DRIFTLINE_") {
                command.env_remove(name);
            }
        }
        command.arg("--data").arg(&self.folder).args(words).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        if let Some(child) = &mut self.online {
            _ = child.kill();
            _ = child.wait();
        }
    }
}

/// A command under way; ended when it is let go.
pub(crate) struct Errand(Child);

impl Errand {
    /// Waits until it has ended well; gives what it said.
    pub(crate) fn ends(mut self) -> String {
        let status = self.0.wait().unwrap();
        assert!(status.success());
        std::io::read_to_string(self.0.stdout.take().unwrap()).unwrap()
    }

    /// Presses Ctrl-C.
    pub(crate) fn gets_interrupted(self) -> String {
        let id = self.0.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
        self.ends()
    }

    pub(crate) fn stdout(&mut self) -> &mut impl std::io::Read {
        self.0.stdout.as_mut().unwrap()
    }
}

impl Drop for Errand {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

/// Alice, with a space "kitchen", online; and Bob, who joined it and is online too.
pub(crate) fn alice_and_bob(town: &TempDir) -> (Person, Person) {
    let (mut alice, mut bob) = (Person::new(town, "alice"), Person::new(town, "bob"));
    alice.begins("kitchen");
    alice.runs();
    bob.says(["join", &alice.invites("kitchen", "writer")]);
    bob.runs();
    (alice, bob)
}

/// Ends a process from one moment to the next.
pub(crate) fn kill(process: u32) {
    let killed = Command::new("kill").args(["-KILL", &process.to_string()]).status();
    assert!(killed.unwrap().success());
}

/// The permissions of a file, for everybody.
pub(crate) fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

pub(crate) fn last_word(text: &str) -> String {
    text.split_whitespace().last().unwrap().to_owned()
}

pub(crate) fn last_line(text: &str) -> String {
    text.lines().last().unwrap().to_owned()
}
