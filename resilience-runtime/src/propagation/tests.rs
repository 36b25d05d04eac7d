//! The core without a network: what is written, what is read, and what is refused.

use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;

use super::Protocol::{Grpc, Http};
use super::*;

const DAY: Duration = Duration::from_hours(24);

fn headers(lines: &[(&'static str, &[u8])]) -> HeaderMap {
    let value = |bytes| HeaderValue::from_bytes(bytes).expect("a value that HTTP can carry");
    lines.iter().map(|&(name, bytes)| (HeaderName::from_static(name), value(bytes))).collect()
}

fn key() -> IdempotencyKey {
    IdempotencyKey::of("site", None::<&str>, "4711").expect("a good key")
}

/// What a request says, line by line.
fn written(protocol: Protocol, said: &Said) -> Vec<String> {
    let mut headers = HeaderMap::new();
    protocol.write(said, &mut headers);
    headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().expect("ASCII"))).collect()
}

/// What the error says, of one header.
fn refused(protocol: Protocol, name: &'static str, value: &[u8]) -> String {
    protocol.extract(&headers(&[(name, value)])).expect_err("a bad value").to_string()
}

#[test]
fn a_request_says_what_the_call_has() {
    let nothing = Said { key: None, left: None, attempt: 1 };
    assert_eq!(written(Http, &nothing), [""; 0]);
    let said = Said { key: Some(key()), left: Some(Duration::from_micros(1_499_999)), attempt: 3 };
    let quoted = format!("idempotency-key: \"{}\"", key());
    assert_eq!(written(Http, &said), [&quoted, "request-timeout-ms: 1499", "request-attempt: 3"]);
    assert_eq!(written(Grpc, &said), [&quoted, "grpc-timeout: 1499999u", "grpc-previous-rpc-attempts: 2"]);
}

#[test]
fn a_header_of_the_callers_own_stays() {
    let own =
        headers(&[("idempotency-key", b"mine"), ("request-timeout-ms", b"7"), ("request-attempt", b"9")]);
    let mut after = own.clone();
    Http.write(&Said { key: Some(key()), left: Some(DAY), attempt: 2 }, &mut after);
    assert_eq!(after, own);
}

#[test]
fn what_is_not_there_is_none() {
    for protocol in [Http, Grpc] {
        let received = protocol.extract(&HeaderMap::new()).expect("nothing is wrong");
        assert_eq!(received.idempotency_key(), None);
        assert_eq!(received.deadline(), None);
        assert_eq!(received.attempt(), None);
    }
}

#[test]
fn the_time_left_is_rounded_down_to_what_the_format_holds() {
    for (left, http, grpc) in [
        (Duration::ZERO, "0", "0n"),
        (Duration::from_nanos(99_999_999), "99", "99999999n"),
        (Duration::from_nanos(100_000_999), "100", "100000u"),
        (Duration::from_secs(100), "100000", "100000m"),
        (Duration::from_secs(99_999), "99999000", "99999000m"),
        (Duration::from_millis(100_000_999), "100000999", "100000S"),
        (DAY * 1_000, "9999999999", "86400000S"),
        (DAY * 10_000, "9999999999", "14400000M"),
        (Duration::MAX, "9999999999", "99999999H"),
    ] {
        assert_eq!((&*time_left::text(Http, left), &*time_left::text(Grpc, left)), (http, grpc));
    }
}

#[test]
fn a_bad_time_is_refused() {
    let form = "should be a whole number of milliseconds of at most 10 digits";
    for bad in ["", "-5", "+5", "1.5", "5s", "99999999999", "0x10", "1 2"] {
        assert_eq!(
            refused(Http, "request-timeout-ms", bad.as_bytes()),
            format!("the header request-timeout-ms {form}")
        );
    }
    let form = "should be at most 8 digits and one of the units H, M, S, m, u, n";
    for bad in ["", "S", "5", "-5S", "5s", "123456789n", "5 S", "5SS"] {
        assert_eq!(refused(Grpc, "grpc-timeout", bad.as_bytes()), format!("the header grpc-timeout {form}"));
    }
    for (protocol, name, none) in [(Http, "request-timeout-ms", "0"), (Grpc, "grpc-timeout", "00H")] {
        let error = protocol.extract(&headers(&[(name, none.as_bytes())])).expect_err("no time");
        assert_eq!((error.header(), error.problem()), (name, Problem::NoTimeLeft));
        assert_eq!(error.to_string(), format!("the header {name} says that no time is left"));
    }
}

