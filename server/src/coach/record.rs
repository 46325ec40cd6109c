//! One answer being written, and its row: kept every now and then, so that a crash loses little,
//! and ended exactly once. Knows nothing of providers or the socket.

pub use crate::store::conversations::Begun;
use crate::store::{Db, Stored, conversations};
use app::model::{
    coach::{Citation, Message, MessageState},
    id::{ConversationId, MessageId, UserId},
};
use std::time::Duration;
use tokio::time::Instant;

/// How long words may be unkept.
const KEEP_EVERY: Duration = Duration::from_secs(2);
/// How many bytes may be unkept.
const KEEP_BYTES: usize = 2 * 1024;

/// An answer whose row is there.
pub struct Recording {
    db: Db,
    user: UserId,
    answer: Message,
    kept_at: Instant,
    kept_bytes: usize,
}

impl Recording {
    /// Stores the empty answer to `question` with its passages.
    pub async fn start(
        db: &Db,
        user: UserId,
        conversation: ConversationId,
        question: MessageId,
        answer: Message,
    ) -> Stored<Begun<Self>> {
        let begun = conversations::start_answer(db, user, conversation, question, answer).await?;
        Ok(begun.map(|answer| Self {
            db: db.clone(),
            user,
            answer,
            kept_at: Instant::now(),
            kept_bytes: 0,
        }))
    }

    /// What has been written so far.
    pub fn text(&self) -> &str {
        &self.answer.text
    }

    /// Takes the next words.
    pub async fn add(&mut self, words: &str) {
        self.answer.text.push_str(words);
        let unkept = self.answer.text.len() - self.kept_bytes;
        if unkept < KEEP_BYTES && self.kept_at.elapsed() < KEEP_EVERY {
            return;
        }
        self.kept_at = Instant::now();
        self.kept_bytes = self.answer.text.len();
        let kept =
            conversations::save_partial(&self.db, self.user, self.answer.id, &self.answer.text);
        if let Err(error) = kept.await {
            // The end stores it all again and reports what stands in the way.
            tracing::warn!(error = %error, "coach.keep_partial failed");
        }
    }

    /// Stores how it ended, and with that what became of the question. Answers the whole message,
    /// without HTML.
    pub async fn end(
        mut self,
        state: MessageState,
        problem: Option<String>,
        citations: Vec<Citation>,
        question: MessageId,
    ) -> Stored<Message> {
        self.answer.state = state;
        self.answer.problem = problem;
        self.answer.citations = citations;
        conversations::finish_answer(&self.db, self.user, &self.answer, question).await?;
        Ok(self.answer)
    }
}
