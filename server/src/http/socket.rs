//! The coach's WebSocket, `/api/chat/ws`: questions in, the answer's events out.
//! It knows nothing of how an answer comes about; it carries [`ClientMessage`] and [`CoachEvent`]
//! as JSON text frames between one browser tab, or one of the student's programs, and `coach.ask`.
//!
//! Invariants: at most one question in flight per socket; whoever loses the socket loses the
//! answer's stream (the coach keeps what had been written); no question without a live session or
//! access token.

use super::{
    api::caller::{Credential, Writer},
    problem::Problem,
    state::AppState,
};
use crate::{coach::Asked, limits::in_words};
use app::{
    error::{AppError, ErrorKind},
    model::{
        coach::{ClientMessage, CoachEvent, Question},
        filter::Filter,
        id::{ClientId, ConversationId, UserId},
    },
};
use axum::{
    extract::{
        State,
        ws::{
            CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code,
            rejection::WebSocketUpgradeRejection,
        },
    },
    http::StatusCode,
    response::{IntoResponse, Response},
};
use futures::{
    SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use std::{
    collections::HashMap,
    sync::{LazyLock, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval_at, timeout},
};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Largest message and frame a browser may send, in bytes: 8,000 characters of up to 4 bytes, a filter
/// of 4 KB, room for JSON escapes.
const MESSAGE_MAX_BYTES: usize = 64 * 1024;
/// How often a ping goes out.
const PING_EVERY: Duration = Duration::from_secs(20);
/// How long a socket may stay silent, pongs included, before it counts as gone: three pings.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// How long one frame may wait for a browser that does not read.
const SEND_MAX: Duration = Duration::from_secs(20);
/// Events of an answer that may wait for the socket; a full channel slows the answer down.
const EVENTS_WAITING: usize = 64;
/// How long an answer that is cut short may take to be recorded while the server stops.
const FAREWELL_MAX: Duration = Duration::from_secs(5);
/// Sockets one student may hold open at a time: a tab each.
const SOCKETS_PER_USER: usize = 16;

/// Opens the socket of one tab.
pub async fn coach_socket(
    State(state): State<AppState>,
    Writer {
        profile,
        credential,
    }: Writer,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(rejection) => {
            let status = rejection.status();
            return Problem::new(
                status,
                "The coach is asked over a WebSocket at this address.",
            )
            .into_response();
        }
    };
    let Some(seat) = Seat::take(profile.id) else {
        return Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            format!("The coach is open in {SOCKETS_PER_USER} tabs already. Close one of them."),
        )
        .into_response();
    };
    upgrade
        .max_message_size(MESSAGE_MAX_BYTES)
        .max_frame_size(MESSAGE_MAX_BYTES)
        .on_upgrade(move |socket| async move {
            let (out, incoming) = socket.split();
            let line = Line {
                state,
                user: profile.id,
                credential,
                out,
                in_flight: None,
            };
            line.run(incoming).await;
            drop(seat);
        })
}

/// A socket counted against its student's share, until it is dropped.
struct Seat(UserId);

static SEATS: LazyLock<Mutex<HashMap<UserId, usize>>> = LazyLock::new(Mutex::default);

fn seats() -> MutexGuard<'static, HashMap<UserId, usize>> {
    SEATS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Seat {
    fn take(user: UserId) -> Option<Self> {
        let mut seats = seats();
        let taken = seats.entry(user).or_default();
        (*taken < SOCKETS_PER_USER).then(|| {
            *taken += 1;
            Self(user)
        })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut seats = seats();
        if let Some(taken) = seats.get_mut(&self.0) {
            *taken = taken.saturating_sub(1);
            if *taken == 0 {
                seats.remove(&self.0);
            }
        }
    }
}

/// A question whose answer is being written. Dropping it cancels the answer.
struct InFlight {
    cancel: CancellationToken,
    events: mpsc::Receiver<CoachEvent>,
    /// Whether `complete` or `error` has been relayed.
    ended: bool,
    _cancels_when_dropped: DropGuard,
}