/// What comes in a header may be a secret: of the key, or of another header that somebody took for this one.
#[test]
fn no_text_repeats_a_header() {
    let secret = "s3cret, 4711";
    for protocol in [Http, Grpc] {
        for name in [IDEMPOTENCY_KEY, protocol.time_left(), protocol.attempt()] {
            for values in [&[secret][..], &[secret, secret], &["s3cret\u{e9}"]] {
                let lines: Vec<_> = values.iter().map(|value| (name, value.as_bytes())).collect();
                let error = protocol.extract(&headers(&lines)).expect_err("a bad value");
                for text in [error.to_string(), format!("{error:?}"), format!("{error:#?}")] {
                    assert!(text.contains(name) && !text.contains("s3cret"), "{text}");
                }
            }
        }
    }
    let received = Http.extract(&headers(&[(IDEMPOTENCY_KEY, b"s3cret")])).expect("a good key");
    assert!(!format!("{received:?}").contains("s3cret"));
}

#[test]
fn a_key_is_read_with_quotes_and_without() {
    for (value, text) in [
        (r#""8e03978e-40d5""#, "8e03978e-40d5"),
        (r#""a \"b\" \\ c, d""#, r#"a "b" \ c, d"#),
        ("8e03978e-40d5", "8e03978e-40d5"),
        ("a+b/c==", "a+b/c=="),
    ] {
        let received = Http.extract(&headers(&[("idempotency-key", value.as_bytes())])).expect(value);
        assert_eq!(received.idempotency_key(), Some(text));
    }
}

#[test]
fn a_bad_key_is_refused() {
    let problem = |value: &[u8]| {
        Grpc.extract(&headers(&[("idempotency-key", value)])).expect_err("a bad key").problem()
    };
    for bad in [
        "",
        r#""""#,
        r#"""#,
        r#""a"#,
        r#""a"b""#,
        r#""\n""#,
        r#""a\""#,
        "a, b",
        r#""a", "b""#,
        "a b",
        r#""a";p=1"#,
    ] {
        assert!(matches!(problem(bad.as_bytes()), Problem::Malformed(_)), "{bad}");
    }
    assert_eq!(problem("kéy".as_bytes()), Problem::NotAscii);
    assert_eq!(problem(b"\"a\tb\""), Problem::NotAscii);
    assert_eq!(problem(&[b'k'; 256]), Problem::TooLong(255));
    assert_eq!(problem(&[b'k'; 10_000]), Problem::TooLong(255));
    assert_eq!(
        refused(Http, "idempotency-key", "kéy".as_bytes()),
        "the header idempotency-key should be printable ASCII"
    );
}

#[test]
fn an_attempt_counts_from_one() {
    let attempt = |protocol: Protocol, name, value: &str| {
        protocol.extract(&headers(&[(name, value.as_bytes())])).map(|received| received.attempt())
    };
    assert_eq!(attempt(Http, "request-attempt", "1"), Ok(Some(1)));
    assert_eq!(attempt(Grpc, "grpc-previous-rpc-attempts", "0"), Ok(Some(1)));
    assert_eq!(attempt(Grpc, "grpc-previous-rpc-attempts", "999999999"), Ok(Some(1_000_000_000)));
    for bad in ["0", "-1", "", "1000000000", "99999999999999999999"] {
        assert!(attempt(Http, "request-attempt", bad).is_err(), "{bad}");
    }
}

#[test]
fn a_header_that_comes_twice_is_refused() {
    for (protocol, name) in
        [(Http, "idempotency-key"), (Http, "request-timeout-ms"), (Grpc, "grpc-previous-rpc-attempts")]
    {
        let error = protocol.extract(&headers(&[(name, b"1"), (name, b"2")])).expect_err("twice");
        assert_eq!(error.to_string(), format!("the header {name} comes more than once"));
        assert_eq!(error.value(), "2");
    }
}

#[test]
fn advice_is_read_as_others_write_it() {
    let stops =
        |protocol: Protocol, value: &[u8]| protocol.says_stop(&headers(&[(protocol.advice().0, value)]));
    assert!(stops(Http, b"false"));
    assert!(!stops(Http, b"true") && !stops(Http, b"") && !Http.says_stop(&HeaderMap::new()));
    assert!(stops(Grpc, b"-1") && stops(Grpc, b"soon") && stops(Grpc, b""));
    assert!(!stops(Grpc, b"0") && !stops(Grpc, b"1500") && !Grpc.says_stop(&HeaderMap::new()));
}

#[test]
fn the_time_to_come_again_is_read() {
    let wait = |protocol: Protocol, lines: &[(&'static str, &[u8])]| protocol.retry_after(&headers(lines));
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    assert_eq!(wait(Http, &[("retry-after", b"120")]), seconds(120));
    assert_eq!(wait(Http, &[("retry-after", b"0")]), seconds(0));
    let (noon, later) = (b"Tue, 15 Nov 1994 12:00:00 GMT", b"Tue, 15 Nov 1994 12:01:30 GMT");
    assert_eq!(wait(Http, &[("date", noon), ("retry-after", later)]), seconds(90));
    assert_eq!(wait(Http, &[("date", later), ("retry-after", noon)]), seconds(0), "it has passed");
    assert_eq!(wait(Http, &[("retry-after", noon)]), seconds(0), "by our own clock");
    let far = wait(Http, &[("retry-after", b"Fri, 31 Dec 9999 23:59:59 GMT")]).expect("a date");
    assert!(far > DAY * 365 * 1_000);
    for bad in ["", "-1", "1.5", "soon", "99999999999", "Tue, 99 Nov 1994 12:00:00 GMT"] {
        assert_eq!(wait(Http, &[("retry-after", bad.as_bytes())]), None, "{bad}");
    }
    assert_eq!(wait(Grpc, &[("grpc-retry-pushback-ms", b"1500")]), Some(Duration::from_millis(1_500)));
    assert_eq!(wait(Grpc, &[("grpc-retry-pushback-ms", b"-1")]), None);
    assert_eq!((wait(Http, &[]), wait(Grpc, &[])), (None, None));
}

/// As a client writes a text of its own.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\""))
}

proptest! {
    #[test]
    fn what_is_read_is_what_was_written_and_never_more_time(
        nanos in prop_oneof![1_000_000u64..10_000_000_000, 1_000_000u64..],
        attempt in 1u32..=65_536,
    ) {
        let left = Duration::from_nanos(nanos);
        for protocol in [Http, Grpc] {
            let mut headers = HeaderMap::new();
            protocol.write(&Said { key: Some(key()), left: Some(left), attempt }, &mut headers);
            let received = protocol.extract(&headers).expect("our own");
            prop_assert_eq!(received.idempotency_key(), Some(&*key().to_string()));
            prop_assert_eq!(received.attempt().unwrap_or(1), attempt);
            let read = time_left::parse(protocol, headers[protocol.time_left()].as_bytes()).expect("our own");
            prop_assert!(read <= left);
            // The next unit of gRPC leaves five digits at least.
            let lost = if protocol == Http { Duration::from_millis(1) } else { left / 100_000 };
            let most = protocol == Http && read.as_millis() == 9_999_999_999;
            prop_assert!(left <= read + lost || most);
        }
    }

    #[test]
    fn any_printable_text_is_a_key(text in "[ -~]{1,255}") {
        let received = Http.extract(&headers(&[("idempotency-key", quoted(&text).as_bytes())])).expect("good");
        prop_assert_eq!(received.idempotency_key(), Some(&*text));
    }

    /// Whatever comes, it is read or refused.
    #[test]
    fn no_header_breaks_the_reading(
        lines in proptest::collection::vec((0usize..7, any::<Vec<u8>>()), 0..6),
        near in "[0-9\"\\\\ numSMH,-]{0,12}",
    ) {
        for protocol in [Http, Grpc] {
            let names = [
                IDEMPOTENCY_KEY, protocol.time_left(), protocol.attempt(), protocol.advice().0, "host", "te", "via",
            ];
            let mut headers = HeaderMap::new();
            for (name, bytes) in &lines {
                if let Ok(value) = HeaderValue::from_bytes(bytes) {
                    headers.append(names[*name], value);
                }
            }
            let _ = (protocol.extract(&headers), protocol.says_stop(&headers));
            for name in &names[..3] {
                let value = HeaderValue::from_str(&near).expect("printable");
                headers.insert(*name, value);
                if let Err(error) = protocol.extract(&headers) {
                    prop_assert!(!error.to_string().is_empty());
                }
            }
        }
    }
}

/// The lines that the page shows for tonic. (The name puts it among the tests that have tonic at hand.)
#[cfg(feature = "tonic")]
#[tokio::test]
async fn foreign_metadata_are_headers() {
    let mut request = ::tonic::Request::new(());
    Grpc.write(&Said { key: None, left: Some(DAY), attempt: 2 }, request.metadata_mut().as_mut());
    let received = Grpc.extract(request.metadata().as_ref()).expect("our own");
    assert_eq!(received.attempt(), Some(2));
    let gives_up = async { context::with(|context| context.exhaust(&CALLEE)) };
    let ((), advice) = received.run(gives_up).await;
    let mut status = ::tonic::Status::unavailable("");
    advice.inject(status.metadata_mut().as_mut());
    assert!(Grpc.says_stop(status.metadata().as_ref()));
}
