//! Payment histories: three forms that say the same give the same features, and
//! what they say twice and not alike is told.

use proptest::prelude::*;

use crate::model::{ArrearsMonth, Day, Instalment, Payment};
use crate::scoring::bins::Value;
use crate::scoring::feature::Feature;
use crate::scoring::subject::Subject;
use crate::scoring::value;

use super::{Case, day, generate, noon, settings, shipped};

const FEATURES: &[&str] = &[
    "late_months_6",
    "late_months_12",
    "deep_late_months_12",
    "worst_months_past_due_6",
    "worst_months_past_due_12",
    "on_time_permille_12",
    "paid_share_permille_12",
    "months_since_payment",
    "never_paid",
    "cured_before",
    "arrears_trend",
];

const INSTALMENT: i64 = 10_000;
const TODAY: (i32, u32, u32) = (2026, 3, 5);

fn today() -> Day {
    day(TODAY.0, TODAY.1, TODAY.2)
}

fn month_start(back: i32) -> Day {
    let index = TODAY.0 * 12 + TODAY.1 as i32 - 1 - back;
    day(index / 12, (index % 12 + 1) as u32, 1)
}

/// An account with one instalment due on the 10th of each month. The months,
/// the oldest first, each with how many instalments are paid on the 12th: 0, or
/// all that is owed.
struct Account {
    paid: Vec<bool>,
}

impl Account {
    fn months(&self) -> impl Iterator<Item = (usize, Day, bool)> + '_ {
        let count = self.paid.len() as i32;
        self.paid
            .iter()
            .enumerate()
            .map(move |(at, paid)| (at, month_start(count - at as i32), *paid))
    }

    fn unpaid_from(&self) -> usize {
        self.paid.iter().rposition(|paid| *paid).map_or(0, |last| last + 1)
    }

    fn case(&self) -> Case {
        let unpaid = self.paid.len() - self.unpaid_from();
        let oldest = self.months().nth(self.unpaid_from()).map(|month| month.1.plus(9));
        let mut case = Case::new(super::basic(today(), 0), today());
        case.facts.overdue_amount_minor = unpaid as i64 * INSTALMENT;
        case.facts.oldest_due_date = oldest;
        case
    }

    fn as_instalments(&self) -> Case {
        let mut case = self.case();
        for (at, month, _) in self.months() {
            let paid_at = self.paid[at..].iter().position(|paid| *paid).map(|after| at + after);
            let paid_date =
                paid_at.and_then(|at| self.months().nth(at)).map(|paid| paid.1.plus(11));
            case.facts.instalments.push(Instalment {
                due_date: month.plus(9),
                due_amount_minor: INSTALMENT,
                paid_amount_minor: if paid_date.is_some() { INSTALMENT } else { 0 },
                paid_date,
            });
        }
        case
    }

    fn as_profile(&self) -> Case {
        let mut case = self.case();
        let mut behind = 0;
        for (_, month, paid) in self.months() {
            behind += 1;
            let settled = if paid { std::mem::take(&mut behind) } else { 0 };
            case.facts.arrears_profile.push(ArrearsMonth {
                month,
                months_past_due: behind,
                billed_amount_minor: Some(INSTALMENT),
                paid_amount_minor: Some(i64::from(settled) * INSTALMENT),
            });
        }
        case
    }

    fn as_payments(&self) -> Case {
        let mut case = self.case();
        let profile = self.as_profile().facts.arrears_profile;
        let paid = profile.iter().filter(|month| month.paid_amount_minor != Some(0));
        for (at, month) in paid.enumerate() {
            let made = noon(month.month.plus(11));
            case.history.payments.push(Payment {
                event_id: format!("p{at}"),
                event_time: made,
                amount_minor: month.paid_amount_minor.expect("the profile has amounts"),
                reversed_time: None,
            });
        }
        case
    }
}

fn features(case: &Case, today: Day) -> Vec<(&'static str, String)> {
    let input = crate::scoring::CaseInput { today, ..case.input() };
    let subject = Subject::new(&input, &settings());
    let features = FEATURES.iter().map(|name| {
        let feature = Feature::find(name, None).expect("a feature");
        (*name, format!("{:?}", value(&feature, &subject)))
    });
    features.collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    /// The first month is paid, since payments cannot tell what was due before the
    /// first one; nor do they say what was billed, so that their share is exact
    /// while the whole history lies in the twelve months looked at.
    #[test]
    fn equal_histories_give_equal_features_in_every_form(
        rest in proptest::collection::vec(any::<bool>(), 1..11), later in 0..20_i32
    ) {
        let mut paid = vec![true];
        paid.extend(rest);
        paid.push(false);
        let account = Account { paid };
        let today = today().plus(later);
        let instalments = features(&account.as_instalments(), today);
        prop_assert_eq!(&instalments, &features(&account.as_profile(), today));
        prop_assert_eq!(&instalments, &features(&account.as_payments(), today));
        let rules = shipped();
        let rank = |case: Case| rules.rank(&crate::scoring::CaseInput { today, ..case.input() });
        let from_profile = rank(account.as_profile());
        prop_assert_eq!(rank(account.as_instalments()).rank, from_profile.rank);
        prop_assert!(from_profile.findings.is_empty());
    }

    /// The arrears go on growing in every form while nothing is heard.
    #[test]
    fn instalments_and_profile_stay_equal_as_months_pass(
        paid in proptest::collection::vec(any::<bool>(), 1..11), later in 0..400_i32
    ) {
        let mut paid = paid;
        paid.push(false);
        let account = Account { paid };
        let today = today().plus(later);
        prop_assert_eq!(
            features(&account.as_instalments(), today),
            features(&account.as_profile(), today)
        );
    }

    #[test]
    fn forms_that_agree_raise_no_finding(paid in proptest::collection::vec(any::<bool>(), 1..11)) {
        let mut paid = paid;
        paid.push(false);
        let account = Account { paid };
        let mut both = account.as_instalments();
        both.facts.arrears_profile = account.as_profile().facts.arrears_profile;
        prop_assert_eq!(both.rank(shipped()).findings, vec![]);
    }
}

