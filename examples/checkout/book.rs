//! The gateway's book: an append-only file, the only witness of who was charged and how often.
//!
//! ```text
//! request,<order>,<key or ->,<fate>,<outcome>     one row per request: outcome is charged, repeated or nothing
//! effect,<order>,<receipt>,<cents>                one row each time that money was taken
//! ```

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use crate::order::{Order, Receipt};
use crate::plan::Fate;

/// What a request did to the customer's money.
#[derive(Clone, Copy)]
pub(crate) enum Outcome {
    Charged,
    /// The key was known: the first receipt again.
    Repeated,
    Nothing,
}

/// The book, open for writing. Each row is in the file before the gateway replies.
pub(crate) struct Book {
    file: File,
    receipts: u64,
}

impl Book {
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        Ok(Self { file: File::create(path)?, receipts: 0 })
    }

    pub(crate) fn request(
        &mut self,
        order: Order,
        key: Option<&str>,
        fate: Fate,
        outcome: Outcome,
    ) -> io::Result<()> {
        let outcome = match outcome {
            Outcome::Charged => "charged",
            Outcome::Repeated => "repeated",
            Outcome::Nothing => "nothing",
        };
        self.row(&format!("request,{},{},{fate:?},{outcome}\n", order.id, key.unwrap_or("-")))
    }

    /// Takes the money.
    pub(crate) fn effect(&mut self, order: Order) -> io::Result<Receipt> {
        let receipt = Receipt { number: self.receipts, order: order.id, cents: order.cents };
        self.row(&format!("effect,{},{},{}\n", receipt.order, receipt.number, receipt.cents))?;
        self.receipts += 1;
        Ok(receipt)
    }

    /// A row is one write, so a gateway that is killed never leaves half of one.
    fn row(&mut self, row: &str) -> io::Result<()> {
        self.file.write_all(row.as_bytes())
    }
}

/// What the book says about a whole run.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) requests: u64,
    pub(crate) charged_once: u64,
    /// Orders with two effects or more.
    pub(crate) double_charged: u64,
    /// Orders with none.
    pub(crate) lost: u64,
}

/// Reads the book back, for the orders `0..orders`.
pub(crate) fn tally(path: &Path, orders: u64) -> io::Result<Tally> {
    count(&fs::read_to_string(path)?, orders)
}

fn count(book: &str, orders: u64) -> io::Result<Tally> {
    let mut tally = Tally::default();
    let mut effects = HashMap::<u64, u64>::new();
    for row in book.lines() {
        match row.split(',').collect::<Vec<_>>()[..] {
            ["request", _order, _key, _fate, _outcome] => tally.requests += 1,
            ["effect", order, _receipt, _cents] if let Ok(order) = order.parse() => {
                *effects.entry(order).or_default() += 1;
            }
            _ => return Err(io::Error::new(io::ErrorKind::InvalidData, format!("not a row: {row:?}"))),
        }
    }
    for order in 0..orders {
        match effects.get(&order) {
            None => tally.lost += 1,
            Some(1) => tally.charged_once += 1,
            Some(_) => tally.double_charged += 1,
        }
    }
    Ok(tally)
}

#[cfg(test)]
mod tests {
    use super::{Tally, count};

    #[test]
    fn effects_are_counted_by_order() {
        let book = "effect,0,0,999\nrequest,0,-,Answered,charged\nrequest,1,-,Unavailable,nothing\n\
                    effect,2,1,500\nrequest,2,-,ReplyLost,charged\neffect,2,2,500\nrequest,2,-,Answered,charged\n";
        let expected = Tally { requests: 4, charged_once: 1, double_charged: 1, lost: 1 };
        assert_eq!(count(book, 3).unwrap(), expected);
        assert!(count("effect,x,1,2", 1).is_err());
    }
}
