//! The question story: a student asks, and gets an answer from her own pages with every citation
//! checked. [`Coach::ask`] reads from the question to the last event.
//!
//! An answer is recorded once, however it ended: whole, stopped, or broken off; what had been
//! written is kept. Questions and answers are never logged.

pub mod cite;
mod markup;
mod narrowed;
pub mod prompt;
mod record;
pub mod render;
pub mod source;
#[cfg(test)]
mod story_tests;

use crate::{
    analytics::{Activity, Analytics},
    cache::{Cached, Caches, Namespace, budget},
    changes::{Change, Changes},
    clock::Clock,
    provider::{
        EmbedderSlot,
        chat::{Chat, ChatError, ChatRequest},
    },
    retrieval::{Found, Query, Retrieval},
    services,
    store::{
        Db, StoreError,
        conversations::{self, Destination, Kept},
        materials::{self, vectors},
    },
};
use app::{
    error::{AppError, ErrorKind},
    model::{
        coach::{
            Author, Citation, CoachEvent, CoachStatus, Conversation, ConversationSummary, Message,
            MessageState, PagesSoFar, Passage, Question,
        },
        filter::{Filter, Narrowed},
        id::{ClientId, ConversationId, MessageId, UserId},
    },
};
use futures::StreamExt;
use record::{Begun, Recording};
use render::Mark;
use source::Source;
use std::{sync::Arc, time::Duration};
use tokio::{sync::mpsc, time::Instant};
use tokio_util::sync::CancellationToken;

/// Passages an answer is made from: about 1,800 tokens (up to twice that where neighbours are read as
/// one), which also a small model reads with care.
const PASSAGES: usize = 8;
/// The longest an answer may take from the first byte to the last.
const ANSWER_MAX_TIME: Duration = Duration::from_secs(15 * 60);
/// Said of answers that a stopped server left half-written.
const INTERRUPTED: &str = "The server stopped while this was written. Ask again.";

/// What a student wants to know.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The conversation it goes on with; `None` begins one.
    pub conversation: Option<ConversationId>,
    pub question: Question,
    /// What of her materials it is asked of.
    pub filter: Filter,
    /// What its sender calls it, so that sending it again is no second question.
    pub client_id: Option<ClientId>,
}

/// Why a conversation could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum CoachError {
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Answers questions and keeps the conversations.
pub struct Coach {
    db: Db,
    /// What of a conversation the next question is asked with.
    context: Cached<Vec<Message>>,
    retrieval: Retrieval,
    slot: EmbedderSlot,
    chat: Arc<dyn Chat>,
    analytics: Arc<Analytics>,
    changes: Arc<Changes>,
    clock: Clock,
}

/// How the writing of an answer came to its end.
enum Ending {
    Complete,
    /// The student stopped it, or is no longer there.
    Cancelled,
    Failed(AppError),
}

/// Where the events go. A receiver that has gone away cancels the answer.
struct Listener {
    events: mpsc::Sender<CoachEvent>,
    cancel: CancellationToken,
}

impl Coach {
    /// A coach that answers through `chat` from what `retrieval` finds.
    pub fn new(
        (db, caches): (Db, &Caches),
        retrieval: Retrieval,
        slot: EmbedderSlot,
        chat: Arc<dyn Chat>,
        analytics: Arc<Analytics>,
        changes: Arc<Changes>,
        clock: Clock,
    ) -> Arc<Self> {
        Arc::new(Self {
            db,
            context: Cached::new(caches, Namespace::Conversation, "context", 1),
            retrieval,
            slot,
            chat,
            analytics,
            changes,
            clock,
        })
    }

    /// Answers one question. Sends `context`, then tokens and citations, then one `complete` or
    /// `error`. Ends early when `cancel` is or the receiver is dropped; drive it to its end in any
    /// case, for it records what had been written.
    #[tracing::instrument(name = "coach.ask", skip_all)]
    pub async fn ask(
        &self,
        user: UserId,
        asked: Asked,
        events: mpsc::Sender<CoachEvent>,
        cancel: CancellationToken,
    ) {
        let listener = Listener { events, cancel };
        let answer = self.answer(user, &asked, &listener);
        let last = budget::of_request(answer)
            .await
            .unwrap_or_else(|error| CoachEvent::Error {
                error,
                message: None,
            });
        // Nobody may be there to read it.
        let _ = listener.events.send(last).await;
    }

