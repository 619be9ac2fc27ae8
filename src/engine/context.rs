//! The engine: the store, the clock, and what may be kept in memory because it
//! never changes under its number.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;

use crate::model::{
    BUCKETS_MAX, Clock, Currency, LaneKey, Part, PortfolioId, PortfolioNo, RuleSetId, WorkListId,
    WorkListNo,
};
use crate::policy::{Calendar, OutcomeTable, Zone, ZoneSet};
use crate::scoring::{ExperimentDefinition, RuleSet, RuleSetDefinition};
use crate::store::activations::RuleSetContent;
use crate::store::portfolios::{ActivePortfolio, StoredPortfolio};
use crate::store::{Class, Damage, Database, Store, Tx, activations, lanes, portfolios};

use super::book::Books;
use super::latest::Latest;
use super::lease::heads::Heads;
use super::lease::lanes::Windows;
use super::lease::{Guards, Waiting};
use super::scorecard::proposal::Left;
use super::tenants::Tenants;
use super::work_list::Counts;
use super::working_set::{Effects, WorkingSet, WorkingSets};
use super::{Caller, Error, Resource};

/// One running service over one store.
pub struct Engine {
    pub(super) store: Store,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) directory: Directory,
    pub(super) outcomes: OutcomeTable,
    pub(super) heads: Heads,
    pub(super) waiting: Waiting,
    pub(super) guards: Guards,
    pub(super) counts: Counts,
    pub(super) latest: Latest<PortfolioContext>,
    pub(super) tenants: Tenants,
    pub(super) books: Books,
    pub(super) left: Left,
    rule_sets: RwLock<HashMap<(Part, RuleSetId), Arc<RuleSet>>>,
    contexts: RwLock<HashMap<(Part, PortfolioNo), Arc<PortfolioContext>>>,
}

/// What an engine is opened with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngineOptions {
    /// Over how many parts tenants are spread that it meets for the first time, 1 to 128.
    /// Those that are stored stay as they are.
    pub tenant_buckets: i64,
    /// How many bytes the books of all portfolios may take.
    pub book_bytes_max: usize,
}

impl Default for EngineOptions {
    fn default() -> EngineOptions {
        EngineOptions { tenant_buckets: 1, book_bytes_max: 1 << 30 }
    }
}

/// A portfolio with all that its cases are ranked and gated by. A copy is valid
/// for one settings version and one rule set; every transaction checks both.
pub(super) struct PortfolioContext {
    pub(super) part: Part,
    pub(super) portfolio: StoredPortfolio,
    pub(super) portfolio_id: PortfolioId,
    pub(super) zone: Zone,
    pub(super) activation_id: i64,
    pub(super) rule_set_id: RuleSetId,
    pub(super) rule_set: Arc<RuleSet>,
    /// What its calendars have answered.
    pub(super) windows: Windows,
}

impl PortfolioContext {
    pub(super) fn currency(&self) -> Currency {
        self.portfolio.settings.base_currency
    }

    pub(super) fn calendar(&self, zones: &ZoneSet) -> Calendar {
        Calendar::new(&self.portfolio.settings.contact_policy, &self.zone, zones)
    }
}

/// Lanes and zone sets by number, and the numbers of work lists. The numbers of
/// the former are hashes of their content, so an entry is never wrong, only missing
/// until its transaction is committed.
#[derive(Default)]
pub(super) struct Directory {
    lanes: RwLock<HashMap<Part, HashMap<i64, Arc<LaneKey>>>>,
    zone_sets: RwLock<HashMap<(Part, i64), Arc<ZoneSet>>>,
    /// A work list keeps its number for good once it is committed.
    work_lists: RwLock<HashMap<(Part, WorkListId), WorkListNo>>,
    /// When the lanes were last looked at that other servers may have added.
    learned: RwLock<HashMap<Part, Instant>>,
}

impl Directory {
    pub(super) fn lane(&self, part: Part, lane_id: i64) -> Option<Arc<LaneKey>> {
        read(&self.lanes).get(&part)?.get(&lane_id).cloned()
    }

    /// All lanes of a part with their numbers.
    pub(super) fn lanes_of(&self, part: Part) -> Vec<(i64, Arc<LaneKey>)> {
        let lanes = read(&self.lanes);
        let of_part = lanes.get(&part).into_iter().flatten();
        of_part.map(|(lane_id, lane)| (*lane_id, Arc::clone(lane))).collect()
    }

