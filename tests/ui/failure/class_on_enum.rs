use resilience::Failure;

#[derive(Debug, Failure)]
#[failure(permanent)]
enum PayError {
    Declined,
}

fn main() {}
