//! What every ledger must do.

use std::time::Duration;

use super::op::{A_WHILE, LEASE, Op, Suite, TTL, complete, lapse, leave, value};
use crate::ledger::{Body, Claimed, EntryState, Hold, Ledger, Written, new_owner};

/// Holds a ledger to what every ledger must do. It panics, and says at which claim or write.
///
/// Each run has keys of its own, so that a ledger in which other things are kept will do; `in_doubt` is looked at for
/// the oldest thousand. Leases are waited out with tokio's sleep, about ten seconds in all: do not pause the time of a
/// ledger that has a clock of its own.
///
/// # Panics
///
/// Where the ledger does otherwise, or the system gives no randomness.
///
/// ```
/// # use resilience_runtime as resilience;
/// # async fn example(my_ledger: impl resilience::ledger::Ledger) {
/// resilience::testing::ledger_conformance(&my_ledger).await;
/// # }
/// ```
pub async fn ledger_conformance(ledger: &dyn Ledger) {
    // Keys of its own in a ledger that outlives the process, also where the program seeds its generators.
    let run = new_owner().expect("the system gives randomness");
    let suite = Suite { ledger, run };
    a_result_is_kept(&suite).await;
    a_running_claim_stands(&suite).await;
    a_lapsed_claim_is_taken_over(&suite).await;
    a_late_owner_changes_nothing(&suite).await;
    a_release_lets_the_next_run(&suite).await;
    an_abandoned_claim(&suite).await;
    a_drain(&suite).await;
    a_withdrawn_claim(&suite).await;
    at_most_once_waits_for_an_operator(&suite).await;
    other_values_are_refused(&suite).await;
    operators_name_the_fence(&suite).await;
    the_fence_rises_over_a_removal(&suite).await;
    who_waits_is_woken(&suite).await;
    doubts_come_oldest_first(&suite).await;
    operators_find_by_the_key_as_written(&suite).await;
}

async fn a_result_is_kept(suite: &Suite<'_>) {
    let ledger = suite.ledger;
    let op = suite.op("kept");
    let hold = op.granted(ledger, 1).await;
    assert_eq!(op.state(ledger).await, Some(EntryState::Running));
    assert_eq!(complete(ledger, hold, "7").await, Written::Yes);
    // The answer was lost, and the write is sent again: no error, and no second result.
    assert_eq!(complete(ledger, hold, "8").await, Written::Yes);
    for owner in [1, 2] {
        let Claimed::Done(stored) = op.claim(ledger, owner).await else { panic!("not kept") };
        assert_eq!(stored, value("7"));
    }
    assert_eq!(op.state(ledger).await, Some(EntryState::Done));

    let brief = Op { ttl: LEASE, ..suite.op("brief") };
    let hold = brief.granted(ledger, 1).await;
    ledger.complete(hold, value("9"), LEASE).await.expect("the ledger answers");
    lapse().await;
    assert_eq!(brief.state(ledger).await, None, "a result is gone after its time");
    brief.granted(ledger, 2).await;
}

async fn a_running_claim_stands(suite: &Suite<'_>) {
    let ledger = suite.ledger;
    let op = suite.op("running");
    let hold = op.granted(ledger, 1).await;
    assert_eq!(op.granted(ledger, 1).await, hold, "asked again, the same owner gets the same answer");
    let Claimed::Running { fence, left } = op.claim(ledger, 2).await else { panic!("taken over") };
    assert_eq!(fence, hold.fence);
    assert!(left <= LEASE && left > Duration::ZERO, "{left:?}");
    // Renewed for longer than one lease.
    for _ in 0..4 {
        tokio::time::sleep(LEASE / 2).await;
        assert_eq!(ledger.renew(hold, LEASE).await.expect("the ledger answers"), Written::Yes);
    }
    assert!(matches!(op.claim(ledger, 2).await, Claimed::Running { .. }));
    assert_eq!(complete(ledger, hold, "7").await, Written::Yes);
}

