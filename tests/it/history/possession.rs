//! No double lease, by what clients know for certain.

use std::collections::{BTreeMap, HashMap};

use super::{Answer, Breach, Call, Invariant, LeaseId, Request};

/// The time in which a client holds a lease for certain: from the answer to the
/// end counted from the *request*, or to the moment the client gave it up.
#[derive(Clone, Copy, Debug)]
struct Possession {
    debtor: i64,
    from: i64,
    until: i64,
}

/// Finds debtors, and with them cases, held twice at one instant, and leases
/// given to two pulls.
pub fn check(calls: &[Call<'_>], breaches: &mut Vec<Breach>) {
    let mut held = grants(calls, breaches);
    renew(calls, &mut held);
    give_up(calls, &mut held);
    overlaps(&held, |_, possession| (0, possession.debtor), breaches);
    overlaps(&held, |lease, _| (1, lease.case), breaches);
}

fn grants(calls: &[Call<'_>], breaches: &mut Vec<Breach>) -> BTreeMap<LeaseId, Possession> {
    let mut held: BTreeMap<LeaseId, Possession> = BTreeMap::new();
    let mut pulls: HashMap<LeaseId, (usize, &Option<String>)> = HashMap::new();
    for (index, call) in calls.iter().enumerate() {
        let Request::Lease { request_id, .. } = call.opening.request else { continue };
        let Some((received, Answer::Leased(grants))) = call.answer() else { continue };
        for grant in grants {
            let sent = call.opening.time;
            let new =
                Possession { debtor: grant.debtor, from: received, until: sent + grant.lasts };
            let possession = held.entry(grant.lease).or_insert(new);
            // A retry learns of the same lease again; the first to know counts.
            possession.from = possession.from.min(received);
            possession.until = possession.until.min(new.until);
            let (first, name) = *pulls.entry(grant.lease).or_insert((index, request_id));
            if first != index && (request_id.is_none() || name != request_id) {
                breaches.push(Breach::new(
                    Invariant::NoDoubleLease,
                    format!("{:?} was given to two pulls", grant.lease),
                ));
            }
        }
    }
    held
}

fn renew(calls: &[Call<'_>], held: &mut BTreeMap<LeaseId, Possession>) {
    for call in calls {
        let Request::Renew { lease, ttl } = call.opening.request else { continue };
        let Some(possession) = held.get_mut(lease) else { continue };
        let renewed = call.opening.time + ttl;
        match call.answer() {
            Some((_, Answer::Renewed)) => possession.until = renewed,
            Some(_) => possession.until = possession.until.min(call.opening.time),
            None if call.failed() => {
                possession.until = possession.until.min(call.opening.time);
            }
            // Whether it was prolonged or cut short is not known.
            None => possession.until = possession.until.min(renewed),
        }
    }
}

fn give_up(calls: &[Call<'_>], held: &mut BTreeMap<LeaseId, Possession>) {
    for call in calls {
        let (Request::Report { lease, .. } | Request::Release { lease }) = call.opening.request
        else {
            continue;
        };
        if let Some(possession) = held.get_mut(lease) {
            possession.until = possession.until.min(call.opening.time);
        }
    }
}

fn overlaps(
    held: &BTreeMap<LeaseId, Possession>,
    key: impl Fn(&LeaseId, &Possession) -> (u8, i64),
    breaches: &mut Vec<Breach>,
) {
    let mut sorted: Vec<((u8, i64), LeaseId, Possession)> = held
        .iter()
        .filter(|(_, possession)| possession.from < possession.until)
        .map(|(lease, possession)| (key(lease, possession), *lease, *possession))
        .collect();
    sorted.sort_by_key(|(key, lease, possession)| (*key, possession.from, *lease));
    for pair in sorted.windows(2) {
        let (key, first, a) = &pair[0];
        let (next_key, second, b) = &pair[1];
        if key == next_key && b.from < a.until {
            let what = ["debtor", "case"][usize::from(key.0)];
            breaches.push(Breach::new(
                Invariant::NoDoubleLease,
                format!("{what} {} is held as {first:?} and as {second:?} at {}", key.1, b.from),
            ));
        }
    }
}
