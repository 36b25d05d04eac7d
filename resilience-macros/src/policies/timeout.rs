//! `#[timeout(ms = 500)]`, `#[timeout(secs = 2)]`, `#[timeout(after = "1.5s")]`, `#[timeout(after = limit, dynamic)]`

use std::time::Duration;

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use resilience_policy::Policy;
use resilience_policy::timeout::Timeout;
use syn::{Expr, ExprLit, Lit};

use super::Parsed;
use crate::args::{Arg, ArgValue, Args, Bare, FromArg, Given, Number, Time, Value};
use crate::error::{Result, at, at_span};
use crate::item::join;
use crate::layer::{At, Code, Needs, Wrap};
use crate::params::{Constant, Fields, source};
use crate::paths::{item, local};

struct Cut {
    /// The time, where each call has its own.
    dynamic: Option<Expr>,
}

pub(super) fn read(mut args: Args) -> Result<Parsed> {
    let nothing_written = args.is_empty();
    if args.has("dynamic") {
        return read_dynamic(args);
    }
    let ms = args.value::<Whole>("ms").map(|given| given.map(|n| n.0.map(Millis)));
    let secs = args.value::<Whole>("secs").map(|given| given.map(|n| n.0.map(Secs)));
    let after = args.value::<Time>("after").map(|given| given.map(|time| time.0));
    let mut fields = Fields::new(Timeout::DEFAULT);
    let written =
        [ms.as_ref().map(|g| g.place), secs.as_ref().map(|g| g.place), after.as_ref().map(|g| g.place)];
    let mut spans = written.iter().flatten();
    match (spans.next(), spans.next()) {
        (None, _) if nothing_written || args.nothing_wrong() => {
            let help = "give it one: `#[timeout(ms = 500)]`, `#[timeout(after = \"1.5s\")]`";
            args.errors.push(at_span(args.place, "a timeout needs a time", help));
        }
        (Some(_), Some(second)) => {
            let wrong = "a timeout has one time, and this is the second";
            args.errors.push(at_span(*second, wrong, "keep one of `ms`, `secs` and `after`"));
        }
        _ => {}
    }
    fields.set("after", ms, false, |timeout, Millis(ms)| timeout.after = Duration::from_millis(ms));
    fields.set("after", secs, false, |timeout, Secs(secs)| timeout.after = Duration::from_secs(secs));
    fields.set("after", after, false, |timeout, after| timeout.after = after);
    args.value::<Bare>("dynamic");
    let params = fields.finish("timeout", "Timeout", false, Policy::Timeout);
    args.finish(Some((params, Box::new(Cut { dynamic: None }) as _)))
}

/// A time that each call computes.
fn read_dynamic(mut args: Args) -> Result<Parsed> {
    for unit in ["ms", "secs"] {
        if let Some(number) = args.value::<Expr>(unit) {
            let maker = if unit == "ms" { "from_millis" } else { "from_secs" };
            let help = format!("write `after = Duration::{maker}(...), dynamic`");
            args.errors.push(at(&number.value, "a time that each call computes is a `Duration`", help));
        }
    }
    let after = args.value::<Expr>("after");
    let place = args.value::<Bare>("dynamic").map_or(args.place, |dynamic| dynamic.place);
    match after.as_ref().map(|after| &after.value) {
        Some(value @ Expr::Lit(_)) => {
            let wrong = "this is the same time for each call";
            args.errors.push(at(
                value,
                wrong,
                "leave `dynamic` out, or compute a `Duration` from the arguments",
            ));
        }
        None if args.nothing_wrong() => {
            let help = "say what it is computed from: `#[timeout(after = limit, dynamic)]`";
            args.errors.push(at_span(place, "`dynamic` is said of `after`, and there is none", help));
        }
        _ => {}
    }
    let mut fields = Fields::new(Timeout::DEFAULT);
    let text = after.as_ref().map(|after| {
        let source = Value::Literal(source(Some(&after.value)));
        Given { value: source, place: after.place }
    });
    fields.set("dynamic", text, false, |timeout, source| timeout.dynamic = source);
    let params = fields.finish("timeout", "Timeout", false, Policy::Timeout);
    args.finish(Some((params, Box::new(Cut { dynamic: after.map(|after| after.value) }) as _)))
}

