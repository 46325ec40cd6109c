//! `server render FILE PAGE WIDTH`: writes the picture of one page of a PDF as PNG to standard
//! output; with `words` in place of the width, its words and their places as JSON. Runs as a child
//! process under the limits of the extracting one, for the same reason.
//!
//! When there is no picture the output is a `failed` line, as the extracting process writes it.

use super::{raster, words};
use crate::ingest::extract::{Failure, Line, STACK_BYTES, limits};
use app::model::material::{FailureKind, PICTURE_WIDTHS};
use std::{
    ffi::OsString,
    io::{self, Write},
    path::Path,
    process::ExitCode,
};

/// Stands in place of a width when the words are wanted.
pub const WORDS_ARGUMENT: &str = "words";
/// Most bytes of a picture: a page that is one photograph, at the largest width.
pub const PICTURE_MAX_BYTES: usize = 24 * 1024 * 1024;
/// Most bytes of a page's words as JSON.
pub const WORDS_MAX_BYTES: usize = 4 * 1024 * 1024;

/// What is to be made of the page.
#[derive(Clone, Copy)]
enum Wanted {
    Picture(u32),
    Words,
}

impl Wanted {
    fn parse(text: &str) -> Option<Self> {
        if text == WORDS_ARGUMENT {
            return Some(Self::Words);
        }
        let width = text.parse().ok()?;
        PICTURE_WIDTHS
            .contains(&width)
            .then_some(Self::Picture(width))
    }
}

/// Runs `server render FILE PAGE WIDTH`, where `args` is what follows `render`.
pub fn render_command(args: impl Iterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.collect();
    let wanted = match args.as_slice() {
        [file, page, wanted] => page
            .to_str()
            .and_then(|page| page.parse().ok())
            .zip(wanted.to_str().and_then(Wanted::parse))
            .map(|(page, wanted)| (file.clone(), page, wanted)),
        _ => None,
    };
    let Some((file, page, wanted)) = wanted else {
        // The usage line is for a person at a terminal; the parent never gets here.
        let _ = writeln!(
            io::stderr(),
            "usage: server render FILE PAGE WIDTH, where WIDTH is one of {PICTURE_WIDTHS:?} or {WORDS_ARGUMENT}"
        );
        return ExitCode::from(2);
    };
    // What a panicking renderer says may quote the document.
    std::panic::set_hook(Box::new(|_| {}));
    if let Err(error) = limits::apply() {
        let _ = writeln!(
            io::stderr(),
            "cannot set the limits of this process: {error}"
        );
        return ExitCode::FAILURE;
    }
    let made = std::thread::Builder::new()
        .stack_size(STACK_BYTES)
        .spawn(move || make(Path::new(&file), page, wanted))
        .map(std::thread::JoinHandle::join);
    let made = match made {
        Ok(Ok(made)) => made,
        Ok(Err(_)) => Err(FailureKind::Damaged),
        Err(_) => Err(FailureKind::GaveUp),
    };
    match write(made) {
        Ok(()) => ExitCode::SUCCESS,
        // The reader of the pipe has gone away: nobody is left to tell.
        Err(_) => ExitCode::FAILURE,
    }
}

fn make(file: &Path, number: u32, wanted: Wanted) -> Result<Vec<u8>, FailureKind> {
    let bytes = std::fs::read(file).map_err(|_| FailureKind::Server)?;
    // From here on nothing needs to be opened: no file, no socket.
    limits::forbid_new_files();
    let pdf = raster::open(bytes)?;
    let page = raster::page(&pdf, number)?;
    match wanted {
        Wanted::Picture(width) => {
            let picture = raster::draw(page, width)?;
            raster::png(&picture).map_err(|_| FailureKind::GaveUp)
        }
        Wanted::Words => serde_json::to_vec(&words::words(page)?).map_err(|_| FailureKind::GaveUp),
    }
}

fn write(made: Result<Vec<u8>, FailureKind>) -> io::Result<()> {
    let bytes = match made {
        Ok(bytes) => bytes,
        Err(kind) => serde_json::to_vec(&Line::Failed {
            failed: Failure {
                kind,
                message: super::refused(Some(kind)).to_string(),
            },
        })?,
    };
    let mut out = io::stdout().lock();
    out.write_all(&bytes)?;
    out.flush()
}
