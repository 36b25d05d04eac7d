use resilience::Failure;

#[derive(Debug, Failure)]
enum PayError {
    #[failure = "transient"]
    Unreachable,
}

fn main() {}