    pub(super) fn zone_set(&self, part: Part, zone_set_id: i64) -> Option<Arc<ZoneSet>> {
        if zone_set_id == 0 {
            return Some(Arc::default());
        }
        read(&self.zone_sets).get(&(part, zone_set_id)).cloned()
    }

    pub(super) fn work_list(&self, part: Part, id: &WorkListId) -> Option<WorkListNo> {
        read(&self.work_lists).get(&(part, id.clone())).copied()
    }

    /// Adds a work list as a reader saw it.
    pub(super) fn add_work_list(&self, part: Part, id: WorkListId, number: WorkListNo) {
        write(&self.work_lists).insert((part, id), number);
    }

    pub(super) fn add_lane(&self, part: Part, lane: LaneKey) {
        write(&self.lanes).entry(part).or_default().insert(lane.lane_id(), Arc::new(lane));
    }

    pub(super) fn add_zone_set(&self, part: Part, zone_set_id: i64, zones: Arc<ZoneSet>) {
        write(&self.zone_sets).insert((part, zone_set_id), zones);
    }
}

/// How long lanes go unseen that another server over the same database has added.
const LEARN_EVERY: Duration = Duration::from_millis(250);

fn read<T>(lock: &RwLock<T>) -> std::sync::RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> std::sync::RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

impl Engine {
    /// Opens the service over a database.
    ///
    /// # Errors
    /// What the store says.
    pub async fn open(
        database: impl Into<Database>,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<Engine>, Error> {
        Engine::open_with(database, clock, EngineOptions::default()).await
    }

    /// The same; tenants that it meets for the first time are spread over so many parts.
    ///
    /// # Errors
    /// What the store says.
    pub async fn open_spreading(
        database: impl Into<Database>,
        clock: Arc<dyn Clock>,
        tenant_buckets: i64,
    ) -> Result<Arc<Engine>, Error> {
        let options = EngineOptions { tenant_buckets, ..EngineOptions::default() };
        Engine::open_with(database, clock, options).await
    }

    /// The same with other options.
    ///
    /// # Errors
    /// What the store says.
    pub async fn open_with(
        database: impl Into<Database>,
        clock: Arc<dyn Clock>,
        options: EngineOptions,
    ) -> Result<Arc<Engine>, Error> {
        let engine = Engine {
            store: Store::open(database).await?,
            clock,
            directory: Directory::default(),
            outcomes: OutcomeTable::shipped(),
            heads: Heads::default(),
            waiting: Waiting::default(),
            guards: Guards::default(),
            counts: Counts::default(),
            latest: Latest::default(),
            tenants: Tenants::new(options.tenant_buckets.clamp(1, BUCKETS_MAX)),
            books: Books::new(options.book_bytes_max),
            left: Left::default(),
            rule_sets: RwLock::default(),
            contexts: RwLock::default(),
        };
        if engine.store.is_shared() {
            // The parts of all tenants would take long to read and much memory, and other
            // servers add to them: each is learned when it is first worked on.
            return Ok(Arc::new(engine));
        }
        let mut tx = engine.store.read().await?;
        for (part, zone_set_id, names) in lanes::all_zone_sets(&mut tx).await? {
            let zones = Arc::new(ZoneSet::stored(names.iter().map(String::as_str)));
            engine.directory.add_zone_set(part, zone_set_id, zones);
        }
        for (part, lane) in lanes::all_lanes(&mut tx).await? {
            engine.directory.add_lane(part, lane);
        }
        drop(tx);
        Ok(Arc::new(engine))
    }

    /// Learns the lanes and zone sets of a part that is worked on for the first time since
    /// the start. Not to know them is no failure: what is missing is read by its number.
    async fn learn_part(&self, part: Part) {
        if !self.store.is_shared() || read(&self.directory.learned).contains_key(&part) {
            return;
        }
        let learned = match self.store.read().await {
            Ok(mut tx) => self.learn_directory(&mut tx, part).await,
            Err(error) => Err(error.into()),
        };
        if let Err(error) = learned {
            tracing::warn!(%error, "the lanes of a part are not known yet");
        }
    }

    /// Learns the lanes and zone sets of a part that other servers have added, unless
    /// that was done a moment ago. One server alone knows what it has added.
    pub(super) async fn learn_directory(&self, tx: &mut Tx, part: Part) -> Result<(), Error> {
        if !tx.is_shared() {
            return Ok(());
        }
        let now = Instant::now();
        if read(&self.directory.learned).get(&part).is_some_and(|at| now < *at + LEARN_EVERY) {
            return Ok(());
        }
        for (zone_set_id, names) in lanes::zone_sets_of(tx, part).await? {
            if self.directory.zone_set(part, zone_set_id).is_none() {
                let zones = Arc::new(ZoneSet::stored(names.iter().map(String::as_str)));
                self.directory.add_zone_set(part, zone_set_id, zones);
            }
        }
        for lane in lanes::lanes_of(tx, part).await? {
            if self.directory.lane(part, lane.lane_id()).is_none() {
                self.directory.add_lane(part, lane);
            }
        }
        write(&self.directory.learned).insert(part, now);
        Ok(())
    }

    /// Whether the database answers.
    pub async fn is_reachable(&self) -> bool {
        match self.store.ping().await {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(%error, "the database does not answer");
                false
            }
        }
    }

