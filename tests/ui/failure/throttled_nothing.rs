use resilience::Failure;

#[derive(Debug, Failure)]
enum PayError {
    #[failure(throttled = back_after)]
    Busy,
}

fn main() {}
