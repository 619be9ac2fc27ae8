//! The cases of a demonstration: invented, from a fixed seed, relative to
//! "today". Debtors have a hidden willingness, ability and stake, and all that
//! is told of them follows from these with noise, so that scores have something
//! to find. No figure here is a measurement of anybody.

use std::collections::VecDeque;

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::decimal::date;
use super::word;
use crate::model::Day;
use crate::proto;
use draw::Draw;

mod draw;
mod facts;
mod loan;

/// How many cases a demonstration has.
pub const CASE_COUNT: usize = 50_000;

/// The portfolio of the demonstration.
pub const PORTFOLIO_ID: &str = "demo";

/// Its currency and the zone in which its days are counted.
pub const CURRENCY: &str = "USD";
/// See `CURRENCY`.
pub const TIME_ZONE: &str = "America/New_York";

const SEED: u64 = 20_251_121;

/// Where debtors live: zone, jurisdiction, and how many in a hundred.
const PLACES: [(&str, &str, u32); 8] = [
    ("America/New_York", "US-NY", 22),
    ("America/New_York", "US-FL", 18),
    ("America/Chicago", "US-IL", 16),
    ("America/Chicago", "US-TX", 16),
    ("America/Denver", "US-CO", 7),
    ("America/Phoenix", "US-AZ", 5),
    ("America/Los_Angeles", "US-CA", 15),
    ("Pacific/Honolulu", "US-HI", 1),
];

/// What is true of a debtor and not told to anybody.
#[derive(Clone, Debug)]
struct Debtor {
    number: usize,
    business: bool,
    /// How willing to pay; like the next two about 0 with a spread of 1.
    willingness: f64,
    /// How able to pay.
    ability: f64,
    /// How much a default would cost.
    stake: f64,
    time_zone: &'static str,
    jurisdiction: &'static str,
    /// Months since the debtor became a customer.
    customer_months: i32,
}

/// The cases of a demonstration, one after the other and always the same for
/// the same day.
#[derive(Debug)]
pub struct Demo {
    random: StdRng,
    today: Day,
    case_count: usize,
    debtor_count: usize,
    missing: usize,
    ready: VecDeque<proto::CaseDocument>,
}

impl Demo {
    /// `case_count` cases as of `today`.
    pub fn new(today: Day, case_count: usize) -> Demo {
        Demo {
            random: StdRng::seed_from_u64(SEED),
            today,
            case_count: 0,
            debtor_count: 0,
            missing: case_count,
            ready: VecDeque::new(),
        }
    }

    /// The id of a case, counted from 1.
    pub(super) fn case_id(number: usize) -> String {
        format!("L-{number:06}")
    }

    /// Invents a debtor with all cases.
    fn next_debtor(&mut self) {
        self.debtor_count += 1;
        let mut draw = Draw(&mut self.random);
        let debtor = Debtor::new(&mut draw, self.debtor_count);
        let several = if debtor.business { 0.30 } else { 0.14 };
        let mut cases = 1;
        while cases < 4 && draw.chance(several) {
            cases += 1;
        }
        let mut told = proto::CaseDocument {
            debtor_id: format!("D-{:05}", debtor.number),
            debtor_kind: debtor.kind() as i32,
            ..Default::default()
        };
        facts::tell(&mut draw, &debtor, self.today, &mut told);
        told.contact_points = contact_points(&mut draw, &debtor);
        for _ in 0..cases {
            self.case_count += 1;
            let mut document = told.clone();
            document.case_id = Demo::case_id(self.case_count);
            loan::tell(&mut draw, &debtor, self.today, &mut document);
            self.ready.push_back(document);
        }
    }
}

impl Iterator for Demo {
    type Item = proto::CaseDocument;

    fn next(&mut self) -> Option<proto::CaseDocument> {
        self.missing = self.missing.checked_sub(1)?;
        if self.ready.is_empty() {
            self.next_debtor();
        }
        self.ready.pop_front()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.missing, Some(self.missing))
    }
}

impl Debtor {
    fn new(draw: &mut Draw, number: usize) -> Debtor {
        // One hidden factor behind all three: who does well does well in many
        // ways, and not in all.
        let common = draw.normal();
        let mut share =
            |weight: f64| weight * common + (1.0 - weight * weight).sqrt() * draw.normal();
        let (willingness, ability, stake) = (share(0.6), share(0.7), share(0.5));
        let weights = PLACES.map(|place| (place, place.2));
        let (time_zone, jurisdiction, _) = draw.pick(&weights);
        Debtor {
            number,
            business: draw.chance(0.15),
            willingness,
            ability,
            stake,
            time_zone,
            jurisdiction,
            customer_months: 3 + (draw.skewed() * 48.0) as i32,
        }
    }

    fn kind(&self) -> proto::DebtorKind {
        if self.business { proto::DebtorKind::Business } else { proto::DebtorKind::Person }
    }
}

fn contact_points(draw: &mut Draw, debtor: &Debtor) -> Vec<proto::ContactPoint> {
    let kinds =
        if debtor.business { ["WORK", "MOBILE", "WORK"] } else { ["MOBILE", "HOME", "WORK"] };
    let count = draw.pick(&[(1, 55), (2, 35), (3, 10)]);
    let mut points = Vec::new();
    for (at, kind) in kinds.into_iter().take(count).enumerate() {
        // Some work or have moved elsewhere; of some nobody knows where they are.
        let elsewhere = at > 0 && draw.chance(0.06);
        let place = PLACES[draw.between(0, PLACES.len() as i64 - 1) as usize];
        let (zone, jurisdiction) =
            if elsewhere { (place.0, place.1) } else { (debtor.time_zone, debtor.jurisdiction) };
        let known = draw.chance(0.97);
        let dead = draw.chance(if debtor.willingness < -1.0 { 0.20 } else { 0.04 });
        let state = if dead { "INVALID" } else { "VALID" };
        points.push(proto::ContactPoint {
            contact_point_id: format!("P-{:05}-{}", debtor.number, at + 1),
            kind: word::CONTACT_POINT_KIND.number(kind).unwrap_or_default(),
            time_zone: if known { zone.to_owned() } else { String::new() },
            jurisdiction: jurisdiction.to_owned(),
            state: word::CONTACT_POINT_STATE.number(state).unwrap_or_default(),
        });
    }
    points
}

/// A day some days before `today`.
fn days_before(today: Day, days: i32) -> proto::Date {
    date(today.plus(-days))
}

/// An amount in whole cents.
fn money(amount: f64) -> proto::Money {
    let cents = (amount.max(0.0) * 100.0).round() as i64;
    proto::Money {
        currency_code: CURRENCY.to_owned(),
        units: cents / 100,
        nanos: (cents % 100) as i32 * 10_000_000,
    }
}

#[cfg(test)]
mod tests;
