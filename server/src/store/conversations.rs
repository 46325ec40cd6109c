//! Conversations with their messages, passages and citations. Knows nothing of how an answer is
//! made or shown: HTML is left empty.
//!
//! Every query names the user. Times of a conversation's messages strictly increase, so that they
//! always come back in the order they were written.

use super::{Db, StoreError, Stored, look::time};
use app::model::{
    coach::{
        Author, Citation, CitationSource, ConversationSummary, Message, MessageState, Passage,
    },
    id::{ClientId, ConversationId, MaterialId, MessageId, UserId},
    material::Span,
};
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{Sqlite, Transaction};
use std::collections::HashMap;
use uuid::Uuid;

/// Most conversations the list shows.
pub const LIST_MAX: i64 = 200;
/// Most messages of a conversation that are read, the newest; far past what anybody scrolls.
const MESSAGES_MAX: i64 = 500;
/// Most characters of a title.
const TITLE_MAX_CHARS: usize = 80;

/// A message with the ordinals of its citations: those whose material has been deleted leave a gap.
#[derive(Debug)]
pub struct StoredMessage {
    pub message: Message,
    /// Position of the marker in the text, and what it leads to.
    pub citations: Vec<(u32, Citation)>,
}

/// Where a question goes, and under which name.
#[derive(Debug)]
pub struct Destination {
    pub conversation: Option<ConversationId>,
    /// What a new conversation is called, when none is given.
    pub fresh: ConversationId,
    pub client_id: Option<ClientId>,
}

/// A question that is stored.
#[derive(Debug)]
pub struct Kept {
    pub conversation: ConversationId,
    pub question: Message,
    /// It had been stored before, under the same name.
    pub is_repeated: bool,
}

/// How an answer's row came to be.
#[derive(Debug)]
pub enum Begun<T> {
    Started(T),
    /// The conversation has been deleted meanwhile.
    Gone,
    /// The question has an answer, or one that is being written.
    Taken,
}

impl<T> Begun<T> {
    /// What was started, as something else.
    pub fn map<U>(self, of: impl FnOnce(T) -> U) -> Begun<U> {
        match self {
            Self::Started(started) => Begun::Started(of(started)),
            Self::Gone => Begun::Gone,
            Self::Taken => Begun::Taken,
        }
    }
}

/// Stores a question, in a new conversation when none is given; one that is there under its name
/// already stays as it is. `None`: there is no such conversation of this user.
pub async fn add_question(
    db: &Db,
    tx: &mut Transaction<'static, Sqlite>,
    user: UserId,
    place: Destination,
    mut question: Message,
) -> Stored<Option<Kept>> {
    if let Some(client_id) = place.client_id
        && let Some((id, conversation)) = known(tx, user, client_id).await?
    {
        let stored = messages(db, user, conversation, MESSAGES_MAX).await?;
        let found = stored.into_iter().find(|stored| stored.message.id == id);
        return Ok(found.map(|stored| Kept {
            conversation,
            question: stored.message,
            is_repeated: true,
        }));
    }
    let now = question.created_at;
    let id = match place.conversation {
        Some(id) => {
            if !touch(tx, user, id, now).await? {
                return Ok(None);
            }
            id
        }
        None => {
            sqlx::query(
                "INSERT INTO conversations (id, user_id, title, created_at, updated_at)
                 VALUES ($1, $2, $3, $4, $4)",
            )
            .bind(place.fresh.uuid())
            .bind(user.uuid())
            .bind(title_of(&question.text))
            .bind(now)
            .execute(&mut **tx)
            .await?;
            place.fresh
        }
    };
    insert_message(tx, user, id, &mut question).await?;
    if let Some(client_id) = place.client_id {
        sqlx::query("UPDATE messages SET client_id = $3 WHERE id = $1 AND user_id = $2")
            .bind(question.id.uuid())
            .bind(user.uuid())
            .bind(client_id.uuid())
            .execute(&mut **tx)
            .await?;
    }
    Ok(Some(Kept {
        conversation: id,
        question,
        is_repeated: false,
    }))
}

