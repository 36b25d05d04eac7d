//! `#[circuit_breaker(failure_rate = 0.5)]`

use std::time::Duration;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use resilience_policy::Policy;
use resilience_policy::circuit_breaker::{CircuitBreaker, Window};
use syn::{Expr, ExprLit, Lit};

use super::Parsed;
use crate::args::{Arg, Args, FromArg, Number, Share, Time, Value, find_ident};
use crate::engine::{Engine, Kind};
use crate::error::{Result, at_span};
use crate::layer::{At, Code, Needs, Wrap, again, verdict};
use crate::params::{Constant, Fields, quoted};
use crate::paths::local;

struct Gate {
    engine: Engine,
    when: Option<Expr>,
    when_ok: Option<Expr>,
}

const BREAKER: Kind =
    Kind { noun: "breaker", name: "BREAKER", ty: "CircuitBreaker", own: &["when", "when_ok"] };

pub(super) fn read(mut args: Args) -> Result<Parsed> {
    let mut fields = Fields::new(CircuitBreaker::DEFAULT);
    share(&mut args, &mut fields, "failure_rate", |breaker, rate| breaker.failure_rate = rate);
    let window = args.value::<WindowArg>("window").map(|given| given.map(Value::Literal));
    fields.set("window", window, false, |breaker, window| breaker.window = window.known_value());
    count(&mut args, &mut fields, "min_calls", true, |breaker, calls| breaker.min_calls = Some(calls));
    count(&mut args, &mut fields, "consecutive", true, |breaker, calls| breaker.consecutive = Some(calls));
    time(&mut args, &mut fields, "open_for", false, |breaker, time| breaker.open_for = time);
    time(&mut args, &mut fields, "max_open_for", true, |breaker, time| breaker.max_open_for = Some(time));
    count(&mut args, &mut fields, "probes", false, |breaker, probes| breaker.probes = probes);
    time(&mut args, &mut fields, "probe_timeout", true, |breaker, time| breaker.probe_timeout = Some(time));
    time(&mut args, &mut fields, "slow_call", true, |breaker, time| breaker.slow_call = Some(time));
    share(&mut args, &mut fields, "slow_rate", |breaker, rate| breaker.slow_rate = rate);
    let when = quoted(&mut args, &mut fields, "when", |breaker, when| breaker.when = when);
    let when_ok = quoted(&mut args, &mut fields, "when_ok", |breaker, when| breaker.when_ok = when);
    if let (Some(slow_rate), None) = (fields.written("slow_rate"), fields.written("slow_call")) {
        let help = "say how long a slow call is: `slow_call = \"1s\"`";
        args.errors.push(at_span(slow_rate, "`slow_rate` counts slow calls, and no call is slow", help));
    }
    let engine = Engine::read(&mut args, &mut fields, &BREAKER, |breaker| &mut breaker.state);
    let params = fields.finish("circuit_breaker", "CircuitBreaker", false, Policy::CircuitBreaker);
    args.finish(Some((params, Box::new(Gate { engine, when, when_ok }) as _)))
}

type Breaker = Fields<CircuitBreaker>;

fn share(args: &mut Args, fields: &mut Breaker, name: &'static str, set: fn(&mut CircuitBreaker, f64)) {
    let given = args.value::<Share>(name).map(|given| given.map(|share| share.0));
    fields.set(name, given, false, set);
}

fn count(
    args: &mut Args,
    fields: &mut Breaker,
    name: &'static str,
    optional: bool,
    set: fn(&mut CircuitBreaker, u32),
) {
    let given = args.value::<Number<u32>>(name).map(|given| given.map(|number| number.0));
    fields.set(name, given, optional, set);
}

fn time(
    args: &mut Args,
    fields: &mut Breaker,
    name: &'static str,
    optional: bool,
    set: fn(&mut CircuitBreaker, Duration),
) {
    let given = args.value::<Time>(name).map(|given| given.map(|time| time.0));
    fields.set(name, given, optional, set);
}

/// A number of calls, or a duration. A const counts calls, unless it speaks of a `Duration`.
#[derive(Clone)]
enum WindowArg {
    Calls(Value<u32>),
    Time(Value<Duration>),
}

impl FromArg for WindowArg {
    fn from_arg(arg: &Arg) -> syn::Result<Self> {
        match arg.expr("\"10s\"")? {
            Expr::Lit(ExprLit { lit: Lit::Str(_), .. }) => Ok(Self::Time(Time::from_arg(arg)?.0)),
            value if find_ident(value.to_token_stream(), "Duration").is_some() => {
                Ok(Self::Time(Time::from_arg(arg)?.0))
            }
            _ => Ok(Self::Calls(Number::from_arg(arg)?.0)),
        }
    }
}

impl WindowArg {
    fn known_value(&self) -> Window {
        match self {
            Self::Calls(calls) => Window::Calls(calls.literal().copied().unwrap_or_default()),
            Self::Time(time) => Window::Time(time.literal().copied().unwrap_or_default()),
        }
    }
}

impl Constant for WindowArg {
    fn constant(&self) -> TokenStream {
        let runtime = crate::paths::runtime();
        let (variant, value) = match self {
            Self::Calls(Value::Const(calls)) => (quote!(Calls), quote!({ let calls: u32 = #calls; calls })),
            Self::Calls(calls) => (quote!(Calls), calls.tokens()),
            Self::Time(time) => (quote!(Time), time.tokens()),
        };
        quote!(#runtime::policy::circuit_breaker::Window::#variant(#value))
    }

    fn computed_parts(&self) -> Vec<Expr> {
        let computed = match self {
            Self::Calls(calls) => calls.computed(),
            Self::Time(time) => time.computed(),
        };
        computed.into_iter().cloned().collect()
    }
}

impl Wrap for Gate {
    fn needs(&self) -> Needs {
        Needs { rejects: true, classifies: self.when.is_none(), ..Needs::default() }
    }

    fn engine(&self) -> Option<&Engine> {
        Some(&self.engine)
    }

    fn wrap(&self, inner: &Code, at: &At<'_>) -> TokenStream {
        let label = at.label("breaker");
        let (inner, admission) = (inner.outcome(), self.engine.admit(at, None));
        let (permit, outcome, rejection) = (at.local("permit"), local("outcome"), local("rejection"));
        let (verdict, restored) =
            (verdict(self.when.as_ref(), self.when_ok.as_ref()), at.own_self.restored());
        let again = again(self, at);
        // The permit leaves the `match` at once: what a `match` looks at lives in the future to its end.
        quote_spanned! {Span::mixed_site()=>
            #label: {
                let mut #permit = match #admission {
                    __resilience::core::result::Result::Ok(#permit) => #permit,
                    __resilience::core::result::Result::Err(#rejection) => {
                        break #label __resilience::core::result::Result::Err(__resilience::Stop::Rejection(#rejection));
                    }
                };
                let #outcome = #inner;
                #restored
                #again
                (&mut #permit).settle(#verdict);
                #outcome
            }
        }
    }

    fn evaluated(&self) -> TokenStream {
        let (when, when_ok) = (&self.when, &self.when_ok);
        quote!(#when #when_ok)
    }
}
