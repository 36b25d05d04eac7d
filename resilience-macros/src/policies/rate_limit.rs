//! `#[rate_limit(permits = 100, per = "1s")]`

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use resilience_policy::Policy;
use resilience_policy::rate_limit::{Fail, RateLimit, Weight};
use syn::{Expr, ExprPath, ExprUnary, Path, UnOp};

use super::Parsed;
use crate::args::{Arg, ArgValue, Args, FromArg, Number, Time, Value, keyword};
use crate::engine::{Engine, Kind};
use crate::error::{Result, at_span};
use crate::item::join;
use crate::layer::{At, Code, Needs, Wrap};
use crate::params::{Constant, Fields, source};

const LIMIT: Kind = Kind { noun: "rate limit", name: "RATE_LIMIT", ty: "RateLimit", own: &["weight"] };

struct Limit {
    engine: Engine,
    /// The weight, where only the call knows it.
    computed: Option<Expr>,
    /// What is computed is computed in written order.
    key_comes_first: bool,
}

pub(super) fn read(mut args: Args) -> Result<Parsed> {
    let nothing_written = args.is_empty();
    let mut fields = Fields::new(RateLimit::DEFAULT);
    let key_comes_first = args
        .order()
        .iter()
        .find(|name| *name == "key" || *name == "weight")
        .is_some_and(|name| name == "key");
    let permits = args.value::<Number<u32>>("permits").map(|given| given.map(|number| number.0));
    let per = args.value::<Time>("per").map(|given| given.map(|time| time.0));
    let burst = args.value::<Number<u32>>("burst").map(|given| given.map(|number| number.0));
    let weight = args.value::<WeightArg>("weight").map(|given| given.map(Value::Literal));
    let max_wait = args.value::<Time>("max_wait").map(|given| given.map(|time| time.0));
    let fleet = args.value::<Fail>("fleet").map(|given| given.map(Value::Literal));
    let is_missing = permits.is_none();
    let computed = weight.as_ref().and_then(|given| given.value.literal()?.of_the_call().cloned());
    fields.set("permits", permits, false, |limit, permits| limit.permits = permits);
    fields.set("per", per, false, |limit, per| limit.per = per);
    fields.set("burst", burst, true, |limit, burst| limit.burst = Some(burst));
    fields.set("weight", weight, false, |limit, weight| limit.weight = weight.known_value());
    fields.set("max_wait", max_wait, true, |limit, wait| limit.max_wait = Some(wait));
    fields.set("fleet", fleet, true, |limit, fail| limit.fleet = Some(fail));
    let engine = Engine::read(&mut args, &mut fields, &LIMIT, |limit| &mut limit.state);
    if is_missing && !engine.is_shared() && (nothing_written || args.nothing_wrong()) {
        let help = "give it a number: `#[rate_limit(permits = 100, per = \"1s\")]`";
        args.errors.push(at_span(
            args.place,
            "a rate limit needs to know how many calls it lets through",
            help,
        ));
    }
    // A rest of no fields would be a lint in the user's crate.
    let all = ["permits", "per", "burst", "weight", "max_wait", "fleet", "key"];
    let whole = all.iter().all(|name| fields.written(name).is_some());
    let params = fields.finish("rate_limit", "RateLimit", whole, Policy::RateLimit);
    args.finish(Some((params, Box::new(Limit { engine, computed, key_comes_first }) as _)))
}

/// `fleet`, which is `fleet = closed`, or `fleet = open`.
impl FromArg for Fail {
    fn from_arg(arg: &Arg) -> syn::Result<Self> {
        if matches!(arg.value, ArgValue::None) {
            return Ok(Self::Closed);
        }
        Ok(match keyword(arg, &["closed", "open"])? {
            "open" => Self::Open,
            _ => Self::Closed,
        })
    }
}

