//! A device's key, and signatures that say what they are for.

use std::fmt;

use bincode::{Decode, Encode};
use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use rand_core::Rng;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::id::DeviceId;

/// An Ed25519 signature.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Signature(pub [u8; 64]);

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({:02x}{:02x}…)", self.0[0], self.0[1])
    }
}

/// The signature is not this device's, or not over this.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("the signature is not {signer}'s")]
pub struct BadSignature {
    /// Who should have signed.
    pub signer: DeviceId,
}

/// An Ed25519 key pair: of a device, or of a ticket. Printing it shows the public half alone.
pub struct DeviceKey(SigningKey);

impl DeviceKey {
    /// Draws a new key.
    pub fn generate(rng: &mut dyn Rng) -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        rng.fill_bytes(&mut *seed);
        Self::from_seed(&seed)
    }

    /// The key that a 32-byte seed stands for.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The secret half. It belongs in a key file of mode 600, or a ticket, and nowhere else.
    pub fn seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// The public half, which is the name of the device.
    pub fn id(&self) -> DeviceId {
        DeviceId(self.0.verifying_key().to_bytes())
    }

    /// Signs `message` for a purpose: a signature made for one is worthless for any other.
    pub fn sign(&self, purpose: &'static str, message: &[u8]) -> Signature {
        Signature(self.0.sign(&with_purpose(purpose, message)).to_bytes())
    }
}

impl fmt::Debug for DeviceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeviceKey(of {})", self.id().short())
    }
}

impl DeviceId {
    /// Checks that this device signed `message` for `purpose`.
    ///
    /// # Errors
    /// [`BadSignature`] if it did not, or if the id is not a usable public key.
    pub fn verify(
        &self,
        purpose: &'static str,
        message: &[u8],
        signature: &Signature,
    ) -> Result<(), BadSignature> {
        let bad = BadSignature { signer: *self };
        let Ok(key) = VerifyingKey::from_bytes(&self.0) else { return Err(bad) };
        let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
        // Strict: a weak key would let one signature stand for many messages.
        key.verify_strict(&with_purpose(purpose, message), &signature).map_err(|_| bad)
    }
}

fn with_purpose(purpose: &'static str, message: &[u8]) -> Vec<u8> {
    // The zero byte ends the purpose: none contains one, so no two pairs give the same bytes.
    [purpose.as_bytes(), &[0], message].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_counts_for_its_purpose_and_message_alone() {
        let key = DeviceKey::from_seed(&[7; 32]);
        let signature = key.sign("segment", b"hello");
        assert!(key.id().verify("segment", b"hello", &signature).is_ok());
        assert!(key.id().verify("ticket", b"hello", &signature).is_err());
        assert!(key.id().verify("segment", b"hullo", &signature).is_err());
        assert!(
            DeviceKey::from_seed(&[8; 32]).id().verify("segment", b"hello", &signature).is_err()
        );
    }

    #[test]
    fn a_key_never_prints_its_secret() {
        let key = DeviceKey::from_seed(&[7; 32]);
        assert!(!format!("{key:?}").contains("7, 7"));
    }
}
