//! What a running server tells of itself.

use chrono::DateTime;
use prost::Message;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::Finding;
use crate::cli::client::{Client, Context};
use crate::cli::failure::Failure;
use crate::model::{Clock, Micros, SystemClock};
use crate::proto;

/// The most a server's clock may be off before it is worth a look, and before
/// leases and hours of contact are wrong.
const SKEW_WARN_SECONDS: i64 = 2;
const SKEW_FAIL_SECONDS: i64 = 60;

/// The services of the contract.
const SERVICES: [&str; 3] = [
    proto::portfolio_service_server::SERVICE_NAME,
    proto::case_service_server::SERVICE_NAME,
    proto::work_list_service_server::SERVICE_NAME,
];

/// Checks the server of the context. Says whether it was reached, too.
pub(super) async fn check(context: &Context) -> (bool, Vec<Finding>) {
    let server = &context.server;
    let before = SystemClock.now();
    let listed = async {
        let client = context.connect().await?;
        let request = proto::ListPortfoliosRequest { page_size: 1_000, ..Default::default() };
        let answer = client.portfolios().list_portfolios(request).await?;
        Ok::<_, Failure>((client, answer))
    };
    let (client, answer) = match listed.await {
        Ok(listed) => listed,
        Err(failure) => {
            let (text, mend) = failure.told();
            return (false, vec![Finding::fail("server", text, mend)]);
        }
    };
    let after = SystemClock.now();
    let date = answer.metadata().get("date").and_then(|date| date.to_str().ok());
    let mut findings = vec![
        Finding::ok("server", format!("{server} answers")),
        clock(date, before, after),
        health(client.channel()).await,
    ];
    findings.extend(reflection(client.channel()).await);
    findings.extend(portfolios(&answer.get_ref().portfolios));
    findings.push(work_lists(&client).await);
    (true, findings)
}

/// Compares the server's clock, by the date its answer carries in whole seconds,
/// with this machine's before and after the call.
fn clock(date: Option<&str>, before: Micros, after: Micros) -> Finding {
    let Some(date) = date.and_then(|date| DateTime::parse_from_rfc2822(date).ok()) else {
        let mend = "ask again without the proxy between, which takes the date away";
        return Finding::warn("clock", "the server does not tell its time", mend);
    };
    let begins = date.timestamp_micros();
    // The server answered within that second, and between the two looks here.
    let (ahead, behind) = (begins - after.0, before.0 - (begins + Micros::SECOND));
    let seconds = ahead.max(behind).max(0) / Micros::SECOND;
    let text = match seconds {
        0 => "the server and this machine agree".to_owned(),
        seconds if ahead > behind => format!("the server is {seconds} s ahead of this machine"),
        seconds => format!("the server is {seconds} s behind this machine"),
    };
    let mend = "synchronise both clocks: leases, hours of contact and days past due follow the \
                server's";
    match seconds {
        0..=SKEW_WARN_SECONDS => Finding::ok("clock", text),
        ..=SKEW_FAIL_SECONDS => Finding::warn("clock", text, mend),
        _ => Finding::fail("clock", text, mend),
    }
}

async fn health(channel: Channel) -> Finding {
    let mut client = HealthClient::new(channel);
    for service in [""].into_iter().chain(SERVICES) {
        let request = HealthCheckRequest { service: service.to_owned() };
        let name = if service.is_empty() { "the server" } else { service };
        let state = match client.check(request).await {
            Ok(answer) => answer.into_inner().status(),
            Err(status) => {
                let text = format!("{name}: {}", status.message());
                return Finding::fail("health", text, "let the proxy pass grpc.health.v1.Health");
            }
        };
        if state != ServingStatus::Serving {
            let text = format!("{name} is {}", state.as_str_name());
            return Finding::fail("health", text, "it stops; start it again, or wait until it has");
        }
    }
    Finding::ok("health", "all services are SERVING")
}

/// Asks one version of the reflection service for the services it knows.
macro_rules! reflected {
    ($version:ident, $channel:expr) => {{
        use tonic_reflection::pb::$version as pb;
        let request = pb::ServerReflectionRequest {
            host: String::new(),
            message_request: Some(pb::server_reflection_request::MessageRequest::ListServices(
                String::new(),
            )),
        };
        let mut client =
            pb::server_reflection_client::ServerReflectionClient::new($channel.clone());
        let asked = async {
            let requests = tokio_stream::once(request);
            let mut answers = client.server_reflection_info(requests).await?.into_inner();
            answers.message().await
        };
        asked.await.map(|answer| answer.map(|answer| answer.encode_to_vec()))
    }};
}

