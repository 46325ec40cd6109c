//! `server extract FILE [FIRST_PAGE]`: takes the text out of one document, page by page, as JSON lines
//! on standard output. Runs as a child process of its own, because a hostile document can exhaust
//! memory, overflow a stack or never end, and no library call can be trusted to come back.
//!
//! It knows nothing of users, the database or the network. The text it writes is raw; the parent
//! cleans it. The last line is always `done` or `failed`, unless the process was killed.

mod archive;
mod book;
mod flow;
mod layout;
pub(crate) mod limits;
mod outline;
mod pdf;
mod picture;
mod sheets;
mod slides;
mod text;
mod web;
mod word;
mod xml;

use super::sniff::{self, Kind};
use app::model::material::{FailureKind, OutlineEntry};
use outline::Outline;
use serde::{Deserialize, Serialize};
use std::{
    ffi::OsString,
    io::{self, Read, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Most pages a document may have: a long textbook has 2,000.
pub const PAGES_MAX: usize = 5_000;
/// Most bytes of text taken from one page; a dense page has 10 KB.
pub const PAGE_TEXT_MAX_BYTES: usize = 2_000_000;
/// Most bytes of text taken from one document, so that parent and child hold it in memory easily.
pub const DOCUMENT_TEXT_MAX_BYTES: usize = 64_000_000;
/// Largest file read at all, whatever the upload limit says: it has to fit the address space
/// several times over.
const FILE_MAX_BYTES: u64 = 200_000_000;
/// Stack of the working thread: parsers recurse with the nesting of the document. Fits the
/// address space many times.
pub(crate) const STACK_BYTES: usize = 64 * 1024 * 1024;
/// Longest password read, in bytes: PDF looks at 127.
const PASSWORD_MAX_BYTES: u64 = 1_024;
/// Says that a password follows on standard input; without it nothing waits for one.
pub const PASSWORD_FLAG: &str = "--password";
/// Asks for pages without text as pictures, because somebody can recognise the text in them.
pub const PICTURES_FLAG: &str = "--pictures";
/// Most pixels of a page's picture: A4 at 248 dots an inch, which tesseract reads well. The parent
/// holds as many bytes for each page that is being recognised.
pub const PICTURE_MAX_PIXELS: usize = 6_000_000;

/// One line of output.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Line {
    /// Comes first where the document has bookmarks, chapters or slide titles.
    Outline {
        pages: u32,
        outline: Vec<OutlineEntry>,
    },
    /// One page's raw text; `page` counts from 1, `pages` is the document's page count, `section`
    /// the title in force where the page begins.
    Page {
        page: u32,
        pages: u32,
        text: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        section: Option<String>,
    },
    /// A page that cannot be read, with a sentence for the student.
    Fault {
        page: u32,
        pages: u32,
        fault: String,
    },
    /// A page that shows pictures and no text: grey pixels row by row, in Base64.
    Picture {
        page: u32,
        pages: u32,
        width: u32,
        height: u32,
        picture: String,
    },
    /// The whole document has been read.
    Done { done: Done },
    /// The document cannot be read.
    Failed { failed: Failure },
}

/// How a successful run ends.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    pub pages: u32,
}

/// Why a document cannot be read, with a sentence for the student.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub kind: FailureKind,
    pub message: String,
}

