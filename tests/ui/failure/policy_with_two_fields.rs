use resilience::Failure;

#[derive(Debug, Failure)]
enum PayError {
    #[failure(policy)]
    Policy { site: String, error: resilience::Error },
}

fn main() {}
