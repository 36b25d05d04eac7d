//! A walk over all records, for operators: node by node, in batches that do not hold a server up.

use std::collections::BTreeMap;

use redis::{Pipeline, Value};

use super::line::{Node, fault};
use super::{Answer, Redis, row};
use crate::key::IdempotencyKey;
use crate::ledger::{Entry, LedgerError};
use crate::time::Tick;

/// So many keys are looked at in one go.
const BATCH: usize = 500;

impl Redis {
    /// The records that are wanted, without their results.
    pub(super) async fn scan(&self, wanted: impl Fn(&Entry) -> bool + Send + Sync) -> Answer<Vec<Entry>> {
        // A walk may come by a key twice.
        let mut entries = BTreeMap::new();
        let pattern = format!("{}*", escaped(&self.prefix));
        for node in self.line.nodes().await.map_err(|error| fault(&error))? {
            let mut cursor = b"0".to_vec();
            loop {
                let (next, keys) = self.step(&node, &cursor, &pattern).await?;
                let seen = self.look_at(&node, &keys).await?;
                entries.extend(seen.into_iter().filter(&wanted).map(|entry| (entry.key, entry)));
                if next == b"0" {
                    break;
                }
                cursor = next;
            }
        }
        Ok(entries.into_values().collect())
    }

    /// The next batch of keys, and where the one after it begins.
    async fn step(
        &self,
        node: &Node,
        cursor: &[u8],
        pattern: &str,
    ) -> Answer<(Vec<u8>, Vec<IdempotencyKey>)> {
        let mut scan = redis::cmd("SCAN");
        scan.arg(cursor).arg("MATCH").arg(pattern).arg("COUNT").arg(BATCH);
        let answer = self.line.ask_at(node, scan).await.map_err(|error| fault(&error))?;
        let (next, names): (Vec<u8>, Vec<Vec<u8>>) = redis::from_redis_value(answer)
            .map_err(|error| LedgerError::new(format!("redis: an answer to SCAN that is none: {error}")))?;
        // Under the same prefix there may be other things of ours.
        let key = |name: &Vec<u8>| str::from_utf8(name).ok()?.strip_prefix(&self.prefix)?.parse().ok();
        Ok((next, names.iter().filter_map(key).collect()))
    }

    async fn look_at(&self, node: &Node, keys: &[IdempotencyKey]) -> Answer<Vec<Entry>> {
        let mut ask = Pipeline::new();
        ask.cmd("TIME");
        for key in keys {
            ask.cmd("GETRANGE").arg(self.name(*key)).arg(0).arg(row::WITHOUT_RESULT - 1);
        }
        let mut answers = self.line.ask_all(node, ask).await.map_err(|error| fault(&error))?.into_iter();
        let time = answers.next().and_then(|time| redis::from_redis_value::<(u64, u64)>(time).ok());
        let Some((seconds, micros)) = time else {
            return Err(LedgerError::new("redis: an answer to TIME that is none".to_owned()));
        };
        let mut entries = Vec::new();
        for (key, answer) in keys.iter().zip(answers) {
            // A key of another type is none of ours.
            if let Value::BulkString(bytes) = answer
                && let Some(record) = row::without_result(*key, &bytes, seconds * 1_000_000 + micros)?
            {
                entries.push(record.entry(Tick::now()));
            }
        }
        Ok(entries)
    }
}

/// As a pattern that means itself.
fn escaped(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for char in text.chars() {
        if matches!(char, '*' | '?' | '[' | ']' | '\\') {
            pattern.push('\\');
        }
        pattern.push(char);
    }
    pattern
}
