use resilience::Failure;

#[derive(Debug, Failure)]
enum PayError {
    #[failure(policy, not_run)]
    Policy(resilience::Error),
}

fn main() {}
