//! Vectors from a service behind HTTP: any server that speaks OpenAI's `/v1/embeddings` (Ollama,
//! vLLM, LM Studio, OpenAI itself), or Google's Gemini. Its parts: [`wire`] is what is said,
//! [`collector`] fills calls with the texts of several callers, [`breaker`] stops asking a service
//! that fails, [`trouble`] words what is wrong.
//!
//! Keys, texts and what a service answers are never logged or shown.

mod breaker;
mod collector;
mod trouble;
mod wire;

use super::{EmbedError, Embedder};
use async_trait::async_trait;
use breaker::Breaker;
use collector::{Collector, Waiting};
use futures::future::BoxFuture;
use secrecy::SecretString;
use std::{sync::Arc, time::Duration};
use tokenizers::Tokenizer;
use tokio::{
    sync::{Semaphore, mpsc},
    time::{sleep, timeout},
};
use tokio_util::sync::{CancellationToken, DropGuard};
pub use trouble::Trouble;
use wire::Purpose;
pub use wire::{RemoteConfigError, Service, Wire};

/// Calls for documents at once: enough to hide the way there and back, few enough for a free quota.
const CALLS_AT_ONCE: usize = 4;
/// Tries after the first one of a call for documents, which may take minutes.
const RETRIES: u32 = 4;
/// Most bytes of one text that are sent; a passage has about 1,200.
const TEXT_MAX_BYTES: usize = 16 * 1_024;
/// A text every service takes. Refused, it tells that not a text is wrong but the request.
const PLAIN_TEXT: &str = "Notes of a lecture.";

/// What the settings say about a remote embedder.
#[derive(Clone, Debug)]
pub struct RemoteConfig {
    pub service: Service,
    pub base_url: reqwest::Url,
    pub model: String,
    /// Numbers in a vector, if the service is to be told; else it is asked once.
    pub dimensions: Option<usize>,
    pub api_key: Option<SecretString>,
}

/// How long things may take. [`Patience::default`] is for real services.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// How long a call that is not full waits for more texts.
    pub linger: Duration,
    /// How long a call for documents may take; a local server first loads the model from disk.
    pub call: Duration,
    /// How long a question may take before it is searched for by words alone.
    pub question: Duration,
    /// The first wait between tries is up to this long, and each next up to twice as long.
    pub retry: Duration,
    /// The longest wait between two tries, also when the service asks for more.
    pub retry_max: Duration,
    /// How long a service that failed several times is left alone; doubled when it fails again.
    pub rest: Duration,
    /// The longest a service is left alone, also when it asks for more.
    pub rest_max: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            linger: Duration::from_millis(20),
            call: Duration::from_secs(120),
            question: Duration::from_millis(2_500),
            retry: Duration::from_millis(500),
            retry_max: Duration::from_secs(30),
            rest: Duration::from_secs(30),
            rest_max: Duration::from_secs(600),
        }
    }
}

/// Counts tokens where no tokenizer is there.
pub type Estimate = fn(&str) -> usize;

/// An embedding model behind a service.
pub struct RemoteEmbedder {
    line: Arc<Line>,
    id: String,
    collector: Arc<Collector<Result<Option<Vec<f32>>, Trouble>>>,
    tokenizer: Option<Tokenizer>,
    estimate: Estimate,
    /// Ends the task that fills the calls.
    _stop: DropGuard,
}

/// The way to the service, shared by all calls.
struct Line {
    wire: Wire,
    breaker: Breaker,
    patience: Patience,
}

impl RemoteEmbedder {
    /// An embedder for what the settings name. Asks the service how many numbers its vectors have,
    /// unless the settings say so.
    ///
    /// # Errors
    /// When the service cannot be asked, or its answer is of no use.
    pub async fn connect(
        wire: Wire,
        patience: Patience,
        tokenizer: Option<Tokenizer>,
        estimate: Estimate,
    ) -> Result<Self, Trouble> {
        let mut line = Line {
            breaker: Breaker::new(patience),
            wire,
            patience,
        };
        if line.wire.dimensions() == 0 {
            let texts = [PLAIN_TEXT.to_owned()];
            let answer = line
                .attempt(&texts, Purpose::Document, patience.call)
                .await?;
            let dimensions = answer.iter().flatten().map(Vec::len).next().unwrap_or(0);
            if dimensions == 0 {
                return Err(Trouble::Unreadable);
            }
            line.wire.set_dimensions(dimensions);
        }
        let line = Arc::new(line);
        let collector = Arc::new(Collector::default());
        let stop = CancellationToken::new();
        tokio::spawn(
            stop.clone()
                .run_until_cancelled_owned(fill_calls(Arc::clone(&line), Arc::clone(&collector))),
        );
        Ok(Self {
            id: line.wire.id(),
            line,
            collector,
            tokenizer,
            estimate,
            _stop: stop.drop_guard(),
        })
    }
}

