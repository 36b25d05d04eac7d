//! Errors that say what they mean, found again behind a type that does not.

use std::error::Error as StdError;
use std::marker::PhantomData;

use super::Failure;

/// Looks whether an error is of one type that says what it means.
pub type Look = for<'a> fn(&'a (dyn StdError + 'static)) -> Option<&'a (dyn Failure + 'static)>;

/// One for each type of the program that derives `Failure`. The name carries the version, as that of the sites does.
#[linkme::distributed_slice]
pub static RESILIENCE_FAILURES_0_1: [Look];

/// Stands for a type that derives `Failure`, in the question whether it is an error too. Its own const is found before that of
/// [`IsNoError`], where its bounds hold.
pub struct Derived<E>(PhantomData<fn() -> E>);

impl<E: StdError + Failure + 'static> Derived<E> {
    /// The error, if it is of this type.
    pub const LOOK: Look = |error| error.downcast_ref::<E>().map(|error| error as _);
}

/// For a type that is none: it is in no chain.
pub trait IsNoError {
    /// Nothing.
    const LOOK: Look = |_| None;
}

impl<E> IsNoError for Derived<E> {}

/// What an error means, if its type says so: a rejection, an error of a crate that is known here, or one that derives
/// `Failure`.
#[cfg(feature = "anyhow")]
pub(crate) fn known<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a (dyn Failure + 'static)> {
    const KNOWN: &[Look] = &[
        Derived::<crate::Error>::LOOK,
        Derived::<std::io::Error>::LOOK,
        #[cfg(all(feature = "http", feature = "reqwest"))]
        Derived::<crate::propagation::StatusError>::LOOK,
        #[cfg(feature = "reqwest")]
        Derived::<reqwest::Error>::LOOK,
        #[cfg(feature = "sqlx")]
        Derived::<sqlx::Error>::LOOK,
        #[cfg(feature = "tonic")]
        Derived::<tonic::Status>::LOOK,
    ];
    KNOWN.iter().chain(RESILIENCE_FAILURES_0_1.iter()).find_map(|look| look(error))
}
