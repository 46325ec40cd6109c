//! What every answering provider looks like from outside, and which one the settings choose.
//! Knows nothing of conversations, stores or the socket.

use super::{EmbedderSlot, builtin_chat::BuiltinChat, openai::OpenAiChat};
use async_trait::async_trait;
use futures::stream::BoxStream;
use secrecy::SecretString;
use std::{sync::Arc, time::Duration};

/// Most characters of one answer: four times the longest answer a student would read, so only a
/// model that runs on meets it.
pub const ANSWER_MAX_CHARS: usize = 32_000;

/// Which provider answers, from the settings.
#[derive(Clone, Debug)]
pub enum ChatConfig {
    /// The materials' own sentences; needs nothing.
    Builtin,
    /// Any server that speaks OpenAI's `/v1/chat/completions` with streaming.
    OpenAi {
        /// Up to and including `/v1`, such as `http://127.0.0.1:11434/v1`.
        base_url: reqwest::Url,
        model: String,
        api_key: Option<SecretString>,
    },
}

/// One passage as a provider is given it.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// `n` of the `[n]` that cites it.
    pub number: u32,
    /// The material's title.
    pub title: String,
    /// From 1.
    pub page: u32,
    /// The passage's words with the page's own line breaks, one entry for each page it lies on.
    pub parts: Vec<String>,
    /// Relevance, 0 to 1 within this retrieval.
    pub score: f32,
}

/// Who says a [`PromptMessage`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    System,
    User,
    Assistant,
}

impl Role {
    /// The name OpenAI's protocol gives it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

/// One message of the prompt for a language model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromptMessage {
    pub role: Role,
    pub content: String,
}

/// Everything an answer is made from.
#[derive(Clone, Debug, PartialEq)]
pub struct ChatRequest {
    /// The student's words.
    pub question: String,
    /// Best first, never empty.
    pub evidence: Vec<Evidence>,
    /// The same as a prompt, with the turns before; providers without a language model ignore it.
    pub prompt: Vec<PromptMessage>,
}

/// Why an answer could not be given, in words a student may read. Never holds a key, a prompt or
/// what a server answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChatError {
    #[error(
        "The language model refused the key. Check OPENAI_API_KEY in the server's settings, then start the server again."
    )]
    KeyRefused,
    #[error(
        "The language model's server does not know the model \"{model}\". Check OPENAI_MODEL and OPENAI_BASE_URL in the server's settings."
    )]
    ModelUnknown { model: String },
    #[error("The language model has too much to do. {}", try_again(*retry_after))]
    Limited { retry_after: Option<Duration> },
    #[error(
        "The language model refused the question (status {status}). A shorter question or a new conversation may help; the server's OPENAI settings may also be wrong."
    )]
    Rejected { status: u16 },
    #[error(
        "The language model cannot be reached. Check that its server is running and that OPENAI_BASE_URL is right, then ask again."
    )]
    Unreachable,
    #[error("The language model's server failed (status {status}). Ask again in a minute.")]
    ServerFailed { status: u16 },
    #[error(
        "What answered is not a language model's server. Check that OPENAI_BASE_URL ends in /v1."
    )]
    Unreadable,
    #[error("The language model fell silent for {} seconds. Ask again.", .waited.as_secs())]
    Silent { waited: Duration },
    #[error("The language model reported an error while it was writing. Ask again.")]
    Reported,
    #[error("The connection to the language model broke off in the middle. Ask again.")]
    CutOff,
    #[error(
        "The language model did not come to an end, so it was stopped. Ask a narrower question."
    )]
    TooLong,
    #[error("The sentences of your materials could not be compared. Ask again.")]
    Embedding,
}

fn try_again(after: Option<Duration>) -> String {
    match after {
        Some(wait) if wait < Duration::from_secs(90) => {
            format!("Ask again in {} seconds.", wait.as_secs().max(1))
        }
        Some(wait) => format!("Ask again in {} minutes.", wait.as_secs().div_ceil(60)),
        None => "Ask again in a minute.".to_owned(),
    }
}

/// An answer as it is written: pieces of Markdown in order; an `Err` is the last item.
pub type Answer = BoxStream<'static, Result<String, ChatError>>;

/// Something that answers questions from passages. Dropping the stream stops the work behind it.
#[async_trait]
pub trait Chat: Send + Sync {
    /// Who answers, in the words a student reads.
    fn label(&self) -> String;

    /// Starts an answer that cites its evidence as `[n]`.
    async fn stream(&self, request: ChatRequest) -> Result<Answer, ChatError>;
}

/// Why the settings cannot be turned into a provider.
#[derive(Debug, thiserror::Error)]
pub enum ChatConfigError {
    #[error(
        "OPENAI_BASE_URL must be an http or https address without user name, query or fragment"
    )]
    BaseUrl,
    #[error("OPENAI_MODEL must name a model")]
    Model,
    #[error("OPENAI_API_KEY holds characters that cannot be sent")]
    Key,
    #[error("the HTTP client could not be made: {0}")]
    Client(reqwest::Error),
}

/// The provider the settings name.
///
/// # Errors
/// When a setting cannot be used; the error names it.
pub fn chat_from(
    config: &ChatConfig,
    embedder: EmbedderSlot,
) -> Result<Arc<dyn Chat>, ChatConfigError> {
    Ok(match config {
        ChatConfig::Builtin => Arc::new(BuiltinChat::new(embedder)),
        ChatConfig::OpenAi {
            base_url,
            model,
            api_key,
        } => Arc::new(OpenAiChat::new(base_url, model, api_key.clone())?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_says_when_to_ask_again() {
        let limited = |seconds| {
            ChatError::Limited {
                retry_after: Some(Duration::from_secs(seconds)),
            }
            .to_string()
        };
        assert!(limited(30).ends_with("Ask again in 30 seconds."));
        assert!(limited(121).ends_with("Ask again in 3 minutes."));
        assert!(
            ChatError::Limited { retry_after: None }
                .to_string()
                .ends_with("Ask again in a minute.")
        );
    }
}
