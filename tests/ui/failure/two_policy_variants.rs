use resilience::Failure;

#[derive(Debug, Failure)]
enum PayError {
    #[failure(policy)]
    TimedOut(resilience::Error),
    #[failure(policy)]
    Rejected(resilience::Error),
}

fn main() {}
