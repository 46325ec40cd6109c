//! Passwords: which may be chosen, and how they are kept (argon2id, never the words themselves).
//! It knows no account and no request.

use super::{AccountError, email::Email};
use argon2::{
    Algorithm, Argon2, Params, PasswordHash, PasswordHasher as _, PasswordVerifier as _, Version,
    password_hash::SaltString,
};
use secrecy::{ExposeSecret as _, SecretString};
use std::{collections::HashSet, sync::LazyLock, time::Duration};
use tokio::sync::Semaphore;

/// Characters a password must and may have.
const LENGTH: std::ops::RangeInclusive<usize> = 8..=256;
/// Decoration at the end of a common password that does not make it a good one, in characters.
const DECORATION_MAX: usize = 4;
/// Memory of one hash, in KiB (OWASP's first choice for argon2id).
const MEMORY_KIB: u32 = 19 * 1_024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// Hashes computed at once: each takes a core for some 20 ms and 19 MiB.
const AT_ONCE: usize = 2;
/// Longest wait for a turn; past it the server is being flooded and says so.
const TURN_WAIT: Duration = Duration::from_secs(10);
/// Salt of one hash, in bytes.
const SALT_BYTES: usize = 16;
/// No password has this hash. Checked for unknown accounts, so that they take as long as known ones.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

static COMMON: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| include_str!("common_passwords.txt").lines().collect());

/// Checks a password somebody wants to have.
///
/// # Errors
/// A sentence saying which rule it breaks.
pub fn check_new(password: &SecretString, email: &Email) -> Result<(), &'static str> {
    let password = password.expose_secret();
    let length = password.chars().count();
    if length < *LENGTH.start() {
        return Err(
            "That password is too short. Use at least 8 characters; a few words in a row are easy to remember.",
        );
    }
    if length > *LENGTH.end() {
        return Err("That password is too long. Use at most 256 characters.");
    }
    let lower = password.to_lowercase();
    if is_sequence(&lower) || is_common(&lower) {
        return Err(
            "That password is among the first anybody would try. Choose another; a few unrelated words in a row are good.",
        );
    }
    if lower == email.as_str() || undecorated(&lower).any(|core| core == email.local_part()) {
        return Err(
            "That password is your e-mail address. Choose one that others cannot guess from it.",
        );
    }
    Ok(())
}

/// One character over and over, or neighbours in a row ("abcdefgh", "87654321").
fn is_sequence(password: &str) -> bool {
    let codes: Vec<i64> = password.chars().map(|c| i64::from(u32::from(c))).collect();
    let mut steps = codes.windows(2).map(|pair| pair[1] - pair[0]);
    steps
        .next()
        .is_some_and(|first| first.abs() <= 1 && steps.all(|step| step == first))
}

fn is_common(password: &str) -> bool {
    undecorated(password).any(|core| COMMON.contains(core))
}

/// The password, and the password without up to four digits or signs at its end.
fn undecorated(password: &str) -> impl Iterator<Item = &str> {
    let endings = password
        .char_indices()
        .rev()
        .take(DECORATION_MAX)
        .take_while(|(_, c)| !c.is_alphabetic())
        .map(|(at, _)| &password[..at]);
    std::iter::once(password).chain(endings)
}

/// Computes and checks hashes on the blocking threads, a few at a time.
pub struct Hasher {
    turns: Semaphore,
}

impl Default for Hasher {
    fn default() -> Self {
        Self {
            turns: Semaphore::new(AT_ONCE),
        }
    }
}

impl Hasher {
    /// The hash to store.
    pub async fn hash(&self, password: SecretString) -> Result<String, AccountError> {
        let mut salt = [0_u8; SALT_BYTES];
        getrandom::fill(&mut salt).map_err(|_| AccountError::NoRandomness)?;
        self.in_turn(move || {
            let salt = SaltString::encode_b64(&salt).ok()?;
            let hash = argon2()?
                .hash_password(password.expose_secret().as_bytes(), &salt)
                .ok()?;
            Some(hash.to_string())
        })
        .await?
        .ok_or(AccountError::Hashing)
    }

    /// Whether `password` has the hash `stored`; without a stored one it takes as long, and is wrong.
    pub async fn verify(
        &self,
        password: SecretString,
        stored: Option<String>,
    ) -> Result<bool, AccountError> {
        self.in_turn(move || {
            let known = stored.is_some();
            let stored = stored.unwrap_or_else(|| NOBODY.to_owned());
            let right =
                PasswordHash::new(&stored)
                    .ok()
                    .zip(argon2())
                    .is_some_and(|(hash, argon2)| {
                        argon2
                            .verify_password(password.expose_secret().as_bytes(), &hash)
                            .is_ok()
                    });
            known && right
        })
        .await
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, AccountError> {
        let _turn = tokio::time::timeout(TURN_WAIT, self.turns.acquire())
            .await
            .map_err(|_| AccountError::Busy)?
            .map_err(|_| AccountError::Busy)?;
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|_| AccountError::Hashing)
    }
}

fn argon2() -> Option<Argon2<'static>> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).ok()?;
    Some(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(password: &str) -> bool {
        let email = Email::parse("mara.keller@example.org").unwrap();
        check_new(&SecretString::from(password.to_owned()), &email).is_err()
    }

    #[test]
    fn guessable_passwords_are_refused() {
        for password in [
            "short",
            "password",
            "Password1!",
            "aaaaaaaaaa",
            "12345678",
            "abcdefghij",
            "987654321",
            "qwertyuiop",
            "iloveyou2024",
            "mara.keller@example.org",
            "Mara.Keller1",
        ] {
            assert!(refused(password), "{password}");
        }
        assert!(refused(&"long".repeat(100)));
    }

    #[test]
    fn ordinary_good_passwords_are_taken() {
        for password in [
            "correct horse battery staple",
            "vjk29slq",
            "ein blauer Stuhl",
            "пароль для учёбы",
            "aab12cde99",
        ] {
            assert!(!refused(password), "{password}");
        }
    }

    #[test]
    fn the_list_is_usable() {
        assert!(COMMON.len() > 300);
        for entry in COMMON.iter() {
            assert_eq!(*entry, entry.trim().to_lowercase());
        }
    }

    #[tokio::test]
    async fn a_hash_fits_its_password_only_and_nobody_has_one() {
        let hasher = Hasher::default();
        let secret = |text: &str| SecretString::from(text.to_owned());
        let hash = hasher.hash(secret("vjk29slq")).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(
            hasher
                .verify(secret("vjk29slq"), Some(hash.clone()))
                .await
                .unwrap()
        );
        assert!(!hasher.verify(secret("vjk29slr"), Some(hash)).await.unwrap());
        assert!(!hasher.verify(secret("vjk29slq"), None).await.unwrap());
        assert!(PasswordHash::new(NOBODY).is_ok());
    }
}