    async fn answer(
        &self,
        user: UserId,
        asked: &Asked,
        listener: &Listener,
    ) -> Result<CoachEvent, AppError> {
        let mut history = self.history(user, asked.conversation).await?;
        let Kept {
            conversation,
            question,
            is_repeated,
        } = self.store_question(user, asked).await?;
        if is_repeated {
            let earlier = self.earlier(user, conversation, &question, listener);
            if let Some(last) = earlier.await? {
                return Ok(last);
            }
            history.retain(|message| message.created_at < question.created_at);
        }

        let text = prompt::search_text(&question.text, &history);
        let found = self.search(user, &text, &asked.filter).await;
        let (sources, note, so_far, trouble) = match found {
            Ok((sources, note, so_far)) => (sources, note, so_far, None),
            Err(error) => (Vec::new(), None, None, Some(error)),
        };
        let passages: Vec<Passage> = sources.iter().map(|s| s.passage.clone()).collect();
        let answer = self.empty_answer(passages.clone(), note.clone());
        let answer_id = answer.id;
        let begun = Recording::start(&self.db, user, conversation, question.id, answer)
            .await
            .map_err(|error| services::store_error(&error))?;
        let mut recording = match begun {
            Begun::Started(recording) => recording,
            Begun::Gone => return Err(AppError::not_found("conversation")),
            Begun::Taken => return Err(being_answered()),
        };
        let context = CoachEvent::Context {
            conversation_id: conversation,
            question: Box::new(question.clone()),
            answer_id,
            provider: self.chat.label(),
            passages: passages.clone(),
            note,
            so_far,
        };

        let mut citations = Vec::new();
        let ending = if listener.tell(context).await.is_err() {
            Ending::Cancelled
        } else if let Some(error) = trouble {
            Ending::Failed(error)
        } else if sources.is_empty() {
            let sentence = self.not_covered(user, question.narrowed.as_ref()).await?;
            recording.add(&sentence).await;
            // The whole message follows at once; a lost token changes nothing.
            let _ = listener.tell(CoachEvent::Token { text: sentence }).await;
            Ending::Complete
        } else {
            let evidence: Vec<_> = sources.iter().map(Source::evidence).collect();
            let request = ChatRequest {
                prompt: prompt::build(&question.text, &evidence, &history),
                question: text,
                evidence,
            };
            self.write(request, &sources, &mut recording, &mut citations, listener)
                .await
        };

        // Only whole text has its final structure: what looked like prose may have become code.
        let citations = cite::markers(recording.text())
            .iter()
            .map(|marker| cite::check(marker, &sources))
            .collect();
        let (state, error) = match ending {
            Ending::Complete => (MessageState::Complete, None),
            Ending::Cancelled => (MessageState::Cancelled, None),
            Ending::Failed(error) => (MessageState::Failed, Some(error)),
        };
        let problem = error.as_ref().map(|error| error.message.clone());
        let mut message = recording
            .end(state, problem, citations, question.id)
            .await
            .map_err(|error| services::store_error(&error))?;
        self.changes
            .publish(Change::AnswerRecorded { user, conversation });
        // The next question finds its context in the cache; a failure here costs it a query.
        let _ = self.history(user, Some(conversation)).await;
        message.html = html_of(&message);
        let message = Box::new(message);
        Ok(match error {
            Some(error) => CoachEvent::Error {
                error,
                message: Some(message),
            },
            None => CoachEvent::Complete { message },
        })
    }

