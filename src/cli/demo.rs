//! A story in which an anchor and two devices keep a real document.

mod anchor;
mod cast;
mod checks;
mod figures;
mod friends;
mod plot;
mod screen;
mod story;
mod typing;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::builder::FalseyValueParser;

use figures::Figures;
use screen::Screen;

/// How the story is told.
#[derive(clap::Args)]
pub(super) struct Options {
    /// Print one JSON object instead of words
    #[arg(long, env = "DRIFTLINE_JSON", value_parser = FalseyValueParser::new())]
    json: bool,

    /// Tell it with less to type: a few seconds instead of a minute
    #[arg(long, env = "DRIFTLINE_SHORT", value_parser = FalseyValueParser::new())]
    short: bool,

    /// Keep the devices' folders here; without it they go when the story ends
    #[arg(long, value_name = "DIR", env = "DRIFTLINE_KEEP")]
    keep: Option<PathBuf>,
}

/// What goes wrong ends the story, so it is only ever shown, never told apart.
type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

pub(super) fn main(options: &Options) -> ExitCode {
    let screen = Screen::new();
    match tell(options, &screen) {
        Ok(figures) => {
            if options.json {
                println!("{}", figures.json());
            } else {
                print!("\n{figures}");
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            screen.fail(&*error);
            if options.json {
                println!("{}", serde_json::json!({ "equal": false, "error": causes(&*error) }));
            }
            ExitCode::FAILURE
        }
    }
}

fn tell(options: &Options, screen: &Screen) -> Result<Figures> {
    let started = Instant::now();
    let temporary = tempfile::tempdir()?;
    let folder = options.keep.as_deref().unwrap_or(temporary.path());
    std::fs::create_dir_all(folder)?;
    let plot = plot::Plot::new(options.short)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let told = runtime.block_on(story::tell(&plot, folder, screen));
    // Where the story broke off, somebody may still be typing: nobody waits for them.
    runtime.shutdown_background();
    Ok(Figures { seconds: started.elapsed().as_secs_f64(), ..told? })
}

/// An error with all that led to it, in one line.
fn causes(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