#[test]
fn forms_that_disagree_by_more_than_a_month_are_told_and_instalments_rule() {
    let account = Account { paid: vec![true, false, false, false] };
    let mut both = account.as_instalments();
    both.facts.arrears_profile = account.as_profile().facts.arrears_profile;
    both.facts.arrears_profile[3].months_past_due = 2;
    let rules = shipped();
    assert_eq!(both.rank(rules).findings, vec![], "one month apart is no finding");
    both.facts.arrears_profile[3].months_past_due = 1;
    let ranked = both.rank(rules);
    assert_eq!(ranked.findings.len(), 1);
    assert_eq!(ranked.findings[0].code, "HISTORY_DISAGREES");
    assert_eq!(
        ranked.findings[0].text,
        "instalments say 3 and arrears profile say 1 months past due at the end of the month \
         from 2026-02-01; counted by the instalments"
    );
    assert_eq!(ranked.rank, account.as_instalments().rank(rules).rank);
    assert_eq!(both.explain(rules).findings, ranked.findings);
}

fn number(case: &Case, name: &str) -> Option<i64> {
    let input = case.input();
    let subject = Subject::new(&input, &settings());
    let feature = Feature::find(name, None).expect("a feature");
    match value(&feature, &subject) {
        Value::Number(number) | Value::Category(number) => Some(number),
        _ => None,
    }
}

#[test]
fn without_a_history_nothing_is_told() {
    let case = Case::new(super::basic(today(), 90), today());
    for name in FEATURES {
        assert_eq!(number(&case, name), None, "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    /// Whatever the history so far, in whichever form: nobody who pays looks worse
    /// for it.
    #[test]
    fn a_payment_of_today_never_costs_points(
        case in generate::case(), permille in 1..1_000_i64
    ) {
        let mut paid = case.clone();
        paid.history.payments.push(Payment {
            event_id: "today".to_owned(),
            event_time: noon(case.today).max(case.as_of.plus(1)),
            amount_minor: (case.facts.overdue_amount_minor * permille / 1_000).max(1),
            reversed_time: None,
        });
        let (before, after) = (case.rank(shipped()), paid.rank(shipped()));
        prop_assert!(after.rank.score >= before.rank.score, "{before:?} {after:?}");
    }
}

/// Five columns and a payment: nothing is known of the months before.
#[test]
fn a_first_payment_within_the_arrears_makes_no_history() {
    for days in [5, 81, 110, 150, 300] {
        let mut case = Case::new(super::basic(today(), days), today());
        let before = case.rank(shipped()).rank.score;
        case.history.payments.push(Payment {
            event_id: "first".to_owned(),
            event_time: noon(today()),
            amount_minor: 10,
            reversed_time: None,
        });
        assert_eq!(number(&case, "months_since_payment"), Some(0));
        assert_eq!(number(&case, "late_months_12"), None);
        assert_eq!(number(&case, "paid_share_permille_12"), None);
        assert!(case.rank(shipped()).rank.score >= before, "{days} days past due");
    }
}

/// Both lie before the twelve months that are looked at.
#[test]
fn of_payments_long_ago_the_newest_counts() {
    let mut case = Case::new(super::basic(today(), 10), today());
    for months in [20, 14] {
        case.history.payments.push(Payment {
            event_id: months.to_string(),
            event_time: noon(month_start(months)),
            amount_minor: 10,
            reversed_time: None,
        });
    }
    assert_eq!(number(&case, "worst_months_past_due_12"), Some(13));
    assert_eq!(number(&case, "arrears_trend"), Some(3));
    assert_eq!(number(&case, "months_since_payment"), Some(14));
}

#[test]
fn a_reversed_payment_was_never_made() {
    let account = Account { paid: vec![true, false] };
    let mut case = account.as_payments();
    assert_eq!(number(&case, "months_since_payment"), Some(2));
    case.history.payments[0].reversed_time = Some(noon(today()));
    assert_eq!(number(&case, "months_since_payment"), None);
}

#[test]
fn what_was_paid_after_the_ledger_counts_as_paid() {
    let account = Account { paid: vec![true, false, false] };
    let mut case = account.as_instalments();
    let share = number(&case, "paid_share_permille_12");
    assert_eq!(share, Some(333));
    case.as_of = noon(month_start(1));
    case.history.payments.push(Payment {
        event_id: "late".to_owned(),
        event_time: noon(month_start(1).plus(14)),
        amount_minor: INSTALMENT,
        reversed_time: None,
    });
    assert_eq!(number(&case, "paid_share_permille_12"), Some(666));
    assert_eq!(number(&case, "months_since_payment"), Some(1));
    assert_eq!(number(&case, "worst_months_past_due_12"), Some(1));
}
