//! Opening what is on disk, and what it costs to have it and not open it.

use std::time::{Duration, Instant};

use driftline::yrs::GetString;
use driftline::{Device, Level, Space, SpaceId};

use super::catching_up::fill;
use super::ingest::{Bench, DOCUMENT, LONG, brought_in, options};
use super::rounds::{apart, median};
use super::typing::{ROOT, Typed, apply_one_by_one, text_of};

/// How long it takes from disk to the text of a document.
pub(super) struct Loading {
    /// As it was kept when the document was open last, with no document opened.
    pub(super) kept: Duration,
    /// By opening the document.
    pub(super) opened: Duration,
    /// By yrs alone, from the same state.
    pub(super) alone: Duration,
}

/// Measures all three: the median of several rounds, in turn, each with an idle device in the process.
pub(super) async fn load(typed: &Typed, rounds: usize) -> Loading {
    let (bench, space, _) = brought_in(LONG, typed).await;
    let id = space.id();
    let state = space.document(DOCUMENT).await.expect("opened").state();
    bench.device.close().await.expect("closed");

    let [mut kept, mut ours, mut alone] = [const { Vec::new() }; 3];
    for _ in 0..rounds {
        let (device, space) = reopened(&bench, id).await;
        alone.push(apart(|| {
            let start = Instant::now();
            let doc = apply_one_by_one(std::slice::from_ref(&state));
            let text = text_of(&doc);
            let took = start.elapsed();
            assert_eq!(text, typed.text);
            took
        }));

        let start = Instant::now();
        let text = space.kept_text(DOCUMENT, ROOT).await.expect("read");
        kept.push(start.elapsed());
        assert_eq!(text.as_ref(), Some(&typed.text));

        let start = Instant::now();
        let document = space.document(DOCUMENT).await.expect("opened");
        let body = document.text(ROOT);
        let text = document.read(|txn| body.get_string(txn));
        ours.push(start.elapsed());
        assert_eq!(text, typed.text);
        device.close().await.expect("closed");
    }
    Loading { kept: median(kept), opened: median(ours), alone: median(alone) }
}

/// The device that was closed there, once it has settled down, and its space.
async fn reopened(bench: &Bench, id: SpaceId) -> (Device, Space) {
    let device = Device::open_with(bench.path(), options()).await.expect("it opened before");
    let space = device.space(id).await.expect("open").expect("a member");
    tokio::time::sleep(Duration::from_millis(100)).await;
    (device, space)
}

/// How much memory a process takes that has a device with so many closed documents, in bytes; nothing where the
/// system does not say.
pub(super) async fn resident(documents: usize) -> Option<u64> {
    let bench = Bench::device().await;
    let space = bench.device.create_space("bench").await.expect("created");
    fill(&space, documents, Level::Saved).await;
    bench.device.close().await.expect("closed");
    // A process of its own has nothing in its memory but the device.
    let command = std::env::current_exe().ok()?;
    let asked = std::process::Command::new(command)
        .args(["bench", "resident", "--folder"])
        .arg(bench.path())
        .output()
        .ok()?;
    String::from_utf8(asked.stdout).ok()?.trim().parse().ok()
}

/// The memory of this process with the device in that folder open, in bytes.
pub(super) async fn resident_with(folder: &std::path::Path) -> Option<u64> {
    let device = Device::open_with(folder, options()).await.expect("it opened before");
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    device.close().await.expect("closed");
    Some(kilobytes * 1024)
}
