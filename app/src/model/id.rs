//! Ids as types, so that a material's id can never be passed where a conversation's is meant.
//! Values are UUIDv7, minted by the server's clock; the browser only carries them, but for [`ClientId`].

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps an id that was minted or read from the database.
            pub const fn new(id: Uuid) -> Self {
                Self(id)
            }

            /// The bare UUID, for binding to a query.
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::try_parse(text).map(Self)
            }
        }
    };
}

id!(/// A student's account.
    UserId);
id!(/// An uploaded document.
    MaterialId);
id!(/// A file on its way to the server.
    UploadId);
id!(/// A thread of questions and answers with the coach.
    ConversationId);
id!(/// A token a student gave to one of her programs.
    TokenId);
id!(/// One question or one answer in a conversation.
    MessageId);
id!(/// What the browser or program that asks a question calls it, so that it can send it again: a random
    /// UUID of its own.
    ClientId);
