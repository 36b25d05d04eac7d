//! Errors that say what they mean, found again behind a type that does not.

use std::error::Error as StdError;
use std::marker::PhantomData;

use super::Failure;

/// Looks whether an error is of one type that says what it means.
pub type Look = for<'a> fn(&'a (dyn StdError + 'static)) -> Option<&'a (dyn Failure + 'static)>;

/// One for each type of the program that derives `Failure`. The name carries the version, as that of the sites does.
#[linkme::distributed_slice]
pub static RESILIENCE_FAILURES_0_1: [Look];

/// Stands for a type that derives `Failure`, in the search for whether it is an error too.
pub struct Derived<E>(PhantomData<fn() -> E>);

impl<E> Derived<E> {
    /// Of this type.
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

/// For a type that is an error. Found before [`IsNoError`], which is for a reference.
pub trait IsError {
    /// The error, if it is of this type.
    fn look<'a>(&self, error: &'a (dyn StdError + 'static)) -> Option<&'a (dyn Failure + 'static)>;
}

impl<E: StdError + Failure + 'static> IsError for Derived<E> {
    fn look<'a>(&self, error: &'a (dyn StdError + 'static)) -> Option<&'a (dyn Failure + 'static)> {
        error.downcast_ref::<E>().map(|error| error as _)
    }
}

/// For a type that is none: it is in no chain.
pub trait IsNoError {
    /// Nothing.
    fn look<'a>(&self, error: &'a (dyn StdError + 'static)) -> Option<&'a (dyn Failure + 'static)>;
}

impl<E> IsNoError for &Derived<E> {
    fn look<'a>(&self, _: &'a (dyn StdError + 'static)) -> Option<&'a (dyn Failure + 'static)> {
        None
    }
}

/// What an error means, if its type says so: a rejection, an error of a crate that is known here, or one that derives
/// `Failure`.
#[cfg(feature = "anyhow")]
pub(crate) fn known<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a (dyn Failure + 'static)> {
    fn of<'a, E: StdError + Failure + 'static>(
        error: &'a (dyn StdError + 'static),
    ) -> Option<&'a (dyn Failure + 'static)> {
        Derived::<E>::new().look(error)
    }
    const KNOWN: &[Look] = &[
        of::<crate::Error>,
        of::<std::io::Error>,
        #[cfg(feature = "reqwest")]
        of::<reqwest::Error>,
        #[cfg(feature = "sqlx")]
        of::<sqlx::Error>,
        #[cfg(feature = "tonic")]
        of::<tonic::Status>,
    ];
    KNOWN.iter().chain(RESILIENCE_FAILURES_0_1.iter()).find_map(|look| look(error))
}
