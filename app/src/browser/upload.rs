//! One file on its way to the server, by the tus protocol: announced, sent in pieces, and resumed
//! where the last safe piece ended, however the connection fares.

pub mod chosen;
mod request;

use crate::model::{
    id::UploadId,
    material::UploadOutcome,
    upload::{Unfinished, UploadDesk},
};
use request::{Line, Reply};
use std::{cell::RefCell, rc::Rc};
use web_sys::File;

const ADDRESS: &str = "/api/uploads";
/// Bytes sent at once: little to send again after a break, and few enough requests for a large file.
const PIECE_BYTES: f64 = 4.0 * 1024.0 * 1024.0;
/// Longest wait between two tries of a broken connection, in seconds.
const BACKOFF_MAX_SECONDS: u32 = 30;
/// Answers that the server failed, one after the other, before a file is given up.
const SERVER_FAULTS_MAX: u32 = 4;
/// Pieces that cannot be read from the disk, or uploads that vanish, before a file is given up.
const SETBACKS_MAX: u32 = 3;
/// Longest fingerprint the server keeps, in bytes.
const FINGERPRINT_MAX_BYTES: usize = 512;

/// What is heard of an upload on its way.
pub enum Step {
    /// Per cent of the file that has left.
    Sent(u32),
    /// It goes on by itself after so many seconds.
    Waits {
        seconds: u32,
        /// The connection broke; else the server takes no more files right now.
        is_broken: bool,
    },
}

/// How sending ended.
pub enum End {
    /// The server's word on the file.
    Done(UploadOutcome),
    /// It was paused; what has arrived stays.
    Stopped,
    /// It cannot go on: what to tell the student.
    Failed(String),
}

/// A file to be sent, and the upload it has become on the server.
pub struct Job {
    file: File,
    id: RefCell<Option<String>>,
    line: Line,
}

impl Job {
    /// A file to be sent; `begun` is its upload of an earlier visit.
    pub fn new(file: File, begun: Option<UploadId>) -> Rc<Self> {
        Rc::new(Self {
            file,
            id: RefCell::new(begun.map(|id| id.to_string())),
            line: Line::default(),
        })
    }

    /// Whether this is the upload's job.
    pub fn is(&self, upload: &Unfinished) -> bool {
        self.id.borrow().as_deref() == Some(&*upload.id.to_string())
    }

    /// Stops sending; what has arrived stays on the server.
    pub fn stop(&self) {
        self.line.stop();
    }

    /// Takes back what has arrived.
    pub async fn remove(&self) {
        self.line.stop();
        let id = self.id.take();
        if let Some(id) = id {
            remove(&id).await;
        }
    }

    /// Sends what the server lacks, until it is complete, stopped, or hopeless.
    pub async fn send(&self, on_step: Rc<dyn Fn(Step)>) -> End {
        self.line.open();
        let size = self.file.size();
        // Where to go on; unknown until the server has said so.
        let mut offset = None;
        let (mut breaks, mut faults, mut setbacks) = (0, 0, 0);
        while !self.line.is_stopped() {
            let id = self.id.borrow().clone();
            let is_piece = id.is_some() && offset.is_some();
            let reply = match (&id, offset) {
                (None, _) => self.announce().await,
                (Some(id), None) => self.line.ask("HEAD", &address(id), &[]).await,
                (Some(id), Some(at)) => self.piece(id, at, &on_step).await,
            };
            if self.line.is_stopped() {
                break;
            }
            let mut wait = None;
            match reply.status() {
                200 if is_piece => {
                    return match serde_json::from_str(&reply.text()) {
                        Ok(outcome) => End::Done(outcome),
                        Err(_) => End::Failed(UNCLEAR.to_owned()),
                    };
                }
                201 => {
                    let location = reply.header("location").unwrap_or_default();
                    self.id
                        .replace(location.rsplit('/').next().map(str::to_owned));
                    offset = Some(0.0);
                }
                200 | 204 | 409 => {
                    let now = reply.number("upload-offset");
                    if now > offset || !is_piece {
                        (breaks, faults) = (0, 0);
                    }
                    if now > offset && is_piece {
                        setbacks = 0;
                    }
                    offset = now;
                    on_step(Step::Sent(percent(now.unwrap_or(0.0), size)));
                }
                404 | 410 if id.is_some() && setbacks < SETBACKS_MAX => {
                    // It waited too long, or was removed elsewhere: from the beginning, then.
                    setbacks += 1;
                    offset = None;
                    self.id.replace(None);
                }
                429 => {
                    let seconds = reply.number("retry-after").unwrap_or(10.0);
                    wait = Some((seconds.clamp(1.0, 120.0) as u32, false));
                }
                423 => {
                    offset = None;
                    wait = Some((2, true));
                }
                0 => {
                    // A file that was changed or moved breaks its own request only.
                    setbacks += u32::from(is_piece);
                    if setbacks > SETBACKS_MAX && breaks == 0 {
                        return End::Failed(UNREADABLE.to_owned());
                    }
                    offset = None;
                    breaks += 1;
                    wait = Some((backoff(breaks), true));
                }
                500..=599 if faults < SERVER_FAULTS_MAX => {
                    offset = None;
                    faults += 1;
                    wait = Some((backoff(faults), true));
                }
                401 => return End::Failed(SIGNED_OUT.to_owned()),
                _ => return End::Failed(reply.detail().unwrap_or_else(|| UNCLEAR.to_owned())),
            }
            if let Some((seconds, is_broken)) = wait {
                on_step(Step::Waits { seconds, is_broken });
                self.line.wait(seconds).await;
            }
        }
        End::Stopped
    }

