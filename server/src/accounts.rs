//! Accounts: signing up and in, sessions, passwords, profiles.
//! It knows no cookie, no form and no route; times come from the clock it is given.
//!
//! Invariants: passwords and session tokens are stored only as hashes; a changed password ends every
//! other session, but no access token, which she revokes by itself; an unknown account takes as long to refuse as a wrong password.

pub mod email;
pub mod password;
pub mod sessions;
pub mod throttle;
pub mod tokens;

use crate::{
    clock::Clock,
    store::{
        Db, StoreError,
        accounts::{self as rows, Inserted, NewUser},
    },
};
use app::model::{
    account::{Profile, Role},
    id::UserId,
};
use chrono::TimeDelta;
use email::Email;
use password::Hasher;
use secrecy::{ExposeSecret as _, SecretString};
use sessions::{SESSION_IDLE, SESSION_TOUCH, SessionToken};
use std::{
    net::{IpAddr, Ipv6Addr},
    time::Duration,
};
use subtle::ConstantTimeEq as _;
use throttle::Throttle;

/// Failed sign-ins an account, and an address, may have within [`FAILURES_SPAN`].
const FAILURES_PER_ACCOUNT: u32 = 10;
const FAILURES_PER_ADDRESS: u32 = 30;
const FAILURES_SPAN: TimeDelta = TimeDelta::minutes(15);
/// Random bytes behind a password that the server makes up: 96 bits, 16 characters.
const MADE_UP_BYTES: usize = 12;
/// What a student's days are counted in until she says otherwise.
const DEFAULT_TIME_ZONE: &str = "UTC";

/// Why an account could not be made, entered or changed.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The input breaks a rule; the sentence says which.
    #[error("{0}")]
    Invalid(&'static str),
    /// No such account or not its password: never said which.
    #[error("wrong e-mail or password")]
    WrongCredentials,
    /// The student has as many access tokens as she may.
    #[error("too many access tokens")]
    TooManyTokens,
    #[error("the address has an account")]
    EmailTaken,
    #[error("sign-ups are closed")]
    SignupsClosed,
    #[error("the set-up token is missing or wrong")]
    WrongSetupToken,
    #[error("too many failed attempts")]
    Throttled(Duration),
    /// Too many passwords are being checked at once.
    #[error("too many sign-ins at once")]
    Busy,
    #[error("the machine gives no random numbers")]
    NoRandomness,
    #[error("a password could not be hashed")]
    Hashing,
}

/// Who may sign up.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// Strangers may make accounts.
    pub open: bool,
    /// What the first account must show to become the owner.
    pub setup_token: Option<SecretString>,
}

/// What a sign-up asks for.
pub struct SignUp {
    pub email: String,
    pub password: SecretString,
    pub setup_token: String,
    /// IANA name as the browser gave it; anything unknown counts as none.
    pub time_zone: String,
}

/// What the sign-up page can offer now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignupState {
    pub open: bool,
    pub needs_setup_token: bool,
}

/// A session that was found.
#[derive(Debug)]
pub struct Authenticated {
    pub profile: Profile,
    /// Its last use was just written down: the browser's copy should be renewed too.
    pub touched: bool,
}

/// The accounts of this server.
pub struct Accounts {
    db: Db,
    clock: Clock,
    policy: Policy,
    hasher: Hasher,
    by_account: Throttle,
    by_address: Throttle,
}

impl Accounts {
    /// Accounts kept in `db`.
    pub fn new(db: Db, clock: Clock, policy: Policy) -> Self {
        Self {
            by_account: Throttle::new(clock.clone(), FAILURES_PER_ACCOUNT, FAILURES_SPAN),
            by_address: Throttle::new(clock.clone(), FAILURES_PER_ADDRESS, FAILURES_SPAN),
            hasher: Hasher::default(),
            db,
            clock,
            policy,
        }
    }

    /// Whether somebody could sign up now, and with what.
    pub async fn signup_state(&self) -> Result<SignupState, AccountError> {
        let is_first = !rows::any_user(&self.db).await?;
        Ok(SignupState {
            open: self.policy.open || is_first,
            needs_setup_token: is_first && self.policy.setup_token.is_some(),
        })
    }

