//! A program whose only fault is a method of a generic `impl` without a `scope`: the set-up finds it, without a call.
#![allow(missing_docs)]

use resilience::{Error, InstallError, Runtime, idempotent};

struct Ledger<T>(T);

impl<T: Clone + Send + Sync> Ledger<T> {
    #[idempotent(key = 22)]
    async fn unscoped(&self) -> Result<u32, Error> {
        drop(self.0.clone());
        Ok(7)
    }

    #[idempotent(key = 22, scope = _)]
    async fn one_for_all(&self) -> Result<u32, Error> {
        self.unscoped().await
    }
}

#[test]
fn the_set_up_refuses_it() {
    drop(Ledger(1).one_for_all());
    let Err(InstallError::NameClash(clash)) = Runtime::builder().memory().build().install() else {
        panic!("it is installed")
    };
    let clash = clash.to_string();
    assert!(clash.starts_with("`generic_impl::Ledger::unscoped` (tests/generic_impl.rs:"), "{clash}");
    assert!(clash.contains("scope = _"), "{clash}");
}