    /// Relays the provider's words and checks citations as they appear.
    async fn write(
        &self,
        request: ChatRequest,
        sources: &[Source],
        recording: &mut Recording,
        citations: &mut Vec<Citation>,
        listener: &Listener,
    ) -> Ending {
        let deadline = Instant::now() + ANSWER_MAX_TIME;
        let mut answer = tokio::select! {
            biased;
            () = listener.gone() => return Ending::Cancelled,
            answer = self.chat.stream(request) => match answer {
                Ok(answer) => answer,
                Err(error) => return Ending::Failed(told(&error)),
            },
        };
        loop {
            let words = tokio::select! {
                biased;
                () = listener.gone() => return Ending::Cancelled,
                () = tokio::time::sleep_until(deadline) => {
                    return Ending::Failed(told(&ChatError::TooLong));
                }
                words = answer.next() => words,
            };
            let words = match words {
                Some(Ok(words)) => words,
                Some(Err(error)) => return Ending::Failed(told(&error)),
                None if recording.text().trim().is_empty() => {
                    return Ending::Failed(told(&ChatError::CutOff));
                }
                None => return Ending::Complete,
            };
            recording.add(&words).await;
            let closes_marker = words.contains(']');
            if listener
                .tell(CoachEvent::Token { text: words })
                .await
                .is_err()
            {
                return Ending::Cancelled;
            }
            if closes_marker {
                let markers = cite::markers(recording.text());
                for marker in markers.iter().skip(citations.len()) {
                    let citation = cite::check(marker, sources);
                    citations.push(citation.clone());
                    if listener
                        .tell(CoachEvent::Citation { citation })
                        .await
                        .is_err()
                    {
                        return Ending::Cancelled;
                    }
                }
            }
        }
    }

    async fn history(
        &self,
        user: UserId,
        conversation: Option<ConversationId>,
    ) -> Result<Vec<Message>, AppError> {
        let Some(id) = conversation else {
            return Ok(Vec::new());
        };
        let recent = conversations::recent(&self.db, user, id, prompt::HISTORY_MAX_MESSAGES);
        let history = self.context.get(user, &[&id.to_string()], recent).await;
        history
            .map(|got| Arc::unwrap_or_clone(got.value))
            .map_err(|error| services::store_error(&error))
    }

    /// Stores the question and counts it, both or neither.
    async fn store_question(&self, user: UserId, asked: &Asked) -> Result<Kept, AppError> {
        let failed = |error: StoreError| services::store_error(&error);
        let narrowed = narrowed::narrowed(&self.db, user, &asked.filter)
            .await
            .map_err(failed)?;
        let message = Message {
            id: MessageId::new(self.clock.new_id()),
            author: Author::Student,
            state: MessageState::Complete,
            text: asked.question.as_str().to_owned(),
            narrowed,
            html: String::new(),
            provider: String::new(),
            problem: None,
            note: None,
            passages: Vec::new(),
            citations: Vec::new(),
            created_at: self.clock.now(),
        };
        let fresh = ConversationId::new(self.clock.new_id());
        let place = Destination {
            conversation: asked.conversation,
            fresh,
            client_id: asked.client_id,
        };
        let mut tx = self.db.write().await.map_err(failed)?;
        let kept = conversations::add_question(&self.db, &mut tx, user, place, message)
            .await
            .map_err(failed)?
            .ok_or_else(|| AppError::not_found("conversation"))?;
        let activity = Activity::Question {
            message: kept.question.id,
        };
        let counted = self.analytics.count_within(&mut tx, user, activity).await;
        let counted = counted.map_err(failed)?;
        tx.commit().await.map_err(|error| failed(error.into()))?;
        if let Some(counted) = counted {
            self.analytics.announce(counted);
        }
        Ok(kept)
    }

    /// How a question that was sent before has been answered; `None` when its answer is still to be
    /// written, or written once more because it broke off.
    async fn earlier(
        &self,
        user: UserId,
        conversation: ConversationId,
        question: &Message,
        listener: &Listener,
    ) -> Result<Option<CoachEvent>, AppError> {
        let found = conversations::answer_to(&self.db, user, conversation, question.id)
            .await
            .map_err(|error| services::store_error(&error))?;
        let Some(answer) = found.map(shown) else {
            return Ok(None);
        };
        match answer.state {
            MessageState::Cancelled | MessageState::Failed => Ok(None),
            MessageState::Partial => Err(being_answered()),
            MessageState::Complete => {
                let context = CoachEvent::Context {
                    conversation_id: conversation,
                    question: Box::new(question.clone()),
                    answer_id: answer.id,
                    provider: answer.provider.clone(),
                    passages: answer.passages.clone(),
                    note: answer.note.clone(),
                    so_far: None,
                };
                // Nothing is lost with a listener who has gone: it is all stored.
                let _ = listener.tell(context).await;
                let message = Box::new(answer);
                Ok(Some(CoachEvent::Complete { message }))
            }
        }
    }

