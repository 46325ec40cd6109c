//! The change from one embedder to another. New vectors are made beside the old ones, by the same
//! jobs as any; until all of a student's passages have theirs, her questions are embedded and
//! compared by the embedder before ([`Retrieval`](crate::retrieval::Retrieval) asks
//! [`EmbedderSlot::standby`] for it). From then on the new one answers, and what the old one left is
//! freed here.
//!
//! The only embedder that can stand by is the built-in one, whose model lies on the disk; a service
//! that is no longer set cannot be asked. Then questions are compared with the new vectors there are,
//! and everything else is found by its words.

use crate::{
    changes::{Change, Changes},
    config::Config,
    provider::{EmbedderSlot, builtin_beside, builtin_embedder},
    store::{Db, Stored, materials::vectors},
};
use std::{sync::Arc, time::Duration};
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio_util::sync::CancellationToken;

/// From one look at what can be freed to the next, at least: one asks for every student.
const PAUSE: Duration = Duration::from_secs(5);
/// After a failure of the database, so that a broken one is not asked without end.
const FAILURE_PAUSE: Duration = Duration::from_secs(60);
/// Longest from one look to the next: what another server over the same database makes is no news here.
const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// Vectors freed in one transaction: some milliseconds, so that nobody waits for the writer.
const FREED_AT_ONCE: usize = 500;

/// Keeps the embedder before at hand while its vectors are searched, and frees them student by student
/// when they no longer are; ends when none is left, or with `stop`.
pub async fn watch(
    db: Db,
    slot: EmbedderSlot,
    config: Arc<Config>,
    changes: Arc<Changes>,
    stop: CancellationToken,
) {
    let work = async {
        match vectors::is_used(&db, builtin_embedder::ID).await {
            Ok(true) => slot.stand_by(builtin_beside(&config.embedder, &config.model_dir).await),
            Ok(false) => {}
            Err(error) => tracing::error!(%error, "changeover.unreadable"),
        }
        let mut news = changes.subscribe();
        let mut filled = slot.watch();
        // Fails only when the slot is gone, and this holds one.
        let _ = filled.wait_for(|filled| *filled).await;
        loop {
            let pause = match free(&db, &slot).await {
                Ok(0) => break,
                Ok(_) => {
                    slot.set_changing(true);
                    PAUSE
                }
                Err(error) => {
                    tracing::error!(%error, "changeover.failed");
                    FAILURE_PAUSE
                }
            };
            tokio::time::sleep(pause).await;
            // Either way there is reason to look.
            let _ = tokio::time::timeout(LOOK_AGAIN, moved_on(&mut news)).await;
        }
        slot.set_changing(false);
        slot.stand_by(None);
    };
    stop.run_until_cancelled(work).await;
}

/// Waits until something may have got its last vector, or may no longer need one.
async fn moved_on(news: &mut Receiver<Change>) {
    loop {
        match news.recv().await {
            Ok(Change::MaterialSearchable { .. } | Change::MaterialDeleted { .. })
            | Err(RecvError::Lagged(_)) => return,
            Ok(_) => {}
            // Nobody is left to tell anything; the next look is due in its time.
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

/// Frees what other embedders than the present one have made for students who no longer need it;
/// answers how many students still do.
///
/// # Errors
/// When the database fails.
pub async fn free(db: &Db, slot: &EmbedderSlot) -> Stored<usize> {
    let Some(embedder) = slot.current() else {
        return Ok(1);
    };
    let mut waiting = 0;
    for user in vectors::users_of_others(db, embedder.id()).await? {
        if !vectors::is_settled(db, user, embedder.id()).await? {
            waiting += 1;
            continue;
        }
        let mut freed = 0;
        loop {
            let now = vectors::free_others(db, user, embedder.id(), FREED_AT_ONCE).await?;
            freed += now;
            if now == 0 {
                break;
            }
        }
        tracing::info!(vectors = freed, "changeover.freed");
    }
    Ok(waiting)
}
