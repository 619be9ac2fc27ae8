//! Routes of the cases of a book on a day. They are no column: rules look at features that
//! time moves, so that a case may have another route on every day that is asked for.

use crate::model::Route;

use super::super::scorecard::Scorecard;
use super::Rows;
use super::column::Column;
use super::trial::Trial;

/// The routing rules that count, as tables; the first that holds for a case gives its route.
pub(super) struct Routes {
    rules: Vec<Rule>,
    /// Each once, that of the cases without a label first.
    given: Vec<Route>,
}

/// A rule as a table.
struct Rule {
    /// Of some columns, by the number of the course, whether a condition holds.
    conditions: Vec<(usize, Vec<bool>)>,
    /// Which of the routes it gives.
    number: u8,
}

impl Routes {
    pub fn new(trial: &Trial<'_>, rows: &Rows, scorecard: &Scorecard) -> Routes {
        let mut given = vec![Route::NONE];
        let rules = scorecard.routing().map(|(_, rule)| {
            let known = given.iter().position(|route| *route == rule.route);
            let number = known.unwrap_or_else(|| {
                given.push(rule.route);
                given.len() - 1
            });
            let conditions = rule.conditions.iter().map(|one| trial.holds(rows, one)).collect();
            Rule { conditions, number: u8::try_from(number).expect("there are at most 64") }
        });
        let rules = rules.collect();
        Routes { rules, given }
    }

    /// All routes there are.
    pub fn given(&self) -> &[Route] {
        &self.given
    }

    /// Which of them a case has.
    pub fn number(&self, columns: &[Column], row: usize) -> u8 {
        let holds = |(column, holds): &(usize, Vec<bool>)| holds[columns[*column].at(row)];
        let mut rules = self.rules.iter();
        rules.find(|rule| rule.conditions.iter().all(holds)).map_or(0, |rule| rule.number)
    }

    /// The route of a case.
    pub fn of(&self, columns: &[Column], row: usize) -> Route {
        self.given[usize::from(self.number(columns, row))]
    }
}
