//! `#[bulkhead(max = 32)]`, `#[bulkhead(pool = REPORTS)]`

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use resilience_policy::Policy;
use resilience_policy::bulkhead::Bulkhead;
use syn::Expr;

use super::Parsed;
use crate::args::{Args, Number, Time};
use crate::engine::{Engine, Kind};
use crate::error::{Result, at, at_span};
use crate::item::join;
use crate::layer::{At, Code, Needs, Wrap};
use crate::params::{Fields, quoted};
use crate::paths::local;

struct Room {
    engine: Engine,
}

const BULKHEAD: Kind = Kind { noun: "bulkhead", name: "BULKHEAD", ty: "Bulkhead", own: &[] };

pub(super) fn read(mut args: Args) -> Result<Parsed> {
    let nothing_written = args.is_empty();
    let mut fields = Fields::new(Bulkhead::DEFAULT);
    let max = args.value::<Number<u32>>("max").map(|given| given.map(|number| number.0));
    let queue = args.value::<Number<u32>>("queue").map(|given| given.map(|number| number.0));
    let max_wait = args.value::<Time>("max_wait").map(|given| given.map(|time| time.0));
    let is_missing = max.is_none();
    fields.set("max", max, false, |bulkhead, max| bulkhead.max = max);
    fields.set("queue", queue, false, |bulkhead, queue| bulkhead.queue = queue);
    fields.set("max_wait", max_wait, true, |bulkhead, wait| bulkhead.max_wait = Some(wait));
    let engine = Engine::read(&mut args, &mut fields, &BULKHEAD, |bulkhead| &mut bulkhead.state);
    if let Some(pool) = pool(&mut args, &mut fields) {
        let params = fields.finish("bulkhead", "Bulkhead", false, Policy::Bulkhead);
        return args.finish(Some((params, Box::new(OnPool { pool }) as _)));
    }
    if is_missing && !engine.is_shared() && (nothing_written || args.nothing_wrong()) {
        let help = "give it a number: `#[bulkhead(max = 32)]`";
        args.errors.push(at_span(args.place, "a bulkhead needs to know how many calls it lets in", help));
    }
    let params = fields.finish("bulkhead", "Bulkhead", false, Policy::Bulkhead);
    args.finish(Some((params, Box::new(Room { engine }) as _)))
}

/// Reads `pool`. Comes after all other arguments, none of which has a place beside it.
fn pool(args: &mut Args, fields: &mut Fields<Bulkhead>) -> Option<Expr> {
    let beside = fields.places().to_vec();
    let pool = quoted(args, fields, "pool", |bulkhead, pool| bulkhead.pool = pool)?;
    for (name, place) in beside {
        let (has, help) = match name {
            "key" | "max_keys" => ("is one for all keys", "leave it out, or bound each key without a pool"),
            "share" => ("is shared as it is", "leave it out"),
            _ => ("has its own", "write it where the pool is made: `Pool::new(...)`"),
        };
        args.errors.push(at_span(place, format!("`{name}` stands beside `pool`, and a pool {has}"), help));
    }
    if !matches!(pool, Expr::Path(_)) {
        let wrong = "`pool` is the place of a pool, whose threads outlive every call";
        args.errors.push(at(
            &pool,
            wrong,
            "name a `static`: `static REPORTS: Pool = Pool::new(\"reports\");`",
        ));
    }
    Some(pool)
}

/// The code of a bulkhead: what is below, in a place of it.
fn inside(at: &At<'_>, place: &Ident, admission: &TokenStream, inner: &TokenStream) -> TokenStream {
    let label = at.label("bulkhead");
    let admitted = at.wait.value(admission, &label);
    quote_spanned!(Span::mixed_site()=> #label: { let #place = #admitted; #inner })
}

impl Wrap for Room {
    fn needs(&self) -> Needs {
        Needs { rejects: true, ..Needs::default() }
    }

    fn engine(&self) -> Option<&Engine> {
        Some(&self.engine)
    }

    fn wrap(&self, inner: &Code, at: &At<'_>) -> TokenStream {
        let (inner, outcome) = (inner.outcome(), local("outcome"));
        // The place outlives the call below it, which may hold on to things until it is dropped.
        let inner = quote_spanned! {Span::mixed_site()=>
            let #outcome = #inner;
            #outcome
        };
        inside(at, &at.local("_place"), &self.engine.admit(at, None), &inner)
    }
}

/// A bulkhead with threads of its own, on which everything below it runs.
struct OnPool {
    pool: Expr,
}

impl Wrap for OnPool {
    fn needs(&self) -> Needs {
        Needs { rejects: true, crosses: true, ..Needs::default() }
    }

    fn state(&self, _at: &At<'_>) -> TokenStream {
        TokenStream::new()
    }

    fn prepare(&self, at: &At<'_>) -> TokenStream {
        let (runtime, place, pool) = (&at.runtime, &self.pool, local("pool"));
        // A type instead of a function, which a wrong one would be shown.
        quote_spanned!(join(place)=> let #pool: &'static #runtime::Pool = &#place;)
    }

    fn divides(&self) -> bool {
        true
    }

    fn wrap(&self, inner: &Code, at: &At<'_>) -> TokenStream {
        let (inner, site, place) = (inner.future(at.body), &at.site, at.local("place"));
        let (crossing, pool) = (local("crossing"), local("pool"));
        // At the argument, where an error in what is handed over points.
        let run = Ident::new("run", Span::mixed_site().located_at(join(&self.pool)));
        let handed_over =
            quote_spanned!(Span::mixed_site()=> (&#crossing).#run(#pool, &#site, #place, #inner));
        let inner = at.wait.outcome(&handed_over);
        inside(at, &place, &quote!(#pool.admit(&#site)), &inner)
    }
}
