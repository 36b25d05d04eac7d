use resilience::Failure;

#[derive(Debug, Failure)]
enum PayError {
    #[failure(policy)]
    Policy,
}

fn main() {}
