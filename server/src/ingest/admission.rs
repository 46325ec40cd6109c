//! Whether one received file comes in: its type, its twin, its room. Row, job and file are stored
//! together or not at all: the file first, as far as that can be done without the database's writer. Knows nothing of what is done with it afterwards.

use super::{
    IngestError, Limits,
    files::{Arrival, Received},
    names,
    pipeline::Workshop,
    sniff,
    uploads::{OUTCOME_KEPT, REMOVED},
};
use crate::{
    analytics::{Activity, Analytics},
    store::{
        StoreError,
        jobs::{self, Kind},
        materials::{self, NewMaterial},
        uploads::{self, Ending},
    },
};
use app::model::{
    id::{MaterialId, UploadId, UserId},
    material::{MediaType, UploadOutcome},
};
use sqlx::SqliteConnection;
use std::{io, sync::Arc};
use tokio::io::AsyncReadExt;

/// One file's way in.
pub struct Admission {
    pub shop: Workshop,
    pub limits: Limits,
    pub user: UserId,
    /// Cleaned.
    pub file_name: String,
    /// What was reserved for it; it ends with the decision, in the same transaction.
    pub reservation: Option<UploadId>,
    /// Counts a new document as study activity, in the same transaction; none for what no student has
    /// brought.
    pub analytics: Option<Arc<Analytics>>,
}

impl Admission {
    /// Finds out what the file is; stores and queues it if it is wanted and new.
    pub async fn decide(self, upload: Received) -> Result<UploadOutcome, IngestError> {
        match self.wanted(&upload).await? {
            Ok(media_type) => self.store(media_type, upload).await,
            Err(sentence) => {
                let mut tx = self.shop.db.write().await?;
                let outcome = self.refuse(&mut tx, sentence).await?;
                tx.commit().await.map_err(StoreError::from)?;
                Ok(outcome)
            }
        }
    }

    /// What kind of document it is, or why it is not wanted.
    async fn wanted(
        &self,
        upload: &Received,
    ) -> Result<Result<MediaType, &'static str>, IngestError> {
        if upload.size_bytes > self.limits.file_max_bytes {
            return Ok(Err(
                "This file is larger than this server allows. Split it, or save it with smaller pictures.",
            ));
        }
        let kind = sniff::sniff(&head(upload).await?);
        Ok(sniff::media_type(kind, &self.file_name).ok_or(match kind {
            sniff::Kind::Empty => "This file is empty. Save it again and upload the new copy.",
            _ => sniff::UNSUPPORTED,
        }))
    }

    async fn store(
        &self,
        media_type: MediaType,
        upload: Received,
    ) -> Result<UploadOutcome, IngestError> {
        let sha256 = upload.sha256;
        let mut reader = self
            .shop
            .db
            .read()
            .acquire()
            .await
            .map_err(StoreError::from)?;
        let is_known = materials::find_by_hash(&mut reader, self.user, &sha256)
            .await?
            .is_some();
        drop(reader);
        let new = NewMaterial {
            id: MaterialId::new(self.shop.clock.new_id()),
            user: self.user,
            title: &names::title(&self.file_name),
            file_name: &self.file_name,
            media_type,
            size_bytes: upload.size_bytes,
            sha256: &sha256,
            uploaded_at: self.shop.clock.now(),
        };
        if is_known {
            // Unless it is deleted at this very moment, its bytes are not wanted again.
            let mut tx = self.shop.db.write().await?;
            if let Some(outcome) = self.find_twin(&mut tx, &new).await? {
                tx.commit().await.map_err(StoreError::from)?;
                return Ok(outcome);
            }
        }
        let arrival = self.shop.files.bring(upload, self.user, new.id);
        let mut arrival = arrival.await?;
        let entered = self.enter(&new, &mut arrival).await;
        match &entered {
            Ok(None) => arrival.settle().await,
            _ => arrival.undo().await,
        }
        if let Some(outcome) = entered? {
            return Ok(outcome);
        }
        let material = materials::find(&self.shop.db, self.user, new.id)
            .await?
            .ok_or(IngestError::Stopped)?;
        Ok(UploadOutcome::Added { material })
    }

    /// Writes row and job and puts the file in its place; what became of the upload instead if it is
    /// not to come in after all.
    async fn enter(
        &self,
        new: &NewMaterial<'_>,
        arrival: &mut Arrival<'_>,
    ) -> Result<Option<UploadOutcome>, IngestError> {
        let mut tx = self.shop.db.write().await?;
        if let Some(outcome) = self.find_twin(&mut tx, new).await? {
            tx.commit().await.map_err(StoreError::from)?;
            return Ok(Some(outcome));
        }
        let share = uploads::share(&mut tx, self.user, self.reservation, new.uploaded_at).await?;
        if let Some(sentence) = self.limits.no_room(share, new.size_bytes) {
            let outcome = self.refuse(&mut tx, &sentence).await?;
            tx.commit().await.map_err(StoreError::from)?;
            return Ok(Some(outcome));
        }
        materials::insert(&mut tx, new).await?;
        jobs::enqueue(&mut tx, new.id, Kind::Read, new.uploaded_at).await?;
        if !self.end(&mut tx, &Ending::Added(new.id)).await? {
            return Ok(Some(self.refused(REMOVED)));
        }
        let counted = match &self.analytics {
            Some(analytics) => {
                let activity = Activity::MaterialAdded {
                    material: new.id,
                    sha256: *new.sha256,
                };
                analytics.count_within(&mut tx, self.user, activity).await?
            }
            None => None,
        };
        arrival.place().await?;
        crate::failpoint::reached("placed");
        tx.commit().await.map_err(StoreError::from)?;
        crate::failpoint::reached("entered");
        if let (Some(analytics), Some(counted)) = (&self.analytics, counted) {
            analytics.announce(counted);
        }
        Ok(None)
    }

    /// The outcome when the same bytes are here already.
    async fn find_twin(
        &self,
        tx: &mut SqliteConnection,
        new: &NewMaterial<'_>,
    ) -> Result<Option<UploadOutcome>, IngestError> {
        let Some(material) = materials::find_by_hash(tx, self.user, new.sha256).await? else {
            return Ok(None);
        };
        if !self.end(tx, &Ending::Duplicate(material.id)).await? {
            return Ok(Some(self.refused(REMOVED)));
        }
        Ok(Some(UploadOutcome::Duplicate { material }))
    }

    /// Ends what was reserved; false when the student has removed the upload meanwhile.
    async fn end(&self, tx: &mut SqliteConnection, ending: &Ending) -> Result<bool, StoreError> {
        let Some(id) = self.reservation else {
            return Ok(true);
        };
        let forget_at = self.shop.clock.now() + OUTCOME_KEPT;
        uploads::end(tx, self.user, id, ending, forget_at).await
    }

    async fn refuse(
        &self,
        tx: &mut SqliteConnection,
        sentence: &str,
    ) -> Result<UploadOutcome, StoreError> {
        self.end(tx, &Ending::Refused(sentence.to_owned())).await?;
        Ok(self.refused(sentence))
    }

    fn refused(&self, message: &str) -> UploadOutcome {
        UploadOutcome::Refused {
            file_name: self.file_name.clone(),
            message: message.to_owned(),
        }
    }
}

/// The first bytes of a received file.
async fn head(upload: &Received) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    tokio::fs::File::open(&upload.path)
        .await?
        // One more than is looked at, so that a cut file is seen to be cut.
        .take(sniff::HEAD_BYTES as u64 + 1)
        .read_to_end(&mut head)
        .await?;
    Ok(head)
}
