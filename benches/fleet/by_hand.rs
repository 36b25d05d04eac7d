//! What somebody would write who knows the protocol: the statements of the ledgers through the same clients, without keys
//! that are hashes, leases that are renewed, waiting, retries or timeouts.

use std::sync::Arc;

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use redis::aio::MultiplexedConnection;
use tokio_postgres::NoTls;
use tokio_postgres::types::Type;

use crate::{Candidate, Receipt, body};

/// As many as the ledger has.
const CONNECTIONS: usize = 8;
const LEASE_MS: i64 = 60_000;
const TTL_MS: i64 = 86_400_000;

fn key(order: u64) -> [u8; 32] {
    let mut key = [0xff; 32];
    key[..8].copy_from_slice(&order.to_be_bytes());
    key
}

fn owner() -> [u8; 16] {
    let mut owner = [0; 16];
    owner[..8].copy_from_slice(&fastrand::u64(..).to_be_bytes());
    owner[8..].copy_from_slice(&fastrand::u64(..).to_be_bytes());
    owner
}

const BYTES: Type = Type::BYTEA;
const TEXT: Type = Type::TEXT;
const LONG: Type = Type::INT8;

pub(crate) struct PostgresByHand(Pool);

/// What the ledger says to the server, but for the schema in front of the names.
const CLAIM: &str = "WITH granted AS (INSERT INTO resilience_record (key, site, text, owner, fence, attempt, \
    fingerprint, version, ttl_ms, at_most_once, state, since, lease_until, expires_at, sweep_hour) \
    SELECT $1, $2, $3, $4, nextval('resilience_fence'), 1, $5, $6, $7, $8, 0, t, t + $9 * interval '1 ms', \
    CASE WHEN $8 THEN NULL ELSE t + ($9 + $7) * interval '1 ms' END, \
    ceil(extract(epoch FROM t + ($9 + $7) * interval '1 ms') / 3600)::int8 \
    FROM (SELECT clock_timestamp() AS t) AS clock WHERE NOT EXISTS (SELECT 1 FROM resilience_record WHERE key = $1) \
    ON CONFLICT (key) DO NOTHING RETURNING fence) \
    SELECT NULL::bytea, fence, 1::int8, NULL::bytea, 0::int8, false, 0::int2, NULL::timestamptz, NULL::timestamptz, \
    NULL::bytea, NULL::timestamptz FROM granted \
    UNION ALL SELECT owner, fence, attempt, fingerprint, version, at_most_once, state, lease_until, expires_at, body, \
    clock_timestamp() FROM resilience_record WHERE key = $1";
const CLAIMED: &[Type] = &[BYTES, TEXT, TEXT, BYTES, BYTES, LONG, LONG, Type::BOOL, LONG];
const COMPLETE: &str = "UPDATE resilience_record SET state = $4, version = $5, body = $6, since = clock_timestamp(), \
    expires_at = clock_timestamp() + $7 * interval '1 ms' \
    WHERE key = $1 AND owner = $2 AND fence = $3 AND state = 0 RETURNING fence";
const COMPLETED: &[Type] = &[BYTES, BYTES, LONG, Type::INT2, LONG, BYTES, LONG];

impl PostgresByHand {
    /// Over the tables that the ledger has made.
    pub(crate) async fn open(url: &str) -> Self {
        let how = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_config(url.parse().expect("a URL"), NoTls, how);
        Self(Pool::builder(manager).max_size(CONNECTIONS).runtime(Runtime::Tokio1).build().expect("a pool"))
    }
}

impl Candidate for Arc<PostgresByHand> {
    async fn call(&self, order: u64) -> Receipt {
        let (key, owner) = (key(order), owner());
        let (key, owner) = (key.as_slice(), owner.as_slice());
        let claimed = {
            let client = self.0.get().await.expect("a connection");
            let claim = client.prepare_typed_cached(CLAIM, CLAIMED).await.expect("prepared");
            let (text, none) = (order.to_string(), None::<&[u8]>);
            client
                .query_one(
                    &claim,
                    &[&key, &"by hand", &text, &owner, &none, &1_i64, &TTL_MS, &false, &LEASE_MS],
                )
                .await
                .expect("claimed")
        };
        if let Some(known) = claimed.get::<_, Option<&[u8]>>(9) {
            return serde_json::from_slice(known).expect("ours");
        }
        let receipt = body(order);
        let json = serde_json::to_vec(&receipt).expect("JSON");
        let client = self.0.get().await.expect("a connection");
        let complete = client.prepare_typed_cached(COMPLETE, COMPLETED).await.expect("prepared");
        let fence: i64 = claimed.get(1);
        let written = client.query(&complete, &[&key, &owner, &fence, &3_i16, &1_i64, &json, &TTL_MS]).await;
        assert_eq!(written.expect("completed").len(), 1);
        receipt
    }
}

#[derive(Clone)]
pub(crate) struct RedisByHand {
    connection: MultiplexedConnection,
    claim: Arc<redis::Script>,
    settle: Arc<redis::Script>,
}

macro_rules! script {
    ($name:literal) => {
        Arc::new(redis::Script::new(concat!(
            include_str!("../../resilience-runtime/src/ledger/redis/scripts/record.lua"),
            include_str!(concat!("../../resilience-runtime/src/ledger/redis/scripts/", $name, ".lua")),
        )))
    };
}

impl RedisByHand {
    pub(crate) async fn open(url: &str) -> Self {
        let client = redis::Client::open(url).expect("a URL");
        let connection = client.get_multiplexed_async_connection().await.expect("a server");
        Self { connection, claim: script!("claim"), settle: script!("settle") }
    }
}

impl Candidate for RedisByHand {
    async fn call(&self, order: u64) -> Receipt {
        let mut connection = self.connection.clone();
        let name = format!("by-hand:{order:064}");
        let owner = owner();
        let mut head = b"RSL1r\0\0".to_vec();
        head.extend([0; 32]);
        head.extend(owner);
        let mut tail = 1_u32.to_be_bytes().to_vec();
        tail.extend(TTL_MS.to_be_bytes());
        let text = order.to_string();
        for part in ["by hand", &text] {
            tail.extend(u16::try_from(part.len()).expect("short").to_be_bytes());
        }
        tail.extend(b"by hand");
        tail.extend(text.as_bytes());
        let claimed: Vec<u8> = self
            .claim
            .key(&name)
            .arg(&head)
            .arg(&tail)
            .arg(LEASE_MS * 1_000)
            .invoke_async(&mut connection)
            .await
            .expect("claimed");
        match claimed[0] {
            b'v' => serde_json::from_slice(&claimed[5..]).expect("ours"),
            b'g' => {
                let receipt = body(order);
                let mut held = owner.to_vec();
                held.extend(&claimed[1..9]);
                let written: Vec<u8> = self
                    .settle
                    .key(&name)
                    .arg(&held)
                    .arg("v")
                    .arg(&1_u32.to_be_bytes()[..])
                    .arg(serde_json::to_vec(&receipt).expect("JSON"))
                    .arg(TTL_MS)
                    .invoke_async(&mut connection)
                    .await
                    .expect("completed");
                assert_eq!(written, b"y");
                receipt
            }
            other => panic!("{}", char::from(other)),
        }
    }
}