impl Constant for Fail {
    fn constant(&self) -> TokenStream {
        let runtime = crate::paths::runtime();
        let fail = match self {
            Self::Open => quote!(Open),
            Self::Closed => quote!(Closed),
        };
        quote!(#runtime::policy::rate_limit::Fail::#fail)
    }
}

/// A number for every call, which the rules judge; or an expression that each call computes.
#[derive(Clone)]
enum WeightArg {
    Fixed(Value<u32>),
    Computed(Expr),
}

impl FromArg for WeightArg {
    fn from_arg(arg: &Arg) -> syn::Result<Self> {
        match arg.expr("3")? {
            Expr::Lit(_) | Expr::Unary(ExprUnary { op: UnOp::Neg(_), .. }) => {
                Ok(Self::Fixed(Number::from_arg(arg)?.0))
            }
            Expr::Path(ExprPath { qself: None, path, .. }) if names_constant(path) => {
                Ok(Self::Fixed(Number::from_arg(arg)?.0))
            }
            computed => Ok(Self::Computed(computed.clone())),
        }
    }
}

/// Whether this is the name of a constant, by its letters. What belongs to a type may be another for each call.
fn names_constant(path: &Path) -> bool {
    let name = |segment: &syn::PathSegment| segment.ident.to_string();
    let of_type =
        path.segments.iter().rev().skip(1).any(|segment| name(segment).starts_with(char::is_uppercase));
    let upper = |name: String| name.contains(char::is_alphabetic) && !name.contains(char::is_lowercase);
    !of_type && path.segments.last().is_some_and(|last| upper(name(last)))
}

impl WeightArg {
    fn of_the_call(&self) -> Option<&Expr> {
        match self {
            Self::Fixed(_) => None,
            Self::Computed(expr) => Some(expr),
        }
    }

    fn known_value(&self) -> Weight {
        match self {
            Self::Fixed(weight) => Weight::Fixed(weight.literal().copied().unwrap_or_default()),
            Self::Computed(expr) => Weight::Computed(source(Some(expr))),
        }
    }
}

impl Constant for WeightArg {
    fn constant(&self) -> TokenStream {
        let runtime = crate::paths::runtime();
        let value = match self {
            Self::Fixed(Value::Const(weight)) => {
                let ty = number(weight);
                quote!(Fixed({ let weight: #ty = #weight; weight }))
            }
            Self::Fixed(weight) => {
                let weight = weight.tokens();
                quote!(Fixed(#weight))
            }
            Self::Computed(expr) => {
                let source = source(Some(expr));
                quote!(Computed(#source))
            }
        };
        quote!(#runtime::policy::rate_limit::Weight::#value)
    }

    fn computed_parts(&self) -> Vec<Expr> {
        match self {
            Self::Fixed(weight) => weight.computed().into_iter().cloned().collect(),
            Self::Computed(_) => Vec::new(),
        }
    }
}

/// The type of a weight, at its place: an error there says what it expects.
fn number(weight: &Expr) -> TokenStream {
    quote_spanned!(join(weight)=> __resilience::core::primitive::u32)
}

impl Wrap for Limit {
    fn needs(&self) -> Needs {
        Needs { rejects: true, ..Needs::default() }
    }

    fn engine(&self) -> Option<&Engine> {
        Some(&self.engine)
    }

    fn prepare(&self, at: &At<'_>) -> TokenStream {
        let (weight, key) = (at.local("weight"), self.engine.prepare(at));
        let computed = self.computed.as_ref().map(|expr| {
            let ty = number(expr);
            quote_spanned!(Span::mixed_site()=> let #weight: #ty = #expr;)
        });
        if self.key_comes_first { quote!(#key #computed) } else { quote!(#computed #key) }
    }

    fn wrap(&self, inner: &Code, at: &At<'_>) -> TokenStream {
        let label = at.label("rate_limit");
        let (weight, params) = (at.local("weight"), &at.params);
        let weight = match self.computed {
            Some(_) => quote!(#weight),
            None => quote!((&#params.weight).fixed()),
        };
        let (inner, turn) = (inner.outcome(), at.wait.value(&self.engine.admit(at, Some(&weight)), &label));
        quote_spanned! {Span::mixed_site()=>
            #label: { #turn; #inner }
        }
    }
}
