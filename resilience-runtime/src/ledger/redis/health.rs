//! Whether a server keeps what it is given.

use super::MINIMUM;
use crate::event::Risk;

/// What the server says of itself (`INFO`), as far as it matters here.
pub(super) struct Health<'a> {
    info: &'a str,
}

impl<'a> Health<'a> {
    pub(super) fn of(info: &'a str) -> Self {
        Self { info }
    }

    fn field(&self, name: &str) -> Option<&'a str> {
        self.info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
    }

    /// Why the ledger cannot be on this server, which the URL calls a `cluster` or not.
    pub(super) fn refusal(&self, cluster: bool) -> Option<String> {
        let version = self.field("redis_version").unwrap_or_default();
        let major: Option<u32> = version.split('.').next().and_then(|major| major.parse().ok());
        if major.is_some_and(|major| major < MINIMUM) {
            return Some(format!("Redis {version} is too old: expected {MINIMUM} or later"));
        }
        let why = match (self.field("redis_mode"), self.field("role")) {
            (Some("sentinel"), _) => "it is a sentinel, which keeps nothing: name the server that it watches",
            (Some("cluster"), _) if !cluster => "it is a node of a cluster: write redis+cluster://",
            (_, Some("slave")) => "it is a replica, which takes no writes: name its primary",
            _ => return None,
        };
        Some(why.to_owned())
    }

    /// What may take records away.
    pub(super) fn risks(&self) -> Vec<Risk> {
        let evicts = match self.field("maxmemory_policy") {
            Some("noeviction") => None,
            Some(_) => Some(Risk::Evicts),
            None => Some(Risk::Unknown),
        };
        let forgets = match self.field("aof_enabled") {
            Some("1") => None,
            Some(_) => Some(Risk::Forgets),
            None => Some(Risk::Unknown),
        };
        let mut risks: Vec<_> = evicts.into_iter().chain(forgets).collect();
        risks.dedup();
        risks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_judged_by_what_it_says() {
        let good = "# Server\r\nredis_version:7.0.15\r\nmaxmemory_policy:noeviction\r\naof_enabled:1\r\nrole:master\r\n";
        for (from, to, risks) in [
            ("", "", &[][..]),
            ("noeviction", "allkeys-lru", &[Risk::Evicts]),
            ("aof_enabled:1", "aof_enabled:0", &[Risk::Forgets]),
            ("aof_enabled:1", "", &[Risk::Unknown]),
            (good, "", &[Risk::Unknown]),
        ] {
            let info = good.replace(from, to);
            let health = Health::of(if from.is_empty() { good } else { &info });
            assert_eq!(health.risks(), risks, "{from}");
            assert_eq!(health.refusal(false), None);
        }
        for (from, to, said) in [
            ("7.0.15", "5.0.7", "Redis 5.0.7 is too old"),
            ("role:master", "role:slave", "a replica"),
            ("role:master", "redis_mode:sentinel", "a sentinel"),
            ("role:master", "redis_mode:cluster", "redis+cluster://"),
        ] {
            let info = good.replace(from, to);
            assert!(Health::of(&info).refusal(false).expect(said).contains(said));
        }
        assert_eq!(Health::of("redis_mode:cluster").refusal(true), None);
    }
}
