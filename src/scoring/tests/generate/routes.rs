//! Routing rules at random.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::model::{Route, RoutingRule};

use super::condition;

/// One to six rules of one or two conditions each, which give at most three routes.
pub(in super::super) fn routing_rules() -> impl Strategy<Value = Vec<RoutingRule>> {
    vec(any::<u16>(), 60).prop_map(|random| {
        let mut random = random.into_iter().cycle();
        let mut next = move |below: u16| random.next().expect("it is endless") % below;
        let count = next(6);
        let rule = |_| {
            let label = format!("r{}", next(3));
            let mut when = Vec::new();
            for _ in 0..=next(2) {
                let text = format!("{{ {} }}", condition(&[], &mut next));
                when.push(serde_saphyr::from_str(&text).expect("a condition"));
            }
            RoutingRule { route: Route::new(&label).expect("a label"), when }
        };
        (0..=count).map(rule).collect()
    })
}
