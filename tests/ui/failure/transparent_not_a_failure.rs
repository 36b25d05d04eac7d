use resilience::Failure;

#[derive(Debug)]
struct CardError;

#[derive(Debug, Failure)]
enum PayError {
    #[failure(transparent)]
    Card(CardError),
}

fn main() {}