#[async_trait]
impl Embedder for RemoteEmbedder {
    fn id(&self) -> &str {
        &self.id
    }

    fn label(&self) -> String {
        self.line.wire.name()
    }

    fn dimension(&self) -> usize {
        self.line.wire.dimensions()
    }

    async fn embed_documents(
        &self,
        texts: Vec<String>,
    ) -> Result<Vec<Option<Vec<f32>>>, EmbedError> {
        let mut vectors = vec![None; texts.len()];
        let mut left = texts.len();
        let mut answers = self.collector.submit(texts.into_iter().map(cut));
        while let Some((number, answer)) = answers.recv().await {
            vectors[number] = answer.map_err(|trouble| self.line.error(trouble))?;
            left -= 1;
        }
        if left > 0 {
            return Err(EmbedError::Stopped);
        }
        Ok(vectors)
    }

    async fn embed_query(&self, text: &str) -> Result<Vec<f32>, EmbedError> {
        // Past the collector: a question waits for no document, and not for a second try.
        let texts = [cut(text.to_owned())];
        let wait = self.line.patience.question;
        let answer = match timeout(wait, self.line.attempt(&texts, Purpose::Query, wait)).await {
            Ok(answer) => answer,
            Err(_) => Err(Trouble::Silent { waited: wait }),
        };
        answer
            .map_err(|trouble| self.line.error(trouble))?
            .into_iter()
            .next()
            .flatten()
            .ok_or_else(|| self.line.error(Trouble::Unreadable))
    }

    fn count_tokens(&self, text: &str) -> usize {
        self.tokenizer
            .as_ref()
            .and_then(|tokenizer| tokenizer.encode_fast(text, false).ok())
            .map_or_else(|| (self.estimate)(text), |encoding| encoding.len())
    }

    fn problem(&self) -> Option<String> {
        let (trouble, wait) = self.line.breaker.resting()?;
        Some(trouble.sentence(&self.line.wire.name(), wait))
    }
}

fn cut(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(TEXT_MAX_BYTES));
    text
}

type Answers = mpsc::UnboundedSender<(usize, Result<Option<Vec<f32>>, Trouble>)>;
type Text = Waiting<Result<Option<Vec<f32>>, Trouble>>;

/// Turns waiting texts into calls until it is dropped.
async fn fill_calls(line: Arc<Line>, collector: Arc<Collector<Result<Option<Vec<f32>>, Trouble>>>) {
    let places = Arc::new(Semaphore::new(CALLS_AT_ONCE));
    let most = line.wire.texts_per_call();
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let batch = collector.take(most, line.patience.linger).await;
        let line = Arc::clone(&line);
        tokio::spawn(async move {
            line.answer(batch).await;
            drop(place);
        });
    }
}

impl Line {
    fn error(&self, trouble: Trouble) -> EmbedError {
        EmbedError::Service {
            service: self.wire.name(),
            trouble,
        }
    }

    /// Makes the vectors of one call and hands each to who waits for it.
    async fn answer(&self, batch: Vec<Text>) {
        let mut texts = Vec::with_capacity(batch.len());
        let mut senders: Vec<(usize, Answers)> = Vec::with_capacity(batch.len());
        for waiting in batch {
            texts.push(waiting.text);
            senders.push((waiting.number, waiting.answers));
        }
        let work = self.embed(&texts);
        // A call nobody waits for any more is given up.
        let abandoned = async {
            for (_, answers) in &senders {
                answers.closed().await;
            }
        };
        let result = tokio::select! {
            result = work => result,
            () = abandoned => return,
        };
        match result {
            Ok(vectors) => {
                for ((number, answers), vector) in senders.into_iter().zip(vectors) {
                    let _ = answers.send((number, Ok(vector)));
                }
            }
            Err(trouble) => {
                for (number, answers) in senders {
                    let _ = answers.send((number, Err(trouble.clone())));
                }
            }
        }
    }

