//! Every change that others must hear of, as one enum: the only source of invalidation and of live
//! events. `publish` is called after the change is committed, never before.
//!
//! Invalidation is by generations: whoever keeps something derived keeps the generation it read
//! *before* starting to derive, and throws the value away when the generation has moved on.

use app::model::id::{ConversationId, MaterialId, UserId};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};
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
    /// Study time, XP or the streak moved.
    ActivityRecorded {
        user: UserId,
    },
    /// A session was ended before its time: whoever still listens for it should look again.
    SessionEnded {
        user: UserId,
    },
}

/// What derived values hang on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The passages and vectors that can be searched.
    Search,
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
            | Self::ActivityRecorded { user }
            | Self::SessionEnded { user } => user,
        }
    }

    /// The scopes this change ends. Exhaustive on purpose: a new variant has to answer it.
    const fn ends(&self) -> &'static [Scope] {
        match self {
            Self::MaterialSearchable { .. } | Self::MaterialDeleted { .. } => &[Scope::Search],
            Self::MaterialChanged { .. }
            | Self::AnswerRecorded { .. }
            | Self::ConversationDeleted { .. }
            | Self::ActivityRecorded { .. }
            | Self::SessionEnded { .. } => &[],
        }
    }
}

/// The one place changes pass through.
pub struct Changes {
    sender: broadcast::Sender<Change>,
    generations: Mutex<HashMap<(UserId, Scope), u64>>,
}

impl Default for Changes {
    fn default() -> Self {
        Self {
            sender: broadcast::Sender::new(BACKLOG),
            generations: Mutex::default(),
        }
    }
}

impl Changes {
    /// Ends what hung on the old state, then tells the listeners.
    pub fn publish(&self, change: Change) {
        {
            let mut generations = self
                .generations
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            for scope in change.ends() {
                *generations.entry((change.user(), *scope)).or_default() += 1;
            }
        }
        // No listener is no failure.
        let _ = self.sender.send(change);
    }

    /// The generation of a user's scope; read it before starting work that depends on the scope.
    pub fn generation(&self, user: UserId, scope: Scope) -> u64 {
        self.generations
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&(user, scope))
            .copied()
            .unwrap_or_default()
    }

    /// Hears every change from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Change> {
        self.sender.subscribe()
    }
}
