//! Proof of the checker: a history in which everything holds, and one broken
//! in a single way for each thing that may go wrong.

use super::{
    Answer, Batch, Breach, Change, Closing, Disposition, Found, Grant, History, Invariant, LeaseId,
    Place, Preview, Record, Request, Rules, Step, Transition, assert_holds, check,
};

const MINUTE: i64 = 60_000_000;
const TTL: i64 = 5 * MINUTE;
const COOLING: i64 = 30 * MINUTE;
const LANE: i64 = 7;

/// The debtors of cases 1 to 4: the last two belong to one.
fn debtor(case: i64) -> i64 {
    100 + case.min(3)
}

fn rules<'a>() -> Rules<'a> {
    Rules {
        sweep_slack: MINUTE,
        caps: vec![(2, 60 * MINUTE)],
        pull_kept: Some(60 * MINUTE),
        hours: Some(&|_, from, until| from >= 0 && until <= 600 * MINUTE),
    }
}

fn lease(case: i64, seq: i64) -> LeaseId {
    LeaseId { case, seq }
}

#[derive(Default)]
struct Scene {
    history: History,
    calls: u64,
    transactions: u64,
}

impl Scene {
    /// A call with its answer a second later.
    fn call(&mut self, time: i64, request: Request, step: Step) {
        self.calls += 1;
        let call = self.calls;
        let records = &mut self.history.records;
        records.push(Record { call, time, step: Step::Invoke(request) });
        records.push(Record { call, time: time + 1_000_000, step });
    }

    /// A transaction half a second after the call that asks for it.
    fn commit(&mut self, asked: i64, changes: Vec<(i64, Change)>) -> u64 {
        self.transactions += 1;
        let (at, transaction) = (asked + 500_000, self.transactions);
        for (case, change) in changes {
            let debtor = debtor(case);
            let transition = Transition { at, transaction, case, debtor, change };
            self.history.transitions.push(transition);
        }
        transaction
    }

    fn push(&mut self, time: i64, case: i64, rank: i64) {
        self.call(time, Request::Push { case }, Step::Ok(Answer::Pushed));
        self.commit(time, vec![(case, Change::Ready { lane: LANE, rank, since: rank })]);
    }

    /// A pull of one case; `answered` false loses the answer.
    fn pull(&mut self, time: i64, (case, seq): (i64, i64), answered: bool) {
        let until = time + 500_000 + TTL;
        let mut changes = vec![(case, Change::Leased { seq, until, reserved: false })];
        if case == 3 {
            changes.push((4, Change::Waiting { wake_at: Some(until + COOLING) }));
        }
        let transaction = self.commit(time, changes);
        self.history.batches.push(Batch { transaction, lanes: vec![LANE], wanted: 1 });
        self.answer_pull(time, (case, seq), answered);
    }

    fn answer_pull(&mut self, time: i64, (case, seq): (i64, i64), answered: bool) {
        let request = Request::Lease { request_id: Some(format!("pull-{case}-{seq}")), max: 1 };
        let grant = Grant { lease: lease(case, seq), debtor: debtor(case), lasts: TTL };
        let step = match answered {
            true => Step::Ok(Answer::Leased(vec![grant])),
            false => Step::Info("cut".to_owned()),
        };
        self.call(time, request, step);
    }

    fn report(&mut self, time: i64, (case, seq): (i64, i64), disposition: Disposition) {
        let next = Some(time + COOLING);
        self.answer_report(time, (case, seq), disposition, next);
        let content = 1;
        match disposition {
            Disposition::Accepted => {
                self.commit(
                    time,
                    vec![
                        (case, Change::Reported { seq, content }),
                        (case, Change::Waiting { wake_at: next }),
                    ],
                );
            }
            Disposition::Late => {
                self.commit(time, vec![(case, Change::Late { seq, content })]);
            }
            Disposition::Duplicate => {}
        }
    }

    fn answer_report(
        &mut self,
        time: i64,
        (case, seq): (i64, i64),
        disposition: Disposition,
        next: Option<i64>,
    ) {
        let request = Request::Report { lease: lease(case, seq), content: 1 };
        self.call(time, request, Step::Ok(Answer::Reported { disposition, next }));
    }

