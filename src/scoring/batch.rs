//! Many cases at once: their codes in columns, ranked by two rule sets whose
//! scorecards share their bins.

use crate::model::{DebtorKind, RankingSettings, Stage};

use super::compile::CHARACTERISTICS_MAX;
use super::kernel::Table;
use super::scorecard::Scorecard;
use super::subject::Subject;
use super::{CaseInput, RuleSet};

/// Rows added up at a time: their sums stay in the nearest cache.
const BLOCK: usize = 2_048;
/// Counts kept side by side, so that equal neighbours do not wait for each other.
const LANES: usize = 2;
/// Cells of one card: 3 groups of 20 ranges, rounded up to a power of two.
const CELLS: usize = 64;
/// How many equal ranges of scores a histogram has.
pub const HISTOGRAM_BUCKETS: usize = 20;

/// The bin codes of many cases: for each kind of debtor one column per
/// characteristic of the scorecard that ranks it.
#[derive(Clone, Debug, Default)]
pub struct CodeColumns {
    by_kind: [KindColumns; 2],
}

/// The bin codes of the cases of one kind of debtor.
#[derive(Clone, Debug, Default)]
struct KindColumns {
    columns: Vec<Vec<u8>>,
    /// The stages, 0 for M1.
    stages: Vec<u8>,
    /// The knock-out rules that decide, from 1; 0 where the points do.
    knock_outs: Vec<u8>,
}

/// What two rule sets make of the same cases.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// By rule set and range of scores, 0 to 49 first, 950 to 1,000 last.
    pub histograms: [[u64; HISTOGRAM_BUCKETS]; 2],
    /// By rule set and group.
    pub groups: [[u64; 3]; 2],
    /// By group under the first rule set, then under the second.
    pub migration: [[u64; 3]; 3],
}

impl CodeColumns {
    /// No cases yet.
    pub fn new(rules: &RuleSet) -> CodeColumns {
        let columns = |kind| vec![Vec::new(); rules.scorecard(kind).card.characteristics.len()];
        let empty = |kind| KindColumns { columns: columns(kind), ..KindColumns::default() };
        CodeColumns { by_kind: DebtorKind::ALL.map(empty) }
    }

    /// Adds a case as of its day.
    pub fn push(&mut self, rules: &RuleSet, case: &CaseInput<'_>) {
        let subject = Subject::new(case, &rules.ranking);
        let mut codes = [0; CHARACTERISTICS_MAX];
        let scorecard = rules.scorecard(subject.debtor_kind);
        scorecard.codes(&subject, &mut codes);
        let of_kind = &mut self.by_kind[subject.debtor_kind as usize - 1];
        for (column, code) in of_kind.columns.iter_mut().zip(codes) {
            column.push(code);
        }
        of_kind.stages.push(subject.stage as u8 - 1);
        of_kind.knock_outs.push(scorecard.knock_out(&subject).map_or(0, |(at, _)| at as u8 + 1));
    }

    /// How many cases there are.
    pub fn len(&self) -> usize {
        self.by_kind.iter().map(|one| one.stages.len()).sum()
    }

    /// Whether there are no cases.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The codes of one characteristic of the scorecard of a kind of debtor, by
    /// case.
    pub fn column(&self, kind: DebtorKind, characteristic: usize) -> &[u8] {
        &self.by_kind[kind as usize - 1].columns[characteristic]
    }
}

impl RuleSet {
    /// Whether codes found by this rule set are codes of the other: the same
    /// features in the same bins, whatever their points, and the same knock-out rules,
    /// whatever their scores, for both kinds of debtor, and all that is read from the
    /// portfolio alike.
    pub fn shares_bins(&self, other: &RuleSet) -> bool {
        let bins = |rules: &RuleSet, kind| -> Vec<_> {
            let all = rules.scorecard(kind).card.characteristics.iter();
            all.map(|one| (one.feature.clone(), one.bins.clone(), one.active)).collect()
        };
        let rules = |rules: &RuleSet, kind| -> Vec<_> {
            let all = rules.scorecard(kind).card.knock_outs.iter();
            all.map(|rule| (rule.conditions.clone(), rule.active)).collect()
        };
        let settings = |rules: &RuleSet| {
            let RankingSettings {
                stage_bounds, tolerance_amount_minor, default_debtor_kind, ..
            } = rules.ranking;
            (stage_bounds, tolerance_amount_minor, default_debtor_kind)
        };
        settings(self) == settings(other)
            && DebtorKind::ALL.into_iter().all(|kind| {
                bins(self, kind) == bins(other, kind) && rules(self, kind) == rules(other, kind)
            })
    }

