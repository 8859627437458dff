//! The device's key in its file, plain and under a passphrase.

use std::fs;
use std::path::PathBuf;

use driftline_core::id::DeviceId;
use driftline_storage::{BadPassphrase, Folder, FolderError, KeyFile, Passphrase};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use tempfile::TempDir;

/// A device's folder, and where its key is.
struct Home {
    _parent: TempDir,
    folder: Folder,
    file: PathBuf,
    rng: ChaCha8Rng,
}

fn home() -> Home {
    let parent = tempfile::tempdir().unwrap();
    let folder = Folder::lock(&parent.path().join("device")).unwrap();
    let file = folder.path().join("key");
    Home { _parent: parent, folder, file, rng: ChaCha8Rng::seed_from_u64(7) }
}

fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(text).unwrap()
}

impl Home {
    fn opens(&mut self, passphrase: Option<&Passphrase>) -> Result<DeviceId, FolderError> {
        self.folder.key(passphrase, &mut self.rng).map(|key| key.id())
    }

    /// A key under "correct horse".
    fn is_protected(&mut self) -> DeviceId {
        self.folder.protect_key(None, &passphrase("correct horse"), &mut self.rng).unwrap()
    }

    fn line(&self) -> String {
        fs::read_to_string(&self.file).unwrap()
    }

    fn looks(&self) -> Option<KeyFile> {
        KeyFile::look(self.folder.path()).unwrap()
    }
}

#[test]
fn the_key_is_made_once() {
    let mut home = home();
    assert_eq!(home.looks(), None);
    let made = home.opens(None).unwrap();
    assert_eq!(home.opens(None).unwrap(), made);
    assert_eq!(home.looks(), Some(KeyFile { device: made, protected: false }));
}

#[test]
fn a_key_file_that_holds_no_key_is_refused_and_left_alone() {
    let mut home = home();
    home.opens(None).unwrap();
    for damaged in ["", "07", &"g".repeat(64), &"07".repeat(33), &"7 ".repeat(1000)] {
        fs::write(&home.file, damaged).unwrap();
        assert!(matches!(home.opens(None), Err(FolderError::BadKey { .. })), "{damaged}");
        assert_eq!(home.line(), damaged);
    }
}

#[test]
fn a_protected_key_opens_with_its_passphrase_alone() {
    let mut home = home();
    let device = home.opens(None).unwrap();
    let seed = home.line();
    assert_eq!(home.is_protected(), device);
    assert!(!home.line().contains(seed.trim()));
    assert_eq!(home.looks(), Some(KeyFile { device, protected: true }));

    let none = home.opens(None).unwrap_err();
    assert!(matches!(none, FolderError::PassphraseNeeded { .. }), "{none}");
    let wrong = home.opens(Some(&passphrase("correct house"))).unwrap_err();
    assert!(matches!(wrong, FolderError::WrongPassphrase { .. }), "{wrong}");
    assert_eq!(home.opens(Some(&passphrase("correct horse"))).unwrap(), device);
}

#[test]
fn a_passphrase_can_be_changed_and_taken_away() {
    let mut home = home();
    let device = home.opens(None).unwrap();
    let plain = home.line();
    home.is_protected();
    let (old, new) = (passphrase("correct horse"), passphrase("battery staple"));

    let (folder, rng) = (&home.folder, &mut home.rng);
    let before = fs::read(&home.file).unwrap();
    folder.protect_key(Some(&new), &old, rng).unwrap_err();
    folder.unprotect_key(&new, rng).unwrap_err();
    assert_eq!(fs::read(&home.file).unwrap(), before, "who does not know it changes nothing");

    folder.protect_key(Some(&old), &new, rng).unwrap();
    folder.key(Some(&old), rng).unwrap_err();
    folder.unprotect_key(&new, rng).unwrap();
    assert_eq!(home.opens(None).unwrap(), device);
    assert_eq!(home.line(), plain);
}

#[test]
fn a_device_that_begins_with_a_passphrase_never_writes_a_plain_key() {
    let mut home = home();
    let secret = passphrase("correct horse");
    let device = home.opens(Some(&secret)).unwrap();
    assert_eq!(home.looks(), Some(KeyFile { device, protected: true }));
    assert_eq!(home.opens(Some(&secret)).unwrap(), device);
}

#[test]
fn two_keys_under_one_passphrase_have_nothing_in_common() {
    let (mut one, mut other) = (home(), home());
    other.rng = ChaCha8Rng::seed_from_u64(8);
    one.is_protected();
    other.is_protected();
    let words = |home: &Home| home.line().split(' ').map(str::to_owned).collect::<Vec<_>>();
    let (one, other) = (words(&one), words(&other));
    // Behind the word and the version: the device; behind the cost: the salt, what is sealed and the checksum.
    for place in [2, 7, 8, 9] {
        assert_ne!(one[place], other[place]);
    }
}

