//! A value and its place: a literal, or an expression that only the compiler can compute.

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::{Expr, ExprLit, ExprUnary, Lit, UnOp};

use super::Arg;
use crate::error::{Place, at};

/// A value and its place.
pub(crate) struct Given<T> {
    pub(crate) value: T,
    pub(crate) place: Place,
}

/// What an argument can be read as.
pub(crate) trait FromArg: Sized {
    fn from_arg(arg: &Arg) -> syn::Result<Self>;
}

/// A literal that the rules can judge now, or an expression that only the compiler can compute.
#[derive(Clone)]
pub(crate) enum Value<T> {
    Literal(T),
    Const(Expr),
}

impl<T> Value<T> {
    pub(crate) fn literal(&self) -> Option<&T> {
        match self {
            Self::Literal(value) => Some(value),
            Self::Const(_) => None,
        }
    }
}

/// A constant has no `Self`: the rules judge it when the crate is checked, and the manifest lists it.
pub(super) fn constant<T>(value: &Expr) -> syn::Result<Value<T>> {
    if find_ident(value.to_token_stream(), "Self").is_some() {
        let help = "use a `const` outside of the `impl` block, or write the number";
        return Err(at(value, "`Self` is not known where this number is judged", help));
    }
    if find_ident(value.to_token_stream(), "self").is_some() {
        return Err(at(value, "this is known only when the function runs, and judged before", NOT_CONST));
    }
    Ok(Value::Const(value.clone()))
}

pub(crate) fn find_ident(tokens: TokenStream, name: &str) -> Option<Ident> {
    tokens.into_iter().find_map(|token| match token {
        proc_macro2::TokenTree::Ident(ident) if ident.unraw() == name => Some(ident),
        proc_macro2::TokenTree::Group(group) => find_ident(group.stream(), name),
        _ => None,
    })
}

/// For a number that only a call knows.
pub(crate) const NOT_CONST: &str = "write the number or a `const`; a time limit that each call computes is `#[timeout(after = ..., dynamic)]`";

/// Whether `name` stands in the tokens as a value of its own, not as a field or as a part of a path.
pub(crate) fn names_value(tokens: TokenStream, name: &Ident) -> bool {
    let tokens: Vec<_> = tokens.into_iter().collect();
    let is = |at: Option<usize>, sign: char| {
        let token = at.and_then(|at| tokens.get(at));
        matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == sign)
    };
    tokens.iter().enumerate().any(|(at, token)| match token {
        TokenTree::Ident(ident) => {
            let (before, more) = (at.checked_sub(1), at.checked_sub(2));
            let is_field = is(before, '.') && !is(more, '.');
            let is_in_path = is(before, ':') && is(more, ':') || is(Some(at + 1), ':');
            ident.unraw() == name.unraw() && !is_field && !is_in_path
        }
        TokenTree::Group(group) => names_value(group.stream(), name),
        _ => false,
    })
}

pub(super) fn literal(value: &Expr) -> Option<&Lit> {
    match value {
        Expr::Lit(ExprLit { lit, .. }) => Some(lit),
        Expr::Group(group) => literal(&group.expr),
        Expr::Paren(paren) => literal(&paren.expr),
        _ => None,
    }
}

pub(super) fn negative(value: &Expr) -> bool {
    matches!(value, Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) if literal(expr).is_some())
}

impl<T> Given<T> {
    pub(crate) fn map<U>(self, change: impl FnOnce(T) -> U) -> Given<U> {
        Given { value: change(self.value), place: self.place }
    }
}

impl<T> Value<T> {
    pub(crate) fn map<U>(self, change: impl FnOnce(T) -> U) -> Value<U> {
        match self {
            Self::Literal(value) => Value::Literal(change(value)),
            Self::Const(expr) => Value::Const(expr),
        }
    }
}