    fn ready(&mut self, time: i64, case: i64, rank: i64) {
        self.commit(time, vec![(case, Change::Ready { lane: LANE, rank, since: rank })]);
    }
}

/// Four cases of three debtors: 1 is leased, prolonged and reported, the answer
/// lost and the report sent again; 2 is leased with the answer lost, asked for
/// again and given back; 3 expires, cools, is leased again and its first lease
/// reported late; 4 waits while 3 is leased.
fn scene() -> Scene {
    let mut scene = Scene::default();
    for case in 1..=4 {
        scene.push(case * MINUTE, case, case);
    }
    scene.pull(5 * MINUTE, (1, 1), true);
    scene.pull(6 * MINUTE, (2, 1), false);
    scene.answer_pull(7 * MINUTE, (2, 1), true);
    scene.pull(8 * MINUTE, (3, 1), true);
    let renew = Request::Renew { lease: lease(1, 1), ttl: TTL };
    scene.call(9 * MINUTE, renew, Step::Ok(Answer::Renewed));
    let until = 9 * MINUTE + 500_000 + TTL;
    scene.commit(9 * MINUTE, vec![(1, Change::Renewed { seq: 1, until })]);
    let release = Request::Release { lease: lease(2, 1) };
    scene.call(10 * MINUTE, release, Step::Ok(Answer::Released));
    scene.commit(
        10 * MINUTE,
        vec![
            (2, Change::Released { seq: 1, counted: false }),
            (2, Change::Ready { lane: LANE, rank: 12, since: 12 }),
        ],
    );
    scene.report(11 * MINUTE, (1, 1), Disposition::Accepted);
    scene.answer_report(12 * MINUTE, (1, 1), Disposition::Duplicate, Some(11 * MINUTE + COOLING));
    let cooled = Some(13 * MINUTE + 500_000 + COOLING);
    scene.commit(
        13 * MINUTE + 100_000,
        vec![
            (3, Change::Expired { seq: 1 }),
            (3, Change::Waiting { wake_at: cooled }),
            (4, Change::Waiting { wake_at: cooled }),
        ],
    );
    scene.ready(41 * MINUTE, 1, 41);
    scene.ready(43 * MINUTE + 100_000, 3, 3);
    scene.ready(43 * MINUTE + 100_000, 4, 43);
    scene.pull(44 * MINUTE, (3, 2), true);
    scene.report(45 * MINUTE, (3, 1), Disposition::Late);
    scene.report(46 * MINUTE, (3, 2), Disposition::Accepted);
    // Case 4 shared the lease of its debtor and shares the cooling.
    scene.commit(46 * MINUTE, vec![(4, Change::Waiting { wake_at: Some(46 * MINUTE + COOLING) })]);
    scene.history.previews =
        vec![preview("at 47", &[2, 1]), preview("at 47", &[2, 1]), preview("at 48", &[2])];
    scene.history.closing = Some(Closing {
        found: vec![
            Found { case: 1, place: Place::Ready, servable: true },
            Found { case: 2, place: Place::Ready, servable: true },
            Found { case: 3, place: Place::Waiting, servable: false },
            Found { case: 4, place: Place::Waiting, servable: true },
        ],
        drained: vec![2, 1, 4],
        gate_counts: vec![2, 2],
        case_count: 4,
    });
    scene
}

fn preview(question: &str, cases: &[i64]) -> Preview {
    Preview { question: question.to_owned(), cases: cases.to_vec() }
}

/// The scene with one thing broken must be found to break the invariant.
#[track_caller]
fn caught(invariant: Invariant, spoil: impl FnOnce(&mut Scene)) -> Vec<Breach> {
    let mut scene = scene();
    let before = scene.history.clone();
    spoil(&mut scene);
    assert_ne!(scene.history, before, "the mutant changes nothing");
    let breaches = check(&scene.history, &rules());
    assert!(
        breaches.iter().any(|breach| breach.invariant == invariant),
        "no {invariant:?} among {breaches:?}"
    );
    breaches
}

