//! Access tokens: made by a student for her own programs, shown once, kept only as a hash.
//! It knows no header and no route.
//!
//! A changed password leaves them alone: they were not derived from it, and scripts should not fall
//! silent over it. Revoking one is a click in the settings.

use super::{AccountError, Accounts, sessions::SESSION_TOUCH};
use crate::store::{
    access_tokens::{self as rows, NewToken, Opened},
    accounts::TokenHash,
};
use app::model::{
    account::{AccessToken, TOKEN_NAME_MAX_CHARS, TokenScope},
    id::{TokenId, UserId},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};
use std::fmt;

/// Tokens one student may have: one for every program she could look after.
pub const TOKENS_PER_USER: u32 = 20;
/// What every token begins with, so that scanners recognise one that was published by mistake.
const PREFIX: &str = "studyin_";
/// 256 bits, in bytes.
const TOKEN_BYTES: usize = 32;

/// The text a program shows. Never stored.
#[derive(Clone)]
pub struct TokenText(String);

impl TokenText {
    /// A fresh random token.
    ///
    /// # Errors
    /// When the machine gives no randomness.
    fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0_u8; TOKEN_BYTES];
        getrandom::fill(&mut bytes)?;
        Ok(Self(
            PREFIX.to_owned() + &BASE64_URL_SAFE_NO_PAD.encode(bytes),
        ))
    }

    /// A token as a header carries it; `None` for anything no server would have handed out.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = BASE64_URL_SAFE_NO_PAD
            .decode(text.strip_prefix(PREFIX)?)
            .ok()?;
        (bytes.len() == TOKEN_BYTES).then(|| Self(text.to_owned()))
    }

    /// For the one page that shows it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// For the database.
    pub fn hash(&self) -> TokenHash {
        Sha256::digest(self.0.as_bytes()).into()
    }
}

impl fmt::Debug for TokenText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenText")
    }
}

impl Accounts {
    /// Makes a token for one of the student's programs.
    ///
    /// # Errors
    /// `Invalid` for a name that breaks a rule, `TooManyTokens` past [`TOKENS_PER_USER`], or when the
    /// database fails.
    pub async fn create_token(
        &self,
        user: UserId,
        name: &str,
        scope: TokenScope,
    ) -> Result<TokenText, AccountError> {
        let name: String = name.split_whitespace().collect::<Vec<_>>().join(" ");
        let name: String = name.chars().filter(|c| !c.is_control()).collect();
        if name.is_empty() {
            return Err(AccountError::Invalid("Give the token a name."));
        }
        if name.chars().count() > TOKEN_NAME_MAX_CHARS {
            return Err(AccountError::Invalid(
                "That name is too long. Use at most 60 characters.",
            ));
        }
        let text = TokenText::random().map_err(|_| AccountError::NoRandomness)?;
        let token = NewToken {
            id: TokenId::new(self.clock.new_id()),
            user,
            name: &name,
            hash: &text.hash(),
            scope,
            created_at: self.clock.now(),
        };
        if !rows::insert(&self.db, &token, TOKENS_PER_USER).await? {
            return Err(AccountError::TooManyTokens);
        }
        tracing::info!(user.id = %user, token.id = %token.id, "account.token_created");
        Ok(text)
    }

    /// The student's tokens, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn access_tokens(&self, user: UserId) -> Result<Vec<AccessToken>, AccountError> {
        Ok(rows::list(&self.db, user).await?)
    }

    /// Revokes one of the student's tokens; false when there is none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn revoke_token(&self, user: UserId, id: TokenId) -> Result<bool, AccountError> {
        let revoked = rows::delete(&self.db, user, id).await?;
        if revoked {
            tracing::info!(user.id = %user, token.id = %id, "account.token_revoked");
        }
        Ok(revoked)
    }

    /// Whose token it is and what it opens; also notes, now and then, that it was used. `None` for
    /// one that is unknown or revoked.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn open_with(&self, token: &TokenText) -> Result<Option<Opened>, AccountError> {
        let hash = token.hash();
        let Some(opened) = rows::find(&self.db, &hash).await? else {
            return Ok(None);
        };
        let now = self.clock.now();
        let is_old = opened
            .last_used_at
            .is_none_or(|used| now - used > SESSION_TOUCH);
        // A full disk must not shut a program out that only reads.
        if is_old && let Err(error) = rows::touch(&self.db, &hash, now).await {
            tracing::warn!(%error, "a token's last use was not written down");
        }
        Ok(Some(opened))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_server_could_have_handed_out_is_a_token() {
        let token = TokenText::random().unwrap();
        assert!(TokenText::parse(token.as_str()).is_some());
        assert_eq!(format!("{token:?}"), "TokenText");
        for text in ["", "studyin_", "studyin_abc", &token.as_str()[8..]] {
            assert!(TokenText::parse(text).is_none(), "{text}");
        }
    }
}
