//! What has happened, in a file that all processes append to: it outlives them, and takes a row whole or not at all.
//!
//! ```text
//! effect,KEY,FENCE,EFFECT    a body took effect
//! kept,KEY,EFFECT            a call that did not run the body got this result
//! hang,KEY,MILLISECONDS      a call took longer than any may
//! ```

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::OnceLock;

static BOOK: OnceLock<Book> = OnceLock::new();

pub(crate) struct Book(File);

impl Book {
    pub(crate) fn open(path: &Path) {
        let file = OpenOptions::new().append(true).create(true).open(path).expect("the book opens");
        assert!(BOOK.set(Self(file)).is_ok(), "one book");
    }

    pub(crate) fn write(row: &str) {
        let mut file = &BOOK.get().expect("it is open").0;
        file.write_all(format!("{row}\n").as_bytes()).expect("the book is written");
    }
}
