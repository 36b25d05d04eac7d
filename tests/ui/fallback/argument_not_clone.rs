use resilience::fallback;

struct Ticket {
    seats: u64,
}

#[fallback(|_| Ok(ticket.seats))]
async fn quote(ticket: Ticket) -> std::io::Result<u64> {
    Ok(ticket.seats)
}

fn main() {}
