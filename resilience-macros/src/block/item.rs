//! The item under the attribute: which it is, and a block with its methods parsed as functions.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, ImplItem, LitStr, Path, Visibility};

use crate::error::{Result, at_span};
use crate::item::Function;

/// What `#[policies]` stands on.
pub(super) enum Kind {
    Function,
    Impl,
    Trait,
    Module,
    Type,
    Other,
}

impl Kind {
    pub(super) fn of(tokens: &TokenStream) -> Option<Self> {
        let word = |input: ParseStream<'_>| {
            input.call(Attribute::parse_outer)?;
            input.parse::<Visibility>()?;
            let word = keyword(input)?;
            input.parse::<TokenStream>()?;
            Ok(word)
        };
        Some(match word.parse2(tokens.clone()).ok()?.to_string().as_str() {
            "fn" => Self::Function,
            "impl" => Self::Impl,
            "trait" => Self::Trait,
            "mod" => Self::Module,
            "struct" | "enum" | "union" => Self::Type,
            _ => Self::Other,
        })
    }

    /// Why it cannot have policies, and what can.
    pub(super) fn refuse(&self, here: Span) -> syn::Error {
        let (what, help) = match self {
            Self::Trait => (
                "a trait: its methods run where they are implemented",
                "put it on the `impl` block, or policies on each method that has a default body",
            ),
            Self::Module => ("a module", "put it on each `impl` block and each `async fn` in it"),
            Self::Type => ("a type: it runs nothing itself", "put it on the `impl` block with its methods"),
            _ => ("this item", "put it on the `impl` block or the `async fn` that it is meant for"),
        };
        at_span(here, format!("`#[policies]` does not go on {what}"), help)
    }
}

/// The word that says what an item is, behind those that say how.
fn keyword(input: ParseStream<'_>) -> syn::Result<Ident> {
    const HOW: [&str; 7] = ["default", "unsafe", "safe", "auto", "const", "async", "extern"];
    loop {
        input.parse::<Option<LitStr>>()?;
        let word = input.call(Ident::parse_any)?;
        if !HOW.iter().any(|how| word == how) {
            return Ok(word);
        }
    }
}

/// An `impl` block.
pub(super) struct Block {
    pub(super) attrs: Vec<Attribute>,
    /// What stands in front of the braces.
    head: TokenStream,
    inner: Vec<Attribute>,
    pub(super) members: Vec<Member>,
    braces: Span,
    /// What its `#[policies(crate = path)]` says.
    pub(super) facade: Option<Path>,
}

pub(super) enum Member {
    Method(Box<Function>),
    Other(Box<ImplItem>),
}

impl Block {
    pub(super) fn parse(tokens: TokenStream, facade: Option<Path>) -> Result<Self> {
        let whole = |input: ParseStream<'_>| {
            let attrs = input.call(Attribute::parse_outer)?;
            let mut head: Vec<TokenTree> = input.parse::<TokenStream>()?.into_iter().collect();
            let Some(TokenTree::Group(braces)) = head.pop() else {
                return Err(input.error("expected braces"));
            };
            let (inner, members) = members.parse2(braces.stream())?;
            Ok(Self {
                attrs,
                head: head.into_iter().collect(),
                inner,
                members,
                braces: braces.span(),
                facade,
            })
        };
        Ok(whole.parse2(tokens)?)
    }
}

fn members(input: ParseStream<'_>) -> syn::Result<(Vec<Attribute>, Vec<Member>)> {
    let inner = input.call(Attribute::parse_inner)?;
    let mut members = Vec::new();
    while !input.is_empty() {
        let ahead = input.fork();
        ahead.call(Attribute::parse_outer)?;
        ahead.parse::<Visibility>()?;
        let method = keyword(&ahead).is_ok_and(|word| word == "fn");
        members.push(if method {
            Member::Method(Box::new(input.parse()?))
        } else {
            Member::Other(Box::new(input.parse()?))
        });
    }
    Ok((inner, members))
}

impl ToTokens for Block {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let Self { attrs, head, inner, members, braces, .. } = self;
        let mut block = Group::new(Delimiter::Brace, quote!(#(#inner)* #(#members)*));
        block.set_span(*braces);
        tokens.extend(quote!(#(#attrs)* #head #block));
    }
}

impl ToTokens for Member {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Self::Method(function) => function.to_tokens(tokens),
            Self::Other(item) => item.to_tokens(tokens),
        }
    }
}
