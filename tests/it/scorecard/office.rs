//! A service and several callers, which a server without credentials cannot tell apart.

use std::sync::Arc;

use arrears::engine::portfolio::{
    Portfolio, UpdateCommand, Updated, create_portfolio, get_portfolio, update_portfolio,
};
use arrears::engine::scorecard::proposal::{
    DecideCommand, Decided, Decision, decide_activation, list_proposals,
};
use arrears::engine::scorecard::{
    ActivateCommand, CardField, Effect, Target, activate_revision, create_revision, get_revision,
    list_activations,
};
use arrears::engine::{Caller, Engine, Error, scorecard};
use arrears::model::{
    ActivationApproval, ContactPolicy, Currency, DebtorKind, Micros, OldLedgerRule, PortfolioId,
    PortfolioSettings, RankingSettings, TestClock,
};
use arrears::scoring::card::Card;
use arrears::store::Damage;
use arrears::store::activations::{Activation, RevisionName};
use arrears::store::proposals::{Proposal, ProposalState};

use crate::support::{NOW, TestDatabase, buckets};

/// A service without background work, and those who call it.
pub(super) struct Office {
    pub(super) engine: Arc<Engine>,
    pub(super) clock: Arc<TestClock>,
    pub(super) database: TestDatabase,
    pub(super) ann: Caller,
    pub(super) ben: Caller,
}

pub(super) fn person(subject: &str) -> Caller {
    Caller { subject: subject.to_owned(), authenticated: true, ..Caller::local() }
}

pub(super) fn cards() -> PortfolioId {
    PortfolioId::new("cards").unwrap()
}

pub(super) fn settings(activation_approval: ActivationApproval) -> PortfolioSettings {
    PortfolioSettings {
        display_name: String::new(),
        time_zone: "Etc/UTC".to_owned(),
        base_currency: Currency::from_code("EUR").unwrap(),
        ranking: RankingSettings::default(),
        contact_policy: ContactPolicy::Always,
        max_ledger_age_hours: 0,
        old_ledger_rule: OldLedgerRule::Deny,
        activation_approval,
    }
}

impl Office {
    /// A portfolio whose activations take two.
    pub(super) async fn open() -> Office {
        Office::spread(buckets(), ActivationApproval::Required).await
    }

    pub(super) async fn spread(tenant_buckets: i64, approval: ActivationApproval) -> Office {
        let (database, clock) = (TestDatabase::new(), Arc::new(TestClock::new(NOW)));
        let opened =
            Engine::open_spreading(database.location(), clock.clone(), tenant_buckets).await;
        let (ann, ben) = (person("ann"), person("ben"));
        let office = Office { engine: opened.unwrap(), clock, database, ann, ben };
        create_portfolio(&office.engine, &office.ann, cards(), settings(approval)).await.unwrap();
        office
    }

    /// A draft of the consumer scorecard with another base.
    pub(super) async fn draft(&self, base_points: i32) -> RevisionName {
        let mut card = self.card(0).await;
        card.base_points = base_points;
        let made =
            create_revision(&self.engine, &self.ann, Some(name(0)), Some(card), String::new());
        name(made.await.unwrap().head.revision_no)
    }

    pub(super) async fn card(&self, revision_no: i64) -> Card {
        get_revision(&self.engine, &self.ann, name(revision_no)).await.unwrap().card
    }

    /// Changes the base of a draft.
    pub(super) async fn change_draft(&self, draft: &RevisionName, base_points: i32) {
        let read = get_revision(&self.engine, &self.ann, draft.clone()).await.unwrap();
        let card = Card { base_points, ..read.card };
        let command = scorecard::UpdateCommand {
            name: draft.clone(),
            etag: read.head.version.to_string(),
            title: None,
            card: Some((card, vec![CardField::BasePoints])),
        };
        scorecard::update_revision(&self.engine, &self.ann, command).await.unwrap();
    }

    /// Asks for an activation from the one that is active.
    pub(super) async fn ask(
        &self,
        caller: &Caller,
        command: ActivateCommand,
    ) -> Result<Effect, Error> {
        Ok(activate_revision(&self.engine, caller, command).await?.effect)
    }

    pub(super) async fn propose(&self, caller: &Caller, command: ActivateCommand) -> Proposal {
        match self.ask(caller, command).await.unwrap() {
            Effect::Proposed(proposal, _) => *proposal,
            other => panic!("{other:?}"),
        }
    }

    pub(super) async fn decide(
        &self,
        caller: &Caller,
        proposal_id: i64,
        decision: Decision,
    ) -> Result<Decided, Error> {
        let command = DecideCommand {
            portfolio_id: cards(),
            proposal_id,
            decision,
            reason: "looked at".to_owned(),
            validate_only: false,
        };
        decide_activation(&self.engine, caller, command).await
    }

    pub(super) async fn update(
        &self,
        caller: &Caller,
        change: impl FnOnce(&mut PortfolioSettings),
        start_time: Option<Micros>,
    ) -> Result<Updated, Error> {
        let read = self.portfolio().await;
        let mut settings = read.settings.clone();
        change(&mut settings);
        let command = UpdateCommand {
            keeps_approval: false,
            activation_reason: "a test".to_owned(),
            start_time,
            ..UpdateCommand::new(cards(), settings, &read.settings_version.to_string())
        };
        update_portfolio(&self.engine, caller, command).await
    }

    pub(super) async fn portfolio(&self) -> Portfolio {
        get_portfolio(&self.engine, &self.ann, cards()).await.unwrap()
    }

    /// The state of every proposal, the newest first.
    pub(super) async fn states(&self) -> Vec<ProposalState> {
        self.proposals().await.iter().map(|one| one.state).collect()
    }

    pub(super) async fn proposals(&self) -> Vec<Proposal> {
        let read = |one: Result<Proposal, Damage>| one.expect("it can be read");
        self.listed().await.into_iter().map(|(_, one)| read(one)).collect()
    }

    /// The same, also of those that cannot be read.
    pub(super) async fn listed(&self) -> Vec<(i64, Result<Proposal, Damage>)> {
        list_proposals(&self.engine, &self.ann, &cards(), (100, "")).await.unwrap().0
    }

    pub(super) async fn active(&self) -> Activation {
        let listed = list_activations(&self.engine, &self.ann, &cards(), (1, "")).await;
        listed.unwrap().0.remove(0).0
    }

    pub(super) fn clock_now(&self) -> Micros {
        self.engine.now()
    }

    pub(super) async fn is_draft(&self, name: &RevisionName) -> bool {
        let read = get_revision(&self.engine, &self.ann, name.clone()).await.unwrap();
        read.head.activate_time.is_none()
    }
}

pub(super) fn name(revision_no: i64) -> RevisionName {
    RevisionName { scorecard_id: "consumer".to_owned(), revision_no }
}

/// An activation from the first one.
pub(super) fn activation(revision: &RevisionName) -> ActivateCommand {
    ActivateCommand {
        portfolio_id: cards(),
        target: Target::Revision(revision.clone(), DebtorKind::Person),
        expected_activation_id: 1,
        reason: "older debts are harder".to_owned(),
        validate_only: false,
        start_time: None,
        experiment: None,
    }
}
