//! What a failure of the storage means: for whom it is, and which setting to look at. Takes from the
//! service's answer its status and its one-word code and nothing else, since the rest may quote the
//! request.

use object_store::client::{HttpError, HttpErrorKind};
use std::{error::Error, io};

/// Why the storage did not do what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StorageError {
    /// Not reachable, too slow, or out of order: it passes without anybody changing a setting.
    #[error("the storage does not answer: {0}")]
    Silent(String),
    /// It answers, and will not do it as long as a setting stays as it is.
    #[error("{setting} {problem}")]
    Refused {
        setting: &'static str,
        problem: String,
    },
}

impl StorageError {
    /// No answer in time.
    pub fn slow() -> Self {
        Self::Silent("no answer in time".to_owned())
    }

    /// Fewer bytes than announced.
    pub fn cut() -> Self {
        Self::Silent("the answer ended early".to_owned())
    }
}

/// An error of `object_store` as one of this house: `NotFound`, a plain error of the disk, or a
/// [`StorageError`].
pub fn told(error: object_store::Error) -> io::Error {
    let text = error.to_string();
    let code = code(&text);
    if let object_store::Error::NotFound { .. } = error
        && !matches!(code, Some("NoSuchBucket"))
    {
        return io::ErrorKind::NotFound.into();
    }
    let mut causes = std::iter::successors(Some(&error as Cause), cause);
    let disk = causes.clone().find_map(|cause| {
        let cause = cause.downcast_ref::<io::Error>()?;
        // Errors of a connection are of this type, too, but say nothing of the operating system.
        cause.raw_os_error()
    });
    let sent = causes.find_map(|cause| cause.downcast_ref::<HttpError>());
    match (sent, disk) {
        (Some(sent), _) => io::Error::other(StorageError::Silent(broken(sent.kind()))),
        (None, Some(disk)) => io::Error::from_raw_os_error(disk),
        (None, None) => io::Error::other(answered(&error, &text, code)),
    }
}

type Cause<'a> = &'a (dyn Error + 'static);

fn cause<'a>(error: &Cause<'a>) -> Option<Cause<'a>> {
    let error: Cause<'a> = *error;
    error.source()
}

fn broken(kind: HttpErrorKind) -> String {
    match kind {
        HttpErrorKind::Connect => "no connection to S3_ENDPOINT",
        HttpErrorKind::Timeout => "no answer in time",
        _ => "the connection broke",
    }
    .to_owned()
}

/// What an answer means that is not the one that was wanted.
fn answered(error: &object_store::Error, text: &str, code: Option<&str>) -> StorageError {
    let status = status(text);
    let refused = |setting, problem: &str| StorageError::Refused {
        setting,
        problem: problem.to_owned(),
    };
    match (code, status) {
        (Some("NoSuchBucket" | "InvalidBucketName"), _) => refused(
            "S3_BUCKET",
            "names a bucket that is not there. Make it, or name another",
        ),
        (Some("InvalidAccessKeyId" | "InvalidClientTokenId" | "AuthFailure"), _) => {
            refused("S3_ACCESS_KEY_ID", "is not known to the storage")
        }
        (Some("SignatureDoesNotMatch"), _) => refused(
            "S3_SECRET_ACCESS_KEY",
            "is not the secret of S3_ACCESS_KEY_ID",
        ),
        (Some("RequestTimeTooSkewed"), _) => {
            StorageError::Silent("its clock and this machine's differ too much".to_owned())
        }
        (
            Some(
                "AuthorizationHeaderMalformed"
                | "PermanentRedirect"
                | "IllegalLocationConstraintException",
            ),
            _,
        )
        | (_, Some(301 | 307)) => refused("S3_REGION", "is not the region of the bucket"),
        _ if text.contains("incorrectly configured region") => {
            refused("S3_REGION", "is not the region of the bucket")
        }
        (_, Some(401 | 403)) => not_allowed(),
        _ if matches!(
            error,
            object_store::Error::PermissionDenied { .. }
                | object_store::Error::Unauthenticated { .. }
        ) =>
        {
            not_allowed()
        }
        (_, Some(429 | 500..=599)) | (Some("InternalError" | "SlowDown"), _) => {
            StorageError::Silent(said(status, code))
        }
        (_, Some(400..=499)) => StorageError::Refused {
            setting: "S3_ENDPOINT",
            problem: format!(
                "was answered with {}. Is it a service that speaks S3?",
                said(status, code)
            ),
        },
        _ => StorageError::Silent("its answer was not understood".to_owned()),
    }
}

