//! A file that comes in one go, as a plain form sends it: nothing can be resumed, and its size is
//! only known as a bound beforehand.

use super::{EMPTY, MB, UploadError, Uploads};
use crate::{
    ingest::{IngestError, files::ReceiveError},
    store::{Db, StoreError, uploads},
};
use app::model::{
    id::{UploadId, UserId},
    material::UploadOutcome,
};
use bytes::Bytes;
use futures::Stream;

impl Uploads {
    /// Takes one file of at most `bound_bytes` from the wire into the library.
    ///
    /// # Errors
    /// `Interrupted`, or when the database or the disk fails; a file that is not wanted or does not
    /// fit is an outcome.
    pub async fn take<S, E>(
        &self,
        user: UserId,
        file_name: &str,
        bound_bytes: u64,
        file: S,
    ) -> Result<UploadOutcome, UploadError>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
    {
        let refused = |message: String| {
            Ok(UploadOutcome::Refused {
                file_name: file_name.to_owned(),
                message,
            })
        };
        let left = self.bytes_left(user).await?;
        // What is left is the bound when it is less: the file may well be shorter.
        let bytes = bound_bytes.min(self.limits.file_max_bytes).min(left);
        let reserved = match self.reserve(user, file_name, None, bytes, false).await {
            Ok(upload) => upload,
            Err(UploadError::TooLarge(sentence)) => return refused(sentence),
            Err(error) => return Err(error),
        };
        let reservation = Reservation {
            db: self.db.clone(),
            user,
            id: reserved.id,
        };
        let received = match self.files.receive(file, bytes).await {
            Ok(received) => received,
            Err(ReceiveError::TooLarge) if bytes < self.limits.file_max_bytes => {
                return refused(format!(
                    "Your library has {} MB left, too little for this file. Delete something you no longer need, then upload this again.",
                    bytes / MB
                ));
            }
            Err(ReceiveError::TooLarge) => return refused(self.too_large()),
            Err(ReceiveError::Empty) => return refused(EMPTY.to_owned()),
            Err(ReceiveError::Interrupted) => return Err(UploadError::Interrupted),
            Err(error) => return Err(IngestError::from(error).into()),
        };
        self.admit(user, received, file_name, Some(reservation.id))
            .await
    }

    async fn bytes_left(&self, user: UserId) -> Result<u64, UploadError> {
        let mut reader = self.db.read().acquire().await.map_err(StoreError::from)?;
        let share = uploads::share(&mut reader, user, None, self.clock.now()).await?;
        Ok(self.limits.user_max_bytes.saturating_sub(share.bytes))
    }
}

/// Gives the room back when it is dropped, also when the browser goes away half-way.
struct Reservation {
    db: Db,
    user: UserId,
    id: UploadId,
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let (db, user, id) = (self.db.clone(), self.user, self.id);
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                if let Err(error) = uploads::remove(&db, user, id).await {
                    // It expires by itself, and a start removes it too.
                    tracing::warn!(upload.id = %id, %error, "upload.room_not_freed");
                }
            });
        }
    }
}
