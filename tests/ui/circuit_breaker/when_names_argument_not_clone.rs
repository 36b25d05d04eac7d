use resilience::circuit_breaker;

struct Ticket {
    strict: bool,
}

#[circuit_breaker(when = |_| ticket.strict)]
async fn quote(ticket: Ticket) -> std::io::Result<u64> {
    Ok(u64::from(ticket.strict))
}

fn main() {}
