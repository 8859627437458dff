//! How somebody gets in: a ticket, and a request made with it, which a member takes into the roster.

use std::fmt;
use std::str::FromStr;

use bincode::{Decode, Encode};
use rand_core::Rng;
use thiserror::Error;
use zeroize::Zeroizing;

use super::{Rank, Role};
use crate::clock::WallTime;
use crate::codec::{self, CodecError};
use crate::id::{self, DeviceId, Hash, SpaceId};
use crate::identity::{BadSignature, DeviceKey, Signature};
use crate::log::Frontier;

const PREFIX: &str = "driftline1";
const CHECKSUM_BYTES: usize = 4;
const CERTIFICATE: &str = "driftline certificate 1";
const REQUEST: &str = "driftline join request 1";

/// An admin's word that whoever holds the bearer key may join, in a role, until a time.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Certificate {
    terms: Terms,
    signature: Signature,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
struct Terms {
    space: SpaceId,
    issuer: DeviceId,
    /// The public half of the key in the ticket.
    bearer: DeviceId,
    invitation: Invitation,
}

/// What a ticket offers.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Invitation {
    /// The role that it gives.
    pub role: Role,
    /// The rank that it gives.
    pub rank: Option<Rank>,
    /// When it ends, by the issuer's clock.
    pub expires: WallTime,
    /// What its issuer knew of the roster: [`Roster::heads`](super::Roster::heads). Whoever was removed gets in again
    /// only with a ticket whose issuer knew that.
    pub seen: Frontier,
}

impl Certificate {
    /// The space that it opens.
    pub fn space(&self) -> SpaceId {
        self.terms.space
    }

    /// The admin who issued it.
    pub fn issuer(&self) -> DeviceId {
        self.terms.issuer
    }

    /// The public half of the ticket's key, which names the ticket.
    pub fn bearer(&self) -> DeviceId {
        self.terms.bearer
    }

    /// What it offers.
    pub fn invitation(&self) -> &Invitation {
        &self.terms.invitation
    }

    /// Checks that its issuer signed it. Whether the issuer is an admin is the roster's to say.
    ///
    /// # Errors
    /// If they did not.
    pub fn verify(&self) -> Result<(), BadSignature> {
        self.terms.issuer.verify(CERTIFICATE, &codec::encode(&self.terms), &self.signature)
    }
}

/// A pasteable invitation: where to go, and the key that opens the door. Whoever holds it can join, so
/// it is a secret, and printing it for debugging leaves the key out.
#[derive(Clone, Encode, Decode)]
pub struct Ticket {
    certificate: Certificate,
    bearer: [u8; 32],
    addresses: Vec<String>,
}

/// The text is not a ticket.
#[derive(Debug, Error)]
pub enum ParseTicketError {
    /// It does not begin like one.
    #[error("this is not a Driftline ticket: tickets begin with “{PREFIX}”")]
    NotATicket,
    /// A character is missing, or one is wrong.
    #[error("the ticket was damaged on its way: copy it again, whole")]
    Damaged,
    /// Its checksum is right, but this version can't read it.
    #[error("the ticket is of a kind that this version does not know")]
    Unknown {
        /// What is wrong with it.
        source: CodecError,
    },
}

impl Ticket {
    /// Issues a ticket to `space`; `addresses` are multiaddresses at which members may be found.
    pub fn issue(
        space: SpaceId,
        issuer: &DeviceKey,
        invitation: Invitation,
        addresses: Vec<String>,
        rng: &mut dyn Rng,
    ) -> Self {
        let bearer = DeviceKey::generate(rng);
        let terms = Terms { space, issuer: issuer.id(), bearer: bearer.id(), invitation };
        let signature = issuer.sign(CERTIFICATE, &codec::encode(&terms));
        let certificate = Certificate { terms, signature };
        Self { certificate, bearer: *bearer.seed(), addresses }
    }

    /// The space that it opens.
    pub fn space(&self) -> SpaceId {
        self.certificate.space()
    }

    /// The admin's word that it carries.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The multiaddresses at which to look for members.
    pub fn addresses(&self) -> &[String] {
        &self.addresses
    }

