//! The parent's side of extraction: starts the child process, reads its lines, watches its time.
//! Everything the child says is checked again here, because a document may have taken it over.
//!
//! A child that dies on one page is started again behind that page, a few times; what was read
//! before is kept.

use super::extract::{DOCUMENT_TEXT_MAX_BYTES, Failure, Line, PAGE_TEXT_MAX_BYTES, PAGES_MAX};
use std::{
    io,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};
use tokio::{
    io::{AsyncBufRead, AsyncBufReadExt, BufReader},
    process::{Child, ChildStdout, Command},
    sync::watch,
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;

/// Longest line taken: JSON may write one byte of text as six.
const LINE_MAX_BYTES: usize = 6 * PAGE_TEXT_MAX_BYTES + 1_024;
/// Lines that are no page and no ending; a parser's stray print is forgiven, a flood is not.
const STRAY_LINES_MAX: u32 = 1_000;
/// How often a child that died on a page is started again behind it.
const RESTARTS_MAX: u32 = 3;

/// How long a child may take.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// From one finished page to the next, opening included.
    pub page: Duration,
    /// For the document, before its pages are counted in.
    pub document: Duration,
    /// Added to `document` for every page.
    pub each_page: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            page: Duration::from_secs(30),
            document: Duration::from_secs(30),
            each_page: Duration::from_secs(1),
        }
    }
}

/// The program that extracts, and how long it may take.
#[derive(Clone, Debug)]
pub struct Extractor {
    /// Called as `PROGRAM extract FILE [FIRST_PAGE]`: this server's own executable.
    pub program: PathBuf,
    pub patience: Patience,
}

/// How far the reading has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PagesRead {
    /// The last page read, from 1; 0 before the first.
    pub page: u32,
    pub pages: Option<u32>,
}

/// Why there is no text.
#[derive(Debug, thiserror::Error)]
pub enum ExtractError {
    /// The document's own fault.
    #[error("the document cannot be read: {:?}", .0.kind)]
    Document(Failure),
    #[error("the extracting process could not be started: {0}")]
    Spawn(io::Error),
    #[error("cancelled")]
    Cancelled,
}

impl Extractor {
    /// Takes the raw text out of `file`, one entry for each page; a page that could not be read is
    /// empty. `page_read` is told of every page.
    ///
    /// # Errors
    /// See [`ExtractError`]. The child is dead when this returns.
    pub async fn extract(
        &self,
        file: &Path,
        page_read: &watch::Sender<PagesRead>,
        cancel: &CancellationToken,
    ) -> Result<Vec<String>, ExtractError> {
        let mut reading = Reading::default();
        let started = Instant::now();
        for restart in 0..=RESTARTS_MAX {
            let first_page = reading.texts.len() + 1;
            let mut child = self.spawn(file, first_page).map_err(ExtractError::Spawn)?;
            let outcome = tokio::select! {
                biased;
                () = cancel.cancelled() => Err(ExtractError::Cancelled),
                outcome = self.follow(&mut child, &mut reading, started, page_read) => outcome,
            };
            end(&mut child).await;
            match outcome? {
                Ending::Done => return Ok(reading.into_pages()),
                Ending::Died { out_of_time } => {
                    // Nothing known about the document at all: the next try would end alike.
                    let Some(pages) = reading.pages else { break };
                    tracing::warn!(
                        page = reading.texts.len() + 1,
                        restart,
                        "ingest.extract_died"
                    );
                    if reading.texts.len() + 1 >= pages as usize || out_of_time {
                        break;
                    }
                    reading.skip_page();
                }
            }
        }
        if reading.has_text() {
            Ok(reading.into_pages())
        } else {
            Err(ExtractError::Document(Failure::gave_up()))
        }
    }

    fn spawn(&self, file: &Path, first_page: usize) -> io::Result<Child> {
        let mut command = Command::new(&self.program);
        command
            .arg("extract")
            .arg(file)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            // A parser's complaints may quote the document.
            .stderr(Stdio::null())
            .kill_on_drop(true);
        if first_page > 1 {
            command.arg(first_page.to_string());
        }
        // A signal for the server's group (Ctrl-C at a terminal) must not look like a bad document.
        #[cfg(unix)]
        command.process_group(0);
        command.spawn()
    }

