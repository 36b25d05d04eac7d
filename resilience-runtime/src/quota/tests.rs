//! Limits over real servers. A host is a thread with a tokio runtime and connections of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use resilience_servers::{Persistence, Postgres, Redis, Server, need};

use super::{Draw, Drawn};
use crate::rate_limit::Rate;
use crate::time::Tick;
use crate::{Error, Fail, Kind, RateLimit, Runtime};

const RATE: u32 = 500;
const BURST: u32 = 100;

fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).expect("few"))
}

static CLOSED: RateLimit = RateLimit::new("closed", RATE).burst(BURST).fleet(Fail::Closed);
static OPEN: RateLimit = RateLimit::new("open", RATE).burst(BURST).fleet(Fail::Open);

/// What became of the calls of a host.
#[derive(Debug, Default)]
struct Seen {
    /// When they passed.
    passed: Vec<Instant>,
    limited: usize,
    down: usize,
    slowest: Duration,
}

impl Seen {
    fn calls(&self) -> usize {
        self.passed.len() + self.limited + self.down
    }
}

async fn call(limit: &RateLimit, seen: &mut Seen) {
    let start = Instant::now();
    let reply: Result<(), Error> = limit.run(async || Ok(())).await;
    seen.slowest = seen.slowest.max(start.elapsed());
    match reply {
        Ok(()) => seen.passed.push(Instant::now()),
        Err(error) => match error.kind() {
            Kind::RateLimited => seen.limited += 1,
            Kind::Store => seen.down += 1,
            other => panic!("{other:?}"),
        },
    }
}

/// Eight callers in a loop, until they are told to stop.
fn host(url: &str, limit: &'static RateLimit, stop: &Arc<AtomicBool>) -> thread::JoinHandle<Seen> {
    let (url, stop) = (url.to_owned(), Arc::clone(stop));
    thread::spawn(move || {
        let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("it starts");
        tokio.block_on(async {
            let runtime = Runtime::open(&url).await.unwrap_or_else(|error| panic!("{error}"));
            let mut callers = tokio::task::JoinSet::new();
            for _ in 0..8 {
                let (runtime, stop) = (runtime.clone(), Arc::clone(&stop));
                callers.spawn(async move {
                    let mut seen = Seen::default();
                    while !stop.load(SeqCst) {
                        runtime.scope(call(limit, &mut seen)).await;
                        tokio::time::sleep(Duration::from_millis(2)).await;
                    }
                    seen
                });
            }
            callers.join_all().await.into_iter().fold(Seen::default(), |mut all, seen| {
                all.passed.extend(seen.passed);
                all.limited += seen.limited;
                all.down += seen.down;
                all.slowest = all.slowest.max(seen.slowest);
                all
            })
        })
    })
}

fn hosts(url: &str, limit: &'static RateLimit, work: impl FnOnce()) -> Vec<Seen> {
    let stop = Arc::default();
    let hosts: Vec<_> = (0..3).map(|_| host(url, limit, &stop)).collect();
    work();
    stop.store(true, SeqCst);
    hosts.into_iter().map(|host| host.join().expect("no panic")).collect()
}

/// Three hosts under load for some seconds; `draws` counts on the server.
fn keeps_to_the_limit(url: &str, draws: impl Fn() -> usize) {
    let before = draws();
    let seen = hosts(url, &CLOSED, || thread::sleep(Duration::from_secs(4)));
    let draws = draws() - before;
    let calls: usize = seen.iter().map(Seen::calls).sum();
    let mut passed: Vec<_> = seen.iter().flat_map(|seen| &seen.passed).copied().collect();
    passed.sort_unstable();
    println!("{} of {calls} calls passed, by {draws} draws", passed.len());
    // Over any time: the burst, and what came back in it and in the tenth of a second before. A call that the scheduler
    // delays between the permit and the note of it counts in a later moment.
    let slack = 0.1 + 0.05;
    for (first, from) in passed.iter().enumerate() {
        for (last, to) in passed.iter().enumerate().skip(first) {
            let most = f64::from(BURST) + f64::from(RATE) * ((*to - *from).as_secs_f64() + slack);
            assert!(number(last - first + 1) <= most, "{} in {:?}", last - first + 1, *to - *from);
        }
    }
    let time = (*passed.last().expect("some") - passed[0]).as_secs_f64();
    let all = f64::from(BURST) + f64::from(RATE) * time;
    assert!(number(passed.len()) >= 0.9 * all, "{} of {all}", passed.len());
    assert!(seen.iter().all(|seen| seen.passed.len() * 6 >= passed.len()), "nobody starves");
    assert!(draws * 5 <= passed.len() && draws * 20 <= calls, "{draws} draws for {calls} calls");
    assert_eq!(seen.iter().map(|seen| seen.down).sum::<usize>(), 0);
}

