//! The rule book, called on what is written in the source.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use resilience_policy::{Policy, Rule, Violation};

use crate::error::{Errors, Place, Result};
use crate::layer::Layer;
use crate::paths;
use crate::stack::Stack;

const STRICT: bool = cfg!(feature = "strict");

/// Judges what is known now.
pub(crate) fn judge(stack: &Stack, function: &Ident) -> Result<()> {
    ranges(stack)?;
    rules(stack, function)
}

pub(crate) fn ranges(stack: &Stack) -> Result<()> {
    let layers = &stack.layers;
    let out_of_range = layers.iter().enumerate().flat_map(|(policy, layer)| {
        layer.params.violations.iter().map(move |found| Violation { policy, ..*found })
    });
    report(layers, out_of_range)
}

pub(crate) fn rules(stack: &Stack, function: &Ident) -> Result<()> {
    let layers = &stack.layers;
    let Some(policies) = layers.iter().map(|layer| layer.params.value).collect::<Option<Vec<Policy>>>()
    else {
        return Ok(());
    };
    let judged = Rule::ALL.iter().filter(|rule| STRICT || !rule.strict());
    let judged = judged.filter(|rule| !stack.options.allow.contains(rule));
    let found = judged.filter_map(|rule| rule.check(&policies));
    let method = (stack.inherited > 0).then(|| function.to_string());
    report(layers, found.map(|found| method.as_ref().map_or(found, |method| found.of_method(method))))
}

fn report(layers: &[Layer], violations: impl Iterator<Item = Violation>) -> Result<()> {
    let mut errors = Errors::default();
    for found in violations {
        errors.push(syn::Error::new_spanned(layers[found.policy].place(found.argument), found.message()));
    }
    errors.finish(())
}

/// An item that judges the rest in the compiler, which knows the values of constants. Each argument has a panic of
/// its own, whose place is the argument's.
pub(crate) fn item(stack: &Stack, function: &Ident) -> TokenStream {
    if stack.layers.iter().all(|layer| layer.params.value.is_some()) {
        return TokenStream::new();
    }
    let runtime = paths::runtime();
    let marker = paths::local(paths::MARKER);
    let allowed = stack.options.allow.iter().map(|rule| {
        let name = Ident::new(&format!("{rule:?}"), Span::mixed_site());
        quote!(#runtime::policy::Rule::#name)
    });
    let found = paths::local("found");
    let of_method = (stack.inherited > 0).then(|| {
        let method = function.to_string();
        quote!(let #found = #found.of_method(#method);)
    });
    let arms = stack.layers.iter().enumerate().flat_map(|(at, layer)| arms(at, layer, &found));
    quote_spanned! {Span::mixed_site()=>
        const _: () = if let __resilience::core::option::Option::Some(#found) =
            #runtime::policy::judge(#marker, &[#(#allowed),*], #STRICT)
        {
            #of_method
            #(#arms)*
        };
    }
}

fn arms(at: usize, layer: &Layer, found: &Ident) -> Vec<TokenStream> {
    let panic = |place: Place| {
        let start = quote_spanned!(place.start=> __resilience::core::panic!);
        let end = quote_spanned!(place.end=> ("{}", (&#found).message()));
        quote!(#start #end)
    };
    let arm = |argument: &str, place: Place| {
        let test = quote_spanned!(Span::mixed_site()=> if (&#found).blames(#at, #argument));
        let panic = panic(place);
        quote!(#test { #panic })
    };
    let mut arms: Vec<_> =
        layer.params.places.iter().map(|(argument, place)| arm(argument, *place)).collect();
    // An argument that was not written is the policy's own affair.
    let test = quote_spanned!(Span::mixed_site()=> if #found.policy == #at);
    let panic = panic(layer.place);
    arms.push(quote!(#test { #panic }));
    arms
}
