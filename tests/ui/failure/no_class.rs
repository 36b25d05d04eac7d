use resilience::Failure;

#[derive(Debug, Failure)]
enum PayError {
    #[failure(transient)]
    Unreachable,
    Declined { code: u32 },
    #[failure(policy)]
    Policy(resilience::Error),
}

fn main() {}
