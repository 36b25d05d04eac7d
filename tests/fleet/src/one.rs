//! One call, at the word of the parent, who also says when the process may go: what it owes the ledger is written in the
//! background.

use std::io::{self, BufRead};

use crate::work::{Body, Guarantee, call};

/// A key that nobody else uses: by the first call statements are prepared and scripts are loaded.
const FIRST: u64 = u64::MAX;

pub(crate) async fn run(key: u64, guarantee: Guarantee, body: Body) {
    call(FIRST - u64::from(std::process::id()), guarantee, Body::Usual).await.result.expect("it runs");
    println!("ready");
    let mut word = String::new();
    let said = |word: &mut String| io::stdin().lock().read_line(word).expect("the parent speaks");
    said(&mut word);
    let called = call(key, guarantee, body).await;
    match called.result {
        Ok(effect) if called.replayed => println!("replayed {effect}"),
        Ok(effect) => println!("ran {effect}"),
        Err(kind) => println!("error {kind:?}"),
    }
    tokio::task::spawn_blocking(move || said(&mut word)).await.expect("it reads");
}
