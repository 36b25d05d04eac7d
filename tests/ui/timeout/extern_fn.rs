use resilience::timeout;

#[timeout(ms = 500)]
extern "C" fn fetch(id: u32) -> u32 {
    id
}

fn main() {}
