use resilience::Failure;

#[derive(Debug, Failure)]
#[failure(default = permanant)]
enum PayError {
    Declined,
}

fn main() {}
