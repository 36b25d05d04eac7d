//! Functions that return no `Result`, because the fallback on top answers everything.

use std::marker::PhantomData;

use crate::edge::{
    CarriesRejection, Edge, PolicyError, Returns, edge, edge_classifying, edge_plain, edge_rejecting,
};
use crate::{Error, Failure};

/// The result of such a function: its body never fails, and what a policy rejects is a [`crate::Error`].
pub struct Bare<T>(PhantomData<T>);

impl<T> Returns for Bare<T> {
    type Value = T;
    type Error = Error;
    type Edge = Edge<Self>;
    type Written = T;

    fn into_result(written: T) -> Result<T, Error> {
        Ok(written)
    }

    fn from_result(result: Result<T, Error>) -> T {
        result.unwrap_or_else(|_| unreachable!("the outermost fallback answers everything"))
    }
}

/// Tells by the type whether a function returns a `Result`, also under another name: its own methods are for those, and
/// the compiler prefers them to those of [`BareResult`], which are for all.
pub struct AnyResult<R>(PhantomData<R>);

/// The question.
pub fn any_result<R>() -> AnyResult<R> {
    AnyResult(PhantomData)
}

impl<T, E> AnyResult<Result<T, E>> {
    /// As the function of that name.
    pub fn edge(self) -> Edge<Result<T, E>>
    where
        E: PolicyError,
    {
        edge::<Result<T, E>>()
    }

    /// As the function of that name.
    pub fn edge_rejecting(self) -> Edge<Result<T, E>>
    where
        E: CarriesRejection,
    {
        edge_rejecting::<Result<T, E>>()
    }

    /// As the function of that name.
    pub fn edge_classifying(self) -> Edge<Result<T, E>>
    where
        E: Failure,
    {
        edge_classifying::<Result<T, E>>()
    }

    /// As the function of that name.
    pub fn edge_plain(self) -> Edge<Result<T, E>> {
        edge_plain::<Result<T, E>>()
    }
}

/// The edges of a function that returns no `Result`. Its error is a [`crate::Error`], which can do all that is asked.
pub trait BareResult<T>: Sized {
    /// All four are the same.
    fn edge(self) -> Edge<Bare<T>> {
        edge::<Bare<T>>()
    }

    /// All four are the same.
    fn edge_rejecting(self) -> Edge<Bare<T>> {
        self.edge()
    }

    /// All four are the same.
    fn edge_classifying(self) -> Edge<Bare<T>> {
        self.edge()
    }

    /// All four are the same.
    fn edge_plain(self) -> Edge<Bare<T>> {
        self.edge()
    }
}

impl<T> BareResult<T> for AnyResult<T> {}
