use resilience::Failure;

#[derive(Debug, Failure)]
enum PayError {
    #[failure(transcient)]
    Unreachable,
}

fn main() {}