fn not_allowed() -> StorageError {
    StorageError::Refused {
        setting: "S3_ACCESS_KEY_ID",
        problem: "may not read, write, remove and list objects of the bucket".to_owned(),
    }
}

fn said(status: Option<u16>, code: Option<&str>) -> String {
    let status = status.map(|status| status.to_string());
    let words: Vec<&str> = status.as_deref().into_iter().chain(code).collect();
    words.join(" ")
}

/// The code in the XML of an answer: a word of letters, whatever the service claims it to be.
fn code(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("<Code>")?;
    let (code, _) = rest.split_once("</Code>")?;
    let is_word = !code.is_empty() && code.len() <= 64;
    (is_word && code.bytes().all(|byte| byte.is_ascii_alphanumeric())).then_some(code)
}

fn status(text: &str) -> Option<u16> {
    let (_, rest) = text.split_once("status code: ")?;
    rest.get(..3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_service(status: &str, body: &str) -> StorageError {
        let text = format!("Server returned non-2xx status code: {status}: {body}");
        let error = told(object_store::Error::Generic {
            store: "S3",
            source: text.into(),
        });
        error.downcast().unwrap()
    }

    fn setting(status: &str, body: &str) -> &'static str {
        match from_service(status, body) {
            StorageError::Refused { setting, .. } => setting,
            StorageError::Silent(reason) => panic!("{reason}"),
        }
    }

    #[test]
    fn an_answer_names_the_setting_to_look_at() {
        for (status, code, name) in [
            ("404 Not Found", "NoSuchBucket", "S3_BUCKET"),
            ("403 Forbidden", "InvalidAccessKeyId", "S3_ACCESS_KEY_ID"),
            (
                "403 Forbidden",
                "SignatureDoesNotMatch",
                "S3_SECRET_ACCESS_KEY",
            ),
            ("403 Forbidden", "AccessDenied", "S3_ACCESS_KEY_ID"),
            (
                "400 Bad Request",
                "AuthorizationHeaderMalformed",
                "S3_REGION",
            ),
            ("405 Method Not Allowed", "MethodNotAllowed", "S3_ENDPOINT"),
        ] {
            let body = format!("<Error><Code>{code}</Code></Error>");
            assert_eq!(setting(status, &body), name, "{code}");
        }
        assert_eq!(
            setting("404 Not Found", "<html>no such page"),
            "S3_ENDPOINT"
        );
    }

    #[test]
    fn a_service_that_is_out_of_order_is_waited_for() {
        let body = "<Error><Code>SlowDown</Code><Message>m</Message></Error>";
        let error = from_service("503 Service Unavailable", body);
        assert_eq!(error, StorageError::Silent("503 SlowDown".to_owned()));
    }

    #[test]
    fn what_the_service_quotes_of_the_request_is_not_repeated() {
        let body = "<Error><Code>Teapot</Code><StringToSign>AKIDEXAMPLE</StringToSign></Error>";
        for status in ["418 I'm a teapot", "500 Internal Server Error"] {
            assert!(!from_service(status, body).to_string().contains("AKID"));
        }
        let forged = "<Code>AKID/../EXAMPLE secret</Code>";
        assert!(!from_service("500 x", forged).to_string().contains("AKID"));
    }
}
