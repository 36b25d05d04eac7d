#![deny(warnings)]

pub mod api {
    use resilience::{Error, timeout};

    struct Secret;

    #[timeout(ms = 500)]
    pub async fn reveal() -> Result<Secret, Error> {
        Ok(Secret)
    }
}

fn main() {}