    /// The current instant by the server's clock.
    pub fn now(&self) -> crate::model::Micros {
        self.clock.now()
    }

    /// The instant of a transaction: by the clock of the database where it has one, so
    /// that all servers over it agree.
    pub(super) fn now_of(&self, tx: &Tx) -> crate::model::Micros {
        match tx.database_time() {
            Some(time) => self.clock.at(time),
            None => self.clock.now(),
        }
    }

    /// What messages about a portfolio's cases are read against: the currency of its
    /// amounts, and how many minor units of it two amounts may differ by and count as
    /// the same.
    ///
    /// # Errors
    /// `NotFound` for the portfolio.
    pub async fn money_terms(
        &self,
        caller: &Caller,
        portfolio_id: &PortfolioId,
    ) -> Result<(Currency, i64), Error> {
        let part = self.parts(caller).await?.first();
        let context = self.latest(part, portfolio_id).await?;
        Ok((context.currency(), context.portfolio.settings.ranking.tolerance_amount_minor))
    }

    /// Runs a verb over a working set of a part in one transaction, writes back what it
    /// changed, and makes it known once it is durable. `actor` is for the audit.
    pub(super) async fn transact_in<T, F>(
        self: &Arc<Self>,
        part: Part,
        actor: &str,
        class: Class,
        work: F,
    ) -> Result<T, Error>
    where
        F: for<'t> FnOnce(&'t mut WorkingSet, &'t mut Tx) -> BoxFuture<'t, Result<T, Error>>
            + Clone
            + Send
            + 'static,
        T: Send + 'static,
    {
        self.transact_over(vec![part], actor, class, move |sets, tx| work(sets.of(part), tx)).await
    }

    /// The same over working sets of several parts. Whoever works on others than `parts`
    /// as well may do so.
    pub(super) async fn transact_over<T, F>(
        self: &Arc<Self>,
        parts: Vec<Part>,
        actor: &str,
        class: Class,
        work: F,
    ) -> Result<T, Error>
    where
        F: for<'t> FnOnce(&'t mut WorkingSets, &'t mut Tx) -> BoxFuture<'t, Result<T, Error>>
            + Clone
            + Send
            + 'static,
        T: Send + 'static,
    {
        for part in parts {
            self.learn_part(part).await;
        }
        let (engine, actor) = (Arc::clone(self), actor.to_owned());
        let published = Arc::clone(self);
        let after = move |done: &mut (T, Vec<Effects>)| {
            for effects in std::mem::take(&mut done.1) {
                effects.publish(&published);
            }
        };
        let (value, _) = self
            .store
            .write(
                class,
                move |tx| {
                    Box::pin(async move {
                        let now = engine.now_of(tx);
                        let mut sets = WorkingSets::new(&engine, &actor, now);
                        let value = work(&mut sets, tx).await?;
                        Ok::<_, Error>((value, sets.save(tx).await?))
                    })
                },
                after,
            )
            .await?;
        Ok(value)
    }

    /// A portfolio as this transaction sees it, by the caller's id.
    pub(super) async fn context_by_id(
        &self,
        tx: &mut Tx,
        part: Part,
        portfolio_id: &PortfolioId,
    ) -> Result<Arc<PortfolioContext>, Error> {
        let found = self.contexts_by_id(tx, part, [portfolio_id.as_str()]).await?;
        found.into_iter().next().ok_or_else(|| Error::NotFound {
            resource: Resource::Portfolio,
            id: portfolio_id.to_string(),
        })
    }

