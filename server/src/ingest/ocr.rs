//! Recognising text in pictures with the `tesseract` command, where it is installed. It runs under
//! limits like the extracting child and gets plain grey pixels only, never a file of a student.
//! Looked for at every document, so that installing it needs no restart.

use super::extract::{PAGE_TEXT_MAX_BYTES, PICTURE_MAX_PIXELS, limits};
use crate::config;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    process::{ExitCode, Stdio},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    process::Command,
    time::timeout,
};

/// How long one page may take.
const PAGE_PATIENCE: Duration = Duration::from_secs(20);
/// How long it may take to say which languages it knows.
const LANGUAGES_PATIENCE: Duration = Duration::from_secs(5);
/// Languages looked for at once: each makes every page slower.
const LANGUAGES_MAX: usize = 4;
/// Most bytes taken from the list of languages; a hundred need 1 KB.
const LIST_MAX_BYTES: usize = 64 * 1024;
/// Asks the tool for its languages.
const LIST_LANGUAGES: &str = "--list-langs";

/// The installed tool.
#[derive(Clone, Debug)]
pub struct Tesseract {
    /// Called as `LAUNCHER recognise PROGRAM LANGUAGES`: this server's own executable, which sets
    /// the limits and then becomes the tool.
    launcher: PathBuf,
    program: PathBuf,
    /// As the tool wants them: `eng+deu`.
    languages: String,
}

/// Why there is no text of a picture.
#[derive(Debug, PartialEq, Eq)]
pub enum Unrecognised {
    /// Not a picture as the child should send it.
    Nonsense,
    TookTooLong,
    Failed,
}

impl Unrecognised {
    /// For the student, said of one page.
    pub const fn sentence(&self) -> &'static str {
        match self {
            Self::TookTooLong => {
                "Recognising the text of this page took longer than one page may take, so it was left out."
            }
            Self::Nonsense | Self::Failed => {
                "This page is a picture, and recognising its text failed. A sharper copy may work."
            }
        }
    }
}

impl Tesseract {
    /// The tool, if it is installed with any language.
    pub async fn find(launcher: &Path) -> Option<Self> {
        let path = config::search_path()?;
        let program = std::env::split_paths(&path)
            .map(|folder| folder.join("tesseract"))
            .find(|program| program.is_file())?;
        let mut tool = Self {
            launcher: launcher.to_owned(),
            program,
            languages: String::new(),
        };
        let run = tool.run(LIST_LANGUAGES, Vec::new(), LIST_MAX_BYTES);
        let list = timeout(LANGUAGES_PATIENCE, run).await.ok()?.ok()?;
        tool.languages = languages(&list)?;
        Some(tool)
    }

    /// What it reads, as the tool wants it said.
    pub fn languages(&self) -> &str {
        &self.languages
    }

    #[cfg(test)]
    pub fn for_tests(launcher: &Path) -> Self {
        Self {
            launcher: launcher.to_owned(),
            program: PathBuf::from("tesseract"),
            languages: "eng".to_owned(),
        }
    }

    /// The text in a picture of `width` times `height` grey pixels, written in Base64.
    pub async fn recognise(
        &self,
        width: u32,
        height: u32,
        pixels: String,
    ) -> Result<String, Unrecognised> {
        let expected = width as usize * height as usize;
        if expected == 0 || expected > PICTURE_MAX_PIXELS {
            return Err(Unrecognised::Nonsense);
        }
        // The simplest of all formats: nothing in it can be malformed.
        let mut picture = format!("P5 {width} {height} 255\n").into_bytes();
        let header = picture.len();
        picture.reserve_exact(expected);
        STANDARD
            .decode_vec(&pixels, &mut picture)
            .map_err(|_| Unrecognised::Nonsense)?;
        // Megabytes that are not needed while the tool works.
        drop(pixels);
        if picture.len() != header + expected {
            return Err(Unrecognised::Nonsense);
        }
        match timeout(
            PAGE_PATIENCE,
            self.run(&self.languages, picture, PAGE_TEXT_MAX_BYTES),
        )
        .await
        {
            Ok(Ok(text)) => Ok(text),
            Ok(Err(error)) => {
                tracing::warn!(%error, "ingest.recognise_failed");
                Err(Unrecognised::Failed)
            }
            Err(_) => Err(Unrecognised::TookTooLong),
        }
    }

