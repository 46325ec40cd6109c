//! A document that is stored as if it had just been read, through what an ingest stores through.

use super::EvalError;
use crate::{
    clock::Clock,
    ingest::chunk::Chunk,
    store::{
        Db, StoreError,
        jobs::{self, Job, Kind, Stage, Standing},
        materials::{
            self, NewMaterial, states,
            text::{self, NewChunk, NewVectors, Version},
        },
    },
};
use app::model::{
    id::{MaterialId, UserId},
    material::MediaType,
};
use sha2::{Digest as _, Sha256};

/// What is stored: a student's material with its pages, passages and vectors.
pub struct Document<'a> {
    pub user: UserId,
    /// Title and file name.
    pub name: &'a str,
    /// What stands for the hash of a file.
    pub hash: [u8; 32],
    pub pages: &'a [String],
    pub chunks: &'a [Chunk],
    pub vectors: NewVectors<'a>,
}

/// Stores it, ready to be searched; answers its id.
///
/// # Errors
/// When the database fails, or another program works on it.
pub async fn store(
    db: &Db,
    clock: &Clock,
    document: &Document<'_>,
) -> Result<MaterialId, EvalError> {
    let (id, now) = (MaterialId::new(clock.new_id()), clock.now());
    let mut tx = db.write().await?;
    let new = NewMaterial {
        id,
        user: document.user,
        title: document.name,
        file_name: document.name,
        media_type: MediaType::PlainText,
        size_bytes: 0,
        sha256: &document.hash,
        uploaded_at: now,
    };
    materials::insert(&mut tx, &new).await?;
    jobs::enqueue(&mut tx, id, Kind::Read, now).await?;
    tx.commit().await.map_err(StoreError::from)?;
    let job = Job {
        material: id,
        user: document.user,
        kind: Kind::Read,
        attempt: 0,
        text_is_stored: false,
    };
    let claimed = jobs::claim(db, job, clock.new_id(), now).await?;
    let claim = claimed.ok_or(EvalError::Empty("The database is in use by another."))?;
    let chunks: Vec<NewChunk<'_>> = document.chunks.iter().map(stored).collect();
    let version = Version {
        pages: document.pages,
        chunks: &chunks,
        faults: &[],
        outline: &[],
        vectors: Some(document.vectors),
    };
    let standing = Standing {
        stage: Stage::Embedding,
        done: 0,
        total: None,
        pace: None,
    };
    text::switch(db, &claim, now, &version, &standing).await?;
    states::ready(db, &claim, now, chunks.len(), None, states::Rest::Nothing).await?;
    Ok(id)
}

/// A passage as the database takes it.
pub fn stored(chunk: &Chunk) -> NewChunk<'_> {
    NewChunk {
        page_first: chunk.page_first,
        page_last: chunk.page_last,
        char_start: chunk.char_start,
        char_end: chunk.char_end,
        section: chunk.section.as_deref(),
        text: &chunk.text,
    }
}

/// What stands for the hash of a file: that of everything it is made from.
pub fn hash(parts: &[&str]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
        hash.update([0]);
    }
    hash.finalize().into()
}
