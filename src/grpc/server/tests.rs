use std::future::pending;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::task::JoinHandle;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Channel;
use tonic::{Code, Request, Response, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::{ErrorInfo, StatusExt};

use super::*;
use crate::engine::Role;
use crate::proto::case_service_client::CaseServiceClient;
use crate::proto::case_service_server::CaseService;

/// A service whose GetCase does what the case id says.
struct Probe;

#[tonic::async_trait]
impl CaseService for Probe {
    async fn get_case(
        &self,
        request: Request<proto::GetCaseRequest>,
    ) -> Result<Response<proto::GetCaseResponse>, Status> {
        let case_id = request.into_inner().case_id;
        match case_id.as_str() {
            "panic" => panic!("a broken invariant"),
            "slow" => pending().await,
            "bare" => Err(Status::not_found("a status without details")),
            "large" => Ok(case("x".repeat(RESPONSE_BYTES_MAX))),
            _ => Ok(case(case_id)),
        }
    }

    async fn push_cases(
        &self,
        _: Request<proto::PushCasesRequest>,
    ) -> Result<Response<proto::PushCasesResponse>, Status> {
        Ok(Response::new(Default::default()))
    }

    async fn record_events(
        &self,
        _: Request<proto::RecordEventsRequest>,
    ) -> Result<Response<proto::RecordEventsResponse>, Status> {
        Ok(Response::new(Default::default()))
    }

    async fn list_cases(
        &self,
        _: Request<proto::ListCasesRequest>,
    ) -> Result<Response<proto::ListCasesResponse>, Status> {
        Ok(Response::new(Default::default()))
    }

    async fn explain_case(
        &self,
        _: Request<proto::ExplainCaseRequest>,
    ) -> Result<Response<proto::ExplainCaseResponse>, Status> {
        Ok(Response::new(Default::default()))
    }

    async fn replay_case(
        &self,
        _: Request<proto::ReplayCaseRequest>,
    ) -> Result<Response<proto::ReplayCaseResponse>, Status> {
        Ok(Response::new(Default::default()))
    }

    async fn score_case(
        &self,
        _: Request<proto::ScoreCaseRequest>,
    ) -> Result<Response<proto::ScoreCaseResponse>, Status> {
        Ok(Response::new(Default::default()))
    }

    type WatchCasesStream = futures::stream::Empty<Result<proto::WatchCasesResponse, Status>>;

    async fn watch_cases(
        &self,
        _: Request<proto::WatchCasesRequest>,
    ) -> Result<Response<Self::WatchCasesStream>, Status> {
        Ok(Response::new(futures::stream::empty()))
    }

    async fn get_debtor(
        &self,
        _: Request<proto::GetDebtorRequest>,
    ) -> Result<Response<proto::GetDebtorResponse>, Status> {
        Ok(Response::new(Default::default()))
    }
}

fn case(case_id: String) -> Response<proto::GetCaseResponse> {
    let case = proto::Case { case_id, ..proto::Case::default() };
    Response::new(proto::GetCaseResponse { case: Some(case) })
}

struct TestServer {
    channel: Channel,
    http: String,
    shutdown: CancellationToken,
    served: JoinHandle<Result<(), ServeError>>,
}

impl TestServer {
    async fn start(caller: Caller) -> TestServer {
        let config = config();
        let listeners = Listeners::bind(&config).await.unwrap();
        let grpc = format!("http://{}", listeners.grpc_addr().unwrap());
        let http = listeners.http_addr().unwrap().to_string();
        let routes = Routes::new(limited!(CaseServiceServer::new(Probe), config.limits));
        let shutdown = CancellationToken::new();
        let stop = shutdown.clone();
        let probe = Box::new(|| -> BoxFuture<'static, bool> { Box::pin(async { true }) });
        let served =
            tokio::spawn(
                async move { run((routes, probe), caller, listeners, &config, stop).await },
            );
        let channel = Channel::from_shared(grpc).unwrap().connect().await.unwrap();
        TestServer { channel, http, shutdown, served }
    }

    fn cases(&self) -> CaseServiceClient<Channel> {
        CaseServiceClient::new(self.channel.clone())
    }

    async fn get(&self, case_id: &str) -> Result<Response<proto::GetCaseResponse>, Status> {
        let request = proto::GetCaseRequest { case_id: case_id.to_owned(), ..Default::default() };
        self.cases().get_case(request).await
    }

    /// Calls a method by its path with any message, as any client could.
    async fn call<T>(&self, path: &'static str, message: T) -> Status
    where
        T: prost::Message + 'static,
    {
        let mut client = tonic::client::Grpc::new(self.channel.clone());
        client.ready().await.unwrap();
        let codec = tonic_prost::ProstCodec::<T, proto::GetCaseResponse>::default();
        let path = PathAndQuery::from_static(path);
        client.unary(Request::new(message), path, codec).await.unwrap_err()
    }

    /// Fetches a page over plain HTTP/1.1.
    async fn page(&self, path: &str) -> String {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut stream = tokio::net::TcpStream::connect(&self.http).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: arrears\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }
}

fn config() -> Config {
    let mut config = Config::default();
    config.server.grpc_addr.set_port(0);
    config.server.http_addr.set_port(0);
    config
}

fn info(status: &Status) -> ErrorInfo {
    status.get_details_error_info().unwrap_or_else(|| panic!("{status:?} has no ErrorInfo"))
}

#[tokio::test]
async fn a_request_over_the_limit_is_refused_with_the_limit() {
    let server = TestServer::start(Caller::local()).await;
    let request =
        |bytes| proto::PushCasesRequest { portfolio_id: "p".repeat(bytes), ..Default::default() };
    // The field costs a tag and a length of four bytes.
    let limit = config().limits.request_bytes_max;
    assert!(server.cases().push_cases(request(limit - 5)).await.is_ok());
    let status = server.cases().push_cases(request(limit - 4)).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(info(&status).reason, "REQUEST_TOO_LARGE");
    assert_eq!(info(&status).domain, "arrears");
    assert_eq!(info(&status).metadata["bound"], limit.to_string());
    assert!(status.get_details_quota_failure().is_some());
}

#[tokio::test]
async fn a_request_that_is_no_message_of_the_method_is_malformed() {
    let server = TestServer::start(Caller::local()).await;
    // Field 1 of GetCaseRequest is a text and this one a number.
    let other = proto::ListPortfoliosRequest { page_size: 7, ..Default::default() };
    let status = server.call("/arrears.v1.CaseService/GetCase", other).await;
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(info(&status).reason, "REQUEST_MALFORMED");
    assert!(status.message().contains("portfolio_id"), "{}", status.message());
}

#[tokio::test]
async fn an_encoding_the_server_does_not_know_is_malformed_and_the_known_ones_are_told() {
    let server = TestServer::start(Caller::local()).await;
    let mut request = Request::new(proto::GetCaseRequest::default());
    request.metadata_mut().insert("grpc-encoding", "br".parse().unwrap());
    let status = server.cases().get_case(request).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    assert_eq!(info(&status).reason, "REQUEST_MALFORMED");
    assert!(status.metadata().contains_key("grpc-accept-encoding"), "{status:?}");
}

#[tokio::test]
async fn unknown_methods_and_services_are_named() {
    let server = TestServer::start(Caller::local()).await;
    for path in ["/arrears.v1.CaseService/Get", "/arrears.v9.CaseService/GetCase", "/x", "/"] {
        let status = server.call(path, proto::GetCaseRequest::default()).await;
        assert_eq!(status.code(), Code::Unimplemented, "{path}");
        assert_eq!(info(&status).reason, "METHOD_UNKNOWN", "{path}");
        assert_eq!(info(&status).metadata["method"], path);
    }
}

#[tokio::test]
async fn a_deadline_is_answered_with_its_reason() {
    let server = TestServer::start(Caller::local()).await;
    let mut request =
        Request::new(proto::GetCaseRequest { case_id: "slow".into(), ..Default::default() });
    // Only the header: the client itself waits for the server's answer.
    request.metadata_mut().insert("grpc-timeout", "200m".parse().unwrap());
    let status = server.cases().get_case(request).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert_eq!(info(&status).reason, "DEADLINE_EXCEEDED");
}

#[tokio::test]
async fn a_panic_is_a_fault_and_the_next_call_is_answered() {
    let server = TestServer::start(Caller::local()).await;
    let status = server.get("panic").await.unwrap_err();
    assert_eq!(status.code(), Code::Internal);
    assert_eq!(info(&status).reason, "INTERNAL");
    assert!(!status.message().contains("invariant"), "{}", status.message());
    assert!(status.get_details_request_info().is_some());
    assert!(server.get("c1").await.is_ok());
}

#[tokio::test]
async fn a_response_over_the_limit_is_a_fault() {
    let server = TestServer::start(Caller::local()).await;
    let status = server.get("large").await.unwrap_err();
    assert_eq!(status.code(), Code::Internal);
    assert_eq!(info(&status).reason, "INTERNAL");
}

#[tokio::test]
async fn a_handlers_status_without_a_reason_is_a_fault() {
    let server = TestServer::start(Caller::local()).await;
    let status = server.get("bare").await.unwrap_err();
    assert_eq!(status.code(), Code::Internal);
    assert_eq!(info(&status).reason, "INTERNAL");
}

#[tokio::test]
async fn a_caller_without_the_role_is_refused_before_the_method_runs() {
    let caller = Caller { roles: vec![Role::Dialer], ..Caller::local() };
    let server = TestServer::start(caller).await;
    let status = server.get("panic").await.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
    assert_eq!(info(&status).reason, "ROLE_MISSING");
    assert_eq!(info(&status).metadata["method"], "/arrears.v1.CaseService/GetCase");
    assert_eq!(
        info(&status).metadata["roles"],
        "loan_system, analyst, approver, auditor, operator"
    );
    let health = HealthClient::new(server.channel.clone());
    assert!(health.clone().check(HealthCheckRequest::default()).await.is_ok());
}

#[tokio::test]
async fn health_speaks_for_each_service_and_keeps_its_own_statuses() {
    let server = TestServer::start(Caller::local()).await;
    let mut health = HealthClient::new(server.channel.clone());
    for service in ["", "arrears.v1.PortfolioService", "arrears.v1.CaseService"] {
        let answer =
            health.check(HealthCheckRequest { service: service.to_owned() }).await.unwrap();
        assert_eq!(answer.into_inner().status, ServingStatus::Serving as i32, "{service}");
    }
    let other = HealthCheckRequest { service: "other".to_owned() };
    assert_eq!(health.check(other).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn while_draining_health_says_so_and_open_calls_end() {
    let server = TestServer::start(Caller::local()).await;
    let mut health = HealthClient::new(server.channel.clone());
    let request = HealthCheckRequest::default();
    let mut watch = health.watch(request).await.unwrap().into_inner();
    let first = watch.message().await.unwrap().unwrap();
    assert_eq!(first.status, ServingStatus::Serving as i32);
    assert!(server.page("/readyz").await.starts_with("HTTP/1.1 200"));

    server.shutdown.cancel();
    let next = watch.message().await.unwrap().unwrap();
    assert_eq!(next.status, ServingStatus::NotServing as i32);
    // The open watch keeps gRPC draining, and HTTP answers as long.
    assert!(server.page("/readyz").await.starts_with("HTTP/1.1 503"));
    assert!(server.page("/healthz").await.starts_with("HTTP/1.1 200"));
    drop((watch, health, server.channel));
    tokio::time::timeout(Duration::from_secs(10), server.served).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn calls_are_counted_by_method_and_code() {
    let server = TestServer::start(Caller::local()).await;
    server.get("c1").await.unwrap();
    server.get("panic").await.unwrap_err();
    server.call("/made.Up/Method", proto::GetCaseRequest::default()).await;
    let text = server.page("/metrics").await;
    for line in [
        r#"grpc_server_started_total{grpc_type="unary",grpc_service="arrears.v1.CaseService",grpc_method="GetCase"} 2"#,
        r#"grpc_service="arrears.v1.CaseService",grpc_method="GetCase",grpc_code="OK"} 1"#,
        r#"grpc_service="arrears.v1.CaseService",grpc_method="GetCase",grpc_code="Internal"} 1"#,
        r#"grpc_service="other",grpc_method="other",grpc_code="Unimplemented"} 1"#,
        r#"grpc_server_handling_seconds_count{grpc_type="unary",grpc_service="arrears.v1.CaseService",grpc_method="GetCase"} 2"#,
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}

#[tokio::test]
async fn addresses_open_to_others_are_refused_and_taken_ones_named() {
    let mut open = config();
    open.server.http_addr = "0.0.0.0:0".parse().unwrap();
    let error = Listeners::bind(&open).await.unwrap_err();
    assert!(matches!(error, ServeError::NotLoopback(_)), "{error}");

    let mut taken = config();
    let first = Listeners::bind(&taken).await.unwrap();
    taken.server.grpc_addr = first.grpc_addr().unwrap();
    let error = Listeners::bind(&taken).await.unwrap_err().to_string();
    assert!(error.contains(&taken.server.grpc_addr.to_string()), "{error}");
}
