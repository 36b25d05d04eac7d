//! `#[fallback(|error| ...)]`, `#[fallback(async path, when = |error| ...)]`

mod answer;

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use resilience_policy::Policy;
use resilience_policy::fallback::Fallback;
use syn::Expr;

use super::Parsed;
use crate::args::{Args, Given, Value};
use crate::error::{Place, Result, at_span};
use crate::layer::{At, Code, Needs, Wrap, predicate};
use crate::params::{Fields, quoted, source};
use crate::paths::local;
pub(crate) use answer::{Answer, split};

struct Substitute {
    answer: Answer,
    when: Option<Expr>,
}

pub(super) fn read(mut args: Args) -> Result<Parsed> {
    let given = args.answer.take();
    let needed = given.is_none() && args.is_empty();
    let answer = given.and_then(|answer| args.errors.take(answer.check()));
    let mut fields = Fields::new(Fallback::DEFAULT);
    if let Some(answer) = &answer {
        let text = Given { value: Value::Literal(source(Some(answer))), place: Place::of(answer) };
        fields.set("answer", Some(text), false, |fallback, answer| fallback.answer = answer);
    }
    let when = quoted(&mut args, &mut fields, "when", |fallback, when| fallback.when = when);
    if needed || answer.is_none() && args.nothing_wrong() {
        let help = "give it a function of the error: `#[fallback(|error| ...)]`, `#[fallback(path)]`";
        args.errors.push(at_span(args.place, "a fallback needs something to answer with", help));
    }
    // A rest of no fields would be a lint in the user's crate.
    let params = fields.finish("fallback", "Fallback", when.is_some(), Policy::Fallback);
    args.finish(answer.map(|answer| (params, Box::new(Substitute { answer, when }) as _)))
}

impl Wrap for Substitute {
    fn needs(&self) -> Needs {
        Needs { tells_class: true, ..Needs::default() }
    }

    /// It has none.
    fn state(&self, _at: &At<'_>) -> TokenStream {
        TokenStream::new()
    }

    fn wrap(&self, inner: &Code, at: &At<'_>) -> TokenStream {
        let label = at.label("fallback");
        let (inner, site, again) = (inner.outcome(), &at.site, &at.again);
        let (edge, outcome, error) = (local("edge"), local("outcome"), local("error"));
        let (when, restored) = (predicate(self.when.as_ref()), at.own_self.restored());
        let call = self.answer.call(&edge, &error, at);
        // The error leaves the `match` at once: what a `match` looks at lives in the future to its end.
        quote_spanned! {Span::mixed_site()=>
            #label: {
                let #outcome = #inner;
                #restored
                let #error = match (&#edge).stands(&#site, #outcome, #when) {
                    __resilience::core::result::Result::Ok(#outcome) => break #label #outcome,
                    __resilience::core::result::Result::Err(#error) => #error,
                };
                #again
                let #outcome = #call;
                #outcome
            }
        }
    }

    fn evaluated(&self) -> TokenStream {
        let (answer, when) = (self.answer.mentions(), &self.when);
        quote!(#answer #when)
    }

    fn absorbs(&self) -> bool {
        self.when.is_none()
    }
}