    /// Portfolios as this transaction sees them, by the callers' ids; those that
    /// are not stored are left out.
    pub(super) async fn contexts_by_id<'a>(
        &self,
        tx: &mut Tx,
        part: Part,
        portfolio_ids: impl IntoIterator<Item = &'a str>,
    ) -> Result<Vec<Arc<PortfolioContext>>, Error> {
        let stored = portfolios::active_by_id(tx, part, portfolio_ids).await?;
        self.contexts_of(tx, part, stored).await
    }

    /// Portfolios as this transaction sees them, by number.
    ///
    /// # Errors
    /// `Corrupt` for one that is not stored: somebody's row names it.
    pub(super) async fn contexts_by_no(
        &self,
        tx: &mut Tx,
        part: Part,
        numbers: &BTreeSet<PortfolioNo>,
    ) -> Result<Vec<Arc<PortfolioContext>>, Error> {
        let stored = portfolios::active_by_no(tx, part, numbers.iter().copied()).await?;
        let found = self.contexts_of(tx, part, stored).await?;
        let is_found =
            |number: &PortfolioNo| found.iter().any(|context| context.portfolio.number == *number);
        match numbers.iter().find(|number| !is_found(number)) {
            Some(missing) => Err(Damage::missing("portfolio", part, missing.0).into()),
            None => Ok(found),
        }
    }

    async fn contexts_of(
        &self,
        tx: &mut Tx,
        part: Part,
        stored: Vec<ActivePortfolio>,
    ) -> Result<Vec<Arc<PortfolioContext>>, Error> {
        let mut contexts = Vec::with_capacity(stored.len());
        for (stored, active) in stored {
            contexts.push(self.context_of(tx, part, (stored, active)).await?);
        }
        Ok(contexts)
    }

    async fn context_of(
        &self,
        tx: &mut Tx,
        part: Part,
        (stored, active): ActivePortfolio,
    ) -> Result<Arc<PortfolioContext>, Error> {
        let number = stored.number.0;
        let (activation_id, rule_set_id) =
            active.ok_or_else(|| Damage::missing("activation", part, number))?;
        if let Some(known) = read(&self.contexts).get(&(part, stored.number))
            // A version number may be used again after a commit that failed.
            && known.portfolio.version == stored.version
            && known.portfolio.settings == stored.settings
            && known.activation_id == activation_id
            && known.rule_set_id == rule_set_id
        {
            return Ok(Arc::clone(known));
        }
        let zone = Zone::new(&stored.settings.time_zone)
            .map_err(|error| Damage::of("portfolio", part, number, error))?;
        let portfolio_id = PortfolioId::new(stored.id.as_str())
            .map_err(|error| Damage::of("portfolio", part, number, error))?;
        let rule_set = self.rule_set(tx, part, rule_set_id).await?;
        let context = Arc::new(PortfolioContext {
            part,
            portfolio_id,
            zone,
            activation_id,
            rule_set_id,
            rule_set,
            windows: Windows::default(),
            portfolio: stored,
        });
        let key = (part, context.portfolio.number);
        write(&self.contexts).insert(key, Arc::clone(&context));
        Ok(context)
    }

    /// The compiled form of a rule set.
    pub(super) async fn rule_set(
        &self,
        tx: &mut Tx,
        part: Part,
        id: RuleSetId,
    ) -> Result<Arc<RuleSet>, Error> {
        if let Some(known) = read(&self.rule_sets).get(&(part, id)) {
            return Ok(Arc::clone(known));
        }
        let compiled = Arc::new(compile_rule_set(tx, part, id).await?);
        write(&self.rule_sets).insert((part, id), Arc::clone(&compiled));
        Ok(compiled)
    }
}

/// Reads a rule set and compiles it.
pub(super) async fn compile_rule_set(
    tx: &mut Tx,
    part: Part,
    id: RuleSetId,
) -> Result<RuleSet, Error> {
    let content = activations::load_rule_set(tx, part, id).await?;
    if content.feature_version != crate::scoring::FEATURE_VERSION {
        return Err(Error::FeatureVersionRetired(content.feature_version));
    }
    RuleSet::compile(id, &definition_of(&content)).map_err(|findings| {
        let why = format!("it does not compile: {findings:?}");
        Damage::of("rule_set", part, id.0, why).into()
    })
}

/// What a rule set is compiled from.
pub(super) fn definition_of(content: &RuleSetContent) -> RuleSetDefinition {
    let business = content.business_scorecard.as_ref();
    RuleSetDefinition {
        scorecard_yaml: content.scorecard.yaml.clone(),
        business_scorecard_yaml: business.map(|text| text.yaml.clone()),
        ranking: content.ranking.clone(),
        feature_version: content.feature_version,
        experiment: content.experiment.as_ref().map(|one| {
            let challenger = one.challenger.as_ref();
            ExperimentDefinition {
                experiment: one.experiment.clone(),
                challenger: challenger.map(|(kind, text)| (*kind, text.yaml.clone())),
            }
        }),
    }
}
