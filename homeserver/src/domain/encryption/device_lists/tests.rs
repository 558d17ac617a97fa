//! How updates of remote lists stand to our copy.

use super::{Step, step};
use crate::store::RemoteList;

fn fresh(stream_id: i64) -> Option<RemoteList> {
    Some(RemoteList { stream_id: Some(stream_id), stale: false })
}

#[test]
fn an_update_is_applied_only_where_it_follows() {
    let step = |known, stream_id, previous: &[i64]| step(known, stream_id, previous.iter().copied());
    assert_eq!(step(fresh(5), 6, &[5]), Step::Next);
    assert_eq!(step(fresh(5), 9, &[4, 5]), Step::Next);
    assert_eq!(step(fresh(5), 5, &[4]), Step::Known);
    assert_eq!(step(fresh(5), 8, &[7]), Step::Gap { heard: Some(8) });
    assert_eq!(step(fresh(5), 8, &[5, 7]), Step::Gap { heard: Some(8) });
    assert_eq!(step(fresh(5), 6, &[]), Step::Gap { heard: Some(6) });
    assert_eq!(step(fresh(5), 2, &[1]), Step::Gap { heard: None }, "a server that lost its database starts again");
    assert_eq!(step(None, 3, &[]), Step::Gap { heard: Some(3) });
    let stale = Some(RemoteList { stream_id: Some(9), stale: true });
    assert_eq!(step(stale, 7, &[6]), Step::Gap { heard: Some(9) });
    assert_eq!(step(stale, 12, &[9]), Step::Gap { heard: Some(12) });
}
