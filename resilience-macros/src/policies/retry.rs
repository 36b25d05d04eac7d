//! `#[retry(attempts = 3)]`

use std::time::Duration;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use resilience_policy::Policy;
use resilience_policy::retry::{Backoff, Jitter, Retry};
use syn::punctuated::Punctuated;
use syn::{Expr, Token};

use super::Parsed;
use crate::args::{Arg, ArgValue, Args, Flag, FromArg, Number, Time, Value, keyword};
use crate::engine::is_place;
use crate::error::{Result, at, list, nearest};
use crate::item::join;
use crate::layer::{At, Code, Needs, Wrap, again, verdict};
use crate::params::{Constant, Fields, quoted};
use crate::paths::{item, local};

struct Repeat {
    only_if: Option<Expr>,
    budget: Option<Expr>,
    when: Option<Expr>,
    when_ok: Option<Expr>,
}

pub(super) fn read(mut args: Args) -> Result<Parsed> {
    let mut fields = Fields::new(Retry::DEFAULT);
    let attempts = args.value::<Number<u32>>("attempts").map(|given| given.map(|n| n.0));
    fields.set("attempts", attempts, false, |retry, attempts| retry.attempts = attempts);
    let backoff = args.value::<BackoffArg>("backoff").map(|given| given.map(Value::Literal));
    fields.set("backoff", backoff, false, |retry, backoff| retry.backoff = backoff.known_value());
    let jitter = args.value::<JitterArg>("jitter").map(|given| given.map(|jitter| Value::Literal(jitter.0)));
    fields.set("jitter", jitter, false, |retry, jitter| retry.jitter = jitter);
    let max_elapsed = args.value::<Time>("max_elapsed").map(|given| given.map(|time| time.0));
    fields.set("max_elapsed", max_elapsed, true, |retry, most| retry.max_elapsed = Some(most));
    let nested = args.value::<Nested>("nested").map(|given| given.map(|_| Value::Literal(true)));
    fields.set("nested", nested, false, |retry, nested| retry.nested = nested);
    let repeatable = args.value::<Flag>("repeatable").map(|given| given.map(|_| Value::Literal(true)));
    fields.set("repeatable", repeatable, false, |retry, repeatable| retry.repeatable = repeatable);
    let budget = place_of_budget(&mut args, &mut fields, |retry, budget| retry.budget = budget);
    let only_if = quoted(&mut args, &mut fields, "only_if", |retry, only_if| retry.only_if = only_if);
    let when = quoted(&mut args, &mut fields, "when", |retry, when| retry.when = when);
    let when_ok = quoted(&mut args, &mut fields, "when_ok", |retry, when| retry.when_ok = when);
    let params = fields.finish("retry", "Retry", false, Policy::Retry);
    args.finish(Some((params, Box::new(Repeat { only_if, budget, when, when_ok }) as _)))
}

/// `budget = GATEWAY_BUDGET`: what sites share is made elsewhere.
pub(super) fn place_of_budget<P: Copy + 'static>(
    args: &mut Args,
    fields: &mut Fields<P>,
    set: impl Fn(&mut P, &'static str) + 'static,
) -> Option<Expr> {
    let budget = quoted(args, fields, "budget", set)?;
    if !is_place(&budget) {
        let wrong = "`budget` is the place of a retry budget";
        args.errors.push(at(&budget, wrong, "name a `static`, or a field such as `self.budget`"));
    }
    Some(budget)
}

impl Wrap for Repeat {
    fn needs(&self) -> Needs {
        Needs { classifies: self.when.is_none(), repeats: true, ..Needs::default() }
    }

    fn state(&self, at: &At<'_>) -> TokenStream {
        at.declare("RETRY", "Retry")
    }

