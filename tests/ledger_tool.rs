//! The ledger example, as a person uses it on a folder that a service has left.
#![cfg(unix)]
#![allow(missing_docs)]

#[path = "support/example.rs"]
mod example;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use resilience::{Error, Runtime, idempotent, policies};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Receipt {
    order: u64,
    cents: u32,
}

#[policies(name = "shop.charge")]
#[idempotent(key = order)]
async fn charge(order: u64, hangs: Option<&Notify>) -> Result<Receipt, Error> {
    work(order, hangs).await
}

#[policies(name = "shop.ship")]
#[idempotent(key = order, guarantee = at_most_once)]
async fn ship(order: u64, hangs: Option<&Notify>) -> Result<Receipt, Error> {
    work(order, hangs).await
}

async fn work(order: u64, hangs: Option<&Notify>) -> Result<Receipt, Error> {
    if let Some(begun) = hangs {
        begun.notify_one();
        std::future::pending::<()>().await;
    }
    Ok(Receipt { order, cents: 999 })
}

/// A folder with a ledger, and the tool.
struct Place {
    dir: PathBuf,
    tool: PathBuf,
}

/// What the tool said and how it ended.
struct Said {
    out: String,
    err: String,
    code: i32,
}

impl Place {
    fn new(name: &str) -> Self {
        let dir =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("ledger-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        Self { dir, tool: example::build("ledger") }
    }

    fn url(&self) -> String {
        format!("file:{}", self.dir.display())
    }

    async fn open(&self) -> Runtime {
        Runtime::open(&self.url()).await.expect("the folder is ours")
    }

    /// Order 1 is charged, 2 and 4711 are in doubt, and the shipping of 4711 too.
    async fn filled(self) -> Self {
        let runtime = self.open().await;
        assert!(runtime.scope(charge(1, None)).await.is_ok());
        let begun = &Notify::new();
        for order in [2, 4711] {
            interrupt(runtime.scope(charge(order, Some(begun))), begun).await;
        }
        interrupt(runtime.scope(ship(4711, Some(begun))), begun).await;
        self
    }

    fn run(&self, args: &[&str]) -> Said {
        let mut command = Command::new(&self.tool);
        command.arg(self.url()).args(args).env_remove("RESILIENCE_BACKEND");
        said(command)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// Drops a call after its body has begun.
async fn interrupt<F: Future>(call: F, begun: &Notify) {
    tokio::select! {
        _ = call => panic!("it hangs"),
        () = begun.notified() => {}
    }
    // A ledger on disk counts in milliseconds, and the order is by age.
    tokio::time::sleep(Duration::from_millis(5)).await;
}

fn said(mut command: Command) -> Said {
    let output = command.stdin(Stdio::null()).output().expect("the tool starts");
    let text = |bytes| String::from_utf8(bytes).expect("it is text");
    Said { out: text(output.stdout), err: text(output.stderr), code: output.status.code().expect("it ends") }
}

/// The stored key in a card.
fn stored_key(card: &str) -> String {
    let line = card.lines().find_map(|line| line.trim().strip_prefix("stored key"));
    line.expect("a card").trim().to_owned()
}

#[tokio::test]
async fn a_doubt_is_listed_and_decided() {
    let place = Place::new("decided").filled().await;
    let list = place.run(&["list"]);
    let rows: Vec<Vec<&str>> = list.out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["age", "site", "key", "attempts", "fence", "stored", "key"], "{}", list.out);
    let orders: Vec<_> = rows[1..4].iter().map(|row| &row[row.len() - 5..row.len() - 2]).collect();
    assert_eq!(orders, [["shop.charge", "2", "1"], ["shop.charge", "4711", "1"], ["shop.ship", "4711", "1"]]);
    assert!(list.out.contains("3 in doubt, oldest first. To see one, and how to decide:\n  "));

    let done = place.run(&["inspect", "1"]).out;
    assert!(done.contains("state       done\n"), "{done}");
    assert!(done.ends_with("  result\n    {\n      \"order\": 1,\n      \"cents\": 999\n    }\n"), "{done}");

    // It did happen.
    let resolved = place.run(&["resolve", "2", r#"{"order":2,"cents":5}"#, "--yes"]);
    assert!(resolved.code == 0 && resolved.out.ends_with("Resolved.\n"), "{}", resolved.err);
    let again = place.run(&["resolve", "2", "7", "--yes"]);
    assert!(again.code == 1 && again.err.contains("it is not in doubt"), "{}", again.err);

    // It did not: by the command that the card has ready.
    let cards = place.run(&["inspect", "4711"]).out;
    assert!(cards.contains("next call   runs it again"), "{cards}");
    assert!(cards.contains("every call gets `OutcomeUnknown` until somebody decides"), "{cards}");
    let ready = cards.split("4711  shop.ship").nth(1).expect("a card of shop.ship");
    let ready = ready.lines().find(|line| line.contains(" forget ")).expect("a command").trim();
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{ready} --yes")]);
    let forgotten = said(shell);
    assert!(forgotten.code == 0 && forgotten.out.ends_with("Forgotten.\n"), "{}", forgotten.err);

    let runtime = place.open().await;
    assert_eq!(runtime.scope(charge(2, None)).await.ok(), Some(Receipt { order: 2, cents: 5 }));
    assert_eq!(runtime.scope(ship(4711, None)).await.ok(), Some(Receipt { order: 4711, cents: 999 }));
    let refused = place.run(&["list"]);
    assert!(refused.code == 1 && refused.err.contains("has it open"), "{}", refused.err);
}

#[tokio::test]
async fn nothing_is_decided_in_the_dark() {
    let place = Place::new("dark").filled().await;
    let both = place.run(&["forget", "4711", "--yes"]);
    assert!(both.code == 1 && both.err.starts_with("ledger: 2 records are called \"4711\""), "{}", both.err);
    assert!(both.err.contains("  in doubt  shop.ship"), "{}", both.err);

    let unasked = place.run(&["forget", "2"]);
    assert!(unasked.out.contains("This removes the record."), "{}", unasked.out);
    assert_eq!(unasked.err, "ledger: there is no terminal to ask on, and no --yes; nothing was done\n");
    assert_eq!(unasked.code, 1);

    let other = place.run(&["forget", "2", "--fence", "9999", "--yes"]);
    assert!(other.code == 1 && other.err.contains("and not 9999; nothing was done"), "{}", other.err);
    let wrong = place.run(&["resolve", "2", "nope", "--yes"]);
    assert!(wrong.code == 2 && wrong.err.contains("is not JSON"), "{}", wrong.err);

    let card = place.run(&["inspect", &stored_key(&place.run(&["inspect", "2"]).out)[..8]]).out;
    assert!(card.starts_with("2  shop.charge\n  state       in doubt: it was interrupted"), "{card}");
}

#[tokio::test]
async fn what_is_not_there_is_said() {
    let place = Place::new("absent");
    let absent = place.run(&["list"]);
    assert!(absent.code == 1 && absent.err.ends_with("no such folder, so no ledger\n"), "{}", absent.err);
    assert!(!place.dir.exists(), "a look makes nothing");

    drop(place.open().await);
    let calm = place.run(&["list"]);
    assert_eq!((calm.out.as_str(), calm.code), ("nothing is in doubt\n", 0));
    let nothing = place.run(&["inspect", "4712"]);
    assert!(nothing.code == 1 && nothing.err.contains("no record of any site has the key `4712`"));
    assert_eq!(nothing.err.lines().count(), 1);
}

#[tokio::test]
async fn programs_read_lines_of_json() {
    let place = Place::new("json").filled().await;
    let mut command = Command::new(&place.tool);
    command.args(["list", "--json", "--most=2"]).env("RESILIENCE_BACKEND", place.url());
    let list = said(command);
    let read = |line| serde_json::from_str::<serde_json::Value>(line).expect("JSON");
    let seen: Vec<_> =
        list.out.lines().map(read).map(|line| (line["text"].clone(), line["state"].clone())).collect();
    assert_eq!(seen, [("2".into(), "in_doubt".into()), ("4711".into(), "in_doubt".into())]);
    assert!(list.err.contains("3 in doubt, the oldest 2 shown"), "{}", list.err);
    let done = read(place.run(&["inspect", "1", "--json"]).out.trim());
    assert_eq!(done["result"]["cents"], 999);
}

#[test]
fn bad_arguments_are_told_apart_from_bad_luck() {
    let place = Place::new("arguments");
    for args in [&["lst"][..], &[], &["list", "--all"], &["inspect"]] {
        let said = place.run(args);
        assert!(said.code == 2 && said.err.lines().count() == 1, "{args:?}: {}", said.err);
    }
    let mut command = Command::new(&place.tool);
    command.arg("list").env_remove("RESILIENCE_BACKEND");
    let none = said(command);
    assert!(none.code == 2 && none.err.contains("or the variable RESILIENCE_BACKEND"), "{}", none.err);
    assert!(place.run(&["--help"]).out.contains("`Runtime::operator()`"));
}