/// The server is killed in the middle, and comes back.
fn survives(url: &str, server: &Server, limit: &'static RateLimit) -> Vec<Seen> {
    let seen = hosts(url, limit, || {
        thread::sleep(Duration::from_secs(1));
        server.kill9();
        thread::sleep(Duration::from_secs(2));
        server.start_again();
        thread::sleep(Duration::from_secs(3));
    });
    for host in &seen {
        assert!(host.slowest < Duration::from_millis(1_500), "nobody hangs: {:?}", host.slowest);
        let end = *host.passed.last().expect("some");
        let late = host.passed.iter().filter(|at| end - **at < Duration::from_secs(1)).count();
        assert!((1..500).contains(&late), "at the end it is counted again: {late}");
    }
    seen
}

fn survives_closed(url: &str, server: &Server) {
    let seen = survives(url, server, &CLOSED);
    let passed: usize = seen.iter().map(|seen| seen.passed.len()).sum();
    assert!(seen.iter().all(|seen| seen.down > 100));
    // A server that forgot with its end gives the burst once more.
    assert!(passed <= (2 * BURST + RATE * 5) as usize, "{passed}");
}

fn survives_open(url: &str, server: &Server) {
    let seen = survives(url, server, &OPEN);
    assert!(seen.iter().all(|seen| seen.down == 0));
    // About three in a millisecond try.
    let passed: usize = seen.iter().map(|seen| seen.passed.len()).sum();
    assert!(passed > (BURST + RATE * 5) as usize, "{passed}");
}

fn draws_of_redis(server: &Redis) -> usize {
    let stats = server.cli(&["INFO", "commandstats"]);
    let calls = |command: &str| {
        let line = stats.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:calls=")))?;
        line.split(',').next()?.parse::<usize>().ok()
    };
    calls("evalsha").unwrap_or_default() + calls("eval").unwrap_or_default()
}

#[test]
fn three_hosts_on_redis() {
    need!(Redis);
    let server = Redis::start(Persistence::None);
    keeps_to_the_limit(&server.url(), || draws_of_redis(&server));
}

/// All statements that are not the server's own: a draw is one.
#[test]
fn three_hosts_on_postgres() {
    need!(Postgres);
    let server = Postgres::start();
    let url = server.url();
    // The tables are there before it counts.
    tokio::runtime::Runtime::new()
        .expect("it starts")
        .block_on(async { drop(Runtime::open(&url).await.expect("good")) });
    keeps_to_the_limit(&url, || {
        let sum = server.psql("SELECT coalesce(sum(n_tup_ins + n_tup_upd), 0) FROM pg_stat_user_tables WHERE relname = 'resilience_quota'");
        sum.trim().parse().expect("a number")
    });
}

#[test]
fn redis_is_killed_under_closed() {
    need!(Redis);
    let server = Redis::start(Persistence::None);
    survives_closed(&server.url(), &server);
}

#[test]
fn redis_is_killed_under_open() {
    need!(Redis);
    let server = Redis::start(Persistence::None);
    survives_open(&server.url(), &server);
}

#[test]
fn postgres_is_killed_under_closed() {
    need!(Postgres);
    let server = Postgres::start();
    survives_closed(&server.url(), &server);
}

#[test]
fn postgres_is_killed_under_open() {
    need!(Postgres);
    let server = Postgres::start();
    survives_open(&server.url(), &server);
}

