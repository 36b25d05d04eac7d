//! `#[bulkhead(max = 32)]`

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use resilience_policy::Policy;
use resilience_policy::bulkhead::Bulkhead;
use syn::Expr;

use super::Parsed;
use super::state::{self, State, Stateful};
use crate::args::{Args, Number, Time};
use crate::error::{Result, at_span};
use crate::layer::{At, Code, Fields, Needs, Wrap};
use crate::paths::local;

struct Room {
    state: State,
}

const BULKHEAD: Stateful = Stateful { noun: "bulkhead", name: "BULKHEAD", engine: "Bulkhead", own: &[] };

pub(super) fn read(mut args: Args) -> Result<Parsed> {
    let nothing_written = args.is_empty();
    let mut fields = Fields::new(Bulkhead::DEFAULT);
    let max = args.value::<Number<u32>>("max").map(|given| given.map(|number| number.0));
    let queue = args.value::<Number<u32>>("queue").map(|given| given.map(|number| number.0));
    let max_wait = args.value::<Time>("max_wait").map(|given| given.map(|time| time.0));
    let is_missing = max.is_none();
    fields.set("max", max, false, |bulkhead, max| bulkhead.max = max);
    fields.set("queue", queue, false, |bulkhead, queue| bulkhead.queue = queue);
    fields.set("max_wait", max_wait, true, |bulkhead, wait| bulkhead.max_wait = Some(wait));
    let state = state::read(&mut args, &mut fields, &BULKHEAD, |bulkhead| &mut bulkhead.state);
    if is_missing && !matches!(state, State::Shared(_)) && (nothing_written || args.nothing_wrong()) {
        let help = "give it a number: `#[bulkhead(max = 32)]`";
        args.errors.push(at_span(args.place, "a bulkhead needs to know how many calls it lets in", help));
    }
    // A rest of no fields would be a lint in the user's crate.
    let whole = ["max", "queue", "max_wait", "key"].iter().all(|name| fields.written(name).is_some());
    let params = fields.finish("bulkhead", "Bulkhead", whole, Policy::Bulkhead);
    args.finish(Some((params, Box::new(Room { state }) as _)))
}

impl Wrap for Room {
    fn needs(&self) -> Needs {
        Needs { rejects: true, ..Needs::default() }
    }

    fn state(&self, at: &At<'_>) -> TokenStream {
        self.state.declare(&BULKHEAD, at)
    }

    fn prepare(&self, at: &At<'_>) -> TokenStream {
        self.state.prepare(&BULKHEAD, at)
    }

    fn gauge(&self, at: &At<'_>) -> Option<Ident> {
        self.state.gauge(&BULKHEAD, at)
    }

    fn holds(&self) -> Option<&Expr> {
        self.state.mentions()
    }

    fn is_of_one_type(&self) -> bool {
        self.state.is_own()
    }

    fn mentions(&self) -> TokenStream {
        self.state.mentions().to_token_stream()
    }

    fn wrap(&self, inner: &Code, at: &At<'_>) -> TokenStream {
        let label = at.label("bulkhead");
        let (inner, admission) = (inner.outcome(), self.state.admit(&BULKHEAD, at, None));
        let (place, outcome, rejection) = (at.local("place"), local("outcome"), local("rejection"));
        // The place outlives the call below it, which may hold on to things until it is dropped.
        quote_spanned! {Span::mixed_site()=>
            #label: {
                let #place = match #admission.await {
                    ::core::result::Result::Ok(#place) => #place,
                    ::core::result::Result::Err(#rejection) => {
                        break #label ::core::result::Result::Err(#rejection.into());
                    }
                };
                let #outcome = #inner;
                ::core::mem::drop(#place);
                #outcome
            }
        }
    }
}
