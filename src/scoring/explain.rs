//! Why a case is ranked as it is, from the same codes and tables as the rank.

mod derived;

use crate::model::{DebtorKind, Lot, Rank, RecoveryGroup};

use super::bins::FIRST;
use super::compile::CompiledCharacteristic;
use super::experiment::PlaceInArms;
use super::explanation::{
    Diagnosis, Dimension, DimensionSubtotal, Explanation, Family, FamilySubtotal, KnockOutLine,
    NextGroupBin, PriorityLine, ScoreLine, ScoreReason,
};
use super::scorecard::{Part, Scorecard};
use super::subject::Subject;
use super::{Codes, findings, route, value};

const REASONS_MAX: usize = 4;

/// A characteristic with the bin a case fell into.
struct Met<'a> {
    characteristic: &'a CompiledCharacteristic,
    code: u8,
}

impl Met<'_> {
    /// Whether something was told: a special value as well, which may be a reason.
    fn told(&self) -> bool {
        self.code >= FIRST || self.code == super::bins::OTHER
    }

    /// Whether what was told says something: a special value stands for what is not so.
    fn known(&self) -> bool {
        self.told() && self.code < self.characteristic.special_from
    }

    fn contribution(&self) -> i64 {
        i64::from(self.characteristic.by_code[usize::from(self.code)].contribution)
    }

    fn range(&self) -> i64 {
        let (best, worst) =
            (self.characteristic.best_contribution, self.characteristic.worst_contribution);
        i64::from(best) - i64::from(worst)
    }
}

/// Explains a rank in a language. `codes` are those it was made from.
pub(super) fn explain(
    place: &PlaceInArms<'_>,
    subject: &Subject<'_>,
    (codes, rank): (&Codes, Rank),
    language: &str,
) -> Explanation {
    let scorecard = place.scorecard;
    let card = &scorecard.card;
    let part = scorecard.part(subject);
    let met = met(&part, codes);
    let lines = part.characteristics.iter().zip(codes);
    let cutoffs = card.cutoffs[subject.stage as usize - 1];
    let sum = part.kernel.sum(codes);
    let by_points = sum.clamp(0, 1_000);
    let knock_out = scorecard.knock_out(subject).map(|(_, rule)| rule);
    let decided = if knock_out.is_some() { rank.score } else { sum };
    let points_to_next_group = match rank.group {
        RecoveryGroup::A => 0,
        RecoveryGroup::B => cutoffs.a - decided,
        RecoveryGroup::C => cutoffs.b - decided,
    };
    let next_group_bins = match knock_out {
        // No bin moves what a rule has decided.
        Some(_) => Vec::new(),
        None => next_group_bins(scorecard, &met, points_to_next_group),
    };
    Explanation {
        rank,
        scorecard_id: card.scorecard_id.clone(),
        population: part.name.to_owned(),
        base_points: part.base_points,
        lines: lines.map(|(one, code)| line(one, *code, subject)).collect(),
        clamp_points: by_points - sum,
        knock_out: knock_out.map(|rule| KnockOutLine {
            name: rule.name.clone(),
            score: rule.score,
            points: rule.score - by_points,
        }),
        derived: derived::lines(&card.derived, subject),
        cutoff_a: cutoffs.a,
        cutoff_b: cutoffs.b,
        family_subtotals: family_subtotals(&met),
        dimension_subtotals: Dimension::ALL
            .into_iter()
            .filter_map(|dimension| dimension_subtotal(&met, dimension, subject))
            .collect(),
        diagnosis: diagnosis(scorecard, &met, subject),
        reasons: reasons_of(scorecard, (subject, codes), language),
        priority_lines: match place.lot {
            Some(lot) => vec![drawn_line(lot, rank)],
            None => priority_lines(scorecard, subject, rank),
        },
        findings: findings(subject),
        points_to_next_group,
        next_group_bins,
        expected_recovery: card.calibration.as_ref().and_then(|calibration| {
            calibration.expected(rank.score, subject.served.overdue_amount_minor)
        }),
        experiment_id: place.experiment_id.map(str::to_owned),
        route: route::line(scorecard, place.routing_rules, subject),
    }
}