async fn known(
    tx: &mut Transaction<'static, Sqlite>,
    user: UserId,
    client_id: ClientId,
) -> Stored<Option<(MessageId, ConversationId)>> {
    let known: Option<(Uuid, Uuid)> = sqlx::query_as(
        "SELECT id, conversation_id FROM messages WHERE user_id = $1 AND client_id = $2",
    )
    .bind(user.uuid())
    .bind(client_id.uuid())
    .fetch_optional(&mut **tx)
    .await?;
    Ok(known.map(|(id, conversation)| (MessageId::new(id), ConversationId::new(conversation))))
}

/// Stores the row of an answer that is about to be written, with its passages. An earlier one that
/// broke off makes room for it.
pub async fn start_answer(
    db: &Db,
    user: UserId,
    conversation: ConversationId,
    question: MessageId,
    mut answer: Message,
) -> Stored<Begun<Message>> {
    let mut tx = db.write().await?;
    if !touch(&mut tx, user, conversation, answer.created_at).await? {
        return Ok(Begun::Gone);
    }
    sqlx::query(
        "DELETE FROM messages
         WHERE question_id = $1 AND user_id = $2 AND state IN ('cancelled', 'failed')",
    )
    .bind(question.uuid())
    .bind(user.uuid())
    .execute(&mut *tx)
    .await?;
    insert_message(&mut tx, user, conversation, &mut answer).await?;
    let linked = sqlx::query(
        "UPDATE OR IGNORE messages SET question_id = $3 WHERE id = $1 AND user_id = $2",
    )
    .bind(answer.id.uuid())
    .bind(user.uuid())
    .bind(question.uuid())
    .execute(&mut *tx)
    .await?;
    if linked.rows_affected() == 0 {
        return Ok(Begun::Taken);
    }
    for passage in &answer.passages {
        // A material deleted since the search leaves no row, rather than failing the answer.
        sqlx::query(
            "INSERT INTO message_passages (message_id, number, material_id, title, chunk_id,
                                           page_first, page_last, char_start, char_end, text, score,
                                           section, score_words, score_meaning)
             SELECT $1, $2, id, $4, $5, $6, $7, $8, $9, $10, $11, $13, $14, $15
             FROM materials WHERE id = $3 AND user_id = $12",
        )
        .bind(answer.id.uuid())
        .bind(i64::from(passage.number))
        .bind(passage.material_id.uuid())
        .bind(&passage.title)
        .bind(passage.chunk_id)
        .bind(i64::from(passage.page_first))
        .bind(i64::from(passage.page_last))
        .bind(i64::from(passage.span.start))
        .bind(i64::from(passage.span.end))
        .bind(&passage.text)
        .bind(passage.score)
        .bind(user.uuid())
        .bind(&passage.section)
        .bind(passage.score_words)
        .bind(passage.score_meaning)
        .execute(&mut *tx)
        .await?;
    }
    tx.commit().await?;
    Ok(Begun::Started(answer))
}

/// The answer a question got, finished or not.
pub async fn answer_to(
    db: &Db,
    user: UserId,
    conversation: ConversationId,
    question: MessageId,
) -> Stored<Option<StoredMessage>> {
    let id: Option<Uuid> = db.look_for(
        "answer to a question",
        "SELECT id FROM messages WHERE question_id = $1 AND user_id = $2",
        &[&question.uuid(), &user.uuid()],
        |row| row.get(0),
    )?;
    let (Some(id), Some((_, stored))) = (id, find(db, user, conversation).await?) else {
        return Ok(None);
    };
    Ok(stored
        .into_iter()
        .find(|stored| stored.message.id.uuid() == id))
}

/// Keeps what has been written so far, so that a crash does not take it.
pub async fn save_partial(db: &Db, user: UserId, answer: MessageId, text: &str) -> Stored<()> {
    let mut tx = db.write().await?;
    sqlx::query(
        "UPDATE messages SET text = $3 WHERE id = $1 AND user_id = $2 AND state = 'partial'",
    )
    .bind(answer.uuid())
    .bind(user.uuid())
    .bind(text)
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(())
}

