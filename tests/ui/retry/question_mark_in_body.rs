use resilience::{Failure, retry};

#[derive(Debug)]
struct DnsError;

#[derive(Debug, Failure)]
enum LoadError {
    #[failure(transient)]
    Unreachable,
    #[failure(policy)]
    Policy(resilience::Error),
}

fn resolve(host: &str) -> Result<String, DnsError> {
    if host.is_empty() { Err(DnsError) } else { Ok(host.to_owned()) }
}

#[retry(repeatable = "a read")]
async fn load(host: &str) -> Result<String, LoadError> {
    let address = resolve(host)?;
    Ok(address)
}

fn main() {}
