//! The story, chapter by chapter.

use std::path::Path;
use std::time::{Duration, Instant};

use driftline::yrs::Text;
use tokio::time::{sleep, timeout};

use super::cast::{Cast, InVain, PATIENCE, Player, offline, online};
use super::figures::{Figures, Latency, Size, Typed, folder_bytes};
use super::plot::Plot;
use super::screen::{Bar, Screen};
use super::typing::{blocking, type_trace, type_words, watch, words};
use super::{Result, checks, friends};

/// Between two keys, once the former has arrived.
const QUIET: Duration = Duration::from_millis(3);

/// Tells all of it. Whoever is in it is gone when it ends, one way or the other.
pub(super) async fn tell(plot: &Plot, folder: &Path, screen: &Screen) -> Result<Figures> {
    screen.chapter("Alice begins a space, and invites an anchor and Bob");
    let mut cast = Cast::meet(folder).await?;
    screen.say(&format!("space {}", cast.space));

    screen.chapter("Alice types a paper, and Bob watches");
    let paper = one_types(plot, &cast, screen).await?;
    screen.chapter("Two people type into one text at once");
    let friends = friends::type_together(&plot.friends, &cast, screen).await?;
    screen.chapter("Alice types slowly, and every key is timed until Bob sees it");
    let latency = key_by_key(plot, &cast).await?;
    screen.say(&latency.to_string());

    screen.chapter("Bob goes offline, and both type on in the paper");
    apart(plot, &mut cast, screen).await?;
    screen.chapter("Bob comes back, and everybody meets again");
    together(plot, &mut cast).await?;
    screen.chapter("The end is checked");
    let documents = check(plot, &mut cast, screen).await?;

    let (alice, bob) = (&cast.alice, &cast.bob);
    let wire = [("alice", alice.traffic()), ("bob", bob.traffic())];
    alice.device.close().await?;
    bob.device.close().await?;
    let folders =
        [("alice", alice.folder()), ("bob", bob.folder()), ("anchor", cast.anchor.folder())];
    let mut disk = [("", 0); 3];
    for (place, (who, folder)) in disk.iter_mut().zip(folders) {
        *place = (who, folder_bytes(folder)?);
    }
    Ok(Figures { paper, friends, latency, wire, disk, documents, seconds: 0.0 })
}

/// Alice types the paper, one transaction for each that was recorded, while Bob watches it arrive.
async fn one_types(plot: &Plot, cast: &Cast, screen: &Screen) -> Result<Typed> {
    let (hers, his) = (cast.alice.document("paper").await?, cast.bob.document("paper").await?);
    let edits = plot.paper.transactions.len();
    let (typing, seeing) = (screen.bar("Alice types", edits), screen.bar("Bob sees", edits));
    let received = cast.bob.traffic().received;
    let trace = plot.paper.clone();
    let typist = {
        let bar = typing.clone();
        blocking(move || type_trace(&hers, &trace, &bar).map(|()| bar.done()))
    };
    let watching = watch(&his, Some(&seeing), &plot.paper.end);
    let (seconds_typing, ()) = tokio::try_join!(typist, watching)?;
    let seconds = seeing.done();
    cast.have_saved().await?;
    checks::reads(&cast.alice, "paper", &plot.paper.end).await?;
    let wire_bytes = cast.bob.traffic().received - received;
    Ok(Typed { edits, seconds_typing, seconds, wire_bytes })
}

/// Alice types a key, waits until Bob sees it, is quiet for a moment, and types the next.
async fn key_by_key(plot: &Plot, cast: &Cast) -> Result<Latency> {
    let (hers, his) = (cast.alice.document("paper").await?, cast.bob.document("paper").await?);
    let (body, seen) = (hers.text("body"), his.text("body"));
    let mut changes = his.changes();
    let mut latency = Latency::new()?;
    for key in plot.postscript.chars() {
        sleep(QUIET).await;
        let started = Instant::now();
        let length = hers.edit(|txn| {
            body.push(txn, key.encode_utf8(&mut [0; 4]));
            body.len(txn)
        })?;
        while his.read(|txn| seen.len(txn)) < length.output {
            let in_vain = |_| InVain { who: "Bob", what: "a key that Alice had pressed" };
            timeout(PATIENCE, changes.next()).await.map_err(in_vain)?;
        }
        latency.record(started.elapsed())?;
    }
    Ok(latency)
}

/// Bob is offline and types behind the paper, Alice types before it, and the anchor is killed while it takes that in.
async fn apart(plot: &Plot, cast: &mut Cast, screen: &Screen) -> Result<()> {
    cast.bob.reopen(offline()).await?;
    let hers = words(&plot.foreword).count();
    let bars =
        (screen.bar("Alice types", hers), screen.bar("Bob types", words(&plot.appendix).count()));
    let alice = adds(&cast.alice, false, &plot.foreword, plot.pause, &bars.0);
    let bob = adds(&cast.bob, true, &plot.appendix, plot.pause, &bars.1);
    let anchor = &mut cast.anchor;
    let accident = async {
        reaches(&bars.0, hers / 3).await;
        anchor.kill().await?;
        screen.say("the anchor is killed without warning");
        reaches(&bars.0, hers * 2 / 3).await;
        anchor.start().await?;
        screen.say("the anchor is back");
        Ok(())
    };
    tokio::try_join!(alice, bob, accident)?;
    Ok(())
}

/// Types a text word by word before the paper, or behind it.
async fn adds(player: &Player, behind: bool, text: &str, pause: Duration, bar: &Bar) -> Result<()> {
    let document = player.document("paper").await?;
    let body = document.text("body");
    let at = if behind { document.read(|txn| body.len(txn)) } else { 0 };
    let (text, bar) = (text.to_owned(), bar.clone());
    blocking(move || {
        type_words(&document, at, &text, pause, &bar)?;
        bar.done();
        Ok(())
    })
    .await
}

async fn reaches(bar: &Bar, edits: usize) {
    while bar.position() < edits as u64 {
        sleep(Duration::from_millis(1)).await;
    }
}

async fn together(plot: &Plot, cast: &mut Cast) -> Result<()> {
    cast.bob.reopen(online()?).await?;
    for (name, end) in plot.end() {
        let (hers, his) = (cast.alice.document(name).await?, cast.bob.document(name).await?);
        tokio::try_join!(watch(&hers, None, &end), watch(&his, None, &end))?;
    }
    cast.have_saved().await
}

/// Compares all documents of all three, while they are open and once more after everything was closed.
async fn check(plot: &Plot, cast: &mut Cast, screen: &Screen) -> Result<Vec<Size>> {
    let end = plot.end();
    checks::all_equal(cast, "from memory", &end).await?;
    screen.say("from memory: equal on all three, and to what was recorded");
    cast.anchor.kill().await?;
    cast.alice.reopen(offline()).await?;
    cast.bob.reopen(offline()).await?;
    let sizes = checks::all_equal(cast, "from disk", &end).await?;
    screen.say("from disk after a restart: the same");
    Ok(sizes)
}
