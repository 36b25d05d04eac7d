//! What a proxy does to those who speak through it. The server here repeats what it hears.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use resilience_servers::{Counts, Fate, Proxy, Side};

/// How long nothing has to happen to be called nothing.
const SILENCE: Duration = Duration::from_millis(200);

/// A server, and what it has heard.
fn echo() -> (u16, Receiver<String>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = listener.local_addr().expect("it is bound").port();
    let (heard, words) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, heard) = (stream.expect("a connection"), heard.clone());
            thread::spawn(move || {
                let mut buffer = [0; 64];
                while let Ok(read @ 1..) = stream.read(&mut buffer) {
                    let _ = heard.send(String::from_utf8_lossy(&buffer[..read]).into_owned());
                    let _ = stream.write_all(&buffer[..read]);
                }
            });
        }
    });
    (port, words)
}

fn connect(proxy: &Proxy) -> TcpStream {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).expect("it accepts");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    stream
}

fn say(stream: &mut TcpStream, word: &str) {
    stream.write_all(word.as_bytes()).expect("it stands");
}

/// The next reply, or nothing where the connection has ended.
fn hear(stream: &mut TcpStream) -> String {
    let mut buffer = [0; 64];
    let read = stream.read(&mut buffer).expect("in time");
    String::from_utf8_lossy(&buffer[..read]).into_owned()
}

fn ask(stream: &mut TcpStream, word: &str) -> String {
    say(stream, word);
    hear(stream)
}

#[track_caller]
fn hears_nothing(stream: &mut TcpStream) {
    stream.set_read_timeout(Some(SILENCE)).expect("a timeout");
    let error = stream.read(&mut [0]).expect_err("nothing is said");
    assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
}

#[test]
fn it_passes_on_and_counts() {
    let (port, _heard) = echo();
    let proxy = Proxy::start(port);
    let (mut one, mut two) = (connect(&proxy), connect(&proxy));
    assert_eq!([ask(&mut one, "a"), ask(&mut two, "bc"), ask(&mut one, "d")], ["a", "bc", "d"]);
    let counts = Counts { connections: 2, requests: 3, request_bytes: 4, replies: 3, reply_bytes: 4 };
    assert_eq!(proxy.counts(), counts);
}

#[test]
fn cut_all_connections_end_and_new_ones_are_served() {
    let (port, _heard) = echo();
    let proxy = Proxy::start(port);
    let (mut one, mut two) = (connect(&proxy), connect(&proxy));
    assert_eq!([ask(&mut one, "a"), ask(&mut two, "b")], ["a", "b"]);
    proxy.cut();
    assert_eq!([hear(&mut one), hear(&mut two)], ["", ""]);
    assert_eq!(ask(&mut connect(&proxy), "c"), "c");
}

#[test]
fn refused_connections_are_new_ones() {
    let (port, _heard) = echo();
    let proxy = Proxy::start(port);
    let mut old = connect(&proxy);
    assert_eq!(ask(&mut old, "a"), "a");
    for _ in 0..3 {
        proxy.refuse(true);
        proxy.refuse(true);
        let refused = TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).expect_err("it refuses");
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        assert_eq!(ask(&mut old, "a"), "a");
        proxy.refuse(false);
        proxy.refuse(false);
        assert_eq!(ask(&mut connect(&proxy), "b"), "b");
    }
}

#[test]
fn without_a_server_a_connection_ends() {
    let proxy = Proxy::start(1);
    assert_eq!(hear(&mut connect(&proxy)), "");
    assert_eq!(proxy.counts().connections, 1);
}

#[test]
fn stalled_messages_are_late_and_not_lost() {
    let (port, heard) = echo();
    let proxy = Proxy::start(port);
    let mut stream = connect(&proxy);
    proxy.stall(true);
    say(&mut stream, "a");
    assert!(heard.recv_timeout(SILENCE).is_err());
    proxy.stall(false);
    assert_eq!(hear(&mut stream), "a");
    proxy.stall_from(Side::Server, true);
    heard.try_iter().count();
    say(&mut stream, "b");
    assert_eq!(heard.recv().expect("requests are passed on"), "b");
    hears_nothing(&mut stream);
    proxy.stall_from(Side::Server, false);
    assert_eq!(hear(&mut stream), "b");
}

#[test]
fn stalled_messages_of_a_cut_connection_are_lost() {
    let (port, heard) = echo();
    let proxy = Proxy::start(port);
    let mut stream = connect(&proxy);
    proxy.stall_from(Side::Client, true);
    say(&mut stream, "a");
    while proxy.counts().requests == 0 {
        thread::yield_now();
    }
    proxy.cut();
    proxy.stall(false);
    assert_eq!(hear(&mut stream), "");
    assert!(heard.recv_timeout(SILENCE).is_err());
}

#[test]
fn a_swallowed_reply_is_to_what_was_done() {
    let (port, heard) = echo();
    let proxy = Proxy::start(port);
    let (mut stream, mut other) = (connect(&proxy), connect(&proxy));
    proxy.swallow_reply(2);
    assert_eq!(ask(&mut stream, "a"), "a");
    assert_eq!(ask(&mut stream, "b"), "");
    assert_eq!(ask(&mut other, "c"), "c");
    drop(proxy);
    assert_eq!(heard.try_iter().collect::<Vec<_>>(), ["a", "b", "c"]);
}

#[test]
fn something_happens_at_a_message() {
    let (port, heard) = echo();
    let proxy = Proxy::start(port);
    let (tell, told) = channel();
    let tells = tell.clone();
    proxy.on_request(2, move || tells.send("asked").expect("it is heard"));
    proxy.on_reply(3, move || tell.send("answered").expect("it is heard"));
    let mut stream = connect(&proxy);
    for (word, happened) in [("a", ""), ("b", "asked"), ("c", "answered"), ("d", "")] {
        assert_eq!(ask(&mut stream, word), word);
        assert_eq!(told.try_recv().unwrap_or_default(), happened);
    }
    proxy.watch(|message| if message.bytes == b"f" { Fate::Cut } else { Fate::Pass });
    assert_eq!([ask(&mut stream, "e"), ask(&mut stream, "f")], ["e", ""]);
    assert_eq!(heard.try_iter().collect::<String>(), "abcde");
}

#[test]
fn delayed_a_round_trip_takes_twice_as_long_more() {
    let (port, _heard) = echo();
    let proxy = Proxy::start(port);
    let mut stream = connect(&proxy);
    proxy.delay(Duration::from_millis(50));
    let start = Instant::now();
    assert_eq!(ask(&mut stream, "a"), "a");
    assert!(start.elapsed() >= Duration::from_millis(100));
    proxy.delay(Duration::ZERO);
    assert_eq!(ask(&mut stream, "a"), "a");
}

#[test]
#[should_panic(expected = "what was to watch the proxy has panicked")]
fn what_panics_within_fails_the_test() {
    let (port, _heard) = echo();
    let proxy = Proxy::start(port);
    proxy.on_request(1, || panic!("as it has to"));
    assert_eq!(ask(&mut connect(&proxy), "a"), "");
}