/// The rule in the language of a server is the rule: what it grants and says, compared with the one in Rust, which knows
/// the time of the server from outside.
fn is_the_rule(tokio: &tokio::runtime::Runtime, runtime: &Runtime, steps: Vec<(u64, u32, u32)>, limit: u8) {
    let quotas = runtime.quotas();
    let rate = Rate { interval: 1_333_333, burst: 7 };
    let (mut soonest, mut latest) = (0, 0);
    for (pause, least, more) in steps {
        thread::sleep(Duration::from_micros(pause));
        let (least, wanted) = (least, (least + more).min(rate.burst));
        let draw = Draw {
            limit: [limit; 32],
            interval: Duration::from_nanos(rate.interval),
            burst: rate.burst,
            least,
            wanted,
        };
        let before = Tick::now();
        let drawn = tokio.block_on(quotas.draw(draw)).expect("it answers");
        let after = Tick::now();
        match drawn {
            Drawn::Granted(permits) => {
                // At the latest moment that it can have been, all that it gave was there.
                let (_, most) = rate.draw(soonest, least, wanted, after).expect("it was there");
                assert!((least..=most).contains(&permits), "{permits} of {most}");
                soonest = soonest.max(before.nanos()) + rate.time_of(permits);
                // Servers round up to a microsecond.
                latest = latest.max(after.nanos()) + rate.time_of(permits) + 2_000;
            }
            Drawn::NoneFor(wait) => {
                assert!(
                    wait <= Duration::from_nanos(rate.time_of(least)) + Duration::from_micros(2),
                    "{wait:?}"
                );
                assert!(rate.draw(latest, least, wanted, before).is_err(), "it was there: {draw:?}");
            }
        }
    }
}

fn steps() -> impl Strategy<Value = Vec<(u64, u32, u32)>> {
    prop::collection::vec((0..4_000_u64, 1..8_u32, 0..8_u32), 20..60)
}

fn the_rule_holds(url: &str) {
    let tokio = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("it starts");
    let runtime = tokio.block_on(Runtime::open(url)).expect("it opens");
    let limit = AtomicU8::new(0);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(12)
    });
    runner
        .run(&steps(), |steps| {
            is_the_rule(&tokio, &runtime, steps, limit.fetch_add(1, SeqCst));
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn the_rule_holds_on_redis() {
    need!(Redis);
    the_rule_holds(&Redis::start(Persistence::None).url());
}

#[test]
fn the_rule_holds_on_postgres() {
    need!(Postgres);
    the_rule_holds(&Postgres::start().url());
}

fn draw(number: u8, wanted: u32) -> Draw {
    Draw { limit: [number; 32], interval: Duration::from_millis(50), burst: 4, least: 1, wanted }
}

/// What is full again is no row any more, and no key.
#[tokio::test]
async fn redis_forgets_what_is_full() {
    need!(Redis);
    let server = Redis::start(Persistence::None);
    let quotas = Runtime::open(&server.url()).await.expect("good").quotas();
    assert_eq!(quotas.draw(draw(1, 3)).await.expect("it answers"), Drawn::Granted(3));
    assert!(server.cli(&["KEYS", "resilience:limit:*"]).contains(&"01".repeat(32)));
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(server.cli(&["DBSIZE"]).trim(), "0");
}

/// A clock that is set back by an hour must not close a limit for an hour.
#[tokio::test]
async fn a_clock_that_was_set_back() {
    need!(Redis, Postgres);
    let (redis, postgres) = (Redis::start(Persistence::None), Postgres::start());
    let on_redis = Runtime::open(&redis.url()).await.expect("good").quotas();
    let on_postgres = Runtime::open(&postgres.url()).await.expect("good").quotas();
    for quotas in [&on_redis, &on_postgres] {
        assert_eq!(quotas.draw(draw(1, 4)).await.expect("it answers"), Drawn::Granted(4));
    }
    // As it would look after the jump.
    let key = format!("resilience:limit:{}", "01".repeat(32));
    let arrival: u64 = redis.cli(&["GET", &key]).trim().parse().expect("a number");
    redis.cli(&["SET", &key, &(arrival + 3_600_000_000).to_string(), "PX", "3600000"]);
    postgres.psql("UPDATE resilience_quota SET arrival = arrival + 3600000000");
    for quotas in [&on_redis, &on_postgres] {
        assert!(matches!(quotas.draw(draw(1, 1)).await.expect("it answers"), Drawn::NoneFor(_)));
        tokio::time::sleep(Duration::from_millis(60)).await;
        assert_eq!(quotas.draw(draw(1, 1)).await.expect("it answers"), Drawn::Granted(1));
    }
}
