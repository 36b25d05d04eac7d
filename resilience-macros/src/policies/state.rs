//! Whose state a policy has: that of its function, a shared one (`share = ...`), or one for each key (`key = ...`).

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use resilience_policy::StateOf;
use syn::Expr;

use super::retry::quoted;
use crate::args::{Args, Number};
use crate::error::{at, at_span};
use crate::item::{borrowed, join};
use crate::layer::{At, Fields};
use crate::paths::{item, local, runtime};

/// A policy with a state: its words in messages, and the type of its engine.
pub(super) struct Stateful {
    /// In an error: "a shared breaker".
    pub(super) noun: &'static str,
    /// What it is called in the code, as in `BREAKER_0`.
    pub(super) name: &'static str,
    pub(super) engine: &'static str,
    /// The arguments that speak of the function and not of what it shares.
    pub(super) own: &'static [&'static str],
}

/// Where the state is.
pub(super) enum State {
    Own,
    Shared(Expr),
    Keyed(Expr),
}

/// Reads `share`, `key` and `max_keys`. Comes after all other arguments, some of which have no place beside `share`.
pub(super) fn read<P: Copy + 'static>(
    args: &mut Args,
    fields: &mut Fields<P>,
    of: &Stateful,
    state: fn(&mut P) -> &mut StateOf,
) -> State {
    let mut parts = Fields::new(StateOf::OWN);
    let share = quoted(args, &mut parts, "share", |state, share| state.share = share);
    let key = quoted(args, &mut parts, "key", |state, key| state.key = key);
    let max_keys = args.value::<Number<u32>>("max_keys").map(|given| given.map(|number| number.0));
    parts.set("max_keys", max_keys, false, |state, max| state.max_keys = max);
    if let (Some(place), None) = (parts.written("max_keys"), &key) {
        let help = "say what each key stands for: `key = host`";
        args.errors.push(at_span(place, "`max_keys` bounds the keys, and there is no `key`", help));
    }
    if let Some(share) = &share {
        let beside = fields.places().iter().filter(|(name, _)| !of.own.contains(name));
        let beside = beside.chain(parts.places().iter().filter(|(name, _)| *name == "key"));
        for (name, place) in beside {
            let wrong = format!("`{name}` stands beside `share`, and a shared {} has its own", of.noun);
            let help = match *name {
                "key" => "keep `share` for one state of many functions, or `key` for many states of this one"
                    .to_owned(),
                _ => format!("write it where the {} is made: `{}::new(...)`", of.noun, of.engine),
            };
            args.errors.push(at_span(*place, wrong, help));
        }
        if !is_place(share) {
            let wrong = format!("`share` is the place of a {}", of.noun);
            args.errors.push(at(share, wrong, "name a `static`, or a field such as `self.shared`"));
        }
    }
    let runtime = runtime();
    fields.set_parts("state", &quote!(#runtime::policy::StateOf), parts, state);
    match (share, key) {
        (Some(place), _) => State::Shared(place),
        (None, Some(key)) => State::Keyed(key),
        (None, None) => State::Own,
    }
}

/// Whether this names a place, and computes nothing.
pub(super) fn is_place(expr: &Expr) -> bool {
    match expr {
        Expr::Path(_) => true,
        Expr::Field(field) => is_place(&field.base),
        Expr::Paren(inner) => is_place(&inner.expr),
        Expr::Group(inner) => is_place(&inner.expr),
        _ => false,
    }
}

impl State {
    /// The static of the policy, unless it is somebody else's.
    pub(super) fn declare(&self, of: &Stateful, at: &At<'_>) -> TokenStream {
        let (runtime, site, params, name) = (&at.runtime, &at.site, &at.params, item(of.name, at.index));
        let engine = Ident::new(of.engine, Span::mixed_site());
        let made = quote!(#runtime::#engine::of_site(&#site, #params));
        match self {
            Self::Shared(_) => TokenStream::new(),
            Self::Own => quote_spanned!(Span::mixed_site()=> static #name: #runtime::#engine = #made;),
            Self::Keyed(_) => quote_spanned! {Span::mixed_site()=>
                static #name: #runtime::Keyed<#runtime::#engine> =
                    #runtime::Keyed::new(#made, #params.state.max_keys);
            },
        }
    }

    /// Chooses the state by its key, once for the call.
    pub(super) fn prepare(&self, of: &Stateful, at: &At<'_>) -> TokenStream {
        let Self::Keyed(key) = self else { return TokenStream::new() };
        let (runtime, site, name, chosen) =
            (&at.runtime, &at.site, item(of.name, at.index), at.local(&variable(of)));
        let borrowed = borrowed(key);
        let key = quote_spanned!(join(key)=> #runtime::Encoded::of(#borrowed));
        quote_spanned!(Span::mixed_site()=> let #chosen = #name.choose(&#site, #key);)
    }

    /// The question whether a call may come in, with what else the engine wants to know.
    pub(super) fn admit(&self, of: &Stateful, at: &At<'_>, more: Option<&TokenStream>) -> TokenStream {
        let (runtime, site, name) = (&at.runtime, &at.site, item(of.name, at.index));
        let site = match more {
            Some(more) => quote!(&#site, #more),
            None => quote!(&#site),
        };
        match self {
            Self::Own => quote!(#name.admit(#site)),
            Self::Keyed(_) => {
                let chosen = at.local(&variable(of));
                quote!(#chosen.admit(#more))
            }
            Self::Shared(place) => {
                // A type instead of a function, which a wrong one would be shown. Wholly at the place: what a block gives to
                // ten methods is then one error.
                let (engine, shared) = (Ident::new(of.engine, join(place)), local("shared"));
                let shared = quote_spanned! {join(place)=>
                    { let #shared: &#runtime::#engine = &#place; #shared }
                };
                quote!(#shared.admit(#site))
            }
        }
    }

    pub(super) fn gauge(&self, of: &Stateful, at: &At<'_>) -> Option<Ident> {
        match self {
            Self::Shared(_) => None,
            Self::Own | Self::Keyed(_) => Some(item(of.name, at.index)),
        }
    }

    /// Whether all who implement a trait would have one state, if the function is a default method.
    pub(super) fn is_own(&self) -> bool {
        matches!(self, Self::Own)
    }

    /// The place of a shared one, which is borrowed while the body runs.
    pub(super) fn mentions(&self) -> Option<&Expr> {
        match self {
            Self::Shared(place) => Some(place),
            // Evaluated before.
            Self::Own | Self::Keyed(_) => None,
        }
    }
}

fn variable(of: &Stateful) -> String {
    format!("{}_of_key", of.name.to_lowercase())
}
