//! Who reads which records.

use driftline_core::id::{DeviceId, DocumentId};
use driftline_core::record::Bucket;

use super::{GovernError, Space};
use crate::engine::{Deed, EngineGone, Request};

/// A bucket, and to whom it was granted. Anchors and admins read it besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grants {
    /// What it is called; nothing where this device may not read it, and so does not know.
    pub bucket: Option<Bucket>,
    /// The document that holds its commands and decisions: what the roster calls the bucket by.
    pub ledger: DocumentId,
    /// Those to whom it was granted.
    pub readers: Vec<DeviceId>,
}

impl Space {
    /// Lets a member read the records of a bucket, and give commands in it. Anchors and admins read all buckets, and every
    /// member the common one and their own.
    ///
    /// All members hear that somebody reads a bucket, by the hash of its name: whoever can guess the name can tell.
    ///
    /// # Errors
    /// If this device is no admin of the space, or the other no member.
    pub async fn grant(&self, bucket: &Bucket, member: DeviceId) -> Result<(), GovernError> {
        let bucket = bucket.name().parse()?;
        if self.is_granted(&bucket, &member).await? {
            return Ok(());
        }
        self.govern(Deed::Grant { bucket, device: member }).await
    }

    /// Takes back that a member may read a bucket. As soon as their device hears of it, it forgets the bucket's records.
    /// What its user had asked for there, and nobody has heard yet, stays with them, and goes if they are granted the
    /// bucket again.
    ///
    /// # Errors
    /// If this device is no admin of the space, or the other was not granted the bucket.
    pub async fn revoke(&self, bucket: &Bucket, member: DeviceId) -> Result<(), GovernError> {
        let bucket: Bucket = bucket.name().parse()?;
        match self.is_granted(&bucket, &member).await? {
            true => self.govern(Deed::Revoke { bucket, device: member }).await,
            false => Err(GovernError::NotGranted { bucket, member }),
        }
    }

    /// The buckets that were granted to somebody, or that this device reads, but for the common one and devices' own.
    ///
    /// # Errors
    /// If the device is closed.
    pub async fn buckets(&self) -> Result<Vec<Grants>, EngineGone> {
        let space = self.id;
        let all = self.device.ask(|reply| Request::Buckets { space, reply }).await?;
        let named = |bucket: &Bucket| !bucket.is_common() && bucket.owner().is_none();
        let named = all.into_iter().filter(|(_, bucket, _)| bucket.as_ref().is_none_or(named));
        let grants = named.map(|(ledger, bucket, readers)| {
            let readers = readers.into_iter().collect();
            Grants { bucket, ledger, readers }
        });
        Ok(grants.collect())
    }

    async fn is_granted(&self, bucket: &Bucket, member: &DeviceId) -> Result<bool, EngineGone> {
        let buckets = self.buckets().await?;
        let mut of_it = buckets.iter().filter(|grants| grants.bucket.as_ref() == Some(bucket));
        Ok(of_it.any(|grants| grants.readers.contains(member)))
    }
}
