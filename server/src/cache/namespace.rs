//! The namespaces: for each how long its values are kept, what ends them, and whether deriving one is
//! so costly that servers wait for one another.

use crate::store::generations::Scope;
use std::time::Duration;

/// What kind of thing is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Namespace {
    /// What a question found in the student's materials.
    Rag,
    /// Figures of study time, XP and streaks.
    Analytics,
    /// The list of materials.
    Materials,
    /// The account.
    Profile,
    /// Conversations: their list, as pages, and as context of the next question.
    Conversation,
    /// Vectors of questions and passages.
    Embedding,
    /// Text taken out of documents.
    Extracted,
}

impl Namespace {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Rag,
        Self::Analytics,
        Self::Materials,
        Self::Profile,
        Self::Conversation,
        Self::Embedding,
        Self::Extracted,
    ];

    /// As it stands in keys, metrics and settings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rag => "rag",
            Self::Analytics => "analytics",
            Self::Materials => "materials",
            Self::Profile => "profile",
            Self::Conversation => "conversation",
            Self::Embedding => "embedding",
            Self::Extracted => "extracted",
        }
    }

    /// The namespace of a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }

    /// What its values hang on. Exhaustive on purpose: a new namespace has to answer it.
    pub const fn scope(self) -> Scope {
        match self {
            Self::Rag => Scope::Search,
            Self::Analytics => Scope::Activity,
            Self::Materials => Scope::Materials,
            Self::Profile => Scope::Profile,
            Self::Conversation => Scope::Conversations,
            Self::Embedding | Self::Extracted => Scope::Removal,
        }
    }

    /// The others that end whenever this one does.
    pub fn ending_with(self) -> impl Iterator<Item = Self> {
        Self::ALL
            .into_iter()
            .filter(move |other| *other != self && other.scope() == self.scope())
    }

    /// How long a value is kept unless a setting says otherwise.
    pub const fn ttl(self) -> Duration {
        const MINUTE: u64 = 60;
        const HOUR: u64 = 60 * MINUTE;
        Duration::from_secs(match self {
            Self::Rag => HOUR,
            Self::Analytics => MINUTE,
            Self::Materials => 5 * MINUTE,
            Self::Profile => 2 * MINUTE,
            Self::Conversation => 15 * MINUTE,
            Self::Embedding | Self::Extracted => 24 * HOUR,
        })
    }

    /// Whether deriving a value costs more than asking Redis who is at it. A question's vector is
    /// derived within what the question finds, and a document's text by whoever holds its job.
    pub const fn is_costly(self) -> bool {
        matches!(self, Self::Rag)
    }

    /// Whether servers share its values through Redis. Whole texts stay in the process, which can forget
    /// them when the student deletes the document.
    pub const fn is_shared(self) -> bool {
        !matches!(self, Self::Extracted)
    }

    /// Whether reading documents makes more of it than anybody asks for soon.
    pub const fn is_bulk(self) -> bool {
        matches!(self, Self::Embedding | Self::Extracted)
    }

    pub(super) const fn index(self) -> usize {
        self as usize
    }
}

/// How long values are kept, by namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ttls([Duration; Namespace::ALL.len()]);

impl Default for Ttls {
    fn default() -> Self {
        Self(Namespace::ALL.map(Namespace::ttl))
    }
}

impl Ttls {
    /// How long a value of this namespace is kept.
    pub const fn of(&self, namespace: Namespace) -> Duration {
        self.0[namespace.index()]
    }

    /// Keeps values of this namespace so long.
    pub const fn set(&mut self, namespace: Namespace, ttl: Duration) {
        self.0[namespace.index()] = ttl;
    }
}
