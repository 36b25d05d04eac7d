//! A process that has nothing to do does not wake.
#![allow(missing_docs)]
#![cfg(target_os = "linux")]

use std::time::Duration;

use resilience::{Error, timeout};

#[timeout(ms = 100)]
async fn call() -> Result<u32, Error> {
    tokio::time::sleep(Duration::from_millis(1)).await;
    Ok(7)
}

#[timeout(ms = 20)]
async fn late() -> Result<u32, Error> {
    std::future::pending().await
}

/// How often the threads of this name have gone to sleep.
fn sleeps(name: &str) -> u64 {
    let threads = std::fs::read_dir("/proc/self/task").expect("of this process");
    let status =
        threads.filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("status")).ok());
    let of_name = status.filter(|status| status.lines().next() == Some(&format!("Name:\t{name}")));
    let line = |status: String| {
        let found = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        found.and_then(|number| number.trim().parse::<u64>().ok())
    };
    of_name.filter_map(line).sum()
}

#[tokio::test]
async fn the_thread_of_the_deadlines_sleeps_while_nobody_waits() {
    assert_eq!(sleeps("deadlines"), 0, "there is none before the first call that waits");
    assert_eq!(call().await, Ok(7));
    assert!(late().await.is_err());
    // A list is looked at once more, within its own time.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = sleeps("deadlines");
    assert!(before > 0, "it is there");
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(sleeps("deadlines"), before);
    assert!(late().await.is_err(), "it serves again");
    assert!(sleeps("deadlines") > before);
}