    /// Whether this call may be repeated.
    fn prepare(&self, at: &At<'_>) -> TokenStream {
        let only_if = at.local("only_if");
        let it = self.only_if.as_ref().map(|expr| quote_spanned!(join(expr)=> let #only_if: bool = #expr;));
        it.unwrap_or_default()
    }

    fn stays(&self, _: &At<'_>) -> bool {
        false
    }

    fn wrap(&self, inner: &Code, at: &At<'_>) -> TokenStream {
        let only_if = self.only_if.as_ref().map(|_| {
            let only_if = at.local("only_if");
            quote!(.only_if(#only_if))
        });
        let (runtime, inner, policy) = (&at.runtime, inner.outcome(), item("RETRY", at.index));
        let (retry, outcome, wait) = (at.local("retry"), local("outcome"), local("wait"));
        let verdict = verdict(self.when.as_ref(), self.when_ok.as_ref());
        let earn = earn(self.budget.as_ref(), at);
        let (budget, once) = (budget(self.budget.as_ref(), at), &at.once);
        let last = quote!((&#retry).last());
        let [slot, own] = at.own_self.one_by_one(&at.local("self_slot"), &last).unwrap_or_default();
        let (restored, again) = (at.own_self.restored(), again(self, at));
        let label = at.label("retry");
        let pause = at.wait.value(&quote_spanned!(Span::mixed_site()=> #runtime::pause(#wait)), &label);
        quote_spanned! {Span::mixed_site()=> {
            let mut #retry = (&#policy).start() #once #only_if;
            #earn
            #slot
            #label: loop {
                (&mut #retry).begin();
                #own
                // In a block of its own: dropped by hand, a borrowed outcome would still count as held during the wait.
                let #wait = {
                    let #outcome = #inner;
                    #restored
                    #again
                    match (&#retry).next(#verdict, #budget) {
                        __resilience::core::option::Option::Some(#wait) => #wait,
                        __resilience::core::option::Option::None => break #outcome,
                    }
                };
                #pause;
            }
        }}
    }

    fn budget(&self) -> Option<&Expr> {
        self.budget.as_ref()
    }

    fn evaluated(&self) -> TokenStream {
        let (when, when_ok) = (&self.when, &self.when_ok);
        quote!(#when #when_ok)
    }
}

/// The share of this call, if it is this policy that earns it.
pub(super) fn earn(budget: Option<&Expr>, at: &At<'_>) -> Option<TokenStream> {
    let written = budget.filter(|_| at.earns)?;
    let (runtime, variable, budget) = (&at.runtime, local("budget"), place(written, at));
    // Borrowed for a moment: a const in place of a static is an error where it is spent, and not here too.
    Some(quote_spanned! {join(written)=>
        { let #variable: &#runtime::RetryBudget = &#budget; #variable.earn(); }
    })
}

/// A borrow of the user's budget. A variable of the type instead of a function, which a wrong one would be shown.
fn borrowed(written: &Expr, at: &At<'_>) -> TokenStream {
    let (runtime, variable, budget) = (&at.runtime, local("budget"), place(written, at));
    quote_spanned!(join(written)=> { let #variable: &#runtime::RetryBudget = &#budget; #variable })
}

/// The same, where there is one.
pub(super) fn budget(budget: Option<&Expr>, at: &At<'_>) -> TokenStream {
    match budget.map(|budget| borrowed(budget, at)) {
        Some(budget) => quote!(__resilience::core::option::Option::Some(#budget)),
        None => quote!(__resilience::core::option::Option::None),
    }
}

fn place(budget: &Expr, at: &At<'_>) -> TokenStream {
    at.own_self.place(&budget.to_token_stream())
}

/// `nested = repeat`
struct Nested;

impl FromArg for Nested {
    fn from_arg(arg: &Arg) -> syn::Result<Self> {
        keyword(arg, &["repeat"]).map(|_| Self)
    }
}

struct JitterArg(Jitter);

impl FromArg for JitterArg {
    fn from_arg(arg: &Arg) -> syn::Result<Self> {
        Ok(Self(match keyword(arg, &["full", "equal", "none"])? {
            "full" => Jitter::Full,
            "equal" => Jitter::Equal,
            _ => Jitter::None,
        }))
    }
}

impl Constant for Jitter {
    fn constant(&self) -> TokenStream {
        let runtime = crate::paths::runtime();
        let name = Ident::new(&format!("{self:?}"), Span::mixed_site());
        quote!(#runtime::policy::retry::Jitter::#name)
    }
}

/// `none`, `fixed("1s")` or `exponential("50ms", max = "2s", factor = 2.0)`
#[derive(Clone)]
#[allow(clippy::large_enum_variant)] // there is one of it
enum BackoffArg {
    None,
    Fixed(Value<Duration>),
    Exponential { initial: Value<Duration>, max: Option<Value<Duration>>, factor: Option<Value<f64>> },
}

const FORMS: [&str; 3] = ["exponential(\"50ms\", max = \"2s\", factor = 2.0)", "fixed(\"1s\")", "none"];

impl FromArg for BackoffArg {
    fn from_arg(arg: &Arg) -> syn::Result<Self> {
        let value = arg.expr(FORMS[0])?;
        let (path, args) = match value {
            Expr::Path(path) => (&path.path, None),
            Expr::Call(call) => match &*call.func {
                Expr::Path(path) => (&path.path, Some(&call.args)),
                _ => return Err(not_a_backoff(value)),
            },
            _ => return Err(not_a_backoff(value)),
        };
        let name = path.get_ident().map(ToString::to_string).unwrap_or_default();
        match (name.as_str(), args) {
            ("none", None) => Ok(Self::None),
            ("fixed", Some(args)) if args.len() == 1 => {
                Ok(Self::Fixed(Time::from_expr("backoff", &args[0])?.0))
            }
            ("exponential", Some(args)) if !args.is_empty() => Self::exponential(args),
            ("none" | "fixed" | "exponential", _) => {
                let form = FORMS.iter().find(|form| form.starts_with(&name)).copied().unwrap_or_default();
                Err(at(
                    value,
                    format!("this is not how `{name}` is written"),
                    format!("write `backoff = {form}`"),
                ))
            }
            _ => match nearest(&name, ["none", "fixed", "exponential"]) {
                Some(near) => {
                    Err(at(path, format!("unknown backoff `{name}`"), format!("did you mean `{near}`?")))
                }
                None => Err(not_a_backoff(value)),
            },
        }
    }
}

fn not_a_backoff(value: &Expr) -> syn::Error {
    at(value, "this is not a backoff", format!("write one of {}", list(FORMS)))
}

impl BackoffArg {
    fn exponential(args: &Punctuated<Expr, Token![,]>) -> syn::Result<Self> {
        let initial = Time::from_expr("backoff", &args[0])?.0;
        let (mut max, mut factor) = (None, None);
        for arg in args.iter().skip(1) {
            let Expr::Assign(assign) = arg else {
                return Err(at(
                    arg,
                    "only the first wait stands without a name",
                    format!("write `backoff = {}`", FORMS[0]),
                ));
            };
            let Ok(name) = syn::parse2::<Ident>(assign.left.to_token_stream()) else {
                return Err(at(
                    &assign.left,
                    "this is not the name of an argument",
                    "it has `max` and `factor`",
                ));
            };
            let part = Arg { name, value: ArgValue::Expr((*assign.right).clone()) };
            match part.name.to_string().as_str() {
                "max" => max = Some(Time::from_arg(&part)?.0),
                "factor" => factor = Some(Number::from_arg(&part)?.0),
                name => {
                    let help = match nearest(name, ["max", "factor"]) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => "it has `max` and `factor`".to_owned(),
                    };
                    return Err(at(&part.name, format!("a backoff has no `{name}`"), help));
                }
            }
        }
        Ok(Self::Exponential { initial, max, factor })
    }

    /// The value, as far as it is known.
    fn known_value(&self) -> Backoff {
        let time = |value: &Value<Duration>| value.literal().copied().unwrap_or_default();
        match self {
            Self::None => Backoff::None,
            Self::Fixed(wait) => Backoff::Fixed(time(wait)),
            Self::Exponential { initial, max, factor } => {
                let mut backoff = Backoff::exponential(time(initial));
                if let Some(max) = max {
                    backoff = backoff.up_to(time(max));
                }
                if let Some(Value::Literal(factor)) = factor {
                    backoff = backoff.by(*factor);
                }
                backoff
            }
        }
    }
}

impl Constant for BackoffArg {
    fn constant(&self) -> TokenStream {
        let runtime = crate::paths::runtime();
        let ty = quote!(#runtime::policy::retry::Backoff);
        match self {
            Self::None => quote!(#ty::None),
            Self::Fixed(wait) => {
                let wait = wait.tokens();
                quote!(#ty::Fixed(#wait))
            }
            Self::Exponential { initial, max, factor } => {
                let initial = initial.tokens();
                let max = max.as_ref().map(Value::tokens).map(|max| quote!(.up_to(#max)));
                let factor = factor.as_ref().map(Value::tokens).map(|factor| quote!(.by(#factor)));
                quote!(#ty::exponential(#initial) #max #factor)
            }
        }
    }

    fn computed_parts(&self) -> Vec<Expr> {
        let parts = match self {
            Self::None => [None; 3],
            Self::Fixed(wait) => [wait.computed(), None, None],
            Self::Exponential { initial, max, factor } => [
                initial.computed(),
                max.as_ref().and_then(Value::computed),
                factor.as_ref().and_then(Value::computed),
            ],
        };
        parts.into_iter().flatten().cloned().collect()
    }
}
