//! One file on its way to the server, with progress. `fetch` cannot report what has been sent, so
//! this is an `XMLHttpRequest`.

use crate::model::material::UploadOutcome;
use std::rc::Rc;
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::{File, FormData, ProgressEvent, XmlHttpRequest};

/// What is heard of an upload.
pub enum Step {
    /// Per cent of the bytes that have left; 100 while the server is still writing.
    Sent(u32),
    /// The server's word on the file.
    Done(UploadOutcome),
    /// The server asks to come back after so many seconds.
    Later(u32),
    /// It did not get there: what to tell the student.
    Failed(String),
}

/// Sends `file`. `on_step` is called with `Sent` any number of times, then once with another step.
pub fn send(file: &File, on_step: impl Fn(Step) + 'static) {
    let on_step = Rc::new(on_step);
    if start(file, &on_step).is_err() {
        on_step(Step::Failed(
            "The browser could not read this file. Choose it again.".to_owned(),
        ));
    }
}

fn start(file: &File, on_step: &Rc<impl Fn(Step) + 'static>) -> Result<(), JsValue> {
    let form = FormData::new()?;
    form.append_with_blob_and_filename("file", file, &file.name())?;
    let request = XmlHttpRequest::new()?;
    request.open("POST", "/library/upload")?;
    request.set_request_header("Accept", "application/json")?;

    let sent = Rc::clone(on_step);
    let on_progress = Closure::<dyn Fn(ProgressEvent)>::new(move |event: ProgressEvent| {
        if event.total() > 0.0 {
            sent(Step::Sent((event.loaded() * 100.0 / event.total()) as u32));
        }
    });
    request
        .upload()?
        .set_onprogress(Some(on_progress.as_ref().unchecked_ref()));

    let done = Rc::clone(on_step);
    let name = file.name();
    let ended = request.clone();
    // `loadend` comes exactly once, whatever happened, and frees both closures.
    let on_end = Closure::once_into_js(move || {
        drop(on_progress);
        done(outcome(&ended, &name));
    });
    request.set_onloadend(Some(on_end.unchecked_ref()));
    request.send_with_opt_form_data(Some(&form))
}

/// Reads the answer to an upload of one file.
fn outcome(request: &XmlHttpRequest, name: &str) -> Step {
    let status = request.status().unwrap_or(0);
    let text = request.response_text().ok().flatten().unwrap_or_default();
    if status == 200
        && let Ok(outcomes) = serde_json::from_str::<Vec<UploadOutcome>>(&text)
        && let Some(outcome) = outcomes.into_iter().next()
    {
        return Step::Done(outcome);
    }
    if status == 429 {
        let seconds = request.get_response_header("retry-after").ok().flatten();
        return Step::Later(
            seconds
                .and_then(|text| text.parse().ok())
                .unwrap_or(10)
                .clamp(1, 120),
        );
    }
    Step::Failed(match status {
        0 => "The connection broke before the file was sent. Check that the server is running, then choose the file again.".to_owned(),
        401 => "Your session has ended. Log in again, then choose the file once more.".to_owned(),
        _ => detail(&text).unwrap_or_else(|| {
            ["The server did not take ", name, ". Try again; if it stays, look at the server's log."].concat()
        }),
    })
}

/// The sentence of a problem answer (RFC 9457).
fn detail(text: &str) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Problem {
        detail: String,
    }
    serde_json::from_str::<Problem>(text)
        .ok()
        .map(|problem| problem.detail)
}
