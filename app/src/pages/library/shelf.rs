//! The materials as the library page holds them: one signal a row, so that a state that moves
//! touches its own row only.

use crate::{
    api::material::materials,
    model::{
        id::MaterialId,
        material::{Material, MaterialState, SAMPLE_FILE_NAME},
    },
    widgets::label,
};
use leptos::{prelude::*, task::spawn_local};

/// One material's place in the list.
#[derive(Clone)]
pub struct Row {
    pub id: MaterialId,
    pub material: ArcRwSignal<Material>,
}

impl Row {
    fn new(material: Material) -> Self {
        Self {
            id: material.id,
            material: ArcRwSignal::new(material),
        }
    }
}

/// How far all documents on their way have come.
#[derive(Clone, Default, PartialEq)]
pub struct Together {
    pub documents: u32,
    pub documents_done: u32,
    /// Of the documents that are opened already.
    pub pages: u32,
    pub pages_done: u32,
    /// In words.
    pub pace: String,
}

/// The rows, newest first, and what a screen reader is told about them. Uploads may outlive the
/// page, so nothing here minds that its signals are gone.
#[derive(Clone, Copy)]
pub struct Shelf {
    rows: RwSignal<Vec<Row>>,
    said: RwSignal<String>,
    /// Materials that were seen on their way since the page was opened, or since all had arrived.
    batch: RwSignal<Vec<MaterialId>>,
    /// Materials that were taken off the shelf: an answer on its way may still hold them.
    removed: StoredValue<Vec<MaterialId>>,
}

impl Shelf {
    /// A shelf holding these.
    pub fn new(materials: Vec<Material>) -> Self {
        let moving = materials.iter().filter(|material| is_moving(material));
        Self {
            batch: RwSignal::new(moving.map(|material| material.id).collect()),
            rows: RwSignal::new(materials.into_iter().map(Row::new).collect()),
            said: RwSignal::new(String::new()),
            removed: StoredValue::default(),
        }
    }

    /// The rows, tracked.
    pub fn rows(self) -> Vec<Row> {
        self.rows.get()
    }

    /// How many there are, tracked.
    pub fn count(self) -> usize {
        self.rows.with(Vec::len)
    }

    /// Whether the built-in sample is there, tracked.
    pub fn has_sample(self) -> bool {
        self.rows.with(|rows| {
            rows.iter().any(|row| {
                row.material
                    .with(|material| material.file_name == SAMPLE_FILE_NAME)
            })
        })
    }

    /// How far all that is on its way has come, tracked; `None` while nothing moves.
    pub fn together(self) -> Option<Together> {
        let batch = self.batch.get();
        let mut together = Together::default();
        let (mut moving, mut pages_per_second, mut pages_left) = (0, 0.0, 0.0);
        // Not known before every document has been opened and each pace is one of the whole way.
        let mut is_known = true;
        for row in self.rows.get() {
            if !batch.contains(&row.id) {
                continue;
            }
            row.material.with(|material| {
                let pages = material.page_count.unwrap_or(0);
                together.documents += 1;
                together.pages += pages;
                if is_moving(material) {
                    moving += 1;
                    is_known &= material.page_count.is_some();
                    together.pages_done += pages_done(material);
                    let Some(pace) = material.pace else {
                        pages_left += f64::from(pages);
                        return;
                    };
                    pages_per_second += f64::from(pace.pages_per_second);
                    is_known &= pace.remaining_seconds.is_some();
                    pages_left += f64::from(pace.remaining_seconds.unwrap_or_default())
                        * f64::from(pace.pages_per_second);
                } else {
                    together.documents_done += 1;
                    together.pages_done += pages;
                }
            });
        }
        if moving == 0 {
            return None;
        }
        let remaining_seconds = (is_known && pages_per_second > 0.0)
            .then(|| (pages_left / pages_per_second).ceil() as u32);
        together.pace = label::pace(pages_per_second, remaining_seconds);
        Some(together)
    }

    /// The latest announcement, tracked.
    pub fn said(self) -> String {
        self.said.get()
    }

    /// Announces a sentence.
    pub fn say(self, sentence: String) {
        self.said.try_set(sentence);
    }

