//! The stack as stretches: policies that one coroutine runs, one after the other. A policy that keeps what is below it as a
//! future, such as a hedge, ends the stretch; the others add no layer to the type of the call.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::Lifetime;

use crate::layer::Layer;
use crate::paths::{local, runtime};

/// How a policy, or the body, waits for something.
#[derive(Clone, Copy, Default)]
pub(crate) struct Wait {
    /// The first stretch has the call around it, the others are run by whoever keeps them.
    number: usize,
    /// So many timeouts of this stretch are above.
    under: usize,
}

/// The waits of all layers, and that of the body.
pub(crate) fn waits(layers: &[Layer]) -> Vec<Wait> {
    let below = |wait: &mut Wait, layer: &Layer| {
        if layer.kind.divides() {
            *wait = Wait { number: wait.number + 1, under: 0 };
        } else if layer.kind.cuts() {
            wait.under += 1;
        }
        Some(*wait)
    };
    let top = Wait::default();
    std::iter::once(top).chain(layers.iter().scan(top, below)).collect()
}

/// How the last stretch waits for the body, unless the policy above keeps that itself.
pub(crate) fn of_body(layers: &[Layer], waits: &[Wait]) -> Option<Wait> {
    let is_kept = layers.last().is_some_and(|above| above.kind.divides());
    waits.last().copied().filter(|_| !is_kept)
}

/// At the top of the stretch that begins at this layer, or at the body: the call, or the timeouts of a part of it.
pub(crate) fn declare(layers: &[Layer], waits: &[Wait], begin: usize) -> TokenStream {
    let end = layers[begin..].iter().position(|layer| layer.kind.divides());
    waits[end.map_or(layers.len(), |end| begin + end)].declare()
}

impl Wait {
    /// The timeouts of its stretch.
    pub(crate) fn timeouts(&self) -> TokenStream {
        match self.number {
            0 => {
                let call = local("call");
                quote!(#call.timeouts)
            }
            number => local(&format!("timeouts_{number}")).into_token_stream(),
        }
    }

    /// The level of a timeout that stands here.
    pub(crate) fn level(&self) -> usize {
        self.under
    }

    /// Behind a timeout of this level.
    pub(crate) fn label(&self, level: usize) -> Lifetime {
        let ident = local(&format!("timeout_{}_{level}", self.number));
        Lifetime { apostrophe: ident.span(), ident }
    }

    /// At the top of a stretch that ends here.
    fn declare(&self) -> TokenStream {
        let (runtime, count) = (runtime(), self.under);
        match self.number {
            0 => {
                let call = local("call");
                quote_spanned!(Span::mixed_site()=> let mut #call = #runtime::Call::<#count>::new();)
            }
            _ if count == 0 => TokenStream::new(),
            _ => {
                let timeouts = self.timeouts();
                quote_spanned!(Span::mixed_site()=> let mut #timeouts = #runtime::Timeouts::<#count>::new();)
            }
        }
    }

    /// Waits for a part of the call.
    pub(crate) fn run(&self, part: &TokenStream) -> TokenStream {
        let (call, timeouts) = (local("call"), self.timeouts());
        match self.number {
            0 => quote_spanned!(Span::mixed_site()=> (&mut #call).run(#part).await),
            _ if self.under == 0 => quote_spanned!(Span::mixed_site()=> #part.await),
            _ => quote_spanned!(Span::mixed_site()=> (&mut #timeouts).run(#part).await),
        }
    }

    /// The outcome of a part.
    pub(crate) fn outcome(&self, part: &TokenStream) -> TokenStream {
        let (outcome, waited) = (local("outcome"), self.run(part));
        if self.under == 0 {
            return waited;
        }
        let leave = self.leave(&outcome);
        quote_spanned!(Span::mixed_site()=> { let #outcome = #waited; #leave #outcome })
    }

    /// What a part gives; where that is a rejection, it is the outcome behind the label.
    pub(crate) fn value(&self, part: &TokenStream, behind: &Lifetime) -> TokenStream {
        let (value, rejection, waited) = (local("value"), local("rejection"), self.run(part));
        let rejected = self.reject(&rejection, behind);
        quote_spanned! {Span::mixed_site()=>
            match #waited {
                __resilience::core::result::Result::Ok(#value) => #value,
                __resilience::core::result::Result::Err(#rejection) => #rejected,
            }
        }
    }

    /// A part has given a rejection, which is the outcome behind the label; or behind a timeout that has cut the part.
    pub(crate) fn reject(&self, rejection: &Ident, behind: &Lifetime) -> TokenStream {
        let outcome = local("outcome");
        let leave = self.leave(&outcome);
        quote_spanned! {Span::mixed_site()=> {
            let #outcome = __resilience::core::result::Result::Err(__resilience::Stop::Rejection(#rejection));
            #leave
            break #behind #outcome;
        }}
    }

    /// What a timeout has cut is the outcome behind that timeout.
    pub(crate) fn leave(&self, outcome: &Ident) -> TokenStream {
        if self.under == 0 {
            return TokenStream::new();
        }
        let (begun, timeouts, level, outermost) =
            (self.under, self.timeouts(), local("level"), self.label(0));
        let further_in = (1..self.under).map(|number| {
            let label = self.label(number);
            quote_spanned!(Span::mixed_site()=> if #level == #number { break #label #outcome; })
        });
        let which = if self.under == 1 { quote!(_) } else { level.to_token_stream() };
        quote_spanned! {Span::mixed_site()=>
            if let __resilience::core::option::Option::Some(#which) = (&#timeouts).cut(#begun) {
                #(#further_in)*
                break #outermost #outcome;
            }
        }
    }
}