    /// Reads lines until the child says how it ended, dies, or runs out of time.
    async fn follow(
        &self,
        child: &mut Child,
        reading: &mut Reading,
        started: Instant,
        page_read: &watch::Sender<PagesRead>,
    ) -> Result<Ending, ExtractError> {
        let Some(stdout) = child.stdout.take() else {
            return Ok(Ending::Died { out_of_time: false });
        };
        let mut lines: BufReader<ChildStdout> = BufReader::new(stdout);
        let mut buffer = Vec::new();
        let mut stray = 0;
        let mut last_page = Instant::now();
        loop {
            let allowed = self.patience.document
                + self.patience.each_page * reading.pages.unwrap_or_default();
            let document_deadline = started + allowed;
            let deadline = document_deadline.min(last_page + self.patience.page);
            let line = match timeout_at(deadline, next_line(&mut lines, &mut buffer)).await {
                Ok(Ok(true)) => serde_json::from_slice::<Line>(&buffer).ok(),
                Ok(Ok(false) | Err(_)) => return Ok(Ending::Died { out_of_time: false }),
                Err(_) => {
                    return Ok(Ending::Died {
                        out_of_time: Instant::now() >= document_deadline,
                    });
                }
            };
            match line {
                Some(Line::Page { page, pages, text }) => {
                    reading.add(page, pages, text)?;
                    last_page = Instant::now();
                    let pages = Some(pages);
                    page_read.send_replace(PagesRead { page, pages });
                }
                Some(Line::Done { done }) => {
                    // A document without pages is failed by the child, so these two agree.
                    let read = reading.texts.len();
                    return Ok(if read > 0 && read == done.pages as usize {
                        Ending::Done
                    } else {
                        Ending::Died { out_of_time: false }
                    });
                }
                Some(Line::Failed { failed }) => {
                    // The child's own word that a limit was hit: as good as its death.
                    if failed.kind == Failure::gave_up().kind {
                        return Ok(Ending::Died { out_of_time: false });
                    }
                    return Err(ExtractError::Document(failed));
                }
                None => {
                    stray += 1;
                    if stray > STRAY_LINES_MAX {
                        return Ok(Ending::Died { out_of_time: false });
                    }
                }
            }
        }
    }
}

enum Ending {
    Done,
    /// Killed, crashed, stuck, or talking nonsense.
    Died {
        /// The whole document's time is up: no use in starting again.
        out_of_time: bool,
    },
}

/// What has been read so far, over all starts of the child.
#[derive(Default)]
struct Reading {
    texts: Vec<String>,
    pages: Option<u32>,
    bytes: usize,
}

impl Reading {
    fn add(&mut self, page: u32, pages: u32, text: String) -> Result<(), ExtractError> {
        if pages as usize > PAGES_MAX {
            return Err(ExtractError::Document(Failure::too_many_pages()));
        }
        let in_order = page as usize == self.texts.len() + 1 && page <= pages;
        if !in_order || self.pages.is_some_and(|known| known != pages) {
            return Err(ExtractError::Document(Failure::damaged()));
        }
        self.bytes += text.len();
        if self.bytes > DOCUMENT_TEXT_MAX_BYTES {
            return Err(ExtractError::Document(Failure::too_much_text()));
        }
        self.pages = Some(pages);
        self.texts.push(text);
        Ok(())
    }

    fn skip_page(&mut self) {
        self.texts.push(String::new());
    }

    fn has_text(&self) -> bool {
        self.texts
            .iter()
            .any(|text| text.chars().any(char::is_alphanumeric))
    }

    /// One entry for each page of the document, read or not.
    fn into_pages(mut self) -> Vec<String> {
        let pages = self.pages.unwrap_or_default() as usize;
        self.texts
            .resize(pages.max(self.texts.len()), String::new());
        self.texts
    }
}

/// Kills the child if it still lives and takes its exit status, so that no zombie stays.
async fn end(child: &mut Child) {
    // It may have gone already; then there is nothing to kill.
    let _ = child.start_kill();
    let _ = child.wait().await;
}

