use std::time::Duration;

use resilience::Failure;

#[derive(Debug, Failure)]
enum PayError {
    #[failure(throttled = back_after)]
    Busy { pause: Duration },
}

fn main() {}
