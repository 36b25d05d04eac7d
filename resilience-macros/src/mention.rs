//! Which arguments of the function the expressions of a policy name.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::quote_spanned;
use syn::Token;
use syn::ext::IdentExt;

use crate::args::{find_ident, names_value};
use crate::arguments::{bounded, has_ident};
use crate::item::{Binding, Function, join};
use crate::layer::Layer;
use crate::stack::Stack;

/// Whether a body may name the argument, also inside of a format string, or by the words of a macro of its own.
pub(crate) fn may_name(body: &TokenStream, ident: &Ident) -> bool {
    has_ident(body, ident) || in_text(body, &format!("{{{}", ident.unraw()))
}

/// Whether an expression of a policy names the argument, also inside of a format string. A field or a method of this name is
/// another thing.
pub(crate) fn names(tokens: &TokenStream, ident: &Ident) -> bool {
    names_value(tokens.clone(), ident) || in_text(tokens, &format!("{{{}", ident.unraw()))
}

/// Whether a body may name the receiver.
pub(crate) fn may_name_self(body: &TokenStream) -> bool {
    may_name(body, &Ident::new("self", Span::call_site()))
}

/// Whether an expression of a policy names the receiver.
pub(crate) fn names_self(tokens: &TokenStream) -> bool {
    names(tokens, &Ident::new("self", Span::call_site()))
}

/// Whether something in the tokens, such as a closure, takes what it names.
pub(crate) fn takes(tokens: &TokenStream) -> bool {
    find_ident(tokens.clone(), "move").is_some()
}

fn in_text(tokens: &TokenStream, start: &str) -> bool {
    let ends = |rest: &str| rest.starts_with(['}', ':']);
    tokens.clone().into_iter().any(|token| match token {
        TokenTree::Literal(text) => text.to_string().split(start).skip(1).any(ends),
        TokenTree::Group(group) => in_text(&group.stream(), start),
        _ => false,
    })
}

/// A policy that moves an argument gets a clone, where it evaluates it again or somebody above it names the same one.
pub(crate) fn again(function: &Function, stack: &Stack, index: usize) -> TokenStream {
    let mentions = stack.layers[index].kind.mentions();
    let needed = |binding: &Binding| {
        let repeats = |layer: &Layer| layer.kind.needs().repeats;
        let named = |layer: &Layer| names(&layer.kind.mentions(), &binding.ident);
        let mut above = stack.layers[..index].iter();
        names(&mentions, &binding.ident)
            && !binding.reference()
            && (repeats(&stack.layers[index]) || above.any(|layer| repeats(layer) || named(layer)))
    };
    let clone = |binding: &Binding| {
        let (ident, copy) = (&binding.ident, bounded(binding, "again", Some(Token![&](join(&binding.ty)))));
        // A name that only looks like the argument leaves it unused.
        let mutable = binding.mutable;
        let condition = binding.condition();
        quote_spanned!(Span::mixed_site()=> #condition #[allow(unused_variables, unused_mut)] let #mutable #ident = #copy;)
    };
    function.bindings().iter().filter(|binding| needed(binding)).map(clone).collect()
}
