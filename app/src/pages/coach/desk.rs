//! What happens on the coach page: asking, hearing the answer, and what to do when the line breaks.
//! It draws nothing. Everything here is signals, so a `Desk` can be copied into any closure.
//!
//! Over 400 lines because it is one state machine: each stage says what every event means in it.
//!
//! Invariant: what the student typed is either in the composer, in the exchange on screen, or
//! stored by the server; a failure moves it back to the composer.

use super::{Place, Stored, Summaries, exchange::Exchange, narrowing::Choice};
use crate::{
    browser::{
        offline::{self, Left},
        socket::{CoachLine, LineEvent},
    },
    error::{AppError, ErrorKind},
    model::{
        coach::{
            Author, Citation, ClientMessage, CoachEvent, Message, MessageState, PagesSoFar,
            Passage, Question,
        },
        filter::Filter,
        id::{ConversationId, MessageId},
    },
};
use leptos::prelude::*;
use leptos_router::{NavigateOptions, hooks::use_navigate};
use std::time::Duration;
use wasm_bindgen_futures::spawn_local;

/// How often a conversation whose last answer is not finished is read again: after a reload in the
/// middle of an answer the server needs a moment to file what there is of it.
const LOOKS: u8 = 5;
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(700);

/// Where the exchange under way stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Nothing is under way.
    Idle,
    /// A question is sent; the server has not taken it up yet.
    Asking,
    /// The answer is being written.
    Answering,
    /// The line broke in the middle of the answer.
    Broken,
}

/// How the line to the server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    Fine,
    Retrying,
    Down,
}

/// The exchange under way.
#[derive(Clone, Copy)]
pub struct Live {
    /// As it was sent.
    pub asked: RwSignal<String>,
    /// As the server stored it.
    pub question: RwSignal<Option<Message>>,
    pub answer_id: RwSignal<Option<MessageId>>,
    pub text: RwSignal<String>,
    pub passages: RwSignal<Vec<Passage>>,
    /// Those that are checked and good.
    pub cited: RwSignal<Vec<Citation>>,
    pub provider: RwSignal<String>,
    pub note: RwSignal<Option<String>>,
    /// What could be searched when it was asked.
    pub so_far: RwSignal<Option<PagesSoFar>>,
}

impl Live {
    /// What it was narrowed to, in words, tracked.
    pub fn narrowed(self) -> Option<String> {
        self.question.with(|question| {
            let narrowed = question.as_ref()?.narrowed.as_ref()?;
            Some(narrowed.words.clone())
        })
    }
}

/// The state of the page.
#[derive(Clone, Copy)]
pub struct Desk {
    /// Which stored conversation is loaded; changing it loads another.
    loaded: RwSignal<Place>,
    /// The conversation the next question belongs to.
    pub conversation: RwSignal<Option<ConversationId>>,
    pub stored: Stored,
    pub summaries: Summaries,
    /// Exchanges that ended since the conversation was loaded.
    pub recent: RwSignal<Vec<Exchange>>,
    pub live: Live,
    pub stage: RwSignal<Stage>,
    pub link: RwSignal<Link>,
    /// What is in the composer.
    pub draft: RwSignal<String>,
    /// What the next question is asked of.
    pub choice: Choice,
    /// Why the last question did not work out, when no answer on screen says so.
    pub problem: RwSignal<Option<AppError>>,
    /// The answer whose sources are shown; the last one if none was chosen.
    pub selected: RwSignal<Option<MessageId>>,
    /// The source a citation under the pointer or the focus belongs to.
    pub hinted: RwSignal<Option<u32>>,
    /// Whether script is running: nothing can be asked before.
    pub awake: RwSignal<bool>,
    line: StoredValue<Option<CoachLine>>,
    /// The last question, until the server has taken it up: sent again, it bears the same id.
    unheard: StoredValue<Option<ClientMessage>>,
    /// Whether the question under way is such a one.
    sent_again: StoredValue<bool>,
    /// Whether the server may know more of this conversation than the page does.
    stale: StoredValue<bool>,
    /// Times the conversation may still be read again for its unfinished answer.
    looks: StoredValue<u8>,
    navigate: Callback<(String, bool)>,
}

