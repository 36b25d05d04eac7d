//! A `&mut self` that a body uses up, and that each of its attempts needs: it is lent to each.

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use quote::quote;

use crate::args::find_ident;
use crate::paths::local;

/// Where `self` stands as a value, as in `let this = self;`, it is borrowed anew; and an `async move` block takes such a borrow.
/// `self.field`, `&self`, and what is in items of the body, stay as they are.
pub(super) fn again(tokens: TokenStream) -> TokenStream {
    let tokens = Tokens(tokens.into_iter().collect());
    let (mut out, mut at) = (Vec::new(), 0);
    while let Some(token) = tokens.0.get(at) {
        if let Some(length) = tokens.item(at) {
            out.extend(tokens.0[at..at + length].iter().cloned());
            at += length;
            continue;
        }
        match token {
            TokenTree::Ident(this) if tokens.is_used_up(at) => out.extend(quote!((&mut *#this))),
            TokenTree::Group(block) if tokens.is_taking_block(at) => {
                let keywords = out.split_off(out.len() - 2);
                out.extend(taking(block, &keywords));
            }
            TokenTree::Group(group) => out.push(inside(group, again)),
            token => out.push(token.clone()),
        }
        at += 1;
    }
    out.into_iter().collect()
}

/// The `async move` block, in one of its own that lends it a `self` by another name: no `let` can bind this one.
fn taking(block: &Group, keywords: &[TokenTree]) -> TokenStream {
    let (this, own) = (find_ident(block.stream(), "self"), local("this"));
    let block = inside(block, |tokens| rename(tokens, &own));
    quote!({ let #own = &mut *#this; #(#keywords)* #block })
}

struct Tokens(Vec<TokenTree>);

impl Tokens {
    fn is_word(&self, at: Option<usize>, words: &[&str]) -> bool {
        let token = at.and_then(|at| self.0.get(at));
        matches!(token, Some(TokenTree::Ident(ident)) if words.iter().any(|word| ident == word))
    }

    fn is_sign(&self, at: Option<usize>, signs: &[char]) -> bool {
        let token = at.and_then(|at| self.0.get(at));
        matches!(token, Some(TokenTree::Punct(punct)) if signs.contains(&punct.as_char()))
    }

    /// The length of the item that begins here, in which `self` is another one.
    fn item(&self, at: usize) -> Option<usize> {
        let is_function =
            self.is_word(Some(at), &["fn"]) && matches!(self.0.get(at + 1), Some(TokenTree::Ident(_)));
        if !is_function && !self.is_word(Some(at), &["impl", "trait", "mod", "use"]) {
            return None;
        }
        let ends = |token: &TokenTree| match token {
            TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
            TokenTree::Punct(punct) => punct.as_char() == ';',
            _ => false,
        };
        let rest = &self.0[at..];
        Some(rest.iter().position(ends).map_or(rest.len(), |end| end + 1))
    }

    /// Whether this is `self`, as a value of its own.
    fn is_used_up(&self, at: usize) -> bool {
        let before = at.checked_sub(1);
        self.is_word(Some(at), &["self"])
            && !self.is_sign(Some(at + 1), &['.', ':', '?'])
            && !self.is_sign(before, &['&', '*', '.'])
            && !self.is_word(before, &["mut"])
    }

    /// Whether this is the block of `async move`, and names `self`.
    fn is_taking_block(&self, at: usize) -> bool {
        self.is_word(at.checked_sub(1), &["move"])
            && self.is_word(at.checked_sub(2), &["async"])
            && matches!(&self.0[at], TokenTree::Group(block) if find_ident(block.stream(), "self").is_some())
    }
}

/// The group with its tokens changed.
fn inside(group: &Group, change: impl FnOnce(TokenStream) -> TokenStream) -> TokenTree {
    let mut changed = Group::new(group.delimiter(), change(group.stream()));
    changed.set_span(group.span());
    TokenTree::Group(changed)
}

/// A place, or a block, with another name for its `self`.
pub(crate) fn rename(tokens: TokenStream, name: &Ident) -> TokenStream {
    let mut tokens = tokens.into_iter().peekable();
    let mut out = TokenStream::new();
    while let Some(token) = tokens.next() {
        let path = matches!(tokens.peek(), Some(TokenTree::Punct(punct)) if punct.as_char() == ':');
        out.extend([match token {
            TokenTree::Ident(ident) if ident == "self" && !path => {
                let mut name = name.clone();
                name.set_span(name.span().located_at(ident.span()));
                TokenTree::Ident(name)
            }
            TokenTree::Group(group) => inside(&group, |tokens| rename(tokens, name)),
            token => token,
        }]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_uses_it_up_is_changed() {
        for same in [
            quote!(self.a += self.b();),
            quote!(
                use a::{self, b};
            ),
            quote!(format!("{self}")),
            quote!(
                fn one(self) -> Self {
                    self
                }
                struct A;
                impl<T: B<C = D>> A {
                    fn two(self) -> Self {
                        self
                    }
                }
            ),
            quote!(async { self.a }.await),
            quote!(async move { a }.await),
        ] {
            assert_eq!(again(same.clone()).to_string(), same.to_string());
        }
        for (written, lent) in [
            (quote!(let this = self;), quote!(let this = (&mut *self);)),
            (quote!(f(self, &self, &mut self, *self)), quote!(f((&mut *self), &self, &mut self, *self))),
            (quote!(let f: fn(u8) = self.f; g(self)), quote!(let f: fn(u8) = self.f; g((&mut *self)))),
            (
                quote!(async move { self.a }.await),
                quote!(
                    {
                        let this = &mut *self;
                        async move { this.a }
                    }
                    .await
                ),
            ),
        ] {
            assert_eq!(again(written).to_string(), lent.to_string());
        }
    }
}
