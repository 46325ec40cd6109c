//! Session tokens: random, handed to the browser once, kept only as a hash.
//! It knows no cookie and no database.

use crate::store::accounts::TokenHash;
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use sha2::{Digest as _, Sha256};
use std::fmt;

/// A session unused for this long has ended.
pub const SESSION_IDLE: TimeDelta = TimeDelta::days(30);
/// A session's last use is written down at most this often, to spare the disk.
pub const SESSION_TOUCH: TimeDelta = TimeDelta::hours(1);
/// 256 bits, in bytes.
const TOKEN_BYTES: usize = 32;

/// What the browser holds. Never shown, never stored.
#[derive(Clone)]
pub struct SessionToken(String);

impl SessionToken {
    /// A fresh random token.
    ///
    /// # Errors
    /// When the machine gives no randomness.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0_u8; TOKEN_BYTES];
        getrandom::fill(&mut bytes)?;
        Ok(Self(BASE64_URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// A token as a cookie carries it; `None` for anything no server would have handed out.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        (bytes.len() == TOKEN_BYTES).then(|| Self(text.to_owned()))
    }

    /// For the cookie.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// For the database.
    pub fn hash(&self) -> TokenHash {
        Sha256::digest(self.0.as_bytes()).into()
    }
}

impl fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionToken")
    }
}