/// Stores how an answer ended, once: text, state, problem and citations, and whether that leaves the
/// question open. False when the answer has been deleted meanwhile or had ended before.
pub async fn finish_answer(
    db: &Db,
    user: UserId,
    answer: &Message,
    question: MessageId,
) -> Stored<bool> {
    let mut tx = db.write().await?;
    let updated = sqlx::query(
        "UPDATE messages SET text = $3, state = $4, problem = $5
         WHERE id = $1 AND user_id = $2 AND state = 'partial'",
    )
    .bind(answer.id.uuid())
    .bind(user.uuid())
    .bind(&answer.text)
    .bind(state_name(answer.state))
    .bind(&answer.problem)
    .execute(&mut *tx)
    .await?;
    if updated.rows_affected() == 0 {
        return Ok(false);
    }
    for (ordinal, citation) in (0_i64..).zip(&answer.citations) {
        insert_citation(&mut tx, user, answer.id, ordinal, citation).await?;
    }
    if answer.state == MessageState::Complete {
        let is_answered = answer.citations.iter().any(|citation| citation.verified);
        settle_question(&mut tx, user, question, is_answered).await?;
    }
    tx.commit().await?;
    Ok(true)
}

/// Keeps whether the materials answered a question: it is open when all of them were asked, they did not,
/// and nothing of them was still to be read. The same question, asked before, is open no longer.
async fn settle_question(
    tx: &mut Transaction<'static, Sqlite>,
    user: UserId,
    question: MessageId,
    is_answered: bool,
) -> Stored<()> {
    let is_open: bool = !is_answered
        && sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM materials WHERE user_id = $1 AND state = 'ready')
                AND NOT EXISTS (SELECT 1 FROM materials
                                WHERE user_id = $1 AND state IN ('queued', 'reading', 'embedding'))
                AND EXISTS (SELECT 1 FROM messages WHERE id = $2 AND user_id = $1 AND narrowed IS NULL)",
        )
        .bind(user.uuid())
        .bind(question.uuid())
        .fetch_one(&mut **tx)
        .await?;
    if !is_answered && !is_open {
        return Ok(());
    }
    let all: Vec<(Uuid, String)> = sqlx::query_as(
        "SELECT id, text FROM messages WHERE user_id = $1 AND (not_covered OR id = $2)",
    )
    .bind(user.uuid())
    .bind(question.uuid())
    .fetch_all(&mut **tx)
    .await?;
    // SQLite folds the letters of English only.
    let folded = |text: &str| text.trim().to_lowercase();
    let asked = all.iter().find(|(id, _)| *id == question.uuid());
    let Some(asked) = asked.map(|(_, text)| folded(text)) else {
        return Ok(());
    };
    for (id, _) in all.iter().filter(|(_, text)| folded(text) == asked) {
        sqlx::query("UPDATE messages SET not_covered = $3 WHERE id = $1 AND user_id = $2")
            .bind(id)
            .bind(user.uuid())
            .bind(is_open && *id == question.uuid())
            .execute(&mut **tx)
            .await?;
    }
    Ok(())
}

/// Ends every answer that a stopped server left half-written; answers how many there were.
pub async fn fail_partials(db: &Db, problem: &str) -> Stored<u64> {
    let mut tx = db.write().await?;
    let failed =
        sqlx::query("UPDATE messages SET state = 'failed', problem = $1 WHERE state = 'partial'")
            .bind(problem)
            .execute(&mut *tx)
            .await?;
    tx.commit().await?;
    Ok(failed.rows_affected())
}

/// The user's conversations, most recently used first, at most [`LIST_MAX`].
pub async fn list(db: &Db, user: UserId) -> Stored<Vec<ConversationSummary>> {
    db.look(
        "conversations",
        "SELECT id, title, updated_at FROM conversations
         WHERE user_id = $1 ORDER BY updated_at DESC, id DESC LIMIT $2",
        &[&user.uuid(), &LIST_MAX],
        |row| {
            Ok(ConversationSummary {
                id: ConversationId::new(row.get(0)?),
                title: row.get(1)?,
                updated_at: time(row, 2)?,
            })
        },
    )
}

