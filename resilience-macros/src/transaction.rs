//! A transaction of the caller's, which a policy uses before the body and after it.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::Expr;

use crate::error::{Errors, Result, at};
use crate::item::{Function, join};
use crate::layer::Layer;
use crate::receiver::Own;
use crate::stack::Stack;

/// How the function has the argument that a transaction is in.
enum Has {
    Mutable,
    Shared,
    /// The body takes it, and with it the transaction.
    Value(TokenStream),
    /// A pattern takes it apart.
    Parts,
    /// There is no such argument.
    No,
}

/// The name that a place begins with, and whether it is all of it.
fn root(place: &Expr) -> Option<(&Ident, bool)> {
    match place {
        Expr::Path(path) => path.path.get_ident().map(|name| (name, true)),
        Expr::Field(field) => root(&field.base).map(|(name, _)| (name, false)),
        Expr::Paren(inner) => root(&inner.expr),
        Expr::Group(inner) => root(&inner.expr),
        _ => None,
    }
}

fn has(function: &Function, place: &Expr) -> Has {
    let Some((name, _)) = root(place) else { return Has::No };
    if name == "self" {
        let Some(receiver) = function.receiver() else { return Has::No };
        return match Own::of(receiver) {
            Own::Mutable => Has::Mutable,
            Own::Shared | Own::Counted => Has::Shared,
            Own::Value => Has::Value(receiver.to_token_stream()),
        };
    }
    let bindings = function.bindings();
    let Some(binding) = bindings.iter().find(|binding| binding.ident == *name) else { return Has::No };
    match () {
        () if !binding.whole => Has::Parts,
        () if binding.mutable_reference() => Has::Mutable,
        () if binding.shared_reference() => Has::Shared,
        () => Has::Value(binding.ty.to_token_stream()),
    }
}

/// The function must have the transaction still when its body has run.
pub(crate) fn check(function: &Function, stack: &Stack) -> Result<()> {
    let mut errors = Errors::default();
    for place in stack.layers.iter().filter_map(|layer| layer.kind.transaction()) {
        let name = root(place).map(|(name, _)| name.to_string()).unwrap_or_default();
        match has(function, place) {
            Has::Mutable | Has::Shared => {}
            Has::Value(taken) => errors.push(at(
                taken,
                format!("the body takes `{name}`, and the result is written into its transaction afterwards"),
                format!("take `{name}` by `&mut`: who begins the transaction commits it, when the call has returned"),
            )),
            Has::Parts => errors.push(at(
                place,
                format!("`{name}` is a part of an argument"),
                "give the argument a name, and say `tx = argument.field`",
            )),
            Has::No => errors.push(at(
                place,
                "the function has no such argument",
                "`tx` names an argument such as `tx: &mut sqlx::PgConnection`, or a field of one: `tx = self.tx`",
            )),
        }
    }
    errors.finish(())
}

/// A mutable borrow of the transaction, or of a shared reference to it.
pub(crate) fn lend(function: &Function, layer: &Layer) -> TokenStream {
    let Some(place) = layer.kind.transaction() else { return TokenStream::new() };
    let there = Span::mixed_site().located_at(join(place));
    let target = match root(place) {
        Some((_, true)) => quote_spanned!(there=> *#place),
        _ => quote!(#place),
    };
    match has(function, place) {
        Has::Shared => quote_spanned!(there=> &mut &#target),
        _ => quote_spanned!(there=> &mut #target),
    }
}