#[test]
fn every_changed_character_is_noticed() {
    let mut home = home();
    home.is_protected();
    let line = home.line();
    for place in 0..line.trim_end().len() {
        let mut changed = line.clone().into_bytes();
        changed[place] = if changed[place] == b'0' { b'1' } else { b'0' };
        fs::write(&home.file, &changed).unwrap();
        let refused = home.opens(Some(&passphrase("correct horse"))).unwrap_err();
        assert!(matches!(refused, FolderError::BadKey { .. }), "{place}: {refused}");
    }
    fs::write(&home.file, &line[..line.len() / 2]).unwrap();
    assert!(matches!(home.opens(None), Err(FolderError::BadKey { .. })), "half of it");
}

/// Whoever can write the file can also make the checksum fit. What is sealed notices all the same, and a cost that would
/// take all memory there is, or a version of the future, is refused before anything is spent on it.
#[test]
fn what_was_changed_with_care_is_noticed_too() {
    let mut home = home();
    let device = home.is_protected().to_string();
    let line = home.line();
    let other = DeviceId([9; 32]).to_string();
    let tampered = |from: &str, to: &str| {
        let body = line.trim_end().rsplit_once(' ').unwrap().0.replacen(from, to, 1);
        let sum = driftline_core::id::Hash::of("driftline key checksum 1", &[body.as_bytes()]).0;
        let sum: String = sum[..4].iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{body} {sum}\n")
    };
    assert_eq!(tampered("", ""), line, "the checksum is made as it should be");
    let salt = line.split(' ').nth(7).unwrap();
    let mut refusal = |line: String| {
        fs::write(&home.file, line).unwrap();
        home.opens(Some(&passphrase("correct horse"))).unwrap_err()
    };
    for (from, to) in
        [(device.as_str(), other.as_str()), (" 3 1 ", " 2 1 "), (salt, &"0".repeat(32))]
    {
        let refused = refusal(tampered(from, to));
        assert!(matches!(refused, FolderError::WrongPassphrase { .. }), "{from}: {refused}");
    }
    for (from, to) in [
        ("driftline-key 1 ", "driftline-key 2 "),
        ("argon2id", "scrypt"),
        (" 65536 ", " 4294967295 "),
        (" 65536 ", " 1 "),
        (" 3 1 ", " 4000000000 1 "),
    ] {
        let refused = refusal(tampered(from, to));
        assert!(matches!(refused, FolderError::UnknownKey { .. }), "{to}: {refused}");
    }
}

/// Between the new file and its new name the power fails.
#[test]
fn a_write_that_was_cut_short_leaves_the_old_key_and_nothing_else() {
    let mut home = home();
    let device = home.opens(None).unwrap();
    let plain = home.line();
    home.is_protected();
    let unfinished = home.folder.path().join("key.new");
    fs::write(&unfinished, plain).unwrap();
    assert_eq!(home.opens(Some(&passphrase("correct horse"))).unwrap(), device);
    assert!(!unfinished.exists(), "a plain key was left behind");
}

#[cfg(unix)]
#[test]
fn the_key_is_closed_to_others_however_it_is_written() {
    use std::os::unix::fs::PermissionsExt;

    let mut home = home();
    let mode = |home: &Home| fs::metadata(&home.file).unwrap().permissions().mode() & 0o777;
    home.opens(None).unwrap();
    assert_eq!(mode(&home), 0o600);
    home.is_protected();
    assert_eq!(mode(&home), 0o600);
    home.folder.unprotect_key(&passphrase("correct horse"), &mut home.rng).unwrap();
    assert_eq!(mode(&home), 0o600);

    fs::set_permissions(&home.file, fs::Permissions::from_mode(0o640)).unwrap();
    let refused = home.opens(None).unwrap_err();
    assert!(matches!(refused, FolderError::KeyExposed { mode: 0o640, .. }), "{refused}");
}

#[test]
fn a_passphrase_has_a_length_and_no_face() {
    assert_eq!(Passphrase::new("").unwrap_err(), BadPassphrase::Empty);
    assert_eq!(Passphrase::new("x".repeat(1025)).unwrap_err(), BadPassphrase::TooLong);
    let secret = passphrase("correct horse");
    assert!(secret.is(&passphrase("correct horse")) && !secret.is(&passphrase("correct house")));
    assert!(!format!("{secret:?}").contains("horse"));
}
