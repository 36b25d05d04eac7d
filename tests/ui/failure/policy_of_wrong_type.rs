use resilience::Failure;

#[derive(Debug, Failure)]
enum PayError {
    #[failure(policy)]
    Policy(String),
}

fn main() {}
