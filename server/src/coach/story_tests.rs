//! The question story with a scripted provider, from the question to what a reload shows.

use super::*;
use crate::{provider::chat::Answer, store::activity::figures};
use app::model::{analytics::CitedPage, id::MaterialId};
use async_trait::async_trait;
use chrono_tz::Tz;
use futures::stream;
use tempfile::TempDir;
use uuid::Uuid;

const PAGE: &str = "Cardiac output is the volume of blood\nthe heart pumps in one minute. It is about five litres at rest. During exercise the cardiac output of a trained heart can rise to thirty litres.";

/// A question to all materials, without a name of its own.
fn asked(conversation: Option<ConversationId>, question: &str) -> Asked {
    Asked {
        conversation,
        question: Question::parse(question).unwrap(),
        filter: Filter::default(),
        client_id: None,
    }
}

/// The same question, as often as it is sent.
fn named() -> Asked {
    Asked {
        client_id: Some(ClientId::new(Uuid::from_u128(0xa5ced))),
        ..asked(None, QUESTION)
    }
}

/// What the provider does, once, for every question.
#[derive(Clone)]
enum Script {
    Words(&'static [&'static str]),
    FailsAfter(&'static [&'static str], ChatError),
    SilentAfter(&'static [&'static str]),
    Refuses(ChatError),
}

#[async_trait]
impl Chat for Script {
    fn label(&self) -> String {
        "scripted".to_owned()
    }

    async fn stream(&self, request: ChatRequest) -> Result<Answer, ChatError> {
        assert!(!request.evidence.is_empty(), "asked without evidence");
        let ok = |words: &'static [&'static str]| {
            stream::iter(words.iter().map(|word| Ok((*word).to_owned())))
        };
        match self.clone() {
            Self::Words(words) => Ok(ok(words).boxed()),
            Self::FailsAfter(words, error) => {
                Ok(ok(words).chain(stream::iter([Err(error)])).boxed())
            }
            Self::SilentAfter(words) => Ok(ok(words).chain(stream::pending()).boxed()),
            Self::Refuses(error) => Err(error),
        }
    }
}

struct Desk {
    coach: Arc<Coach>,
    db: Db,
    caches: Caches,
    user: UserId,
    material: MaterialId,
    _dir: TempDir,
}

impl Desk {
    async fn with(script: Script) -> Self {
        let dir = TempDir::new().unwrap();
        let db = Db::open(&dir.path().join("studyin.db")).await.unwrap();
        let clock = Clock::system();
        let user = add_user(&db, &clock, "a@example.org").await;
        let material = add_material(&db, &clock, user).await;
        let caches = Caches::small(&db, None);
        Self {
            coach: coach(&db, &caches, script),
            db,
            caches,
            user,
            material,
            _dir: dir,
        }
    }

    /// Asks and collects every event.
    async fn ask(&self, conversation: Option<ConversationId>, question: &str) -> Vec<CoachEvent> {
        self.send(asked(conversation, question)).await
    }

    async fn send(&self, asked: Asked) -> Vec<CoachEvent> {
        let (sender, mut receiver) = mpsc::channel(64);
        let collect = async {
            let mut events = Vec::new();
            while let Some(event) = receiver.recv().await {
                events.push(event);
            }
            events
        };
        let ask = self
            .coach
            .ask(self.user, asked, sender, CancellationToken::new());
        tokio::join!(ask, collect).1
    }

    /// The same student and database with a provider that does something else.
    fn now_with(&self, script: Script) -> Arc<Coach> {
        let (clock, changes) = (Clock::system(), Arc::new(Changes::default()));
        let slot = EmbedderSlot::empty();
        Coach::new(
            (self.db.clone(), &self.caches),
            Retrieval::new(self.db.clone(), slot.clone(), &Caches::off()),
            slot,
            Arc::new(script),
            Analytics::new(self.db.clone(), changes.clone(), clock.clone()),
            changes,
            clock,
        )
    }