impl Desk {
    pub fn new(loaded: RwSignal<Place>, stored: Stored, summaries: Summaries) -> Self {
        let navigate = use_navigate();
        Self {
            loaded,
            conversation: RwSignal::new(loaded.get_untracked().conversation()),
            stored,
            summaries,
            recent: RwSignal::default(),
            live: Live {
                asked: RwSignal::default(),
                question: RwSignal::default(),
                answer_id: RwSignal::default(),
                text: RwSignal::default(),
                passages: RwSignal::default(),
                cited: RwSignal::default(),
                provider: RwSignal::default(),
                note: RwSignal::default(),
                so_far: RwSignal::default(),
            },
            stage: RwSignal::new(Stage::Idle),
            link: RwSignal::new(Link::Fine),
            draft: RwSignal::default(),
            choice: Choice::everything(),
            problem: RwSignal::default(),
            selected: RwSignal::default(),
            hinted: RwSignal::default(),
            awake: RwSignal::new(false),
            line: StoredValue::new(None),
            unheard: StoredValue::new(None),
            sent_again: StoredValue::new(false),
            stale: StoredValue::new(false),
            looks: StoredValue::new(LOOKS),
            navigate: Callback::new(move |(path, replace): (String, bool)| {
                let options = NavigateOptions {
                    replace,
                    scroll: !replace,
                    ..NavigateOptions::default()
                };
                navigate(&path, options);
            }),
        }
    }

    /// Opens the line to the server; an answer that was under way on an earlier one is cancelled.
    pub fn open(self) {
        let line = CoachLine::open(move |event| self.hear(event));
        self.line.set_value(Some(line));
        self.awake.set(true);
    }

    /// Closes the line; the server then stops writing and keeps what it has.
    pub fn close(self) {
        if let Some(line) = self.line.try_get_value().flatten() {
            line.close();
        }
    }

    /// Follows the address. The address of the conversation at hand changes nothing: it only got
    /// its name.
    pub fn go_to(self, place: Place) {
        let here = self.conversation.get_untracked();
        if place.conversation() == here && (here.is_some() || place == self.loaded.get_untracked())
        {
            return;
        }
        if self.is_busy_untracked() {
            self.open();
        }
        self.conversation.set(place.conversation());
        self.recent.set(Vec::new());
        self.stage.set(Stage::Idle);
        self.problem.set(None);
        self.selected.set(None);
        self.hinted.set(None);
        self.looks.set_value(LOOKS);
        // A stored conversation brings its own.
        self.choice.take_up(None);
        self.loaded.set(place);
    }

    /// Leaves a conversation that is gone.
    pub fn leave(self) {
        self.navigate.run(("/coach".to_owned(), false));
    }

    /// Whether an answer is awaited or being written.
    pub fn is_busy(self) -> bool {
        matches!(self.stage.get(), Stage::Asking | Stage::Answering)
    }

    fn is_busy_untracked(self) -> bool {
        untrack(move || self.is_busy())
    }

    /// Sends what is in the composer.
    pub fn send(self) {
        if self.is_busy_untracked() {
            return;
        }
        let draft = self.draft.get_untracked();
        if draft.trim().is_empty() {
            return;
        }
        if self.ask(&draft) {
            self.draft.set(String::new());
        }
    }

    /// Asks a question; false when it could not even be sent, and then `problem` says why.
    pub fn ask(self, text: &str) -> bool {
        if self.is_busy_untracked() {
            return false;
        }
        let filter = self.choice.filter.get_untracked();
        let (question, filter) =
            match Question::parse(text).and_then(|question| Ok((question, filter.checked()?))) {
                Ok(asked) => asked,
                Err(error) => {
                    self.problem.set(Some(error));
                    return false;
                }
            };
        let Some(line) = self.line.get_value() else {
            self.problem.set(Some(unreachable()));
            return false;
        };
        let message = self.message(&question, filter);
        let is_again = self.unheard.get_value().as_ref() == Some(&message);
        self.sent_again.set_value(is_again);
        self.unheard.set_value(Some(message.clone()));
        if let Some(left) = offline::leave_question(&message, line.is_open()) {
            spawn_local(async move { self.placed(left.await, line, &message) });
        } else if !line.send(&message) {
            self.problem.set(Some(unreachable()));
            return false;
        }
        self.problem.set(None);
        self.selected.set(None);
        self.live.asked.set(question.as_str().to_owned());
        self.live.question.set(None);
        self.live.answer_id.set(None);
        self.live.text.set(String::new());
        self.live.passages.set(Vec::new());
        self.live.cited.set(Vec::new());
        self.live.provider.set(String::new());
        self.live.note.set(None);
        self.live.so_far.set(None);
        self.stage.set(Stage::Asking);
        true
    }