/// Reads one line without its end into `line`; false at the end of the stream.
async fn next_line(
    reader: &mut (impl AsyncBufRead + Unpin),
    line: &mut Vec<u8>,
) -> io::Result<bool> {
    line.clear();
    loop {
        let available = reader.fill_buf().await?;
        if available.is_empty() {
            return Ok(false);
        }
        let (taken, ended) = match available.iter().position(|&byte| byte == b'\n') {
            Some(end) => (end, true),
            None => (available.len(), false),
        };
        if line.len() + taken > LINE_MAX_BYTES {
            return Err(io::ErrorKind::InvalidData.into());
        }
        line.extend_from_slice(&available[..taken]);
        reader.consume(taken + usize::from(ended));
        if ended {
            return Ok(true);
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use app::model::material::FailureKind;
    use std::os::unix::fs::PermissionsExt;

    /// A child that is a shell script: `$2` is the file, `$3` the first page if not 1.
    fn script(body: &str) -> (tempfile::TempDir, Extractor) {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("child");
        std::fs::write(&program, format!("#!/bin/sh\n{body}\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let extractor = Extractor {
            program,
            patience: Patience::default(),
        };
        (dir, extractor)
    }

    async fn run(extractor: &Extractor) -> Result<Vec<String>, ExtractError> {
        extractor
            .extract(
                Path::new("unused"),
                &watch::Sender::default(),
                &CancellationToken::new(),
            )
            .await
    }

    fn kind(outcome: Result<Vec<String>, ExtractError>) -> FailureKind {
        match outcome {
            Err(ExtractError::Document(failure)) => failure.kind,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn pages_arrive_in_order_and_stray_prints_are_ignored() {
        let (_dir, extractor) = script(
            r#"echo '{"page":1,"pages":2,"text":"one"}'; echo noise; echo '{"page":2,"pages":2,"text":"two"}'; echo '{"done":{"pages":2}}'"#,
        );
        assert_eq!(run(&extractor).await.unwrap(), ["one", "two"]);
    }

    #[tokio::test]
    async fn the_childs_own_verdict_is_kept() {
        let (_dir, extractor) =
            script(r#"echo '{"failed":{"kind":"locked","message":"needs a password"}}'"#);
        assert_eq!(kind(run(&extractor).await), FailureKind::Locked);
    }

    #[tokio::test]
    async fn a_child_that_dies_before_any_page_gave_up() {
        let (_dir, extractor) = script("kill -9 $$");
        assert_eq!(kind(run(&extractor).await), FailureKind::GaveUp);
    }

    #[tokio::test]
    async fn a_child_that_dies_on_one_page_goes_on_behind_it() {
        let (_dir, extractor) = script(
            r#"if [ -z "$3" ]; then echo '{"page":1,"pages":3,"text":"one"}'; kill -9 $$; fi
               echo '{"page":3,"pages":3,"text":"three"}'; echo '{"done":{"pages":3}}'"#,
        );
        assert_eq!(run(&extractor).await.unwrap(), ["one", "", "three"]);
    }

    #[tokio::test]
    async fn a_child_that_always_dies_leaves_what_was_read() {
        let (_dir, extractor) = script(
            r#"if [ -z "$3" ]; then echo '{"page":1,"pages":90,"text":"one"}'; fi; kill -9 $$"#,
        );
        let pages = run(&extractor).await.unwrap();
        assert_eq!(pages.len(), 90);
        assert_eq!(pages[0], "one");
        assert!(pages[1..].iter().all(String::is_empty));
    }

    #[tokio::test]
    async fn a_child_that_says_nothing_is_given_up() {
        let (_dir, mut extractor) = script("exec sleep 600");
        extractor.patience.page = Duration::from_millis(50);
        assert_eq!(kind(run(&extractor).await), FailureKind::GaveUp);
    }

    #[tokio::test]
    async fn pages_that_make_no_sense_are_refused() {
        let (_dir, extractor) = script(r#"echo '{"page":7,"pages":2,"text":"x"}'"#);
        assert_eq!(kind(run(&extractor).await), FailureKind::Damaged);
    }

    #[tokio::test]
    async fn a_cancelled_child_is_killed() {
        let (_dir, extractor) = script("exec sleep 600");
        let cancel = CancellationToken::new();
        cancel.cancel();
        let outcome = extractor
            .extract(Path::new("unused"), &watch::Sender::default(), &cancel)
            .await;
        assert!(matches!(outcome, Err(ExtractError::Cancelled)));
    }
}
