//! How a guest gets in: a pass, which the device that lets them in has signed, and reads again when they come.

use std::fmt;
use std::str::FromStr;

use bincode::{Decode, Encode};
use thiserror::Error;

use super::Role;
use crate::clock::WallTime;
use crate::codec;
use crate::id::{self, DeviceId, SpaceId};
use crate::identity::{DeviceKey, Signature};
use crate::log::Guest;

const PREFIX: &str = "driftpass1";
const PURPOSE: &str = "driftline guest pass 1";

/// What a pass gives, and to whom.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct PassTerms {
    /// The space that it opens.
    pub space: SpaceId,
    /// What the guest is called; what they write is signed with that.
    pub guest: String,
    /// What the guest may do. Guests are readers or writers: they can neither invite nor decide.
    pub role: Role,
    /// When it was issued, by its issuer's clock.
    pub issued: WallTime,
    /// When it ends, by its issuer's clock.
    pub expires: WallTime,
}

/// A pasteable pass. Whoever holds it is that guest, so it is a secret, and printing it for debugging leaves the
/// signature out.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct Pass {
    terms: PassTerms,
    signature: Signature,
}

/// Why nobody can be given such a pass.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum BadPass {
    /// Only anchors and admins let guests in.
    #[error("only an anchor or an admin of the space can let guests in")]
    NotAHost,
    /// Names are printable and have 1 to 128 bytes.
    #[error("a guest's name is printable and has 1 to 128 bytes")]
    Name,
    /// Guests are readers or writers.
    #[error("a guest can be a reader or a writer: to be more, join the space with a ticket")]
    Role,
}

/// The text is not a pass that this device issued.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum ParsePassError {
    /// It does not begin like one.
    #[error("this is not a Driftline pass: passes begin with “{PREFIX}”")]
    NotAPass,
    /// It does not read, or was not signed by whoever should have.
    #[error("the pass was damaged, or issued by another device")]
    Damaged,
}

impl PassTerms {
    /// Checks that somebody can be given this.
    ///
    /// # Errors
    /// If they can't.
    pub fn check(&self) -> Result<(), BadPass> {
        if !Guest::is_sound(&self.guest) {
            return Err(BadPass::Name);
        }
        match self.role {
            Role::Reader | Role::Writer => Ok(()),
            Role::Anchor | Role::Admin => Err(BadPass::Role),
        }
    }
}

impl Pass {
    /// Signs a pass.
    ///
    /// # Errors
    /// If nobody can be given these terms.
    pub fn issue(terms: PassTerms, issuer: &DeviceKey) -> Result<Self, BadPass> {
        terms.check()?;
        let signature = issuer.sign(PURPOSE, &codec::encode(&terms));
        Ok(Self { terms, signature })
    }

    /// Reads a pass that `issuer` signed. Whether it still counts is not asked.
    ///
    /// # Errors
    /// If the text is none, or somebody else's.
    pub fn read(text: &str, issuer: &DeviceId) -> Result<PassTerms, ParsePassError> {
        let pass: Self = text.parse()?;
        let signed = issuer.verify(PURPOSE, &codec::encode(&pass.terms), &pass.signature);
        match signed.is_ok() && pass.terms.check().is_ok() {
            true => Ok(pass.terms),
            false => Err(ParsePassError::Damaged),
        }
    }

    /// What it gives.
    pub fn terms(&self) -> &PassTerms {
        &self.terms
    }
}

impl fmt::Debug for Pass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pass").field("terms", &self.terms).finish_non_exhaustive()
    }
}

impl fmt::Display for Pass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", id::to_text(&codec::encode(self)))
    }
}

impl FromStr for Pass {
    type Err = ParsePassError;

    fn from_str(text: &str) -> Result<Self, ParsePassError> {
        let body = text.trim().strip_prefix(PREFIX).ok_or(ParsePassError::NotAPass)?;
        let bytes = id::from_text(body).ok_or(ParsePassError::Damaged)?;
        codec::decode(&bytes).map_err(|_| ParsePassError::Damaged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(guest: &str, role: Role) -> PassTerms {
        let (issued, expires) = (WallTime(1), WallTime(2));
        PassTerms { space: SpaceId([2; 32]), guest: guest.to_owned(), role, issued, expires }
    }

    #[test]
    fn a_pass_is_read_by_the_device_that_signed_it_and_by_no_other() {
        let (anchor, other) = (DeviceKey::from_seed(&[1; 32]), DeviceKey::from_seed(&[2; 32]));
        let pass = Pass::issue(terms("Ann", Role::Writer), &anchor).unwrap();
        let pasted = format!(" {pass}\n");
        assert_eq!(Pass::read(&pasted, &anchor.id()).as_ref(), Ok(pass.terms()));
        assert_eq!(Pass::read(&pasted, &other.id()), Err(ParsePassError::Damaged));
        assert_eq!(Pass::read("hello", &anchor.id()), Err(ParsePassError::NotAPass));
    }

    #[test]
    fn what_a_pass_says_can_not_be_changed() {
        let anchor = DeviceKey::from_seed(&[1; 32]);
        let pass = Pass::issue(terms("Ann", Role::Reader), &anchor).unwrap();
        let raised = Pass { terms: terms("Ann", Role::Writer), ..pass };
        let read = Pass::read(&raised.to_string(), &anchor.id());
        assert_eq!(read, Err(ParsePassError::Damaged));
    }

    #[test]
    fn nobody_is_let_in_as_an_admin_or_without_a_name() {
        let anchor = DeviceKey::from_seed(&[1; 32]);
        let issue = |terms| Pass::issue(terms, &anchor).unwrap_err();
        assert_eq!(issue(terms("Ann", Role::Admin)), BadPass::Role);
        assert_eq!(issue(terms("Ann", Role::Anchor)), BadPass::Role);
        assert_eq!(issue(terms("Ann\n", Role::Reader)), BadPass::Name);
        assert_eq!(issue(terms("", Role::Reader)), BadPass::Name);
    }
}
