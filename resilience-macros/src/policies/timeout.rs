//! `#[timeout(ms = 500)]`, `#[timeout(secs = 2)]`, `#[timeout(after = "1.5s")]`

use std::time::Duration;

use proc_macro2::TokenStream;
use quote::quote_spanned;
use resilience_policy::Policy;
use resilience_policy::timeout::Timeout;
use syn::Expr;

use super::Parsed;
use crate::args::{Args, Number, Time};
use crate::error::{Result, at_span};
use crate::layer::{At, Constant, Fields, Needs, Wrap};
use crate::paths::local;

struct Cut;

pub(super) fn read(mut args: Args) -> Result<Parsed> {
    let nothing_written = args.is_empty();
    let ms = args.value::<Number<u64>>("ms").map(|given| given.map(|n| n.0.map(Millis)));
    let secs = args.value::<Number<u64>>("secs").map(|given| given.map(|n| n.0.map(Secs)));
    let after = args.value::<Time>("after").map(|given| given.map(|time| time.0));
    let mut fields = Fields::new(Timeout { after: Duration::ZERO });
    let written =
        [ms.as_ref().map(|g| g.span), secs.as_ref().map(|g| g.span), after.as_ref().map(|g| g.span)];
    let mut spans = written.iter().flatten();
    match (spans.next(), spans.next()) {
        (None, _) if nothing_written || args.nothing_wrong() => {
            let help = "give it one: `#[timeout(ms = 500)]`, `#[timeout(after = \"1.5s\")]`";
            args.errors.push(at_span(args.span, "a timeout needs a time", help));
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
    args.finish(Some((fields.finish("timeout", "Timeout", true, Policy::Timeout), Box::new(Cut) as _)))
}

/// A number of milliseconds.
struct Millis(u64);

impl Constant for Millis {
    fn constant(&self) -> TokenStream {
        Duration::from_millis(self.0).constant()
    }

    fn computed(expr: &Expr) -> TokenStream {
        quote::quote!(::core::time::Duration::from_millis(#expr))
    }
}

/// A number of seconds.
struct Secs(u64);

impl Constant for Secs {
    fn constant(&self) -> TokenStream {
        Duration::from_secs(self.0).constant()
    }

    fn computed(expr: &Expr) -> TokenStream {
        quote::quote!(::core::time::Duration::from_secs(#expr))
    }
}

impl Wrap for Cut {
    fn needs(&self) -> Needs {
        Needs { rejects: true, context: true, ..Needs::default() }
    }

    fn wrap(&self, inner: TokenStream, at: &At<'_>) -> TokenStream {
        let (runtime, site, params, timed) = (&at.runtime, &at.site, &at.params, local("timed"));
        quote_spanned! {proc_macro2::Span::mixed_site()=> {
            let #timed = ::core::pin::pin!(async { #inner });
            #runtime::timeout(&#site, #params, #timed).await
        }}
    }
}