    /// Scores cases by this rule set and another, and counts what they make of
    /// them. Nothing if the two do not share their bins.
    ///
    /// # Panics
    /// If the columns were not found by a rule set of this one's bins.
    pub fn compare(&self, other: &RuleSet, cases: &CodeColumns) -> Option<Comparison> {
        if !self.shares_bins(other) {
            return None;
        }
        let mut told = Comparison::default();
        for (kind, cases) in DebtorKind::ALL.into_iter().zip(&cases.by_kind) {
            let cards = [self, other].map(|rules| rules.scorecard(kind));
            assert_eq!(
                cases.columns.len(),
                cards[0].card.characteristics.len(),
                "columns of another card"
            );
            if !cases.stages.is_empty() {
                cases.count(cards, &mut told);
            }
        }
        Some(told)
    }
}

impl KindColumns {
    fn count(&self, [one, two]: [&Scorecard; 2], told: &mut Comparison) {
        let tables = one.kernel.paired(&two.kernel);
        let mut tally = Tally::new(one, two);
        let decides = self.knock_outs.iter().any(|rule| *rule > 0);
        let mut sums = [0_u32; BLOCK];
        for (at, stages) in self.stages.chunks(BLOCK).enumerate() {
            let rows = at * BLOCK..at * BLOCK + stages.len();
            let knock_outs = &self.knock_outs[rows.clone()];
            let sums = &mut sums[..stages.len()];
            sums.fill(0);
            let columns: Vec<&[u8]> = self.columns.iter().map(|one| &one[rows.clone()]).collect();
            add_up(&tables, &columns, sums);
            match decides {
                true => tally.count_decided([one, two], sums, (stages, knock_outs)),
                false => tally.count(sums, stages),
            }
        }
        tally.add_to(told);
    }
}

/// Adds the entries of every column to the sums, two columns at a time.
fn add_up(tables: &[Table<u32>], columns: &[&[u8]], sums: &mut [u32]) {
    for (tables, columns) in tables.chunks(2).zip(columns.chunks(2)) {
        match (tables, columns) {
            ([one, two], [ones, twos]) => {
                for ((sum, first), second) in sums.iter_mut().zip(*ones).zip(*twos) {
                    *sum += one[usize::from(*first)] + two[usize::from(*second)];
                }
            }
            _ => {
                for (sum, code) in sums.iter_mut().zip(columns[0]) {
                    *sum += tables[0][usize::from(*code)];
                }
            }
        }
    }
}

/// The cell of every sum a table can give.
type Cells = [u8; 1 << 16];

/// Counts cases by cell: group and range of the score, under both cards. All
/// that is told of a comparison follows from these counts.
struct Tally {
    /// By card and stage; of one stage only where the stage does not matter.
    cells: [Vec<Box<Cells>>; 2],
    /// Whether the stage matters: only where cutoffs differ by stage.
    by_stage: bool,
    counts: Box<[[u32; CELLS * CELLS]; LANES]>,
}

impl Tally {
    fn new(one: &Scorecard, two: &Scorecard) -> Tally {
        let by_stage = |scorecard: &Scorecard| {
            let cutoffs = &scorecard.card.cutoffs;
            cutoffs.iter().any(|at| *at != cutoffs[0])
        };
        let by_stage = by_stage(one) || by_stage(two);
        let stages = &Stage::ALL[..if by_stage { Stage::ALL.len() } else { 1 }];
        Tally {
            cells: [one, two].map(|card| stages.iter().map(|stage| cells(card, *stage)).collect()),
            by_stage,
            counts: Box::new([[0; CELLS * CELLS]; LANES]),
        }
    }