    async fn announce(&self) -> Reply {
        let length = (self.file.size() as u64).to_string();
        let mut metadata = "filename ".to_owned() + &base64(&self.file.name());
        if let Some(fingerprint) = fingerprint(&self.file) {
            metadata += ",fingerprint ";
            metadata += &base64(&fingerprint);
        }
        let headers = [("Upload-Length", &*length), ("Upload-Metadata", &metadata)];
        self.line.ask("POST", ADDRESS, &headers).await
    }

    async fn piece(&self, id: &str, at: f64, on_step: &Rc<dyn Fn(Step)>) -> Reply {
        let size = self.file.size();
        let end = (at + PIECE_BYTES).min(size);
        let Ok(piece) = self.file.slice_with_f64_and_f64(at, end) else {
            return Reply::none();
        };
        let on_step = Rc::clone(on_step);
        let on_sent = move |bytes: f64| on_step(Step::Sent(percent(at + bytes, size)));
        self.line
            .send(&address(id), at, &piece, Box::new(on_sent))
            .await
    }
}

const UNREADABLE: &str =
    "The browser can no longer read this file. It may have been changed or moved: choose it again.";
const SIGNED_OUT: &str = "Your session has ended. Log in again, then choose the file once more.";
const UNCLEAR: &str =
    "The server did not take this file. Try again; if it stays, look at the server's log.";

/// What the student may still upload and what she began; `None` when the server does not say.
pub async fn desk() -> Option<UploadDesk> {
    let reply = Line::default().ask("GET", ADDRESS, &[]).await;
    serde_json::from_str(&reply.text()).ok()
}

/// Takes back an upload of an earlier visit.
pub async fn remove(id: &str) {
    Line::default().ask("DELETE", &address(id), &[]).await;
}

/// What a file is known by after a reload: its name, size and time of change.
pub fn fingerprint(file: &File) -> Option<String> {
    // Whole numbers: writing others down would weigh more than the rest of this file.
    let parts = [
        &*(file.last_modified() as i64).to_string(),
        &(file.size() as u64).to_string(),
        &file.name(),
    ];
    Some(parts.join(" ")).filter(|text| text.len() <= FINGERPRINT_MAX_BYTES)
}

fn address(id: &str) -> String {
    [ADDRESS, "/", id].concat()
}

fn percent(bytes: f64, size: f64) -> u32 {
    (bytes * 100.0 / size.max(1.0)) as u32
}

/// 1, 2, 4 ... seconds, up to half of it left to chance, so that a class does not come back at once.
fn backoff(tries: u32) -> u32 {
    let most = (1_u32 << tries.min(5)).min(BACKOFF_MAX_SECONDS);
    (f64::from(most) * (0.5 + js_sys::Math::random() / 2.0)).ceil() as u32
}

/// UTF-8 as Base64; `btoa` takes one character a byte.
fn base64(text: &str) -> String {
    let bytes: String = text.bytes().map(char::from).collect();
    web_sys::window()
        .and_then(|window| window.btoa(&bytes).ok())
        .unwrap_or_default()
}
