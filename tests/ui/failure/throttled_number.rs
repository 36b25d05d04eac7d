use resilience::Failure;

#[derive(Debug, Failure)]
enum PayError {
    #[failure(throttled = 5)]
    Busy,
}

fn main() {}