async fn a_lapsed_claim_is_taken_over(suite: &Suite<'_>) {
    let ledger = suite.ledger;
    let op = suite.op("lapsed");
    let first = op.granted(ledger, 1).await;
    lapse().await;
    assert_eq!(op.state(ledger).await, Some(EntryState::InDoubt));
    let second = op.granted(ledger, 2).await;
    assert!(second.fence > first.fence, "{second:?} after {first:?}");
    let entry = ledger.inspect(op.key).await.expect("the ledger answers").expect("a record");
    assert_eq!((entry.attempt, entry.fence, entry.site.as_str()), (2, second.fence, "conformance"));

    // A lapsed claim that nobody has taken is still its owner's.
    let idle = suite.op("lapsed and idle");
    let hold = idle.granted(ledger, 1).await;
    lapse().await;
    assert_eq!(complete(ledger, hold, "7").await, Written::Yes);
    assert_eq!(idle.state(ledger).await, Some(EntryState::Done));
}

/// Every write that may come too late, against every state that the successor may have reached.
async fn a_late_owner_changes_nothing(suite: &Suite<'_>) {
    let ledger = suite.ledger;
    for (index, settled) in [None, Some("complete"), Some("release"), Some("abandon")].into_iter().enumerate()
    {
        let op = suite.op(&format!("late {index}"));
        let late = op.granted(ledger, 1).await;
        leave(ledger, late, true).await;
        let owner = op.granted(ledger, 2).await;
        match settled {
            Some("complete") => drop(complete(ledger, owner, "7").await),
            Some("release") => drop(ledger.release(owner).await),
            Some(_) => leave(ledger, owner, true).await,
            None => {}
        }
        let before = ledger.inspect(op.key).await.expect("the ledger answers").expect("a record");
        // The right fence does not help without the owner, nor the owner without the fence.
        for hold in [late, Hold { owner: 2, ..late }, Hold { fence: owner.fence, ..late }] {
            assert_eq!(complete(ledger, hold, "8").await, Written::LeaseLost);
            assert_eq!(ledger.release(hold).await.expect("the ledger answers"), Written::LeaseLost);
            assert_eq!(ledger.renew(hold, TTL).await.expect("the ledger answers"), Written::LeaseLost);
            ledger.abandon(hold, true);
            ledger.abandon(hold, false);
        }
        tokio::time::sleep(A_WHILE).await;
        let after = ledger.inspect(op.key).await.expect("the ledger answers").expect("a record");
        assert_eq!((after.state, after.fence), (before.state, before.fence), "{settled:?}");
    }
}

async fn a_release_lets_the_next_run(suite: &Suite<'_>) {
    let ledger = suite.ledger;
    for at_most_once in [false, true] {
        let op = Op { at_most_once, ..suite.op(&format!("released {at_most_once}")) };
        let first = op.granted(ledger, 1).await;
        assert_eq!(ledger.release(first).await.expect("the ledger answers"), Written::Yes);
        assert_eq!(op.state(ledger).await, Some(EntryState::Released));
        // The answer was lost, and the release is sent again.
        assert_eq!(ledger.release(first).await.expect("the ledger answers"), Written::Yes);
        assert_eq!(complete(ledger, first, "7").await, Written::LeaseLost);
        let second = op.granted(ledger, 2).await;
        assert!(second.fence > first.fence);
        // A caller who goes away before the body could run leaves no doubt.
        leave(ledger, second, false).await;
        assert_eq!(op.state(ledger).await, Some(EntryState::Released));
        let third = op.granted(ledger, 3).await;
        let entry = ledger.inspect(op.key).await.expect("the ledger answers").expect("a record");
        assert_eq!((entry.fence, entry.attempt), (third.fence, 3));
    }
}

async fn an_abandoned_claim(suite: &Suite<'_>) {
    let ledger = suite.ledger;
    let op = suite.op("abandoned");
    let first = op.granted(ledger, 1).await;
    leave(ledger, first, true).await;
    assert_eq!(op.state(ledger).await, Some(EntryState::InDoubt));
    assert_eq!(complete(ledger, first, "7").await, Written::LeaseLost);
    // At once: only a dead process waits out its lease.
    let second = op.granted(ledger, 2).await;
    assert!(second.fence > first.fence);
    assert_eq!(complete(ledger, second, "7").await, Written::Yes);
    ledger.abandon(second, true);
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(op.state(ledger).await, Some(EntryState::Done), "a result outlives its caller");
}

