//! What the URL of a server says: where it is, and how the ledger uses it.

use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{SslMode, TargetSessionAttrs};

use super::fault::Fault;

/// Read here.
const OURS: &str =
    "pool_max, timeout, connect_timeout, prepare, schema, create, application_name, sslmode, sslrootcert";
/// As every program with such a URL reads them.
const THEIRS: [&str; 9] = [
    "user",
    "password",
    "dbname",
    "host",
    "hostaddr",
    "port",
    "options",
    "target_session_attrs",
    "load_balance_hosts",
];

/// A server, and how to use it.
#[derive(Clone)]
pub(crate) struct Options {
    pub(crate) config: Config,
    pub(crate) pool_max: usize,
    pub(crate) timeout: Duration,
    pub(crate) connect_timeout: Duration,
    /// Statements are prepared, once on each connection, and the session has settings of ours.
    pub(crate) prepare: bool,
    pub(crate) schema: Option<String>,
    /// Tables that are not there are made.
    pub(crate) create: bool,
    pub(crate) tls: Tls,
}

/// What is asked of the certificate of the server, where the connection is encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tls {
    /// Anything will do, as in other programs with `sslmode=prefer` or `require`.
    Unverified,
    /// It is for this host, and signed by somebody whom the machine trusts, or by one of this file.
    Verified { roots: Option<String> },
}

impl Options {
    pub(crate) fn parse(url: &str) -> Result<Self, Fault> {
        let (place, query) = url.split_once('?').unwrap_or((url, ""));
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let mut options = Self {
            config: Config::new(),
            pool_max: 8,
            timeout: Duration::from_secs(2),
            connect_timeout: Duration::from_secs(5),
            prepare: true,
            schema: None,
            create: true,
            tls: Tls::Unverified,
        };
        let (mut application, mut sslmode, mut roots) = ("resilience".to_owned(), None, None);
        let mut theirs = Vec::new();
        for pair in pairs {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if name.contains('@') {
                return Err(Fault::new("a `?` in a user or a password is written `%3F`".to_owned()));
            }
            if THEIRS.contains(&name) {
                theirs.push(pair);
                continue;
            }
            let value = decoded(value).ok_or_else(|| {
                Fault::new(format!("`{name}` is not written as in a URL: a `%` and two digits"))
            })?;
            match name {
                "pool_max" => options.pool_max = count(name, &value)?,
                "timeout" => options.timeout = time(name, &value)?,
                "connect_timeout" => options.connect_timeout = time(name, &value)?,
                "prepare" => options.prepare = one_of(name, &value, [("on", true), ("off", false)])?,
                "create" => options.create = one_of(name, &value, [("on", true), ("never", false)])?,
                "schema" if value.is_empty() => return Err(wrong(name, &value, "the name of a schema")),
                "schema" => options.schema = Some(value),
                "application_name" => application = value,
                "sslmode" => sslmode = Some(value),
                "sslrootcert" => roots = Some(value),
                _ => return Err(unknown(name)),
            }
        }
        let place = format!("{place}?{}", theirs.join("&"));
        options.config = place.parse().map_err(Fault::from)?;
        options.secure(sslmode.as_deref(), roots)?;
        options.set_up(&application);
        Ok(options)
    }

    fn secure(&mut self, sslmode: Option<&str>, roots: Option<String>) -> Result<(), Fault> {
        let mode = match sslmode {
            Some("disable") => SslMode::Disable,
            Some("require" | "verify-full") => SslMode::Require,
            None | Some("prefer") => SslMode::Prefer,
            Some(other) => {
                let known = "`disable`, `prefer`, `require` or `verify-full`";
                return Err(wrong("sslmode", other, known));
            }
        };
        if mode == SslMode::Require && cfg!(not(feature = "tls")) {
            let why = "it asks for TLS, and this program was built without the feature `tls` of `resilience`";
            return Err(Fault::new(why.to_owned()));
        }
        if sslmode == Some("verify-full") {
            self.tls = Tls::Verified { roots };
        } else if roots.is_some() {
            return Err(Fault::new("`sslrootcert` is looked at with `sslmode=verify-full` only".to_owned()));
        }
        self.config.ssl_mode(mode);
        Ok(())
    }

    /// What no URL says.
    fn set_up(&mut self, application: &str) {
        let config = &mut self.config;
        config.application_name(application).connect_timeout(self.connect_timeout);
        if config.get_target_session_attrs() == TargetSessionAttrs::Any {
            // Of several hosts the one that writes, also after a failover.
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        // A server that has gone without a word is found out in half a minute.
        config.tcp_user_timeout(Duration::from_secs(20));
        config.keepalives_idle(Duration::from_secs(10)).keepalives_interval(Duration::from_secs(5));
        config.keepalives_retries(3);
    }
}

fn unknown(name: &str) -> Fault {
    let (ours, theirs) = (OURS, THEIRS.join(", "));
    Fault::new(format!("unknown option `{name}`; it knows {ours}, and {theirs}"))
}

fn wrong(name: &str, value: &str, expected: &str) -> Fault {
    Fault::new(format!("`{name}={value}`: expected {expected}"))
}

fn one_of<const N: usize>(name: &str, value: &str, known: [(&str, bool); N]) -> Result<bool, Fault> {
    let found = known.iter().find(|(word, _)| *word == value).map(|(_, meaning)| *meaning);
    found.ok_or_else(|| wrong(name, value, &known.map(|(word, _)| format!("`{word}`")).join(" or ")))
}

fn count(name: &str, value: &str) -> Result<usize, Fault> {
    match value.parse() {
        Ok(count @ 1..=10_000) => Ok(count),
        _ => Err(wrong(name, value, "a number of connections, from 1 to 10000")),
    }
}

/// As in the attributes; a bare number is seconds, as in URLs for other programs.
fn time(name: &str, value: &str) -> Result<Duration, Fault> {
    let time = match value.parse() {
        Ok(seconds) => Ok(Duration::from_secs(seconds)),
        Err(_) => resilience_policy::literal(value).map_err(|why| wrong(name, value, &why)),
    }?;
    let sane = Duration::from_millis(10)..=Duration::from_hours(1);
    if sane.contains(&time) { Ok(time) } else { Err(wrong(name, value, "10 ms to an hour")) }
}

/// What a part of a URL stands for.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        bytes.push(match (first, after) {
            (b'%', [high, low, after @ ..]) => {
                rest = after;
                u8::from_str_radix(std::str::from_utf8(&[*high, *low]).ok()?, 16).ok()?
            }
            (b'%', _) => return None,
            (byte, _) => *byte,
        });
    }
    String::from_utf8(bytes).ok()
}
