//! A scorecard at work: the bins, the group and the priority of one case, and the
//! day on which they may change.

use crate::model::{Day, RecoveryGroup, Stage};

use super::bins::Bins;
use super::compile::{Compiled, CompiledTerm, KnockOut};
use super::feature::Feature;
use super::kernel::Kernel;
use super::subject::Subject;
use super::{Codes, value};

/// A scorecard, compiled, with its tables.
#[derive(Debug)]
pub(super) struct Scorecard {
    pub card: Compiled,
    pub kernel: Kernel,
}

impl Scorecard {
    pub fn new(card: Compiled) -> Scorecard {
        let kernel = Kernel::new(&card);
        Scorecard { card, kernel }
    }

    /// Finds the bin of every characteristic. One that is off is not looked at.
    pub fn codes(&self, subject: &Subject<'_>, codes: &mut Codes) {
        for (characteristic, code) in self.card.characteristics.iter().zip(codes) {
            if characteristic.active {
                *code = characteristic.bins.code(&value(&characteristic.feature, subject));
            }
        }
    }

    /// The first knock-out rule that matches a case, with its place.
    pub fn knock_out(&self, subject: &Subject<'_>) -> Option<(usize, &KnockOut)> {
        let mut rules = self.card.knock_outs.iter().enumerate();
        rules.find(|(_, rule)| rule.matches(subject))
    }

    /// The score of a case with these codes: that of the rule that decides it, else that
    /// of the points.
    pub fn score(&self, subject: &Subject<'_>, codes: &Codes) -> i32 {
        match self.knock_out(subject) {
            Some((_, rule)) => rule.score,
            None => self.kernel.score(codes),
        }
    }

    /// The group of a score in a stage.
    pub fn group(&self, score: i32, stage: Stage) -> RecoveryGroup {
        let cutoffs = self.card.cutoffs[stage as usize - 1];
        if score >= cutoffs.a {
            RecoveryGroup::A
        } else if score >= cutoffs.b {
            RecoveryGroup::B
        } else {
            RecoveryGroup::C
        }
    }

    /// The priority, before it is held within 0 to 1,000.
    pub fn priority_sum(&self, subject: &Subject<'_>) -> i32 {
        let terms = self.card.terms.iter().filter(|term| term.counts(subject));
        let points = terms.map(|term| term.points[usize::from(term.code(subject))]);
        self.card.priority_base + points.sum::<i32>()
    }

    /// The earliest later day on which a bin, the state or the stage may change.
    pub fn review_day(&self, subject: &Subject<'_>) -> Option<Day> {
        let bins = |feature: &Feature, bins: &Bins| {
            feature.measure().and_then(|measure| measure.next_boundary(subject, bins))
        };
        let characteristics = self.card.characteristics.iter().filter(|one| one.active);
        let characteristics = characteristics.filter_map(|one| bins(&one.feature, &one.bins));
        let terms = self.card.terms.iter().filter(|term| term.active);
        let terms = terms.flat_map(|term| {
            let limit = i64::from(term.only_below_days_past_due.unwrap_or(i32::MIN));
            let ends = i64::from(subject.days_past_due.unwrap_or(i32::MAX)) < limit;
            let ends = ends.then(|| subject.day_when_past_due(limit));
            [bins(&term.feature, &term.bins), ends].into_iter().flatten()
        });
        let rules = self.card.knock_outs.iter().filter(|rule| rule.active);
        let conditions = rules.flat_map(|rule| &rule.conditions);
        let conditions = conditions.filter_map(|one| bins(&one.feature, &one.bins));
        let own = [subject.next_change(), subject.next_finding()].into_iter().flatten();
        characteristics
            .chain(terms)
            .chain(conditions)
            .chain(own)
            .filter(|day| *day > subject.today)
            .min()
    }
}

impl CompiledTerm {
    /// Whether the term counts for a case.
    pub fn counts(&self, subject: &Subject<'_>) -> bool {
        let days = subject.days_past_due.unwrap_or(0);
        self.active && self.only_below_days_past_due.is_none_or(|limit| days < limit)
    }

    /// The bin a case falls into.
    pub fn code(&self, subject: &Subject<'_>) -> u8 {
        self.bins.code(&value(&self.feature, subject))
    }
}