impl Failure {
    fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }

    pub(super) fn locked() -> Self {
        Self::new(
            FailureKind::Locked,
            "This PDF needs a password to open. Enter its password here, or upload a copy saved without one.",
        )
    }

    fn wrong_password() -> Self {
        Self::new(
            FailureKind::Locked,
            "That password does not open this PDF. Check it, and mind capital letters, then try again.",
        )
    }

    fn protected() -> Self {
        Self::new(
            FailureKind::Unsupported,
            "This PDF is protected in a way that no password opens, such as a certificate. Save a copy without the protection, then upload that copy.",
        )
    }

    pub(super) fn damaged() -> Self {
        Self::new(
            FailureKind::Damaged,
            "This file is damaged or cut short, so its pages cannot be found. Download or export it again, then upload the new copy.",
        )
    }

    pub(super) fn scanned() -> Self {
        Self::new(
            FailureKind::Scanned,
            "The pages are pictures without text, as a scanner or a camera makes them. Install tesseract on the server (apt install tesseract-ocr, or brew install tesseract) and choose Try again, or upload a copy with recognised text.",
        )
    }

    pub(super) fn unrecognised() -> Self {
        Self::new(
            FailureKind::Scanned,
            "The pages are pictures, and no text could be recognised in them. Upload a sharper, upright copy, or one with recognised text.",
        )
    }

    pub(super) fn nameless() -> Self {
        Self::new(
            FailureKind::Scanned,
            "The fonts of this document do not say which letters they show. Print it to a new PDF, or export it again from the program it was made with, then upload that.",
        )
    }

    fn copy_protected() -> Self {
        Self::new(
            FailureKind::Unsupported,
            "This book is protected against copying, so its text cannot be read. Upload a copy without the protection.",
        )
    }

    fn too_large_picture() -> Self {
        Self::new(
            FailureKind::TooLarge,
            "This picture has more pixels than can be read in one piece. Make it smaller, then upload it again.",
        )
    }

    pub(super) fn empty() -> Self {
        Self::new(
            FailureKind::Empty,
            "There is no text in this document. If you can see text in it, it is drawn as shapes; export it again from the program it was made with.",
        )
    }

    pub(super) fn no_bytes() -> Self {
        Self::new(
            FailureKind::Empty,
            "This file is empty. Check that it was saved completely, then upload it again.",
        )
    }

    pub(super) fn too_many_pages() -> Self {
        Self::new(
            FailureKind::TooLarge,
            "This document has more than 5,000 pages. Split it into parts and upload those.",
        )
    }

    pub(super) fn too_much_text() -> Self {
        Self::new(
            FailureKind::TooLarge,
            "This document holds more text than can be read in one piece. Split it into parts and upload those.",
        )
    }

    pub(super) fn unsupported() -> Self {
        Self::new(FailureKind::Unsupported, sniff::UNSUPPORTED)
    }

    pub(super) fn gave_up() -> Self {
        Self::new(FailureKind::GaveUp, limits::GAVE_UP)
    }
}

/// What the command line asks for.
struct Task {
    file: PathBuf,
    first_page: u32,
    password: bool,
    pictures: bool,
}

impl Task {
    fn parse(args: impl Iterator<Item = OsString>) -> Option<Self> {
        let mut task = Self {
            file: PathBuf::new(),
            first_page: 1,
            password: false,
            pictures: false,
        };
        for (index, arg) in args.enumerate() {
            match arg.to_str() {
                _ if index == 0 => task.file = arg.into(),
                Some(PASSWORD_FLAG) => task.password = true,
                Some(PICTURES_FLAG) => task.pictures = true,
                word => task.first_page = word?.parse().ok()?,
            }
        }
        (!task.file.as_os_str().is_empty()).then_some(task)
    }
}

/// Runs `server extract FILE [FIRST_PAGE]`, where `args` is what follows `extract` on the command
/// line.
pub fn extract_command(args: impl Iterator<Item = OsString>) -> ExitCode {
    let Some(task) = Task::parse(args) else {
        // The usage line is for a person at a terminal; the parent never gets here.
        let _ = writeln!(
            io::stderr(),
            "usage: server extract FILE [FIRST_PAGE] [{PASSWORD_FLAG}] [{PICTURES_FLAG}]"
        );
        return ExitCode::from(2);
    };
    // What a panicking parser says may quote the document.
    std::panic::set_hook(Box::new(|_| {}));
    if let Err(error) = limits::apply() {
        let _ = writeln!(
            io::stderr(),
            "cannot set the limits of this process: {error}"
        );
        return ExitCode::FAILURE;
    }
    let outcome = std::thread::Builder::new()
        .stack_size(STACK_BYTES)
        .spawn(move || run(&task))
        .map(std::thread::JoinHandle::join);
    match outcome {
        Ok(Ok(Ok(()))) => ExitCode::SUCCESS,
        // The reader of the pipe has gone away: nobody is left to tell.
        Ok(Ok(Err(_))) => ExitCode::FAILURE,
        Ok(Err(_)) => finish(Err(Failure::damaged())),
        Err(_) => finish(Err(Failure::gave_up())),
    }
}

