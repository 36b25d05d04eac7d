//! What the visitor sees. Dependencies answer with numbers, which stand for all that they would say.

use std::fmt;

/// Suggested to those of whom nothing is known.
pub(crate) const BESTSELLER: u64 = 1;

pub(crate) struct Page {
    pub(crate) customer: u64,
    pub(crate) item: u64,
    pub(crate) cents: u64,
    pub(crate) suggested: u64,
    pub(crate) reviews: Option<u64>,
    pub(crate) stock: Option<u64>,
    pub(crate) degraded: bool,
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Hello {}! Teapot {}: {}.{:02}",
            self.customer,
            self.item,
            self.cents / 100,
            self.cents % 100
        )?;
        match self.stock {
            Some(stock) => write!(f, ", {stock} in stock")?,
            None => write!(f, ", in stock: please ask")?,
        }
        match self.reviews {
            Some(reviews) => write!(f, ", {reviews} reviews")?,
            None => write!(f, ", reviews: back soon")?,
        }
        write!(f, ". You may also like teapot {}.", self.suggested)
    }
}
