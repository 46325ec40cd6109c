//! Every change that others must hear of, as one enum: the only source of live events. `publish` is
//! called after the change is committed, never before.
//!
//! What a change makes out of date is not decided here: the rows' generations
//! ([`crate::store::generations`]) change in the transaction that changes the rows.

use app::model::id::{ConversationId, MaterialId, UserId};
use tokio::sync::broadcast;

/// Changes a slow listener may fall behind before it has to read the rows again.
const BACKLOG: usize = 1_024;

/// Something that happened and is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Uploaded, renamed, or moved on in its ingest; what can be searched is the same.
    MaterialChanged {
        user: UserId,
        material: MaterialId,
    },
    /// Its passages or vectors can be searched from now on.
    MaterialSearchable {
        user: UserId,
        material: MaterialId,
    },
    MaterialDeleted {
        user: UserId,
        material: MaterialId,
    },
    /// An answer, whole or in part, is stored.
    AnswerRecorded {
        user: UserId,
        conversation: ConversationId,
    },
    ConversationDeleted {
        user: UserId,
        conversation: ConversationId,
    },
    /// Figures of learning moved, or the days and titles they are shown with.
    FiguresChanged {
        user: UserId,
    },
    /// Something worth being proud of; the id of `analytics::achievements`.
    AchievementUnlocked {
        user: UserId,
        achievement: &'static str,
    },
    /// A session was ended before its time: whoever still listens for it should look again.
    SessionEnded {
        user: UserId,
    },
}

impl Change {
    /// Whose change it is.
    pub const fn user(&self) -> UserId {
        match *self {
            Self::MaterialChanged { user, .. }
            | Self::MaterialSearchable { user, .. }
            | Self::MaterialDeleted { user, .. }
            | Self::AnswerRecorded { user, .. }
            | Self::ConversationDeleted { user, .. }
            | Self::FiguresChanged { user }
            | Self::AchievementUnlocked { user, .. }
            | Self::SessionEnded { user } => user,
        }
    }
}

/// The one place changes pass through.
pub struct Changes {
    sender: broadcast::Sender<Change>,
}

impl Default for Changes {
    fn default() -> Self {
        Self {
            sender: broadcast::Sender::new(BACKLOG),
        }
    }
}

impl Changes {
    /// Tells the listeners.
    pub fn publish(&self, change: Change) {
        // No listener is no failure.
        let _ = self.sender.send(change);
    }

    /// Hears every change from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Change> {
        self.sender.subscribe()
    }
}