fn finish(outcome: Result<u32, Failure>) -> ExitCode {
    match write_outcome(outcome) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn run(task: &Task) -> io::Result<()> {
    let mut pages = PageWriter {
        first_page: task.first_page,
        wants_pictures: task.pictures,
        text_bytes: 0,
        outline: Outline::default(),
    };
    let outcome = read_document(task, &mut pages);
    match outcome {
        Ok(count) => write_outcome(Ok(count)),
        Err(Stop::Document(failure)) => write_outcome(Err(failure)),
        Err(Stop::Output(error)) => Err(error),
    }
}

fn write_outcome(outcome: Result<u32, Failure>) -> io::Result<()> {
    write_line(&match outcome {
        Ok(pages) => Line::Done {
            done: Done { pages },
        },
        Err(failed) => Line::Failed { failed },
    })
}

/// Why reading ended early.
enum Stop {
    Document(Failure),
    Output(io::Error),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Document(failure)
    }
}

fn read_document(task: &Task, pages: &mut PageWriter) -> Result<u32, Stop> {
    let bytes = read_file(&task.file)?;
    let password = if task.password {
        Some(read_password()?)
    } else {
        None
    };
    // From here on nothing needs to be opened: no file, no socket.
    limits::forbid_new_files();
    match sniff::sniff(&bytes) {
        Kind::Pdf => pdf::read(bytes, password, pages),
        Kind::Docx => word::read(bytes, pages),
        Kind::Pptx => slides::read(bytes, pages),
        Kind::Xlsx => sheets::read(bytes, pages),
        Kind::Epub => book::read(bytes, pages),
        Kind::Html => web::read(&bytes, pages),
        Kind::Png | Kind::Jpeg => picture::read(&bytes, pages),
        Kind::Text => text::read(&bytes, pages),
        Kind::Empty => Err(Failure::no_bytes().into()),
        Kind::Other => Err(Failure::unsupported().into()),
    }
}

fn read_password() -> Result<String, Failure> {
    let mut bytes = Vec::new();
    io::stdin()
        .take(PASSWORD_MAX_BYTES)
        .read_to_end(&mut bytes)
        .map_err(|_| Failure::wrong_password())?;
    String::from_utf8(bytes).map_err(|_| Failure::wrong_password())
}

fn read_file(file: &Path) -> Result<Vec<u8>, Failure> {
    let size = std::fs::metadata(file).map_err(|_| unreadable())?.len();
    if size > FILE_MAX_BYTES {
        return Err(Failure::new(
            FailureKind::TooLarge,
            "This file is too large to be read in one piece. Split it into parts and upload those.",
        ));
    }
    std::fs::read(file).map_err(|_| unreadable())
}

fn unreadable() -> Failure {
    Failure::new(
        FailureKind::Damaged,
        "The file could not be opened. Upload it again.",
    )
}

/// Writes pages as lines, leaves out those before `first_page`, and bounds them.
struct PageWriter {
    first_page: u32,
    /// Whether pages without text shall come as pictures.
    wants_pictures: bool,
    text_bytes: usize,
    outline: Outline,
}

impl PageWriter {
    /// Must come before the pages, for they carry the section they begin in.
    fn opened(&mut self, pages: u32, outline: Outline) -> Result<(), Stop> {
        self.outline = outline;
        if self.outline.entries().is_empty() {
            return Ok(());
        }
        self.line(&Line::Outline {
            pages,
            outline: self.outline.entries().to_vec(),
        })
    }

    fn write(&mut self, page: u32, pages: u32, text: String) -> Result<(), Stop> {
        self.write_titled(page, pages, text, None)
    }

    /// Writes a page with a title of its own, which counts where the document has no outline.
    fn write_titled(
        &mut self,
        page: u32,
        pages: u32,
        mut text: String,
        title: Option<String>,
    ) -> Result<(), Stop> {
        if page < self.first_page {
            return Ok(());
        }
        truncate(&mut text, PAGE_TEXT_MAX_BYTES);
        self.text_bytes += text.len();
        if self.text_bytes > DOCUMENT_TEXT_MAX_BYTES {
            return Err(Failure::too_much_text().into());
        }
        let section = if self.outline.entries().is_empty() {
            title.as_deref().and_then(outline::titled)
        } else {
            self.outline.section_at(page).map(str::to_owned)
        };
        self.line(&Line::Page {
            page,
            pages,
            text,
            section,
        })
    }

    /// A page that cannot be read, while the document goes on.
    fn fault(&mut self, page: u32, pages: u32, reason: &str) -> Result<(), Stop> {
        if page < self.first_page {
            return Ok(());
        }
        let fault = reason.to_owned();
        self.line(&Line::Fault { page, pages, fault })
    }

