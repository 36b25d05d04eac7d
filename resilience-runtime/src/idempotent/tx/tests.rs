//! What is said to the server, and what is understood of its answers.

use super::client::Row;
use super::fault::Fault;
use super::found::Found;
use super::statements::{Statements, complete};
use crate::ledger::{Body, Claimed, Request, Stored};
use crate::testing::op::{Op, op};
use crate::{Kind, Site};
use std::time::Duration;

static SITE: Site = Site::without_function("pay");

fn request(op: &Op) -> Request<'_> {
    let (lease, ttl) = (Duration::ZERO, Duration::from_hours(1));
    Request { site: "pay", version: 1, lease, ttl, ..op.request(7) }
}

/// A record of somebody else's in this state, with moments in microseconds around `now` = 1000.
fn row(state: i16, at_most_once: bool, lease_until: u64, expires: Option<u64>) -> Row {
    let text = |value: &dyn ToString| Some(value.to_string());
    vec![
        text(&"ab"),
        text(&state),
        text(&3),
        text(&2),
        None,
        text(&1),
        text(&i16::from(at_most_once)),
        text(&"3432"), // "42"
        text(&lease_until),
        expires.map(|at| at.to_string()),
        text(&1000),
        text(&1),
    ]
}

fn found(row: Row) -> Found {
    Found::read(&[vec![None, None], row], &request(&op("7")), "07").unwrap().unwrap()
}

#[test]
fn each_record_is_answered() {
    let answer = |row| match found(row).answer(&request(&op("7"))) {
        Some(Claimed::Done(Stored { body: Body::Value(json), .. })) => json.to_string(),
        Some(Claimed::Done(_)) => "done".to_owned(),
        Some(Claimed::InDoubt) => "in doubt".to_owned(),
        Some(Claimed::Running { left, .. }) => format!("{left:?}"),
        Some(other) => panic!("{other:?}"),
        None => "take over".to_owned(),
    };
    for (row, expected) in [
        (row(3, true, 900, Some(2000)), "42"),
        (row(5, true, 900, Some(2000)), "done"),
        (row(3, true, 900, Some(1000)), "take over"),
        // Somebody committed after a call that was cut.
        (row(1, true, 900, None), "in doubt"),
        // Claims outside of transactions.
        (row(1, false, 900, Some(2000)), "take over"),
        (row(2, true, 900, Some(2000)), "take over"),
        (row(0, false, 1100, None), "100µs"),
        (row(0, false, 1000, None), "take over"),
        (row(0, true, 1000, None), "in doubt"),
    ] {
        assert_eq!(answer(row.clone()), expected, "{row:?}");
    }
    assert_eq!(found(row(2, false, 900, Some(2000))).next_attempt(), 3);
    assert_eq!(found(row(2, false, 900, Some(1000))).next_attempt(), 1);
}

#[test]
fn a_record_with_other_values_is_left_alone() {
    let mut row = row(3, true, 900, Some(2000));
    row[4] = Some("00".repeat(32));
    assert!(matches!(found(row).answer(&request(&op("7"))), Some(Claimed::Mismatch)));
}

#[test]
fn what_cannot_be_read_is_a_fault() {
    let read = |at: usize, value: &str| {
        let mut row = row(3, true, 900, None);
        row[at] = Some(value.to_owned());
        Found::read(&[row], &request(&op("7")), "07").err().unwrap().why
    };
    assert!(read(11, "2").contains("of version 2, and this library knows version 1"));
    for (at, value) in [(1, "x"), (1, "9"), (4, "ab"), (7, "f"), (7, "ff"), (7, "g0"), (2, "-1")] {
        assert!(read(at, value).contains("cannot be read"), "{at} {value}");
    }
}

/// A snapshot of before may show what was removed since.
#[test]
fn its_own_record_comes_first() {
    let mut own = row(1, true, 900, None);
    own[0] = Some("07".to_owned());
    let rows = [own, row(3, true, 900, Some(1000))];
    assert_eq!(Found::read(&rows, &request(&op("7")), "07").unwrap().unwrap().owner, "07");
    assert!(Found::read(&[vec![None]], &request(&op("7")), "07").unwrap().is_none());
}

/// No character of the user's is in a statement, whatever he writes.
#[test]
fn nothing_of_the_user_is_in_a_statement() {
    let hostile = op("'; DROP TABLE resilience_record; --\\\0");
    let asked = request(&hostile);
    let statements = Statements::of(&asked);
    let claim = statements.claim(Some(Duration::from_millis(250)));
    assert!(!claim.contains("DROP") && !claim.contains('\\') && !claim.contains('\0'), "{claim}");
    assert!(claim.contains("'250ms'"), "{claim}");
    // Zero would wait for ever.
    assert!(statements.claim(Some(Duration::ZERO)).contains("'1ms'"));
    assert!(!statements.claim(None).contains("set_config"));
    let result = Stored { version: 1, body: Body::Value("\"'; DROP\"".into()) };
    let done = complete(asked.key.as_bytes(), statements.owner(), &result, asked.ttl);
    assert!(!done.contains("DROP"), "{done}");
}

#[test]
fn an_error_says_what_to_do() {
    let said = |code: &str| {
        let error = Fault { code: Some(code.to_owned()), why: "their words".to_owned() }.rejection(&SITE);
        (error.kind(), std::error::Error::source(&error).unwrap().to_string())
    };
    for (code, kind, help) in [
        ("55P03", Kind::InProgress, "still open"),
        ("40001", Kind::Conflict, "retry the function that begins this transaction"),
        ("40P01", Kind::Conflict, "retry the function"),
        ("25P01", Kind::Store, "begin one"),
        ("25P02", Kind::Store, "roll it back"),
        ("3B001", Kind::Store, "ended the transaction"),
        ("42P01", Kind::Store, "`resilience::ledger::POSTGRES_SCHEMA` in a migration"),
        ("42501", Kind::Store, "USAGE on the sequence"),
        ("42703", Kind::Store, "not as this library makes them"),
        ("XX000", Kind::Store, "their words"),
    ] {
        let (found, words) = said(code);
        assert_eq!(found, kind, "{code}");
        assert!(words.contains(help) && words.ends_with("their words"), "{code}: {words}");
    }
}
