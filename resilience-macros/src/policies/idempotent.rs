//! `#[idempotent(key = order.id)]`

mod tx;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use resilience_policy::Policy;
use resilience_policy::idempotent::{Guarantee, Idempotent};
use syn::Expr;

use super::Parsed;
use crate::args::{Arg, Args, Bare, FromArg, Given, Number, Time, Value, keyword};
use crate::error::{Result, at_span};
use crate::item::{borrowed, join};
use crate::layer::{At, Code, Needs, Wrap};
use crate::params::{Constant, Fields, source};
use crate::paths::{item, local};

struct Remember {
    /// The argument expressions, in the order in which they were written; `scope = _` says that there is none on purpose.
    names: Vec<(&'static str, Expr)>,
    /// A call without a key runs once, unprotected.
    optional: bool,
    /// The transaction that the result is written in.
    tx: Option<Expr>,
    store_errors: bool,
    /// Its end depends on what an error means: whether it is permanent, or certainly took no effect.
    asks: bool,
}

pub(super) fn read(mut args: Args) -> Result<Parsed> {
    let mut fields = Fields::new(Idempotent::DEFAULT);
    let order = args.order();
    let key_written = order.iter().any(|name| name == "key");
    let key = args.value::<Expr>("key");
    let text =
        key.as_ref().map(|key| Given { value: Value::Literal(source(Some(&key.value))), place: key.place });
    fields.set("key", text, false, |ledger, key| ledger.key = key);
    args.check_key("key", key.as_ref().map(|key| &key.value));
    let optional = args.value::<Bare>("optional").map(|given| given.map(|_| Value::Literal(true)));
    let is_optional = optional.is_some();
    fields.set("optional", optional, false, |ledger, optional| ledger.optional = optional);
    let scope = args.value::<Expr>("scope");
    let text = scope
        .as_ref()
        .map(|scope| Given { value: Value::Literal(source(Some(&scope.value))), place: scope.place });
    fields.set("scope", text, false, |ledger, scope| ledger.scope = scope);
    args.check_key("scope", scope.as_ref().map(|scope| &scope.value));
    let tx = tx::read(&mut args, &mut fields);
    let ttl = args.value::<Time>("ttl").map(|given| given.map(|time| time.0));
    fields.set("ttl", ttl, false, |ledger, ttl| ledger.ttl = ttl);
    let lease = args.value::<Time>("lease").map(|given| given.map(|time| time.0));
    fields.set("lease", lease, false, |ledger, lease| ledger.lease = lease);
    let guarantee = args.value::<Guarantee>("guarantee").map(|given| given.map(Value::Literal));
    let at_most_once =
        guarantee.as_ref().is_some_and(|given| given.value.literal() == Some(&Guarantee::AtMostOnce));
    fields.set("guarantee", guarantee, false, |ledger, guarantee| ledger.guarantee = guarantee);
    waiting(&mut args, &mut fields);
    let fingerprint = args.read::<Expr>("fingerprint");
    let store_errors = args.value::<Bare>("store_errors").map(|given| given.map(|_| Value::Literal(true)));
    let keeps_errors = store_errors.is_some();
    fields.set("store_errors", store_errors, false, |ledger, store| ledger.store_errors = store);
    let version = args.value::<Number<u32>>("version").map(|given| given.map(|number| number.0));
    fields.set("version", version, false, |ledger, version| ledger.version = version);
    if tx.is_some() {
        tx::check_beside(&mut args, &fields);
    }

    // A misspelled one is an error of its own.
    if !key_written && args.nothing_left() {
        let help = "name what identifies the operation: `#[idempotent(key = order.id)]`";
        args.errors.push(at_span(args.place, "an idempotent operation needs a `key`", help));
    }

    let mut names = Vec::new();
    names.extend(key.map(|key| ("key", key.value)));
    names.extend(scope.map(|scope| ("scope", scope.value)));
    names.extend(fingerprint.map(|values| ("fingerprint", values)));
    names.sort_by_key(|(name, _)| order.iter().position(|written| written == name));
    let params = fields.finish("idempotent", "Idempotent", false, Policy::Idempotent);
    let asks = keeps_errors || at_most_once;
    let remember = Remember { names, optional: is_optional, tx, store_errors: keeps_errors, asks };
    args.finish(Some((params, Box::new(remember) as _)))
}

/// `wait = "10s"` or `reject`
fn waiting(args: &mut Args, fields: &mut Fields<Idempotent>) {
    let wait = args.value::<Time>("wait").map(|given| given.map(|time| time.0));
    let reject = args.value::<Bare>("reject");
    if let (Some(_), Some(reject)) = (&wait, &reject) {
        let help = "keep `wait` to wait for the running call, or `reject` not to";
        args.errors.push(at_span(reject.place, "a duplicate either waits or is rejected", help));
    }
    fields.set("wait", wait, true, |ledger, wait| ledger.wait = Some(wait));
    let reject = reject.map(|given| given.map(|_| Value::Literal(Never)));
    fields.set("wait", reject, false, |ledger, Never| ledger.wait = None);
}

/// No waiting.
#[derive(Clone)]
struct Never;

impl Constant for Never {
    fn constant(&self) -> TokenStream {
        quote!(__resilience::core::option::Option::None)
    }
}

impl FromArg for Guarantee {
    fn from_arg(arg: &Arg) -> syn::Result<Self> {
        Ok(match keyword(arg, &["dedup", "at_most_once"])? {
            "dedup" => Self::Dedup,
            _ => Self::AtMostOnce,
        })
    }
}

impl Constant for Guarantee {
    fn constant(&self) -> TokenStream {
        let runtime = crate::paths::runtime();
        let name = Ident::new(&format!("{self:?}"), Span::mixed_site());
        quote!(#runtime::policy::idempotent::Guarantee::#name)
    }
}

impl Wrap for Remember {
    fn needs(&self) -> Needs {
        Needs { rejects: true, classifies: self.asks, keeps: true, ..Needs::default() }
    }