/// The characteristics that alone could add as many points as lack, each with the
/// bin that adds the fewest of those that suffice. What else has a say by its feature than
/// its points, in which population ranks the case, say, is not alone.
fn next_group_bins(scorecard: &Scorecard, met: &[Met<'_>], lacking: i32) -> Vec<NextGroupBin> {
    let protected =
        |one: &Met<'_>| one.characteristic.protected || one.characteristic.feature.protected();
    let alone = |one: &Met<'_>| {
        let feature = &one.characteristic.feature;
        let sharing = met.iter().filter(|other| other.characteristic.feature.shares(feature));
        sharing.count() == 1 && !scorecard.decides_by(feature)
    };
    let allowed = met.iter().filter(|one| lacking > 0 && !protected(one) && alone(one));
    let bins = allowed.filter_map(|one| {
        let bins = &one.characteristic.by_code;
        let now = bins[usize::from(one.code)].contribution;
        let known = &bins[usize::from(FIRST)..usize::from(one.characteristic.special_from)];
        let bins = known.iter().map(|bin| (bin.contribution - now, bin));
        let (points_gained, bin) =
            bins.filter(|(gained, _)| *gained >= lacking).min_by_key(|(gained, _)| *gained)?;
        Some(NextGroupBin {
            characteristic: one.characteristic.name.clone(),
            bin: bin.label.clone(),
            points_gained,
        })
    });
    bins.collect()
}

/// Why the score of a case with these codes is not higher.
pub(super) fn reasons_of(
    scorecard: &Scorecard,
    (subject, codes): (&Subject<'_>, &Codes),
    language: &str,
) -> Vec<ScoreReason> {
    let part = scorecard.part(subject);
    let mut reasons = reasons(&met(&part, codes), scorecard.card.reason_points_min, language);
    if let Some((_, rule)) = scorecard.knock_out(subject) {
        let code = &rule.reason.code;
        let same = reasons.iter().find(|one| one.reason_code == *code);
        let audience =
            same.map_or(rule.reason.audience, |one| one.audience.max(rule.reason.audience));
        reasons.retain(|one| one.reason_code != *code);
        let first = ScoreReason {
            reason_code: code.clone(),
            text: rule.reason.text_in(language).to_owned(),
            characteristic: rule.name.clone(),
            points_lost: part.kernel.score(codes) - rule.score,
            audience,
        };
        reasons.insert(0, first);
    }
    reasons.truncate(REASONS_MAX);
    reasons
}

fn met<'a>(part: &Part<'a>, codes: &Codes) -> Vec<Met<'a>> {
    let active = part.characteristics.iter().zip(codes).filter(|(one, _)| one.active);
    active.map(|(characteristic, code)| Met { characteristic, code: *code }).collect()
}

/// A protected input that is off shows nothing of the case.
fn line(one: &CompiledCharacteristic, code: u8, subject: &Subject<'_>) -> ScoreLine {
    let bin = &one.by_code[usize::from(code)];
    let shown = |text: &str| if one.active { text.to_owned() } else { String::new() };
    let counted = |points: i32| if one.active { points } else { 0 };
    ScoreLine {
        characteristic: one.name.clone(),
        family: one.family,
        dimension: one.dimension,
        value: if one.active {
            one.feature.text(&value(&one.feature, subject))
        } else {
            String::new()
        },
        bin: if one.active { shown(&bin.label) } else { "off".to_owned() },
        points: counted(bin.points),
        weight_milli: one.weight_milli,
        contribution: counted(bin.contribution),
        best_contribution: counted(one.best_contribution),
        protected_input: one.protected,
        missing: one.active && code == super::bins::MISSING,
    }
}