/// Why the socket ends.
enum End {
    /// The browser is gone, or will be told nothing it could use.
    Gone,
    Close(u16, &'static str),
}

/// One open socket.
struct Line {
    state: AppState,
    user: UserId,
    credential: Credential,
    out: SplitSink<WebSocket, Message>,
    in_flight: Option<InFlight>,
}

impl Line {
    async fn run(mut self, mut incoming: SplitStream<WebSocket>) {
        let stopping = self.state.stopping.clone();
        let mut last_heard = Instant::now();
        let mut pings = interval_at(last_heard + PING_EVERY, PING_EVERY);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let end = loop {
            let step = tokio::select! {
                () = stopping.cancelled() => {
                    self.finish_recording().await;
                    Err(End::Close(close_code::AWAY, "The server is stopping."))
                }
                message = incoming.next() => {
                    last_heard = Instant::now();
                    match message {
                        Some(Ok(message)) => self.hear(message).await,
                        Some(Err(error)) => Err(broken(&error)),
                        None => Err(End::Gone),
                    }
                }
                event = next_event(&mut self.in_flight) => self.relay(event).await,
                _ = pings.tick() => {
                    if last_heard.elapsed() >= SILENCE_MAX {
                        Err(End::Gone)
                    } else {
                        self.send(Message::Ping(bytes::Bytes::new())).await
                    }
                }
            };
            if let Err(end) = step {
                break end;
            }
        };
        // Cancels an answer that nobody reads any more; the coach records what there is of it.
        self.in_flight = None;
        if let End::Close(code, reason) = end {
            let frame = CloseFrame {
                code,
                reason: reason.into(),
            };
            let _ = self.send(Message::Close(Some(frame))).await;
        }
    }

    async fn hear(&mut self, message: Message) -> Result<(), End> {
        match message {
            Message::Text(text) => match serde_json::from_str(text.as_str()) {
                Ok(ClientMessage::UserMessage {
                    user_id: Some(user),
                    ..
                }) if user != self.user => self.refuse(not_hers()).await,
                Ok(ClientMessage::UserMessage {
                    conversation_id,
                    content,
                    filter,
                    client_id,
                    user_id: _,
                }) => self.ask(conversation_id, &content, filter, client_id).await,
                Ok(ClientMessage::Cancel) => {
                    if let Some(answer) = &self.in_flight {
                        answer.cancel.cancel();
                    }
                    Ok(())
                }
                Err(_) => {
                    self.refuse(AppError::invalid(
                        "That message could not be read. Reload the page and try again.",
                    ))
                    .await
                }
            },
            Message::Binary(_) => Err(End::Close(
                close_code::UNSUPPORTED,
                "Only text is read here.",
            )),
            Message::Close(_) => Err(End::Gone),
            // The library answers pings itself.
            Message::Ping(_) | Message::Pong(_) => Ok(()),
        }
    }

    async fn ask(
        &mut self,
        conversation: Option<ConversationId>,
        content: &str,
        filter: Filter,
        client_id: Option<ClientId>,
    ) -> Result<(), End> {
        if self.in_flight.is_some() {
            return self
                .refuse(AppError::new(
                    ErrorKind::Limited,
                    "One question at a time: wait for this answer, or stop it first.",
                ))
                .await;
        }
        match self.credential.may_write(&self.state.accounts).await {
            Ok(true) => {}
            Ok(false) => {
                self.refuse(AppError::signed_out()).await?;
                return Err(End::Close(close_code::POLICY, "Signed out."));
            }
            Err(error) => {
                let error = crate::services::told(
                    ErrorKind::Unavailable,
                    "The server could not check who you are. Try again in a moment.",
                    &error,
                );
                return self.refuse(error).await;
            }
        }
        let asked = Question::parse(content).and_then(|question| {
            Ok(Asked {
                conversation,
                question,
                filter: filter.checked()?,
                client_id,
            })
        });
        let asked = match asked {
            Ok(asked) => asked,
            Err(error) => return self.refuse(error).await,
        };
        if let Err(wait) = self.state.limits.questions.take(&self.user) {
            return self
                .refuse(AppError::new(
                    ErrorKind::Limited,
                    format!(
                        "That is more than {} questions in a minute. Ask again {}.",
                        self.state.config.rates.questions_per_minute,
                        in_words(wait),
                    ),
                ))
                .await;
        }
        let (sender, events) = mpsc::channel(EVENTS_WAITING);
        let cancel = CancellationToken::new();
        let coach = self.state.coach.clone();
        let (user, token) = (self.user, cancel.clone());
        tokio::spawn(async move {
            coach.ask(user, asked, sender, token).await;
        });
        self.in_flight = Some(InFlight {
            _cancels_when_dropped: cancel.clone().drop_guard(),
            cancel,
            events,
            ended: false,
        });
        Ok(())
    }

