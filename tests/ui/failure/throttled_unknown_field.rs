use std::time::Duration;

use resilience::Failure;

#[derive(Debug, Failure)]
enum PayError {
    #[failure(throttled = wait)]
    Busy { pause: Duration },
}

fn main() {}