    /// Runs the tool on `input`; dropped, it is killed.
    async fn run(&self, what: &str, input: Vec<u8>, output_max: usize) -> io::Result<String> {
        let mut command = Command::new(&self.launcher);
        command
            .arg("recognise")
            .arg(&self.program)
            .arg(what)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command.spawn()?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let (Some(mut stdin), Some(stdout)) = (stdin, stdout) else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        let write = async move {
            // A tool that stops reading says by its exit what was wrong.
            let _ = stdin.write_all(&input).await;
        };
        let mut output = Vec::new();
        let mut limited = stdout.take(output_max as u64);
        let ((), read) = tokio::join!(write, limited.read_to_end(&mut output));
        read?;
        // It may have more to say than is wanted, and would wait for ever to say it.
        drop(limited);
        let status = child.wait().await?;
        if !status.success() {
            return Err(io::Error::other(format!("the tool ended with {status}")));
        }
        Ok(String::from_utf8_lossy(&output).into_owned())
    }
}

/// The languages to look for, English first; `None` when only scripts and layouts are installed.
fn languages(list: &str) -> Option<String> {
    let known = list.lines().skip(1).map(str::trim).filter(|name| {
        !matches!(*name, "" | "osd" | "equ" | "snum")
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    });
    let mut known: Vec<&str> = known.collect();
    known.sort_by_key(|name| *name != "eng");
    known.truncate(LANGUAGES_MAX);
    (!known.is_empty()).then(|| known.join("+"))
}

/// Runs `server recognise PROGRAM LANGUAGES`: becomes the tool under limits. A picture comes on
/// standard input, its text goes to standard output.
pub fn recognise_command(mut args: impl Iterator<Item = OsString>) -> ExitCode {
    let (Some(program), Some(what), None) = (args.next(), args.next(), args.next()) else {
        return ExitCode::from(2);
    };
    if limits::apply_to_tool().is_err() {
        return ExitCode::FAILURE;
    }
    let mut tool = std::process::Command::new(program);
    if what == LIST_LANGUAGES {
        tool.arg(what);
    } else {
        tool.args(["stdin", "stdout", "-l"]).arg(what);
    }
    // One thread: pages of other students are read at the same time.
    tool.env_clear()
        .env("OMP_THREAD_LIMIT", "1")
        .env("LC_ALL", "C");
    become_tool(tool)
}

#[cfg(unix)]
fn become_tool(mut tool: std::process::Command) -> ExitCode {
    use std::os::unix::process::CommandExt as _;
    // Comes back only if it could not be started.
    let _ = tool.exec();
    ExitCode::FAILURE
}

#[cfg(not(unix))]
fn become_tool(mut tool: std::process::Command) -> ExitCode {
    match tool.status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn tool(script: &str) -> (tempfile::TempDir, Tesseract) {
        let dir = tempfile::tempdir().unwrap();
        let launcher = dir.path().join("launcher");
        std::fs::write(&launcher, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&launcher, std::fs::Permissions::from_mode(0o755)).unwrap();
        let tool = Tesseract::for_tests(&launcher);
        (dir, tool)
    }

    #[test]
    fn english_comes_first_and_helpers_are_no_languages() {
        let list = "List of available languages in \"/usr/share\" (3):\ndeu\neng\nosd\n";
        assert_eq!(languages(list).unwrap(), "eng+deu");
        assert_eq!(languages("List:\nosd\n"), None);
        assert_eq!(languages(""), None);
    }

    #[tokio::test]
    async fn the_tool_gets_the_pixels_and_gives_the_text() {
        let (_dir, tool) = tool("echo \"$1 $2 $3\"; /bin/cat");
        let text = tool.recognise(2, 1, STANDARD.encode([65, 66])).await;
        assert_eq!(text.unwrap(), "recognise tesseract eng\nP5 2 1 255\nAB");
    }

    #[tokio::test]
    async fn a_picture_that_is_not_as_large_as_it_says_never_reaches_the_tool() {
        let (_dir, tool) = tool("echo no");
        let pixels = STANDARD.encode([0; 5]);
        assert_eq!(
            tool.recognise(2, 2, pixels).await,
            Err(Unrecognised::Nonsense)
        );
        assert_eq!(
            tool.recognise(0, 0, String::new()).await,
            Err(Unrecognised::Nonsense)
        );
        assert_eq!(
            tool.recognise(1, 1, "?".to_owned()).await,
            Err(Unrecognised::Nonsense)
        );
    }

    #[tokio::test]
    async fn a_tool_that_fails_fails_this_page() {
        let (_dir, tool) = tool("exit 3");
        let outcome = tool.recognise(1, 1, STANDARD.encode([0])).await;
        assert_eq!(outcome, Err(Unrecognised::Failed));
    }
}
