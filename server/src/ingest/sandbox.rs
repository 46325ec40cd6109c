//! The parent's side of extraction: starts the child process, reads its lines, watches its time.
//! Everything the child says is checked again here, because a document may have taken it over.
//!
//! A child that dies on one page is started again behind that page, a few times; what was read
//! before is kept.

use super::{
    extract::{
        DOCUMENT_TEXT_MAX_BYTES, Failure, Line, Nameless, PAGE_TEXT_MAX_BYTES, PAGES_MAX,
        PASSWORD_FLAG, PICTURES_FLAG, nameless,
    },
    ocr::{Tesseract, Unrecognised},
};
use app::model::material::OutlineEntry;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use std::{io, path::PathBuf, process::Stdio, time::Duration};
use tokio::{
    io::{AsyncBufRead, AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::{Child, ChildStdout, Command},
    sync::mpsc,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

/// Longest line taken: JSON may write one byte of text as six.
const LINE_MAX_BYTES: usize = 6 * PAGE_TEXT_MAX_BYTES + 1_024;
/// A line's buffer that is kept for the next line: a page of text has far less.
const BUFFER_KEPT_BYTES: usize = 1024 * 1024;
/// Lines that are no page and no ending; a parser's stray print is forgiven, a flood is not.
const STRAY_LINES_MAX: u32 = 1_000;
/// Bookmarks kept of one document; a long textbook has some hundreds.
const OUTLINE_MAX: usize = 5_000;
/// What is said of a page on which the child died.
const PAGE_GAVE_UP: &str =
    "Reading this page took more time or memory than one page may use, so it was left out.";
/// What is said of a page some of which can be read all the same.
const PAGE_PARTLY_NAMELESS: &str = "A font of this page does not say which letters it shows, so only some of it could be read. Print the document to a new PDF, or export it again, to make all of it readable.";
/// What is said of a page whose font hides which letters it draws.
const PAGE_NAMELESS: &str = "The font of this page does not say which letters it shows. Print the document to a new PDF, or export it again, to make it readable.";
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

/// What is to be read.
#[derive(Clone, Debug)]
pub struct Request {
    pub file: PathBuf,
    /// Given to the child on its standard input and to nothing else.
    pub password: Option<SecretString>,
}

/// What the child has found, in the order of the pages. Pages come without gaps, from 1 to
/// `pages`; one that could not be read comes as [`Event::Fault`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// Comes first, once, when the document could be opened.
    Opened {
        pages: u32,
        outline: Vec<OutlineEntry>,
    },
    /// One page's raw text; `section` is the title in force where the page begins.
    Page {
        page: u32,
        text: String,
        section: Option<String>,
        /// A sentence for the student when some of the page could not be read.
        fault: Option<String>,
    },
    /// A page that could not be read, with a sentence for the student.
    Fault { page: u32, reason: String },
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
    /// What recognises text in pictures, as installed now.
    pub async fn tesseract(&self) -> Option<Tesseract> {
        Tesseract::find(&self.program).await
    }

    /// Takes the raw text out of a document and sends it, page by page; a full `events` makes the
    /// child wait, without its time running.
    ///
    /// # Errors
    /// See [`ExtractError`]. The child is dead when this returns.
    pub async fn extract(
        &self,
        tesseract: Option<&Tesseract>,
        request: &Request,
        events: &mpsc::Sender<Event>,
        cancel: &CancellationToken,
    ) -> Result<(), ExtractError> {
        let mut reading = Reading::new(events);
        for restart in 0..=RESTARTS_MAX {
            let mut child = self
                .spawn(request, reading.next_page, tesseract.is_some())
                .map_err(ExtractError::Spawn)?;
            let outcome = tokio::select! {
                biased;
                () = cancel.cancelled() => Err(ExtractError::Cancelled),
                outcome = self.follow(&mut child, request, &mut reading, tesseract) => outcome,
            };
            end(&mut child).await;
            match outcome? {
                Ending::Done if reading.has_text => return Ok(()),
                Ending::Done => return Err(ExtractError::Document(reading.why_no_text())),
                Ending::Died { out_of_time } => {
                    // Nothing known about the document at all: the next try would end alike.
                    let Some(pages) = reading.pages else { break };
                    tracing::warn!(page = reading.next_page, restart, "ingest.extract_died");
                    if reading.next_page >= pages || out_of_time {
                        break;
                    }
                    reading.fault(PAGE_GAVE_UP.to_owned()).await?;
                }
            }
        }
        if !reading.has_text {
            return Err(ExtractError::Document(Failure::gave_up()));
        }
        while reading
            .pages
            .is_some_and(|pages| reading.next_page <= pages)
        {
            reading.fault(PAGE_GAVE_UP.to_owned()).await?;
        }
        Ok(())
    }

    fn spawn(&self, request: &Request, first_page: u32, pictures: bool) -> io::Result<Child> {
        let mut command = Command::new(&self.program);
        command
            .arg("extract")
            .arg(&request.file)
            .env_clear()
            .stdin(match request.password {
                Some(_) => Stdio::piped(),
                None => Stdio::null(),
            })
            .stdout(Stdio::piped())
            // A parser's complaints may quote the document.
            .stderr(Stdio::null())
            .kill_on_drop(true);
        if first_page > 1 {
            command.arg(first_page.to_string());
        }
        if request.password.is_some() {
            command.arg(PASSWORD_FLAG);
        }
        if pictures {
            command.arg(PICTURES_FLAG);
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
        request: &Request,
        reading: &mut Reading<'_>,
        tesseract: Option<&Tesseract>,
    ) -> Result<Ending, ExtractError> {
        if let (Some(password), Some(mut stdin)) = (&request.password, child.stdin.take()) {
            // A child that is gone already is noticed below.
            let _ = stdin.write_all(password.expose_secret().as_bytes()).await;
        }
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
            let left = allowed.saturating_sub(reading.spent);
            let page_left = self.patience.page.saturating_sub(last_page.elapsed());
            let asked = Instant::now();
            let line = timeout(left.min(page_left), next_line(&mut lines, &mut buffer)).await;
            reading.spent += asked.elapsed();
            let line = match line {
                Ok(Ok(true)) => serde_json::from_slice::<Line>(&buffer).ok(),
                Ok(Ok(false) | Err(_)) => return Ok(Ending::Died { out_of_time: false }),
                Err(_) => {
                    return Ok(Ending::Died {
                        out_of_time: reading.spent >= allowed,
                    });
                }
            };
            if buffer.capacity() > BUFFER_KEPT_BYTES {
                // A picture's line: its megabytes are not kept while its text is recognised.
                buffer = Vec::new();
            }
            match line {
                Some(Line::Outline { pages, outline }) => reading.opened(pages, outline).await?,
                Some(Line::Page {
                    page,
                    pages,
                    text,
                    section,
                }) => {
                    reading.page(page, pages, text, section).await?;
                    last_page = Instant::now();
                }
                Some(Line::Fault { page, pages, fault }) => {
                    reading.expect(page, pages).await?;
                    reading.fault(fault).await?;
                    last_page = Instant::now();
                }
                Some(Line::Picture {
                    page,
                    pages,
                    width,
                    height,
                    picture,
                }) => {
                    reading.expect(page, pages).await?;
                    let recognised = match tesseract {
                        Some(tesseract) => tesseract.recognise(width, height, picture).await,
                        None => Err(Unrecognised::Nonsense),
                    };
                    reading.recognised(pages, recognised).await?;
                    last_page = Instant::now();
                }
                Some(Line::Done { done }) => {
                    // A document without pages is failed by the child, so these two agree.
                    let read = reading.next_page - 1;
                    return Ok(if read > 0 && read == done.pages {
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
struct Reading<'a> {
    events: &'a mpsc::Sender<Event>,
    /// From 1.
    next_page: u32,
    pages: Option<u32>,
    bytes: usize,
    has_text: bool,
    has_pictures: bool,
    has_nameless: bool,
    /// Waiting for the child, without the time it waited for us.
    spent: Duration,
}

impl<'a> Reading<'a> {
    fn new(events: &'a mpsc::Sender<Event>) -> Self {
        Self {
            events,
            next_page: 1,
            pages: None,
            bytes: 0,
            has_text: false,
            has_pictures: false,
            has_nameless: false,
            spent: Duration::ZERO,
        }
    }

    async fn opened(
        &mut self,
        pages: u32,
        mut outline: Vec<OutlineEntry>,
    ) -> Result<(), ExtractError> {
        if pages as usize > PAGES_MAX {
            return Err(ExtractError::Document(Failure::too_many_pages()));
        }
        match self.pages {
            None => {
                self.pages = Some(pages);
                outline.truncate(OUTLINE_MAX);
                outline.retain(|entry| (1..=pages).contains(&entry.page));
                self.send(Event::Opened { pages, outline }).await
            }
            Some(known) if known == pages => Ok(()),
            Some(_) => Err(ExtractError::Document(Failure::damaged())),
        }
    }

    /// Checks that this page is the next one.
    async fn expect(&mut self, page: u32, pages: u32) -> Result<(), ExtractError> {
        self.opened(pages, Vec::new()).await?;
        if page == self.next_page && page <= pages {
            Ok(())
        } else {
            Err(ExtractError::Document(Failure::damaged()))
        }
    }

    async fn page(
        &mut self,
        page: u32,
        pages: u32,
        text: String,
        section: Option<String>,
    ) -> Result<(), ExtractError> {
        self.expect(page, pages).await?;
        let nameless = nameless(&text);
        if nameless == Nameless::All {
            self.has_nameless = true;
            return self.fault(PAGE_NAMELESS.to_owned()).await;
        }
        self.bytes += text.len();
        if self.bytes > DOCUMENT_TEXT_MAX_BYTES {
            return Err(ExtractError::Document(Failure::too_much_text()));
        }
        self.has_text |= text.chars().any(char::is_alphanumeric);
        self.next_page += 1;
        self.send(Event::Page {
            page,
            text,
            section,
            fault: (nameless == Nameless::Most).then(|| PAGE_PARTLY_NAMELESS.to_owned()),
        })
        .await
    }

    /// The next page is a picture, and this came of it.
    async fn recognised(
        &mut self,
        pages: u32,
        outcome: Result<String, Unrecognised>,
    ) -> Result<(), ExtractError> {
        self.has_pictures = true;
        match outcome {
            Ok(text) => self.page(self.next_page, pages, text, None).await,
            Err(why) => self.fault(why.sentence().to_owned()).await,
        }
    }

    fn why_no_text(&self) -> Failure {
        if self.has_pictures {
            Failure::unrecognised()
        } else if self.has_nameless {
            Failure::nameless()
        } else {
            Failure::empty()
        }
    }

    /// The next page could not be read.
    async fn fault(&mut self, reason: String) -> Result<(), ExtractError> {
        let page = self.next_page;
        self.next_page += 1;
        self.send(Event::Fault { page, reason }).await
    }

    async fn send(&self, event: Event) -> Result<(), ExtractError> {
        // Nobody listens any more: the job is over.
        self.events
            .send(event)
            .await
            .map_err(|_| ExtractError::Cancelled)
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

    /// Events a test lets wait: more than any of these documents has.
    const ROOM: usize = 200;

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

    fn request() -> Request {
        Request {
            file: PathBuf::from("unused"),
            password: None,
        }
    }

    /// The text of every page; a fault is `None`.
    async fn run(extractor: &Extractor) -> Result<Vec<Option<String>>, ExtractError> {
        run_with(extractor, None).await
    }

    async fn run_with(
        extractor: &Extractor,
        tesseract: Option<&Tesseract>,
    ) -> Result<Vec<Option<String>>, ExtractError> {
        let (sender, mut events) = mpsc::channel(ROOM);
        extractor
            .extract(tesseract, &request(), &sender, &CancellationToken::new())
            .await?;
        drop(sender);
        let mut pages = Vec::new();
        while let Some(event) = events.recv().await {
            match event {
                Event::Opened { .. } => assert!(pages.is_empty()),
                Event::Page { text, .. } => pages.push(Some(text)),
                Event::Fault { .. } => pages.push(None),
            }
        }
        Ok(pages)
    }

    fn read(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    fn kind(outcome: Result<Vec<Option<String>>, ExtractError>) -> FailureKind {
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
        assert_eq!(run(&extractor).await.unwrap(), [read("one"), read("two")]);
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
        assert_eq!(
            run(&extractor).await.unwrap(),
            [read("one"), None, read("three")]
        );
    }

    #[tokio::test]
    async fn a_child_that_always_dies_leaves_what_was_read() {
        let (_dir, extractor) = script(
            r#"if [ -z "$3" ]; then echo '{"page":1,"pages":90,"text":"one"}'; fi; kill -9 $$"#,
        );
        let pages = run(&extractor).await.unwrap();
        assert_eq!(pages.len(), 90);
        assert_eq!(pages[0], read("one"));
        assert!(pages[1..].iter().all(Option::is_none));
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

    /// A picture of one black and one white pixel between pages of text.
    const PICTURES: &str = r#"echo '{"page":1,"pages":3,"text":"one"}'
        echo '{"page":2,"pages":3,"width":2,"height":1,"picture":"AP8="}'
        echo '{"page":3,"pages":3,"width":2,"height":9,"picture":"AP8="}'; echo '{"done":{"pages":3}}'"#;

    #[tokio::test]
    async fn the_text_of_a_picture_is_recognised_and_a_false_picture_is_a_fault() {
        let recognise = r#"if [ "$1" = recognise ]; then echo "seen by $2"; exit; fi"#;
        let (_dir, extractor) = script(&format!("{recognise}\n{PICTURES}"));
        let tesseract = Tesseract::for_tests(&extractor.program);
        let pages = run_with(&extractor, Some(&tesseract)).await.unwrap();
        assert_eq!(pages, [read("one"), read("seen by tesseract\n"), None]);
    }

    #[tokio::test]
    async fn pictures_in_which_nothing_is_recognised_say_so() {
        let recognise = r#"if [ "$1" = recognise ]; then exit; fi"#;
        let picture = r#"echo '{"page":1,"pages":1,"width":2,"height":1,"picture":"AP8="}'; echo '{"done":{"pages":1}}'"#;
        let (_dir, extractor) = script(&format!("{recognise}\n{picture}"));
        let tesseract = Tesseract::for_tests(&extractor.program);
        let outcome = run_with(&extractor, Some(&tesseract)).await;
        assert_eq!(kind(outcome), FailureKind::Scanned);
    }

    #[tokio::test]
    async fn pages_of_nameless_letters_are_faults_unless_some_words_can_be_read() {
        let letters = "\u{e001}".repeat(60);
        let some = "\u{e001}".repeat(60) + &" readable".repeat(6);
        let (_dir, extractor) = script(&format!(
            r#"echo '{{"page":1,"pages":1,"text":"{some}"}}'; echo '{{"done":{{"pages":1}}}}'"#
        ));
        assert_eq!(run(&extractor).await.unwrap(), [read(&some)]);
        let page =
            |n: u32, of: u32| format!(r#"echo '{{"page":{n},"pages":{of},"text":"{letters}"}}'"#);
        let (_dir, extractor) = script(&format!(
            "{}; echo '{{\"page\":2,\"pages\":2,\"text\":\"two\"}}'; echo '{{\"done\":{{\"pages\":2}}}}'",
            page(1, 2)
        ));
        assert_eq!(run(&extractor).await.unwrap(), [None, read("two")]);
        let (_dir, extractor) = script(&format!(
            "{}; echo '{{\"done\":{{\"pages\":1}}}}'",
            page(1, 1)
        ));
        assert_eq!(kind(run(&extractor).await), FailureKind::Scanned);
    }

    #[tokio::test]
    async fn a_cancelled_child_is_killed() {
        let (_dir, extractor) = script("exec sleep 600");
        let cancel = CancellationToken::new();
        cancel.cancel();
        let (sender, _events) = mpsc::channel(ROOM);
        let outcome = extractor.extract(None, &request(), &sender, &cancel).await;
        assert!(matches!(outcome, Err(ExtractError::Cancelled)));
    }
}
