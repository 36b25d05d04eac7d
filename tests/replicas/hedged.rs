//! Picks in attempts that run side by side.

use resilience::{Hedge, Replicas, circuit_breaker, context, hedge, retry, timeout};

use super::support::{
    Fault, Good, Hang, Permanent, Reply, Service, Transient, after, dropped_after, pass, timed, word,
};
use super::{each_once, executions, ms, nodes, nothing_is_held, states, touchy};

#[hedge(after = "50ms", max = 2, repeatable)]
async fn hedged(nodes: &Replicas<Service>) -> Reply {
    nodes.pick()?.call().await
}

#[tokio::test(start_paused = true)]
async fn a_further_attempt_goes_to_another_member() {
    let slow = nodes(touchy(), [Hang, Good, Good]);
    assert_eq!(timed(hedged(&slow)).await, (Ok(1), 50));
    assert_eq!((executions(&slow), states(&slow)), (vec![1, 1, 0], "ccc".to_owned()));
    nothing_is_held(&slow);
    let all = nodes(touchy(), [Hang, Hang, after(10, Good)]);
    assert_eq!(timed(hedged(&all)).await, (Ok(1), 110));
    assert_eq!(executions(&all), [1, 1, 1]);
    nothing_is_held(&all);
}

#[tokio::test(start_paused = true)]
async fn the_winner_has_succeeded_and_the_loser_is_cancelled() {
    let nodes = nodes(touchy(), [Transient, Transient]);
    each_once(&nodes).await;
    assert_eq!(states(&nodes), "oo");
    nodes.targets()[0].now([Hang]);
    nodes.targets()[1].now([Good]);
    pass(1_000).await;
    assert_eq!(timed(hedged(&nodes)).await, (Ok(2), 50));
    assert_eq!(states(&nodes), "hc", "the probe that lost is given again");
    nothing_is_held(&nodes);
}

#[tokio::test(start_paused = true)]
async fn one_that_fails_beside_another_has_failed() {
    for (step, state) in [(Transient, "oc"), (Permanent, "oc")] {
        let nodes = nodes(touchy(), [after(60, step), after(60, Good)]);
        assert_eq!(timed(hedged(&nodes)).await, (Ok(1), 110));
        assert_eq!(states(&nodes), state, "this stack does not ask what an error means");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stack_that_asks_what_errors_mean_is_heard() {
    #[circuit_breaker(failure_rate = 1.0)]
    #[hedge(after = "50ms", repeatable)]
    async fn asks(nodes: &Replicas<Service>) -> Reply {
        nodes.pick()?.call().await
    }
    for (step, state) in [(Transient, "oc"), (Permanent, "cc")] {
        let nodes = nodes(touchy(), [after(60, step), after(60, Good)]);
        assert_eq!(timed(asks(&nodes)).await, (Ok(1), 110));
        assert_eq!(states(&nodes), state);
    }
}

#[tokio::test(start_paused = true)]
async fn a_hedge_without_a_function() {
    static BESIDE: Hedge = Hedge::new("beside", "it only reads").after(ms(50));
    let nodes = nodes(touchy(), [after(60, Transient), after(60, Good)]);
    assert_eq!(timed(BESIDE.run(async || nodes.pick()?.call().await)).await, (Ok(1), 110));
    assert_eq!(states(&nodes), "oc");
}

#[tokio::test(start_paused = true)]
async fn a_timeout_below_is_a_failure_and_one_above_is_none() {
    #[hedge(after = "50ms", repeatable)]
    #[timeout(ms = 80)]
    async fn below(nodes: &Replicas<Service>) -> Reply {
        nodes.pick()?.call().await
    }
    #[timeout(ms = 80)]
    #[hedge(after = "50ms", repeatable)]
    async fn above(nodes: &Replicas<Service>) -> Reply {
        nodes.pick()?.call().await
    }
    let cut = nodes(touchy(), [Hang, after(70, Good)]);
    assert_eq!(timed(below(&cut)).await, (Ok(1), 120));
    assert_eq!(states(&cut), "oc");
    let whole = nodes(touchy(), [Hang, Hang]);
    assert_eq!(word(&above(&whole).await), "Timeout 2");
    assert_eq!((states(&whole), executions(&whole)), ("cc".to_owned(), vec![1, 1]));
    nothing_is_held(&whole);
    assert!(dropped_after(60, hedged(&whole)).await.is_none());
    nothing_is_held(&whole);
}

#[tokio::test(start_paused = true)]
async fn a_retry_around_hears_of_those_that_were_cut() {
    #[retry(attempts = 2, backoff = none, repeatable)]
    #[timeout(ms = 80)]
    #[hedge(after = "50ms", repeatable)]
    async fn around(nodes: &Replicas<Service>) -> Reply {
        nodes.pick()?.call().await
    }
    let nodes = nodes(touchy(), [Hang, Hang, Good, Good]);
    assert_eq!(timed(around(&nodes)).await, (Ok(1), 80));
    assert_eq!((states(&nodes), executions(&nodes)), ("oocc".to_owned(), vec![1, 1, 1, 0]));
    nothing_is_held(&nodes);
}

#[tokio::test(start_paused = true)]
async fn a_retry_in_a_branch_settles_its_own() {
    #[hedge(after = "50ms", repeatable)]
    #[retry(attempts = 3, backoff = none, repeatable)]
    async fn inside(nodes: &Replicas<Service>) -> Reply {
        nodes.pick()?.call().await
    }
    // The second branch fails once, and succeeds at the third node, while the first one hangs.
    let nodes = nodes(touchy(), [Hang, Transient, Good]);
    assert_eq!(timed(inside(&nodes)).await, (Ok(1), 50));
    assert_eq!((states(&nodes), executions(&nodes)), ("coc".to_owned(), vec![1, 1, 1]));
    nothing_is_held(&nodes);
}

#[tokio::test(start_paused = true)]
async fn a_retry_around_does_not_hear_of_losers() {
    #[retry(attempts = 2, backoff = none, repeatable)]
    #[hedge(after = "50ms", repeatable)]
    async fn around(nodes: &Replicas<Service>) -> Reply {
        nodes.pick()?.call().await
    }
    let nodes = nodes(touchy(), [Transient, Transient]);
    each_once(&nodes).await;
    pass(1_000).await;
    nodes.targets()[0].now([Hang]);
    nodes.targets()[1].now([Good]);
    assert_eq!(timed(around(&nodes)).await, (Ok(2), 50));
    assert_eq!(states(&nodes), "hc", "of a loser nothing is known");
}

#[tokio::test(start_paused = true)]
async fn a_deadline_around_is_no_failure_of_the_member() {
    #[hedge(after = "50ms", repeatable)]
    #[timeout(ms = 500)]
    async fn timed_each(nodes: &Replicas<Service>) -> Reply {
        nodes.pick()?.call().await
    }
    let nodes = nodes(touchy(), [Hang, Hang]);
    let soon = tokio::time::Instant::now() + ms(80);
    let reply = context::with_deadline(soon, timed_each(&nodes)).await;
    assert_eq!((word(&reply), states(&nodes)), ("DeadlineExceeded 2".to_owned(), "cc".to_owned()));
    nothing_is_held(&nodes);
}

#[tokio::test(start_paused = true)]
async fn all_branches_fail() {
    let nodes = nodes(touchy(), [after(60, Transient), after(20, Transient)]);
    let (reply, took) = timed(hedged(&nodes)).await;
    assert_eq!((reply, took), (Err(Fault::Transient(1)), 70));
    assert_eq!(states(&nodes), "oo");
}
