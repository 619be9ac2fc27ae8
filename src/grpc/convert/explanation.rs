//! Why a case is ranked as it is.

use crate::engine::explain::Asked;
use crate::model::{Currency, Violations};
use crate::proto;
use crate::scoring::{
    DerivedLine, DimensionSubtotal, ExpectedRecovery, Explanation, FamilySubtotal, NextGroupBin,
    PriorityLine, RouteCondition, RouteLine, ScoreLine, ScoreReason,
};

use super::case_view::rank_to;
use super::field::language_asked;
use super::money::money;
use super::path::ROOT;
use super::time::{date, day};

/// Reads as of which day and in which language to explain.
pub(super) fn asked(
    as_of_date: Option<&proto::Date>,
    language_code: &str,
    broken: &mut Violations,
) -> Asked {
    let as_of_date = as_of_date.and_then(|date| day(date, &ROOT.field("as_of_date"), broken));
    let language = language_asked(language_code, &ROOT.field("language_code"), broken);
    Asked { as_of_date, language }
}

/// An explanation as the contract writes it; amounts are of a currency.
pub(in crate::grpc) fn explanation_to(
    explanation: Explanation,
    currency: Currency,
) -> proto::Explanation {
    let family = |subtotal: FamilySubtotal| proto::FamilySubtotal {
        family: subtotal.family as i32,
        contribution: subtotal.contribution,
    };
    let dimension = |subtotal: DimensionSubtotal| proto::DimensionSubtotal {
        dimension: subtotal.dimension as i32,
        contribution: subtotal.contribution,
        confidence_permille: subtotal.confidence_permille,
    };
    let priority_line = |line: PriorityLine| proto::PriorityLine {
        term: line.term,
        value: line.value,
        points: line.points,
    };
    proto::Explanation {
        rank: Some(rank_to(&explanation.rank)),
        scorecard_id: explanation.scorecard_id,
        population: explanation.population,
        base_points: explanation.base_points,
        lines: explanation.lines.into_iter().map(line).collect(),
        clamp_points: explanation.clamp_points,
        knock_out: explanation.knock_out.map(|rule| proto::KnockOutLine {
            name: rule.name,
            score: rule.score,
            points: rule.points,
        }),
        derived: explanation.derived.into_iter().map(derived_line).collect(),
        cutoff_a: explanation.cutoff_a,
        cutoff_b: explanation.cutoff_b,
        family_subtotals: explanation.family_subtotals.into_iter().map(family).collect(),
        dimension_subtotals: explanation.dimension_subtotals.into_iter().map(dimension).collect(),
        diagnosis: explanation.diagnosis as i32,
        reasons: explanation.reasons.into_iter().map(reason).collect(),
        priority_lines: explanation.priority_lines.into_iter().map(priority_line).collect(),
        findings: explanation.findings.iter().map(ToString::to_string).collect(),
        points_to_next_group: explanation.points_to_next_group,
        next_group_bins: explanation.next_group_bins.into_iter().map(next_group_bin).collect(),
        expected_recovery: explanation
            .expected_recovery
            .map(|expected| expected_recovery(expected, currency)),
        experiment_id: explanation.experiment_id.unwrap_or_default(),
        route_line: explanation.route.map(route_line),
    }
}

fn route_line(line: RouteLine) -> proto::RouteLine {
    let condition =
        |one: RouteCondition| proto::RouteCondition { feature: one.feature, value: one.value };
    proto::RouteLine {
        route: line.route.label().to_owned(),
        rule_index: i32::try_from(line.rule).unwrap_or(i32::MAX),
        conditions: line.conditions.into_iter().map(condition).collect(),
        audience: line.audience as i32,
    }
}

fn expected_recovery(expected: ExpectedRecovery, currency: Currency) -> proto::ExpectedRecovery {
    proto::ExpectedRecovery {
        share_permille: expected.share_permille,
        horizon_days: expected.horizon_days,
        source: expected.source,
        as_of_date: Some(date(expected.as_of)),
        amount: Some(money(currency, expected.amount_minor)),
    }
}

fn next_group_bin(bin: NextGroupBin) -> proto::NextGroupBin {
    proto::NextGroupBin {
        characteristic: bin.characteristic,
        bin: bin.bin,
        points_gained: bin.points_gained,
    }
}

fn line(line: ScoreLine) -> proto::ScoreLine {
    proto::ScoreLine {
        characteristic: line.characteristic,
        family: line.family as i32,
        dimension: line.dimension as i32,
        value: line.value,
        bin: line.bin,
        points: line.points,
        weight_milli: line.weight_milli,
        contribution: line.contribution,
        best_contribution: line.best_contribution,
        protected_input: line.protected_input,
        missing: line.missing,
    }
}

fn derived_line(line: DerivedLine) -> proto::DerivedLine {
    let DerivedLine { name, value, unit, text } = line;
    proto::DerivedLine { name, value, unit: unit.to_owned(), text }
}

fn reason(reason: ScoreReason) -> proto::Reason {
    proto::Reason {
        reason_code: reason.reason_code,
        text: reason.text,
        characteristic: reason.characteristic,
        points_lost: reason.points_lost,
        audience: reason.audience as i32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoring::{Audience, Diagnosis, Dimension, Family};

    #[test]
    fn the_words_of_explanations_have_the_numbers_of_the_contract() {
        let name = |debug: String| debug.to_uppercase();
        let written = |contract: &str| contract.replace('_', "");
        for family in Family::ALL {
            let contract = proto::Family::try_from(family as i32).unwrap().as_str_name();
            assert_eq!(written(contract), "FAMILY".to_owned() + &name(format!("{family:?}")));
        }
        for dimension in Dimension::ALL {
            let contract = proto::Dimension::try_from(dimension as i32).unwrap().as_str_name();
            assert_eq!(written(contract), "DIMENSION".to_owned() + &name(format!("{dimension:?}")));
        }
        use Diagnosis::{Ability, Both, None, Unknown, Willingness};
        for diagnosis in [Unknown, Willingness, Ability, Both, None] {
            let contract = proto::Diagnosis::try_from(diagnosis as i32).unwrap().as_str_name();
            assert_eq!(written(contract), "DIAGNOSIS".to_owned() + &name(format!("{diagnosis:?}")));
        }
        for audience in [Audience::Agent, Audience::Analyst] {
            let contract = proto::Audience::try_from(audience as i32).unwrap().as_str_name();
            assert_eq!(written(contract), "AUDIENCE".to_owned() + &name(format!("{audience:?}")));
        }
    }
}
