//! `#[hedge(after = "50ms")]`

use std::time::Duration;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use resilience_policy::Policy;
use resilience_policy::hedge::{After, Hedge};
use syn::Expr;

use super::Parsed;
use super::retry::{budget, earn, place_of_budget};
use crate::args::{Arg, Args, Flag, FromArg, Number, Time, Value, keyword};
use crate::error::{Result, at_span};
use crate::item::join;
use crate::layer::{At, Code, Needs, Wrap};
use crate::params::{Constant, Fields};
use crate::paths::{item, local};

struct Race {
    budget: Option<Expr>,
}

pub(super) fn read(mut args: Args) -> Result<Parsed> {
    let nothing_written = args.is_empty();
    let mut fields = Fields::new(Hedge::DEFAULT);
    let after = args.value::<AfterArg>("after").map(|given| given.map(Value::Literal));
    let initial = args.value::<Time>("initial").map(|given| given.map(|time| time.0));
    let max = args.value::<Number<u32>>("max").map(|given| given.map(|number| number.0));
    let repeatable = args.value::<Flag>("repeatable").map(|given| given.map(|_| Value::Literal(true)));
    let budget = place_of_budget(&mut args, &mut fields, |hedge, budget| hedge.budget = budget);
    if after.is_none() && (nothing_written || args.nothing_wrong()) {
        let help = "give it a delay: `#[hedge(after = \"50ms\")]`, or `after = p95` for one that is observed";
        args.errors.push(at_span(args.place, "a hedge needs to know when a call is slow", help));
    }
    fields.set("after", after, false, |hedge, after| hedge.after = after.known_value());
    fields.set("initial", initial, true, |hedge, initial| hedge.initial = Some(initial));
    fields.set("max", max, false, |hedge, max| hedge.max = max);
    fields.set("repeatable", repeatable, false, |hedge, repeatable| hedge.repeatable = repeatable);
    // A rest of no fields would be a lint in the user's crate.
    let names = ["after", "initial", "max", "repeatable", "budget"];
    let whole = names.iter().all(|name| fields.written(name).is_some());
    let params = fields.finish("hedge", "Hedge", whole, Policy::Hedge);
    args.finish(Some((params, Box::new(Race { budget }) as _)))
}

/// A duration, or `p95`.
#[derive(Clone)]
enum AfterArg {
    Time(Value<Duration>),
    P95,
}

impl FromArg for AfterArg {
    fn from_arg(arg: &Arg) -> syn::Result<Self> {
        let value = arg.expr("\"50ms\"")?;
        if is_percentile(value) {
            return keyword(arg, &["p95"]).map(|_| Self::P95);
        }
        Ok(Self::Time(Time::from_arg(arg)?.0))
    }
}

/// `p95`, also in quotes, or one that is not observed.
fn is_percentile(value: &Expr) -> bool {
    // `p99.9` is the field `9` of `p99` to the compiler.
    let text = value.to_token_stream().to_string().replace(' ', "");
    let number = text.trim_matches('"').strip_prefix('p');
    number.is_some_and(|number| number.parse::<f64>().is_ok())
}

impl AfterArg {
    fn known_value(&self) -> After {
        match self {
            Self::Time(time) => After::Time(time.literal().copied().unwrap_or_default()),
            Self::P95 => After::P95,
        }
    }
}

impl Constant for AfterArg {
    fn constant(&self) -> TokenStream {
        let runtime = crate::paths::runtime();
        let value = match self {
            // A variable of the type instead of a variant, which a wrong one would be shown.
            Self::Time(Value::Const(time)) => {
                let after = local("after");
                quote_spanned!(join(time)=> Time({ let #after: __resilience::core::time::Duration = #time; #after }))
            }
            Self::Time(Value::Literal(time)) => {
                let time = time.constant();
                quote!(Time(#time))
            }
            Self::P95 => quote!(P95),
        };
        quote!(#runtime::policy::hedge::After::#value)
    }

    fn computed_parts(&self) -> Vec<Expr> {
        match self {
            Self::Time(time) => time.computed().into_iter().cloned().collect(),
            Self::P95 => Vec::new(),
        }
    }
}

impl Wrap for Race {
    fn needs(&self) -> Needs {
        Needs { repeats: true, overlaps: true, ..Needs::default() }
    }

    fn state(&self, at: &At<'_>) -> TokenStream {
        at.declare("HEDGE", "Hedge")
    }

    fn divides(&self) -> bool {
        true
    }

    fn wrap(&self, inner: &Code, at: &At<'_>) -> TokenStream {
        let (inner, hedge) = (inner.future(at.body), item("HEDGE", at.index));
        let (first, race, outcome) = (at.local("first"), at.local("race"), local("outcome"));
        let (earn, budget, once) =
            (earn(self.budget.as_ref(), at), budget(self.budget.as_ref(), at), &at.once);
        let [slot, own] = at.own_self.side_by_side(&at.local("self_slot")).unwrap_or_default();
        let decided = at.wait.run(&quote_spanned!(Span::mixed_site()=> (&mut #race)));
        let leave = at.wait.leave(&outcome);
        // The first attempt stands in the future of the call. Only a further one needs a place of its own.
        quote_spanned! {Span::mixed_site()=> {
            #earn
            let #first = __resilience::core::pin::pin!(__resilience::core::option::Option::None);
            let mut #race = (&#hedge).race(#first, #budget) #once;
            #slot
            loop {
                #own
                (&mut #race).start(#inner);
                if let __resilience::core::option::Option::Some(#outcome) = #decided {
                    #leave
                    break #outcome;
                }
            }
        }}
    }

    fn budget(&self) -> Option<&Expr> {
        self.budget.as_ref()
    }
}