    fn empty_answer(&self, passages: Vec<Passage>, note: Option<String>) -> Message {
        Message {
            id: MessageId::new(self.clock.new_id()),
            author: Author::Coach,
            state: MessageState::Partial,
            text: String::new(),
            narrowed: None,
            html: String::new(),
            provider: self.chat.label(),
            problem: None,
            note,
            passages,
            citations: Vec::new(),
            created_at: self.clock.now(),
        }
    }

    /// The passages with their pages, none when the materials do not speak about the question; and
    /// what the student should know about the search.
    async fn search(
        &self,
        user: UserId,
        text: &str,
        filter: &Filter,
    ) -> Result<(Vec<Source>, Option<String>, Option<PagesSoFar>), AppError> {
        // Before the search: what is said to be used must not be more than was.
        let so_far = materials::so_far(&self.db, user)
            .await
            .map_err(|error| services::store_error(&error))?
            // It speaks of all materials.
            .filter(|_| filter.is_everything());
        let query = Query {
            filter: filter.clone(),
            ..Query::new(text, PASSAGES)
        };
        let found = self.retrieval.search(user, &query).await;
        let Found {
            passages,
            covered,
            by_meaning,
            problem,
            similar_to,
        } = found
            .map(|got| Arc::unwrap_or_clone(got.value))
            .map_err(|error| services::retrieval_error(&error))?;
        let passages = if covered {
            passages.to_vec()
        } else {
            Vec::new()
        };
        let sources = source::load(&self.db, user, passages)
            .await
            .map_err(|error| services::store_error(&error))?;
        let note = problem
            .or_else(|| self.slot.problem())
            .filter(|_| !by_meaning)
            .or_else(|| {
                similar_to.map(|question| format!(
                "Answered with what was found for a question that means the same: “{question}”."
            ))
            });
        Ok((sources, note, so_far))
    }

    /// The answer when nothing was found: what is missing and what to do.
    async fn not_covered(
        &self,
        user: UserId,
        narrowed: Option<&Narrowed>,
    ) -> Result<String, AppError> {
        if let Some(Narrowed { words, .. }) = narrowed {
            return Ok(format!(
                "What you chose ({words}) does not cover this. Ask in other words, or ask all your materials."
            ));
        }
        let (ready, pending) = materials::counts(&self.db, user)
            .await
            .map_err(|error| services::store_error(&error))?;
        Ok(match (ready, pending) {
            (0, 0) => "Your materials do not cover this: there are none in your library yet. Add a document there, then ask again.",
            (0, _) => "Your materials do not cover this yet: they are still being read. Ask again when the library shows them as ready.",
            (_, 0) => "Your materials do not cover this. Ask in other words, or add a document about it to your library.",
            _ => "Your materials do not cover this so far. Some are still being read: ask again when the library shows them as ready, or ask in other words.",
        }
        .to_owned())
    }

    /// The user's conversations, most recently used first.
    pub async fn conversations(
        &self,
        user: UserId,
    ) -> Result<Vec<ConversationSummary>, CoachError> {
        Ok(conversations::list(&self.db, user).await?)
    }

    /// One conversation with its messages; `None` when the user has no such one.
    pub async fn conversation(
        &self,
        user: UserId,
        id: ConversationId,
    ) -> Result<Option<Conversation>, CoachError> {
        let Some((title, stored)) = conversations::find(&self.db, user, id).await? else {
            return Ok(None);
        };
        let messages = stored
            .into_iter()
            .map(|stored| match stored.message.author {
                Author::Student => stored.message,
                Author::Coach => shown(stored),
            })
            .collect();
        Ok(Some(Conversation {
            id,
            title,
            messages,
        }))
    }

