use tonic::{Code, Status};
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

use crate::support::TestServer;

async fn ask(server: &TestServer, question: MessageRequest) -> Result<MessageResponse, Status> {
    let mut client = ServerReflectionClient::new(server.channel.clone());
    let request = ServerReflectionRequest { host: String::new(), message_request: Some(question) };
    let answers = client.server_reflection_info(tokio_stream::iter([request])).await?;
    let answer = answers.into_inner().message().await?;
    Ok(answer.and_then(|answer| answer.message_response).unwrap())
}

#[tokio::test]
async fn reflection_lists_the_contract_and_keeps_stored_messages_to_itself() {
    let server = TestServer::start().await;
    let services = ask(&server, MessageRequest::ListServices(String::new())).await.unwrap();
    let MessageResponse::ListServicesResponse(list) = services else { panic!("{services:?}") };
    let names: Vec<_> = list.service.iter().map(|service| &*service.name).collect();
    for name in ["arrears.v1.PortfolioService", "arrears.v1.CaseService", "grpc.health.v1.Health"] {
        assert!(names.contains(&name), "{name} is not in {names:?}");
    }
    let symbol = |name: &str| MessageRequest::FileContainingSymbol(name.to_owned());
    let contract = ask(&server, symbol("arrears.v1.CaseService.PushCases")).await;
    assert!(matches!(contract, Ok(MessageResponse::FileDescriptorResponse(_))), "{contract:?}");
    let stored = ask(&server, symbol("arrears.store.v1.CaseFacts")).await;
    assert_eq!(stored.unwrap_err().code(), Code::NotFound);
}
