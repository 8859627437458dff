//! A key under a passphrase.
//!
//! # The file, version 1
//!
//! One line of words with a space between them. Bytes are lower-case hexadecimal.
//!
//! ```text
//! driftline-key 1 DEVICE argon2id MEMORY PASSES LANES SALT SEALED CHECKSUM
//! ```
//!
//! - DEVICE is the public half, as ids are written: whose key it is can be told without the passphrase.
//! - MEMORY (KiB), PASSES, LANES and SALT (16 bytes) are what Argon2id, version 0x13, makes 32 bytes of the passphrase
//!   with.
//! - SEALED is the seed under ChaCha20-Poly1305 with these 32 bytes, a nonce of zeros, and everything before it in the
//!   line as associated data: 32 bytes and a tag of 16. The nonce may be the same for all, as every sealing draws a
//!   salt, and so a key, of its own.
//! - CHECKSUM is 4 bytes of BLAKE3 over everything before it, so that a damaged file is told apart from a wrong
//!   passphrase.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use chacha20poly1305::aead::AeadInPlace;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit, Nonce, Tag};
use data_encoding::HEXLOWER;
use driftline_core::id::{DeviceId, Hash};
use driftline_core::identity::DeviceKey;
use rand_core::Rng;
use zeroize::Zeroizing;

use super::Passphrase;

/// What the line begins with.
pub(super) const WORD: &str = "driftline-key ";
const VERSION: &str = "1";

/// What guessing once costs: a quarter of a second or so, and memory that makes it dear to guess many at a time. RFC 9106
/// recommends it where memory is scarce, with four lanes; nothing here runs them side by side, so it is one.
const COST: Cost = Cost { memory: 64 << 10, passes: 3, lanes: 1 };

/// The most that a file may ask for.
const MOST: Cost = Cost { memory: 1 << 20, passes: 32, lanes: 16 };

/// A key that needs a passphrase.
pub(super) struct Sealed {
    pub(super) device: DeviceId,
    cost: Cost,
    salt: [u8; 16],
    seed: [u8; 32],
    tag: [u8; 16],
}

#[derive(Clone, Copy)]
struct Cost {
    memory: u32,
    passes: u32,
    lanes: u32,
}

/// Why a line is not a sealed key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// It is not what was written.
    Damaged,
    /// It was written whole, in a way that this version does not know or would not carry out.
    Unknown,
}

impl Sealed {
    pub(super) fn new(key: &DeviceKey, passphrase: &Passphrase, rng: &mut dyn Rng) -> Self {
        let mut salt = [0; 16];
        rng.fill_bytes(&mut salt);
        let mut sealed = Self { device: key.id(), cost: COST, salt, seed: [0; 32], tag: [0; 16] };
        let (cipher, head) = (sealed.cipher(passphrase), sealed.head());
        let mut seed = key.seed();
        let tag = cipher
            .encrypt_in_place_detached(&Nonce::default(), head.as_bytes(), &mut *seed)
            .expect("32 bytes are not too many");
        (sealed.seed, sealed.tag) = (*seed, tag.into());
        sealed
    }

    /// The key, if it is that passphrase's.
    pub(super) fn open(&self, passphrase: &Passphrase) -> Option<DeviceKey> {
        let (cipher, head, tag) = (self.cipher(passphrase), self.head(), Tag::from(self.tag));
        let mut seed = Zeroizing::new(self.seed);
        cipher
            .decrypt_in_place_detached(&Nonce::default(), head.as_bytes(), &mut *seed, &tag)
            .ok()?;
        let key = DeviceKey::from_seed(&seed);
        (key.id() == self.device).then_some(key)
    }

    /// The line.
    pub(super) fn write(&self) -> String {
        let line = self.head() + &HEXLOWER.encode(&[&self.seed[..], &self.tag].concat());
        format!("{line} {}\n", HEXLOWER.encode(&checksum(&line)))
    }

    pub(super) fn read(line: &str) -> Result<Self, Unreadable> {
        let (line, sum) = line.trim_ascii().rsplit_once(' ').ok_or(Unreadable::Damaged)?;
        if bytes(sum) != Some(checksum(line)) {
            return Err(Unreadable::Damaged);
        }
        Self::parse(line).ok_or(Unreadable::Unknown)
    }

    fn parse(line: &str) -> Option<Self> {
        let words: Vec<_> = line.strip_prefix(WORD)?.split(' ').collect();
        let [VERSION, device, "argon2id", memory, passes, lanes, salt, sealed] = words[..] else {
            return None;
        };
        let number = |word: &str| word.parse().ok();
        let (memory, passes, lanes) = (number(memory)?, number(passes)?, number(lanes)?);
        let cost = Cost { memory, passes, lanes };
        let (device, salt, sealed) = (device.parse().ok()?, bytes(salt)?, bytes::<48>(sealed)?);
        let (seed, tag) = (*sealed.first_chunk()?, *sealed.last_chunk()?);
        cost.is_bearable().then_some(Self { device, cost, salt, seed, tag })
    }

    /// The line up to what is sealed, which is sealed with it.
    fn head(&self) -> String {
        let Self { device, cost: Cost { memory, passes, lanes }, salt, .. } = self;
        let salt = HEXLOWER.encode(salt);
        format!("{WORD}{VERSION} {device} argon2id {memory} {passes} {lanes} {salt} ")
    }

    fn cipher(&self, passphrase: &Passphrase) -> ChaCha20Poly1305 {
        let params = self.cost.params().expect("only a bearable cost is kept");
        let mut blocks = Zeroizing::new(vec![Block::default(); params.block_count()]);
        let mut key = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into_with_memory(
                passphrase.bytes(),
                &self.salt,
                &mut *key,
                &mut **blocks,
            )
            .expect("passphrase, salt and memory are of lengths that Argon2 takes");
        ChaCha20Poly1305::new((&*key).into())
    }
}

impl Cost {
    /// Whether a file may ask for it: one that somebody else wrote must not take all memory there is.
    fn is_bearable(self) -> bool {
        let bearable =
            self.memory <= MOST.memory && self.passes <= MOST.passes && self.lanes <= MOST.lanes;
        bearable && self.params().is_some()
    }

    fn params(self) -> Option<Params> {
        Params::new(self.memory, self.passes, self.lanes, Some(32)).ok()
    }
}

fn checksum(text: &str) -> [u8; 4] {
    let [a, b, c, d, ..] = Hash::of("driftline key checksum 1", &[text.as_bytes()]).0;
    [a, b, c, d]
}

fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()
}
