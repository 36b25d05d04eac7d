//! The ledger on Redis or Valkey: one key for each record, and one script for each operation, so that an operation is one
//! round trip and touches one slot of a cluster. Only the clock of the server is asked. A record that has had its time is
//! removed by the server.

mod health;
mod line;
mod link;
mod outage;
mod row;
mod scan;
mod script;
#[cfg(test)]
mod tests;
mod tls;
mod url;

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use redis::Value;

use self::health::Health;
pub(crate) use self::line::Line;
pub(crate) use self::script::Script;
pub(crate) use self::url::Settings;
use super::remote::{Answer, Claim, Farewell, Remote, Seen, Store};
use super::{Body, Claimed, Entry, Hold, LedgerError, Stored, Written, called, oldest};
use crate::event::{Decision, Event, Risk, emit};
use crate::key::IdempotencyKey;
use crate::quota::{Draw, Drawn};
use crate::time::Tick;

/// The first version whose scripts may ask for the time and write, on every server that we know of.
const MINIMUM: u32 = 6;

/// A server, or a cluster, that keeps records.
pub(crate) struct Redis {
    line: Line,
    prefix: String,
    scripts: Scripts,
    draw: Script,
}

/// Opens the ledger that a URL names.
pub(crate) async fn open(url: &str) -> Answer<Remote<Redis>> {
    let settings = Settings::read(url).map_err(LedgerError::new)?;
    let store = Redis::open(&settings).await?;
    Ok(Remote::new(store, settings.timeout.saturating_add(settings.connect_timeout)))
}

macro_rules! scripts {
    ($($name:ident)*) => {
        struct Scripts { $($name: Script),* }

        impl Scripts {
            fn new() -> Self {
                Self { $($name: Script::new(concat!(
                    include_str!("scripts/record.lua"),
                    include_str!(concat!("scripts/", stringify!($name), ".lua")),
                ))),* }
            }
        }
    };
}

/// The script that counts limits, which are no records.
const DRAW: &str = include_str!("scripts/draw.lua");

scripts!(claim renew settle withdraw look inspect forget resolve);

impl Redis {
    async fn open(settings: &Settings) -> Answer<Self> {
        let line = Line::open(settings).await.map_err(|error| line::fault(&error))?;
        check(&line, settings).await?;
        let store =
            Self { line, prefix: settings.prefix.clone(), scripts: Scripts::new(), draw: Script::new(DRAW) };
        // Whether scripts may be run here, and may read our keys.
        store.run(&store.scripts.look, IdempotencyKey::from_bytes([0; 32]), &[b""]).await?;
        Ok(store)
    }

    fn name(&self, key: IdempotencyKey) -> String {
        format!("{}{key}", self.prefix)
    }

    /// What a script answers: a letter, and what goes with it.
    async fn run(&self, script: &Script, key: IdempotencyKey, args: &[&[u8]]) -> Answer<Said> {
        let name = self.name(key);
        Said::of(script.run(&self.line, &name, args).await?, name)
    }

    async fn write(&self, script: &Script, key: IdempotencyKey, args: &[&[u8]]) -> Answer<Written> {
        self.run(script, key, args).await?.written()
    }

    /// What an operator decides.
    async fn decide(&self, script: &Script, key: IdempotencyKey, args: &[&[u8]]) -> Answer<bool> {
        let name = self.name(key);
        let said = Said::of(script.run_once(&self.line, &name, args).await?, name)?;
        Ok(said.written()? == Written::Yes)
    }

    /// Whatever the server says, it has heard.
    async fn tell(&self, farewell: &Farewell) -> Answer<()> {
        let name = self.name(farewell.key());
        let told = match farewell {
            Farewell::Abandon { hold, may_have_run } => {
                let state: &[u8] = if *may_have_run { b"d" } else { b"l" };
                self.scripts.settle.run(&self.line, &name, &[&row::hold(*hold), state]).await
            }
            Farewell::Withdraw { owner, .. } => {
                self.scripts.withdraw.run(&self.line, &name, &[&owner.to_be_bytes()]).await
            }
        };
        told.map(drop)
    }
}

/// Warns of a server that may forget; where results are required to last, it is refused.
async fn check(line: &Line, settings: &Settings) -> Answer<()> {
    let mut risks = Vec::new();
    for info in line.info().await.map_err(|error| line::fault(&error))? {
        match &info {
            Some(info) => {
                let health = Health::of(info);
                if let Some(why) = health.refusal(settings.cluster) {
                    return Err(LedgerError::new(why));
                }
                risks.extend(health.risks());
            }
            None => risks.push(Risk::Unknown),
        }
    }
    risks.sort_unstable();
    risks.dedup();
    match risks.first() {
        Some(risk) if settings.durable => {
            Err(LedgerError::new(format!("`durable=required`, but {}", risk.words())))
        }
        _ => {
            for risk in risks {
                emit(&Event { site: "", decision: Decision::LedgerAtRisk(risk) });
            }
            Ok(())
        }
    }
}

struct Said {
    name: String,
    bytes: Vec<u8>,
}

impl Said {
    fn of(answer: Value, name: String) -> Answer<Self> {
        match answer {
            Value::BulkString(bytes) if bytes != b"x" => Ok(Self { name, bytes }),
            _ => Err(row::damaged(&name)),
        }
    }

    fn written(&self) -> Answer<Written> {
        match self.letter() {
            b'y' => Ok(Written::Yes),
            b'l' => Ok(Written::LeaseLost),
            _ => Err(self.unexpected()),
        }
    }

    fn letter(&self) -> u8 {
        self.bytes.first().copied().unwrap_or_default()
    }