/// A conversation's title and messages, oldest first.
pub async fn find(
    db: &Db,
    user: UserId,
    id: ConversationId,
) -> Stored<Option<(String, Vec<StoredMessage>)>> {
    let title: Option<String> = db.look_for(
        "conversation",
        "SELECT title FROM conversations WHERE id = $1 AND user_id = $2",
        &[&id.uuid(), &user.uuid()],
        |row| row.get(0),
    )?;
    let Some(title) = title else { return Ok(None) };
    let mut messages = messages(db, user, id, MESSAGES_MAX).await?;
    let mut passages = passages(db, user, id).await?;
    let mut citations = citations(db, user, id).await?;
    for stored in &mut messages {
        let id = stored.message.id;
        stored.message.passages = passages.remove(&id).unwrap_or_default();
        stored.citations = citations.remove(&id).unwrap_or_default();
    }
    Ok(Some((title, messages)))
}

/// The last `limit` messages, oldest first, without passages and citations.
pub async fn recent(db: &Db, user: UserId, id: ConversationId, limit: i64) -> Stored<Vec<Message>> {
    let stored = messages(db, user, id, limit).await?;
    Ok(stored.into_iter().map(|stored| stored.message).collect())
}

/// Removes a conversation with all its messages; false when there is none of this user.
pub async fn delete(db: &Db, user: UserId, id: ConversationId) -> Stored<bool> {
    let mut tx = db.write().await?;
    let deleted = sqlx::query("DELETE FROM conversations WHERE id = $1 AND user_id = $2")
        .bind(id.uuid())
        .bind(user.uuid())
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(deleted.rows_affected() > 0)
}

async fn touch(
    tx: &mut Transaction<'static, Sqlite>,
    user: UserId,
    id: ConversationId,
    now: DateTime<Utc>,
) -> Stored<bool> {
    let touched =
        sqlx::query("UPDATE conversations SET updated_at = $3 WHERE id = $1 AND user_id = $2")
            .bind(id.uuid())
            .bind(user.uuid())
            .bind(now)
            .execute(&mut **tx)
            .await?;
    Ok(touched.rows_affected() > 0)
}

