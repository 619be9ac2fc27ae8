//! Points of a case's life: what was known, the day, and what ranked then.

use std::sync::Arc;

use crate::model::{Day, LocalDays, Micros, Reason, Violations};
use crate::scoring::{Explanation, RuleSet};
use crate::store::cases::{self, CaseContent, CaseHead};
use crate::store::queue::lease::LeaseRow;
use crate::store::{Damage, Tx, activations};

use super::super::context::PortfolioContext;
use super::super::fold::{Folded, Folder, Until};
use super::super::replay::debtor_of;
use super::super::stays;
use super::super::{Engine, Error};
use super::{day_to_rank, input};

/// A point of a case's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// What is known now, as of today or another day, by the active rule set.
    Now {
        /// The day; nothing = today.
        as_of_date: Option<Day>,
    },
    /// What was recorded at an instant or before, as of that day or another one, by the
    /// rule set that was active then.
    Known {
        /// The instant.
        at: Micros,
        /// The day; nothing = that of the instant.
        as_of_date: Option<Day>,
    },
    /// What a lease was served by, by the number of the lease within the case.
    Lease(i64),
}

impl Point {
    /// Whether it speaks of what was known once.
    pub(super) fn is_past(self) -> bool {
        !matches!(self, Point::Now { .. })
    }
}

/// What a case is ranked from at a point of its life.
pub(super) struct Found {
    pub(super) content: CaseContent,
    pub(super) as_of: Micros,
    pub(super) case_seq: i64,
    pub(super) day: Day,
    pub(super) rule_set: Arc<RuleSet>,
    /// Who owed then.
    pub(super) debtor_id: String,
    pub(super) lease: Option<LeaseRow>,
}

impl Found {
    pub(super) fn explain(
        &self,
        context: &PortfolioContext,
        language: Option<&str>,
    ) -> Explanation {
        self.explain_as(context, &self.content, language)
    }

    /// The same, had something else been known of the case.
    pub(super) fn explain_as(
        &self,
        context: &PortfolioContext,
        content: &CaseContent,
        language: Option<&str>,
    ) -> Explanation {
        let known = (self.as_of, self.case_seq, self.day);
        self.rule_set.explain(&input(context, (content, &self.debtor_id), known), language)
    }

    fn past(folded: &Folded, (day, rule_set): (Day, Arc<RuleSet>)) -> Found {
        Found {
            content: folded.content(),
            as_of: folded.as_of,
            case_seq: folded.case_seq,
            day,
            rule_set,
            debtor_id: folded.debtor_id.clone(),
            lease: None,
        }
    }
}

/// Finds points of one case's life.
pub(super) struct Locator<'a> {
    pub(super) engine: &'a Engine,
    pub(super) context: &'a PortfolioContext,
    pub(super) head: &'a CaseHead,
    pub(super) now: Micros,
    pub(super) lease_count: i64,
}

impl Locator<'_> {
    /// What the case is ranked from at a point; nothing where fields of the point, named
    /// behind the prefix, break rules.
    pub(super) async fn find(
        &self,
        tx: &mut Tx,
        point: Point,
        broken: (&str, &mut Violations),
    ) -> Result<Option<Found>, Error> {
        match point {
            Point::Now { as_of_date } => self.now(tx, as_of_date, broken).await,
            Point::Known { at, as_of_date } => self.known(tx, (at, as_of_date), broken).await,
            Point::Lease(lease_seq) => self.leased(tx, lease_seq, broken).await,
        }
    }

    async fn now(
        &self,
        tx: &mut Tx,
        as_of_date: Option<Day>,
        broken: (&str, &mut Violations),
    ) -> Result<Option<Found>, Error> {
        let (context, head) = (self.context, self.head);
        let asked = (as_of_date, context.zone.day_of(self.now));
        let bounds = (context.zone.day_of(head.as_of), self.now);
        let day = day_to_rank(context, asked, bounds, broken);
        let (_, content) = cases::load_content_of(tx, context.part, head.case_no).await?;
        let debtor = debtor_of(tx, context.part, head).await?;
        Ok(Some(Found {
            content,
            as_of: head.as_of,
            case_seq: head.case_seq,
            day,
            rule_set: Arc::clone(&context.rule_set),
            debtor_id: debtor.debtor_id,
            lease: None,
        }))
    }

    /// The rule set is that of the latest activation not after the instant; of several at
    /// one instant the last.
    async fn known(
        &self,
        tx: &mut Tx,
        (at, as_of_date): (Micros, Option<Day>),
        (prefix, broken): (&str, &mut Violations),
    ) -> Result<Option<Found>, Error> {
        let (context, part) = (self.context, self.context.part);
        let mut folder = Folder::new(tx, context, self.head).await?;
        let (first, first_as_of) = folder.first(tx).await?;
        let earliest = context.zone.day_of(first.min(first_as_of));
        let asked = (as_of_date, context.zone.day_of(at));
        let day = day_to_rank(context, asked, (earliest, self.now), (prefix, broken));
        if !(first..=self.now.max(first)).contains(&at) {
            let bound = format!(
                "it must lie between {first}, when the case was first known, and now, {}",
                self.now
            );
            broken.add(format!("{prefix}known_at"), Reason::FieldOutOfRange, at, bound);
            return Ok(None);
        }
        let active = activations::active_at(tx, part, self.head.portfolio_no, at).await?;
        let missing = || Damage::missing("activation", part, self.head.portfolio_no.0);
        let (_, rule_set_id) = active.ok_or_else(missing)?;
        let rule_set = self.engine.rule_set(tx, part, rule_set_id).await?;
        let folded = folder.to(tx, Until::Time(at)).await?;
        Ok(folded.map(|folded| Found::past(folded, (day, rule_set))))
    }

    /// No clock is asked: the lease tells the last event, the day and the rule set.
    async fn leased(
        &self,
        tx: &mut Tx,
        lease_seq: i64,
        (prefix, broken): (&str, &mut Violations),
    ) -> Result<Option<Found>, Error> {
        let (part, case_no) = (self.context.part, self.head.case_no);
        let found = stays::lease_of_case(tx, (part, case_no), lease_seq).await?;
        let Some(lease) = found else {
            let bound = match self.lease_count {
                0 => "the case was never leased".to_owned(),
                count => format!("it must lie between 1 and {count}"),
            };
            let field = format!("{prefix}lease_seq");
            broken.add(field, Reason::FieldOutOfRange, lease_seq, bound);
            return Ok(None);
        };
        let rule_set = self.engine.rule_set(tx, part, lease.rule_set_id).await?;
        let mut folder = Folder::new(tx, self.context, self.head).await?;
        let folded = folder.up_to_event(tx, lease.case_seq).await?;
        let found = Found::past(folded, (lease.rank_date, rule_set));
        Ok(Some(Found { lease: Some(lease), ..found }))
    }
}
