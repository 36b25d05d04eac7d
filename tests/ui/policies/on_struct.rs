use resilience::policies;

#[policies(timeout(ms = 500))]
struct Client;

#[policies(timeout(ms = 500))]
enum State {
    Open,
}

fn main() {
    let _ = (Client, State::Open);
}
