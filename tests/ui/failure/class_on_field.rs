use resilience::Failure;

#[derive(Debug, Failure)]
enum PayError {
    #[failure(permanent)]
    Declined,
    Policy(#[failure(policy)] resilience::Error),
}

fn main() {}
