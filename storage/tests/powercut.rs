//! Power cuts, for real: a process writes a chain on a disk of its own, an ext4 image behind a loop device, and says what
//! is saved. At a random moment the file that the image is stops changing, and is copied. The copy is what a drive would
//! hold if the power had failed then: the system's unwritten pages are not on it. It is mounted in place of the first,
//! what had been said must be there, and the next process writes on, until it meets the same end: often while it is
//! opening what the last cut left.
//!
//! It takes root, and says so if that is missing. `-- N` makes N cuts.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

#[path = "store/author.rs"]
mod author;
#[path = "support/writing.rs"]
mod writing;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use writing::{Promise, check, said, start};

/// How many cuts there are when nothing is said.
const CUTS: u64 = 5;

fn main() {
    let arguments: Vec<_> = std::env::args().collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    writing::child(&arguments);
    let cuts = arguments.get(1).and_then(|number| number.parse().ok()).unwrap_or(CUTS);
    let place = tempfile::tempdir().unwrap();
    match Machine::build(place.path()) {
        Some(mut machine) => power_cuts(&mut machine, cuts),
        None => {
            let required =
                std::env::var_os("DRIFTLINE_REQUIRE_TOOLS").is_some_and(|set| set == "1");
            assert!(
                !required,
                "DRIFTLINE_REQUIRE_TOOLS is set, and no power is cut: that takes root"
            );
            println!("skipped: cutting the power takes root, loop devices, mkfs.ext4 and fsfreeze");
        }
    }
}

fn power_cuts(machine: &mut Machine, cuts: u64) {
    let (mut saved, mut while_writing) = (0, 0);
    for seed in 0..cuts {
        let process = start(&machine.folder(), seed, Promise::Saved);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        // Many come while the store is being opened.
        let patience = [80, 400, 1_200][seed as usize % 3];
        let patience = Duration::from_millis(u64::from(rng.next_u32()) % patience);
        let acknowledged = machine.loses_power(process, patience);
        while_writing += u64::from(acknowledged > saved);
        saved = saved.max(acknowledged);
        let (held, _) = check(&machine.folder(), cuts + seed);
        assert!(held >= saved, "cut {seed}: {saved} entries acknowledged, {held} held");
        saved = held;
    }
    println!(
        "{cuts} power cuts, {while_writing} of them while something was acknowledged: {saved} entries, nothing lost"
    );
    assert!(while_writing >= cuts / 8, "they come while it writes");
}

/// A disk in a file that can be held still: its file is on a file system of its own, which can be frozen.
struct Machine {
    place: PathBuf,
}

impl Machine {
    /// Nothing if this process may not, or the tools are missing.
    fn build(place: &Path) -> Option<Self> {
        let machine = Self { place: place.to_owned() };
        for folder in [machine.shelf(), machine.disk()] {
            fs::create_dir(folder).unwrap();
        }
        let built = format(&place.join("shelf.img"), 420)
            && mount(&place.join("shelf.img"), &machine.shelf())
            && format(&machine.image(), 160)
            && mount(&machine.image(), &machine.disk());
        built.then_some(machine)
    }

    /// Where the drive's file is.
    fn shelf(&self) -> PathBuf {
        self.place.join("shelf")
    }

    /// The drive.
    fn image(&self) -> PathBuf {
        self.shelf().join("disk.img")
    }

    /// Where the drive is mounted.
    fn disk(&self) -> PathBuf {
        self.place.join("disk")
    }

    fn folder(&self) -> PathBuf {
        self.disk().join("device")
    }

    /// Lets a process run for a while and cuts the power; says what had been acknowledged by then.
    fn loses_power(&mut self, mut process: Child, after: Duration) -> u64 {
        let highest = Arc::new(AtomicU64::new(0));
        let (heard, stdout) = (highest.clone(), process.stdout.take().unwrap());
        let listener = std::thread::spawn(move || {
            said(stdout).for_each(|number| _ = heard.fetch_max(number, Ordering::SeqCst));
        });
        std::thread::sleep(after);
        let acknowledged = highest.load(Ordering::SeqCst);
        // From here on no write reaches the drive.
        assert!(run("fsfreeze", ["-f".as_ref(), self.shelf().as_os_str()]), "it does not freeze");
        let copy = self.place.join("copy.img");
        let copied = fs::copy(self.image(), &copy);
        assert!(run("fsfreeze", ["-u".as_ref(), self.shelf().as_os_str()]), "it does not thaw");
        copied.unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
        listener.join().unwrap();
        unmount(&self.disk());
        fs::remove_file(self.image()).unwrap();
        fs::copy(&copy, self.image()).unwrap();
        fs::remove_file(&copy).unwrap();
        assert!(mount(&self.image(), &self.disk()), "the drive does not mount any more");
        acknowledged
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        unmount(&self.disk());
        unmount(&self.shelf());
    }
}

fn format(image: &Path, mebibytes: u64) -> bool {
    let made = File::create(image).and_then(|file| file.set_len(mebibytes << 20));
    made.is_ok() && run("mkfs.ext4", ["-q".as_ref(), "-F".as_ref(), image.as_os_str()])
}

fn mount(image: &Path, at: &Path) -> bool {
    run("mount", ["-o".as_ref(), "loop".as_ref(), image.as_os_str(), at.as_os_str()])
}

fn unmount(at: &Path) {
    // Who was killed may take a moment to let go of it.
    for _ in 0..100 {
        if run("umount", [at.as_os_str()]) {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Whether a command does what it should.
fn run<const N: usize>(command: &str, arguments: [&OsStr; N]) -> bool {
    Command::new(command).args(arguments).output().is_ok_and(|done| done.status.success())
}