/// The transition of a case that a predicate picks, the last one.
fn transition(
    scene: &mut Scene,
    case: i64,
    pick: impl Fn(&Change) -> bool,
) -> (usize, &mut Transition) {
    let index = scene
        .history
        .transitions
        .iter()
        .rposition(|transition| transition.case == case && pick(&transition.change))
        .expect("the scene has it");
    (index, &mut scene.history.transitions[index])
}

fn closing(scene: &mut Scene) -> &mut Closing {
    scene.history.closing.as_mut().expect("the scene has a closing")
}

#[test]
fn a_history_in_which_all_holds_is_clean() {
    assert_holds(&scene().history, &rules());
}

#[test]
fn lines_keep_a_history_and_forgive_a_cut_end() {
    let history = scene().history;
    let lines = history.to_lines();
    assert_eq!(History::from_lines(&lines).expect("own lines"), history);
    let cut = History::from_lines(&lines[..lines.len() - 20]).expect("only the last is cut");
    assert_eq!(cut.closing, None);
    let broken = lines.replacen('{', "", 1);
    assert!(History::from_lines(&broken).is_err(), "a broken line in the middle is an error");
}

#[test]
fn catches_a_claim_that_ignores_the_state() {
    // The claim without `state = 1`: case 1 goes out while it is leased.
    caught(Invariant::NoDoubleLease, |scene| scene.pull(7 * MINUTE, (1, 2), true));
}

#[test]
fn catches_a_claim_of_a_leased_row_in_the_commits_alone() {
    caught(Invariant::RisingSequence, |scene| {
        let (index, leased) = transition(scene, 1, |c| matches!(c, Change::Leased { .. }));
        let mut again = leased.clone();
        again.change = Change::Leased { seq: 2, until: again.at + TTL, reserved: false };
        scene.history.transitions.insert(index + 1, again);
    });
}

#[test]
fn catches_two_cases_of_one_debtor_held_at_once() {
    caught(Invariant::NoDoubleLease, |scene| scene.answer_pull(9 * MINUTE, (4, 1), true));
}

#[test]
fn catches_one_lease_given_to_two_pulls() {
    caught(Invariant::NoDoubleLease, |scene| {
        let grant = Grant { lease: lease(1, 1), debtor: debtor(1), lasts: TTL };
        let request = Request::Lease { request_id: Some("other".to_owned()), max: 1 };
        scene.call(7 * MINUTE, request, Step::Ok(Answer::Leased(vec![grant])));
    });
}

#[test]
fn catches_a_lease_after_a_renewal_that_was_ignored() {
    // Case 1 was prolonged to minute 14; the pull at minute 10.5 is too early.
    caught(Invariant::NoDoubleLease, |scene| {
        scene.answer_pull(10 * MINUTE + MINUTE / 2, (1, 2), true);
    });
}

#[test]
fn catches_a_lease_number_that_does_not_rise() {
    caught(Invariant::RisingSequence, |scene| {
        let (_, leased) = transition(scene, 3, |c| matches!(c, Change::Leased { seq: 2, .. }));
        let until = leased.at + TTL;
        leased.change = Change::Leased { seq: 1, until, reserved: false };
    });
}

#[test]
fn catches_numbers_that_fall_as_clients_see_them() {
    caught(Invariant::RisingSequence, |scene| scene.answer_pull(50 * MINUTE, (1, 0), true));
}

#[test]
fn catches_a_report_accepted_by_an_old_token() {
    // Without the nonce and the number in the WHERE, the first lease of case 3
    // ends its second.
    caught(Invariant::RisingSequence, |scene| {
        let (_, late) = transition(scene, 3, |c| matches!(c, Change::Late { .. }));
        late.change = Change::Reported { seq: 1, content: 1 };
    });
}

#[test]
fn catches_a_lease_given_back_by_an_old_token() {
    // Without the number in the WHERE, the first lease of case 3 gives back its
    // second.
    let breaches = caught(Invariant::RisingSequence, |scene| {
        let request = Request::Release { lease: lease(3, 1) };
        scene.call(44 * MINUTE + 100, request, Step::Ok(Answer::Released));
        let released = Change::Released { seq: 2, counted: true };
        scene.commit(44 * MINUTE + 100, vec![(3, released)]);
    });
    assert!(breaches.iter().any(|breach| breach.text.starts_with("nobody asked")));
}