    fn picture(&mut self, page: u32, pages: u32, picture: &picture::Picture) -> Result<(), Stop> {
        if page < self.first_page {
            return Ok(());
        }
        self.line(&Line::Picture {
            page,
            pages,
            width: picture.width,
            height: picture.height,
            picture: picture.base64(),
        })
    }

    fn line(&mut self, line: &Line) -> Result<(), Stop> {
        write_line(line).map_err(Stop::Output)?;
        limits::allow_another_page();
        Ok(())
    }
}

fn write_line(line: &Line) -> io::Result<()> {
    let mut bytes = serde_json::to_vec(line)?;
    bytes.push(b'\n');
    let mut out = io::stdout().lock();
    out.write_all(&bytes)?;
    out.flush()
}

/// How much of a page is of the private characters that only the font's maker understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nameless {
    /// Less than half of it.
    Little,
    /// Most, but some words can be read.
    Most,
    /// There is nothing else to speak of.
    All,
}

/// See [`Nameless`].
pub(super) fn nameless(text: &str) -> Nameless {
    /// A few bullets alone are no unreadable page, and a page number alone no readable one.
    const ENOUGH: usize = 40;
    let is_nameless = |c: char| matches!(c, '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}' | char::REPLACEMENT_CHARACTER);
    let (mut drawn, mut nameless, mut named) = (0_usize, 0_usize, 0_usize);
    for c in text.chars().filter(|c| !c.is_whitespace()) {
        drawn += 1;
        nameless += usize::from(is_nameless(c));
        named += usize::from(c.is_alphanumeric() && !is_nameless(c));
    }
    if drawn < ENOUGH || nameless * 2 < drawn {
        Nameless::Little
    } else if named < ENOUGH {
        Nameless::All
    } else {
        Nameless::Most
    }
}

/// Cuts `text` to at most `max` bytes at a character's end.
fn truncate(text: &mut String, max: usize) {
    if text.len() > max {
        let end = (0..=max)
            .rev()
            .find(|&end| text.is_char_boundary(end))
            .unwrap_or(0);
        text.truncate(end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_the_json_the_command_promises() {
        let page = Line::Page {
            page: 1,
            pages: 2,
            text: "a\nb".into(),
            section: None,
        };
        assert_eq!(
            serde_json::to_string(&page).unwrap(),
            r#"{"page":1,"pages":2,"text":"a\nb"}"#
        );
        let done = Line::Done {
            done: Done { pages: 2 },
        };
        assert_eq!(
            serde_json::to_string(&done).unwrap(),
            r#"{"done":{"pages":2}}"#
        );
        let failed = serde_json::to_string(&Line::Failed {
            failed: Failure::locked(),
        })
        .unwrap();
        assert!(failed.starts_with(r#"{"failed":{"kind":"locked","message":"This PDF needs"#));
        assert_eq!(
            serde_json::from_str::<Line>(&failed).unwrap(),
            Line::Failed {
                failed: Failure::locked()
            }
        );
    }

    #[test]
    fn a_page_of_nameless_letters_is_told_from_one_with_bullets() {
        let letters = "\u{e001}\u{e002} ".repeat(300);
        let code = "<http-method>GET</http-method>\n".repeat(3);
        for (text, expected) in [
            (letters.clone(), Nameless::All),
            (format!("{letters}Page 7"), Nameless::All),
            (format!("{letters}{code}"), Nameless::Most),
            ("\u{f0b7} a point of a list\n".repeat(30), Nameless::Little),
            ("\u{e001}".to_owned(), Nameless::Little),
        ] {
            assert_eq!(nameless(&text), expected, "{text}");
        }
    }

    #[test]
    fn the_command_line_is_understood_in_any_order() {
        let parse = |line: &str| Task::parse(line.split(' ').map(OsString::from));
        let task = parse("a.pdf 7 --password").unwrap();
        assert_eq!(
            (task.first_page, task.password, task.pictures),
            (7, true, false)
        );
        let task = parse("a.pdf --pictures").unwrap();
        assert_eq!(
            (task.first_page, task.password, task.pictures),
            (1, false, true)
        );
        assert!(parse("a.pdf --other").is_none());
    }

    #[test]
    fn a_long_page_is_cut_at_a_characters_end() {
        let mut text = "ää".to_owned();
        truncate(&mut text, 3);
        assert_eq!(text, "ä");
    }
}
