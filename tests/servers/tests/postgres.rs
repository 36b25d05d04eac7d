//! A PostgreSQL of one's own.

use std::fs;
use std::time::Duration;

use resilience_servers::{Postgres, need};

#[test]
fn it_answers_and_is_crash_safe() {
    need!(Postgres);
    let server = Postgres::start();
    assert_eq!(server.psql("select 1, 'a'; show fsync;"), "1|a\non");
    assert!(server.try_psql("select 1; nonsense").unwrap_err().contains("syntax error"));
    let server = Postgres::start_with(&[("fsync", "off"), ("max_connections", "10")]);
    assert_eq!(server.psql("show fsync; show max_connections"), "off\n10");
}

type End = fn(&Postgres);

#[test]
fn however_it_ends_it_keeps_what_it_has_confirmed() {
    need!(Postgres);
    let server = Postgres::start();
    let port = server.port();
    server.psql("create table kept (how text)");
    let ends: [(&str, End); 3] = [
        ("killed", |server| server.kill9()),
        ("crashed", Postgres::crash_stop),
        ("stopped", |server| server.stop()),
    ];
    for (how, end) in ends {
        server.psql(&format!("insert into kept values ('{how}')"));
        end(&server);
        assert_eq!(server.id(), None);
        assert!(server.try_psql("select 1").unwrap_err().contains("Connection refused"));
        server.start_again();
    }
    server.restart();
    assert_eq!(server.psql("select how from kept"), "killed\ncrashed\nstopped");
    assert_eq!(server.port(), port);
    assert_eq!(server.log().matches("database system was not properly shut down").count(), 2);
}

/// What the server and each process that it has forked does, as a letter.
fn states(server: &Postgres) -> String {
    let id = server.id().expect("it runs");
    let forked = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).expect("it runs");
    let ids = forked.split_whitespace().map(str::to_owned).chain([id.to_string()]);
    let stat = |id| fs::read_to_string(format!("/proc/{id}/stat")).expect("it runs");
    ids.filter_map(|id| stat(id).rsplit_once(") ")?.1.chars().next()).collect()
}

#[test]
fn paused_it_answers_nobody() {
    need!(Postgres);
    let server = Postgres::start();
    server.pause();
    let states = states(&server);
    assert!(states.len() > 3 && states.chars().all(|state| "TZ".contains(state)), "{states}");
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| server.psql("select 1"));
        std::thread::sleep(Duration::from_millis(300));
        assert!(!asked.is_finished());
        server.go_on();
        assert_eq!(asked.join().expect("it goes on"), "1");
    });
}

#[test]
fn the_password_counts() {
    need!(Postgres);
    let server = Postgres::start();
    let wrong = server.url().replace(Postgres::PASSWORD, "wrong");
    let error = server.try_psql(&format!("\\connect {wrong}")).unwrap_err();
    assert!(error.contains("password authentication failed"), "{error}");
}
