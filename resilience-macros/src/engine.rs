//! The engine of a policy with a state: that of its function, a shared one (`share = ...`), or one for each key
//! (`key = ...`).

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use resilience_policy::StateOf;
use syn::Expr;

use crate::args::{Args, Number};
use crate::error::{at, at_span};
use crate::item::{borrowed, join};
use crate::layer::At;
use crate::params::{Fields, quoted};
use crate::paths::{item, local, runtime};

/// A kind of engine: its words in messages, and its type.
pub(crate) struct Kind {
    /// In an error: "a shared breaker".
    pub(crate) noun: &'static str,
    /// What it is called in the code, as in `BREAKER_0`.
    pub(crate) name: &'static str,
    pub(crate) ty: &'static str,
    /// The arguments that speak of the function and not of what it shares.
    pub(crate) own: &'static [&'static str],
}

/// An engine, and whose it is.
pub(crate) struct Engine {
    kind: &'static Kind,
    whose: Whose,
}

enum Whose {
    Own,
    Shared(Expr),
    Keyed(Expr),
}

/// Whether this names a place, and computes nothing.
pub(crate) fn is_place(expr: &Expr) -> bool {
    match expr {
        Expr::Path(_) => true,
        Expr::Field(field) => is_place(&field.base),
        Expr::Paren(inner) => is_place(&inner.expr),
        Expr::Group(inner) => is_place(&inner.expr),
        _ => false,
    }
}

impl Engine {
    /// Reads `share`, `key` and `max_keys`. Comes after all other arguments, some of which have no place beside `share`.
    pub(crate) fn read<P: Copy + 'static>(
        args: &mut Args,
        fields: &mut Fields<P>,
        kind: &'static Kind,
        state: fn(&mut P) -> &mut StateOf,
    ) -> Self {
        let mut parts = Fields::new(StateOf::OWN);
        let share = quoted(args, &mut parts, "share", |state, share| state.share = share);
        let key = quoted(args, &mut parts, "key", |state, key| state.key = key);
        args.check_key("key", key.as_ref());
        let max_keys = args.value::<Number<u32>>("max_keys").map(|given| given.map(|number| number.0));
        parts.set("max_keys", max_keys, false, |state, max| state.max_keys = max);
        if let (Some(place), None) = (parts.written("max_keys"), &key) {
            let help = "say what each key stands for: `key = host`";
            args.errors.push(at_span(place, "`max_keys` bounds the keys, and there is no `key`", help));
        }
        if let Some(share) = &share {
            let beside = fields.places().iter().filter(|(name, _)| !kind.own.contains(name));
            let beside = beside.chain(parts.places().iter().filter(|(name, _)| *name == "key"));
            for (name, place) in beside {
                let wrong = format!("`{name}` stands beside `share`, and a shared {} has its own", kind.noun);
                let help = match *name {
                    "key" => {
                        "keep `share` for one state of many functions, or `key` for many states of this one"
                            .to_owned()
                    }
                    _ => format!("write it where the {} is made: `{}::new(...)`", kind.noun, kind.ty),
                };
                args.errors.push(at_span(*place, wrong, help));
            }
            if !is_place(share) {
                let wrong = format!("`share` is the place of a {}", kind.noun);
                args.errors.push(at(share, wrong, "name a `static`, or a field such as `self.shared`"));
            }
        }
        let runtime = runtime();
        fields.set_parts("state", &quote!(#runtime::policy::StateOf), parts, state);
        let whose = match (share, key) {
            (Some(place), _) => Whose::Shared(place),
            (None, Some(key)) => Whose::Keyed(key),
            (None, None) => Whose::Own,
        };
        Self { kind, whose }
    }

    /// The static of the policy, unless it is somebody else's.
    pub(crate) fn declare(&self, at: &At<'_>) -> TokenStream {
        let (runtime, site, params, name) =
            (&at.runtime, &at.site, &at.params, item(self.kind.name, at.index));
        let engine = Ident::new(self.kind.ty, Span::mixed_site());
        let made = quote!(#runtime::#engine::of_site(&#site, #params));
        match &self.whose {
            Whose::Shared(_) => TokenStream::new(),
            Whose::Own => quote_spanned!(Span::mixed_site()=> static #name: #runtime::#engine = #made;),
            Whose::Keyed(_) => quote_spanned! {Span::mixed_site()=>
                static #name: #runtime::Keyed<#runtime::#engine> =
                    #runtime::Keyed::new(#made, #params.state.max_keys);
            },
        }
    }

    /// Chooses the state by its key, once for the call.
    pub(crate) fn prepare(&self, at: &At<'_>) -> TokenStream {
        let Whose::Keyed(key) = &self.whose else { return TokenStream::new() };
        let (runtime, site, name, chosen) =
            (&at.runtime, &at.site, item(self.kind.name, at.index), at.local(&self.variable()));
        let borrowed = borrowed(key);
        let key = quote_spanned!(join(key)=> #runtime::Encoded::of(#borrowed));
        quote_spanned!(Span::mixed_site()=> let #chosen = (&#name).choose(&#site, #key);)
    }

    /// The question whether a call may come in, with what else the engine wants to know.
    pub(crate) fn admit(&self, at: &At<'_>, more: Option<&TokenStream>) -> TokenStream {
        let (runtime, site, name) = (&at.runtime, &at.site, item(self.kind.name, at.index));
        let site = match more {
            Some(more) => quote!(&#site, #more),
            None => quote!(&#site),
        };
        match &self.whose {
            Whose::Own => quote!((&#name).admit(#site)),
            Whose::Keyed(_) => {
                let chosen = at.local(&self.variable());
                quote!((&#chosen).admit(#more))
            }
            Whose::Shared(place) => {
                // A type instead of a function, which a wrong one would be shown. Wholly at the place: what a block
                // gives to ten methods is then one error.
                let (engine, shared) = (Ident::new(self.kind.ty, join(place)), local("shared"));
                let held = at.own_self.place(&place.to_token_stream());
                let shared = quote_spanned! {join(place)=>
                    { let #shared: &#runtime::#engine = &#held; #shared }
                };
                quote!(#shared.admit(#site))
            }
        }
    }

    /// The static that can tell what it holds.
    pub(crate) fn gauge(&self, at: &At<'_>) -> Option<Ident> {
        match &self.whose {
            Whose::Shared(_) => None,
            Whose::Own | Whose::Keyed(_) => Some(item(self.kind.name, at.index)),
        }
    }

    /// Whether all who implement a trait would have one state, if the function is a default method.
    pub(crate) fn is_own(&self) -> bool {
        matches!(self.whose, Whose::Own)
    }

    pub(crate) fn is_shared(&self) -> bool {
        matches!(self.whose, Whose::Shared(_))
    }

    /// The place of a shared one, which is borrowed while the body runs.
    pub(crate) fn place(&self) -> Option<&Expr> {
        match &self.whose {
            Whose::Shared(place) => Some(place),
            // Evaluated before.
            Whose::Own | Whose::Keyed(_) => None,
        }
    }

    fn variable(&self) -> String {
        format!("{}_of_key", self.kind.name.to_lowercase())
    }
}
