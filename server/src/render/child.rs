//! The parent's side of drawing: starts the child, waits for what it makes, watches its time, and
//! believes nothing that it says without looking, because a document may have taken it over.

use super::{
    RenderError,
    cache::What,
    command::{PICTURE_MAX_BYTES, WORDS_ARGUMENT, WORDS_MAX_BYTES},
    locate::Word,
};
use crate::ingest::extract::Line;
use bytes::Bytes;
use std::{path::Path, process::Stdio, time::Duration};
use tokio::{io::AsyncReadExt, process::Command, time::timeout};

/// Longest one page may take; an ordinary one takes a tenth of a second.
const PATIENCE: Duration = Duration::from_secs(20);
/// How every PNG begins and ends.
const PNG_HEAD: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
const PNG_TAIL: &[u8] = b"IEND\xaeB\x60\x82";

/// Draws a page, or finds its words, in a process of its own.
pub async fn run(program: &Path, file: &Path, page: u32, what: What) -> Result<Bytes, RenderError> {
    let (argument, bytes_max) = match what {
        What::Picture(width) => (width.to_string(), PICTURE_MAX_BYTES),
        What::Words => (WORDS_ARGUMENT.to_owned(), WORDS_MAX_BYTES),
    };
    let mut command = Command::new(program);
    command
        .arg("render")
        .arg(file)
        .arg(page.to_string())
        .arg(argument)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        // A renderer's complaints may quote the document.
        .stderr(Stdio::null())
        .kill_on_drop(true);
    // A signal for the server's group (Ctrl-C at a terminal) must not look like a bad document.
    #[cfg(unix)]
    command.process_group(0);
    let mut child = command.spawn().map_err(RenderError::Spawn)?;
    let mut output = Vec::new();
    let read = async {
        if let Some(stdout) = child.stdout.take() {
            // One byte more than allowed tells that there is more.
            let mut stdout = stdout.take(bytes_max as u64 + 1);
            stdout.read_to_end(&mut output).await?;
        }
        Ok::<_, std::io::Error>(())
    };
    let ended = timeout(PATIENCE, read).await;
    // It may have gone already; then there is nothing to kill.
    let _ = child.start_kill();
    let _ = child.wait().await;
    match ended {
        Ok(Ok(())) if output.len() <= bytes_max => judge(what, output),
        _ => Err(RenderError::TooHeavy),
    }
}

/// What the output is worth.
fn judge(what: What, output: Vec<u8>) -> Result<Bytes, RenderError> {
    let is_good = match what {
        What::Picture(width) => {
            output.starts_with(PNG_HEAD)
                && output.ends_with(PNG_TAIL)
                && output.get(16..20) == Some(&width.to_be_bytes())
        }
        What::Words => serde_json::from_slice::<Vec<Word>>(&output).is_ok(),
    };
    if is_good {
        return Ok(output.into());
    }
    let refusal =
        output.split(|byte| *byte == b'\n').find_map(|line| {
            match serde_json::from_slice::<Line>(line) {
                Ok(Line::Failed { failed }) => Some(failed.kind),
                _ => None,
            }
        });
    Err(super::refused(refusal))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    async fn with_child(body: &str, what: What) -> Result<Bytes, RenderError> {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("child");
        std::fs::write(&program, format!("#!/bin/sh\n{body}\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        run(&program, Path::new("unused"), 1, what).await
    }

    #[tokio::test]
    async fn only_a_whole_picture_of_the_right_width_is_one() {
        let head = r"\211PNG\r\n\032\n\000\000\000\rIHDR\000\000\000\310rest";
        let tail = r"IEND\256B\140\202";
        let whole = format!("printf '{head}{tail}'");
        assert!(with_child(&whole, What::Picture(200)).await.is_ok());
        let wider = with_child(&whole, What::Picture(900)).await;
        assert!(matches!(wider, Err(RenderError::Broken)));
        let cut = with_child(&format!("printf '{head}'"), What::Picture(200)).await;
        assert!(matches!(cut, Err(RenderError::Broken)));
        let markup = with_child("echo '<svg onload=alert(1)>'", What::Picture(200)).await;
        assert!(matches!(markup, Err(RenderError::Broken)));
    }

    #[tokio::test]
    async fn the_childs_own_verdict_is_heard_also_when_it_crashes() {
        let locked = r#"echo '{"failed":{"kind":"locked","message":"m"}}'"#;
        let locked = with_child(locked, What::Picture(200)).await;
        assert!(matches!(locked, Err(RenderError::Locked)));
        let crashed = r#"printf 'half\n{"failed":{"kind":"gave_up","message":"m"}}\n'; kill -9 $$"#;
        let crashed = with_child(crashed, What::Words).await;
        assert!(matches!(crashed, Err(RenderError::TooHeavy)));
    }

    #[tokio::test]
    async fn a_flood_is_cut_off() {
        let flood = with_child("exec yes", What::Words).await;
        assert!(matches!(flood, Err(RenderError::TooHeavy)));
    }

    #[tokio::test]
    async fn words_must_be_words() {
        let words = r#"echo '[{"text":"heart","left":1,"top":2,"right":3,"bottom":4}]'"#;
        assert!(with_child(words, What::Words).await.is_ok());
        let other = with_child("echo '[1,2]'", What::Words).await;
        assert!(matches!(other, Err(RenderError::Broken)));
    }
}