#[test]
fn catches_two_accepted_reports_on_one_lease() {
    caught(Invariant::RisingSequence, |scene| {
        let next = Some(11 * MINUTE + COOLING);
        scene.answer_report(13 * MINUTE, (1, 1), Disposition::Accepted, next);
    });
}

#[test]
fn catches_a_sweep_that_moves_a_leased_row() {
    caught(Invariant::RisingSequence, |scene| {
        let (index, _) = transition(scene, 1, |c| matches!(c, Change::Renewed { .. }));
        let mut moved = scene.history.transitions[index].clone();
        moved.change = Change::Ready { lane: LANE, rank: 1, since: 1 };
        scene.history.transitions.insert(index + 1, moved);
    });
}

#[test]
fn catches_an_acknowledged_case_that_is_gone() {
    caught(Invariant::NothingLost, |scene| {
        closing(scene).found.retain(|found| found.case != 4);
        closing(scene).drained.retain(|case| *case != 4);
    });
}

#[test]
fn catches_a_case_nobody_pushed() {
    caught(Invariant::NothingLost, |scene| {
        closing(scene).found.push(Found { case: 5, place: Place::Ready, servable: true });
        closing(scene).drained.push(5);
    });
}

#[test]
fn catches_an_open_case_that_never_comes_back() {
    caught(Invariant::NothingLost, |scene| closing(scene).drained.retain(|case| *case != 1));
}

#[test]
fn catches_a_case_that_comes_back_twice() {
    caught(Invariant::NothingLost, |scene| closing(scene).drained.push(1));
}

#[test]
fn catches_a_held_case_that_is_served() {
    caught(Invariant::NothingLost, |scene| closing(scene).drained.push(3));
}

#[test]
fn catches_a_row_that_stands_elsewhere_than_committed() {
    caught(Invariant::NothingLost, |scene| closing(scene).found[1].place = Place::Leased);
}

#[test]
fn catches_gate_counts_that_do_not_add_up() {
    caught(Invariant::NothingLost, |scene| closing(scene).gate_counts[0] += 1);
}

#[test]
fn catches_a_claim_that_leaves_a_better_case() {
    caught(Invariant::BestFirst, |scene| {
        let (_, ready) =
            transition(scene, 3, |c| matches!(c, Change::Ready { rank, .. } if *rank == 3));
        ready.change = Change::Ready { lane: LANE, rank: 60, since: 60 };
    });
}

#[test]
fn catches_a_sort_without_a_tie_break() {
    // Cases 1 and 2 at one place: the lower number goes first, and did not.
    caught(Invariant::BestFirst, |scene| {
        for row in &mut scene.history.transitions {
            if row.transaction <= 2 {
                row.change = Change::Ready { lane: LANE, rank: 1, since: 1 };
            }
            if row.case <= 2 {
                row.case = 3 - row.case;
            }
        }
    });
}

#[test]
fn catches_a_reserved_lease_that_is_not_the_longest_waiting() {
    caught(Invariant::BestFirst, |scene| {
        let (_, leased) = transition(scene, 3, |c| matches!(c, Change::Leased { seq: 2, .. }));
        let until = leased.at + TTL;
        leased.change = Change::Leased { seq: 2, until, reserved: true };
        let (_, other) = transition(scene, 1, |c| matches!(c, Change::Ready { .. }));
        other.change = Change::Ready { lane: LANE, rank: 41, since: 1 };
    });
}

#[test]
fn catches_an_empty_claim_while_work_is_ready() {
    caught(Invariant::BestFirst, |scene| {
        scene.transactions += 1;
        let transaction = scene.transactions;
        scene.history.batches.push(Batch { transaction, lanes: vec![LANE], wanted: 1 });
    });
}

#[test]
fn catches_an_empty_claim_in_the_middle() {
    caught(Invariant::BestFirst, |scene| {
        let transaction = scene.history.batches[0].transaction;
        for row in &mut scene.history.transitions {
            row.transaction += u64::from(row.transaction >= transaction);
        }
        for batch in &mut scene.history.batches {
            batch.transaction += 1;
        }
        scene.history.batches.push(Batch { transaction, lanes: vec![LANE], wanted: 1 });
    });
}

