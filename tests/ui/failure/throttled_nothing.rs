use resilience::Failure;

#[derive(Debug, Failure)]
enum PayError {
    #[failure(throttled = wait)]
    Busy,
}

fn main() {}
