//! A scorecard at work: the bins, the group and the priority of one case, and the
//! day on which they may change.

use crate::model::{Day, RecoveryGroup, Stage};

use super::bins::Bins;
use super::compile::{
    Compiled, CompiledCharacteristic, CompiledRoute, CompiledTerm, Condition, KnockOut,
};
use super::feature::Feature;
use super::kernel::Kernel;
use super::measure::Age;
use super::subject::Subject;
use super::{Codes, value};

/// A scorecard, compiled, with its tables.
#[derive(Debug)]
pub(super) struct Scorecard {
    pub card: Compiled,
    kernel: Kernel,
    /// Those of the populations, in their order.
    population_kernels: Vec<Kernel>,
}

/// The points by which some of the cases are ranked: those of a population, or those of
/// the scorecard itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part<'a> {
    /// The population; empty where the points are those of the scorecard itself.
    pub name: &'a str,
    pub base_points: i32,
    pub characteristics: &'a [CompiledCharacteristic],
    pub kernel: &'a Kernel,
}

impl Part<'_> {
    /// Finds the bin of every characteristic. One that is off is not looked at.
    pub fn codes(&self, subject: &Subject<'_>, codes: &mut Codes) {
        for (characteristic, code) in self.characteristics.iter().zip(codes) {
            if characteristic.active {
                *code = characteristic.bins.code(&value(&characteristic.feature, subject));
            }
        }
    }
}

impl Scorecard {
    pub fn new(card: Compiled) -> Scorecard {
        let kernel = Kernel::new(card.base_points, &card.characteristics);
        let populations = card.populations.iter();
        let population_kernels =
            populations.map(|one| Kernel::new(one.base_points, &one.characteristics)).collect();
        Scorecard { card, kernel, population_kernels }
    }

    /// The populations that count, in their order, with their conditions; last and without
    /// conditions the points of the scorecard itself.
    pub fn parts(&self) -> impl Iterator<Item = (&[Condition], Part<'_>)> {
        let populations = self.card.populations.iter().zip(&self.population_kernels);
        let populations = populations.filter(|(one, _)| one.active).map(|(one, kernel)| {
            let part = Part {
                name: &one.name,
                base_points: one.base_points,
                characteristics: &one.characteristics,
                kernel,
            };
            (one.conditions.as_slice(), part)
        });
        populations.chain([([].as_slice(), self.main())])
    }

    /// What is read of a case and has a say, with the bins that its values fall into: by
    /// characteristics, terms of the priority, knock-out rules, populations and routing rules.
    /// The score itself is not among it.
    pub fn binned(&self) -> impl Iterator<Item = (&Feature, &Bins)> {
        let characteristics = self.parts().flat_map(|(_, part)| part.characteristics);
        let characteristics = characteristics.filter(|one| one.active);
        let terms = self.card.terms.iter().filter(|one| one.active);
        let rules = self.card.knock_outs.iter().filter(|rule| rule.active);
        let populations = self.parts().flat_map(|(conditions, _)| conditions);
        let routing = self.routing().flat_map(|(_, rule)| &rule.conditions);
        let conditions = rules.flat_map(|rule| &rule.conditions).chain(populations).chain(routing);
        let all = characteristics
            .map(|one| (&one.feature, &one.bins))
            .chain(terms.map(|one| (&one.feature, &one.bins)))
            .chain(conditions.map(|one| (&one.feature, &one.bins)));
        all.filter(|(feature, _)| feature.measure().is_some())
    }

    fn main(&self) -> Part<'_> {
        let Compiled { base_points, characteristics, .. } = &self.card;
        Part { name: "", base_points: *base_points, characteristics, kernel: &self.kernel }
    }

    /// The points by which a case is ranked.
    pub fn part(&self, subject: &Subject<'_>) -> Part<'_> {
        if self.card.populations.is_empty() {
            return self.main();
        }
        let holds = |conditions: &[Condition]| conditions.iter().all(|one| one.holds(subject));
        let mut parts = self.parts();
        parts.find(|(conditions, _)| holds(conditions)).map_or(self.main(), |(_, part)| part)
    }

    /// What the lowest sum of any of the parts starts from.
    pub fn start(&self) -> i32 {
        self.parts().map(|(_, part)| part.kernel.start()).min().unwrap_or(0)
    }

    /// The first knock-out rule that matches a case, with its place.
    pub fn knock_out(&self, subject: &Subject<'_>) -> Option<(usize, &KnockOut)> {
        let mut rules = self.card.knock_outs.iter().enumerate();
        rules.find(|(_, rule)| rule.matches(subject))
    }

    /// The routing rules that count, in their order, with their places.
    pub fn routing(&self) -> impl Iterator<Item = (usize, &CompiledRoute)> {
        self.card.routing.iter().enumerate().filter(|(_, rule)| rule.active)
    }

    /// The first routing rule that matches a case, with its place.
    pub fn routed(&self, subject: &Subject<'_>) -> Option<(usize, &CompiledRoute)> {
        self.routing().find(|(_, rule)| rule.matches(subject))
    }

    /// The score of a case with these codes: that of the rule that decides it, else that
    /// of the points.
    pub fn score(&self, part: &Part<'_>, subject: &Subject<'_>, codes: &Codes) -> i32 {
        match self.knock_out(subject) {
            Some((_, rule)) => rule.score,
            None => part.kernel.score(codes),
        }
    }

    /// Whether a feature has a say in more than points: in which population ranks a case, in
    /// whether a knock-out rule does, or in the cutoffs.
    pub fn decides_by(&self, feature: &Feature) -> bool {
        let rules = self.card.knock_outs.iter().filter(|rule| rule.active);
        let populations = self.parts().flat_map(|(conditions, _)| conditions);
        let mut conditions = rules.flat_map(|rule| &rule.conditions).chain(populations);
        let cutoffs = &self.card.cutoffs;
        conditions.any(|one| one.feature.shares(feature))
            || cutoffs.iter().any(|one| *one != cutoffs[0])
                && feature.shares(&Feature::Age(Age::DaysPastDue))
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
        // Those of other populations do not matter before the case is one of them.
        let part = self.part(subject);
        let characteristics = part.characteristics.iter().filter(|one| one.active);
        let characteristics = characteristics.filter_map(|one| bins(&one.feature, &one.bins));
        let terms = self.card.terms.iter().filter(|term| term.active);
        let terms = terms.flat_map(|term| {
            let limit = i64::from(term.only_below_days_past_due.unwrap_or(i32::MIN));
            let ends = i64::from(subject.days_past_due.unwrap_or(i32::MAX)) < limit;
            let ends = ends.then(|| subject.day_when_past_due(limit));
            [bins(&term.feature, &term.bins), ends].into_iter().flatten()
        });
        let rules = self.card.knock_outs.iter().filter(|rule| rule.active);
        let populations = self.parts().flat_map(|(conditions, _)| conditions);
        // Routing rules behind the one that matches do not matter before it no longer does.
        let routed = self.routed(subject).map_or(usize::MAX, |(at, _)| at);
        let routing = self.routing().take_while(|(at, _)| *at <= routed);
        let routing = routing.flat_map(|(_, rule)| &rule.conditions);
        let conditions = rules.flat_map(|rule| &rule.conditions).chain(populations).chain(routing);
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