    /// The message of a question; the same words once more are the same question as long as nobody
    /// knows whether the server has it.
    fn message(self, question: &Question, filter: Filter) -> ClientMessage {
        let with = |client_id| ClientMessage::UserMessage {
            conversation_id: self.conversation.get_untracked(),
            content: question.as_str().to_owned(),
            filter: filter.clone(),
            client_id,
            user_id: None,
        };
        let last = self.unheard.get_value();
        let again = match &last {
            Some(ClientMessage::UserMessage { client_id, .. }) => with(*client_id),
            _ => with(None),
        };
        if last.as_ref() == Some(&again) {
            again
        } else {
            with(offline::client_id())
        }
    }

    /// Goes on with a question that did not go out at once.
    fn placed(self, left: Left, line: CoachLine, message: &ClientMessage) {
        // She may have gone elsewhere meanwhile, or have the question back.
        let is_awaited = self.stage.try_get_untracked() == Some(Stage::Asking)
            && self.unheard.get_value().as_ref() == Some(message);
        if !is_awaited {
            return;
        }
        match left {
            Left::Kept => {
                self.unheard.set_value(None);
                self.stage.set(Stage::Idle);
            }
            Left::Refused => self.give_back(),
            Left::Reachable if line.send(message) => {}
            Left::Reachable => {
                self.give_back();
                self.problem.set(Some(unreachable()));
            }
        }
    }

    /// Stops the answer; what has arrived stays.
    pub fn stop(self) {
        let Some(line) = self.line.get_value() else {
            return;
        };
        if self.stage.get_untracked() == Stage::Asking && line.take_back() {
            self.give_back();
        } else {
            line.send(&ClientMessage::Cancel);
        }
    }

    /// Moves a question that did not get through back into the composer.
    fn give_back(self) {
        let asked = self.live.asked.get_untracked();
        self.draft.update(|draft| {
            if draft.trim().is_empty() {
                *draft = asked;
            } else {
                draft.insert_str(0, "\n\n");
                draft.insert_str(0, &asked);
            }
        });
        self.stage.set(Stage::Idle);
    }

    fn hear(self, event: LineEvent) {
        // The page may be gone while its last message is still on the way.
        if self.stage.try_get_untracked().is_none() {
            return;
        }
        match event {
            LineEvent::Opened => {
                self.link.set(Link::Fine);
                if self.stale.get_value() {
                    self.stale.set_value(false);
                    self.reload();
                }
            }
            LineEvent::Heard(event) => self.take(event),
            LineEvent::Broken { waiting } => {
                self.link.set(Link::Retrying);
                self.interrupted(waiting);
            }
            LineEvent::GivenUp => {
                self.link.set(Link::Down);
                if self.stage.get_untracked() == Stage::Asking {
                    self.give_back();
                }
            }
            LineEvent::SignedOut => {
                self.interrupted(false);
                self.problem.set(Some(AppError::signed_out()));
            }
        }
    }

    fn interrupted(self, waiting: bool) {
        match self.stage.get_untracked() {
            Stage::Asking if waiting => {}
            Stage::Asking => {
                self.give_back();
                self.stale.set_value(true);
                self.problem.set(Some(AppError::new(
                    ErrorKind::Unavailable,
                    "The connection was lost before the answer began. Your question is back in the box.",
                )));
            }
            Stage::Answering => {
                self.stale.set_value(true);
                self.stage.set(Stage::Broken);
            }
            Stage::Idle | Stage::Broken => {}
        }
    }

