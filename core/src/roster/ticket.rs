//! How somebody gets in: a ticket, a request made with it, an admission.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use bincode::{Decode, Encode};
use rand_core::Rng;
use thiserror::Error;
use zeroize::Zeroizing;

use super::Role;
use crate::clock::WallTime;
use crate::codec::{self, CodecError};
use crate::id::{self, DeviceId, Hash, SpaceId};
use crate::identity::{BadSignature, DeviceKey, Signature};

const PREFIX: &str = "driftline1";
const CHECKSUM_BYTES: usize = 4;
const CERTIFICATE: &str = "driftline certificate 1";
const REQUEST: &str = "driftline join request 1";
const ADMISSION: &str = "driftline admission 1";

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
    role: Role,
    expires: WallTime,
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

    /// The role that it gives.
    pub fn role(&self) -> Role {
        self.terms.role
    }

    /// When it ends, by the issuer's clock.
    pub fn expires(&self) -> WallTime {
        self.terms.expires
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
    /// Issues a ticket to `space`. It lasts from `now` for `lasts`; `addresses` are multiaddresses at
    /// which members may be found.
    pub fn issue(
        space: SpaceId,
        issuer: &DeviceKey,
        role: Role,
        (now, lasts): (WallTime, Duration),
        addresses: Vec<String>,
        rng: &mut dyn Rng,
    ) -> Self {
        let bearer = DeviceKey::generate(rng);
        let expires = now + lasts;
        let terms = Terms { space, issuer: issuer.id(), bearer: bearer.id(), role, expires };
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

    /// Countersigns the request, which lets the device in.
    pub fn admit(self, member: &DeviceKey, now: WallTime) -> Admission {
        let message = codec::encode(&(&self, member.id(), now));
        let signature = member.sign(ADMISSION, &message);
        Admission { request: self, witness: member.id(), at: now, signature }
    }

    fn verify(&self) -> Result<(), BadSignature> {
        let message = request_bytes(&self.certificate, &self.device);
        self.certificate.verify()?;
        self.certificate.terms.bearer.verify(REQUEST, &message, &self.bearer)?;
        self.device.verify(REQUEST, &message, &self.consent)
    }
}

fn request_bytes(certificate: &Certificate, device: &DeviceId) -> Vec<u8> {
    codec::encode(&(certificate, device))
}

/// A device's way into a space: its request, countersigned by a member with the time.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Admission {
    request: JoinRequest,
    witness: DeviceId,
    at: WallTime,
    signature: Signature,
}

impl Admission {
    /// Who was let in.
    pub fn device(&self) -> DeviceId {
        self.request.device
    }

    /// By which admin's word, in which role.
    pub fn certificate(&self) -> &Certificate {
        &self.request.certificate
    }

    /// The member who countersigned.
    pub fn witness(&self) -> DeviceId {
        self.witness
    }

    /// When, by the clock of the member who countersigned.
    pub fn at(&self) -> WallTime {
        self.at
    }

    /// Checks all four signatures. Whether the issuer was an admin and the witness a member is the
    /// roster's to say.
    ///
    /// # Errors
    /// If one is not what it should be.
    pub fn verify(&self) -> Result<(), BadSignature> {
        self.request.verify()?;
        let message = codec::encode(&(&self.request, self.witness, self.at));
        self.witness.verify(ADMISSION, &message, &self.signature)
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    fn ticket() -> Ticket {
        let issuer = DeviceKey::from_seed(&[1; 32]);
        let term = (WallTime(0), Duration::from_secs(60));
        let addresses = vec!["/ip4/127.0.0.1/tcp/4001".to_owned()];
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        Ticket::issue(SpaceId([2; 32]), &issuer, Role::Writer, term, addresses, &mut rng)
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
        let witness = DeviceKey::from_seed(&[6; 32]);
        let request = ticket().request(&bob);
        assert!(request.clone().admit(&witness, WallTime(1)).verify().is_ok());
        let stolen = JoinRequest { device: eve.id(), ..request };
        assert!(stolen.admit(&witness, WallTime(1)).verify().is_err());
    }
}