    /// Passes one event of the answer on; `None` means that no more will come.
    async fn relay(&mut self, event: Option<CoachEvent>) -> Result<(), End> {
        let Some(event) = event else {
            let ended = self.in_flight.take().is_none_or(|answer| answer.ended);
            if ended {
                return Ok(());
            }
            let error = crate::services::told(
                ErrorKind::Internal,
                "The coach stopped without an answer. Ask again; if it stays, look at the server's log.",
                &"the answer's task ended without a last event",
            );
            return self.refuse(error).await;
        };
        if let Some(answer) = &mut self.in_flight {
            answer.ended |= is_last(&event);
        }
        self.send_event(&event).await
    }

    /// Stops the answer and waits, briefly, until the coach has recorded it.
    async fn finish_recording(&mut self) {
        let Some(mut answer) = self.in_flight.take() else {
            return;
        };
        answer.cancel.cancel();
        let _ = timeout(FAREWELL_MAX, async {
            while let Some(event) = answer.events.recv().await {
                if self.send_event(&event).await.is_err() {
                    break;
                }
            }
        })
        .await;
    }

    async fn refuse(&mut self, error: AppError) -> Result<(), End> {
        self.send_event(&CoachEvent::Error {
            error,
            message: None,
        })
        .await
    }

    async fn send_event(&mut self, event: &CoachEvent) -> Result<(), End> {
        match serde_json::to_string(event) {
            Ok(json) => self.send(Message::Text(json.into())).await,
            Err(error) => {
                tracing::error!(%error, "an event could not be written as JSON");
                Err(End::Close(close_code::ERROR, "The server failed."))
            }
        }
    }

    async fn send(&mut self, message: Message) -> Result<(), End> {
        match timeout(SEND_MAX, self.out.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(End::Gone),
        }
    }
}

/// What a question is answered that was meant for another account.
fn not_hers() -> AppError {
    AppError::new(
        ErrorKind::SignedOut,
        "Somebody else is signed in by now. Sign in again to have this question asked.",
    )
}

/// The next event of the answer, `None` when its task is done; waits forever without an answer.
async fn next_event(in_flight: &mut Option<InFlight>) -> Option<CoachEvent> {
    match in_flight {
        Some(answer) => answer.events.recv().await,
        None => std::future::pending().await,
    }
}

const fn is_last(event: &CoachEvent) -> bool {
    matches!(
        event,
        CoachEvent::Complete { .. } | CoachEvent::Error { .. }
    )
}

/// What a failed read means: a message over the limit is told, anything else is a lost connection.
fn broken(error: &axum::Error) -> End {
    use std::error::Error;

    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.to_string().contains("too long") {
            return End::Close(close_code::SIZE, "That message is too long.");
        }
        cause = error.source();
    }
    End::Gone
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_student_holds_a_bounded_number_of_sockets_and_gets_them_back() {
        let user = UserId::new(uuid::Uuid::from_u128(0x50c7));
        let held: Vec<_> = std::iter::from_fn(|| Seat::take(user)).collect();
        assert_eq!(held.len(), SOCKETS_PER_USER);
        drop(held);
        assert!(Seat::take(user).is_some());
        assert!(
            !seats().contains_key(&user),
            "nobody is remembered without a socket"
        );
    }
}