async fn insert_message(
    tx: &mut Transaction<'static, Sqlite>,
    user: UserId,
    conversation: ConversationId,
    message: &mut Message,
) -> Stored<()> {
    let last: Option<DateTime<Utc>> = sqlx::query_scalar(
        "SELECT created_at FROM messages WHERE conversation_id = $1 AND user_id = $2
         ORDER BY created_at DESC LIMIT 1",
    )
    .bind(conversation.uuid())
    .bind(user.uuid())
    .fetch_optional(&mut **tx)
    .await?;
    if let Some(last) = last {
        message.created_at = message.created_at.max(last + TimeDelta::microseconds(1));
    }
    sqlx::query(
        "INSERT INTO messages (id, conversation_id, user_id, author, state, text, provider,
                               problem, created_at, narrowed, note)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(message.id.uuid())
    .bind(conversation.uuid())
    .bind(user.uuid())
    .bind(author_name(message.author))
    .bind(state_name(message.state))
    .bind(&message.text)
    .bind(&message.provider)
    .bind(&message.problem)
    .bind(message.created_at)
    .bind(message.narrowed.as_ref().map(sqlx::types::Json))
    .bind(&message.note)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn insert_citation(
    tx: &mut Transaction<'static, Sqlite>,
    user: UserId,
    message: MessageId,
    ordinal: i64,
    citation: &Citation,
) -> Stored<()> {
    let Some(source) = citation.source.as_ref().filter(|_| citation.verified) else {
        sqlx::query("INSERT INTO citations (message_id, ordinal, number) VALUES ($1, $2, $3)")
            .bind(message.uuid())
            .bind(ordinal)
            .bind(i64::from(citation.number))
            .execute(&mut **tx)
            .await?;
        return Ok(());
    };
    sqlx::query(
        "INSERT INTO citations (message_id, ordinal, number, material_id, title, chunk_id, page,
                                char_start, char_end, quote)
         SELECT $1, $2, $3, id, $5, $6, $7, $8, $9, $10
         FROM materials WHERE id = $4 AND user_id = $11",
    )
    .bind(message.uuid())
    .bind(ordinal)
    .bind(i64::from(citation.number))
    .bind(source.material_id.uuid())
    .bind(&source.title)
    .bind(source.chunk_id)
    .bind(i64::from(source.page))
    .bind(i64::from(source.span.start))
    .bind(i64::from(source.span.end))
    .bind(&source.quote)
    .bind(user.uuid())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

struct MessageRow {
    id: Uuid,
    author: String,
    state: String,
    text: String,
    provider: String,
    problem: Option<String>,
    created_at: DateTime<Utc>,
    narrowed: Option<String>,
    note: Option<String>,
}

async fn messages(
    db: &Db,
    user: UserId,
    conversation: ConversationId,
    limit: i64,
) -> Stored<Vec<StoredMessage>> {
    let rows = db.look(
        "messages",
        "SELECT id, author, state, text, provider, problem, created_at, narrowed, note FROM messages
         WHERE conversation_id = $1 AND user_id = $2
         ORDER BY created_at DESC LIMIT $3",
        &[&conversation.uuid(), &user.uuid(), &limit],
        |row| {
            Ok(MessageRow {
                id: row.get(0)?,
                author: row.get(1)?,
                state: row.get(2)?,
                text: row.get(3)?,
                provider: row.get(4)?,
                problem: row.get(5)?,
                created_at: time(row, 6)?,
                narrowed: row.get(7)?,
                note: row.get(8)?,
            })
        },
    )?;
    rows.into_iter()
        .rev()
        .map(|row| {
            Ok(StoredMessage {
                message: Message {
                    id: MessageId::new(row.id),
                    author: author_from(&row.author)?,
                    state: state_from(&row.state)?,
                    text: row.text,
                    narrowed: row
                        .narrowed
                        .and_then(|narrowed| serde_json::from_str(&narrowed).ok()),
                    html: String::new(),
                    provider: row.provider,
                    problem: row.problem,
                    note: row.note,
                    passages: Vec::new(),
                    citations: Vec::new(),
                    created_at: row.created_at,
                },
                citations: Vec::new(),
            })
        })
        .collect()
}

struct PassageRow {
    message_id: Uuid,
    number: i64,
    material_id: Uuid,
    title: String,
    chunk_id: i64,
    page_first: i64,
    page_last: i64,
    section: Option<String>,
    char_start: i64,
    char_end: i64,
    text: String,
    score: f32,
    score_words: f32,
    score_meaning: Option<f32>,
}

async fn passages(
    db: &Db,
    user: UserId,
    conversation: ConversationId,
) -> Stored<HashMap<MessageId, Vec<Passage>>> {
    let rows = db.look(
        "passages of a conversation",
        "SELECT p.message_id, p.number, p.material_id, p.title, p.chunk_id, p.page_first,
                p.page_last, p.section, p.char_start, p.char_end, p.text, p.score,
                p.score_words, p.score_meaning
         FROM message_passages p JOIN messages m ON m.id = p.message_id
         WHERE m.conversation_id = $1 AND m.user_id = $2
         ORDER BY p.message_id, p.number",
        &[&conversation.uuid(), &user.uuid()],
        |row| {
            Ok(PassageRow {
                message_id: row.get(0)?,
                number: row.get(1)?,
                material_id: row.get(2)?,
                title: row.get(3)?,
                chunk_id: row.get(4)?,
                page_first: row.get(5)?,
                page_last: row.get(6)?,
                section: row.get(7)?,
                char_start: row.get(8)?,
                char_end: row.get(9)?,
                text: row.get(10)?,
                score: row.get(11)?,
                score_words: row.get(12)?,
                score_meaning: row.get(13)?,
            })
        },
    )?;
    let mut by_message: HashMap<_, Vec<_>> = HashMap::new();
    for row in rows {
        by_message
            .entry(MessageId::new(row.message_id))
            .or_default()
            .push(Passage {
                number: small(row.number, "number")?,
                material_id: MaterialId::new(row.material_id),
                title: row.title,
                chunk_id: row.chunk_id,
                page_first: small(row.page_first, "page_first")?,
                page_last: small(row.page_last, "page_last")?,
                section: row.section,
                span: span(row.char_start, row.char_end)?,
                text: row.text,
                score: row.score,
                score_words: row.score_words,
                score_meaning: row.score_meaning,
                seams: Vec::new(),
            });
    }
    Ok(by_message)
}

struct CitationRow {
    message_id: Uuid,
    ordinal: i64,
    number: i64,
    material_id: Option<Uuid>,
    title: Option<String>,
    chunk_id: Option<i64>,
    section: Option<String>,
    page: Option<i64>,
    char_start: Option<i64>,
    char_end: Option<i64>,
    quote: Option<String>,
}

impl CitationRow {
    fn source(&self) -> Stored<Option<CitationSource>> {
        let (Some(material), Some(title), Some(chunk_id), Some(page)) =
            (self.material_id, &self.title, self.chunk_id, self.page)
        else {
            return Ok(None);
        };
        Ok(Some(CitationSource {
            material_id: MaterialId::new(material),
            title: title.clone(),
            chunk_id,
            section: self.section.clone(),
            page: small(page, "page")?,
            span: span(
                self.char_start.unwrap_or_default(),
                self.char_end.unwrap_or_default(),
            )?,
            quote: self.quote.clone().unwrap_or_default(),
        }))
    }
}

async fn citations(
    db: &Db,
    user: UserId,
    conversation: ConversationId,
) -> Stored<HashMap<MessageId, Vec<(u32, Citation)>>> {
    let rows = db.look(
        "citations",
        "SELECT c.message_id, c.ordinal, c.number, c.material_id, c.title, c.chunk_id, p.section,
                c.page, c.char_start, c.char_end, c.quote
         FROM citations c JOIN messages m ON m.id = c.message_id
         LEFT JOIN message_passages p ON p.message_id = c.message_id AND p.number = c.number
         WHERE m.conversation_id = $1 AND m.user_id = $2
         ORDER BY c.message_id, c.ordinal",
        &[&conversation.uuid(), &user.uuid()],
        |row| {
            Ok(CitationRow {
                message_id: row.get(0)?,
                ordinal: row.get(1)?,
                number: row.get(2)?,
                material_id: row.get(3)?,
                title: row.get(4)?,
                chunk_id: row.get(5)?,
                section: row.get(6)?,
                page: row.get(7)?,
                char_start: row.get(8)?,
                char_end: row.get(9)?,
                quote: row.get(10)?,
            })
        },
    )?;
    let mut by_message: HashMap<_, Vec<_>> = HashMap::new();
    for row in rows {
        let source = row.source()?;
        by_message
            .entry(MessageId::new(row.message_id))
            .or_default()
            .push((
                small(row.ordinal, "ordinal")?,
                Citation {
                    number: small(row.number, "number")?,
                    verified: source.is_some(),
                    source,
                },
            ));
    }
    Ok(by_message)
}

fn title_of(question: &str) -> String {
    let line = question.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= TITLE_MAX_CHARS {
        return line;
    }
    let cut: String = line.chars().take(TITLE_MAX_CHARS - 1).collect();
    format!("{}…", cut.trim_end())
}

fn small(value: i64, column: &'static str) -> Stored<u32> {
    u32::try_from(value).map_err(|_| StoreError::Corrupt {
        column,
        value: value.to_string(),
    })
}

fn span(start: i64, end: i64) -> Stored<Span> {
    Ok(Span {
        start: small(start, "char_start")?,
        end: small(end, "char_end")?,
    })
}

const fn author_name(author: Author) -> &'static str {
    match author {
        Author::Student => "student",
        Author::Coach => "coach",
    }
}

fn author_from(name: &str) -> Stored<Author> {
    match name {
        "student" => Ok(Author::Student),
        "coach" => Ok(Author::Coach),
        other => Err(StoreError::Corrupt {
            column: "author",
            value: other.to_owned(),
        }),
    }
}

const fn state_name(state: MessageState) -> &'static str {
    match state {
        MessageState::Partial => "partial",
        MessageState::Complete => "complete",
        MessageState::Cancelled => "cancelled",
        MessageState::Failed => "failed",
    }
}

fn state_from(name: &str) -> Stored<MessageState> {
    match name {
        "partial" => Ok(MessageState::Partial),
        "complete" => Ok(MessageState::Complete),
        "cancelled" => Ok(MessageState::Cancelled),
        "failed" => Ok(MessageState::Failed),
        other => Err(StoreError::Corrupt {
            column: "state",
            value: other.to_owned(),
        }),
    }
}
