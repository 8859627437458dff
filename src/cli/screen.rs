//! The only place that prints: answers to standard output, everything else to standard error.

mod progress;

use std::io::{self, IsTerminal, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;

use owo_colors::{OwoColorize, Stream};

use super::error::Error;
use super::output::Output;
use super::report::Report;
use super::request::{DocRequest, Export, Format, Request};
use super::words::words;
use progress::Bar;

pub(super) struct Screen {
    json: bool,
    bar: Bar,
    /// Where pieces of a file go, if not to standard output; it is written when it is whole.
    file: Option<(PathBuf, Vec<u8>)>,
}

impl Screen {
    pub(super) fn new(json: bool) -> Self {
        Self { json, bar: Bar::new(json), file: None }
    }

    /// Prepares for what a command will say.
    pub(super) fn expect(&mut self, request: &Request) -> Result<(), Error> {
        let Request::Doc(DocRequest::Export(Export { format, output, .. })) = request else {
            return Ok(());
        };
        if *format == Format::Yjs && output.is_none() && io::stdout().is_terminal() {
            return Err(Error::Terminal);
        }
        self.file = output.clone().map(|path| (path, Vec::new()));
        Ok(())
    }

    /// Shows one thing; breaks off with the last, or when nothing can be shown any more.
    pub(super) fn show(&mut self, output: Output) -> ControlFlow<Result<(), Error>> {
        let shown = match output {
            Output::Report(report) => self.report(&report),
            Output::Bytes(bytes) => self.bytes(&bytes),
            Output::Note(note) => {
                self.note(&note);
                Ok(())
            }
            Output::Progress(progress) => {
                self.bar.show(&progress);
                Ok(())
            }
            Output::Done => {
                self.bar.clear();
                return ControlFlow::Break(self.save());
            }
            Output::Failed(failure) => {
                self.bar.clear();
                return ControlFlow::Break(Err(failure.into()));
            }
        };
        match shown {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(Err(error)),
        }
    }

    /// Shows an answer.
    pub(super) fn report(&mut self, report: &Report) -> Result<(), Error> {
        let text = if self.json { serde_json::json!(report).to_string() } else { words(report) };
        self.bar
            .hidden(|| {
                let mut out = io::stdout().lock();
                out.write_all(text.as_bytes())?;
                if !text.is_empty() && !text.ends_with('\n') {
                    out.write_all(b"\n")?;
                }
                out.flush()
            })
            .map_err(stdout)
    }

    fn note(&mut self, note: &str) {
        if self.json {
            eprintln!("{}", serde_json::json!({ "note": note }));
        } else {
            let word = "note:".if_supports_color(Stream::Stderr, |text| text.yellow()).to_string();
            self.bar.hidden(|| eprintln!("{word} {note}"));
        }
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if let Some((_, whole)) = &mut self.file {
            whole.extend_from_slice(bytes);
            return Ok(());
        }
        let mut out = io::stdout().lock();
        out.write_all(bytes).and_then(|()| out.flush()).map_err(stdout)
    }

    fn save(&mut self) -> Result<(), Error> {
        let Some((path, whole)) = self.file.take() else { return Ok(()) };
        std::fs::write(&path, whole)
            .map_err(|source| Error::Write { to: path.display().to_string(), source })
    }
}

fn stdout(source: io::Error) -> Error {
    Error::Write { to: "standard output".to_owned(), source }
}
