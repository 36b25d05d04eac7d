use resilience::Failure;

#[derive(Debug, Failure)]
enum PayError {
    #[failure(throttled = seconds)]
    Busy { seconds: u64 },
}

fn main() {}
