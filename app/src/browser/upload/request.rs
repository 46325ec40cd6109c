//! The requests of one upload, one at a time, so that the one under way can be broken off. `fetch`
//! cannot report what has been sent, so this is an `XMLHttpRequest`.

use js_sys::{Function, Promise};
use std::cell::{Cell, RefCell};
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, ProgressEvent, XmlHttpRequest};

/// Where the requests go one after the other.
#[derive(Default)]
pub struct Line {
    is_stopped: Cell<bool>,
    request: RefCell<Option<XmlHttpRequest>>,
    /// Ends a wait early.
    wake: RefCell<Option<Function>>,
}

/// What came back; nothing when the connection broke.
pub struct Reply(Option<XmlHttpRequest>);

impl Line {
    /// Lets requests through (again).
    pub fn open(&self) {
        self.is_stopped.set(false);
    }

    /// Whether it was stopped.
    pub fn is_stopped(&self) -> bool {
        self.is_stopped.get()
    }

    /// Breaks off what is under way.
    pub fn stop(&self) {
        self.is_stopped.set(true);
        if let Some(request) = self.request.take() {
            // Only says that it has ended already.
            let _ = request.abort();
        }
        if let Some(wake) = self.wake.take() {
            let _ = wake.call0(&JsValue::NULL);
        }
    }

    /// A request without a body.
    pub async fn ask(&self, method: &str, address: &str, headers: &[(&str, &str)]) -> Reply {
        self.go(method, address, headers, None, None).await
    }

    /// A piece that begins at `at`; `on_sent` hears how many of its bytes have left.
    pub async fn send(
        &self,
        address: &str,
        at: f64,
        piece: &Blob,
        on_sent: Box<dyn Fn(f64)>,
    ) -> Reply {
        let at = (at as u64).to_string();
        let headers = [
            ("Upload-Offset", &*at),
            ("Content-Type", "application/offset+octet-stream"),
        ];
        let on_progress = Closure::<dyn Fn(ProgressEvent)>::new(move |event: ProgressEvent| {
            on_sent(event.loaded());
        });
        let progress = Some(on_progress.as_ref().unchecked_ref());
        self.go("PATCH", address, &headers, Some(piece), progress)
            .await
    }

    async fn go(
        &self,
        method: &str,
        address: &str,
        headers: &[(&str, &str)],
        body: Option<&Blob>,
        on_progress: Option<&Function>,
    ) -> Reply {
        let Ok(request) = opened(method, address, headers, on_progress) else {
            return Reply::none();
        };
        self.request.replace(Some(request.clone()));
        // `loadend` comes exactly once, whatever happened.
        let ended = Promise::new(&mut |resolve, _| {
            request.set_onloadend(Some(&resolve));
            if request.send_with_opt_blob(body).is_err() {
                let _ = resolve.call0(&JsValue::NULL);
            }
        });
        let _ = JsFuture::from(ended).await;
        self.request.replace(None);
        Reply(Some(request))
    }

    /// Waits, or until it is stopped.
    pub async fn wait(&self, seconds: u32) {
        let over = Promise::new(&mut |resolve, _| {
            let millis = i32::try_from(seconds.saturating_mul(1_000)).unwrap_or(i32::MAX);
            if let Some(window) = web_sys::window() {
                let _ =
                    window.set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, millis);
            }
            self.wake.replace(Some(resolve));
        });
        let _ = JsFuture::from(over).await;
        self.wake.replace(None);
    }
}

fn opened(
    method: &str,
    address: &str,
    headers: &[(&str, &str)],
    on_progress: Option<&Function>,
) -> Result<XmlHttpRequest, JsValue> {
    let request = XmlHttpRequest::new()?;
    request.open(method, address)?;
    let own = [("Tus-Resumable", "1.0.0"), ("Accept", "application/json")];
    for (name, value) in own.iter().chain(headers) {
        request.set_request_header(name, value)?;
    }
    if on_progress.is_some() {
        request.upload()?.set_onprogress(on_progress);
    }
    Ok(request)
}

impl Reply {
    /// No answer at all.
    pub const fn none() -> Self {
        Self(None)
    }

    /// The status; 0 when there was no answer.
    pub fn status(&self) -> u16 {
        self.0
            .as_ref()
            .and_then(|request| request.status().ok())
            .unwrap_or(0)
    }

    /// The body.
    pub fn text(&self) -> String {
        self.0
            .as_ref()
            .and_then(|request| request.response_text().ok().flatten())
            .unwrap_or_default()
    }

    /// A header.
    pub fn header(&self, name: &str) -> Option<String> {
        self.0.as_ref()?.get_response_header(name).ok()?
    }

    /// A header that holds a whole number.
    pub fn number(&self, name: &str) -> Option<f64> {
        self.header(name)?
            .parse()
            .ok()
            .map(|number: u64| number as f64)
    }

    /// The sentence of a problem (RFC 9457).
    pub fn detail(&self) -> Option<String> {
        #[derive(serde::Deserialize)]
        struct Problem {
            detail: String,
        }
        serde_json::from_str::<Problem>(&self.text())
            .ok()
            .map(|problem| problem.detail)
    }
}