    fn state(&self, at: &At<'_>) -> TokenStream {
        let (runtime, site, params, name) = (&at.runtime, &at.site, &at.params, item("LEDGER", at.index));
        quote_spanned! {Span::mixed_site()=>
            static #name: #runtime::SiteLedger = #runtime::SiteLedger::new(&#site, &#params);
        }
    }

    fn known(&self, at: &At<'_>) -> Option<TokenStream> {
        let (ledger, names, codec) = (item("LEDGER", at.index), at.local("names"), at.local("codec"));
        self.tx.is_none().then(|| quote_spanned!(Span::mixed_site()=> (&#ledger).known(&#names, &#codec)))
    }

    fn once(&self, at: &At<'_>) -> Option<Ident> {
        self.optional.then(|| at.local("once"))
    }

    fn is_of_one_type(&self) -> bool {
        !self.names.iter().any(|(name, _)| *name == "scope")
    }

    fn transaction(&self) -> Option<&Expr> {
        self.tx.as_ref()
    }

    fn prepare(&self, at: &At<'_>) -> TokenStream {
        let (runtime, returns) = (&at.runtime, at.returns);
        let (names, codec) = (at.local("names"), at.local("codec"));
        let maker = if self.store_errors { quote!(codec_of_both) } else { quote!(codec) };
        let codec_call = if at.absorbed {
            let (mut edge, maker) = (local("edge"), local(&format!("{maker}_at")));
            edge.set_span(edge.span().located_at(join(returns)));
            quote_spanned!(join(returns)=> #runtime::#maker(&#edge))
        } else {
            quote_spanned!(join(returns)=> #runtime::#maker::<#returns>())
        };
        let mut compared = vec![("ValuesNotCompared", "ValuesCompared", "values_compared")];
        if self.store_errors {
            compared.push(("ErrorsNotCompared", "ErrorsCompared", "errors_compared"));
        }
        let compared = compared.into_iter().map(|(without, with, method)| {
            let [without, with, method] = [without, with, method].map(local);
            quote_spanned! {Span::mixed_site()=>
                let #codec = {
                    #[allow(unused_imports)]
                    use #runtime::{#without as _, #with as _};
                    #codec.#method()
                };
            }
        });
        // In written order: so they are evaluated.
        let written = || self.names.iter().filter(|(_, expr)| !matches!(expr, Expr::Infer(_)));
        let given = written().map(|(name, expr)| {
            let (field, borrowed) = (local(name), borrowed(expr));
            let call = match *name {
                "fingerprint" => quote_spanned!(join(expr)=> #runtime::fingerprint(#borrowed)),
                _ => quote_spanned!(join(expr)=> #runtime::Encoded::of(#borrowed)),
            };
            let given = if *name == "key" {
                quote!(#field)
            } else {
                quote!(__resilience::core::option::Option::Some(#field))
            };
            // What one of them holds while it is evaluated, such as a lock, is let go before the next.
            quote_spanned!(Span::mixed_site()=> #field: { let #field = #call; #given })
        });
        let is_missing = |name: &&str| !written().any(|(written, _)| written == name);
        let missing = ["scope", "fingerprint"].into_iter().filter(is_missing).map(|name| {
            let field = local(name);
            quote_spanned!(Span::mixed_site()=> #field: __resilience::core::option::Option::None)
        });
        let transaction = self.tx.as_ref().map(|place| tx::prepare(place, at));
        let once =
            self.once(at).map(|once| quote_spanned!(Span::mixed_site()=> let #once = (&#names).lacks_key();));
        quote_spanned! {Span::mixed_site()=>
            #transaction
            let #codec = #codec_call;
            #(#compared)*
            let #names = #runtime::Names { #(#given,)* #(#missing),* };
            #once
        }
    }

    fn divides(&self) -> bool {
        self.tx.is_none()
    }

    fn wrap(&self, inner: &Code, at: &At<'_>) -> TokenStream {
        let once = self.once(at);
        if self.tx.is_some() {
            return tx::wrap(inner, at, once.as_ref());
        }
        let label = at.label("idempotent");
        let (runtime, inner, ledger) = (&at.runtime, inner.future(at.body), item("LEDGER", at.index));
        let (names, codec, claim) = (at.local("names"), at.local("codec"), at.local("claim"));
        let (question, operation) = (at.local("question"), at.local("operation"));
        let (record, rejection) = (local("record"), local("rejection"));
        let (outcome, edge) = (local("outcome"), local("edge"));
        let outcome_of = |part| at.wait.outcome(&part);
        let answer = at.wait.run(&quote_spanned!(Span::mixed_site()=> (&#question).answer()));
        let rejected = at.wait.reject(&rejection, &label);
        let claimed = quote_spanned! {Span::mixed_site()=> {
            let #question = (&#ledger).ask(&#names, || __resilience::core::any::type_name_of_val(&|| ()));
            match #answer {
                #runtime::Entry::Run(#claim) => #claim,
                #runtime::Entry::Known(#record) => break #label (&#ledger).replay(&#record, &#codec),
                #runtime::Entry::Rejected(#rejection) => #rejected,
            }
        }};
        let pinned =
            quote_spanned!(Span::mixed_site()=> let #operation = __resilience::core::pin::pin!(#inner););
        let kept = outcome_of(quote_spanned!(Span::mixed_site()=> (&mut #claim).keep(#operation)));
        let settled =
            outcome_of(quote_spanned!(Span::mixed_site()=> (&mut #claim).settle(#outcome, &#edge, &#codec)));
        let kept = quote_spanned! {Span::mixed_site()=>
            let #outcome = #kept;
            let #outcome = #settled;
            #outcome
        };
        match once {
            None => {
                quote_spanned!(Span::mixed_site()=> #label: { let mut #claim = #claimed; #pinned #kept })
            }
            Some(once) => {
                let claimed = unless(&once, &claimed);
                let unprotected = outcome_of(quote!(#operation));
                quote_spanned! {Span::mixed_site()=>
                    #label: {
                        let #claim = #claimed;
                        #pinned
                        match #claim {
                            __resilience::core::option::Option::Some(mut #claim) => { #kept }
                            __resilience::core::option::Option::None => #unprotected,
                        }
                    }
                }
            }
        }
    }
}

/// The claim, where the call has a key.
fn unless(lacks_key: &Ident, claimed: &TokenStream) -> TokenStream {
    quote_spanned! {Span::mixed_site()=>
        if #lacks_key { __resilience::core::option::Option::None } else { __resilience::core::option::Option::Some(#claimed) }
    }
}
