//! What the URL of a server says: where it is, and how the ledger uses it.

use std::error::Error as _;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{SslMode, TargetSessionAttrs};

use super::fault::Fault;
use crate::ledger::query;

const EXPECTED: &str = "expected postgres://USER:PASSWORD@HOST:PORT/DATABASE";
/// A longer name is cut by the server, and then it is another one.
const LONGEST_NAME: usize = 63;

/// Read here.
const OURS: [&str; 9] = [
    "pool_max",
    "timeout",
    "connect_timeout",
    "prepare",
    "schema",
    "create",
    "application_name",
    "sslmode",
    "sslrootcert",
];
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
        let (place, options) = url.split_once('?').unwrap_or((url, ""));
        // Without it the client would read words and values.
        if !place.contains("://") {
            return Err(Fault::new(EXPECTED.to_owned()));
        }
        let mut settings = Self {
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
        for (name, value) in query::pairs(options) {
            if THEIRS.contains(&name) {
                theirs.push(format!("{name}={value}"));
                continue;
            }
            if !OURS.contains(&name) {
                return Err(Fault::new(query::unknown(options, name, &[OURS, THEIRS].concat())));
            }
            let value = query::decoded(name, value).map_err(Fault::new)?;
            match name {
                "pool_max" => settings.pool_max = count(name, &value)?,
                "timeout" => settings.timeout = time(name, &value)?,
                "connect_timeout" => settings.connect_timeout = time(name, &value)?,
                "prepare" => settings.prepare = one_of(name, &value, [("on", true), ("off", false)])?,
                "create" => settings.create = one_of(name, &value, [("on", true), ("never", false)])?,
                "schema" => settings.schema = Some(schema(name, value)?),
                "application_name" => application = value,
                "sslmode" => sslmode = Some(value),
                _ => roots = Some(value),
            }
        }
        let place = format!("{place}?{}", theirs.join("&"));
        settings.config = place.parse().map_err(|error| misread(&error))?;
        settings.secure(sslmode.as_deref(), roots)?;
        settings.set_up(&application);
        Ok(settings)
    }

    fn secure(&mut self, sslmode: Option<&str>, roots: Option<String>) -> Result<(), Fault> {
        let mode = match sslmode {
            Some("disable") => SslMode::Disable,
            Some("require" | "verify-full") => SslMode::Require,
            None | Some("prefer") => SslMode::Prefer,
            Some(_) => return Err(wrong("sslmode", "`disable`, `prefer`, `require` or `verify-full`")),
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

/// What the client says of a URL may hold a part of it. Only the name of an option that it knows is taken over.
fn misread(error: &tokio_postgres::Error) -> Fault {
    let said = error.source().map(ToString::to_string).unwrap_or_default();
    let option = THEIRS.iter().find(|name| said.contains(&format!("option `{name}`")));
    option.map_or_else(|| Fault::new(EXPECTED.to_owned()), |name| wrong(name, "a value that it can have"))
}

fn wrong(name: &str, expected: &str) -> Fault {
    Fault::new(query::wrong(name, expected))
}

fn one_of<const N: usize>(name: &str, value: &str, known: [(&str, bool); N]) -> Result<bool, Fault> {
    let found = known.iter().find(|(word, _)| *word == value).map(|(_, meaning)| *meaning);
    found.ok_or_else(|| wrong(name, &known.map(|(word, _)| format!("`{word}`")).join(" or ")))
}

fn count(name: &str, value: &str) -> Result<usize, Fault> {
    match value.parse() {
        Ok(count @ 1..=10_000) => Ok(count),
        _ => Err(wrong(name, "a number of connections, from 1 to 10000")),
    }
}

fn schema(name: &str, value: String) -> Result<String, Fault> {
    if (1..=LONGEST_NAME).contains(&value.len()) {
        return Ok(value);
    }
    Err(wrong(name, &format!("the name of a schema, of 1 to {LONGEST_NAME} bytes")))
}

/// As in the attributes; a bare number is seconds, as in URLs for other programs.
fn time(name: &str, value: &str) -> Result<Duration, Fault> {
    let seconds = value.parse().ok().map(Duration::from_secs);
    let time = seconds.or_else(|| resilience_policy::literal(value).ok());
    let sane = Duration::from_millis(10)..=Duration::from_hours(1);
    let time = time.filter(|time| sane.contains(time));
    time.ok_or_else(|| wrong(name, "a time such as `500ms` or `2s`: 10 ms to an hour"))
}
