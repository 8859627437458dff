//! A device's id and its libp2p peer id are two spellings of one Ed25519 public key.

use driftline_core::id::DeviceId;
use libp2p::PeerId;
use libp2p::identity::{PublicKey, ed25519};
use thiserror::Error;

/// The multihash code of a digest that is the hashed thing itself.
const IDENTITY: u64 = 0;

/// There is no device of that name: the bytes are no Ed25519 public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not the name of a device: no Ed25519 public key")]
pub struct NotADevice;

/// The libp2p name of a device.
///
/// # Errors
/// [`NotADevice`] if the id is no point of the curve, and so nobody can have its key.
pub fn peer_id(device: &DeviceId) -> Result<PeerId, NotADevice> {
    let key = ed25519::PublicKey::try_from_bytes(device.as_bytes()).map_err(|_| NotADevice)?;
    Ok(PublicKey::from(key).to_peer_id())
}

/// The device that a libp2p peer id names. Ed25519 keys are short enough for the peer id to contain
/// them whole.
///
/// # Errors
/// [`NotADevice`] if the peer's key is of another kind.
pub fn device_id(peer: &PeerId) -> Result<DeviceId, NotADevice> {
    let multihash = peer.as_ref();
    if multihash.code() != IDENTITY {
        return Err(NotADevice);
    }
    let key = PublicKey::try_decode_protobuf(multihash.digest()).map_err(|_| NotADevice)?;
    Ok(DeviceId(key.try_into_ed25519().map_err(|_| NotADevice)?.to_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use driftline_core::identity::DeviceKey;
    use libp2p::identity::Keypair;

    #[test]
    fn a_device_and_its_peer_id_name_each_other() {
        let key = DeviceKey::from_seed(&[7; 32]);
        let pair = Keypair::ed25519_from_bytes(*key.seed()).unwrap();
        assert_eq!(peer_id(&key.id()), Ok(pair.public().to_peer_id()));
        assert_eq!(device_id(&pair.public().to_peer_id()), Ok(key.id()));
    }

    #[test]
    fn a_peer_id_that_only_hashes_a_key_is_no_device() {
        // A SHA-256 multihash, the form of peer ids with long keys.
        let hashed = PeerId::from_bytes(&[&[0x12, 0x20][..], &[9; 32]].concat()).unwrap();
        assert_eq!(device_id(&hashed), Err(NotADevice));
    }
}
