//! The stack as stretches: policies that one coroutine runs, one after the other. A policy that keeps what is below it as a
//! future, such as a hedge, ends the stretch; the others add no layer to the type of the call.

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote_spanned;
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

/// At the top of the stretch that begins at this layer, or at the body.
pub(crate) fn declare(layers: &[Layer], waits: &[Wait], begin: usize) -> TokenStream {
    let end = layers[begin..].iter().position(|layer| layer.kind.divides());
    waits[end.map_or(layers.len(), |end| begin + end)].declare()
}

impl Wait {
    /// The timeouts of its stretch.
    pub(crate) fn timeouts(&self) -> Ident {
        match self.number {
            0 => local("timeouts"),
            number => local(&format!("timeouts_{number}")),
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
        if self.under == 0 {
            return TokenStream::new();
        }
        let (runtime, timeouts, count) = (runtime(), self.timeouts(), self.under);
        quote_spanned!(Span::mixed_site()=> let mut #timeouts = #runtime::Timeouts::<#count>::new();)
    }

    /// What the future comes to. Where a timeout cuts it, the call goes on behind that.
    pub(crate) fn on(&self, future: &TokenStream) -> TokenStream {
        let (call, timeouts, cut) = (local("call"), self.timeouts(), local("cut"));
        let in_call = |future| match self.number {
            0 => quote_spanned!(Span::mixed_site()=> (&mut #call).run(#future).await),
            _ => quote_spanned!(Span::mixed_site()=> #future.await),
        };
        if self.under == 0 {
            return in_call(future.clone());
        }
        let waited = in_call(quote_spanned!(Span::mixed_site()=> (&mut #timeouts).run(#future)));
        let rejected = quote_spanned! {Span::mixed_site()=>
            __resilience::core::result::Result::Err(__resilience::Stop::Rejection(#cut.error))
        };
        let (outermost, ready) = (self.label(0), local("ready"));
        let further_in = (1..self.under).map(|level| {
            let label = self.label(level);
            quote_spanned!(Span::mixed_site()=> if #cut.level == #level { break #label #rejected; })
        });
        quote_spanned! {Span::mixed_site()=>
            match #waited {
                __resilience::core::result::Result::Ok(#ready) => #ready,
                __resilience::core::result::Result::Err(#cut) => {
                    #(#further_in)*
                    break #outermost #rejected;
                }
            }
        }
    }
}
