//! Completes the statuses that the transport makes by itself: they have a code
//! and a text, and get a reason of the published enum and the values it promises.

use http::HeaderMap;
use tonic::{Code, Status};

use crate::grpc::auth;
use crate::grpc::status::{self, Failure};
use crate::proto::ErrorReason;

/// Where in an answer a status stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In the head: the call failed before it began to answer. A status the
    /// transport puts there is about the request.
    Head,
    /// In the trailers: the call failed while it answered. A status the
    /// transport puts there is about the response.
    Trailers,
}

/// A call as far as its errors speak of it.
#[derive(Clone, Debug)]
pub(super) struct Call {
    path: String,
    request_bytes_max: usize,
}

impl Call {
    pub(super) fn new(path: &str, request_bytes_max: usize) -> Call {
        Call { path: path.to_owned(), request_bytes_max }
    }

    /// The method as in the path, `/package.Service/Method`.
    pub(super) fn method(&self) -> &str {
        &self.path
    }

    /// Completes a status in the headers or trailers it came in, if it needs it,
    /// and says which code the client will see.
    pub(super) fn complete(&self, status: &Status, place: Place, headers: &mut HeaderMap) -> Code {
        if !status.details().is_empty() {
            return status.code();
        }
        let Some(completed) = self.completed(status, place) else { return status.code() };
        // What the transport says beside the status, such as the encodings it
        // accepts, stays.
        match completed.add_header(headers) {
            Ok(()) => completed.code(),
            Err(_) => status.code(),
        }
    }

    fn completed(&self, status: &Status, place: Place) -> Option<Status> {
        let failure = match status.code() {
            Code::Ok => return None,
            Code::Cancelled => {
                let text = "the caller cancelled the call".to_owned();
                Failure::new(Code::Cancelled, ErrorReason::Cancelled, text)
            }
            Code::DeadlineExceeded => {
                let text = "the call did not end before its deadline".to_owned();
                Failure::new(Code::DeadlineExceeded, ErrorReason::DeadlineExceeded, text)
            }
            Code::Unimplemented if auth::roles(&self.path).is_none() => self.method_unknown(),
            // The method exists, so it is the encoding of the request.
            Code::Unimplemented => malformed(Code::Unimplemented, status),
            Code::OutOfRange if place == Place::Head => self.too_large(),
            Code::Internal | Code::Unknown | Code::DataLoss if place == Place::Head => {
                malformed(Code::InvalidArgument, status)
            }
            // Health and reflection have statuses of their own.
            _ if auth::roles(&self.path).is_none() => return None,
            _ => {
                let why = format!("{} answered with {status}", self.path);
                status::fault(ErrorReason::Internal, &why)
            }
        };
        Some(failure.status())
    }

    fn method_unknown(&self) -> Failure {
        let text = format!("the service has no method {}", self.path);
        Failure::new(Code::Unimplemented, ErrorReason::MethodUnknown, text)
            .with("method", &self.path)
    }

    fn too_large(&self) -> Failure {
        let bound = self.request_bytes_max;
        let text = format!("the request is larger than {bound} bytes");
        Failure::new(Code::ResourceExhausted, ErrorReason::RequestTooLarge, text.clone())
            .with("bound", bound)
            .quota("request bytes", &text)
    }
}

fn malformed(code: Code, status: &Status) -> Failure {
    let text = format!("the request is not a message of the method: {}", status.message());
    Failure::new(code, ErrorReason::RequestMalformed, text)
}
