//! What a question was narrowed to, as the conversation keeps it.

use crate::store::{Db, Stored, materials};
use app::model::{
    filter::{Filter, Narrowed},
    id::UserId,
};

/// The filter with its words, `None` when it leaves nothing out. Materials that are not the user's are
/// not named.
pub async fn narrowed(db: &Db, user: UserId, filter: &Filter) -> Stored<Option<Narrowed>> {
    if filter.is_everything() {
        return Ok(None);
    }
    let titles: Vec<String> = match &filter.materials {
        None => Vec::new(),
        Some(chosen) => materials::list(db, user)
            .await?
            .into_iter()
            .filter(|material| chosen.contains(&material.id))
            .map(|material| material.title)
            .collect(),
    };
    Ok(Some(Narrowed {
        words: filter.words(&titles),
        filter: filter.clone(),
    }))
}
