//! What the book says: to a gateway that starts again, to customers who come back, and to the table in the end.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::Path;

use serde::Serialize;

use crate::order::Receipt;

/// A book as it was read.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct History {
    /// How many requests each order has made.
    pub(crate) requests: HashMap<u64, u64>,
    /// How often each order was charged.
    pub(crate) effects: HashMap<u64, u64>,
    /// What was answered to each key.
    pub(crate) receipts: HashMap<String, Receipt>,
    pub(crate) next_receipt: u64,
    /// The bytes of the whole rows. What follows is what a gateway was writing when it was killed, which nobody was
    /// told of.
    pub(crate) whole: u64,
}

/// What the book says about a whole run.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Tally {
    pub(crate) requests: u64,
    pub(crate) charged_once: u64,
    /// Orders with two effects or more.
    pub(crate) double_charged: u64,
    /// Orders with none.
    pub(crate) lost: u64,
}

impl History {
    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        Self::of(&fs::read_to_string(path)?).map_err(|error| {
            io::Error::new(io::ErrorKind::InvalidData, format!("{}: {error}", path.display()))
        })
    }

    pub(crate) fn of(book: &str) -> Result<Self, String> {
        let mut history = Self::default();
        // A charge whose effect must be the next row.
        let mut charged = None;
        let mut read = 0;
        for (line, row) in (1..).zip(book.split_inclusive('\n')) {
            read += row.len() as u64;
            let Some(row) = row.strip_suffix('\n') else { break };
            let known = history.row(&mut charged, row);
            known.ok_or_else(|| format!("line {line} is not a row: {row:?}"))?;
            if charged.is_none() {
                history.whole = read;
            }
        }
        Ok(history)
    }

    /// Takes in one row. `None` if this is no row, or not in this place.
    fn row<'a>(&mut self, charged: &mut Option<(u64, &'a str)>, row: &'a str) -> Option<()> {
        let columns = row.split(',').collect::<Vec<_>>();
        match (charged.take(), &columns[..]) {
            (None, ["request", order, key, _fate, "charged"]) => *charged = Some((order.parse().ok()?, key)),
            (None, ["request", order, _key, _fate, "repeated" | "nothing"]) => {
                self.count(order.parse().ok()?);
            }
            (Some((order, key)), ["effect", same, number, cents]) if same.parse() == Ok(order) => {
                let receipt = Receipt { number: number.parse().ok()?, order, cents: cents.parse().ok()? };
                self.count(order);
                *self.effects.entry(order).or_default() += 1;
                self.next_receipt = receipt.number + 1;
                if key != "-" {
                    self.receipts.insert(key.to_owned(), receipt);
                }
            }
            _ => return None,
        }
        Some(())
    }

    fn count(&mut self, order: u64) {
        *self.requests.entry(order).or_default() += 1;
    }

    pub(crate) fn is_charged(&self, order: u64) -> bool {
        self.effects.contains_key(&order)
    }

    /// The orders below this number had been submitted.
    pub(crate) fn submitted(&self) -> u64 {
        self.requests.keys().max().map_or(0, |highest| highest + 1)
    }

    /// Counts the orders `0..orders`.
    pub(crate) fn tally(&self, orders: u64) -> Tally {
        let mut tally = Tally { requests: self.requests.values().sum(), ..Tally::default() };
        for order in 0..orders {
            match self.effects.get(&order) {
                None => tally.lost += 1,
                Some(1) => tally.charged_once += 1,
                Some(_) => tally.double_charged += 1,
            }
        }
        tally
    }
}

#[cfg(test)]
mod tests {
    use super::{History, Receipt, Tally};

    const BOOK: &str = "request,0,k0,Answered,charged\neffect,0,0,999\nrequest,1,-,Unavailable,nothing\n\
                        request,2,-,ReplyLost,charged\neffect,2,1,500\nrequest,0,k0,Slow,repeated\n\
                        request,2,-,Answered,charged\neffect,2,2,500\n";

    #[test]
    fn a_book_tells_what_its_gateway_knew() {
        let history = History::of(BOOK).unwrap();
        let expected = Tally { requests: 5, charged_once: 1, double_charged: 1, lost: 1 };
        assert_eq!(history.tally(3), expected);
        assert_eq!(history.requests[&0], 2);
        assert_eq!(history.receipts["k0"], Receipt { number: 0, order: 0, cents: 999 });
        assert_eq!((history.receipts.len(), history.next_receipt, history.submitted()), (1, 3, 3));
        assert_eq!(history.whole, BOOK.len() as u64);
    }

    /// Wherever the last write broke off, the charges before it stand, and this one has not happened.
    #[test]
    fn a_torn_charge_is_no_charge() {
        let whole = History::of(BOOK).unwrap();
        let charge = "request,3,k3,Answered,charged\neffect,3,3,700\n";
        for end in 0..charge.len() {
            assert_eq!(History::of(&format!("{BOOK}{}", &charge[..end])).unwrap(), whole);
        }
        assert!(History::of(&format!("{BOOK}{charge}")).unwrap().is_charged(3));
    }

    #[test]
    fn garbage_is_an_error() {
        for garbage in ["effect,1,3,500", "request,1,-,Answered", "request,x,-,Slow,nothing", "", "money"] {
            let error = History::of(&format!("{BOOK}{garbage}\n{BOOK}")).unwrap_err();
            assert_eq!(error, format!("line 9 is not a row: {garbage:?}"));
        }
        // A charge without its effect, with rows behind it.
        assert!(History::of(&format!("request,3,k3,Answered,charged\n{BOOK}")).is_err());
    }
}
