//! What `#[policies(...)]` says on a block.

use proc_macro2::TokenStream;

use crate::args::{Arg, ArgValue, list_of};
use crate::error::{Errors, Place, Result, at, list, nearest};
use crate::layer::Layer;
use crate::policies::{self, Policy};
use crate::stack::{Item, Options, Stack, WHOLE};

/// The argument in which a method gets those of its block. A keyword, as no argument's name is one.
pub(crate) const HANDED_ON: &str = "impl";

/// What the block hands on, if `args` are the arguments that it gave to a method.
pub(crate) fn handed_on(attribute: &str, args: &TokenStream) -> Option<Result<Stack>> {
    if attribute != WHOLE {
        return None;
    }
    match syn::parse2(args.clone()) {
        Ok(Arg { name, value: ArgValue::List(args) }) if name == HANDED_ON => Some(read(args)),
        _ => None,
    }
}

/// Reads the arguments of a block.
pub(super) fn read(tokens: TokenStream) -> Result<Stack> {
    let mut errors = Errors::default();
    let mut options = Options::default();
    let mut layers = Vec::new();
    for item in list_of::<Item>(WHOLE, "timeout(ms = 500)", tokens)? {
        if let Some(Some(arg)) = errors.take(options.take(item)) {
            layers.extend(errors.take(layer(&arg)));
        }
    }
    let inherited = layers.len();
    errors.finish(Stack { layers, inherited, options })
}

/// A policy in the form of a call: `timeout(ms = 500)`.
fn layer(arg: &Arg) -> Result<Layer> {
    let written = arg.name.to_string();
    let Some(policy) = Policy::named(&written) else { return Err(unknown(arg, &written).into()) };
    if let Some(why) = policy.per_method {
        let wrong = format!("a block cannot give `{written}` to its methods: {why}");
        let help = format!("write `#[{written}({})]` on each method that needs it", policy.example);
        return Err(at(&arg.name, wrong, help).into());
    }
    let ArgValue::List(args) = &arg.value else {
        let help = format!("write `{written}({})`", policy.example);
        return Err(at(arg, format!("`{written}` takes its arguments in parentheses"), help).into());
    };
    let place = Place::of(arg);
    let (params, kind) = policy.parse(place, args.clone())?;
    Ok(Layer { name: policy.name, place, import: None, params, kind })
}

fn unknown(arg: &Arg, written: &str) -> syn::Error {
    match written {
        "name" => {
            let help = "write `#[policies(name = \"...\")]` on the method";
            at(arg, "a block gives no `name`: all its methods would have the same", help)
        }
        "skip" => {
            let help = "write `#[policies(skip)]` on the method, or remove `#[policies]` from the block";
            at(arg, "`skip` is for a method that the policies of its block are not for", help)
        }
        _ => {
            let known = policies::ALL.iter().filter(|policy| policy.per_method.is_none());
            let names: Vec<_> = known.map(|policy| policy.name).chain(["allow", "boxed", "crate"]).collect();
            let help = match nearest(written, names.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("a block takes {}", list(names)),
            };
            at(&arg.name, format!("there is no policy called `{written}`"), help)
        }
    }
}