    /// A request to be let in with this ticket.
    pub fn request(&self, joiner: &DeviceKey) -> JoinRequest {
        let device = joiner.id();
        let message = request_bytes(&self.certificate, &device);
        let bearer = DeviceKey::from_seed(&self.bearer).sign(REQUEST, &message);
        let consent = joiner.sign(REQUEST, &message);
        JoinRequest { certificate: self.certificate.clone(), device, bearer, consent }
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

impl fmt::Display for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = Zeroizing::new(codec::encode(self));
        let checksum = checksum(&bytes);
        bytes.extend_from_slice(&checksum);
        write!(f, "{PREFIX}{}", id::to_text(&bytes))
    }
}

impl FromStr for Ticket {
    type Err = ParseTicketError;

    fn from_str(text: &str) -> Result<Self, ParseTicketError> {
        let text = text.trim();
        let body = text.strip_prefix(PREFIX).ok_or(ParseTicketError::NotATicket)?;
        let bytes = Zeroizing::new(id::from_text(body).ok_or(ParseTicketError::Damaged)?);
        let (bytes, sum) = bytes.split_last_chunk().ok_or(ParseTicketError::Damaged)?;
        if checksum(bytes) != *sum {
            return Err(ParseTicketError::Damaged);
        }
        codec::decode(bytes).map_err(|source| ParseTicketError::Unknown { source })
    }
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let [a, b, c, d, ..] = Hash::of("driftline ticket checksum 1", &[bytes]).0;
    [a, b, c, d]
}

/// "Let me in": a certificate, and proof that its bearer key and the joining device agree.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct JoinRequest {
    certificate: Certificate,
    device: DeviceId,
    bearer: Signature,
    consent: Signature,
}

impl JoinRequest {
    /// Who wants to join.
    pub fn device(&self) -> DeviceId {
        self.device
    }

    /// By which admin's word.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Checks that the issuer offered, the bearer key agrees and the device wants to. Whether the issuer is an admin,
    /// and the offer still stands, is the roster's to say.
    ///
    /// # Errors
    /// If a signature is not what it should be.
    pub fn verify(&self) -> Result<(), BadSignature> {
        let message = request_bytes(&self.certificate, &self.device);
        self.certificate.verify()?;
        self.certificate.terms.bearer.verify(REQUEST, &message, &self.bearer)?;
        self.device.verify(REQUEST, &message, &self.consent)
    }
}

fn request_bytes(certificate: &Certificate, device: &DeviceId) -> Vec<u8> {
    codec::encode(&(certificate, device))
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    fn ticket() -> Ticket {
        let issuer = DeviceKey::from_seed(&[1; 32]);
        let invitation = Invitation {
            role: Role::Writer,
            rank: None,
            expires: WallTime(60_000),
            seen: Frontier::default(),
        };
        let addresses = vec!["/ip4/127.0.0.1/tcp/4001".to_owned()];
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        Ticket::issue(SpaceId([2; 32]), &issuer, invitation, addresses, &mut rng)
    }

    #[test]
    fn a_ticket_survives_being_pasted() {
        let pasted: Ticket = format!("  {}\n", ticket()).parse().unwrap();
        assert_eq!(pasted.certificate(), ticket().certificate());
        assert_eq!(pasted.addresses(), ["/ip4/127.0.0.1/tcp/4001"]);
    }

    #[test]
    fn a_ticket_that_lost_a_character_says_so() {
        let mut text = ticket().to_string();
        text.remove(40);
        assert!(matches!(text.parse::<Ticket>(), Err(ParseTicketError::Damaged)));
        assert!(matches!("hello".parse::<Ticket>(), Err(ParseTicketError::NotATicket)));
    }

    #[test]
    fn a_request_is_the_joiners_own() {
        let (bob, eve) = (DeviceKey::from_seed(&[4; 32]), DeviceKey::from_seed(&[5; 32]));
        let request = ticket().request(&bob);
        assert!(request.verify().is_ok());
        let stolen = JoinRequest { device: eve.id(), ..request };
        assert!(stolen.verify().is_err());
    }
}
