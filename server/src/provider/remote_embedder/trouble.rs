//! What can be wrong with an embedding service, and how a student is told.

use crate::provider::api::Refusal;
use std::time::Duration;

/// Why a call came to nothing; completes a sentence that begins with the service's name. Never
/// holds a key, a text or what a service answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    #[error("cannot be reached: check that it is running and that EMBEDDING_BASE_URL is right")]
    Unreachable,
    #[error("was silent for {:.1} seconds", waited.as_secs_f64())]
    Silent { waited: Duration },
    #[error(
        "refused the key: check EMBEDDING_API_KEY in the server's settings, then start the server again"
    )]
    KeyRefused,
    #[error(
        "does not know the model or the address: check EMBEDDING_MODEL and EMBEDDING_BASE_URL in the server's settings"
    )]
    NotFound,
    #[error("has too much to do")]
    Limited { retry_after: Option<Duration> },
    #[error("failed (status {status})")]
    ServerFailed { status: u16 },
    /// Something is wrong with the texts of this call, as far as can be told.
    #[error("refused a text (status {status})")]
    Rejected { status: u16 },
    #[error(
        "refuses every text (status {status}): check the EMBEDDING settings, above all EMBEDDING_MODEL and EMBEDDING_DIMENSIONS"
    )]
    SettingsRejected { status: u16 },
    #[error(
        "does not answer as an embedding service does: check EMBEDDER and EMBEDDING_BASE_URL in the server's settings"
    )]
    Unreadable,
    #[error("answered {got} vectors for {asked} texts")]
    Count { asked: usize, got: usize },
    #[error(
        "answers vectors of {got} numbers instead of {wanted}: check EMBEDDING_MODEL and EMBEDDING_DIMENSIONS in the server's settings"
    )]
    Dimension { got: usize, wanted: usize },
    #[error("answered a vector that holds no proper numbers")]
    NotFinite,
    /// It failed before and is left alone for now.
    #[error("is not asked at the moment, because it {why}")]
    Resting { why: Box<Trouble> },
}

impl Trouble {
    /// Whether the same call may go well a moment later.
    pub fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Unreachable
                | Self::Silent { .. }
                | Self::Limited { .. }
                | Self::ServerFailed { .. }
                | Self::Count { .. }
                | Self::NotFinite
        )
    }

    /// How long the service asks to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Limited { retry_after } => *retry_after,
            _ => None,
        }
    }

    /// What keeps `service` from working, and when it is tried again.
    pub fn sentence(&self, service: &str, wait: Duration) -> String {
        let when = match wait.as_secs() {
            0..2 => "with the next text or question".to_owned(),
            seconds @ 2..90 => format!("in {seconds} seconds"),
            seconds => format!("in {} minutes", seconds.div_ceil(60)),
        };
        format!(
            "The embedding service {service} {self}. It is tried again {when}; until then your \
             materials are searched by words alone."
        )
    }
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Unreachable => Self::Unreachable,
            Refusal::Silent { waited } => Self::Silent { waited },
            Refusal::KeyRefused => Self::KeyRefused,
            Refusal::NotFound => Self::NotFound,
            Refusal::Limited { retry_after } => Self::Limited { retry_after },
            Refusal::ServerFailed { status } => Self::ServerFailed { status },
            Refusal::Rejected { status } => Self::Rejected { status },
            Refusal::Unreadable => Self::Unreadable,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_student_reads_who_what_and_when() {
        let told = Trouble::ServerFailed { status: 503 }
            .sentence("nomic-embed-text at 127.0.0.1", Duration::from_secs(30));
        assert_eq!(
            told,
            "The embedding service nomic-embed-text at 127.0.0.1 failed (status 503). It is tried \
             again in 30 seconds; until then your materials are searched by words alone."
        );
        let later = |seconds| Trouble::KeyRefused.sentence("x", Duration::from_secs(seconds));
        assert!(later(0).contains("again with the next text or question;"));
        assert!(later(100).contains("in 2 minutes"));
        assert!(later(100).contains("EMBEDDING_API_KEY"));
    }
}