#[test]
fn catches_a_lease_cut_short_by_the_sweep() {
    caught(Invariant::ReturnsInTime, |scene| {
        let (_, expired) = transition(scene, 3, |c| matches!(c, Change::Expired { .. }));
        expired.at -= MINUTE;
    });
}

#[test]
fn catches_an_expired_lease_that_is_revived() {
    // The renewal without `wake_at > now`.
    caught(Invariant::ReturnsInTime, |scene| {
        let (_, renewed) = transition(scene, 1, |c| matches!(c, Change::Renewed { .. }));
        renewed.at += 2 * MINUTE;
    });
}

#[test]
fn catches_a_row_the_sweep_forgot() {
    caught(Invariant::ReturnsInTime, |scene| {
        let (index, _) = transition(scene, 1, |c| matches!(c, Change::Ready { .. }));
        scene.history.transitions.remove(index);
    });
}

#[test]
fn catches_hours_that_are_off_by_one() {
    let breaches = caught(Invariant::WithinHours, |scene| scene.pull(599 * MINUTE, (2, 2), true));
    assert_eq!(
        breaches.iter().filter(|breach| breach.invariant == Invariant::WithinHours).count(),
        1
    );
}

#[test]
fn catches_a_cap_that_forgets_expired_leases() {
    // The third attempt within the hour: the expired one counts as well.
    caught(Invariant::WithinCaps, |scene| scene.pull(48 * MINUTE, (4, 1), true));
}

#[test]
fn a_lease_given_back_undialled_is_not_counted() {
    let mut scene = scene();
    for (minute, seq) in [(50, 2), (51, 3)] {
        scene.pull(minute * MINUTE, (2, seq), true);
        scene.report(minute * MINUTE + MINUTE / 2, (2, seq), Disposition::Accepted);
        scene.ready(minute * MINUTE + MINUTE / 2, 2, 12);
    }
    let breaches = check(&scene.history, &rules());
    assert!(breaches.iter().all(|breach| breach.invariant != Invariant::WithinCaps));
    let release = transition(&mut scene, 2, |c| matches!(c, Change::Released { .. })).1;
    release.change = Change::Released { seq: 1, counted: true };
    let breaches = check(&scene.history, &rules());
    assert!(breaches.iter().any(|breach| breach.invariant == Invariant::WithinCaps));
}

#[test]
fn catches_a_repeated_report_taken_twice() {
    caught(Invariant::OneEffect, |scene| {
        let next = Some(45 * MINUTE + COOLING);
        scene.answer_report(47 * MINUTE, (3, 1), Disposition::Late, next);
    });
}

#[test]
fn catches_a_repeated_report_answered_otherwise() {
    caught(Invariant::OneEffect, |scene| {
        scene.answer_report(47 * MINUTE, (1, 1), Disposition::Duplicate, None);
    });
}

#[test]
fn catches_another_report_passed_off_as_the_same() {
    caught(Invariant::OneEffect, |scene| {
        let request = Request::Report { lease: lease(1, 1), content: 2 };
        let next = Some(11 * MINUTE + COOLING);
        let disposition = Disposition::Duplicate;
        let step = Step::Ok(Answer::Reported { disposition, next });
        scene.call(47 * MINUTE, request, step);
    });
}

#[test]
fn catches_a_late_report_with_two_effects() {
    caught(Invariant::OneEffect, |scene| {
        let (_, late) = transition(scene, 3, |c| matches!(c, Change::Late { .. }));
        let again = late.clone();
        scene.history.transitions.push(again);
    });
}

#[test]
fn catches_a_retried_pull_that_gets_new_work() {
    caught(Invariant::OneEffect, |scene| {
        let request = Request::Lease { request_id: Some("pull-1-1".to_owned()), max: 1 };
        let grant = Grant { lease: lease(2, 2), debtor: debtor(2), lasts: TTL };
        scene.call(50 * MINUTE, request, Step::Ok(Answer::Leased(vec![grant])));
    });
}

#[test]
fn catches_two_answers_to_one_question() {
    caught(Invariant::Repeatable, |scene| scene.history.previews.push(preview("at 47", &[1, 2])));
}
