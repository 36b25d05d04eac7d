//! A Redis of one's own.

use resilience_servers::Persistence::{AofAlways, None};
use resilience_servers::{Redis, need};

#[test]
fn it_answers_in_the_words_of_the_command_line() {
    need!(Redis);
    let server = Redis::start(None);
    assert_eq!(server.cli(&["SET", "a", "1"]), "OK");
    assert_eq!(server.cli(&["MGET", "a", "b", "a"]), "1\n\n1");
    assert_eq!(server.cli(&["CONFIG", "GET", "maxmemory-policy"]), "maxmemory-policy\nnoeviction");
    assert!(server.try_cli(&["INCR"]).unwrap_err().starts_with("ERR wrong number of arguments"));
}

#[test]
fn killed_it_keeps_what_it_was_told_to_keep() {
    need!(Redis);
    for (persistence, kept) in [(AofAlways, "1"), (None, "")] {
        let server = Redis::start(persistence);
        server.cli(&["SET", "a", "1"]);
        server.kill9();
        assert!(server.try_cli(&["PING"]).is_err());
        server.start_again();
        assert_eq!(server.cli(&["GET", "a"]), kept);
    }
}

#[test]
fn it_asks_for_the_password_it_has() {
    need!(Redis);
    let server = Redis::start_with(None, &[("requirepass", "open-sesame")]);
    assert_eq!(server.cli(&["PING"]), "PONG");
    assert_eq!(server.url(), format!("redis://:open-sesame@127.0.0.1:{}", server.port()));
}
