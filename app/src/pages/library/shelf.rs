//! The materials as the library page holds them: one signal a row, so that a state that moves
//! touches its own row only.

use crate::{
    api::material::materials,
    model::{
        id::MaterialId,
        material::{Material, MaterialState},
    },
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

/// The rows, newest first, and what a screen reader is told about them. Uploads may outlive the
/// page, so nothing here minds that its signals are gone.
#[derive(Clone, Copy)]
pub struct Shelf {
    rows: RwSignal<Vec<Row>>,
    said: RwSignal<String>,
}

impl Shelf {
    /// A shelf holding these.
    pub fn new(materials: Vec<Material>) -> Self {
        Self {
            rows: RwSignal::new(materials.into_iter().map(Row::new).collect()),
            said: RwSignal::new(String::new()),
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

    /// Puts a material on top, or its news into its row.
    pub fn put(self, material: Material) {
        let Some(row) = self
            .rows
            .try_with_untracked(|rows| rows.iter().find(|row| row.id == material.id).cloned())
        else {
            return;
        };
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

    /// Takes a material off the shelf.
    pub fn remove(self, id: MaterialId) {
        self.rows.try_update(|rows| rows.retain(|row| row.id != id));
    }

    /// Reads the list again, keeping the rows that are still there.
    pub fn refresh(self) {
        spawn_local(async move {
            let Ok(fresh) = materials().await else {
                return;
            };
            for gone in self
                .ids()
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