    fn number(&self, at: usize) -> Answer<u64> {
        let bytes = self.bytes.get(at..).and_then(|bytes| bytes.first_chunk());
        bytes.map(|bytes| u64::from_be_bytes(*bytes)).ok_or_else(|| self.unexpected())
    }

    fn stored(&self) -> Answer<Stored> {
        let stored = self.bytes.split_first().and_then(|(state, bytes)| row::stored(*state, bytes));
        stored.ok_or_else(|| row::damaged(&self.name))
    }

    fn unexpected(&self) -> LedgerError {
        LedgerError::lasting(format!(
            "redis: an answer about `{}` that no script of this version gives",
            self.name
        ))
    }
}

impl Store for Redis {
    async fn claim(&self, claim: &Claim) -> Answer<Claimed> {
        let (head, tail) = (row::head(claim), row::tail(claim));
        let (name, lease) = (self.name(claim.key), row::micros(claim.lease).to_string());
        let (is_wanted, args) = (|| claim.begin(), [&*head, &*tail, lease.as_bytes()]);
        let said = self.scripts.claim.run_if(is_wanted, script::TRIES, &self.line, &name, &args).await?;
        let said = Said::of(said, name)?;
        Ok(match said.letter() {
            b'g' => Claimed::Granted { fence: said.number(1)? },
            b'r' => Claimed::Running { fence: said.number(1)?, left: Duration::from_micros(said.number(9)?) },
            b'd' => Claimed::InDoubt,
            b'm' => Claimed::Mismatch,
            _ => Claimed::Done(said.stored()?),
        })
    }

    async fn renew(&self, hold: Hold, lease: Duration) -> Answer<Written> {
        let lease = row::micros(lease).to_string();
        self.write(&self.scripts.renew, hold.key, &[&row::hold(hold), lease.as_bytes()]).await
    }

    async fn complete(&self, hold: Hold, result: &Stored, ttl: Duration) -> Answer<Written> {
        let (state, body) = row::body(&result.body);
        let (version, ttl) = (result.version.to_be_bytes(), row::millis(ttl).to_string());
        let args: [&[u8]; 5] = [&row::hold(hold), state, &version, body, ttl.as_bytes()];
        self.write(&self.scripts.settle, hold.key, &args).await
    }

    async fn release(&self, hold: Hold) -> Answer<Written> {
        self.write(&self.scripts.settle, hold.key, &[&row::hold(hold), b"l"]).await
    }

    async fn part(&self, farewells: &[Farewell]) -> Answer<()> {
        // Side by side: under load a round trip is long, and more may be cut in it than fit into a few.
        let mut told: FuturesUnordered<_> = farewells.iter().map(|farewell| self.tell(farewell)).collect();
        while let Some(heard) = told.next().await {
            heard?;
        }
        Ok(())
    }

    async fn look(&self, key: IdempotencyKey, fence: u64) -> Answer<Seen> {
        let said = self.run(&self.scripts.look, key, &[&fence.to_be_bytes()]).await?;
        Ok(match said.letter() {
            b'r' => Seen::Running,
            b'l' => Seen::Ended(None),
            _ => Seen::Ended(Some(said.stored()?)),
        })
    }

    async fn in_doubt(&self, most: usize) -> Answer<Vec<Entry>> {
        let doubtful = |entry: &Entry| entry.state == crate::ledger::EntryState::InDoubt;
        Ok(oldest(self.scan(doubtful).await?, most))
    }

    async fn find(&self, text: &str, most: usize) -> Answer<Vec<Entry>> {
        let found = oldest(self.scan(|entry| called(&entry.text, text)).await?, most);
        // Those had no results with them.
        let mut entries = Vec::with_capacity(found.len());
        for entry in found {
            entries.extend(self.inspect(entry.key).await?);
        }
        Ok(entries)
    }

    async fn inspect(&self, key: IdempotencyKey) -> Answer<Option<Entry>> {
        let said = self.run(&self.scripts.inspect, key, &[]).await?;
        if said.bytes.is_empty() {
            return Ok(None);
        }
        let (now, record) = said.bytes.split_first_chunk().ok_or_else(|| said.unexpected())?;
        let record = row::record(key, record, u64::from_be_bytes(*now))?;
        Ok(Some(record.entry(Tick::now())))
    }

    async fn forget(&self, key: IdempotencyKey, fence: u64) -> Answer<bool> {
        self.decide(&self.scripts.forget, key, &[&fence.to_be_bytes()]).await
    }

    async fn resolve(&self, key: IdempotencyKey, fence: u64, body: Body) -> Answer<bool> {
        let (state, body) = row::body(&body);
        let args: [&[u8]; 3] = [&fence.to_be_bytes(), state, body];
        self.decide(&self.scripts.resolve, key, &args).await
    }

    async fn draw(&self, draw: Draw) -> Answer<Drawn> {
        let nanos = draw.interval.as_nanos();
        let interval = format!("{}.{:03}", nanos / 1_000, nanos % 1_000);
        let [burst, least, wanted] = [draw.burst, draw.least, draw.wanted].map(|number| number.to_string());
        let args: [&[u8]; 4] = [interval.as_bytes(), burst.as_bytes(), least.as_bytes(), wanted.as_bytes()];
        let name = format!("{}limit:{}", self.prefix, IdempotencyKey::from_bytes(draw.limit));
        let said = Said::of(self.draw.run(&self.line, &name, &args).await?, name)?;
        let number = said.bytes.get(1..).and_then(|digits| str::from_utf8(digits).ok()?.parse::<u64>().ok());
        match (said.letter(), number) {
            (b'g', Some(permits)) => Ok(Drawn::Granted(u32::try_from(permits).unwrap_or(draw.wanted))),
            (b'n', Some(micros)) => Ok(Drawn::NoneFor(Duration::from_micros(micros))),
            _ => Err(said.unexpected()),
        }
    }
}