    /// Makes an account and starts its first session. The first account is the owner.
    pub async fn sign_up(&self, form: SignUp) -> Result<(Profile, SessionToken), AccountError> {
        let state = self.signup_state().await?;
        if !state.open {
            return Err(AccountError::SignupsClosed);
        }
        if state.needs_setup_token && !self.is_setup_token(&form.setup_token) {
            return Err(AccountError::WrongSetupToken);
        }
        let email = Email::parse(&form.email).ok_or(AccountError::Invalid(
            "That does not look like an e-mail address. Check it for slips.",
        ))?;
        password::check_new(&form.password, &email).map_err(AccountError::Invalid)?;
        let hash = self.hasher.hash(form.password).await?;
        let new = NewUser {
            id: UserId::new(self.clock.new_id()),
            email: email.as_str(),
            password_hash: &hash,
            time_zone: known_time_zone(&form.time_zone).unwrap_or(DEFAULT_TIME_ZONE),
            created_at: self.clock.now(),
        };
        match rows::insert_user(&self.db, &new, !self.policy.open).await? {
            Inserted::User(profile) => {
                tracing::info!(user.id = %profile.id, user.role = ?profile.role, "account.created");
                let token = self
                    .start_session(profile.id, &hash)
                    .await?
                    .ok_or(AccountError::WrongCredentials)?;
                Ok((profile, token))
            }
            Inserted::EmailTaken => Err(AccountError::EmailTaken),
            Inserted::NotFirst => Err(AccountError::SignupsClosed),
        }
    }

    /// Checks a password and starts a session.
    pub async fn sign_in(
        &self,
        email: &str,
        password: SecretString,
        address: IpAddr,
    ) -> Result<(Profile, SessionToken), AccountError> {
        let email = Email::parse(email).ok_or(AccountError::WrongCredentials)?;
        let by_address = self
            .by_address
            .begin(&network(address).to_string())
            .map_err(AccountError::Throttled)?;
        let by_account = match self.by_account.begin(email.as_str()) {
            Ok(attempt) => attempt,
            Err(wait) => {
                // Nothing was tried, so nothing counts against the address.
                by_address.succeeded();
                return Err(AccountError::Throttled(wait));
            }
        };
        let (profile, stored) = rows::find_by_email(&self.db, email.as_str()).await?.unzip();
        let right = self.hasher.verify(password, stored.clone()).await?;
        let (Some(profile), Some(stored), true) = (profile, stored, right) else {
            return Err(AccountError::WrongCredentials);
        };
        let token = self
            .start_session(profile.id, &stored)
            .await?
            .ok_or(AccountError::WrongCredentials)?;
        by_account.succeeded();
        by_address.succeeded();
        Ok((profile, token))
    }

    /// The owner of a live session; also notes, now and then, that it was used.
    pub async fn authenticate(
        &self,
        token: &SessionToken,
    ) -> Result<Option<Authenticated>, AccountError> {
        let hash = token.hash();
        let Some((profile, last_seen)) = rows::find_session(&self.db, &hash).await? else {
            return Ok(None);
        };
        let now = self.clock.now();
        let idle = now - last_seen;
        if idle > SESSION_IDLE {
            rows::delete_session(&self.db, &hash).await?;
            return Ok(None);
        }
        let mut touched = false;
        if idle > SESSION_TOUCH {
            // A full disk must not sign anybody out: the session is good, only its date is old.
            match rows::touch_session(&self.db, &hash, now).await {
                Ok(()) => touched = true,
                Err(error) => tracing::warn!(%error, "a session's last use was not written down"),
            }
        }
        Ok(Some(Authenticated { profile, touched }))
    }

    /// Whether a session is still good; does not count as its use.
    pub async fn is_live(&self, token: &SessionToken) -> Result<bool, AccountError> {
        let found = rows::find_session(&self.db, &token.hash()).await?;
        Ok(found.is_some_and(|(_, last_seen)| self.clock.now() - last_seen <= SESSION_IDLE))
    }

    /// Ends a session.
    pub async fn sign_out(&self, token: &SessionToken) -> Result<(), AccountError> {
        Ok(rows::delete_session(&self.db, &token.hash()).await?)
    }

