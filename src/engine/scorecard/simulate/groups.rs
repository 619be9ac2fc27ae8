//! How a scorecard divides the cases: how stable that is, which cutoffs would divide them
//! evenly, and what is odd about it.

use std::sync::Arc;
use std::time::Duration;

use crate::model::{PortfolioId, RecoveryGroup};
use crate::scoring::card::{Card, Cutoffs};
use crate::scoring::{Filter, Simulated};

use super::super::super::{Caller, Engine, Error};
use super::super::{ScorecardFinding, Subject};
use super::{Answer, FirstLeasesCommand, SimulateCommand, simulate_revision};

/// How long a validation waits for a look at the groups, while others try scorecards.
const GROUPS_WITHIN: Duration = Duration::from_secs(5);
/// What groups would be of by the cutoffs that are proposed: the easiest three tenths are
/// A, the next four tenths B.
const SHARES_PERMILLE: [u64; 2] = [300, 700];

/// The population stability index of two histograms: the sum over all ranges of
/// (b - a) x ln(b / a) of their shares. A share below 1 in 10,000 counts as that, since
/// the logarithm of nothing is none. By custom, below 0.1 is stable and above 0.25 is to
/// be acted on (Siddiqi, Credit Risk Scorecards, 2006).
pub(super) fn stability(before: &[u64], after: &[u64]) -> f64 {
    let share = |counts: &[u64], at: usize| {
        let all: u64 = counts.iter().sum();
        (counts[at] as f64 / all.max(1) as f64).max(1e-4)
    };
    let term = |at: usize| {
        let (a, b) = (share(before, at), share(after, at));
        (b - a) * (b / a).ln()
    };
    (0..before.len()).map(term).sum()
}

/// The cutoffs by which the best three tenths of cases are A and the worst three tenths C,
/// as nearly as scores allow; nothing where a group would have nobody.
pub(super) fn cutoffs_by_share(scores: &[u64]) -> Option<Cutoffs> {
    let all: u64 = scores.iter().sum();
    // How many cases have a score or a higher one.
    let mut from = vec![0; scores.len() + 1];
    for score in (0..scores.len()).rev() {
        from[score] = from[score + 1] + scores[score];
    }
    let nearest = |permille: u64| {
        let far = |score: &usize| (from[*score] * 1_000).abs_diff(all * permille);
        (1..scores.len()).min_by_key(far)
    };
    let (a, b) = (nearest(SHARES_PERMILLE[0])?, nearest(SHARES_PERMILLE[1])?);
    let groups = [from[a], from[b].saturating_sub(from[a]), all - from[b]];
    let cutoff = |score| i32::try_from(score).ok();
    groups.iter().all(|cases| *cases > 0).then_some(Cutoffs { a: cutoff(a)?, b: cutoff(b)? })
}

/// The shares of the groups by other cutoffs, for people.
fn shares(scores: &[u64], cutoffs: Cutoffs) -> String {
    let all: u64 = scores.iter().sum();
    let from =
        |score: i32| -> u64 { scores.iter().skip(usize::try_from(score).unwrap_or(0)).sum() };
    let (a, b) = (from(cutoffs.a), from(cutoffs.b));
    let percent = |cases: u64| (cases * 100 + all / 2) / all.max(1);
    format!("{}, {} and {} %", percent(a), percent(b - a), percent(all - b))
}

/// A group should have no less and no more of the cases, in thousandths.
const SHARE_PERMILLE: std::ops::RangeInclusive<u64> = 50..=800;
/// Of fewer cases shares say nothing.
const CASES_FOR_SHARES: u64 = 100;

/// What is odd about the shares of the groups.
pub(super) fn odd_shares(told: &Simulated, cutoffs: Option<Cutoffs>) -> Vec<ScorecardFinding> {
    let all = told.total().cases;
    let mut findings = Vec::new();
    for (group, count) in RecoveryGroup::ALL.into_iter().zip(told.groups(1)) {
        let permille = count.cases * 1_000 / all.max(1);
        if all < CASES_FOR_SHARES || SHARE_PERMILLE.contains(&permille) {
            continue;
        }
        let (whole, tenth) = (permille / 10, permille % 10);
        let mut message = format!(
            "group {group:?} would have {whole}.{tenth} % of {all} cases; 5 to 80 % tell them apart"
        );
        if let Some(cutoffs) = cutoffs {
            let (Cutoffs { a, b }, shares) = (cutoffs, shares(&told.scores, cutoffs));
            message.push_str(&format!("; with a {a} and b {b}, groups would have {shares}"));
        }
        findings.push(ScorecardFinding { is_error: false, path: "cutoffs".to_owned(), message });
    }
    findings
}

/// What is odd about how a scorecard would divide the cases of a portfolio. Of a portfolio
/// that is not in memory yet, the first part that is loaded is enough.
pub(in super::super) async fn odd_groups(
    engine: &Arc<Engine>,
    caller: &Caller,
    (card, portfolio_id): (Card, PortfolioId),
) -> Result<Vec<ScorecardFinding>, Error> {
    let part = engine.parts(caller).await?.first();
    let context = engine.latest(part, &portfolio_id).await?;
    let kind = context.rule_set.kind_ranked_by(&card.scorecard_id);
    let command = SimulateCommand {
        portfolio_id,
        candidate: Subject::Given(Box::new(card)),
        debtor_kind: kind,
        compared_with: None,
        as_of_date: None,
        filter: Filter { debtor_kinds: vec![kind], ..Filter::default() },
        slices: Vec::new(),
        movers: 0,
        whole: false,
        first_leases: FirstLeasesCommand::default(),
    };
    // What is wrong with the scorecard is told all the same.
    let mut answers = match simulate_revision(engine, caller, command).await {
        Err(Error::Overloaded { .. }) => return Ok(Vec::new()),
        answers => answers?,
    };
    let told = async {
        while let Some(answer) = answers.recv().await {
            match answer {
                Ok(Answer::Waits { .. }) => {}
                Ok(Answer::Told(simulation)) => return simulation.findings,
                Err(error) => {
                    tracing::warn!(%error, "a scorecard was validated without a look at its groups");
                }
            }
        }
        Vec::new()
    };
    Ok(tokio::time::timeout(GROUPS_WITHIN, told).await.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stability_is_that_of_the_textbook() {
        assert_eq!(stability(&[10, 20, 70], &[20, 40, 140]), 0.0);
        // (0.6 - 0.5) ln(0.6 / 0.5) + (0.4 - 0.5) ln(0.4 / 0.5)
        assert!((stability(&[50, 50], &[60, 40]) - 0.040_546_51).abs() < 1e-7);
        // An empty range counts as one in ten thousand.
        let expected = (1e-4 - 0.5) * (1e-4_f64 / 0.5).ln() + 0.5 * 2_f64.ln();
        assert!((stability(&[50, 50], &[0, 100]) - expected).abs() < 1e-12);
        assert_eq!(stability(&[0, 0], &[0, 0]), 0.0);
    }

    #[test]
    fn cutoffs_are_cut_by_share() {
        let mut scores = vec![0; 1_001];
        for score in scores.iter_mut().skip(100).take(100) {
            *score = 1;
        }
        // Of the scores 100 to 199, one case each: 170 and above are three tenths.
        assert_eq!(cutoffs_by_share(&scores), Some(Cutoffs { a: 170, b: 130 }));
        assert_eq!(cutoffs_by_share(&vec![0; 1_001]), None);
        let mut one = vec![0; 1_001];
        one[500] = 9;
        assert_eq!(cutoffs_by_share(&one), None, "all cases have one score");
    }
}
