//! `bucket`: who may read which part of the records.

use driftline::{Bucket, Device};

use super::{find, member};
use crate::cli::error::{Error, SpaceError};
use crate::cli::output::Speaker;
use crate::cli::report::{self, Report};
use crate::cli::request::{BucketRequest, Grant};

pub(super) async fn bucket(
    device: &Device,
    request: BucketRequest,
    speaker: &Speaker,
) -> Result<(), Error> {
    match request {
        BucketRequest::Ls { space } => list(device, &space, speaker).await,
        BucketRequest::Grant(Grant { space, bucket, member }) => {
            let space = find::space(device, &space).await?;
            let member = member::find(&space, &member).await?;
            let granted = space.grant(&Bucket::from(&*bucket), member).await;
            granted.map_err(SpaceError::from)?;
            speaker.report(Report::Granted { space: space.id(), bucket, device: member }).await;
            Ok(())
        }
        BucketRequest::Revoke(Grant { space, bucket, member }) => {
            let space = find::space(device, &space).await?;
            let member = member::find(&space, &member).await?;
            let revoked = space.revoke(&Bucket::from(&*bucket), member).await;
            revoked.map_err(SpaceError::from)?;
            speaker.report(Report::Revoked { space: space.id(), bucket, device: member }).await;
            Ok(())
        }
    }
}

async fn list(device: &Device, space: &str, speaker: &Speaker) -> Result<(), Error> {
    let space = find::space(device, space).await?;
    let buckets = space.buckets().await?.into_iter().map(|grants| report::Bucket {
        bucket: grants.bucket.map(|bucket| bucket.name().to_owned()),
        ledger: grants.ledger,
        readers: grants.readers,
    });
    speaker.report(Report::Buckets { space: space.id(), buckets: buckets.collect() }).await;
    Ok(())
}