    /// All that is stored, a conversation after the other.
    async fn stored(&self) -> Vec<Message> {
        let mut messages = Vec::new();
        for summary in self.coach.conversations(self.user).await.unwrap() {
            let conversation = self.coach.conversation(self.user, summary.id).await;
            messages.extend(conversation.unwrap().unwrap().messages);
        }
        messages
    }

    /// The only conversation's last answer, as a reload shows it.
    async fn reloaded(&self) -> Message {
        let summary = self.coach.conversations(self.user).await.unwrap().remove(0);
        let conversation = self.coach.conversation(self.user, summary.id).await;
        conversation.unwrap().unwrap().messages.pop().unwrap()
    }
}

fn coach(db: &Db, caches: &Caches, script: Script) -> Arc<Coach> {
    let (clock, changes, slot) = (
        Clock::system(),
        Arc::new(Changes::default()),
        EmbedderSlot::empty(),
    );
    Coach::new(
        (db.clone(), caches),
        Retrieval::new(db.clone(), slot.clone(), &Caches::off()),
        slot,
        Arc::new(script),
        Analytics::new(db.clone(), changes.clone(), clock.clone()),
        changes,
        clock,
    )
}

async fn add_user(db: &Db, clock: &Clock, email: &str) -> UserId {
    let id = clock.new_id();
    let mut tx = db.write().await.unwrap();
    sqlx::query("INSERT INTO users (id, email, password_hash, role, time_zone, created_at) VALUES ($1, $2, '', 'student', 'UTC', $3)")
        .bind(id).bind(email).bind(clock.now()).execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    UserId::new(id)
}

async fn add_material(db: &Db, clock: &Clock, user: UserId) -> MaterialId {
    let id: Uuid = clock.new_id();
    let length = i64::try_from(PAGE.chars().count()).unwrap();
    let mut tx = db.write().await.unwrap();
    sqlx::query("INSERT INTO materials (id, user_id, title, file_name, media_type, size_bytes, sha256, state, page_count, uploaded_at) VALUES ($1, $2, 'Heart', 'h.pdf', 'pdf', 1, x'00', 'ready', 1, $3)")
        .bind(id).bind(user.uuid()).bind(clock.now()).execute(&mut *tx).await.unwrap();
    sqlx::query("INSERT INTO pages (material_id, page_number, text) VALUES ($1, 1, $2)")
        .bind(id)
        .bind(PAGE)
        .execute(&mut *tx)
        .await
        .unwrap();
    sqlx::query("INSERT INTO chunks (material_id, user_id, ordinal, page_first, page_last, char_start, char_end, text) VALUES ($1, $2, 0, 1, 1, 0, $3, $4)")
        .bind(id).bind(user.uuid()).bind(length).bind(PAGE.replace('\n', " ")).execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    MaterialId::new(id)
}

fn names(events: &[CoachEvent]) -> Vec<&'static str> {
    events
        .iter()
        .map(|event| match event {
            CoachEvent::Context { .. } => "context",
            CoachEvent::Token { .. } => "token",
            CoachEvent::Citation { .. } => "citation",
            CoachEvent::Complete { .. } => "complete",
            CoachEvent::Error { .. } => "error",
        })
        .collect()
}

const QUESTION: &str = "What is the cardiac output at rest?";

#[tokio::test]
async fn an_answer_is_streamed_checked_stored_and_shown_again() {
    let desk = Desk::with(Script::Words(&[
        "It is about five ",
        "litres at rest [1]",
        " and more [9].",
    ]))
    .await;
    let events = desk.ask(None, QUESTION).await;
    assert_eq!(
        names(&events),
        [
            "context", "token", "token", "citation", "token", "citation", "complete"
        ]
    );
    let CoachEvent::Complete { message } = events.last().unwrap() else {
        panic!("{events:?}")
    };
    assert_eq!(message.state, MessageState::Complete);
    assert_eq!(
        message.text,
        "It is about five litres at rest [1] and more [9]."
    );
    let source = message.citations[0].source.as_ref().unwrap();
    assert_eq!(source.quote, "It is about five litres at rest");
    assert!(!message.citations[1].verified);
    assert!(message.html.contains("class=\"citation\" href=\"/library/"));
    assert!(message.html.contains("class=\"citation unverified\""));
    assert_eq!(&desk.reloaded().await, &**message);
}