/// A whole number of a unit. What has a fraction or a unit of its own belongs to `after`.
struct Whole(Value<u64>);

impl FromArg for Whole {
    fn from_arg(arg: &Arg) -> syn::Result<Self> {
        let unit = if arg.name == "secs" { "s" } else { "ms" };
        let after = match &arg.value {
            ArgValue::Expr(Expr::Lit(ExprLit { lit: Lit::Float(number), .. }))
                if number.suffix().is_empty() =>
            {
                Some(format!("{number}{unit}"))
            }
            ArgValue::Expr(Expr::Lit(ExprLit { lit: Lit::Str(text), .. }))
                if resilience_policy::literal(&text.value()).is_ok() =>
            {
                Some(text.value())
            }
            _ => None,
        };
        match after {
            None => Number::from_arg(arg).map(|number| Self(number.0)),
            Some(after) => {
                let help = format!("write `after = \"{after}\"`");
                Err(at(arg, format!("`{}` is a whole number", arg.name), help))
            }
        }
    }
}

/// A number of milliseconds.
#[derive(Clone)]
struct Millis(u64);

impl Constant for Millis {
    fn constant(&self) -> TokenStream {
        Duration::from_millis(self.0).constant()
    }

    fn computed(expr: &Expr) -> TokenStream {
        quote!(__resilience::core::time::Duration::from_millis({ let ms: u64 = #expr; ms }))
    }
}

/// A number of seconds.
#[derive(Clone)]
struct Secs(u64);

impl Constant for Secs {
    fn constant(&self) -> TokenStream {
        Duration::from_secs(self.0).constant()
    }

    fn computed(expr: &Expr) -> TokenStream {
        quote!(__resilience::core::time::Duration::from_secs({ let secs: u64 = #expr; secs }))
    }
}

impl Wrap for Cut {
    fn needs(&self) -> Needs {
        Needs { rejects: true, ..Needs::default() }
    }

    fn state(&self, at: &At<'_>) -> TokenStream {
        at.declare("TIMEOUT", "Timeout")
    }

    /// Once for the call, also where the timeout starts several times.
    fn prepare(&self, at: &At<'_>) -> TokenStream {
        let limit = at.local("limit");
        let it = self
            .dynamic
            .as_ref()
            .map(|expr| quote_spanned!(join(expr)=> let #limit: __resilience::core::time::Duration = #expr;));
        it.unwrap_or_default()
    }

    fn stays(&self, _: &At<'_>) -> bool {
        false
    }

    fn cuts(&self) -> bool {
        true
    }

    fn wrap(&self, inner: &Code, at: &At<'_>) -> TokenStream {
        let (inner, policy, label) =
            (inner.outcome(), item("TIMEOUT", at.index), at.wait.label(at.wait.level()));
        let (timeouts, level, limit) = (at.wait.timeouts(), at.wait.level(), at.local("limit"));
        let (outcome, rejection) = (local("outcome"), local("rejection"));
        let begin = match self.dynamic {
            None => quote!(begin(#level, &#policy)),
            Some(_) => quote!(begin_for(#level, &#policy, #limit)),
        };
        quote_spanned! {Span::mixed_site()=>
            #label: {
                if let __resilience::core::result::Result::Err(#rejection) = (&mut #timeouts).#begin {
                    break #label __resilience::core::result::Result::Err(__resilience::Stop::Rejection(#rejection));
                }
                let #outcome = #inner;
                (&mut #timeouts).end(#level);
                #outcome
            }
        }
    }
}
