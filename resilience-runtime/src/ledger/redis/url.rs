//! The URL of a server: where it is, and how it is to be used.

use std::fmt;
use std::time::Duration;

use redis::{ConnectionInfo, IntoConnectionInfo};

use crate::ledger::query;

/// What a URL says. It holds the password, and so shows nothing.
pub(crate) struct Settings {
    /// The server; of a cluster, those that are asked for the rest.
    pub(crate) nodes: Vec<ConnectionInfo>,
    pub(crate) cluster: bool,
    /// How long for an answer.
    pub(crate) timeout: Duration,
    /// How long for a new connection.
    pub(crate) connect_timeout: Duration,
    /// In front of every key.
    pub(crate) prefix: String,
    /// A server that may forget is refused.
    pub(crate) durable: bool,
    /// A file of certificates to trust; without one, those of this machine are.
    pub(crate) roots: Option<String>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").finish_non_exhaustive()
    }
}

const TIMEOUT: Duration = Duration::from_secs(2);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const PREFIX: &str = "resilience:";

const EXPECTED: &str =
    "expected redis://USER:PASSWORD@HOST:PORT/DATABASE, or redis+cluster://HOST:PORT,HOST:PORT";
const OPTIONS: [&str; 5] = ["timeout", "connect_timeout", "prefix", "durable", "sslrootcert"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Scheme {
    tls: bool,
    cluster: bool,
}

impl Scheme {
    fn read(scheme: &str) -> Option<Self> {
        let (name, cluster) = match scheme.split_once('+') {
            Some((name, "cluster")) => (name, true),
            Some(_) => return None,
            None => (scheme, false),
        };
        match name {
            "redis" | "valkey" => Some(Self { tls: false, cluster }),
            "rediss" | "valkeys" => Some(Self { tls: true, cluster }),
            _ => None,
        }
    }
}

impl Settings {
    pub(crate) fn read(url: &str) -> Result<Self, String> {
        let (scheme, rest) = url.split_once("://").ok_or(EXPECTED)?;
        let scheme = Scheme::read(scheme).ok_or(EXPECTED)?;
        if scheme.tls && !cfg!(feature = "tls") {
            return Err("this program was built without the feature `tls` of `resilience`".to_owned());
        }
        let (rest, options) = rest.split_once('?').unwrap_or((rest, ""));
        if options.contains('@') {
            return Err(query::AN_AT.to_owned());
        }
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        // A password may hold an `@` of its own.
        let (user, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
        let mut settings = Self {
            nodes: hosts
                .split(',')
                .map(|host| node(scheme, user, host, database))
                .collect::<Result<_, _>>()?,
            cluster: scheme.cluster,
            timeout: TIMEOUT,
            connect_timeout: CONNECT_TIMEOUT,
            prefix: PREFIX.to_owned(),
            durable: false,
            roots: None,
        };
        if settings.nodes.len() > 1 && !scheme.cluster {
            return Err("several hosts are a cluster: write redis+cluster://".to_owned());
        }
        if scheme.cluster && !database.is_empty() {
            return Err("a cluster has one database, and no number for it".to_owned());
        }
        for (name, value) in query::pairs(options) {
            if !OPTIONS.contains(&name) {
                return Err(query::unknown(options, name, &OPTIONS));
            }
            settings.set(name, query::decoded(name, value)?, scheme)?;
        }
        Ok(settings)
    }

    /// Sets one of the [`OPTIONS`].
    fn set(&mut self, name: &str, value: String, scheme: Scheme) -> Result<(), String> {
        match name {
            "timeout" => self.timeout = query::time(name, &value)?,
            "connect_timeout" => self.connect_timeout = query::time(name, &value)?,
            "prefix" if value.is_empty() => {
                return Err("`prefix` is empty: the records would lie among the keys of others".to_owned());
            }
            "prefix" => self.prefix = value,
            "durable" if value == "required" => self.durable = true,
            "durable" => return Err(query::wrong(name, "`durable=required`, or leave it out")),
            "sslrootcert" if !scheme.tls => {
                return Err("`sslrootcert` without TLS: write rediss://".to_owned());
            }
            _ => self.roots = Some(value),
        }
        Ok(())
    }
}

fn node(scheme: Scheme, user: &str, host: &str, database: &str) -> Result<ConnectionInfo, String> {
    let name = if scheme.tls { "rediss" } else { "redis" };
    let at = if user.is_empty() { "" } else { "@" };
    let url = redis::parse_redis_url(&format!("{name}://{}{at}{host}/{database}", user.replace('@', "%40")));
    // Its own errors say what is wrong without the value.
    let url = url.filter(|url| url.host_str().is_some_and(|host| !host.is_empty())).ok_or(EXPECTED)?;
    url.into_connection_info().map_err(|error| format!("{error}; {EXPECTED}"))
}

#[cfg(test)]
mod tests {
    use redis::ConnectionAddr;

    use super::*;

    #[test]
    fn a_url_is_read() {
        let settings =
            Settings::read("redis://ann:p@ss%2Fw@host:7/3?timeout=500ms&prefix=shop:&durable=required");
        let settings = settings.expect("a good URL");
        let [node] = &settings.nodes[..] else { panic!("one server") };
        assert_eq!(*node.addr(), ConnectionAddr::Tcp("host".to_owned(), 7));
        let redis = node.redis_settings();
        assert_eq!((redis.username(), redis.password(), redis.db()), (Some("ann"), Some("p@ss/w"), 3));
        assert_eq!(
            (settings.timeout, settings.connect_timeout),
            (Duration::from_millis(500), CONNECT_TIMEOUT)
        );
        assert_eq!((settings.prefix.as_str(), settings.durable, settings.cluster), ("shop:", true, false));

        let cluster = Settings::read("valkey+cluster://:secret@one,two:7001").expect("a good URL");
        let addresses: Vec<_> = cluster.nodes.iter().map(|node| node.addr().to_string()).collect();
        assert_eq!(addresses, ["one:6379", "two:7001"]);
        assert!(cluster.cluster);
        assert!(cluster.nodes.iter().all(|node| node.redis_settings().password() == Some("secret")));
        let usual = Settings::read("redis://[::1]").expect("a good URL");
        assert_eq!((usual.timeout, usual.prefix.as_str()), (TIMEOUT, PREFIX));
    }

    #[test]
    fn a_bad_url_says_what_is_wrong() {
        for (url, said) in [
            ("redis:localhost", "expected redis://"),
            ("redis://", "expected redis://"),
            ("redis://user:secret@", "expected redis://"),
            ("redis://host:port", "expected redis://"),
            ("redis+sentinel://host", "expected redis://"),
            ("redis://:pass?secret@host", "a `?` in a user or a password is written `%3F`"),
            ("redis://:pass/secret@host", "expected redis://"),
            ("redis://host/x", "Invalid database number"),
            ("redis://one,two", "several hosts are a cluster"),
            ("redis+cluster://host/1", "a cluster has one database"),
            ("redis://host?timout=2s", "option 1 behind the `?` is unknown; expected one of `timeout`, "),
            ("redis://host?timeout=2", "`timeout`: expected a time above zero, with its unit"),
            ("redis://host?timeout=0s", "`timeout`: expected a time above zero"),
            ("redis://host?durable=yes", "`durable`: expected `durable=required`"),
            ("redis://host?durable=required;auth=secret", "`durable`: expected a `&` in front of the next"),
            ("redis://host?prefix=", "`prefix` is empty"),
            ("redis://host?sslrootcert=ca.pem", "write rediss://"),
        ] {
            let why = Settings::read(url).expect_err(url);
            assert!(why.contains(said) && !why.contains("secret"), "{url}: {why}");
        }
        #[cfg(not(feature = "tls"))]
        assert!(Settings::read("rediss://host").expect_err("no TLS").contains("the feature `tls`"));
    }
}