    /// Reads the conversation again in a moment, because its last answer is not finished.
    pub fn look_again(self) {
        let looks = self.looks.get_value();
        if looks == 0 {
            return;
        }
        self.looks.set_value(looks - 1);
        let place = self.loaded.get_untracked();
        set_timeout(
            move || {
                let is_still_here = self.loaded.try_get_untracked() == Some(place);
                if is_still_here && self.stage.get_untracked() == Stage::Idle {
                    self.stored.refetch();
                }
            },
            LOOK_AGAIN_AFTER,
        );
    }

    /// Reads the conversation again from the server.
    fn reload(self) {
        self.summaries.refetch();
        let here = self
            .conversation
            .get_untracked()
            .map_or(Place::New, Place::Stored);
        if self.loaded.get_untracked() == here {
            self.stored.refetch();
        } else {
            self.loaded.set(here);
        }
    }

    fn take(self, event: CoachEvent) {
        match (event, self.stage.get_untracked()) {
            (
                CoachEvent::Context {
                    conversation_id,
                    question,
                    answer_id,
                    provider,
                    passages,
                    note,
                    so_far,
                },
                Stage::Asking,
            ) => {
                self.unheard.set_value(None);
                self.live.question.set(Some(*question));
                self.live.answer_id.set(Some(answer_id));
                self.live.provider.set(provider);
                self.live.passages.set(passages);
                self.live.note.set(note);
                self.live.so_far.set(so_far);
                self.stage.set(Stage::Answering);
                self.summaries.refetch();
                if self.conversation.get_untracked() != Some(conversation_id) {
                    self.conversation.set(Some(conversation_id));
                    let address = "/coach/".to_owned() + &conversation_id.to_string();
                    self.navigate.run((address, true));
                }
            }
            (CoachEvent::Token { text }, Stage::Answering) => {
                self.live.text.update(|answer| answer.push_str(&text));
            }
            (CoachEvent::Citation { citation }, Stage::Answering) if citation.verified => {
                self.live.cited.update(|cited| cited.push(citation));
            }
            (CoachEvent::Complete { message }, Stage::Answering) => self.ended(*message),
            (CoachEvent::Error { error, message }, Stage::Answering) => {
                let mut message = message.map_or_else(|| self.unfinished(), |message| *message);
                message.problem.get_or_insert(error.message);
                message.state = MessageState::Failed;
                self.ended(message);
            }
            (CoachEvent::Error { error, .. }, Stage::Asking) => {
                self.give_back();
                self.problem.set(Some(error));
            }
            (CoachEvent::Error { error, .. }, Stage::Idle | Stage::Broken) => {
                self.problem.set(Some(error));
            }
            // Late words of an answer that is no longer on screen.
            _ => {}
        }
    }

    fn ended(self, answer: Message) {
        let exchange = Exchange {
            question: self.live.question.get_untracked(),
            answer: Some(answer),
        };
        self.stage.set(Stage::Idle);
        self.recent.update(|recent| recent.push(exchange));
        if self.sent_again.get_value() {
            // It stands there already, with what its answer was then.
            self.reload();
        }
    }

    /// What has arrived of an answer that the server could not store.
    fn unfinished(self) -> Message {
        let question = self.live.question.get_untracked();
        Message {
            // An answer is never taken up without its question.
            id: self
                .live
                .answer_id
                .get_untracked()
                .or(question.as_ref().map(|question| question.id))
                .unwrap_or(MessageId::new(uuid::Uuid::nil())),
            author: Author::Coach,
            state: MessageState::Failed,
            text: self.live.text.get_untracked(),
            narrowed: None,
            html: String::new(),
            provider: self.live.provider.get_untracked(),
            problem: None,
            note: self.live.note.get_untracked(),
            passages: self.live.passages.get_untracked(),
            citations: Vec::new(),
            created_at: question
                .map_or(chrono::DateTime::UNIX_EPOCH, |question| question.created_at),
        }
    }
}

fn unreachable() -> AppError {
    AppError::new(
        ErrorKind::Unavailable,
        "The question could not be sent: the server cannot be reached. Your text stays in the box; try again in a moment.",
    )
}
