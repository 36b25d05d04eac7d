//! The attributes of `resilience`. Depend on `resilience`, not on this crate: its pages document them.

#![forbid(unsafe_code)]

mod args;
mod arguments;
mod block;
mod crossing;
mod engine;
mod error;
mod expand;
mod failure;
mod item;
mod judge;
mod layer;
mod lent;
mod mention;
mod params;
mod paths;
mod pipeline;
mod policies;
mod receiver;
mod stack;
mod stretch;
#[cfg(test)]
mod tests;
mod transaction;

use proc_macro::TokenStream;

/// Declares the attribute of each policy.
macro_rules! attributes {
    ($($name:ident)*) => {$(
        #[allow(missing_docs)] // the facade documents it
        #[proc_macro_attribute]
        pub fn $name(args: TokenStream, item: TokenStream) -> TokenStream {
            pipeline::attribute(stringify!($name), args.into(), &item.into()).into()
        }
    )*};
}

attributes! { timeout retry circuit_breaker bulkhead rate_limit hedge fallback idempotent exclusive policies }

#[allow(missing_docs)] // the facade documents it
#[proc_macro_derive(Failure, attributes(failure))]
pub fn derive_failure(item: TokenStream) -> TokenStream {
    failure::derive(item.into()).into()
}
