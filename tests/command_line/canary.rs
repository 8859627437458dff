//! No secret gets out: not into what is printed, logged or stored, however much is logged and whatever goes wrong.

mod scanner;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::Arc;

use data_encoding::HEXLOWER;
use driftline::{DeviceOptions, Passphrase, Ticket};
use driftline_core::codec;
use driftline_core::identity::DeviceKey;
use driftline_core::space::Joining;
use driftline_net::NetworkConfig;
use serde_json::Value;

use crate::person::{Person, eventually, kill, last_line, town};
use scanner::{Secret, squeezed};

const PASSPHRASE: &str = "correct horse battery staple";

/// Everything that was printed, and by what.
#[derive(Default)]
struct Witness {
    heard: Vec<(String, Vec<u8>)>,
}

impl Witness {
    /// Gives a command, with everything logged that can be; hears the answer.
    fn hears(&mut self, person: &Person, words: &[&str]) -> String {
        let mut command = person.command(words);
        command.env("DRIFTLINE_LOG", "trace").env("DRIFTLINE_PASSPHRASE", PASSPHRASE);
        let output = command.output().unwrap();
        self.heard.push((words.join(" "), output.stdout.clone()));
        self.heard.push((format!("{} (standard error)", words.join(" ")), output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// What was heard by others than those who may be told.
    fn check(&self, secret: &Secret, may_be_told: impl Fn(&str) -> bool) {
        let mut told = 0;
        for (what, text) in &self.heard {
            match may_be_told(what) {
                true => told += usize::from(secret.is_in(text)),
                false => assert!(!secret.is_in(text), "{} got out by: {what}", secret.name),
            }
        }
        let expected = self.heard.iter().filter(|(what, _)| may_be_told(what)).count();
        assert_eq!(told, expected, "{} was not where it was asked for", secret.name);
    }
}

/// Stays online with everything logged into a file.
fn stays(person: &Person, log: &Path) -> Child {
    let ready = person.folder.with_extension("ready");
    let (out, err) = (log.with_extension("out"), log.with_extension("err"));
    let mut command = person.command(&["run", "--json", "--ready-file", ready.to_str().unwrap()]);
    command.env("DRIFTLINE_LOG", "trace").env("DRIFTLINE_PASSPHRASE", PASSPHRASE);
    command.stdout(fs::File::create(out).unwrap()).stderr(fs::File::create(err).unwrap());
    let child = command.stdin(Stdio::null()).spawn().unwrap();
    eventually("the device is online", || ready.exists());
    child
}

fn seed(person: &Person) -> [u8; 32] {
    let line = fs::read(person.folder.join("key")).unwrap();
    HEXLOWER.decode(line.trim_ascii()).unwrap().try_into().unwrap()
}

/// The secret half of a ticket's key, which stands behind the certificate.
fn bearer(ticket: &str) -> [u8; 32] {
    let ticket: Ticket = ticket.parse().unwrap();
    let certificate = codec::encode(ticket.certificate()).len();
    codec::encode(&ticket)[certificate..][..32].try_into().unwrap()
}

/// Every file in a folder and those below.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let entries = entries.map(|entry| (entry.path(), entry.file_type().unwrap()));
    let files = entries.flat_map(|(path, kind)| match () {
        () if kind.is_dir() => files(&path),
        () if kind.is_file() => vec![path],
        () => Vec::new(),
    });
    files.collect()
}

#[test]
fn no_secret_reaches_a_log_an_answer_or_a_file() {
    let town = town();
    let (alice, bob) = (Person::new(&town, "alice"), Person::new(&town, "bob"));
    let seeds = [Secret::bytes("a key", &seed(&alice)), Secret::bytes("a key", &seed(&bob))];
    let witness = &mut Witness::default();
    witness.hears(&alice, &["key", "protect"]);
    witness.hears(&bob, &["key", "protect", "--json"]);
    witness.hears(&alice, &["key", "show"]);
    witness.hears(&alice, &["space", "new", "kitchen"]);
    let (mut at_alices, mut at_bobs) =
        (stays(&alice, &town.path().join("alice-log")), stays(&bob, &town.path().join("bob-log")));

    let ticket = last_line(&witness.hears(&alice, &["invite", "kitchen"]));
    let words = witness.hears(&alice, &["invite", "kitchen", "--role", "reader", "--json"]);
    let words: Value = serde_json::from_str(&words).unwrap();
    let other = words["ticket"].as_str().unwrap().to_owned();
    let tell = |witness: &mut Witness, person: &Person, words: &[&str], what: &str| {
        // What was typed is no secret to whoever typed it, so only the answer is kept, under another name.
        witness.hears(person, words);
        let heard = witness.heard.len();
        witness.heard[heard - 2..].iter_mut().for_each(|(name, _)| *name = what.to_owned());
    };
    tell(witness, &bob, &["join", &ticket], "joining");
    tell(witness, &bob, &["join", &ticket[..ticket.len() - 9]], "joining with a damaged ticket");
    tell(witness, &alice, &["invite", "kitchen", "--close", &other], "closing a ticket");
    tell(
        witness,
        &bob,
        &["join", &other, "--json", "--timeout", "1s"],
        "joining with a closed one",
    );
    tell(witness, &bob, &["join", &ticket, "--timeout", "soon"], "joining in a way that is none");
    for words in [
        &["doc", "edit", "kitchen/list", "--insert", "0", "milk"][..],
        &["doc", "cat", "kitchen/list", "--json"],
        &["doc", "cat", "pantry/list", "--json"],
        &["status"],
        &["status", "--json"],
        &["member", "ls", "kitchen"],
        &["key", "unprotect"],
    ] {
        witness.hears(&bob, words);
    }
    let me = last_line(&witness.hears(&bob, &["key", "show"]));
    witness.hears(&alice, &["member", "remove", "kitchen", me.split(' ').next_back().unwrap()]);
    witness.hears(&bob, &["doc", "edit", "kitchen/list", "--insert", "0", "eggs"]);
    for child in [&mut at_alices, &mut at_bobs] {
        kill(child.id());
        child.wait().unwrap();
    }
    let wrong =
        alice.command(&["space", "ls"]).env("DRIFTLINE_PASSPHRASE", "correct house").output();
    witness.heard.push(("a wrong passphrase".to_owned(), wrong.unwrap().stderr));
    for path in files(town.path()) {
        witness.heard.push((path.display().to_string(), fs::read(&path).unwrap()));
    }

    for log in ["alice-log.err", "bob-log.err"] {
        let text = fs::read_to_string(town.path().join(log)).unwrap();
        let lines = text.lines().filter(|line| line.contains("TRACE")).count();
        assert!(lines > 100, "{log} has {lines} lines: little was logged, so this shows little");
    }
    let nobody = |_: &str| false;
    seeds.iter().for_each(|seed| witness.check(seed, nobody));
    witness.check(&Secret::text("the passphrase", PASSPHRASE), nobody);
    let in_words = |what: &str| what == "invite kitchen";
    let in_json = |what: &str| what == "invite kitchen --role reader --json";
    witness.check(&Secret::text("a ticket", &ticket), in_words);
    witness.check(&Secret::bytes("a ticket's key", &bearer(&ticket)), in_words);
    witness.check(&Secret::text("a ticket", &other), in_json);
    witness.check(&Secret::bytes("a ticket's key", &bearer(&other)), in_json);
}

#[test]
fn what_holds_a_secret_does_not_print_it() {
    let town = town();
    let mut alice = Person::new(&town, "alice");
    alice.begins("kitchen");
    alice.runs();
    let text = alice.invites("kitchen", "writer");
    let ticket: Ticket = text.parse().unwrap();
    let seed = seed(&alice);
    let key = || DeviceKey::from_seed(&seed);
    let passphrase = Passphrase::new(PASSPHRASE).unwrap();
    let options = DeviceOptions { passphrase: Some(passphrase.clone()), ..Default::default() };
    let joining = Joining::new(ticket.clone(), Arc::new(key()), [0; 16]);
    let config = NetworkConfig { key: key(), mdns: false, limits: Default::default() };
    let request = ticket.request(&key());
    let holders: [&dyn std::fmt::Debug; 8] =
        [&key(), &ticket, ticket.certificate(), &request, &passphrase, &options, &joining, &config];
    let secrets = [
        Secret::bytes("a key", &seed),
        Secret::bytes("a ticket's key", &bearer(&text)),
        Secret::text("a ticket", &text),
        Secret::text("a passphrase", PASSPHRASE),
    ];
    for holder in holders {
        for printed in [format!("{holder:?}"), squeezed(&format!("{holder:#?}"))] {
            for secret in &secrets {
                assert!(!secret.is_in(printed.as_bytes()), "{} in {printed}", secret.name);
            }
        }
    }
    assert!(secrets[0].is_in(format!("{:?}", *key().seed()).as_bytes()), "it can be found");
}
