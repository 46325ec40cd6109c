//! Who is signed in.

use super::id::UserId;
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
