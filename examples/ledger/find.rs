//! Which record a person means.

use resilience::{Entry, IdempotencyKey, Operator};

use crate::show;
use crate::stop::Stop;
use crate::words::plain;

/// The fewest digits that stand for a stored key.
pub(crate) const FEWEST: usize = 8;

/// What names one record.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) key: String,
    pub(crate) fence: Option<u64>,
}

/// Those whose key as written or stored key this is. Fewer digits of a stored key are looked for in what is in doubt.
pub(crate) async fn all(operator: &Operator, key: &str) -> Result<Vec<Entry>, Stop> {
    let mut entries = operator.find(key, usize::MAX).await?;
    let stored = match key.parse::<IdempotencyKey>() {
        Ok(stored) => operator.inspect(stored).await?.into_iter().collect(),
        Err(_) if is_short(key) => {
            let mut doubts = operator.in_doubt(usize::MAX).await?;
            let digits = key.to_ascii_lowercase();
            doubts.retain(|entry| entry.key.to_string().starts_with(&digits));
            doubts
        }
        Err(_) => Vec::new(),
    };
    for entry in stored {
        if entries.iter().all(|known| known.key != entry.key) {
            entries.push(entry);
        }
    }
    Ok(entries)
}

/// The one record to decide over.
pub(crate) async fn one(operator: &Operator, named: &Named) -> Result<Entry, Stop> {
    let mut entries = all(operator, &named.key).await?;
    if entries.len() > 1 {
        return Err(Stop::Failed(format!(
            "{} records are called {:?}, and nothing was done; name one by its stored key:\n\n{}",
            entries.len(),
            named.key,
            show::choice(&entries).trim_end()
        )));
    }
    let entry = entries.pop().ok_or_else(|| nothing(&named.key))?;
    match named.fence {
        Some(fence) if fence != entry.fence => Err(Stop::Failed(format!(
            "the record has changed: its fence is {}, and not {fence}; nothing was done, inspect it again",
            entry.fence
        ))),
        _ => Ok(entry),
    }
}

pub(crate) fn nothing(key: &str) -> Stop {
    let key = plain(key);
    let stored = match key.parse::<IdempotencyKey>() {
        Ok(_) => ", and none has it as its stored key",
        Err(_) if is_short(&key) => ", and no stored key in doubt begins so",
        Err(_) => "",
    };
    Stop::Failed(format!("nothing found: no record of any site has the key `{key}`{stored}"))
}

fn is_short(key: &str) -> bool {
    key.len() >= FEWEST && key.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// So many digits tell the stored keys of these records apart.
pub(crate) fn digits(entries: &[Entry]) -> usize {
    let mut keys: Vec<_> = entries.iter().map(|entry| entry.key.to_string()).collect();
    keys.sort_unstable();
    let alike = |pair: &[String]| pair[0].bytes().zip(pair[1].bytes()).take_while(|(a, b)| a == b).count();
    let most_alike = keys.windows(2).map(alike).max().unwrap_or(0);
    FEWEST.max(most_alike + 1)
}