#[tokio::test]
async fn the_next_question_finds_its_context_kept_and_sees_every_message() {
    let desk = Desk::with(Script::Words(&["It is about five litres [1]."])).await;
    desk.ask(None, QUESTION).await;
    let id = desk.coach.conversations(desk.user).await.unwrap()[0].id;
    let hits = || {
        let figures = desk.caches.figures().unwrap();
        let of = figures
            .iter()
            .find(|one| one.namespace == Namespace::Conversation);
        of.unwrap().hits
    };
    assert_eq!(hits(), 0);
    desk.ask(Some(id), "And while running?").await;
    assert_eq!(hits(), 1);
    let context = desk.coach.history(desk.user, Some(id)).await.unwrap();
    assert_eq!(context.len(), 4);
    assert_eq!(context[2].text, "And while running?");
}

#[tokio::test]
async fn what_is_said_of_the_search_stays_with_the_answer() {
    let desk = Desk::with(Script::Words(&["It is about five litres [1]."])).await;
    let events = desk.ask(None, QUESTION).await;
    let CoachEvent::Context { note, .. } = &events[0] else {
        panic!("{events:?}")
    };
    assert!(note.is_some(), "there is no embedder");
    assert_eq!(&desk.reloaded().await.note, note);
}

#[tokio::test]
async fn a_foreign_conversation_is_answered_like_a_missing_one() {
    let desk = Desk::with(Script::Words(&["Yes [1]."])).await;
    desk.ask(None, QUESTION).await;
    let mine = desk.coach.conversations(desk.user).await.unwrap()[0].id;
    let other = Desk {
        user: add_user(&desk.db, &Clock::system(), "b@example.org").await,
        ..desk
    };
    for id in [mine, ConversationId::new(Uuid::from_u128(7))] {
        let events = other.ask(Some(id), QUESTION).await;
        assert!(
            matches!(&events[..], [CoachEvent::Error { error, message: None }] if error.kind == ErrorKind::NotFound),
            "{events:?}"
        );
        let coach = &other.coach;
        assert!(coach.conversation(other.user, id).await.unwrap().is_none());
        assert!(!coach.delete(other.user, id).await.unwrap());
    }
    assert!(
        other
            .coach
            .conversations(other.user)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn a_provider_that_breaks_off_leaves_the_part_and_the_reason() {
    let desk = Desk::with(Script::FailsAfter(
        &["It is about five litres [1]", " and"],
        ChatError::CutOff,
    ))
    .await;
    let events = desk.ask(None, QUESTION).await;
    let Some(CoachEvent::Error {
        error,
        message: Some(message),
    }) = events.last()
    else {
        panic!("{events:?}")
    };
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert_eq!(message.state, MessageState::Failed);
    assert_eq!(message.problem.as_deref(), Some(error.message.as_str()));
    assert_eq!(message.text, "It is about five litres [1] and");
    assert!(message.citations[0].verified);
    assert_eq!(&desk.reloaded().await, &**message);
}

#[tokio::test]
async fn a_refused_key_is_told_and_stored_as_the_reason() {
    let desk = Desk::with(Script::Refuses(ChatError::KeyRefused)).await;
    let events = desk.ask(None, QUESTION).await;
    assert_eq!(names(&events), ["context", "error"]);
    let reloaded = desk.reloaded().await;
    assert_eq!(reloaded.state, MessageState::Failed);
    assert!(reloaded.problem.unwrap().contains("OPENAI_API_KEY"));
}

#[tokio::test]
async fn stopping_an_answer_keeps_what_had_been_written() {
    let desk = Desk::with(Script::SilentAfter(&["It is about"])).await;
    let (sender, mut receiver) = mpsc::channel(64);
    let cancel = CancellationToken::new();
    let ask = desk
        .coach
        .ask(desk.user, asked(None, QUESTION), sender, cancel.clone());
    let listen = async {
        let mut last = None;
        while let Some(event) = receiver.recv().await {
            if matches!(event, CoachEvent::Token { .. }) {
                cancel.cancel();
            }
            last = Some(event);
        }
        last
    };
    let ((), last) = tokio::join!(ask, listen);
    let Some(CoachEvent::Complete { message }) = last else {
        panic!("{last:?}")
    };
    assert_eq!(message.state, MessageState::Cancelled);
    assert_eq!(desk.reloaded().await.text, "It is about");
}

#[tokio::test]
async fn leaving_cancels_the_answer() {
    let desk = Desk::with(Script::SilentAfter(&["It is about"])).await;
    let (sender, mut receiver) = mpsc::channel(64);
    let asked = asked(None, QUESTION);
    let ask = desk
        .coach
        .ask(desk.user, asked, sender, CancellationToken::new());
    let listen =
        async move { while !matches!(receiver.recv().await, Some(CoachEvent::Token { .. })) {} };
    tokio::join!(ask, listen);
    assert_eq!(desk.reloaded().await.state, MessageState::Cancelled);
}

#[tokio::test]
async fn what_the_materials_do_not_cover_is_said_without_asking_the_provider() {
    let desk = Desk::with(Script::Refuses(ChatError::KeyRefused)).await;
    let events = desk.ask(None, "Zugspitze Watzmann Großglockner?").await;
    assert_eq!(names(&events), ["context", "token", "complete"]);
    let reloaded = desk.reloaded().await;
    assert!(
        reloaded
            .text
            .starts_with("Your materials do not cover this")
    );
    assert!(reloaded.passages.is_empty() && reloaded.citations.is_empty());
    let open = figures::unanswered(&desk.db, desk.user, Tz::UTC, 9)
        .await
        .unwrap();
    assert_eq!(open.len(), 1);
    assert_eq!(open[0].text, "Zugspitze Watzmann Großglockner?");
    desk.coach
        .delete(desk.user, open[0].conversation)
        .await
        .unwrap();
    let open = figures::unanswered(&desk.db, desk.user, Tz::UTC, 9)
        .await
        .unwrap();
    assert!(open.is_empty());
}

impl Desk {
    /// The questions the materials could not answer, as they were written.
    async fn open(&self) -> Vec<String> {
        let open = figures::unanswered(&self.db, self.user, Tz::UTC, 9)
            .await
            .unwrap();
        open.into_iter().map(|question| question.text).collect()
    }

    async fn set_state(&self, state: &str) {
        let mut tx = self.db.write().await.unwrap();
        sqlx::query("UPDATE materials SET state = $2 WHERE id = $1")
            .bind(self.material.uuid())
            .bind(state)
            .execute(&mut *tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }
}

#[tokio::test]
async fn an_answer_that_points_nowhere_leaves_its_question_open() {
    for words in [&["It depends."] as &[&str], &["Five litres [7]."]] {
        let desk = Desk::with(Script::Words(words)).await;
        desk.ask(None, QUESTION).await;
        assert_eq!(desk.open().await, [QUESTION], "{words:?}");
    }
    let desk = Desk::with(Script::FailsAfter(&["It is"], ChatError::CutOff)).await;
    desk.ask(None, QUESTION).await;
    assert!(desk.open().await.is_empty(), "a failure says nothing");
}

#[tokio::test]
async fn a_question_is_not_open_while_documents_are_read_or_none_is_there() {
    let desk = Desk::with(Script::Words(&["It depends."])).await;
    for state in ["queued", "reading", "embedding", "failed"] {
        desk.set_state(state).await;
        desk.ask(None, "Zugspitze Watzmann Großglockner?").await;
        desk.ask(None, QUESTION).await;
        assert!(desk.open().await.is_empty(), "{state}");
    }
}

#[tokio::test]
async fn a_question_is_open_once_and_until_it_is_answered() {
    let mut desk = Desk::with(Script::Words(&["It depends."])).await;
    let shouted = format!("  {} ", QUESTION.to_uppercase());
    desk.ask(None, &shouted).await;
    desk.ask(None, "What is cardiac output? Ä").await;
    desk.ask(None, QUESTION).await;
    assert_eq!(desk.open().await, [QUESTION, "What is cardiac output? Ä"]);

    desk.coach = coach(&desk.db, &desk.caches, Script::Words(&["Five litres [1]."]));
    desk.ask(None, "What is cardiac output? ä").await;
    assert_eq!(desk.open().await, [QUESTION]);
    desk.ask(None, &shouted).await;
    assert!(desk.open().await.is_empty());
}

#[tokio::test]
async fn cited_pages_are_counted_as_long_as_their_answers_are_there() {
    let desk = Desk::with(Script::Words(&["Five litres at rest [1]. Five [1]."])).await;
    let cited = async || {
        let pages = figures::cited_pages(&desk.db, desk.user, 9).await.unwrap();
        let of = |page: &CitedPage| (page.material, page.page, page.times);
        pages.iter().map(of).collect::<Vec<_>>()
    };
    desk.ask(None, QUESTION).await;
    desk.ask(None, QUESTION).await;
    assert_eq!(cited().await, [(desk.material, 1, 4)]);
    let last = desk.coach.conversations(desk.user).await.unwrap()[0].id;
    desk.coach.delete(desk.user, last).await.unwrap();
    assert_eq!(cited().await, [(desk.material, 1, 2)]);
    let unanswered = figures::unanswered(&desk.db, desk.user, Tz::UTC, 9)
        .await
        .unwrap();
    assert!(unanswered.is_empty());
}

#[tokio::test]
async fn an_empty_library_says_so() {
    let desk = Desk::with(Script::Words(&["x"])).await;
    let newcomer = Desk {
        user: add_user(&desk.db, &Clock::system(), "c@example.org").await,
        ..desk
    };
    newcomer.ask(None, QUESTION).await;
    let text = newcomer.reloaded().await.text;
    assert!(
        text.contains("there are none in your library yet"),
        "{text}"
    );
}

#[tokio::test]
async fn turns_come_back_in_order_and_the_newest_conversation_first() {
    let desk = Desk::with(Script::Words(&["Five litres [1]."])).await;
    let long = format!("{QUESTION} {}", "very ".repeat(40));
    desk.ask(None, &long).await;
    let first = desk.coach.conversations(desk.user).await.unwrap()[0].clone();
    assert!(first.title.chars().count() <= 80 && first.title.ends_with('…'));
    desk.ask(None, QUESTION).await;
    desk.ask(Some(first.id), "And during exercise, cardiac output?")
        .await;
    let list = desk.coach.conversations(desk.user).await.unwrap();
    assert_eq!((list.len(), list[0].id), (2, first.id));
    let conversation = desk.coach.conversation(desk.user, first.id).await;
    let messages = conversation.unwrap().unwrap().messages;
    let authors: Vec<Author> = messages.iter().map(|m| m.author).collect();
    assert_eq!(
        authors,
        [
            Author::Student,
            Author::Coach,
            Author::Student,
            Author::Coach
        ]
    );
    assert!(desk.coach.delete(desk.user, first.id).await.unwrap());
    assert_eq!(desk.coach.conversations(desk.user).await.unwrap().len(), 1);
}

#[tokio::test]
async fn citations_of_a_deleted_material_are_no_links_any_more() {
    let desk = Desk::with(Script::Words(&["Five litres at rest [1]."])).await;
    desk.ask(None, QUESTION).await;
    let mut tx = desk.db.write().await.unwrap();
    sqlx::query("DELETE FROM materials WHERE id = $1")
        .bind(desk.material.uuid())
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let reloaded = desk.reloaded().await;
    assert!(reloaded.passages.is_empty());
    assert!(!reloaded.citations[0].verified);
    assert!(
        reloaded.html.contains("has been deleted"),
        "{}",
        reloaded.html
    );
}

#[tokio::test]
async fn answers_a_stopped_server_left_half_written_are_settled_at_the_start() {
    let desk = Desk::with(Script::Words(&["Five litres [1]."])).await;
    desk.ask(None, QUESTION).await;
    let mut tx = desk.db.write().await.unwrap();
    sqlx::query("UPDATE messages SET state = 'partial' WHERE author = 'coach'")
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(desk.coach.settle_interrupted().await.unwrap(), 1);
    let reloaded = desk.reloaded().await;
    assert_eq!(reloaded.state, MessageState::Failed);
    assert_eq!(reloaded.problem.as_deref(), Some(INTERRUPTED));
    assert_eq!(reloaded.text, "Five litres [1].");
}

#[tokio::test]
async fn a_question_sent_again_gets_the_answer_it_had_and_is_counted_once() {
    let desk = Desk::with(Script::Words(&["Five litres at rest [1]."])).await;
    let first = desk.send(named()).await;
    let again = desk.send(named()).await;
    assert_eq!(names(&again), ["context", "complete"]);
    assert_eq!(first.last(), again.last());
    let context = |events: &[CoachEvent]| match &events[0] {
        CoachEvent::Context {
            conversation_id,
            question,
            answer_id,
            passages,
            ..
        } => (
            *conversation_id,
            question.clone(),
            *answer_id,
            passages.len(),
        ),
        other => panic!("{other:?}"),
    };
    assert_eq!(context(&first), context(&again));
    assert_eq!(desk.stored().await.len(), 2);
    let mut tx = desk.db.write().await.unwrap();
    let asked: i64 = sqlx::query_scalar("SELECT count(*) FROM events WHERE kind = 'question'")
        .fetch_one(&mut *tx)
        .await
        .unwrap();
    assert_eq!(asked, 1);
}

#[tokio::test]
async fn a_question_whose_answer_broke_off_is_answered_in_its_place() {
    let desk = Desk::with(Script::Refuses(ChatError::CutOff)).await;
    let failed = desk.send(named()).await;
    assert!(matches!(failed.last(), Some(CoachEvent::Error { .. })));
    let again = Desk {
        coach: desk.now_with(Script::Words(&["Five litres at rest [1]."])),
        ..desk
    };
    let events = again.send(named()).await;
    assert_eq!(names(&events), ["context", "token", "citation", "complete"]);
    let stored = again.stored().await;
    let states: Vec<_> = stored.iter().map(|message| message.state).collect();
    assert_eq!(states, [MessageState::Complete; 2]);
}

#[tokio::test]
async fn a_question_that_was_stored_and_not_answered_is_answered_once() {
    let desk = Desk::with(Script::Words(&["Five litres at rest [1]."])).await;
    let kept = desk.coach.store_question(desk.user, &named()).await;
    assert!(!kept.unwrap().is_repeated);
    desk.send(named()).await;
    let stored = desk.stored().await;
    assert_eq!(stored.len(), 2);
    assert_eq!(stored[1].text, "Five litres at rest [1].");
}

#[tokio::test]
async fn a_question_that_is_being_answered_is_not_answered_beside_it() {
    let desk = Desk::with(Script::SilentAfter(&["It is about"])).await;
    let cancel = CancellationToken::new();
    let (sender, mut receiver) = mpsc::channel(64);
    let ask = desk.coach.ask(desk.user, named(), sender, cancel.clone());
    let meanwhile = async {
        while !matches!(receiver.recv().await, Some(CoachEvent::Token { .. })) {}
        let again = desk.send(named()).await;
        cancel.cancel();
        again
    };
    let ((), again) = tokio::join!(ask, meanwhile);
    assert!(
        matches!(&again[..], [CoachEvent::Error { error, message: None }] if error.kind == ErrorKind::Limited),
        "{again:?}"
    );
    assert_eq!(desk.stored().await.len(), 2);
}

#[tokio::test]
async fn two_students_may_call_their_questions_the_same() {
    let desk = Desk::with(Script::Words(&["Five litres at rest [1]."])).await;
    desk.send(named()).await;
    let other = Desk {
        user: add_user(&desk.db, &Clock::system(), "b@example.org").await,
        ..desk
    };
    other.send(named()).await;
    let stored = other.stored().await;
    assert_eq!(stored.len(), 2);
    assert!(stored[1].text.starts_with("Your materials do not cover"));
}