    /// Changes a password; every session but `keep` ends.
    pub async fn change_password(
        &self,
        user: &Profile,
        current: SecretString,
        new: SecretString,
        keep: &SessionToken,
    ) -> Result<(), AccountError> {
        let attempt = self
            .by_account
            .begin(&user.email)
            .map_err(AccountError::Throttled)?;
        let stored = rows::password_hash(&self.db, user.id).await?;
        if !self.hasher.verify(current, stored.clone()).await? {
            return Err(AccountError::WrongCredentials);
        }
        attempt.succeeded();
        let email = Email::parse(&user.email).ok_or(AccountError::WrongCredentials)?;
        password::check_new(&new, &email).map_err(AccountError::Invalid)?;
        let hash = self.hasher.hash(new).await?;
        let changed = rows::replace_password(
            &self.db,
            user.id,
            &hash,
            stored.as_deref(),
            Some(&keep.hash()),
        )
        .await?;
        if !changed {
            return Err(AccountError::WrongCredentials);
        }
        tracing::info!(user.id = %user.id, "account.password_changed");
        Ok(())
    }

    /// Gives an account a made-up password and ends all its sessions; `None` for an unknown one.
    pub async fn reset_password(&self, email: &str) -> Result<Option<SecretString>, AccountError> {
        let Some(email) = Email::parse(email) else {
            return Ok(None);
        };
        let Some((profile, _)) = rows::find_by_email(&self.db, email.as_str()).await? else {
            return Ok(None);
        };
        let password = made_up_secret()?;
        let hash = self.hasher.hash(password.clone()).await?;
        rows::replace_password(&self.db, profile.id, &hash, None, None).await?;
        tracing::info!(user.id = %profile.id, "account.password_reset");
        Ok(Some(password))
    }

    /// A user's profile.
    pub async fn profile(&self, user: UserId) -> Result<Option<Profile>, AccountError> {
        Ok(rows::find_profile(&self.db, user).await?)
    }

    /// Sets the time zone a student's days are counted in.
    pub async fn set_time_zone(
        &self,
        user: UserId,
        time_zone: &str,
    ) -> Result<Profile, AccountError> {
        let time_zone = known_time_zone(time_zone).ok_or(AccountError::Invalid(
            "That time zone is not known. Use a name such as Europe/Berlin.",
        ))?;
        rows::set_time_zone(&self.db, user, time_zone)
            .await?
            .ok_or(AccountError::WrongCredentials)
    }

    fn is_setup_token(&self, typed: &str) -> bool {
        self.policy.setup_token.as_ref().is_some_and(|token| {
            bool::from(
                token
                    .expose_secret()
                    .as_bytes()
                    .ct_eq(typed.trim().as_bytes()),
            )
        })
    }

    async fn start_session(
        &self,
        user: UserId,
        checked_hash: &str,
    ) -> Result<Option<SessionToken>, AccountError> {
        let token = SessionToken::random().map_err(|_| AccountError::NoRandomness)?;
        let now = self.clock.now();
        let started = rows::insert_session(
            &self.db,
            &token.hash(),
            user,
            checked_hash,
            now,
            now - SESSION_IDLE,
        )
        .await?;
        Ok(started.then_some(token))
    }
}

/// Whether a profile may see what only the owner may.
pub fn is_owner(profile: &Profile) -> bool {
    profile.role == Role::Owner
}

/// A secret nobody chose, in 16 characters that can be typed.
pub fn made_up_secret() -> Result<SecretString, AccountError> {
    use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
    let mut bytes = [0_u8; MADE_UP_BYTES];
    getrandom::fill(&mut bytes).map_err(|_| AccountError::NoRandomness)?;
    Ok(SecretString::from(BASE64_URL_SAFE_NO_PAD.encode(bytes)))
}

fn known_time_zone(name: &str) -> Option<&'static str> {
    name.trim()
        .parse::<chrono_tz::Tz>()
        .ok()
        .map(chrono_tz::Tz::name)
}

/// The part of an address that one subscriber holds: an IPv4 address, or the /64 of an IPv6 one.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 => v4,
    }
}
