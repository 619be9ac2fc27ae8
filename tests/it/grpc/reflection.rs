use std::collections::BTreeSet;

use prost::Message;
use prost_types::{FileDescriptorProto, FileDescriptorSet};
use tonic::{Code, Status};

use crate::support::TestServer;

/// What is asked of reflection, in the words of both its versions.
enum Question {
    Services,
    FileOf(&'static str),
}

/// What it answers.
#[derive(Debug)]
enum Answer {
    Services(BTreeSet<String>),
    Files(Vec<FileDescriptorProto>),
}

/// The two versions are alike but for their types.
macro_rules! ask {
    ($name:ident, $version:ident) => {
        async fn $name(server: &TestServer, question: Question) -> Result<Answer, Status> {
            use pb::server_reflection_request::MessageRequest;
            use pb::server_reflection_response::MessageResponse;
            use tonic_reflection::pb::$version as pb;

            let question = match question {
                Question::Services => MessageRequest::ListServices(String::new()),
                Question::FileOf(symbol) => MessageRequest::FileContainingSymbol(symbol.to_owned()),
            };
            let mut client =
                pb::server_reflection_client::ServerReflectionClient::new(server.channel.clone());
            let host = String::new();
            let request = pb::ServerReflectionRequest { host, message_request: Some(question) };
            let answers = client.server_reflection_info(tokio_stream::iter([request])).await?;
            let answer = answers.into_inner().message().await?;
            match answer.and_then(|answer| answer.message_response).unwrap() {
                MessageResponse::ListServicesResponse(list) => {
                    let names = list.service.into_iter().map(|service| service.name);
                    Ok(Answer::Services(names.collect()))
                }
                MessageResponse::FileDescriptorResponse(files) => {
                    let files = files.file_descriptor_proto.iter();
                    let read = |bytes: &Vec<u8>| FileDescriptorProto::decode(&**bytes).unwrap();
                    Ok(Answer::Files(files.map(read).collect()))
                }
                other => panic!("{other:?}"),
            }
        }
    };
}

ask!(ask_v1, v1);
ask!(ask_v1alpha, v1alpha);

/// The services that the contract has, and the two that every server of gRPC may
/// have.
fn expected_services(reflection: &str) -> BTreeSet<String> {
    let files = FileDescriptorSet::decode(arrears::proto::DESCRIPTORS).unwrap().file;
    let own = files.iter().filter(|file| file.package() == "arrears.v1");
    let own = own.flat_map(|file| &file.service).map(|one| format!("arrears.v1.{}", one.name()));
    own.chain(["grpc.health.v1.Health".to_owned(), reflection.to_owned()]).collect()
}

/// That an answer is the file of `PushCases`, with its request and response.
fn is_file_of_push(answer: &Answer) {
    let Answer::Files(files) = answer else { panic!("{answer:?}") };
    let file = files.iter().find(|file| file.name() == "arrears/v1/case_service.proto").unwrap();
    assert_eq!(file.package(), "arrears.v1");
    let service = file.service.iter().find(|service| service.name() == "CaseService").unwrap();
    let method = service.method.iter().find(|method| method.name() == "PushCases").unwrap();
    let types = (method.input_type(), method.output_type());
    assert_eq!(types, (".arrears.v1.PushCasesRequest", ".arrears.v1.PushCasesResponse"));
}

#[tokio::test]
async fn both_reflections_list_the_contract_and_keep_stored_messages_to_themselves() {
    let server = TestServer::start().await;
    let own = |version: &str| format!("grpc.reflection.{version}.ServerReflection");
    let listed = [
        (ask_v1(&server, Question::Services).await.unwrap(), own("v1")),
        (ask_v1alpha(&server, Question::Services).await.unwrap(), own("v1alpha")),
    ];
    for (answer, reflection) in listed {
        let Answer::Services(names) = answer else { panic!("{answer:?}") };
        assert_eq!(names, expected_services(&reflection));
    }

    let push = || Question::FileOf("arrears.v1.CaseService.PushCases");
    is_file_of_push(&ask_v1(&server, push()).await.unwrap());
    is_file_of_push(&ask_v1alpha(&server, push()).await.unwrap());

    let stored = || Question::FileOf("arrears.store.v1.CaseFacts");
    assert_eq!(ask_v1(&server, stored()).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(ask_v1alpha(&server, stored()).await.unwrap_err().code(), Code::NotFound);
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
    assert_eq!(count, 34);
}
