//! The whole function: one expansion for all of its policies.

use std::ops::Range;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{Path, Receiver, ReceiverKind, Type};

use crate::args::{NOT_CONST, find_ident, names_value};
use crate::crossing::Crossing;
use crate::error::{Errors, Result, at};
use crate::item::{Binding, Body, Function, check_owned, join, nameable};
use crate::judge;
use crate::layer::{At, Code, Layer, Needs};
use crate::paths::{self, item, local};
use crate::stack::Stack;

/// The function with its body wrapped.
pub(crate) fn function(function: &mut Function, mut body: Body, stack: &Stack) -> Result<TokenStream> {
    let needs = stack.layers.iter().fold(Needs::default(), |needs, layer| needs | layer.kind.needs());
    let returns = nameable(&body.returns);
    check_constants(function, stack)?;
    check_held(function, stack)?;
    if needs.keeps {
        check_owned(&body.returns)?;
    }
    let layers = layers(stack, &returns);
    let crossing = Crossing::find(function, &body, stack, &layers)?;
    let below = crossing.as_ref().map_or(0, |crossing| crossing.at + 1);
    let mut arguments = Arguments::of(function, &mut body, &Part::of(stack, below..stack.layers.len()))?;
    if let Some(crossing) = &crossing {
        arguments.bind.extend(crossing.own.clone());
        function.strip_mut();
    }
    let edge = edge(&body.returns, &returns, needs, stack.options.facade.as_ref());
    let items = items(function, stack, &layers);
    let prepare = layers.iter().zip(&stack.layers).map(|(at, layer)| layer.kind.prepare(at));
    let innermost = innermost(&body, &returns, &arguments);
    let slots = crossing.as_ref().map_or(&arguments.slots, |crossing| &crossing.slots);
    let wrap = |inner, (at, layer): (&At<'_>, &Layer)| match &crossing {
        Some(crossing) if crossing.at == at.index => {
            Code::Outcome(layer.kind.wrap(&crossing.over(&inner, &arguments.slots), at))
        }
        _ => Code::Outcome(layer.kind.wrap(&inner, at)),
    };
    let code = layers.iter().zip(&stack.layers).rev().fold(Code::Future(innermost), wrap);
    let (edge_name, call, runtime) = (local("edge"), local("call"), paths::runtime());
    let outcome = local("outcome");
    let code = code.future();
    let run = quote_spanned! {Span::mixed_site()=>
        let #call = ::core::pin::pin!(#code);
        let #outcome = #runtime::enter(#call).await;
        #edge_name.leave(#outcome)
    };
    let of_one_type = of_one_type(function, stack);
    let statements = quote!(#items #of_one_type #edge #(#prepare)* #slots #run);
    let block = body.form.close(&statements, Span::mixed_site());
    let Function { attrs, vis, defaultness, sig, .. } = function;
    Ok(quote!(#(#attrs)* #vis #defaultness #sig #block))
}

/// The names around each policy.
fn layers<'a>(stack: &Stack, returns: &'a Type) -> Vec<At<'a>> {
    let names = stack.layers.iter().enumerate().map(|(index, layer)| At {
        index,
        many: stack.layers.iter().filter(|other| other.name == layer.name).count() > 1,
        runtime: paths::runtime(),
        site: local("__SITE"),
        params: item("POLICY", index),
        returns,
    });
    names.collect()
}

/// The statics of the site. They stand first, and the stack's const is the very first.
fn items(function: &Function, stack: &Stack, ats: &[At<'_>]) -> TokenStream {
    let (runtime, site, marker) = (paths::runtime(), local("__SITE"), local(paths::MARKER));
    let facade = paths::facade(stack.options.facade.as_ref());
    let layers = &stack.layers;
    let policies = layers.iter().enumerate().map(|(index, layer)| {
        let (variant, params) = (&layer.params.variant, item("POLICY", index));
        quote!(#runtime::policy::Policy::#variant(#params))
    });
    let params = layers.iter().enumerate().map(|(index, layer)| {
        let (ty, tokens, name) = (&layer.params.ty, &layer.params.tokens, item("POLICY", index));
        quote_spanned!(Span::mixed_site()=> const #name: #ty = #tokens;)
    });
    let states = ats.iter().zip(layers).map(|(at, layer)| layer.kind.state(at));
    let gauges = ats.iter().zip(layers).filter_map(|(at, layer)| layer.kind.gauge(at));
    let mut imports: Vec<_> = layers.iter().filter_map(|layer| layer.import.as_ref()).collect();
    imports.extend(&stack.options.imports);
    imports.sort_by_key(|path| path.get_ident().map(ToString::to_string));
    imports.dedup_by_key(|path| path.get_ident().map(ToString::to_string));
    let name = match &stack.options.name {
        Some(name) => quote!(#name),
        None => {
            let name = function.sig.ident.unraw().to_string();
            quote!(::core::concat!(::core::module_path!(), "::", #name))
        }
    };
    let rules = judge::item(stack);
    quote_spanned! {Span::mixed_site()=>
        const #marker: &[#runtime::policy::Policy] = &[#(#policies),*];
        use #facade::__private as #runtime;
        // Inside of a user's macro the lint does not see that this uses the import up.
        #(#[allow(unused_imports)] use #imports as _;)*
        #(#params)*
        #rules
        static #site: #runtime::Site =
            #runtime::Site::new(#name, ::core::file!(), ::core::line!(), #marker, &[#(&#gauges),*]);
        const _: () = {
            #[#runtime::linkme::distributed_slice(#runtime::RESILIENCE_SITES_0_1)]
            #[linkme(crate = #runtime::linkme)]
            static REGISTERED: &#runtime::Site = &#site;
        };
        #(#states)*
    }
}

/// What is kept in a static would be one for all who implement a trait, and only the compiler knows a default method: in
/// it, `Self` has no size.
fn of_one_type(function: &Function, stack: &Stack) -> TokenStream {
    if function.receiver().is_none() {
        return TokenStream::new();
    }
    let kept = stack.layers.iter().filter(|layer| layer.kind.is_of_one_type());
    kept.map(|layer| {
        let runtime = paths::runtime();
        quote_spanned!(layer.place.start=> #runtime::of_one_type::<Self>();)
    })
    .collect()
}

/// All bounds on the user's types, in one call at the return type.
fn edge(written: &Type, returns: &Type, needs: Needs, facade: Option<&Path>) -> TokenStream {
    let edge = local("edge");
    let maker = match (needs.rejects, needs.classifies) {
        (true, true) => "edge",
        (true, false) => "edge_rejecting",
        (false, true) => "edge_classifying",
        (false, false) => "edge_plain",
    };
    let maker = Ident::new(maker, join(written));
    // All of it is the user's own place, the path too: no error says that it originates in a macro.
    let facade = match facade {
        None => quote_spanned!(join(written)=> ::resilience),
        Some(path) => quote!(#path),
    };
    let call = quote_spanned!(join(written)=> #facade::__private::#maker::<#returns>());
    let crossing = needs.crosses.then(|| {
        let crossing = local("crossing");
        let call = quote_spanned!(join(written)=> #facade::__private::crossing::<#returns>());
        quote_spanned!(Span::mixed_site()=> let #crossing = #call;)
    });
    quote_spanned!(Span::mixed_site()=> let #edge = #call; #crossing)
}

/// One run of the body.
fn innermost(body: &Body, returns: &Type, arguments: &Arguments) -> TokenStream {
    let (mut runtime, edge) = (paths::runtime(), local("edge"));
    let bind = &arguments.bind;
    let (block, statements) = (&body.block, body.block.stream());
    // Items stay at the top of a block. Another body needs no braces of its own: around a single expression the
    // compiler would find them unnecessary.
    let statements = if body.begins_with_item() { quote!(#block) } else { statements };
    // At the return type, where an error in the body points for "the return type is this".
    let there = Span::mixed_site().located_at(join(&body.returns));
    runtime.set_span(there);
    let pin = quote_spanned!(there=> if false { return #runtime::never::<#returns>(); });
    let mut run = proc_macro2::Group::new(proc_macro2::Delimiter::Brace, quote!(#pin #bind #statements));
    run.set_span(block.span());
    quote_spanned!(Span::mixed_site()=> #edge.attempt(async #run))
}

/// How the arguments get into the body.
#[derive(Default)]
struct Arguments {
    /// Outside of the loop: what a repeated body needs again.
    slots: TokenStream,
    /// At the top of the body.
    bind: TokenStream,
}

impl Arguments {
    /// A body that runs once takes its arguments. One that runs again gets them from slots.
    fn of(function: &mut Function, body: &mut Body, part: &Part) -> Result<Self> {
        let Part { mentions, repeats, last } = part;
        let mut arguments = Self::default();
        if *repeats || names_self(mentions) {
            arguments.receiver(function, body, part)?;
        }
        for binding in function.bindings() {
            // What the body does not name it does not move, and its own binding would be unused.
            if !has_ident(&body.block.stream(), &binding.ident) {
                continue;
            }
            if has_ident(mentions, &binding.ident) && !binding.reference() {
                arguments.kept(&binding);
            } else if *repeats {
                arguments.repeated(&binding, last);
            }
        }
        if *repeats {
            function.strip_mut();
        }
        Ok(arguments)
    }

    fn receiver(&mut self, function: &Function, body: &mut Body, part: &Part) -> Result<()> {
        let Some(receiver) = function.receiver() else { return Ok(()) };
        let Part { mentions, repeats, last } = part;
        match kind(receiver) {
            Own::Mutable if *repeats => body.reborrow_self(),
            Own::Shared | Own::Mutable => {}
            Own::Counted if names_self(mentions) => {
                let (runtime, this, token) = (paths::runtime(), local("this"), receiver.self_token);
                self.bind.extend(quote_spanned!(Span::mixed_site()=> let #this = #runtime::again(&#token);));
                body.rename_self(&this);
            }
            Own::Counted => {
                let (runtime, slot, this) = (paths::runtime(), local("self_slot"), local("this"));
                let token = receiver.self_token;
                self.slots
                    .extend(quote_spanned!(Span::mixed_site()=> let mut #slot = #runtime::slot(#token);));
                self.bind.extend(
                    quote_spanned!(Span::mixed_site()=> let #this = #runtime::hand_out(&mut #slot, #last);),
                );
                body.rename_self(&this);
            }
            Own::Value if !repeats => {}
            Own::Value => {
                let wrong =
                    "a repeated method cannot take `self` by value: the first attempt would use it up";
                return Err(
                    at(receiver.self_token, wrong, "take `&self`, `&mut self` or `self: Arc<Self>`").into()
                );
            }
        }
        Ok(())
    }

    /// A predicate that names an argument needs it after the body has run: the body gets a clone.
    fn kept(&mut self, binding: &Binding) {
        let copy = bounded(binding, "again", &binding.borrow());
        self.bind(binding, &copy);
    }

    /// Every attempt gets its own.
    fn repeated(&mut self, binding: &Binding, last: &TokenStream) {
        let (ident, runtime) = (&binding.ident, paths::runtime());
        if binding.shared_reference() {
            if binding.mutable {
                self.bind(binding, &quote!(#ident));
            }
        } else if binding.mutable_reference() {
            self.bind(binding, &quote_spanned!(Span::mixed_site()=> &mut *#ident));
        } else {
            let slot = local(&format!("{}_slot", ident.unraw()));
            let value = quote_spanned!(Span::mixed_site()=> #runtime::hand_out(&mut #slot, #last));
            let taken = bounded(binding, "slot", &binding.at_type());
            self.slots.extend(quote_spanned!(Span::mixed_site()=> let mut #slot = #taken;));
            self.bind(binding, &value);
        }
    }

    fn bind(&mut self, binding: &Binding, value: &TokenStream) {
        let (ident, mutable) = (&binding.ident, binding.mutable.then(|| quote!(mut)));
        self.bind.extend(quote_spanned!(Span::mixed_site()=> let #mutable #ident = #value;));
    }
}

/// Some of the policies, one below the other.
pub(crate) struct Part {
    /// The tokens of the user that can name arguments after the body has taken them.
    pub(crate) mentions: TokenStream,
    pub(crate) repeats: bool,
    /// Whether the attempt that runs is the last one of every retry.
    pub(crate) last: TokenStream,
}

impl Part {
    pub(crate) fn of(stack: &Stack, range: Range<usize>) -> Self {
        let layers = &stack.layers[range.clone()];
        Self {
            mentions: layers.iter().map(|layer| layer.kind.mentions()).collect(),
            repeats: layers.iter().any(|layer| layer.kind.needs().repeats),
            last: last(stack, &range),
        }
    }
}

/// The call `function(value)` with a bound on the argument, which an error shows at its type.
pub(crate) fn bounded(binding: &Binding, function: &str, value: &impl ToTokens) -> TokenStream {
    let (ty, runtime, function) = (&binding.ty, paths::runtime(), local(function));
    let named = binding.whole && find_ident(ty.to_token_stream(), "impl").is_none();
    let ty = named.then(|| quote!(::<#ty>));
    quote_spanned!(Span::mixed_site()=> #runtime::#function #ty (#value))
}

pub(crate) fn has_ident(tokens: &TokenStream, ident: &Ident) -> bool {
    find_ident(tokens.clone(), &ident.to_string()).is_some()
}

pub(crate) fn names_self(tokens: &TokenStream) -> bool {
    find_ident(tokens.clone(), "self").is_some()
}

/// How a method takes its receiver.
pub(crate) enum Own {
    Shared,
    Mutable,
    /// `Arc<Self>`: cheap to clone.
    Counted,
    Value,
}

pub(crate) fn kind(receiver: &Receiver) -> Own {
    let ReceiverKind::Typed(_, ty) = &receiver.kind else {
        return match &receiver.kind {
            ReceiverKind::Reference(_, _, None) => Own::Shared,
            ReceiverKind::Reference(..) => Own::Mutable,
            _ => Own::Value,
        };
    };
    match &**ty {
        Type::Reference(reference) if reference.mutability.is_some() => Own::Mutable,
        Type::Reference(_) => Own::Shared,
        Type::Path(path) => match path.path.segments.last() {
            Some(last) if last.ident == "Arc" || last.ident == "Rc" => Own::Counted,
            // `Pin<&Self>` is a copy; `Pin<&mut Self>` is left to the compiler.
            Some(last) if last.ident == "Pin" => Own::Shared,
            _ => Own::Value,
        },
        _ => Own::Value,
    }
}

/// Whether the attempt that runs is the last one of every retry in this part.
fn last(stack: &Stack, range: &Range<usize>) -> TokenStream {
    let retries = stack.layers.iter().enumerate().filter(|(_, layer)| layer.kind.needs().repeats);
    let count = retries.clone().count();
    let names = retries.filter(|(index, _)| range.contains(index)).map(|(index, layer)| {
        let name = layer.name;
        if count > 1 { local(&format!("{name}_{index}")) } else { local(name) }
    });
    quote!(#(#names.last())&&*)
}

/// A body that changes `self` cannot run while a policy holds a part of it.
fn check_held(function: &Function, stack: &Stack) -> Result<()> {
    let mut errors = Errors::default();
    if function.receiver().is_some_and(|receiver| matches!(kind(receiver), Own::Mutable)) {
        let held = stack.layers.iter().filter_map(|layer| layer.kind.holds());
        for place in held.filter(|place| names_self(&place.to_token_stream())) {
            let wrong =
                "a `&mut self` method lends all of `self` to its body, and the policy holds this meanwhile";
            errors.push(at(place, wrong, "take `&self`, or share a `static`"));
        }
    }
    errors.finish(())
}

/// A number is judged when the crate is checked: no parameter of the function has a value there.
fn check_constants(function: &Function, stack: &Stack) -> Result<()> {
    let mut errors = Errors::default();
    let generics = &function.sig.generics;
    let types = generics.type_params().map(|param| ("type parameter", param.ident.clone()));
    let consts = generics.const_params().map(|param| ("const parameter", param.ident.clone()));
    let arguments = function.bindings().into_iter().map(|binding| ("argument", binding.ident));
    let params: Vec<_> = types.chain(consts).chain(arguments).collect();
    for expr in stack.layers.iter().flat_map(|layer| &layer.params.computed) {
        let tokens = expr.to_token_stream();
        let found = params.iter().find(|(kind, name)| match *kind {
            "argument" => names_value(tokens.clone(), name),
            _ => has_ident(&tokens, name),
        });
        if let Some((kind, name)) = found {
            let wrong = format!("the {kind} `{name}` is not known where this number is judged");
            let help = match *kind {
                "argument" => NOT_CONST,
                _ => "use a `const` outside of the function, or write the number",
            };
            errors.push(at(expr, wrong, help));
        }
    }
    errors.finish(())
}
