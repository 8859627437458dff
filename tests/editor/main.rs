//! The editor of `examples/editor.rs`, as people drive it: two terminals, one document.
//!
//! `cargo build --example editor && DRIFTLINE_EDITOR_PICTURE=docs/editor.svg cargo test --test editor` also draws what both
//! of them see.

#![allow(clippy::unwrap_used, reason = "what fails in a test fails the test")]

mod grid;
mod picture;
mod terminal;

use std::net::TcpListener;
use std::path::PathBuf;

use terminal::{Desk, Terminal, eventually};

/// Somebody with an editor.
struct Writer<'a> {
    desk: &'a Desk,
    name: &'static str,
    port: u16,
    terminal: Option<Terminal<'a>>,
}

impl<'a> Writer<'a> {
    fn new(desk: &'a Desk, name: &'static str) -> Self {
        // A port that is free now is so in a moment, too.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self { desk, name, port, terminal: None }
    }

    /// Starts the editor, with a ticket to join with if there is one.
    fn begins(&mut self, ticket: Option<&str>) {
        let folder = self.desk.path().join(self.name);
        let listen = format!("/ip4/127.0.0.1/tcp/{}", self.port);
        let mut command = vec![editor().display().to_string()];
        let mut option = |name: &str, value: &str| command.extend([name, value].map(str::to_owned));
        option("--folder", &folder.display().to_string());
        option("--name", self.name);
        option("--listen", &listen);
        if let Some(ticket) = ticket {
            option("--ticket", ticket);
        }
        self.terminal = Some(self.desk.opens(self.name, &command));
    }

    /// The ticket that the editor prints where a space begins.
    fn ticket(&self) -> String {
        let printed = || self.screen().unwrapped();
        self.screen().waits_for("Press Enter");
        let ticket =
            printed().lines().find(|line| line.starts_with("driftline1")).unwrap().to_owned();
        self.screen().presses("Enter");
        ticket
    }

    fn screen(&self) -> &Terminal<'a> {
        self.terminal.as_ref().unwrap()
    }

    /// What is written, without the lines at the top and at the bottom.
    fn reads(&self) -> String {
        let text = self.screen().text();
        let lines: Vec<_> = text.lines().collect();
        let inner = &lines[1..lines.len() - 1];
        inner
            .iter()
            .map(|line| line.trim_end())
            .collect::<Vec<_>>()
            .join("\n")
            .trim_end()
            .to_owned()
    }

    fn leaves(&mut self) {
        self.screen().presses("C-q");
        self.terminal.take().unwrap().ends();
    }
}

/// The editor's program, which `cargo test` builds, as all examples.
fn editor() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let program = test.ancestors().nth(2).unwrap().join("examples/editor");
    assert!(program.exists(), "build it first: cargo build --example editor");
    program
}

#[test]
fn two_people_write_one_document() {
    let Some(desk) = Desk::new() else { return };
    let (mut ann, mut ben) = (Writer::new(&desk, "Ann"), Writer::new(&desk, "Ben"));
    ann.begins(None);
    let ticket = ann.ticket();
    ben.begins(Some(&ticket));
    ann.screen().waits_for("Ben");
    ben.screen().waits_for("Ann");

    they_see_one_another(&ann, &ben);
    if let Some(path) = std::env::var_os("DRIFTLINE_EDITOR_PICTURE") {
        [&ann, &ben].iter().for_each(|writer| writer.screen().waits_for("saved · on 1 peer"));
        let screens =
            [("Ann's terminal", ann.screen().grid()), ("Ben's terminal", ben.screen().grid())];
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path);
        std::fs::write(path, picture::svg(&screens)).unwrap();
    }
    ann.screen().presses("End");
    each_undoes_their_own(&ann, &ben);
    ben_is_offline_and_back(&ann, &mut ben);
    ann_undoes_what_she_wrote_before_ben_was_restarted(&ann, &ben);
    ben_writes_while_ann_is_away(&mut ann, &ben);
}

fn they_see_one_another(ann: &Writer, ben: &Writer) {
    ann.screen().types("Milk");
    ben.screen().waits_for("Ann is typing");
    eventually("Ben reads it", || ben.reads() == "Milk");
    eventually("Ben sees Ann's cursor behind it, in her colour", || {
        let grid = ben.screen().grid();
        let hers = grid.find("Ann").and_then(|at| grid.cell(at).background);
        hers.is_some() && grid.cell((1, 4)).background == hers
    });
    // Ben writes in front of it, and Ann's cursor stays where it is.
    ben.screen().types("Today:");
    ben.screen().presses("Enter");
    eventually("Ann reads it", || ann.reads() == "Today:\nMilk");
    ann.screen().types(" and honey");
    eventually("Ben reads on", || ben.reads() == "Today:\nMilk and honey");
    (0..5).for_each(|_| ann.screen().presses("S-Left"));
    eventually("Ben sees what Ann has selected", || {
        let grid = ben.screen().grid();
        let underlined = (0..14).filter(|column| grid.cell((2, *column)).underlined);
        // The first is under her cursor.
        underlined.collect::<Vec<_>>() == [9, 10, 11, 12, 13]
    });
}

fn each_undoes_their_own(ann: &Writer, ben: &Writer) {
    ben.screen().types("Bread, ");
    eventually("Ann reads it", || ann.reads() == "Today:\nBread, Milk and honey");
    ann.screen().types("!");
    eventually("Ben reads it", || ben.reads() == "Today:\nBread, Milk and honey!");
    ann.screen().presses("C-z");
    eventually("only hers is gone", || ben.reads() == "Today:\nBread, Milk and honey");
    // How much was typed in half a second is for the machine to say: so to the end.
    eventually("all of hers is gone", || {
        ann.screen().presses("C-z");
        ben.reads() == "Today:\nBread,"
    });
    assert_eq!(ann.reads(), "Today:\nBread,");
    eventually("and back", || {
        ann.screen().presses("C-y");
        ben.reads() == "Today:\nBread, Milk and honey!"
    });
    ann.screen().waits_for("saved · on 1 peer · 1 peer in reach");
}

fn ben_is_offline_and_back(ann: &Writer, ben: &mut Writer) {
    ben.leaves();
    ann.screen().waits_for("offline");
    eventually("his cursor is gone", || !ann.screen().text().contains("Ben"));
    ann.screen().presses("End");
    ann.screen().types("???");
    ann.screen().waits_for("saved · 3 edits waiting · offline");
    ben.begins(None);
    eventually("Ben has caught up", || ben.reads() == "Today:\nBread, Milk and honey!???");
    ann.screen().waits_for("saved · on 1 peer · 1 peer in reach");
}

fn ann_undoes_what_she_wrote_before_ben_was_restarted(ann: &Writer, ben: &Writer) {
    ann.screen().presses("C-z");
    eventually("it is gone on both", || {
        [ann, ben].iter().all(|writer| writer.reads() == "Today:\nBread, Milk and honey!")
    });
}

fn ben_writes_while_ann_is_away(ann: &mut Writer, ben: &Writer) {
    ann.leaves();
    ben.screen().waits_for("offline");
    ben.screen().types("42");
    ben.screen().waits_for("saved · 2 edits waiting · offline");
    ann.begins(None);
    eventually("both have all", || {
        [&*ann, ben].iter().all(|writer| writer.reads() == "42Today:\nBread, Milk and honey!")
    });
    ben.screen().waits_for("saved · on 1 peer · 1 peer in reach");
}
