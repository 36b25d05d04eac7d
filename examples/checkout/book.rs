//! The gateway's book: an append-only file, the only witness of who was charged and how often.
//!
//! ```text
//! request,<order>,<key or ->,<fate>,<outcome>     one row per request: outcome is charged, repeated or nothing
//! effect,<order>,<receipt>,<cents>                money was taken; always the row after its request
//! ```

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::history::History;
use crate::order::{Order, Receipt};
use crate::plan::Fate;

/// How long a gateway waits for the one before it, which lives on until its last charge is written.
const LOCK_WAIT: Duration = Duration::from_secs(10);

/// What a request without a charge was.
#[derive(Clone, Copy)]
pub(crate) enum Outcome {
    /// The key was known: the first receipt again.
    Repeated,
    Nothing,
}

/// The book, open for writing by one gateway. Each row is in the file before the gateway replies.
pub(crate) struct Book {
    file: File,
    length: u64,
    next_receipt: u64,
}

impl Book {
    /// Opens the book, once no other gateway writes in it, and reads it. What a killed gateway left half written is cut
    /// off.
    pub(crate) async fn open(path: &Path) -> io::Result<(Self, History)> {
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        lock(&file, path).await?;
        let named =
            |error| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {error}", path.display()));
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        let history = History::of(&text).map_err(named)?;
        file.set_len(history.whole)?;
        Ok((Self { file, length: history.whole, next_receipt: history.next_receipt }, history))
    }

    /// A request that takes no money.
    pub(crate) fn request(
        &mut self,
        order: Order,
        key: Option<&str>,
        fate: Fate,
        outcome: Outcome,
    ) -> io::Result<()> {
        let outcome = match outcome {
            Outcome::Repeated => "repeated",
            Outcome::Nothing => "nothing",
        };
        self.write(&format!("{},{outcome}\n", request(order, key, fate)))
    }

    /// Takes the money.
    pub(crate) fn charge(&mut self, order: Order, key: Option<&str>, fate: Fate) -> io::Result<Receipt> {
        let receipt = Receipt { number: self.next_receipt, order: order.id, cents: order.cents };
        let effect = format!("effect,{},{},{}", receipt.order, receipt.number, receipt.cents);
        self.write(&format!("{},charged\n{effect}\n", request(order, key, fate)))?;
        self.next_receipt += 1;
        Ok(receipt)
    }

    /// One write, with the effect last: if a kill tears it, the key is there or the effect is not.
    fn write(&mut self, rows: &str) -> io::Result<()> {
        if let Err(error) = self.file.write_all(rows.as_bytes()) {
            // A full disk: half a row must not stand before the next one.
            self.file.set_len(self.length)?;
            return Err(error);
        }
        self.length += rows.len() as u64;
        Ok(())
    }
}

fn request(order: Order, key: Option<&str>, fate: Fate) -> String {
    format!("request,{},{},{fate:?}", order.id, key.unwrap_or("-"))
}

async fn lock(file: &File, path: &Path) -> io::Result<()> {
    let until = Instant::now() + LOCK_WAIT;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if Instant::now() < until => sleep(Duration::from_millis(10)).await,
            Err(TryLockError::WouldBlock) => {
                let problem = format!("{}: another gateway still writes in this book", path.display());
                return Err(io::Error::other(problem));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{Book, Duration, Fate, Order, Outcome, Write, io};

    #[tokio::test]
    async fn a_book_goes_on_where_it_was() -> io::Result<()> {
        let path = std::env::temp_dir().join(format!("checkout-test-{}.book", std::process::id()));
        let _ = fs::remove_file(&path);
        let order = Order { id: 4, cents: 700 };

        let (mut book, before) = Book::open(&path).await?;
        assert_eq!(before.submitted(), 0);
        let receipt = book.charge(order, Some("k4"), Fate::ReplyLost)?;
        book.request(order, Some("k4"), Fate::Answered, Outcome::Repeated)?;
        book.file.write_all(b"request,5,k5,Answered,charged\neffect,5,")?;

        // Nobody else writes while this one lives.
        assert!(tokio::time::timeout(Duration::from_millis(50), Book::open(&path)).await.is_err());
        drop(book);
        let (mut book, history) = Book::open(&path).await?;
        assert_eq!((history.requests[&4], &history.receipts["k4"]), (2, &receipt));
        assert!(!history.is_charged(5));
        assert_eq!(book.charge(Order { id: 5, cents: 1 }, None, Fate::Slow)?.number, 1);

        let text = "request,4,k4,ReplyLost,charged\neffect,4,0,700\nrequest,4,k4,Answered,repeated\n\
                    request,5,-,Slow,charged\neffect,5,1,1\n";
        assert_eq!(fs::read_to_string(&path)?, text);
        fs::remove_file(&path)
    }
}
