use prost::Message;
use prost_types::FileDescriptorSet;
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

#[tokio::test]
async fn every_method_of_the_contract_is_served() {
    let server = TestServer::start().await;
    let files = FileDescriptorSet::decode(arrears::proto::DESCRIPTORS).unwrap().file;
    let mut count = 0;
    for file in files.iter().filter(|file| file.package() == "arrears.v1") {
        for (service, method) in
            file.service.iter().flat_map(|service| service.method.iter().map(move |m| (service, m)))
        {
            let path = format!("/arrears.v1.{}/{}", service.name(), method.name());
            let mut client = tonic::client::Grpc::new(server.channel.clone());
            client.ready().await.unwrap();
            // An empty message is one of every method; most refuse it for its fields.
            let codec = tonic_prost::ProstCodec::<(), ()>::default();
            let path_and_query = path.parse().unwrap();
            let answer = client.unary(tonic::Request::new(()), path_and_query, codec).await;
            if let Err(status) = answer {
                assert_eq!(status.code(), Code::InvalidArgument, "{path}: {status:?}");
            }
            count += 1;
        }
    }
    assert_eq!(count, 21);
}
