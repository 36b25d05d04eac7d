//! A process that charges an order, and hangs when the effect is in its transaction.

use resilience_transactions::{Body, Call, Client, Sqlx};

#[tokio::main]
async fn main() {
    let mut args = std::env::args().skip(1);
    let (url, order) = (args.next().expect("a URL"), args.next().expect("an order"));
    let mut client = Sqlx::connect(&url).await;
    let call = Call::of(order.parse().expect("a number")).body(Body::Hangs);
    client.call(call).await;
}
