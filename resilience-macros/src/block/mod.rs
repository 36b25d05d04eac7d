//! `#[policies(timeout(ms = 500))] impl Client { .. }`: the policies of a block, for each of its async methods.
//!
//! A method gets one attribute in front of its own, with the block's arguments as they are written. What it gets of
//! them is decided where the method is expanded, when the compiler has resolved every `cfg_attr`.

mod args;
mod item;
#[cfg(test)]
mod tests;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Attribute, Path};

use crate::error::{self, Errors, Result, at, at_span};
use crate::item::Function;
use crate::layer::Layer;
use crate::policies::Policy;
use crate::stack::{self, Options, Stack, WHOLE};
use crate::{judge, paths};
pub(crate) use args::{HANDED_ON, handed_on};
use item::{Block, Kind, Member};

/// Expands what stands on a block, and refuses `#[policies]` on what is neither a block nor a function.
pub(crate) fn attribute(name: &str, args: &TokenStream, tokens: &TokenStream) -> Option<TokenStream> {
    let here = error::attribute(tokens.clone().into_iter().next()?.span());
    let block = match (Kind::of(tokens)?, Policy::named(name)) {
        (Kind::Impl, None) => Block::parse(tokens.clone(), stack::crate_path(args)),
        (Kind::Impl, Some(policy)) if policy.per_method.is_none() => {
            let help =
                format!("for every async method of this block, write `#[policies({name}({args}))]` here");
            Err(at_span(here, format!("`#[{name}]` goes on an `async fn`"), help).into())
        }
        (Kind::Function, _) | (_, Some(_)) => return None,
        (other, None) => Err(other.refuse(here).into()),
    };
    let (item, errors) = match block {
        Ok(block) => block.expand(here, args),
        Err(errors) => (tokens.clone(), errors),
    };
    let errors = errors.to_compile_error();
    Some(quote!(#item #errors))
}

impl Block {
    fn expand(mut self, here: Span, args: &TokenStream) -> (TokenStream, Errors) {
        let checked = self.check(here, args);
        for member in &mut self.members {
            let Member::Method(method) = member else { continue };
            if checked.is_err() {
                let imports = stack::imports(&method.attrs);
                method.attrs.retain(|attr| stack::name_of(attr, self.facade.as_ref()).is_none());
                method.silence(&imports);
            } else if method.is_async() || skipped(method, self.facade.as_ref()) {
                let attribute = attribute_for(method, args, self.facade.as_ref());
                method.attrs.insert(0, attribute);
            }
        }
        (self.into_token_stream(), checked.err().unwrap_or_default())
    }

    /// Finds what is wrong with the block itself, so that no method says it again.
    fn check(&self, here: Span, args: &TokenStream) -> Result<()> {
        let mut errors = Errors::default();
        let twice = |attr: &&Attribute| stack::name_of(attr, self.facade.as_ref()).as_deref() == Some(WHOLE);
        if let Some(again) = self.attrs.iter().find(twice) {
            errors.push(at(again, "`#[policies]` stands twice", "write its arguments in one"));
        }
        errors.take(self.check_methods(here));
        let stack = match errors.take(args::read(args.clone())) {
            Some(stack) => errors.finish(stack)?,
            None => return Err(errors),
        };
        if stack.layers.is_empty() {
            let help = "name what the methods get: `#[policies(timeout(ms = 500))]`";
            return Err(
                at_span(here, "this `#[policies]` has no policy for the methods of the block", help).into()
            );
        }
        judge::ranges(&stack)?;
        // A method without policies of its own has just these.
        match self.methods().find(|method| is_plain(method, self.facade.as_ref())) {
            Some(method) => judge::rules(&stack, &method.sig.ident),
            None => Ok(()),
        }
    }

    fn check_methods(&self, here: Span) -> Result<()> {
        let mut methods = self.methods().filter(|method| method.is_async()).peekable();
        let (wrong, help) = if methods.peek().is_none() {
            (
                "no method of this block is async",
                "policies wait, and only an `async fn` can: remove `#[policies]`",
            )
        } else if methods.all(|method| skipped(method, self.facade.as_ref())) {
            (
                "every async method of this block is skipped",
                "remove `#[policies]` from the block, or one `skip`",
            )
        } else {
            return Ok(());
        };
        Err(at_span(here, wrong, help).into())
    }

    fn methods(&self) -> impl Iterator<Item = &Function> {
        self.members.iter().filter_map(|member| match member {
            Member::Method(function) => Some(&**function),
            Member::Other(_) => None,
        })
    }
}

fn skipped(method: &Function, facade: Option<&Path>) -> bool {
    method.attrs.iter().any(|attr| stack::skips(attr, facade))
}

/// Whether the method certainly gets the policies of the block and no others.
fn is_plain(method: &Function, facade: Option<&Path>) -> bool {
    let open = |attr: &Attribute| {
        let path = attr.path();
        path.is_ident("cfg") || path.is_ident("cfg_attr") || stack::name_of(attr, facade).is_some()
    };
    method.is_async() && !method.attrs.iter().any(open)
}

/// What hands the arguments of the block on. It stands at the method's name: there the site is.
fn attribute_for(method: &Function, args: &TokenStream, facade: Option<&Path>) -> Attribute {
    let span = method.sig.ident.span();
    let mut facade: Vec<_> = paths::facade(facade).into_iter().collect();
    for token in &mut facade {
        token.set_span(token.span().located_at(span));
    }
    let (policies, handed_on) = (Ident::new(WHOLE, span), Ident::new(HANDED_ON, span));
    let attribute = quote_spanned!(span=> #[#(#facade)*::#policies(#handed_on(#args))]);
    syn::parse_quote!(#attribute)
}

impl Stack {
    /// The stack of a method with the policies of its block around its own, save those of a kind that it has itself.
    pub(crate) fn inside(self, block: Self) -> Result<Self> {
        let skip = self.options.skip.is_some();
        let own = |layer: &Layer| self.layers.iter().any(|own| own.name == layer.name);
        let mut layers: Vec<_> = block.layers.into_iter().filter(|layer| !skip && !own(layer)).collect();
        let inherited = layers.len();
        layers.extend(self.layers);
        Ok(Self { layers, inherited, options: self.options.inside(block.options)? })
    }
}

impl Options {
    fn inside(mut self, block: Self) -> Result<Self> {
        let written = |path: &Path| path.to_token_stream().to_string();
        match (&self.facade, &block.facade) {
            (Some(own), Some(given)) if written(own) != written(given) => {
                let wrong = format!("the block says `crate = {}`", written(given).replace(' ', ""));
                return Err(at(own, wrong, "remove this one: the block's holds for all its methods").into());
            }
            (None, Some(_)) => self.facade = block.facade,
            _ => {}
        }
        self.allow.extend(block.allow);
        self.boxed = self.boxed.or(block.boxed);
        Ok(self)
    }
}
