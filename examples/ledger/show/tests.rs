use std::time::Duration;

use resilience::{Entry, EntryState, Error, Runtime, idempotent};

use super::{card, choice, count, decisions, table};
use crate::find::{all, digits};
use crate::json::line;

#[idempotent(key = order, guarantee = at_most_once)]
#[resilience::policies(name = "shop.ship")]
async fn ship(order: &str) -> Result<u64, Error> {
    std::future::pending().await
}

#[idempotent(key = order)]
#[resilience::policies(name = "shop.charge")]
async fn charge(order: &str) -> Result<u64, Error> {
    std::future::pending().await
}

/// A ledger where two operations were interrupted.
async fn doubts() -> Runtime {
    let runtime = Runtime::builder().memory().build();
    let soon = Duration::from_millis(5);
    assert!(tokio::time::timeout(soon, runtime.scope(ship("4711"))).await.is_err());
    assert!(tokio::time::timeout(soon, runtime.scope(charge("tenant\n/3"))).await.is_err());
    runtime
}

/// The one in doubt at `ship`, hours later.
async fn doubt() -> Entry {
    let mut entry = doubts().await.operator().find("4711", 1).await.unwrap().pop().unwrap();
    entry.age = Duration::from_secs(11_520);
    entry.fence = 17;
    entry
}

#[tokio::test]
async fn a_table_is_aligned() {
    let mut entries = doubts().await.operator().in_doubt(9).await.unwrap();
    for (entry, (age, fence)) in entries.iter_mut().zip([(11_520, 17), (5, 1_024)]) {
        (entry.age, entry.fence) = (Duration::from_secs(age), fence);
    }
    assert_eq!(
        table(&entries, 8),
        "\
age         site         key            attempts  fence  stored key
3 h 12 min  shop.ship    4711                  1     17  SHIP
5 s         shop.charge  tenant\\u{a}/3         1   1024  CHARGE
"
        .replace("SHIP", &entries[0].key.to_string()[..8])
        .replace("CHARGE", &entries[1].key.to_string()[..8])
    );
    assert_eq!(count(1, 1), "1 in doubt.");
    assert_eq!(count(2, 2), "2 in doubt, oldest first.");
    assert_eq!(count(100, 250), "250 in doubt, the oldest 100 shown; `--most 250` shows all.");
    assert!(choice(&entries).lines().nth(1).unwrap().ends_with("  in doubt  shop.ship"));
}

#[tokio::test]
async fn a_doubt_comes_with_both_ways_out() {
    let entry = doubt().await;
    let shown = card(&entry) + &decisions(&entry, "tool file:x", 8);
    let expected = "\
4711  shop.ship
  state       in doubt: it was interrupted, nobody knows whether it took effect
  next call   every call gets `OutcomeUnknown` until somebody decides
  since       3 h 12 min ago
  attempts    1
  fence       17
  stored key  KEY

  It did not happen, and the next call shall run it:
    tool file:x forget SHORT --fence 17
  It did happen, and calls shall return this result:
    tool file:x resolve SHORT --fence 17 'RESULT AS JSON'
";
    let key = entry.key.to_string();
    assert_eq!(shown, expected.replace("KEY", &key).replace("SHORT", &key[..8]));
    let mut dedup = entry;
    dedup.at_most_once = false;
    assert!(card(&dedup).contains("  next call   runs it again\n"));
}

#[tokio::test]
async fn a_result_is_shown_as_it_is_kept() {
    let mut entry = doubt().await;
    (entry.state, entry.result) = (EntryState::Done, Some(r#"{"z":1,"a":["x"]}"#.to_owned()));
    let shown = card(&entry);
    assert!(shown.contains("  state       done\n  next call   returns the result below, and runs nothing\n"));
    assert!(
        shown.ends_with("  result\n    {\n      \"z\": 1,\n      \"a\": [\n        \"x\"\n      ]\n    }\n")
    );
    assert_eq!(decisions(&entry, "tool", 8), "");
    let expected = r#"{"age_s":11520,"at_most_once":true,"attempts":1,"fence":17,"key":"KEY","site":"shop.ship","state":"done","text":"4711","result":{"z":1,"a":["x"]}}"#;
    assert_eq!(line(&entry), expected.replace("KEY", &entry.key.to_string()));
}

#[tokio::test]
async fn a_record_is_found_by_each_of_its_names() {
    let runtime = doubts().await;
    let operator = runtime.operator();
    let entries = operator.in_doubt(9).await.unwrap();
    assert_eq!(digits(&entries), 8);
    assert_eq!(digits(&[entries[0].clone(), entries[0].clone()]), 65, "never: keys differ");
    let stored = entries[0].key.to_string();
    for name in ["4711", &stored, &stored[..8], &stored[..63], &stored[..20].to_uppercase()] {
        let found = all(&operator, name).await.unwrap();
        assert!(found.len() == 1 && found[0].key == entries[0].key, "{name}");
    }
    for name in ["4712", &stored[..7], &"0".repeat(64)] {
        assert_eq!(all(&operator, name).await.unwrap(), []);
    }
}
