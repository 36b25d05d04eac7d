//! The names that generated code uses.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote};
use syn::Path;

/// How generated code reaches the runtime: by one name, which the function imports at its top. So it reaches `core` too, as
/// `__resilience::core`: a dependency may have that name.
pub(crate) fn runtime() -> Ident {
    Ident::new("__resilience", Span::mixed_site())
}

/// The path of the facade: `::resilience`, or what `crate = path` says.
pub(crate) fn facade(given: Option<&Path>) -> TokenStream {
    given.map_or_else(|| quote!(::resilience), |path| quote!(#path))
}

/// An item of the function, one per policy.
pub(crate) fn item(kind: &str, index: usize) -> Ident {
    format_ident!("__{kind}_{index}", span = Span::mixed_site())
}

/// A local variable, which user code cannot see.
pub(crate) fn local(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}

/// The stack's const, first in the function: a second, separate expansion sees by it that it comes too late.
pub(crate) const MARKER: &str = "__RESILIENCE_STACK";