fn family_subtotals(met: &[Met<'_>]) -> Vec<FamilySubtotal> {
    let of = |family: Family| met.iter().filter(move |one| one.characteristic.family == family);
    let families = Family::ALL.into_iter().filter(|family| of(*family).next().is_some());
    families
        .map(|family| FamilySubtotal {
            family,
            contribution: sum(of(family).map(Met::contribution)),
        })
        .collect()
}

fn dimension_subtotal(
    met: &[Met<'_>],
    dimension: Dimension,
    subject: &Subject<'_>,
) -> Option<DimensionSubtotal> {
    let of = || met.iter().filter(move |one| one.characteristic.dimension == dimension);
    of().next()?;
    Some(DimensionSubtotal {
        dimension,
        contribution: sum(of().map(Met::contribution)),
        confidence_permille: i32::try_from(confidence(of(), subject)).unwrap_or(0),
    })
}

/// Which part of the range of the characteristics rests on known inputs, in
/// thousandths. What does not apply to the kind of debtor does not count
/// against: nobody is asked for the business of a person.
fn confidence<'a>(met: impl Iterator<Item = &'a Met<'a>>, subject: &Subject<'_>) -> i64 {
    let (mut known, mut all) = (0, 0);
    for one in met {
        let applies = match one.characteristic.family {
            Family::Household => subject.debtor_kind == DebtorKind::Person,
            Family::Business => subject.debtor_kind == DebtorKind::Business,
            _ => true,
        };
        if one.known() {
            known += one.range();
        }
        if one.known() || applies {
            all += one.range();
        }
    }
    if all == 0 { 0 } else { known * 1_000 / all }
}

/// How far the known inputs of a side reach from their worst to their best, in
/// thousandths; nothing when too little of the side is known.
fn reach(
    scorecard: &Scorecard,
    met: &[Met<'_>],
    subject: &Subject<'_>,
    side: &[Dimension],
) -> Option<i64> {
    let of = || met.iter().filter(|one| side.contains(&one.characteristic.dimension));
    if confidence(of(), subject) < scorecard.card.known_from_permille {
        return None;
    }
    let (mut reached, mut range) = (0, 0);
    for one in of().filter(|one| one.known()) {
        reached += one.contribution() - i64::from(one.characteristic.worst_contribution);
        range += one.range();
    }
    (range > 0).then(|| reached * 1_000 / range)
}

fn diagnosis(scorecard: &Scorecard, met: &[Met<'_>], subject: &Subject<'_>) -> Diagnosis {
    let willing = [Dimension::WillingnessActive, Dimension::WillingnessPassive];
    let willing = reach(scorecard, met, subject, &willing);
    let able = reach(scorecard, met, subject, &[Dimension::Ability]);
    let low = |reach: i64| reach < scorecard.card.low_below_permille;
    match (willing.map(low), able.map(low)) {
        (None, _) | (_, None) => Diagnosis::Unknown,
        (Some(false), Some(false)) => Diagnosis::None,
        (Some(true), Some(false)) => Diagnosis::Willingness,
        (Some(false), Some(true)) => Diagnosis::Ability,
        (Some(true), Some(true)) => Diagnosis::Both,
    }
}

/// What cost most against the best bin, of what is known: that nobody told is
/// no reason against a debtor. Equal codes are one reason.
fn reasons(met: &[Met<'_>], points_min: i32, language: &str) -> Vec<ScoreReason> {
    let mut reasons: Vec<ScoreReason> = Vec::new();
    for one in met.iter().filter(|one| one.told()) {
        let bin = &one.characteristic.by_code[usize::from(one.code)];
        let points_lost = one.characteristic.best_contribution - bin.contribution;
        if points_lost < points_min {
            continue;
        }
        if let Some(same) = reasons.iter_mut().find(|same| same.reason_code == bin.reason.code) {
            same.points_lost += points_lost;
            same.audience = same.audience.max(bin.reason.audience);
            continue;
        }
        reasons.push(ScoreReason {
            reason_code: bin.reason.code.clone(),
            text: bin.reason.text_in(language).to_owned(),
            characteristic: one.characteristic.name.clone(),
            points_lost,
            audience: bin.reason.audience,
        });
    }
    reasons.sort_by_key(|reason| -reason.points_lost);
    reasons
}

/// The one line of a priority that nothing of the case has a say in.
fn drawn_line(lot: Lot, rank: Rank) -> PriorityLine {
    PriorityLine {
        term: "control".to_owned(),
        value: format!("drawn by lot until {}", lot.drawn_anew(rank.rank_date)),
        points: rank.priority,
    }
}

fn priority_lines(scorecard: &Scorecard, subject: &Subject<'_>, rank: Rank) -> Vec<PriorityLine> {
    let mut lines = vec![PriorityLine {
        term: "base".to_owned(),
        value: String::new(),
        points: scorecard.card.priority_base,
    }];
    for term in scorecard.card.terms.iter().filter(|term| term.counts(subject)) {
        lines.push(PriorityLine {
            term: term.term.clone(),
            value: term.feature.text(&value(&term.feature, subject)),
            points: term.points[usize::from(term.code(subject))],
        });
    }
    let sum: i32 = lines.iter().map(|line| line.points).sum();
    if sum != rank.priority {
        let points = rank.priority - sum;
        lines.push(PriorityLine { term: "clamp".to_owned(), value: String::new(), points });
    }
    lines
}

fn sum(numbers: impl Iterator<Item = i64>) -> i32 {
    i32::try_from(numbers.sum::<i64>()).expect("the sums of a card are bounded")
}
