use crate::model::{RequestId, WorkerId};

use super::*;

const KEY: Key = (Part(1), WorkListNo(1));

fn pull_of(worker: &str) -> Pull {
    let worker_id = WorkerId::new(worker).expect("the ids of tests are well formed");
    Pull {
        worker_id,
        max_items: 400,
        lease_duration: 0,
        request_id: None,
        take: None,
        language: None,
    }
}

fn workers(batch: &Batch) -> Vec<&str> {
    batch.pulls.iter().map(|waiting| waiting.pull.worker_id.as_str()).collect()
}

#[tokio::test]
async fn who_came_first_is_served_first_also_after_a_claim_in_vain() {
    let (waiting, until) = (Waiting::default(), Instant::now());
    let answers: Vec<_> = ["a", "b", "c", "d"]
        .into_iter()
        .map(|worker| waiting.add(KEY, pull_of(worker), until).expect("there is room"))
        .collect();
    assert_eq!(
        answers.iter().map(|(_, start)| *start).collect::<Vec<_>>(),
        [true, false, false, false]
    );
    // A claim takes what fits.
    let batch = waiting.take(KEY).expect("four wait");
    assert_eq!(workers(&batch), ["a", "b"]);
    let _later = waiting.add(KEY, pull_of("e"), until).expect("there is room");
    waiting.put_back(KEY, batch.pulls, 7);
    let batch = waiting.take(KEY).expect("five wait");
    assert_eq!((workers(&batch), batch.granted), (vec!["a", "b"], 7));
    let batch = waiting.take(KEY).expect("three wait");
    assert_eq!(workers(&batch), ["c", "d"]);
}

#[tokio::test]
async fn the_same_pull_of_the_same_worker_waits_once() {
    let (waiting, until) = (Waiting::default(), Instant::now());
    let named = |worker, name: &str| Pull {
        request_id: Some(RequestId::new(name).expect("the ids of tests are well formed")),
        ..pull_of(worker)
    };
    let pulls = [named("a", "r"), named("a", "r"), named("b", "r"), named("a", "s"), pull_of("a")];
    let _answers: Vec<_> = pulls
        .into_iter()
        .map(|pull| waiting.add(KEY, Pull { max_items: 1, ..pull }, until))
        .collect();
    let batch = waiting.take(KEY).expect("four wait");
    assert_eq!(workers(&batch), ["a", "b", "a", "a"]);
    let clients: Vec<usize> = batch.pulls.iter().map(|waiting| waiting.clients.len()).collect();
    assert_eq!(clients, [2, 1, 1, 1]);
}

#[tokio::test]
async fn who_has_left_is_not_served() {
    let (waiting, until) = (Waiting::default(), Instant::now());
    let (gone, _) = waiting.add(KEY, pull_of("a"), until).expect("there is room");
    let (_answer, _) = waiting.add(KEY, pull_of("b"), until).expect("there is room");
    drop(gone);
    assert_eq!(workers(&waiting.take(KEY).expect("one waits")), ["b"]);
    assert!(waiting.take(KEY).is_none());
}

#[tokio::test]
async fn pulls_in_the_hands_of_a_claim_still_wait() {
    let (waiting, until) = (Waiting::default(), Instant::now());
    let one = || Pull { max_items: 1, ..pull_of("a") };
    let mut answers: Vec<_> = Vec::new();
    for _ in 0..WAITING_MAX {
        answers.push(waiting.add(KEY, one(), until).expect("there is room"));
    }
    let batch = waiting.take(KEY).expect("all of them wait");
    assert!(matches!(waiting.add(KEY, one(), until), Err(Error::Overloaded { .. })));
    // They were all answered.
    drop(batch.pulls);
    waiting.put_back(KEY, Vec::new(), 0);
    assert!(waiting.add(KEY, one(), until).is_ok());
}

#[tokio::test]
async fn who_has_left_takes_nobodys_place() {
    let (waiting, until) = (Waiting::default(), Instant::now());
    for _ in 0..WAITING_MAX {
        drop(waiting.add(KEY, pull_of("gone"), until).expect("there is room"));
    }
    let (_answer, _) = waiting.add(KEY, pull_of("here"), until).expect("nobody else waits");
    let batch = waiting.take(KEY).expect("one waits");
    assert_eq!(workers(&batch), ["here"]);
}
