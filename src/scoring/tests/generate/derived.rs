//! Random features of a scorecard's own.

use std::fmt::Write;

use crate::scoring::feature::FeatureKind;

use super::Look;

/// A derived feature, drawn.
pub(in super::super) struct Drawn {
    pub name: String,
    /// As it is written.
    formula: String,
    pub scale: i64,
    pub protected: bool,
}

impl Drawn {
    /// What a characteristic must know of it.
    pub(super) fn look(&self) -> Look {
        let values = FeatureKind::Number { scale: self.scale };
        Look { kind: "", values, has_unknown: false, protected: self.protected }
    }

    /// How a condition names it.
    pub(super) fn looked_at(&self) -> String {
        let protected = if self.protected { ", protected: true" } else { "" };
        format!("feature: derived.{}{protected}", self.name)
    }
}

/// Numbers of every kind of course.
const NUMBERS: [&str; 20] = [
    "days_past_due",
    "days_past_due",
    "days_to_next_stage",
    "penalty_accrued_permille",
    "late_months_12",
    "worst_months_past_due_6",
    "on_time_permille_12",
    "paid_share_permille_12",
    "months_since_payment",
    "cured_before",
    "arrears_trend",
    "promises_broken",
    "promises_kept_permille",
    "tenure_months",
    "overdue_amount_log",
    "limit_amount",
    "monthly_income_amount",
    "custom.index",
    "custom.index",
    "dependent_children",
];

const TOLD: [&str; 6] =
    ["overdue_reason", "owns_home", "custom.area", "custom.member", "marital_status", "never_paid"];

const DATES: [&str; 5] =
    ["today", "oldest_due_date", "customer_since_date", "custom.begun", "custom.area"];

const CHANGING: [&str; 3] = ["late_months_6", "worst_months_past_due_6", "arrears_trend"];

/// Up to five of them, each of which may look at those before it.
pub(super) fn draw(next: &mut impl FnMut(u16) -> u16) -> Vec<Drawn> {
    let mut all: Vec<Drawn> = Vec::new();
    for at in 0..next(6) {
        let kind = next(7);
        let wanted = match kind {
            0 | 1 => 2,
            2..=4 => 2 + next(2),
            _ => 0,
        };
        let (mut names, mut scale, mut protected) = (Vec::<String>::new(), 1, false);
        while names.len() < usize::from(wanted) {
            let name = match next(4) {
                0 if !all.is_empty() => {
                    let one = &all[usize::from(next(all.len() as u16))];
                    format!("derived.{}", one.name)
                }
                1 if kind == 4 => TOLD[usize::from(next(6))].to_owned(),
                _ => NUMBERS[usize::from(next(20))].to_owned(),
            };
            if names.contains(&name) {
                continue;
            }
            let own = all.iter().find(|one| name == format!("derived.{}", one.name));
            scale = own.map_or(scale, |one| scale.max(one.scale));
            scale = if name == "custom.index" { 1_000_000 } else { scale };
            protected |= own.is_some_and(|one| one.protected);
            protected |= ["dependent_children", "marital_status"].contains(&&*name);
            names.push(name);
        }
        let keeps_unit = (1..=3).contains(&kind);
        let formula = match kind {
            0 => format!("ratio: {{ of: {}, to: {} }}", names[0], names[1]),
            1 => format!("difference: {{ of: {}, less: {} }}", names[0], names[1]),
            2 => format!("min: [{}]", names.join(", ")),
            3 => format!("max: [{}]", names.join(", ")),
            4 => format!("known: [{}]", names.join(", ")),
            5 => {
                let from = usize::from(next(5));
                let to = (from + 1 + usize::from(next(4))) % 5;
                format!("months_between: {{ from: {}, to: {} }}", DATES[from], DATES[to])
            }
            _ => {
                let of = CHANGING[usize::from(next(3))];
                format!("change: {{ of: {of}, months: {} }}", next(6) + 1)
            }
        };
        let scale = if keeps_unit { scale } else { 1 };
        all.push(Drawn { name: format!("d{at}"), formula, scale, protected });
    }
    all
}

/// Writes their definitions.
pub(super) fn write(yaml: &mut String, all: &[Drawn]) {
    yaml.push_str(if all.is_empty() { "derived: []\n" } else { "derived:\n" });
    for one in all {
        let protected = if one.protected { "  protected: true\n" } else { "" };
        writeln!(yaml, "- name: {}\n{protected}  {}", one.name, one.formula)
            .expect("text never fails");
    }
}