    fn count(&mut self, sums: &[u32], stages: &[u8]) {
        if self.by_stage {
            for (at, (sum, stage)) in sums.iter().zip(stages).enumerate() {
                let stage = usize::from(*stage);
                let [one, two] = &self.cells;
                count_one((&one[stage], &two[stage]), *sum, &mut self.counts[at % LANES]);
            }
            return;
        }
        let (one, two) = (&*self.cells[0][0], &*self.cells[1][0]);
        let mut lanes = sums.chunks_exact(LANES);
        for sums in &mut lanes {
            for (sum, counts) in sums.iter().zip(self.counts.iter_mut()) {
                count_one((one, two), *sum, counts);
            }
        }
        for sum in lanes.remainder() {
            count_one((one, two), *sum, &mut self.counts[0]);
        }
    }

    /// Counts cases of which some are decided by a rule.
    fn count_decided(
        &mut self,
        cards: [&Scorecard; 2],
        sums: &[u32],
        (stages, rules): (&[u8], &[u8]),
    ) {
        for ((sum, stage), rule) in sums.iter().zip(stages).zip(rules) {
            let stage = usize::from(*stage);
            let at = if self.by_stage { stage } else { 0 };
            match usize::from(*rule).checked_sub(1) {
                None => {
                    let [one, two] = &self.cells;
                    count_one((&one[at], &two[at]), *sum, &mut self.counts[0]);
                }
                Some(rule) => {
                    let cell = |card: &Scorecard| {
                        cell(card, card.card.knock_outs[rule].score, Stage::ALL[stage])
                    };
                    let [one, two] = cards.map(cell);
                    self.counts[0][(one * CELLS + two) % (CELLS * CELLS)] += 1;
                }
            }
        }
    }

    fn add_to(self, told: &mut Comparison) {
        for (at, count) in self.counts.iter().flat_map(|counts| counts.iter().enumerate()) {
            let (cells, count) = ([at / CELLS, at % CELLS], u64::from(*count));
            if count == 0 {
                continue;
            }
            for (card, cell) in cells.into_iter().enumerate() {
                told.histograms[card][cell % HISTOGRAM_BUCKETS] += count;
                told.groups[card][cell / HISTOGRAM_BUCKETS] += count;
            }
            let [one, two] = cells.map(|cell| cell / HISTOGRAM_BUCKETS);
            told.migration[one][two] += count;
        }
    }
}

/// Counts one case: the lower half of the word is the sum of the first card, the
/// upper that of the second.
fn count_one((one, two): (&Cells, &Cells), sum: u32, counts: &mut [u32; CELLS * CELLS]) {
    let cell = |cells: &Cells, sum: u32| usize::from(cells[(sum & 0xFFFF) as usize]);
    counts[(cell(one, sum) * CELLS + cell(two, sum >> 16)) % (CELLS * CELLS)] += 1;
}

/// The cell of a score.
fn cell(scorecard: &Scorecard, score: i32, stage: Stage) -> usize {
    let bucket = (score as usize * HISTOGRAM_BUCKETS / 1_000).min(HISTOGRAM_BUCKETS - 1);
    (scorecard.group(score, stage) as usize - 1) * HISTOGRAM_BUCKETS + bucket
}

/// The cell of every sum the tables can give: the group times the ranges, plus
/// the range.
fn cells(scorecard: &Scorecard, stage: Stage) -> Box<Cells> {
    let cell = |above: i32| {
        let score = (scorecard.kernel.start() + above).clamp(0, 1_000);
        cell(scorecard, score, stage)
    };
    let mut cells = Box::new([0; 1 << 16]);
    for (above, slot) in (0..=scorecard.kernel.above_max()).zip(cells.iter_mut()) {
        *slot = cell(above) as u8;
    }
    cells
}