async fn a_drain(suite: &Suite<'_>) {
    let ledger = suite.ledger;
    let op = suite.op("drained");
    let hold = op.granted(ledger, 1).await;
    ledger.abandon(hold, true);
    ledger.drain().await;
    assert_eq!(op.state(ledger).await, Some(EntryState::InDoubt), "a drain waits for what was abandoned");
}

async fn a_withdrawn_claim(suite: &Suite<'_>) {
    let ledger = suite.ledger;
    let op = suite.op("withdrawn");
    let first = op.granted(ledger, 1).await;
    ledger.withdraw(op.key, 1);
    lapse().await; // as long as a ledger needs that does nothing about it
    let second = op.granted(ledger, 2).await;
    assert!(second.fence > first.fence);
    ledger.withdraw(op.key, 1);
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(complete(ledger, second, "7").await, Written::Yes, "it is not the claim that was withdrawn");
}

async fn at_most_once_waits_for_an_operator(suite: &Suite<'_>) {
    let ledger = suite.ledger;
    let abandoned = Op { at_most_once: true, ..suite.op("once, abandoned") };
    let hold = abandoned.granted(ledger, 1).await;
    leave(ledger, hold, true).await;
    let lapsed = Op { at_most_once: true, ttl: LEASE, ..suite.op("once, lapsed") };
    let other = lapsed.granted(ledger, 1).await;
    lapse().await;
    lapse().await; // also beyond its ttl
    for (op, hold) in [(&abandoned, hold), (&lapsed, other)] {
        assert!(matches!(op.claim(ledger, 2).await, Claimed::InDoubt));
        assert!(matches!(op.claim(ledger, 1).await, Claimed::InDoubt));
        let entry = ledger.inspect(op.key).await.expect("the ledger answers").expect("a record");
        assert!(entry.state == EntryState::InDoubt && entry.at_most_once);
        let body = Body::Value("7".into());
        assert!(ledger.resolve(op.key, hold.fence, body).await.expect("the ledger answers"));
        let Claimed::Done(stored) = op.claim(ledger, 3).await else { panic!("not resolved") };
        assert_eq!(stored, value("7"), "of the version that the site wrote");
        assert_eq!(
            complete(ledger, hold, "8").await,
            Written::LeaseLost,
            "his result is not what was decided"
        );
    }
}

/// In whatever state a record is, one that asks with other values changes nothing of it.
async fn other_values_are_refused(suite: &Suite<'_>) {
    let ledger = suite.ledger;
    for state in ["running", "lapsed", "in doubt", "released", "done"] {
        let op = Op { fingerprint: Some([1; 32]), ..suite.op(&format!("fingerprint, {state}")) };
        let hold = op.granted(ledger, 1).await;
        match state {
            "lapsed" => lapse().await,
            "in doubt" => leave(ledger, hold, true).await,
            "released" => drop(ledger.release(hold).await),
            "done" => drop(complete(ledger, hold, "7").await),
            _ => {}
        }
        let seen = async || {
            let entry = ledger.inspect(op.key).await.expect("the ledger answers").expect("a record");
            (entry.state, entry.fence, entry.attempt, entry.result)
        };
        let before = seen().await;
        for fingerprint in [Some([2; 32]), None] {
            let other = Op { fingerprint, ..op.clone() };
            for owner in [1, 2] {
                assert!(matches!(other.claim(ledger, owner).await, Claimed::Mismatch), "{state}");
            }
        }
        assert_eq!(seen().await, before);
        match op.claim(ledger, 2).await {
            Claimed::Running { fence, .. } => assert_eq!((state, fence), ("running", hold.fence)),
            Claimed::Done(stored) => assert_eq!((state, stored), ("done", value("7"))),
            Claimed::Granted { fence } => assert!(fence > hold.fence, "{state}"),
            other => panic!("{state}: {other:?}"),
        }
    }
}

async fn operators_name_the_fence(suite: &Suite<'_>) {
    let ledger = suite.ledger;
    let op = suite.op("operator");
    let hold = op.granted(ledger, 1).await;
    let body = || Body::Value("7".into());
    let forget = async |fence| ledger.forget(op.key, fence).await.expect("the ledger answers");
    let resolve = async |fence| ledger.resolve(op.key, fence, body()).await.expect("the ledger answers");
    assert!(!forget(hold.fence).await && !resolve(hold.fence).await, "it is running");
    leave(ledger, hold, true).await;
    assert!(!forget(hold.fence + 1).await && !resolve(hold.fence + 1).await, "of another fence");
    assert!(resolve(hold.fence).await);
    assert!(!resolve(hold.fence).await, "it is in doubt no longer");
    assert!(forget(hold.fence).await);
    assert!(!forget(hold.fence).await);
    assert_eq!(op.state(ledger).await, None);
}

