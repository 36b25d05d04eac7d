//! `#[exclusive(key = region, lease = "10s")]`

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use resilience_policy::Policy;
use resilience_policy::exclusive::{Exclusive, Otherwise};
use syn::Expr;

use super::Parsed;
use crate::args::{Arg, Args, FromArg, Time, Value, keyword};
use crate::error::Result;
use crate::item::{borrowed, join};
use crate::layer::{At, Code, Needs, Wrap};
use crate::params::{Constant, Fields, quoted};
use crate::paths::{item, local};

struct Elect {
    key: Option<Expr>,
}

pub(super) fn read(mut args: Args) -> Result<Parsed> {
    let mut fields = Fields::new(Exclusive::DEFAULT);
    let key = quoted(&mut args, &mut fields, "key", |right, key| right.key = key);
    args.check_key("key", key.as_ref());
    let lease = args.value::<Time>("lease").map(|given| given.map(|time| time.0));
    fields.set("lease", lease, false, |right, lease| right.lease = lease);
    let otherwise = args.value::<Otherwise>("otherwise").map(|given| given.map(Value::Literal));
    fields.set("otherwise", otherwise, false, |right, otherwise| right.otherwise = otherwise);
    // A rest of no fields would be a lint in the user's crate.
    let whole = ["key", "lease", "otherwise"].iter().all(|name| fields.written(name).is_some());
    let params = fields.finish("exclusive", "Exclusive", whole, Policy::Exclusive);
    args.finish(Some((params, Box::new(Elect { key }) as _)))
}

impl FromArg for Otherwise {
    fn from_arg(arg: &Arg) -> syn::Result<Self> {
        Ok(match keyword(arg, &["skip", "wait"])? {
            "skip" => Self::Skip,
            _ => Self::Wait,
        })
    }
}

impl Constant for Otherwise {
    fn constant(&self) -> TokenStream {
        let runtime = crate::paths::runtime();
        let name = proc_macro2::Ident::new(&format!("{self:?}"), Span::mixed_site());
        quote!(#runtime::policy::exclusive::Otherwise::#name)
    }
}

impl Wrap for Elect {
    fn needs(&self) -> Needs {
        Needs { rejects: true, ..Needs::default() }
    }

    fn state(&self, at: &At<'_>) -> TokenStream {
        at.declare("EXCLUSIVE", "Exclusive")
    }

    fn is_of_one_type(&self) -> bool {
        self.key.is_none()
    }

    fn prepare(&self, at: &At<'_>) -> TokenStream {
        let (runtime, right) = (&at.runtime, at.local("right"));
        let Some(key) = &self.key else { return TokenStream::new() };
        let borrowed = borrowed(key);
        let key = quote_spanned!(join(key)=> #runtime::Encoded::of(#borrowed));
        quote_spanned!(Span::mixed_site()=> let #right = #key;)
    }

    fn divides(&self) -> bool {
        true
    }

    fn wrap(&self, inner: &Code, at: &At<'_>) -> TokenStream {
        let label = at.label("exclusive");
        let (inner, right) = (inner.future(at.body), at.local("right"));
        let (engine, lead) = (item("EXCLUSIVE", at.index), at.local("lead"));
        let (held, outcome) = (at.local("held"), local("outcome"));
        let right = match self.key {
            Some(_) => quote!(__resilience::core::option::Option::Some(&#right)),
            None => quote!(__resilience::core::option::Option::None),
        };
        let elected = at.wait.value(&quote_spanned!(Span::mixed_site()=> (&#engine).lead(#right)), &label);
        let kept = at.wait.outcome(&quote_spanned!(Span::mixed_site()=> (&mut #lead).keep(#held)));
        // The body is dropped before the right is: it is declared after it.
        quote_spanned! {Span::mixed_site()=>
            #label: {
                let mut #lead = #elected;
                let #held = __resilience::core::pin::pin!(#inner);
                let #outcome = #kept;
                #outcome
            }
        }
    }
}
