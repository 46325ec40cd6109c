//! Whether one received file comes in: its type, its twin, its room. Row, job and file are stored
//! together or not at all. Knows nothing of what is done with it afterwards.

use super::{IngestError, Limits, files::Received, names, pipeline::Workshop, sniff};
use crate::store::{
    StoreError,
    jobs::{self, Kind},
    materials::{self, NewMaterial},
};
use app::model::{
    id::{MaterialId, UserId},
    material::UploadOutcome,
};
use std::io;
use tokio::io::AsyncReadExt;

/// One file's way in.
pub struct Admission {
    pub shop: Workshop,
    pub limits: Limits,
    pub user: UserId,
    /// Cleaned.
    pub file_name: String,
}

impl Admission {
    /// Finds out what the file is; stores and queues it if it is wanted and new.
    pub async fn decide(self, upload: Received) -> Result<UploadOutcome, IngestError> {
        if upload.size_bytes > self.limits.file_max_bytes {
            return Ok(self.refused("This file is larger than this server allows. Split it, or save it with smaller pictures."));
        }
        let kind = sniff::sniff(&head(&upload).await?);
        let Some(media_type) = sniff::media_type(kind, &self.file_name) else {
            return Ok(self.refused(match kind {
                sniff::Kind::Empty => "This file is empty. Save it again and upload the new copy.",
                _ => sniff::UNSUPPORTED,
            }));
        };
        let new = NewMaterial {
            id: MaterialId::new(self.shop.clock.new_id()),
            user: self.user,
            title: &names::title(&self.file_name),
            file_name: &self.file_name,
            media_type,
            size_bytes: upload.size_bytes,
            sha256: &upload.sha256.clone(),
            uploaded_at: self.shop.clock.now(),
        };
        self.store(&new, upload).await
    }

    async fn store(
        &self,
        new: &NewMaterial<'_>,
        upload: Received,
    ) -> Result<UploadOutcome, IngestError> {
        let mut tx = self.shop.db.write().await?;
        if let Some(material) = materials::find_by_hash(&mut tx, self.user, new.sha256).await? {
            return Ok(UploadOutcome::Duplicate { material });
        }
        let used = materials::used_bytes_on(&mut *tx, self.user).await?;
        if used.saturating_add(new.size_bytes) > self.limits.user_max_bytes {
            return Ok(self.refused("Your library is full. Delete something you no longer need, then upload this again."));
        }
        materials::insert(&mut tx, new).await?;
        jobs::enqueue(&mut tx, new.id, Kind::Read, new.uploaded_at).await?;
        self.shop.files.place(upload, self.user, new.id).await?;
        crate::failpoint::reached("placed");
        if let Err(error) = tx.commit().await {
            if let Err(error) = self.shop.files.remove(self.user, new.id).await {
                tracing::error!(material.id = %new.id, %error, "ingest.file_not_removed");
            }
            return Err(StoreError::from(error).into());
        }
        let material = materials::find(&self.shop.db, self.user, new.id)
            .await?
            .ok_or(IngestError::Stopped)?;
        Ok(UploadOutcome::Added { material })
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