async fn reflection(channel: Channel) -> Vec<Finding> {
    let answers = [("v1", reflected!(v1, channel)), ("v1alpha", reflected!(v1alpha, channel))];
    let mend = "let the proxy pass grpc.reflection; clients with the proto files work without";
    let finding = |(version, answer): (&str, Result<Option<Vec<u8>>, tonic::Status>)| {
        let check = format!("reflection {version}");
        match answer {
            Ok(answer) => {
                let answer = answer.unwrap_or_default();
                // The names stand in the message as they are.
                let told = |name: &&str| answer.windows(name.len()).any(|at| at == name.as_bytes());
                match SERVICES.iter().find(|name| !told(name)) {
                    None => Finding::ok(check, "all services are described"),
                    Some(name) => Finding::warn(check, format!("{name} is not described"), mend),
                }
            }
            Err(status) => Finding::warn(check, status.message(), mend),
        }
    };
    answers.into_iter().map(finding).collect()
}

fn portfolios(portfolios: &[proto::Portfolio]) -> Vec<Finding> {
    use proto::contact_policy::Policy;
    if portfolios.is_empty() {
        let mend = "`arrears init` creates one";
        return vec![Finding::warn("portfolios", "the server has none yet", mend)];
    }
    let finding = |portfolio: &proto::Portfolio| {
        let check = format!("portfolio {}", portfolio.portfolio_id);
        let policy = portfolio.contact_policy.as_ref().and_then(|policy| policy.policy.as_ref());
        let text = format!("ranked by rule set {}", portfolio.rule_set_id);
        match policy {
            _ if portfolio.rule_set_id.is_empty() => {
                let mend = "`arrears doctor --data-dir FOLDER` on the server's machine says more";
                Finding::fail(check, "no rule set is active", mend)
            }
            Some(Policy::Always(_)) => {
                let text = format!("{text}; policy always: anybody may be called at any time");
                let update = "arrears portfolio update";
                let mend = format!(
                    "`{update} --portfolio {} --policy plain` before a real call",
                    portfolio.portfolio_id
                );
                Finding::warn(check, text, &mend)
            }
            _ => Finding::ok(check, text),
        }
    };
    portfolios.iter().map(finding).collect()
}

async fn work_lists(client: &Client) -> Finding {
    let request = proto::ListWorkListsRequest { page_size: 1_000, ..Default::default() };
    match client.work_lists().list_work_lists(request).await {
        Ok(answer) => match answer.into_inner().work_lists.len() {
            0 => {
                let mend = "`arrears worklist create all` makes one over everything";
                Finding::warn("work lists", "there is none, so nothing can be leased", mend)
            }
            count => Finding::ok("work lists", format!("there are {count}")),
        },
        Err(status) => {
            let failure = Failure::from(status);
            let (text, mend) = failure.told();
            Finding::fail("work lists", text, mend)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    /// Two seconds after noon, for half a second.
    const BEFORE: Micros = Micros(1_772_625_602 * Micros::SECOND);
    const AFTER: Micros = Micros(BEFORE.0 + Micros::SECOND / 2);

    fn at(date: &str) -> Finding {
        clock(Some(date), BEFORE, AFTER)
    }

    #[test]
    fn the_clock_is_judged_by_what_whole_seconds_allow() {
        for (time, state) in [
            ("12:00:00", State::Ok),
            ("12:00:02", State::Ok),
            ("12:00:05", State::Ok),
            ("12:00:06", State::Warn),
            ("11:59:58", State::Warn),
            ("12:01:02", State::Warn),
            ("12:01:04", State::Fail),
            ("11:59:00", State::Fail),
        ] {
            let finding = at(&format!("Wed, 04 Mar 2026 {time} GMT"));
            assert_eq!(finding.state, state, "{time}: {}", finding.text);
        }
        assert!(at("Wed, 04 Mar 2026 12:01:04 GMT").text.contains("61 s ahead"));
        assert!(at("Wed, 04 Mar 2026 11:59:00 GMT").text.contains("61 s behind"));
        assert_eq!(at("yesterday").state, State::Warn);
        assert_eq!(clock(None, BEFORE, AFTER).state, State::Warn);
    }

    #[test]
    fn a_portfolio_without_rules_fails_and_one_without_hours_warns() {
        let portfolio = |rule_set_id: &str, policy| proto::Portfolio {
            portfolio_id: "north".to_owned(),
            rule_set_id: rule_set_id.to_owned(),
            contact_policy: Some(proto::ContactPolicy { policy: Some(policy) }),
            ..Default::default()
        };
        let plain = proto::contact_policy::Policy::Plain(proto::PlainPolicy::default());
        let always = proto::contact_policy::Policy::Always(proto::AlwaysPolicy {});
        let found = portfolios(&[
            portfolio("0a1f", plain.clone()),
            portfolio("0a1f", always),
            portfolio("", plain),
        ]);
        let states: Vec<State> = found.iter().map(|finding| finding.state).collect();
        assert_eq!(states, [State::Ok, State::Warn, State::Fail]);
        assert_eq!(portfolios(&[])[0].state, State::Warn);
    }
}
