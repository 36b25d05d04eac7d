//! How the arguments of the function get into its body, which may run again.

use std::ops::Range;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::Token;
use syn::ext::IdentExt;

use crate::args::{find_ident, names_value};
use crate::error::{Errors, Result, at};
use crate::item::{Binding, Body, Function, join};
use crate::layer::Needs;
use crate::mention;
use crate::paths::{self, local};
use crate::stack::Stack;

/// How the arguments get into the body.
#[derive(Default)]
pub(crate) struct Arguments {
    /// Outside of the loop: what a repeated body needs again.
    pub(crate) slots: TokenStream,
    /// At the top of the body.
    pub(crate) bind: TokenStream,
}

impl Arguments {
    /// A body that runs once takes its arguments. One that runs again gets them from slots.
    pub(crate) fn of(function: &mut Function, body: &Body, part: &Part) -> Result<Self> {
        let Part { mentions, needs, last, .. } = part;
        let (mut arguments, mut errors) = (Self::default(), Errors::default());
        let (needs, last) = (*needs, last.as_ref());
        let (mut kept, mut bound) = (Vec::new(), Vec::new());
        for binding in function.bindings() {
            if needs.overlaps && binding.mutable_reference() {
                errors.push(not_shared(&binding));
                continue;
            }
            let mentioned = mention::names(mentions, &binding.ident);
            let keep = mentioned && !binding.reference();
            if keep {
                kept.push(binding.ident.clone());
            }
            // What the body does not name it does not use up, and its own binding would be unused. A format string only
            // borrows, unless it is in a block that takes all that it names.
            let statements = body.block.stream();
            let is_named = names_value(statements.clone(), &binding.ident);
            let takes = needs.repeats || mention::takes(&statements);
            let is_taken = is_named || takes && mention::may_name(&statements, &binding.ident);
            if !is_taken {
                continue;
            }
            let before = std::mem::take(&mut arguments.bind);
            if keep {
                arguments.cloned(&binding, "again");
            } else if mentioned || needs.repeats {
                arguments.repeated(&binding, last);
                bound.push(binding.ident);
            } else if binding.mutable_reference() {
                // The block takes it whole, as the function did: it may be made another one, or returned.
                arguments.bind(&binding, &binding.ident.to_token_stream());
                bound.push(binding.ident);
            }
            let own = std::mem::replace(&mut arguments.bind, before);
            let allow = (!is_named && !own.is_empty()).then(|| quote!(#[allow(unused_variables)]));
            arguments.bind.extend(quote!(#allow #own));
        }
        function.spare_mut(|name| kept.contains(name));
        function.strip_mut(|name| bound.contains(name) || needs.repeats && !kept.contains(name));
        errors.finish(arguments)
    }

    /// Somebody needs the argument after the body has taken it, or at the same time: the body gets a clone.
    fn cloned(&mut self, binding: &Binding, by: &str) {
        let copy = bounded(binding, by, Some(Token![&](join(&binding.ty))));
        self.bind(binding, &copy);
    }

    /// Every attempt gets its own.
    fn repeated(&mut self, binding: &Binding, last: Option<&TokenStream>) {
        let (ident, runtime) = (&binding.ident, paths::runtime());
        if binding.shared_reference() {
            if binding.mutable.is_some() {
                self.bind(binding, &quote!(#ident));
            }
        } else if binding.mutable_reference() {
            self.bind(binding, &quote_spanned!(Span::mixed_site()=> &mut *#ident));
        } else if let Some(last) = last {
            let slot = local(&format!("{}_slot", ident.unraw()));
            let value = quote_spanned!(Span::mixed_site()=> #runtime::hand_out(&mut #slot, #last));
            let taken = bounded(binding, "slot", None);
            let condition = binding.condition();
            self.slots.extend(quote_spanned!(Span::mixed_site()=> #condition let mut #slot = #taken;));
            self.bind(binding, &value);
        } else {
            self.cloned(binding, "another");
        }
    }

    fn bind(&mut self, binding: &Binding, value: &TokenStream) {
        let (ident, mutable) = (&binding.ident, binding.mutable);
        let condition = binding.attrs();
        let shadows = quote!(#[allow(clippy::shadow_unrelated)]); // by a copy of itself
        self.bind
            .extend(quote_spanned!(Span::mixed_site()=> #condition #shadows let #mutable #ident = #value;));
    }
}

/// Some of the policies, one below the other.
pub(crate) struct Part {
    /// The tokens of the user that can name arguments after the body has taken them.
    pub(crate) mentions: TokenStream,
    /// What goes to a pool below, apart from the body.
    pub(crate) over: TokenStream,
    pub(crate) needs: Needs,
    /// Whether the attempt that runs is the last one of every retry in this part. Where attempts overlap there is none.
    pub(crate) last: Option<TokenStream>,
}

impl Part {
    /// Those on the same side of a pool.
    pub(crate) fn around(stack: &Stack, index: usize) -> Self {
        let count = stack.layers.len();
        match stack.layers.iter().position(|layer| layer.kind.needs().crosses) {
            None => Self::of(stack, 0..count),
            Some(pool) if index <= pool => {
                let over = Self::of(stack, pool + 1..count).mentions;
                Self { over, ..Self::of(stack, 0..pool) }
            }
            Some(pool) => Self::of(stack, pool + 1..count),
        }
    }

    pub(crate) fn of(stack: &Stack, range: Range<usize>) -> Self {
        let layers = &stack.layers[range.clone()];
        let needs = layers.iter().fold(Needs::default(), |needs, layer| needs | layer.kind.needs());
        Self {
            mentions: layers.iter().map(|layer| layer.kind.mentions()).collect(),
            over: TokenStream::new(),
            needs,
            last: (!needs.overlaps).then(|| last(stack, &range)),
        }
    }
}

/// Attempts that run side by side cannot change the same thing.
fn not_shared(binding: &Binding) -> syn::Error {
    let wrong = "a hedged function cannot take `&mut`: its attempts run side by side";
    at(
        &binding.ty,
        wrong,
        "take it by `&`, with a lock around what changes; or by value, and return what is new",
    )
}

/// The call `function(tokens)` with a bound on the argument, which an error shows at its type.
pub(crate) fn bounded(binding: &Binding, function: &str, borrow: Option<Token![&]>) -> TokenStream {
    let (ty, runtime, function) = (&binding.ty, paths::runtime(), local(function));
    let named = binding.whole && find_ident(ty.to_token_stream(), "impl").is_none();
    let ty = named.then(|| quote!(::<#ty>));
    let mut ident = binding.ident.clone();
    ident.set_span(ident.span().located_at(join(&binding.ty)));
    quote_spanned!(Span::mixed_site()=> #runtime::#function #ty (#borrow #ident))
}

pub(crate) fn has_ident(tokens: &TokenStream, ident: &Ident) -> bool {
    find_ident(tokens.clone(), &ident.unraw().to_string()).is_some()
}

/// Whether the attempt that runs is the last one of every retry in this part.
fn last(stack: &Stack, range: &Range<usize>) -> TokenStream {
    let retries = stack.layers.iter().enumerate().filter(|(_, layer)| layer.kind.needs().repeats);
    let count = retries.clone().count();
    let names = retries.filter(|(index, _)| range.contains(index)).map(|(index, layer)| {
        let name = layer.name;
        if count > 1 { local(&format!("{name}_{index}")) } else { local(name) }
    });
    quote!(#((&#names).last())&&*)
}
