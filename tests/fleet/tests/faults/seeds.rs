//! Processes whose programs seed the generator that they share with this crate.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use resilience::{Error, Kind, Runtime, idempotent};

use crate::fleet::Fleet;

crate::on_both!(two_that_seed_alike_are_two_owners);

#[idempotent(key = key, reject)]
async fn pay(key: u64, effects: &AtomicU32) -> Result<(), Error> {
    effects.fetch_add(1, Relaxed);
    tokio::time::sleep(Duration::from_millis(300)).await;
    Ok(())
}

fn two_that_seed_alike_are_two_owners(fleet: &Fleet) {
    let one_thread = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    one_thread.block_on(async {
        let url = fleet.url(fleet.store.port());
        let effects = AtomicU32::new(0);
        let process = async || {
            let runtime = Runtime::open(&url).await.expect("it opens");
            runtime
                .scope(async {
                    fastrand::seed(42);
                    pay(7, &effects).await
                })
                .await
        };
        let (one, two) = tokio::join!(process(), process());
        let (paid, refused): (Vec<_>, Vec<_>) = [one, two].into_iter().partition(Result::is_ok);
        assert_eq!((paid.len(), effects.load(Relaxed)), (1, 1), "one claim has one owner");
        assert_eq!(refused[0].as_ref().map_err(Error::kind), Err(Kind::InProgress));
    });
}