    /// Removes a conversation; false when the user has no such one.
    pub async fn delete(&self, user: UserId, id: ConversationId) -> Result<bool, CoachError> {
        let deleted = conversations::delete(&self.db, user, id).await?;
        if deleted {
            self.changes.publish(Change::ConversationDeleted {
                user,
                conversation: id,
            });
        }
        Ok(deleted)
    }

    /// What would answer a question now.
    pub async fn status(&self, user: UserId) -> Result<CoachStatus, CoachError> {
        let (ready_materials, pending_materials) = materials::counts(&self.db, user).await?;
        Ok(CoachStatus {
            provider: self.chat.label(),
            embedder: self.slot.current().map(|embedder| embedder.label()),
            search_note: match self.slot.problem() {
                Some(problem) => Some(problem),
                None => self.changeover_note(user).await?,
            },
            ready_materials,
            pending_materials,
            so_far: materials::so_far(&self.db, user).await?,
        })
    }

    /// How far the change to another embedder is, while it is under way.
    async fn changeover_note(&self, user: UserId) -> Result<Option<String>, CoachError> {
        let Some(embedder) = self.slot.current().filter(|_| self.slot.is_changing()) else {
            return Ok(None);
        };
        let (settled, passages) = vectors::progress(&self.db, user, embedder.id()).await?;
        Ok((settled < passages).then(|| {
            let percent = u64::from(settled) * 100 / u64::from(passages);
            format!(
                "The search by meaning is changing to {}: {percent} % of your passages are done. Until then questions are answered as before.",
                embedder.label()
            )
        }))
    }

    /// Ends the answers a stopped server left half-written, and says how many there were. Called
    /// once, before the first question.
    pub async fn settle_interrupted(&self) -> Result<u64, CoachError> {
        Ok(conversations::fail_partials(&self.db, INTERRUPTED).await?)
    }
}

impl Listener {
    /// Sends an event; fails when the student has stopped the answer or gone away.
    async fn tell(&self, event: CoachEvent) -> Result<(), ()> {
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(()),
            sent = self.events.send(event) => sent.map_err(|_| ()),
        }
    }

    async fn gone(&self) {
        tokio::select! {
            () = self.cancel.cancelled() => {}
            () = self.events.closed() => {}
        }
    }
}

/// A stored answer with its HTML. Citations whose material has been deleted are shown as such.
fn shown(stored: conversations::StoredMessage) -> Message {
    let mut message = stored.message;
    let mut marks = Vec::new();
    for (ordinal, marker) in (0_u32..).zip(cite::markers(&message.text)) {
        let citation = stored
            .citations
            .iter()
            .find(|(at, _)| *at == ordinal)
            .map(|(_, citation)| citation.clone());
        // A half-written answer has no citations yet.
        let is_open = message.state == MessageState::Partial;
        marks.push(match &citation {
            Some(citation) => Mark::of(citation, &message.passages),
            None if is_open => Mark::Unknown,
            None => Mark::Gone,
        });
        message.citations.push(citation.unwrap_or(Citation {
            number: marker.number,
            verified: false,
            source: None,
        }));
    }
    message.html = render::html(&message.text, &marks);
    message
}

fn html_of(message: &Message) -> String {
    let marks: Vec<Mark> = message
        .citations
        .iter()
        .map(|citation| Mark::of(citation, &message.passages))
        .collect();
    render::html(&message.text, &marks)
}

/// What a question is answered that was sent again too early.
fn being_answered() -> AppError {
    AppError::new(
        ErrorKind::Limited,
        "This question is being answered already. Look into its conversation in a moment.",
    )
}

/// A provider's failure in the student's words; the log gets the same sentence and nothing more.
fn told(error: &ChatError) -> AppError {
    let kind = match error {
        ChatError::Limited { .. } => {
            return AppError::new(ErrorKind::Limited, error.to_string());
        }
        ChatError::Embedding => ErrorKind::Internal,
        _ => ErrorKind::Unavailable,
    };
    services::told(kind, &error.to_string(), error)
}