async fn the_fence_rises_over_a_removal(suite: &Suite<'_>) {
    let ledger = suite.ledger;
    let op = suite.op("removed");
    let mut last = 0;
    for owner in 1..5 {
        let hold = op.granted(ledger, owner).await;
        assert!(hold.fence > last, "{} after {last}", hold.fence);
        last = hold.fence;
        leave(ledger, hold, true).await;
        assert!(ledger.forget(op.key, hold.fence).await.expect("the ledger answers"));
        assert_eq!(complete(ledger, hold, "7").await, Written::LeaseLost, "removed, it cannot come back");
        assert_eq!(op.state(ledger).await, None);
    }
}

async fn who_waits_is_woken(suite: &Suite<'_>) {
    let ledger = suite.ledger;
    for ending in ["complete", "release", "abandon"] {
        let op = suite.op(&format!("woken by {ending}"));
        let hold = op.granted(ledger, 1).await;
        let mut waiting = ledger.ended(op.key, hold.fence);
        let early = tokio::time::timeout(LEASE / 10, &mut waiting).await;
        assert!(early.is_err(), "it is still running");
        match ending {
            "complete" => drop(complete(ledger, hold, "7").await),
            "release" => drop(ledger.release(hold).await),
            _ => ledger.abandon(hold, true),
        }
        let known = tokio::time::timeout(LEASE, waiting).await.expect("woken before the lease ends");
        if let Some(result) = known {
            assert_eq!((ending, result), ("complete", value("7")));
        }
        // Too late to wait for it.
        tokio::time::timeout(LEASE, ledger.ended(op.key, hold.fence)).await.expect("over already");
    }
}

async fn doubts_come_oldest_first(suite: &Suite<'_>) {
    let ledger = suite.ledger;
    let (one, two) = (suite.op("doubt one"), suite.op("doubt two"));
    for op in [&one, &two] {
        let hold = op.granted(ledger, 1).await;
        leave(ledger, hold, true).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let all = ledger.in_doubt(1_000).await.expect("the ledger answers");
    let place = |op: &Op| all.iter().position(|entry| entry.key == op.key).expect("listed");
    assert!(place(&one) < place(&two));
    assert!(all.is_sorted_by(|one, two| one.age >= two.age));
    assert!(all.iter().all(|entry| entry.state == EntryState::InDoubt));
    let some = ledger.in_doubt(1).await.expect("the ledger answers");
    assert_eq!(some[0].key, all[0].key);
    assert_eq!(some.len(), 1);
}

async fn operators_find_by_the_key_as_written(suite: &Suite<'_>) {
    let ledger = suite.ledger;
    let find = async |text: &str| ledger.find(text, 10).await.expect("the ledger answers");
    let one = suite.op("found");
    let name = one.text.as_str();
    let two = suite.op("found elsewhere").written(format!("tenant/{name}"));
    let unlike = suite.op("not found").written(format!("not{name}"));
    unlike.granted(ledger, 1).await;
    let hold = one.granted(ledger, 1).await;
    assert_eq!(find(name).await.len(), 1);
    assert_eq!(complete(ledger, hold, "{\"cents\":7}").await, Written::Yes);
    tokio::time::sleep(Duration::from_millis(20)).await;
    two.granted(ledger, 1).await;
    let found = find(name).await;
    let shown: Vec<_> = found.iter().map(|entry| (entry.key, entry.state, entry.result.as_deref())).collect();
    let expected = [(one.key, EntryState::Done, Some("{\"cents\":7}")), (two.key, EntryState::Running, None)];
    assert_eq!(shown, expected);
    assert_eq!(ledger.find(name, 1).await.expect("the ledger answers").len(), 1);
    assert_eq!(find(&two.text).await.len(), 1);
    assert_eq!(find(&name[1..]).await, []);
}
