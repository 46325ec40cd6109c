//! Who is signed in, and the programs that may ask in her name.

use super::id::{TokenId, UserId};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// What an account may do on this server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The first account: may also read `/metrics` from anywhere.
    Owner,
    /// Everybody else.
    Student,
}

/// The signed-in student, as pages show her.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    pub id: UserId,
    /// Lower case, as stored.
    pub email: String,
    pub role: Role,
    /// IANA name, e.g. `Europe/Berlin`; days and streaks are counted in it.
    pub time_zone: String,
}

/// Most characters the name of an access token may hold.
pub const TOKEN_NAME_MAX_CHARS: usize = 60;

/// What a program may do with its access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenScope {
    /// Look at everything and search, change nothing.
    Read,
    /// The same, and upload, delete and ask the coach.
    Write,
}

/// One access token as the settings show it; its text is shown only when it is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessToken {
    pub id: TokenId,
    /// What the student called it.
    pub name: String,
    pub scope: TokenScope,
    pub created_at: DateTime<Utc>,
    /// To the hour; `None` until its first use.
    pub last_used_at: Option<DateTime<Utc>>,
}
