//! `#[idempotent(key = order.id, tx = tx)]`: the result is written in a transaction of the caller's.

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote_spanned;
use resilience_policy::idempotent::Idempotent;
use syn::Expr;

use crate::args::Args;
use crate::engine::is_place;
use crate::error::{at, at_span};
use crate::item::join;
use crate::layer::{At, Code};
use crate::params::{Fields, quoted};
use crate::paths::{item, local};

/// What belongs to a claim that others see, and why it has no place here.
const BESIDE: [(&str, &str, &str); 3] = [
    ("lease", "a claim in a transaction lasts as long as the transaction", "remove `lease`"),
    (
        "guarantee",
        "what is interrupted here is rolled back, and runs again",
        "remove `guarantee`: commit makes effect and result true, a rollback neither",
    ),
    (
        "wait",
        "a duplicate waits here until the other transaction ends, or up to its own deadline",
        "remove it, and bound the wait by `#[timeout(...)]` above, or by `context::with_deadline` around the call",
    ),
];

pub(super) fn read(args: &mut Args, fields: &mut Fields<Idempotent>) -> Option<Expr> {
    let place = quoted(args, fields, "tx", |ledger, tx| ledger.tx = tx)?;
    if !is_place(&place) {
        let help = "name an argument, `tx = tx`, or a field of one, `tx = unit.tx`";
        args.errors.push(at(&place, "`tx` is the place of a transaction", help));
    }
    Some(place)
}

/// Comes after all other arguments, some of which have no place beside `tx`.
pub(super) fn check_beside(args: &mut Args, fields: &Fields<Idempotent>) {
    for (name, why, help) in BESIDE {
        if let Some(place) = fields.written(name) {
            args.errors.push(at_span(place, format!("{why}: this says nothing beside `tx`"), help));
        }
    }
}

/// The bound on the type of the transaction, stated once.
pub(super) fn prepare(place: &Expr, at: &At<'_>) -> TokenStream {
    let (runtime, transaction, tx) = (&at.runtime, at.local("transaction"), &at.transaction);
    let bound = quote_spanned!(join(place)=> #runtime::transaction(#tx));
    quote_spanned!(Span::mixed_site()=> let #transaction = #bound;)
}

/// The body has given the transaction back when its result is written.
pub(super) fn wrap(inner: &Code, at: &At<'_>, once: Option<&Ident>) -> TokenStream {
    let label = at.label("idempotent");
    let (runtime, inner, ledger) = (&at.runtime, inner.outcome(), item("LEDGER", at.index));
    let (names, codec, claim) = (at.local("names"), at.local("codec"), at.local("claim"));
    let (transaction, tx) = (at.local("transaction"), &at.transaction);
    let (outcome, edge) = (local("outcome"), local("edge"));
    let (record, rejection) = (local("record"), local("rejection"));
    let claimed = at.wait.run(&quote_spanned! {Span::mixed_site()=>
        (&#ledger).claim_in(&#transaction, #tx, &#names, || __resilience::core::any::type_name_of_val(&|| ()))
    });
    let rejected = at.wait.reject(&rejection, &label);
    let claimed = quote_spanned! {Span::mixed_site()=>
        match #claimed {
            #runtime::Entry::Run(#claim) => #claim,
            #runtime::Entry::Known(#record) => break #label (&#ledger).replay(&#record, &#codec),
            #runtime::Entry::Rejected(#rejection) => #rejected,
        }
    };
    let settled = at.wait.outcome(&quote_spanned! {Span::mixed_site()=>
        #claim.settle(&#transaction, #tx, #outcome, &#edge, &#codec)
    });
    match once {
        None => quote_spanned! {Span::mixed_site()=>
            #label: {
                let #claim = #claimed;
                let #outcome = #inner;
                #settled
            }
        },
        Some(once) => {
            let claimed = super::unless(once, &claimed);
            quote_spanned! {Span::mixed_site()=>
                #label: {
                    let #claim = #claimed;
                    let #outcome = #inner;
                    match #claim {
                        __resilience::core::option::Option::Some(#claim) => #settled,
                        __resilience::core::option::Option::None => #outcome,
                    }
                }
            }
        }
    }
}
