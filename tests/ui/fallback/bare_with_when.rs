use resilience::{fallback, timeout};

#[fallback(|_| None, when = |error: &resilience::Error| error.may_have_run())]
#[timeout(ms = 500)]
async fn find(id: u64) -> Option<u64> {
    Some(id)
}

fn main() {}