    /// Whether no material is on its way.
    pub fn is_settled(self) -> bool {
        self.rows
            .try_with_untracked(|rows| {
                rows.iter().all(|row| {
                    row.material
                        .with_untracked(|material| material.state.is_settled())
                })
            })
            .unwrap_or(true)
    }

    /// Puts a material on top, or its news into its row. An answer that was overtaken by an event is
    /// passed over.
    pub fn put(self, material: Material) {
        let Some(row) = self
            .rows
            .try_with_untracked(|rows| rows.iter().find(|row| row.id == material.id).cloned())
        else {
            return;
        };
        let is_old = match &row {
            None => self
                .removed
                .try_with_value(|removed| removed.contains(&material.id))
                .unwrap_or_default(),
            Some(row) => row
                .material
                .with_untracked(|known| known.revision > material.revision),
        };
        if is_old {
            return;
        }
        self.count_in(&material);
        match row {
            None => {
                self.rows
                    .try_update(|rows| rows.insert(0, Row::new(material)));
            }
            Some(row) => {
                let was_moving = row.material.with_untracked(|old| !old.state.is_settled());
                match &material.state {
                    MaterialState::Ready if was_moving => {
                        self.say(material.title.clone() + " is ready.")
                    }
                    MaterialState::Failed { message, .. } if was_moving => {
                        self.say([&material.title, " could not be read. ", message].concat());
                    }
                    _ => {}
                }
                if row.material.with_untracked(|old| *old != material) {
                    row.material.set(material);
                }
            }
        }
    }

    /// Notes a material that is on its way; what had arrived before it began is another batch.
    fn count_in(self, material: &Material) {
        if !is_moving(material) {
            return;
        }
        let is_settled = self.is_settled();
        self.batch.try_update(|batch| {
            if is_settled {
                batch.clear();
            }
            if !batch.contains(&material.id) {
                batch.push(material.id);
            }
        });
    }

    /// Takes a material off the shelf.
    pub fn remove(self, id: MaterialId) {
        self.batch
            .try_update(|batch| batch.retain(|other| *other != id));
        self.rows.try_update(|rows| rows.retain(|row| row.id != id));
        self.removed.try_update_value(|removed| {
            if !removed.contains(&id) {
                removed.push(id);
            }
        });
    }

    /// Reads the list again, keeping the rows that are still there.
    pub fn refresh(self) {
        // What is put on the shelf meanwhile is missing from the answer, not gone.
        let known = self.ids();
        spawn_local(async move {
            let Ok(fresh) = materials().await else {
                return;
            };
            for gone in known
                .into_iter()
                .filter(|id| fresh.iter().all(|new| new.id != *id))
            {
                self.remove(gone);
            }
            for material in fresh.into_iter().rev() {
                self.put(material);
            }
        });
    }

    fn ids(self) -> Vec<MaterialId> {
        self.rows
            .try_with_untracked(|rows| rows.iter().map(|row| row.id).collect())
            .unwrap_or_default()
    }
}

/// How many pages' work is done of a document on its way: a tenth of it is reading.
fn pages_done(material: &Material) -> u32 {
    let pages = material.page_count.unwrap_or(0);
    match material.state {
        MaterialState::Embedding { done, total } => {
            let embedded =
                u64::from(pages) * 9 * u64::from(done.min(total)) / u64::from(total.max(1));
            pages / 10 + u32::try_from(embedded / 10).unwrap_or(pages)
        }
        _ => material.pages_searchable.min(pages) / 10,
    }
}

const fn is_moving(material: &Material) -> bool {
    !material.state.is_settled()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn material(state: MaterialState, revision: u64) -> Material {
        Material {
            revision,
            ..Material::example(state)
        }
    }

    #[test]
    fn an_answer_that_an_event_overtook_is_passed_over() {
        let owner = Owner::new();
        owner.with(|| {
            let shelf = Shelf::new(vec![material(MaterialState::Queued, 1)]);
            shelf.put(material(MaterialState::Ready, 5));
            shelf.put(material(MaterialState::Embedding { done: 1, total: 2 }, 4));
            assert!(shelf.is_settled());
            shelf.remove(MaterialId::new(uuid::Uuid::nil()));
            shelf.put(material(MaterialState::Ready, 5));
            assert_eq!(shelf.count(), 0);
        });
    }
}
