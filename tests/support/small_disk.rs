//! Disks that get full, for the tests of what happens then.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

/// A small disk in memory, for as long as this is held.
pub(crate) struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Nothing where this process may not mount one, which is said then.
    pub(crate) fn mount(town: &TempDir, mebibytes: u32) -> Option<Self> {
        let place = town.path().join("disk");
        fs::create_dir(&place).unwrap();
        let size = format!("size={mebibytes}m");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&place);
        if mount.status().is_ok_and(|status| status.success()) {
            return Some(Self(place));
        }
        let required = std::env::var_os("DRIFTLINE_REQUIRE_TOOLS").is_some();
        assert!(!required, "a small disk can be mounted by root alone");
        eprintln!("skipped: only root can mount a small disk");
        None
    }

    /// Fills it until so much is left.
    pub(crate) fn fill(&self, left: u64) -> PathBuf {
        let filler = self.0.join("filler");
        let free = || {
            let said = Command::new("df").args(["--output=avail", "-B1"]).arg(&self.0).output();
            let said = String::from_utf8(said.unwrap().stdout).unwrap();
            said.split_whitespace().last().unwrap().parse::<u64>().unwrap()
        };
        let block = vec![7; 1 << 20];
        let mut file = fs::File::create(&filler).unwrap();
        while free() > left + (1 << 20) {
            std::io::Write::write_all(&mut file, &block).unwrap();
        }
        filler
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