    /// Vectors for some texts. When the service finds fault with the texts, finds out with which.
    async fn embed(&self, texts: &[String]) -> Result<Vec<Option<Vec<f32>>>, Trouble> {
        match self.persist(texts).await {
            Err(Trouble::Rejected { status }) => {
                let plain = [PLAIN_TEXT.to_owned()];
                match self.persist(&plain).await {
                    Ok(_) => {}
                    // Not the texts are wrong: the settings are.
                    Err(Trouble::Rejected { .. }) => {
                        let trouble = Trouble::SettingsRejected { status };
                        self.breaker.open(&trouble);
                        return Err(trouble);
                    }
                    Err(trouble) => return Err(trouble),
                }
                let vectors = self.halve(texts).await?;
                let refused = vectors.iter().filter(|vector| vector.is_none()).count();
                tracing::warn!(texts = texts.len(), refused, "embedder.texts_refused");
                Ok(vectors)
            }
            answer => answer,
        }
    }

    /// Vectors for texts that were refused together: each half by itself, down to the text that is
    /// refused alone, which has no vector.
    fn halve<'a>(
        &'a self,
        texts: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<Option<Vec<f32>>>, Trouble>> {
        Box::pin(async move {
            if texts.len() < 2 {
                return Ok(vec![None; texts.len()]);
            }
            let (left, right) = texts.split_at(texts.len() / 2);
            let mut vectors = Vec::with_capacity(texts.len());
            for half in [left, right] {
                vectors.extend(match self.persist(half).await {
                    Err(Trouble::Rejected { .. }) => self.halve(half).await?,
                    answer => answer?,
                });
            }
            Ok(vectors)
        })
    }

    /// One call for documents, tried again while that makes sense.
    async fn persist(&self, texts: &[String]) -> Result<Vec<Option<Vec<f32>>>, Trouble> {
        let mut retries = 0;
        loop {
            let answer = self
                .attempt(texts, Purpose::Document, self.patience.call)
                .await;
            let Err(trouble) = &answer else { return answer };
            let asked = trouble.retry_after();
            let is_too_long = asked.is_some_and(|asked| asked > self.patience.retry_max);
            let goes_on = trouble.is_passing() && !is_too_long && retries < RETRIES;
            if !goes_on || !self.breaker.allows_retry() {
                return answer;
            }
            let wait = full_jitter(self.patience, retries).max(asked.unwrap_or_default());
            sleep(wait).await;
            retries += 1;
        }
    }

    /// One call, once, if the service is not being left alone.
    async fn attempt(
        &self,
        texts: &[String],
        purpose: Purpose,
        wait: Duration,
    ) -> Result<Vec<Option<Vec<f32>>>, Trouble> {
        let pass = self.breaker.admit()?;
        let answer = match timeout(wait, self.wire.call(texts, purpose, wait)).await {
            Ok(answer) => answer,
            Err(_) => Err(Trouble::Silent { waited: wait }),
        };
        match &answer {
            // It works, and only dislikes a text.
            Ok(_) | Err(Trouble::Rejected { .. }) => pass.succeeded(),
            // A question's short time says nothing about the service.
            Err(Trouble::Silent { .. }) if purpose == Purpose::Query => {}
            Err(trouble) => pass.failed(trouble),
        }
        answer
    }
}

/// A wait by chance between nothing and twice the one before, so that callers do not come back in
/// step.
fn full_jitter(patience: Patience, retries: u32) -> Duration {
    let most = patience
        .retry
        .saturating_mul(1 << retries.min(16))
        .min(patience.retry_max);
    // Without chance the longest wait is the safe one.
    getrandom::u32().map_or(most, |chance| {
        most.mul_f64(f64::from(chance) / f64::from(u32::MAX))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_their_bound_and_differ() {
        let patience = Patience::default();
        let waits: Vec<_> = (0..200).map(|_| full_jitter(patience, 3)).collect();
        assert!(waits.iter().all(|wait| *wait <= patience.retry * 8));
        assert!(waits.iter().any(|wait| *wait < patience.retry * 4));
        assert!(waits.iter().any(|wait| *wait > patience.retry * 4));
        assert!(full_jitter(patience, u32::MAX) <= patience.retry_max);
    }

    #[test]
    fn an_endless_text_is_cut_at_a_character() {
        assert_eq!(cut("é".repeat(20_000)).len(), TEXT_MAX_BYTES);
        assert_eq!(cut("short".to_owned()), "short");
    }
}
