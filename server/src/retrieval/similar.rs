//! Questions that mean the same as one asked a moment ago, in other words: answered with what was
//! found then. Only where the operator wants it ([`Similar::at_least`]), and always said so.

use crate::store::generations::Generation;
use app::model::id::UserId;
use moka::future::Cache;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// Questions remembered of each student: those of an evening.
const PER_STUDENT: usize = 32;
/// Students remembered, about 50 KB each.
const STUDENTS: u64 = 1_000;
/// How long a student's questions are remembered after her last.
const IDLE: Duration = Duration::from_secs(60 * 60);

/// What two questions must have in common beside their meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Of the passages that can be found.
    pub generation: Generation,
    /// The embedder's id.
    pub embedder: String,
    /// How many passages of which materials.
    pub asked_for: String,
}

struct Asked<T> {
    scope: Scope,
    question: String,
    vector: Vec<f32>,
    found: T,
}

type Questions<T> = Arc<Mutex<VecDeque<Asked<T>>>>;

/// Students' latest questions, each with what was found.
#[derive(Clone)]
pub struct Similar<T> {
    least: f32,
    students: Cache<UserId, Questions<T>>,
}

impl<T: Clone + Send + Sync + 'static> Similar<T> {
    /// Takes questions for the same from this cosine of their vectors on.
    pub fn at_least(cosine: f32) -> Self {
        Self {
            least: cosine,
            students: Cache::builder()
                .max_capacity(STUDENTS)
                .time_to_idle(IDLE)
                .build(),
        }
    }

    /// The most similar question of the same scope that is similar enough, and what was found for it.
    pub async fn find(&self, user: UserId, scope: &Scope, vector: &[f32]) -> Option<(String, T)> {
        let questions = self.students.get(&user).await?;
        let questions = questions.lock().unwrap_or_else(PoisonError::into_inner);
        questions
            .iter()
            .filter(|asked| asked.scope == *scope)
            .map(|asked| (cosine(&asked.vector, vector), asked))
            .filter(|(cosine, _)| *cosine >= self.least)
            .max_by(|left, right| left.0.total_cmp(&right.0))
            .map(|(_, asked)| (asked.question.clone(), asked.found.clone()))
    }

    /// Remembers a question that was searched for.
    pub async fn remember(
        &self,
        user: UserId,
        scope: Scope,
        question: &str,
        vector: Vec<f32>,
        found: T,
    ) {
        let questions = self
            .students
            .get_with(user, async { Questions::default() })
            .await;
        let mut questions = questions.lock().unwrap_or_else(PoisonError::into_inner);
        // What belongs to an earlier state of the materials is never found again.
        questions.retain(|asked| asked.scope.generation == scope.generation);
        if questions.len() == PER_STUDENT {
            questions.pop_front();
        }
        questions.push_back(Asked {
            scope,
            question: question.to_owned(),
            vector,
            found,
        });
    }
}

/// Of two vectors of length 1.
fn cosine(left: &[f32], right: &[f32]) -> f32 {
    left.iter().zip(right).map(|(x, y)| x * y).sum()
}
