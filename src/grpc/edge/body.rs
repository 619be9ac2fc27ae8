//! A response body that completes the status in its trailers and counts the
//! call when it ends.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http_body::{Frame, SizeHint};
use tonic::body::Body;
use tonic::{Code, Status};

use crate::grpc::metrics::Tally;

use super::complete::{Call, Place};

/// The body. Dropped before its end, it counts as cancelled: the caller left.
pub(super) struct EdgeBody {
    inner: Body,
    call: Call,
    tally: Option<Tally>,
}

impl EdgeBody {
    pub(super) fn new(inner: Body, call: Call, tally: Tally) -> EdgeBody {
        EdgeBody { inner, call, tally: Some(tally) }
    }

    fn end(&mut self, code: Code) {
        if let Some(tally) = self.tally.take() {
            tally.handled(code);
        }
    }
}

impl http_body::Body for EdgeBody {
    type Data = <Body as http_body::Body>::Data;
    type Error = <Body as http_body::Body>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let this = &mut *self;
        let mut frame = ready!(Pin::new(&mut this.inner).poll_frame(context));
        match &mut frame {
            Some(Ok(frame)) => {
                if let Some(trailers) = frame.trailers_mut() {
                    let code = match Status::from_header_map(trailers) {
                        Some(status) => this.call.complete(&status, Place::Trailers, trailers),
                        None => Code::Unknown,
                    };
                    this.end(code);
                }
            }
            Some(Err(_)) | None => this.end(Code::Unknown),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for EdgeBody {
    fn drop(&mut self) {
        self.end(Code::Cancelled);
    }
}
