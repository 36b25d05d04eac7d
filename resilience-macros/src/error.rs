//! Errors add up: a stage reports all it has found, and the next stage starts only if there was nothing.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;

/// Everything that is wrong so far.
#[derive(Debug, Default)]
pub(crate) struct Errors(Vec<syn::Error>);

/// A stage has found errors.
pub(crate) type Result<T> = std::result::Result<T, Errors>;

impl Errors {
    pub(crate) fn push(&mut self, error: impl Into<Self>) {
        self.0.extend(error.into().0);
    }

    /// Keeps the error, if it is one, and goes on.
    pub(crate) fn take<T>(&mut self, result: std::result::Result<T, impl Into<Self>>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.push(error);
                None
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The end of a stage.
    pub(crate) fn finish<T>(self, value: T) -> Result<T> {
        if self.0.is_empty() { Ok(value) } else { Err(self) }
    }

    pub(crate) fn to_compile_error(&self) -> TokenStream {
        self.0.iter().map(syn::Error::to_compile_error).collect()
    }

    #[cfg(test)]
    pub(crate) fn messages(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }
}

impl From<syn::Error> for Errors {
    fn from(error: syn::Error) -> Self {
        Self(vec![error])
    }
}

/// What is wrong at `tokens`, and what to do about it.
pub(crate) fn at(
    tokens: impl ToTokens,
    wrong: impl std::fmt::Display,
    help: impl std::fmt::Display,
) -> syn::Error {
    syn::Error::new_spanned(tokens, format!("{wrong}\n  help: {help}"))
}

/// The same at a place that has no tokens of its own.
pub(crate) fn at_span(span: Span, wrong: impl std::fmt::Display, help: impl std::fmt::Display) -> syn::Error {
    syn::Error::new(span, format!("{wrong}\n  help: {help}"))
}

/// The one of `names` that was probably meant.
pub(crate) fn nearest<'a>(written: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let scored = names.into_iter().map(|name| (strsim::jaro_winkler(written, name), name));
    let best = scored.max_by(|(one, _), (two, _)| one.total_cmp(two))?;
    (best.0 > 0.8).then_some(best.1)
}

/// `a`, `b` and `c`, in the form of a message.
pub(crate) fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
