use http_body_util::BodyExt;
use tonic_types::StatusExt;
use tower::service_fn;

use super::*;

const GET_CASE: &str = "/arrears.v1.CaseService/GetCase";

/// What the layer makes of a status that stands in the head of an answer.
async fn answered(path: &str, status: Status) -> Status {
    let inner = service_fn(move |_: http::Request<Body>| {
        let response = status.clone().into_http::<Body>();
        async move { Ok::<_, std::convert::Infallible>(response) }
    });
    let layer = EdgeLayer::new(Arc::new(Metrics::new()), 4_096);
    let request = http::Request::builder().uri(path).body(Body::empty()).unwrap();
    let response = layer.layer(inner).call(request).await.unwrap();
    Status::from_header_map(response.headers()).unwrap()
}

fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

#[tokio::test]
async fn every_code_of_the_transport_gets_a_reason() {
    for (code, after, reason_after) in [
        (Code::Cancelled, Code::Cancelled, "CANCELLED"),
        (Code::DeadlineExceeded, Code::DeadlineExceeded, "DEADLINE_EXCEEDED"),
        (Code::OutOfRange, Code::ResourceExhausted, "REQUEST_TOO_LARGE"),
        (Code::Internal, Code::InvalidArgument, "REQUEST_MALFORMED"),
        (Code::Unknown, Code::InvalidArgument, "REQUEST_MALFORMED"),
        (Code::Unimplemented, Code::Unimplemented, "REQUEST_MALFORMED"),
        (Code::FailedPrecondition, Code::Internal, "INTERNAL"),
    ] {
        let status = answered(GET_CASE, Status::new(code, "said the transport")).await;
        assert_eq!(status.code(), after, "{code:?}");
        assert_eq!(reason(&status), reason_after, "{code:?}");
    }
    let status = answered("/grpc.health.v1.Health/Check", Status::not_found("none")).await;
    assert_eq!((status.code(), reason(&status).as_str()), (Code::NotFound, ""));
}

#[tokio::test]
async fn a_status_with_details_is_left_as_it_is() {
    let own = status::from_error(crate::engine::Error::ShuttingDown, status::Named::NOTHING);
    let after = answered(GET_CASE, own.clone()).await;
    assert_eq!((after.code(), after.details()), (own.code(), own.details()));
}

#[tokio::test]
async fn a_body_that_is_dropped_early_counts_as_cancelled() {
    let metrics = Arc::new(Metrics::new());
    let inner = service_fn(|_: http::Request<Body>| async {
        let data = http_body_util::Full::new(prost::bytes::Bytes::from_static(b"half an answer"));
        Ok::<_, std::convert::Infallible>(http::Response::new(Body::new(data)))
    });
    let layer = EdgeLayer::new(Arc::clone(&metrics), 4_096);
    let request = || http::Request::builder().uri(GET_CASE).body(Body::empty()).unwrap();
    drop(layer.layer(inner).call(request()).await.unwrap());
    assert!(metrics.text().unwrap().contains(r#"grpc_code="Canceled"} 1"#));
    // Read to its end, it had no status: the client cannot know what happened.
    let response = layer.layer(inner).call(request()).await.unwrap();
    response.into_body().collect().await.unwrap();
    assert!(metrics.text().unwrap().contains(r#"grpc_code="Unknown"} 1"#));
}

#[test]
fn timeouts_are_read_as_grpc_writes_them() {
    for (text, seconds) in
        [("1H", 3_600.0), ("2M", 120.0), ("3S", 3.0), ("4m", 0.004), ("5u", 5e-6), ("6n", 6e-9)]
    {
        assert_eq!(parse_timeout(text), Some(Duration::from_secs_f64(seconds)), "{text}");
    }
    assert_eq!(parse_timeout("99999999H"), Some(Duration::from_secs(99_999_999 * 3_600)));
    for text in ["", "S", "1", "1s", "-1S", "+1S", "1.5S", "123456789S", "1 S", "1€"] {
        assert_eq!(parse_timeout(text), None, "{text:?}");
    }
}
